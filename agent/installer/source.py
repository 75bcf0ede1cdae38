"""The checkout that is installed: which of its files, and what names their content.

Nothing is ever written into it: it may be a card's boot partition (FAT: no links, no modes), read-only, or somebody's
working copy.
"""

import hashlib
import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path

from agent.installer.steps import InstallError

PACKAGES = ("agent", "hw")  # with the three files below: what our wheel is made of
FILES = ("LICENSE", "README.md", "pyproject.toml")
SHARED = {"systemd": "share/diemcau/systemd", "firmware-config": "share/diemcau/firmware-config"}
README = "share/doc/diemcau/README.md"


def version(source: Path) -> str:
    """What ``pyproject.toml`` says. Raises InstallError: it is no checkout of ours."""
    try:
        return str(tomllib.loads((source / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"])
    except (OSError, ValueError, KeyError) as error:
        raise InstallError(f"{source} is no whole copy of diemcau: pyproject.toml: {error}") from error


def digest(source: Path, *more: str) -> str:
    """SHA-256 over every file that is installed (the locks are among them) and ``more``."""
    total = hashlib.sha256("\n".join(more).encode())
    for path in files(source, *PACKAGES, *SHARED, *FILES):
        content = (source / path).read_bytes()
        total.update(f"\n{path.as_posix()} {len(content)}\n".encode() + content)
    return total.hexdigest()


def copy(source: Path, target: Path, *names: str) -> None:
    """Content alone: a mode or an owner of the checkout means nothing on the machine."""
    for path in files(source, *names):
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / path, target / path)


def share(source: Path, target: Path) -> None:
    """What a release has beside its packages: units, firmware texts, the manual."""
    for name, place in SHARED.items():
        copy(source / name, target / place, ".")
    (target / README).parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source / "README.md", target / README)


def files(source: Path, *names: str) -> Iterator[Path]:
    """The files of these folders and files, relative to ``source``, in order. Raises InstallError: one is missing."""
    for name in sorted(names):
        if not (source / name).exists():
            raise InstallError(f"{source} is no whole copy of diemcau: it lacks {name}")
        within = [source / name] if (source / name).is_file() else sorted((source / name).rglob("*"))
        yield from (path.relative_to(source) for path in within if path.is_file() and not _is_by_product(path))


def _is_by_product(path: Path) -> bool:
    """Bytecode, and what desktops leave beside files (``._x``, ``.DS_Store``)."""
    return path.name.startswith(".") or path.parent.name == "__pycache__"
