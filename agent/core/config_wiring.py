"""When the wiring of a room may be changed: never under a line that holds something on. Pure.

*Wiring* is what a line knows: names, pins, polarity and order of the loads, and the pins of button and lamp. Relays are
not moved by a change of config, but a line that is let go of goes as its board pleases.
"""

from agent.core.config import PowerSection
from agent.core.config_trial import Trial
from agent.core.power import Power


def wiring(power: PowerSection) -> object:
    """What of a config lines know."""
    return power.button.pin, power.led.pin, [(load.name, load.pin, load.active_high) for load in power.loads]


def why_not_now(power: Power, before: PowerSection, after: PowerSection) -> str | None:
    """Why the parts may not be changed now, in the contract's word; None: they may."""
    if is_walking(power):
        return "switching"
    return "room_on" if wiring(before) != wiring(after) and is_in_use(power) else None


def why_not_back(power: Power, trial: Trial, tried: PowerSection, good: PowerSection) -> str | None:
    """The same for the way back. What nobody has switched since only *reads* on: those lines are as they were found,
    and letting go of them puts nothing out.
    """
    if is_walking(power):
        return "switching"
    if wiring(tried) == wiring(good) or not has_switched(power, trial):
        return None
    holds = {load.pin for load in tried.loads if _may_be_on(power, load.name)}
    return "room_on" if holds - {load.pin for load in good.loads} else None


def is_walking(power: Power) -> bool:
    """Whether relays are on their way."""
    return power.state in ("starting", "stopping") or power.single is not None


def is_in_use(power: Power) -> bool:
    """Whether a load is on, or may be: one that cannot be read is, where the room was wanted on. A room that cannot
    come up, because a line of it is not to be had, has to take the config that mends it.
    """
    return any(_may_be_on(power, name) for name in power.loads)


def has_switched(power: Power, trial: Trial) -> bool:
    """Whether a relay was switched since the candidate was applied."""
    return power.switched_s is not None and power.switched_s > trial.applied_s


def only_reads(power: Power, trial: Trial | None) -> bool:
    """Whether the room's power is only what the candidate's wiring makes of lines that nobody has moved."""
    if trial is None or not trial.is_rewired or has_switched(power, trial):
        return False
    return power.begun_s is None or power.begun_s < trial.applied_s  # a start may wait before it switches


def _may_be_on(power: Power, load: str) -> bool:
    state = power.loads.get(load, "off")
    return state == "on" or (state == "unknown" and power.wanted and load not in power.lineless)
