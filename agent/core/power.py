"""The power machine: one button, loads in order, each step proven.

::

                 press                     last load proven
       off ───────────────► starting ───────────────────────► on
        ▲                    │    ▲                            │
        │               hold │    │ tap: again from the step   │ hold
        │ last load off      │    │                            │
        └────── stopping ◄───┘   fault ◄── relay failed, step not proven in time
                   ▲               │
                   └───── hold ────┘

State and event in, new state and commands out; nothing is touched here. A press that is not in the picture is ignored.
A press at off acts when the button goes down; at a fault a tap acts when it comes up, because a hold begins with one
too, and somebody who wants everything off must not switch it on first.
Steps of one load while starting: wait out ``min_off_s``, switch, wait ``settle_s``, wait for the proof.
"""

from dataclasses import dataclass, field, replace
from typing import Literal

from agent.core.checks import Checks
from agent.core.commands import Command, Log, SetRelay
from agent.core.config import LoadSection, PowerSection
from agent.core.events import (
    ButtonHeld,
    ButtonPressed,
    ButtonReleased,
    Event,
    LoadState,
    RelayFailed,
    RelaySet,
    Started,
    Stopping,
    Tick,
)

State = Literal["off", "starting", "on", "stopping", "fault"]
Phase = Literal["resting", "switching", "settling", "proving"]

# Loads go down one after the other, so that an amplifier is quiet before what feeds it drops out.
OFF_PACE_S = 1.0


@dataclass(frozen=True, slots=True)
class Power:
    """Where the room's power stands.

    ``step`` is the index of the load at work or failed; ``deadline_s`` when the machine wants a ``Tick``;
    ``hold_counts`` is True while the button is down from a press that found the room powered, so that the press that
    switches on can never grow into the hold that switches off; ``tap_retries`` while it is down from one at a fault.
    ``begun_s`` is when the start began; ``proven_after_s`` is how fresh a proof must be.
    """

    state: State = "off"
    loads: dict[str, LoadState] = field(default_factory=dict)
    step: int | None = None
    phase: Phase = "resting"
    deadline_s: float | None = None
    by: Literal["button", "restore"] | None = None
    reason: str | None = None
    hold_counts: bool = False
    tap_retries: bool = False
    begun_s: float | None = None
    switched_s: float | None = None
    proven_after_s: float = 0.0
    off_since_s: dict[str, float] = field(default_factory=dict)


Result = tuple[Power, list[Command]]


def handle(power: Power, event: Event, now_s: float, config: PowerSection, checks: Checks) -> Result:
    """One step of the machine.

    Args:
        power: The state before.
        event: What happened; events of other machines change nothing here, but a proof may have come with them.
        now_s: Monotonic seconds.
        config: Loads, button.
        checks: The checks as they are now, for the proof.
    """
    match event:
        case Started(loads=loads):
            return _found(power, loads, now_s, config)
        case ButtonPressed():
            return _pressed(power, now_s, config)
        case ButtonReleased():
            return _released(power, now_s, config)
        case ButtonHeld():
            return _held(power, now_s, config)
        case RelaySet(load=load, on=on):
            return _relay_set(power, load, on, now_s, config)
        case RelayFailed(load=load, on=on, reason=reason):
            return _relay_failed(power, load, on, reason, now_s, config)
        case Stopping():
            return power, []  # ending moves no relay, whatever has just become possible
        case Tick() if power.deadline_s is None or now_s < power.deadline_s:
            return power, []
        case _:
            return _proceed(power, isinstance(event, Tick), now_s, config, checks)


def _found(power: Power, loads: dict[str, LoadState], now_s: float, config: PowerSection) -> Result:
    """What the relays read back at start decides where the room is; nothing is switched for it."""
    power = replace(power, loads={load.name: loads.get(load.name, "unknown") for load in config.loads})
    # For how long a load has been off nobody knows, so its least time off begins now.
    power = replace(power, off_since_s={name: now_s for name, state in power.loads.items() if state != "on"})
    energised = [state == "on" for state in power.loads.values()]
    if energised and all(energised):
        return replace(power, state="on", by="restore"), []
    if all(state == "off" for state in power.loads.values()):
        return power, []
    if not any(energised):
        # A line that cannot be read is never assumed off.
        return _fault(power, list(power.loads.values()).index("unknown"), "unknown_level")
    # Half a room: an earlier start or stop was cut short. A press goes on from the first load that is off.
    return _fault(power, energised.index(False), "interrupted")


def _pressed(power: Power, now_s: float, config: PowerSection) -> Result:
    # The press that began the start may bounce, also while its first load still waits out its least time off.
    is_bounce = power.begun_s is not None and now_s - power.begun_s < config.button.ignore_after_switch_s
    if is_bounce or _is_ghost(power, now_s, config):
        # No spike lasts as long as a hold.
        power = replace(power, hold_counts=not is_bounce, tap_retries=False)
        return power, [Log("info", "button: ignored, too soon after a load was switched or a start began")]
    if power.state == "off":
        return _begin(replace(power, hold_counts=False), 0, now_s, config)
    if power.state == "fault":
        return replace(power, hold_counts=True, tap_retries=True), []
    return replace(power, hold_counts=True), [
        Log("info", f"button: pressed while {power.state}; only a hold changes that")
    ]


def _released(power: Power, now_s: float, config: PowerSection) -> Result:
    is_tap = power.state == "fault" and power.tap_retries
    power = replace(power, hold_counts=False, tap_retries=False)
    return _begin(power, _first_open(power), now_s, config) if is_tap else (power, [])


def _begin(power: Power, step: int, now_s: float, config: PowerSection) -> Result:
    power = replace(power, by="button", reason=None, tap_retries=False, begun_s=now_s)
    return _start_at(power, step, now_s, config)


def _first_open(power: Power) -> int:
    """The load where a start goes on: the failed step, or a load before it that a stop has switched off meanwhile."""
    not_on = [place for place, state in enumerate(power.loads.values()) if state != "on"]
    return min([power.step or 0, *not_on])


def _is_ghost(power: Power, now_s: float, config: PowerSection) -> bool:
    """Switched loads induce presses on a button line; such a press is not a person."""
    return power.switched_s is not None and now_s - power.switched_s < config.button.ignore_after_switch_s


def _held(power: Power, now_s: float, config: PowerSection) -> Result:
    if not power.hold_counts or power.state in ("off", "stopping"):
        return power, []
    last = len(config.loads) - 1
    power = replace(power, by="button", reason=None, hold_counts=False, tap_retries=False)
    return _stop_at(power, last, now_s, config)


def _start_at(power: Power, step: int, now_s: float, config: PowerSection) -> Result:
    """Go on with load ``step``, or be on when there is none left."""
    if step >= len(config.loads):
        return _rest(power, "on"), [Log("info", "power: on")]
    load = config.loads[step]
    power = replace(power, state="starting", step=step)
    if power.loads.get(load.name) == "on":
        # It reads back as energised: switching it again would only wear the contact.
        return _settle(power, load, now_s)
    off_since_s = power.off_since_s.get(load.name)
    if off_since_s is not None and now_s < off_since_s + load.min_off_s:
        return replace(power, phase="resting", deadline_s=off_since_s + load.min_off_s), []
    return _switch(power, load, True, now_s)


def _switch(power: Power, load: LoadSection, on: bool, now_s: float) -> Result:
    return replace(power, phase="switching", deadline_s=None, switched_s=now_s), [SetRelay(load.name, on)]


def _settle(power: Power, load: LoadSection, now_s: float) -> Result:
    return replace(power, phase="settling", deadline_s=now_s + load.settle_s, proven_after_s=now_s), []


def _stop_at(power: Power, step: int, now_s: float, config: PowerSection) -> Result:
    """Go on down from load ``step``, past loads that are off already; be off when there is none left."""
    power = replace(power, state="stopping")
    while step >= 0 and power.loads.get(config.loads[step].name) == "off":
        step -= 1
    if step >= 0:
        return _switch(replace(power, step=step), config.loads[step], False, now_s)
    unsure = [name for name, state in power.loads.items() if state != "off"]
    if unsure:
        return _fault(power, list(power.loads).index(unsure[0]), power.reason or "unknown_level")
    return _rest(power, "off"), [Log("info", "power: off")]


def _rest(power: Power, state: State) -> Power:
    return replace(power, state=state, step=None, phase="resting", deadline_s=None, reason=None)


def _fault(power: Power, step: int, reason: str) -> Result:
    name = list(power.loads)[step]
    power = replace(power, state="fault", step=step, phase="resting", deadline_s=None, reason=reason)
    return power, [Log("error", f"power: fault at load {name}: {reason}; a press tries again, a hold switches off")]


def _relay_set(power: Power, load: str, on: bool, now_s: float, config: PowerSection) -> Result:
    loads: dict[str, LoadState] = {**power.loads, load: "on" if on else "off"}
    off_since_s = power.off_since_s if on else {**power.off_since_s, load: now_s}
    power = replace(power, loads=loads, off_since_s=off_since_s)
    if not _at_work_on(power, load, config):
        return power, []
    if power.state == "starting" and on:
        return _settle(power, config.loads[power.step or 0], now_s)
    if power.state == "stopping" and not on:
        return replace(power, phase="settling", deadline_s=now_s + OFF_PACE_S), []
    return power, []


def _relay_failed(power: Power, load: str, on: bool, reason: str, now_s: float, config: PowerSection) -> Result:
    # A release that failed may yet have happened: the least time off counts from here, to be sure.
    off_since_s = power.off_since_s if on else {**power.off_since_s, load: now_s}
    power = replace(power, loads={**power.loads, load: "unknown"}, off_since_s=off_since_s)
    if not _at_work_on(power, load, config) or power.step is None:
        return power, []
    if power.state == "starting":
        return _fault(power, power.step, reason)
    # Going down, one stuck relay must not keep the rest of the room energised.
    return _stop_at(replace(power, reason=reason), power.step - 1, now_s, config)


def _at_work_on(power: Power, load: str, config: PowerSection) -> bool:
    working = power.phase == "switching" and power.step is not None
    return working and config.loads[power.step or 0].name == load


def _proceed(power: Power, due: bool, now_s: float, config: PowerSection, checks: Checks) -> Result:
    """Go on after a deadline, or because a proof may have come in."""
    if power.step is None:
        return power, []
    load = config.loads[power.step]
    if power.state == "stopping" and due and power.phase == "settling":
        return _stop_at(power, power.step - 1, now_s, config)
    if power.state != "starting":
        return power, []
    if power.phase == "resting" and due:
        return _switch(power, load, True, now_s)
    if power.phase == "settling" and due:
        power = replace(power, phase="proving", deadline_s=now_s + load.prove_within_s)
        due = False
    if power.phase == "proving":
        return _prove(power, load, due, now_s, config, checks)
    return power, []


def _prove(power: Power, load: LoadSection, due: bool, now_s: float, config: PowerSection, checks: Checks) -> Result:
    """The step is proven by an answer that came after the load was switched: an older one proves the old state."""
    if not load.proof or checks.is_ok(load.proof, since_s=power.proven_after_s):
        return _start_at(power, (power.step or 0) + 1, now_s, config)
    return _fault(power, power.step or 0, f"not_proven: {load.proof}") if due else (power, [])
