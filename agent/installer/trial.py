"""A new release on trial: what is looked at, and when it has passed.

The trial's file has the name of the release to go back to. It lies there from before the switch until the new release
has passed, so whatever ends the installer in between, somebody goes back: ``diemcau-trial.service`` at the next boot,
or the next run of the installer.
"""

from collections.abc import Sequence

from agent.adapters.files import DISK
from agent.installer.live_agent import Seen, Units
from agent.installer.steps import InstallError
from agent.installer.world import World

FILE, WENT_BACK = "/opt/diemcau/trial", "/opt/diemcau/went-back"
EVERY_S = 1.0
# More time where something is not as it was: a broker that is reached late, a camera that starts.
GRACE_S = 90.0
# Why a count is not known that is the release's own doing; the dark and a camera that is gone are not.
OWN_FAULTS = {"starting", "no_model", "model_refused", "no_opencv", "eye_ended", "eye_silent"}
SETTLED = {"off", "on", "fault"}


def name(world: World) -> str | None:
    """The release to go back to; None: nothing is on trial."""
    try:
        return world.path(FILE).read_text(encoding="utf-8").strip() or None
    except (OSError, ValueError):
        return None


def begin(world: World, before: str) -> None:
    """Write the file, on the disk before anything is switched. Raises OSError."""
    world.write(FILE, f"{before}\n".encode())


def end(world: World) -> None:
    """Take the file away: what ``current`` points at is what stays. Raises OSError."""
    path = world.path(FILE)
    if path.exists():
        DISK.unlink(path)
        DISK.sync_folder(path.parent)  # a file that comes back with a power cut would undo what has passed


def settle(units: Units, unit: str) -> None:
    """Give one that was just started the time to be itself, before it is what a new release is compared with."""
    until_s = units.now_s() + GRACE_S
    while units.now_s() < until_s:
        status = units.look(unit).status
        if status.get("link") != "down" and status.get("headcount") != "unknown:starting":
            return
        units.wait(EVERY_S)


class Health:
    """What the trial of one unit has shown so far.

    Args:
        unit: Its name, for people.
        before: How it was under the release before; nothing of it where there was none.
        first: How it was just after the restart.
    """

    def __init__(self, unit: str, before: Seen, first: Seen) -> None:
        self._unit, self._before, self._first = unit, before.status, first
        self._power: str | None = None
        self._is_reached = False
        self._now = first.status

    def add(self, now: Seen) -> None:
        """Take in how it is now.

        Raises:
            InstallError: It has ended meanwhile, or the room is not as it was: no waiting mends that.
        """
        if not now.is_up or now.invocation != self._first.invocation:
            raise InstallError(f"{self._unit} did not stay up ({now.active or 'gone'}, {now.result or 'no result'})")
        self._now = now.status
        self._is_reached |= now.status.get("link") == "up"
        before = self._before.get("power")
        if self._power is None and (power := now.status.get("power")) is not None:
            self._power = power  # what it is later on may be somebody's finger
            if before in SETTLED and power != before:
                raise InstallError(f"the room was {before}, and is {power}")

    def worries(self) -> list[str]:
        """What is worse than before, and may still mend itself. What is not told is not compared."""
        found = [
            f"{key} is {self._now[key]}"
            for key in ("files", "disk")
            if self._before.get(key) == "ok" != self._now.get(key, "ok")
        ]
        if self._before.get("link") == "up" and "link" in self._now and not self._is_reached:
            found.append("the broker is not reached")
        state, _, why = self._now.get("headcount", "").partition(":")
        if self._before.get("headcount", "unknown").partition(":")[0] != "unknown" == state and why in OWN_FAULTS:
            found.append(f"nothing is counted ({why})")
        return found


def watch(units: Units, names: Sequence[str], before: dict[str, Seen], trial_s: float) -> None:
    """Look on until they have run for ``trial_s`` seconds and nothing is worse than before.

    Raises:
        InstallError: It is not; the text says what.
    """
    health = {name: Health(name, before.get(name, Seen()), units.look(name)) for name in names}
    began_s = units.now_s()
    while True:
        for each, seen in health.items():
            seen.add(units.look(each))
        worries = [worry for seen in health.values() for worry in seen.worries()]
        over_s = units.now_s() - began_s - trial_s
        if over_s >= 0 and not worries:
            return
        if over_s >= GRACE_S:
            raise InstallError(", ".join(worries))
        units.wait(EVERY_S)
