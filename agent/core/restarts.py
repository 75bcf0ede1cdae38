"""Why the run of the agent before this one ended. Pure.

::

                                        in order           not in order
    another boot of the machine     upgrade or stop    power
    the same boot, other version    upgrade            upgrade
    the same boot, same version     stop               silent for the watchdog's patience: watchdog
                                                       else: crash

An upgrade restarts the unit, so it ends in order; one that had to kill is an upgrade too. Whoever reboots the box in
order has stopped the agent. systemd does not tell a new run why the last one ended, so the loop leaves a sign of life.
"""

from dataclasses import dataclass
from typing import Literal

Cause = Literal["power", "upgrade", "stop", "watchdog", "crash"]
CAUSES: tuple[Cause, ...] = ("power", "upgrade", "stop", "watchdog", "crash")


@dataclass(frozen=True, slots=True)
class Run:
    """What the disk keeps of a run. ``in_order``: it ended because it was asked to."""

    boot_id: str
    version: str
    in_order: bool = False


@dataclass(frozen=True, slots=True)
class Watchdog:
    """systemd's watchdog: it ends a loop that is silent for ``patience_s``, and starts anew ``pause_s`` later."""

    patience_s: float
    pause_s: float = 1.0  # RestartSec= of the unit


def cause(
    before: Run | None, now: Run, began_s: float, alive_s: float | None, watchdog: Watchdog | None
) -> Cause | None:
    """Why the earlier run ended; None where there was none.

    Args:
        before: What the earlier run left on disk.
        now: This run.
        began_s: Monotonic seconds at which this run began.
        alive_s: When the earlier run's loop last went round, of the same clock in the same boot; None: not known.
        watchdog: None where nobody watches.
    """
    if before is None:
        return None
    # A sign of life is of this boot: what the disk says of another one is old, its card fails.
    if before.boot_id != now.boot_id and not before.in_order and alive_s is None:
        return "power"
    if before.version != now.version:
        return "upgrade"
    if before.in_order:
        return "stop"
    return "watchdog" if _was_silent(began_s, alive_s, watchdog) else "crash"


def _was_silent(began_s: float, alive_s: float | None, watchdog: Watchdog | None) -> bool:
    if alive_s is None or watchdog is None:
        return False
    return began_s - watchdog.pause_s - alive_s >= watchdog.patience_s
