"""The links into the running release: the units, and the command ``diemcau``.

They point through ``/opt/diemcau/current``, so what a switch of the release brings or takes back, it does for them too.
"""

import os
from contextlib import suppress
from pathlib import Path

from agent.installer.steps import InstallError, Step
from agent.installer.world import World, shown

CURRENT = "/opt/diemcau/current"
UNITS = "/etc/systemd/system"
COMMAND = "/usr/local/bin/diemcau"
OF_ROLE = {
    "box": ("diemcau-agent.service", "diemcau-eye.socket", "diemcau-eye.service"),
    "centre": (
        "diemcau-recorder.service",
        "diemcau-board.service",
        "diemcau-backup.service",
        "diemcau-backup.timer",
    ),
}
BEFORE = ".diemcau-before"


def steps(world: World, roles: frozenset[str]) -> list[Step]:
    """A link for each unit of these roles, and the command's."""
    return [Link(world, absolute, target) for absolute, target in links(roles).items()]


def links(roles: frozenset[str]) -> dict[str, str]:
    """Path and target of every link of ours."""
    units = [unit for role in sorted(roles) for unit in OF_ROLE[role]]
    found = {f"{UNITS}/{unit}": f"{CURRENT}/share/diemcau/systemd/{unit}" for unit in units}
    return {**found, COMMAND: f"{CURRENT}/bin/diemcau"}


class Link:
    """A symbolic link, put in its place by one renaming. A file that somebody else has put there is kept beside it."""

    def __init__(self, world: World, absolute: str, target: str) -> None:
        self._path, self._absolute, self._target = world.path(absolute), absolute, target
        self._before: str | None = None
        self._is_kept = False
        self.title = f"liên kết / link {absolute}"

    def is_done(self) -> bool:
        """It points there."""
        return target_of(self._path) == self._target

    def lines(self) -> list[str]:
        """One command."""
        return [shown(["ln", "-sfn", self._target, self._absolute])]

    def do(self) -> None:
        """Make it."""
        self._before = target_of(self._path)
        try:
            if self._before is None and self._path.exists():
                self._path.rename(_kept(self._path))
                self._is_kept = True
            point(self._path, self._target)
        except OSError as error:
            raise InstallError(f"{self._absolute} cannot be made: {error.strerror}") from error

    def undo(self) -> None:
        """What was there, or nothing."""
        if self._before is not None:
            point(self._path, self._before)
        elif self._is_kept:
            _kept(self._path).rename(self._path)
        elif self._path.is_symlink():
            self._path.unlink()


def point(path: Path, target: str) -> None:
    """Have a link point somewhere, at once and for good. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(target)
    temporary.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def target_of(path: Path) -> str | None:
    """Where a link points; None: there is none."""
    with suppress(OSError):
        return str(path.readlink())
    return None


def _kept(path: Path) -> Path:
    return path.with_name(path.name + BEFORE)
