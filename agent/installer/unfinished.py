"""What an installer or a power cut has left of a trial."""

from collections.abc import Sequence
from contextlib import suppress

from agent.installer import trial
from agent.installer.live_agent import AGENT, Units, refuse_in_conference
from agent.installer.moving import go_back
from agent.installer.release import RELEASES
from agent.installer.unit_links import CURRENT
from agent.installer.world import World, shown


class Unfinished:
    """A trial whose installer was ended is given up: nobody has seen it pass."""

    title = "nâng cấp trước bị cắt ngang, quay lại bản cũ / an upgrade was cut off: back to the release before"

    def __init__(self, world: World, units: Sequence[str], systemd: Units, during_conference: bool) -> None:
        self._world, self._units, self._systemd = world, units, systemd
        self._during_conference = during_conference

    def is_done(self) -> bool:
        """Nothing is on trial."""
        return trial.name(self._world) is None

    def lines(self) -> list[str]:
        """The commands."""
        restarts = [shown(["systemctl", "restart", unit]) for unit in self._units]
        return [shown(["ln", "-sfn", f"releases/{trial.name(self._world)}", CURRENT]), *restarts]

    def do(self) -> None:
        """Back."""
        if AGENT in self._units and not self._during_conference:
            refuse_in_conference(self._systemd)
        name = trial.name(self._world)
        if name is not None and self._world.path(f"{RELEASES}/{name}/bin/diemcau").exists():
            go_back(self._world, self._systemd, self._units, name)
            if AGENT in self._units:
                trial.settle(self._systemd, AGENT)
        trial.end(self._world)

    def undo(self) -> None:
        """Nothing: this is the way back."""


class WentBack:
    """Tells once that a boot went back: a power cut had come into the trial."""

    def __init__(self, world: World) -> None:
        self._path = world.path(trial.WENT_BACK)

    @property
    def title(self) -> str:
        """What happened."""
        given_up = ""
        with suppress(OSError, ValueError):
            given_up = self._path.read_text(encoding="utf-8").strip()
        return (
            f"mất điện khi đang chạy thử {given_up}, máy đã quay lại bản trước / "
            f"the power went while {given_up} was on trial, and the boot went back to the release before"
        )

    def is_done(self) -> bool:
        """Nothing is to be told."""
        return not self._path.exists()

    def lines(self) -> list[str]:
        """One line."""
        return [f"rm {trial.WENT_BACK}"]

    def do(self) -> None:
        """It is told."""
        self._path.unlink(missing_ok=True)

    def undo(self) -> None:
        """Nothing: it was told."""
