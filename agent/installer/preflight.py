"""A new release is tried beside the old one, before anything is touched."""

from collections.abc import Sequence
from typing import Protocol

from agent.installer.live_agent import AGENT
from agent.installer.moving import pointed
from agent.installer.unit_links import CURRENT
from agent.installer.world import World, shown

USER = "diemcau"
# What each service loads: a library that is missing, or that this processor cannot run, shows here.
LOADS = {
    AGENT: "agent.bootstrap, hw.eye.worker, hw.eye.detector, cv2; cv2.FaceDetectorYN",
    "diemcau-recorder.service": "agent.console.recorder, agent.console.store",
    "diemcau-board.service": "agent.console.board.app, uvicorn",
}
LOADS_WITHIN_S = 120.0


class Target(Protocol):
    """The release to switch to: the name of its folder, and where that is on that machine."""

    @property
    def name(self) -> str:
        """``1.4.0``."""

    @property
    def path(self) -> str:
        """``/opt/diemcau/releases/1.4.0``."""


class Preflight:
    """The new release is tried beside the old one, as the service's user, before anything is touched."""

    def __init__(self, world: World, release: Target, units: Sequence[str], user: str = USER) -> None:
        self._world, self._release, self._user = world, release, user
        self._units = [unit for unit in units if unit in LOADS]
        self.title = f"thử bản {release.name} / try release {release.name}"

    def is_done(self) -> bool:
        """It runs already; and a system that does not run cannot be tried."""
        return not self._world.is_this_machine or pointed(self._world, CURRENT) == self._release.name

    def lines(self) -> list[str]:
        """The commands."""
        return [shown(command) for command in self._commands()]

    def do(self) -> None:
        """Run them."""
        for command in self._commands():
            self._world.run(command, LOADS_WITHIN_S, PYTHONDONTWRITEBYTECODE="1")

    def undo(self) -> None:
        """Nothing: it only tried."""

    def _commands(self) -> list[list[str]]:
        bin_, begin = f"{self._release.path}/bin", ["runuser", "-u", self._user, "--"]
        tried = [[*begin, f"{bin_}/python", "-I", "-B", "-c", f"import {LOADS[unit]}"] for unit in self._units]
        return [[*begin, f"{bin_}/diemcau", "--version"], *tried]
