"""The keys and passwords of the identity that a box had before: who takes the box must not find them on it."""

import tomllib
from contextlib import suppress
from pathlib import Path, PurePosixPath

from agent.installer import identity_files
from agent.installer.accounts import CONFIGURATION
from agent.installer.centre_kept import Snapshot
from agent.installer.steps import InstallError, Step
from agent.installer.world import World, shown

PROOFS = ("certificate", "key", "password_file")
# As `diemcau site add` names them: after a power cut nothing else tells what the old identity was.
USUAL = tuple(f"{CONFIGURATION}/site.{kind}" for kind in ("pem", "key", "password"))


def steps(world: World, identity: Path | None) -> list[Step]:
    """Comes after the new identity's own files. Raises InstallError: see ``identity_files.read``."""
    if identity is None:
        return []
    kept = {file.absolute for file in identity_files.read(world, identity).named}
    paths = sorted({*_named_now(world), *USUAL} - kept)
    return [Gone(world, path) for path in paths if not _is_others(world, path)]


class Gone:
    """A file is no longer there.

    Args:
        world: Where.
        absolute: Its path on that machine.
    """

    def __init__(self, world: World, absolute: str) -> None:
        self._path, self._absolute = world.path(absolute), absolute
        self._before: Snapshot | None = None
        self.title = f"xoá tệp của định danh cũ / remove the old identity's {absolute}"

    def is_done(self) -> bool:
        """It is not there."""
        return not self._path.is_file()

    def lines(self) -> list[str]:
        """One command."""
        return [shown(["rm", self._absolute])]

    def do(self) -> None:
        """Remove it; what it was is remembered."""
        try:
            self._before = Snapshot([self._path])
            self._path.unlink()
        except OSError as error:
            raise InstallError(f"{self._absolute} cannot be removed: {error.strerror}") from error

    def undo(self) -> None:
        """As it was."""
        if self._before is not None:
            self._before.put_back()


def _named_now(world: World) -> set[str]:
    """What proves the identity that is in place, as far as it lies in our folder."""
    with suppress(OSError, ValueError, KeyError, AttributeError):
        broker = tomllib.loads(world.path(identity_files.IDENTITY).read_text(encoding="utf-8"))["broker"]
        named = {str(broker[key]) for key in PROOFS if broker.get(key)}
        return {path for path in named if PurePosixPath(path).parent == PurePosixPath(CONFIGURATION)}
    return set()


def _is_others(world: World, path: str) -> bool:
    """Whether another file of settings names it: the centre's programs may live on the same machine."""
    others = world.path(CONFIGURATION).glob("*.toml")
    try:
        return any(path.encode() in each.read_bytes() for each in others if each.name != "agent.toml")
    except OSError:
        return True
