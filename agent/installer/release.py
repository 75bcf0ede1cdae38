"""One release: a folder of its own below ``/opt/diemcau/releases``, whole or not there.

It is a virtual environment of the system's Python with the locked packages and our own, and a ``share`` folder. What
says that it is whole, ``.complete``, is written when all of it is on the disk: a power cut, a kill or a full disk
leaves a folder without it, which the next run takes away.
"""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from agent.adapters.files import DISK
from agent.installer import locks, source
from agent.installer.steps import InstallError, Step
from agent.installer.wheels import PYTHON, Pip, locked
from agent.installer.world import World, shown

HOME = "/opt/diemcau"
RELEASES = f"{HOME}/releases"
COMPLETE = ".complete"
# Who names a release that must stay: the one that runs, the one before it, the one that a trial goes back to.
POINTERS = (f"{HOME}/current", f"{HOME}/previous", f"{HOME}/trial")


@dataclass(frozen=True, slots=True)
class Release:
    """Which release this run installs.

    Attributes:
        version: Of the project.
        name: The folder's: the version, and where another content has that name already, eight digits of the digest.
        path: Absolute, on that machine.
        digest: SHA-256 of all that it is made of: sources, lock, the system's Python.
    """

    version: str
    name: str
    path: str
    digest: str


def planned(world: World, checkout: Path, roles: frozenset[str]) -> Release:
    """The release of a checkout, made already or not. Raises InstallError: it is no checkout."""
    version = source.version(checkout)
    digest = source.digest(checkout, locks.of_roles(checkout, roles).name, PYTHON.resolve().name)
    own = f"{version}+{digest[:8]}"
    names = (version, own, *(f"{own}.{number}" for number in range(2, 3 + len(POINTERS))))
    made = (name for name in names if complete(world, name) == digest)
    free = (name for name in names if not complete(world, name) and name not in in_use(world))
    name = next(made, None) or next(free)
    return Release(version, name, f"{RELEASES}/{name}", digest)


def complete(world: World, name: str) -> str:
    """The digest of a release that is whole; else empty."""
    try:
        return str(json.loads(world.path(f"{RELEASES}/{name}/{COMPLETE}").read_text(encoding="utf-8"))["digest"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def in_use(world: World) -> frozenset[str]:
    """The releases that somebody points to."""
    names = set()
    for pointer in map(world.path, POINTERS):
        with suppress(OSError):
            names.add(Path(pointer.readlink() if pointer.is_symlink() else pointer.read_text().strip()).name)
    return frozenset(names)


def remove(folder: Path) -> None:
    """Take a release away. First of all it is no longer whole, so that half of one is never taken for one.

    Raises:
        OSError: Something of it stays.
    """
    if (folder / COMPLETE).exists():
        DISK.unlink(folder / COMPLETE)
        DISK.sync_folder(folder)
    shutil.rmtree(folder)


def steps(world: World, checkout: Path, roles: frozenset[str], wheels: Path | None) -> list[Step]:
    """The one step that makes the release. ``wheels``: a prepared folder, for a machine without internet."""
    return [_Make(world, checkout, roles, wheels.resolve() if wheels else None)]


class _Make:
    def __init__(self, world: World, checkout: Path, roles: frozenset[str], wheels: Path | None) -> None:
        self._world, self._checkout, self._wheels, self._roles = world, checkout, wheels, roles
        self._release = planned(world, checkout, roles)
        self._path = world.path(self._release.path)
        self._work = self._path / ".work"
        self._pip = Pip(world, self._path / "bin/python", wheels, self._work)
        self.title = f"bản {self._release.name}, vài phút / release {self._release.name}, a few minutes"

    def is_done(self) -> bool:
        return complete(self._world, self._release.name) == self._release.digest

    def lines(self) -> list[str]:
        yours = shown(["cp", "-r", *(self._checkout / name for name in (*source.PACKAGES, *source.FILES)), self._copy])
        return [
            shown(self._venv()),
            yours,
            shown(self._pip.unpacking()),
            *(shown(self._pip.argv("install", *arguments)) for arguments in self._installs()),
            shown(["cp", "-r", *(self._checkout / name for name in source.SHARED), self._path / "share/diemcau"]),
            f"write {self._release.path}/{COMPLETE}",
        ]

    def do(self) -> None:
        with _failures_in_words(self._release.path), _readable_by_all():
            self._clear()
            self._work.mkdir(parents=True)
            self._world.run(self._venv(), PYTHONHOME=None, PYTHONPATH=None)
            source.copy(self._checkout, self._copy, *source.PACKAGES, *source.FILES)
            for arguments in self._installs():
                self._pip.run("install", *arguments, PYTHONPATH=str(self._tools))
            source.share(self._checkout, self._path)
            shutil.rmtree(self._work)
            os.sync()
            about = {"version": self._release.version, "digest": self._release.digest, "roles": sorted(self._roles)}
            self._world.write(f"{self._release.path}/{COMPLETE}", (json.dumps(about) + "\n").encode())

    def undo(self) -> None:
        """Also the folders above, where nothing else is in them."""
        if self._release.name in in_use(self._world):
            raise InstallError(f"{self._release.path} đang được dùng / is still pointed at, and stays")
        if self._path.exists():
            remove(self._path)
        with suppress(OSError):
            self._path.parent.rmdir()
            self._path.parent.parent.rmdir()

    def _venv(self) -> list[str | Path]:
        # Without pip: Debian's python3 could not even give it one, and nothing is to be installed into it later.
        return [PYTHON, "-I", "-m", "venv", "--without-pip", self._path]

    @property
    def _copy(self) -> Path:
        return self._work / "source"

    @property
    def _tools(self) -> Path:
        """What makes our wheel, and is gone after it."""
        return self._work / "tools"

    def _installs(self) -> list[list[str | Path]]:
        return [
            [*locked(locks.of_build(self._checkout)), "--no-compile", "--target", self._tools],
            [*locked(locks.of_roles(self._checkout, self._roles))],
            ["--no-build-isolation", self._copy],
        ]

    def _clear(self) -> None:
        """Leftovers of runs that were cut off go: a card is small."""
        parent, kept = self._path.parent, in_use(self._world)
        for folder in parent.iterdir() if parent.is_dir() else ():
            if folder.is_dir() and folder.name not in kept and not complete(self._world, folder.name):
                remove(folder)


@contextmanager
def _readable_by_all() -> Iterator[None]:
    """The service's user reads what root makes here, whatever the umask of root's shell is."""
    before = os.umask(0o022)
    try:
        yield
    finally:
        os.umask(before)


@contextmanager
def _failures_in_words(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InstallError(f"{path} cannot be made: {error.filename or ''} {error.strerror or error}") from error
