"""From one release to another: tried beside the old one, started on trial, and back where it does not hold.

No relay moves in any of it. systemd keeps the lines while a service is *restarted*, so the agent is never stopped and
started; the release that is given up lets go of nothing, and the one before takes the lines back as it would after any
restart.
"""

from collections.abc import Sequence
from pathlib import Path

from agent.installer import trial
from agent.installer.live_agent import AGENT, EYE_SOCKET, Seen, Units, refuse_in_conference
from agent.installer.moving import PREVIOUS, go_back, move, point_at, pointed
from agent.installer.preflight import Preflight, Target
from agent.installer.steps import InstallError, Step
from agent.installer.unfinished import Unfinished, WentBack
from agent.installer.unit_links import CURRENT, UNITS, Link
from agent.installer.world import File, World, shown

TRIAL_UNIT, GO_BACK = "diemcau-trial.service", "/opt/diemcau/go-back"
SOURCE = Path(__file__).resolve().parents[2] / "systemd"
WANTED_BY = {".service": "multi-user.target", ".socket": "sockets.target", ".timer": "timers.target"}


def steps(
    world: World,
    release: Target,
    units: tuple[str, ...],
    trial_s: float,
    is_started: bool,
    during_conference: bool = False,
    systemd: Units | None = None,
) -> list[Step]:
    """All of it, in order.

    Args:
        world: Where.
        release: What ``current`` is to point at; its folder is there by the time the first of these is done.
        units: What is restarted and watched: all that runs from a release, or it would go on with one that goes.
        trial_s: For how many seconds they have to run.
        is_started: Whether anything is started now; otherwise at the next boot.
        during_conference: The agent is restarted whatever the room is doing.
        systemd: Another one; for tests.

    Raises:
        InstallError: Nothing is to be started, and something runs that would go on with a release that goes.
    """
    systemd = systemd or Units(world)
    if systemd.is_there and not is_started and pointed(world, CURRENT) != release.name:
        _refuse_running(systemd, units)
    started = units if is_started and systemd.is_there else ()
    return [
        WentBack(world),
        Unfinished(world, started, systemd, during_conference),
        Preflight(world, release, units),
        *_trial_unit(world),
        *(_enabled(world, unit) for unit in (*units, *((EYE_SOCKET,) if AGENT in units else ()))),
        Switch(world, release, started, trial_s, systemd, during_conference),
    ]


def _refuse_running(systemd: Units, units: Sequence[str]) -> None:
    running = [unit for unit in units if systemd.look(unit).is_up]
    if running:
        raise InstallError(
            f"--no-start: {', '.join(running)} đang chạy / is running, and a release changes below it only with a "
            "restart and a trial: leave out --no-start"
        )


def _trial_unit(world: World) -> list[Step]:
    """Files of their own: a link would lead into the release that is on trial."""
    unit, script = (SOURCE / TRIAL_UNIT).read_bytes(), (SOURCE / "go-back.sh").read_bytes()
    return [
        File(world, GO_BACK, script, "tập lệnh quay lại / the script that goes back", 0o755),
        File(world, f"{UNITS}/{TRIAL_UNIT}", unit, "dịch vụ quay lại / the service that goes back"),
        _enabled(world, TRIAL_UNIT),
    ]


def _enabled(world: World, unit: str) -> Step:
    """As ``systemctl enable`` would, which makes the link into the release's own folder: it would break with it."""
    return Link(world, f"{UNITS}/{WANTED_BY[Path(unit).suffix]}.wants/{unit}", f"{UNITS}/{unit}")


class Switch:
    """``current`` points at the release, and what runs is this release and has stood its trial."""

    def __init__(
        self,
        world: World,
        release: Target,
        units: Sequence[str],
        trial_s: float,
        systemd: Units,
        during_conference: bool,
    ) -> None:
        self._world, self._release, self._units, self._trial_s = world, release, units, trial_s
        self._systemd, self._during_conference = systemd, during_conference
        self._before: dict[str, Seen] = {}
        self._old: str | None = None
        self._previous: str | None = None
        self._is_begun = False
        how = ("chạy thử", "on trial") if units else ("chưa khởi động", "not started")
        self.title = f"chuyển sang bản {release.name}, {how[0]} / switch to release {release.name}, {how[1]}"

    def is_done(self) -> bool:
        """It points there, nothing is on trial, and all runs."""
        is_here = pointed(self._world, CURRENT) == self._release.name and trial.name(self._world) is None
        return is_here and all(self._systemd.look(unit).is_up for unit in self._units)

    def lines(self) -> list[str]:
        """The commands."""
        target = f"releases/{self._release.name}"
        restarts = [shown(["systemctl", "restart", unit]) for unit in self._units]
        watched = [f"watch them for {self._trial_s:g} s, back if they do not hold"] if restarts else []
        return [shown(["ln", "-sfn", target, CURRENT]), "systemctl daemon-reload", *restarts, *watched]

    def do(self) -> None:
        """Switch, restart, watch."""
        if AGENT in self._units and not self._during_conference:
            refuse_in_conference(self._systemd)
        self._before = {unit: self._systemd.look(unit) for unit in self._units}
        self._old, self._previous = (pointed(self._world, link) for link in (CURRENT, PREVIOUS))
        self._is_begun = True
        try:
            self._switch()
        except (InstallError, OSError) as error:
            for unit in self._units:
                self._systemd.note_journal(unit)
            old = "" if self._old in (None, self._release.name) else f"; back to {self._old}"
            raise InstallError(
                f"không giữ bản {self._release.name} / release {self._release.name} was not kept: {error}{old}"
            ) from error

    def undo(self) -> None:
        """Back: what ran runs again, what did not does not."""
        if not self._is_begun:
            return
        if self._old is None:
            self._leave()
            return
        try:
            go_back(self._world, self._systemd, [unit for unit in self._units if self._before[unit].is_up], self._old)
            self._stop_the_others()
        finally:
            point_at(self._world, PREVIOUS, self._previous)

    def _switch(self) -> None:
        name, old = self._release.name, self._old
        is_other = old is not None and old != name
        if is_other:
            trial.begin(self._world, str(old))
        for failure in move(self._world, self._systemd, self._units, name):
            raise failure
        if self._units:
            trial.watch(self._systemd, self._units, self._before, self._trial_s)
        if is_other:
            point_at(self._world, PREVIOUS, old)
            trial.end(self._world)

    def _leave(self) -> None:
        """There was no release before. What ran by other files is not stopped: when those are back, it is restarted."""
        try:
            point_at(self._world, CURRENT, None)
        finally:
            self._stop_the_others()
        if self._units:
            self._systemd.reload()

    def _stop_the_others(self) -> None:
        for unit in self._units:
            if not self._before[unit].is_up:
                self._systemd.stop(unit)
