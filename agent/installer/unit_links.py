"""The links into the running release: the units, and the command ``diemcau``.

They point through ``/opt/diemcau/current``, so what a switch of the release brings or takes back, it does for them too.
"""

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from agent.installer.live_agent import Units
from agent.installer.steps import InstallError, Step
from agent.installer.world import World, shown

CURRENT = "/opt/diemcau/current"
UNITS = "/etc/systemd/system"
COMMAND = "/usr/local/bin/diemcau"
OF_ROLE = {
    "box": ("diemcau-agent.service", "diemcau-clock.service", "diemcau-eye.socket", "diemcau-eye.service"),
    "centre": (
        "diemcau-recorder.service",
        "diemcau-board.service",
        "diemcau-backup.service",
        "diemcau-backup.timer",
    ),
}
BEFORE = ".diemcau-before"


def steps(world: World, roles: frozenset[str], systemd: Units | None = None) -> list[Step]:
    """A link for each unit of these roles, and the command's. ``systemd``: another one; for tests."""
    made = [Link(world, absolute, target) for absolute, target in links(roles).items()]
    return [Running(made, systemd or Units(world)), *made]


def links(roles: frozenset[str]) -> dict[str, str]:
    """Path and target of every link of ours."""
    units = [unit for role in sorted(roles) for unit in OF_ROLE[role]]
    found = {f"{UNITS}/{unit}": f"{CURRENT}/share/diemcau/systemd/{unit}" for unit in units}
    return {**found, COMMAND: f"{CURRENT}/bin/diemcau"}


class Running:
    """What runs already by a unit file that a link is to replace: somebody has set it up by hand. This comes before the
    links, so that when those are taken back, it runs again by its own file.
    """

    title = "ghi nhớ dịch vụ đang chạy / note which services run"

    def __init__(self, links: Sequence["Link"], systemd: Units) -> None:
        self._links, self._systemd = links, systemd
        self._invocations: dict[str, str] = {}

    def is_done(self) -> bool:
        """Nothing is to be replaced, or nothing runs at all."""
        return not self._systemd.is_there or not self._replaced()

    def lines(self) -> list[str]:
        """It only looks."""
        return []

    def do(self) -> None:
        """Look."""
        seen = {unit: self._systemd.look(unit) for unit in self._replaced()}
        self._invocations = {unit: each.invocation for unit, each in seen.items() if each.is_up}

    def undo(self) -> None:
        """One order each: a stop and a start would let go of the relays' lines."""
        self._systemd.reload()
        for unit, invocation in self._invocations.items():
            if self._systemd.look(unit).invocation != invocation:
                self._systemd.restart(unit)

    def _replaced(self) -> list[str]:
        return [link.name for link in self._links if link.absolute != COMMAND and not link.is_done()]


class Link:
    """A symbolic link, put in its place by one renaming. A file that somebody else has put there is kept beside it."""

    def __init__(self, world: World, absolute: str, target: str) -> None:
        self._path, self.absolute, self._target = world.path(absolute), absolute, target
        self.name = self._path.name
        self._before: str | None = None
        self._kept: Path | None = None
        self.title = f"liên kết / link {absolute}"

    def is_done(self) -> bool:
        """It points there."""
        return target_of(self._path) == self._target

    def lines(self) -> list[str]:
        """One command."""
        return [shown(["ln", "-sfn", self._target, self.absolute])]

    def do(self) -> None:
        """Make it."""
        self._before = target_of(self._path)
        try:
            if self._before is None and self._path.exists():
                self._kept = _free_beside(self._path)
                self._path.rename(self._kept)
            point(self._path, self._target)
        except OSError as error:
            raise InstallError(f"{self.absolute} cannot be made: {error.strerror}") from error

    def undo(self) -> None:
        """What was there, or nothing."""
        if self._before is not None:
            point(self._path, self._before)
        elif self._kept is not None:
            self._kept.rename(self._path)
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


def _free_beside(path: Path) -> Path:
    """Where somebody's file is kept. The first one is what an uninstall puts back, so another one has a longer name."""
    kept = path.with_name(path.name + BEFORE)
    return _free_beside(kept) if kept.exists() else kept
