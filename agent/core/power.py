"""The power machine: loads in order, each step proven.

::

                 on                        last load proven
       off ───────────────► starting ───────────────────────► on
        ▲                    │    ▲                            │
        │                off │    │ on: again from the step    │ off
        │ last load off      │    │                            │
        └────── stopping ◄───┘   fault ◄── relay failed, step not proven in time, a line that changed by itself
                   ▲               │
                   └───── off ─────┘

State and event in, new state and commands out; nothing is touched here. *on* and *off* are wishes: of the button
(``core/button.py``), of a command, of the schedule, or of what was before a power cut (``core/restore.py``). A wish
that is not in the picture changes nothing. Steps of one load while starting: wait out ``min_off_s``, switch, wait
``settle_s``, wait for the proof. At rest a single load may be switched apart from the others.
"""

from dataclasses import dataclass, field, replace
from typing import Literal

from agent.core import button
from agent.core.button import Finger, Situation
from agent.core.checks import Checks
from agent.core.commands import Command, Log, SetRelay
from agent.core.config import LoadSection, PowerSection
from agent.core.events import (
    Event,
    LoadState,
    RelayFailed,
    RelaySet,
    RelaysRead,
    RoomState,
    Stopping,
    Tick,
    level,
)

Phase = Literal["resting", "switching", "settling", "proving"]
By = Literal["button", "command", "schedule", "restore", "local"]

# Why a room stands at a fault, beside what a relay says: words of the contract's open list.
UNKNOWN_LEVEL, LEVEL_CHANGED, INTERRUPTED, NOT_PROVEN = "unknown_level", "level_changed", "interrupted", "not_proven"

# Loads go down one after the other, so that an amplifier is quiet before what feeds it drops out.
OFF_PACE_S = 1.0


@dataclass(frozen=True, slots=True)
class Order:
    """A command that waits for the room, or for one ``load`` of it, to be on or off."""

    id: str
    on: bool
    load: str | None = None


@dataclass(frozen=True, slots=True)
class Wish:
    """Somebody wants the room, or one ``load`` of it, on or off. ``order`` is the command that it came with."""

    on: bool
    by: By
    who: str | None = None
    load: str | None = None
    order: Order | None = None


@dataclass(frozen=True, slots=True)
class Power:
    """Where the room's power stands.

    ``wanted``: the last wish was on. ``step`` is the index of the load at work or failed; ``deadline_s`` when the
    machine wants a ``Tick``. ``by`` and ``who`` brought the room to where it is. ``begun_s`` is when the start began;
    ``proven_after_s`` is how fresh a proof must be; ``apart`` are loads that were switched by themselves, ``single``
    the one that is being switched so; ``lineless`` are loads whose lines could not be had; ``orders`` are commands
    without a final state yet (``core/power_orders.py``).
    """

    state: RoomState = "off"
    wanted: bool = False
    loads: dict[str, LoadState] = field(default_factory=dict)
    step: int | None = None
    phase: Phase = "resting"
    deadline_s: float | None = None
    by: By | None = None
    who: str | None = None
    reason: str | None = None
    finger: Finger = Finger()
    begun_s: float | None = None
    switched_s: float | None = None
    proven_after_s: float = 0.0
    off_since_s: dict[str, float] = field(default_factory=dict)
    apart: frozenset[str] = frozenset()
    single: str | None = None
    lineless: frozenset[str] = frozenset()
    orders: tuple[Order, ...] = ()


Result = tuple[Power, list[Command]]


def handle(
    power: Power, event: Event, now_s: float, config: PowerSection, checks: Checks, locked: bool = False
) -> Result:
    """One step of the machine.

    Args:
        power: The state before.
        event: What happened; events of other machines change nothing here, but a proof may have come with them.
        now_s: Monotonic seconds.
        config: Loads, button.
        checks: The checks as they are now, for the proof.
        locked: A conference is live, so that the button needs two holds to switch off.
    """
    situation = Situation(power.state, locked, power.begun_s, power.switched_s)
    touch = button.handle(power.finger, event, situation, now_s, config.button)
    power = replace(power, finger=touch.finger)
    if touch.wish is not None:
        power, moves = wish(power, Wish(touch.wish == "on", "button"), now_s, config)
        return power, [*moves, *touch.remarks]
    power, moves = _machine(power, event, now_s, config, checks)
    return power, [*moves, *touch.remarks]


def wish(power: Power, wanted: Wish, now_s: float, config: PowerSection) -> Result:
    """Do what somebody wants, or what is left of it. Pure; whether they may is decided elsewhere."""
    power = power if wanted.order is None else replace(power, orders=(*power.orders, wanted.order))
    if wanted.load is not None:
        return _switch_apart(power, wanted.load, wanted, now_s)
    is_moving_there = power.state in (("starting", "stopping") if wanted.on else ("stopping",))
    if is_moving_there or is_there(power, wanted.on):
        return power, []
    power = replace(power, wanted=wanted.on, by=wanted.by, who=wanted.who, reason=None)
    if wanted.on:
        power = replace(power, begun_s=now_s)
        return start_at(power, first_open(power), now_s, config)
    return stop_at(power, len(config.loads) - 1, now_s, config)


def is_there(power: Power, on: bool) -> bool:
    """Whether every load is on, or off, and the room rests there."""
    return power.state == level(on) and all(each == level(on) for each in power.loads.values())


def first_open(power: Power) -> int:
    """The load where a start goes on: the failed step, or a load before it that a stop has switched off meanwhile."""
    not_on = [place for place, state in enumerate(power.loads.values()) if state != "on"]
    failed = [] if power.step is None else [power.step]
    return min([*failed, *not_on], default=len(power.loads))


def start_at(power: Power, step: int, now_s: float, config: PowerSection) -> Result:
    """Go on with load ``step``, or be on when there is none left."""
    if step >= len(config.loads):
        return rest(power, "on"), [Log("info", "power: on")]
    load = config.loads[step]
    power = replace(power, state="starting", step=step)
    if power.loads.get(load.name) == "on":
        # It reads back as energised: switching it again would only wear the contact.
        return _settle(power, load, now_s)
    free_s = free_at_s(power, load)
    if free_s is not None and now_s < free_s:
        return replace(power, phase="resting", deadline_s=free_s), []
    return _switch(power, load, True, now_s)


def reconfigured(power: Power, loads: dict[str, LoadState], now_s: float, config: PowerSection) -> Result:
    """The machine with other loads, as their lines read. Nothing is switched for it, and nobody has
    wanted anything. At rest only.
    """
    found: dict[str, LoadState] = {load.name: loads.get(load.name, "unknown") for load in config.loads}
    off_since_s = {name: power.off_since_s.get(name, now_s) for name, state in found.items() if state != "on"}
    power = replace(power, loads=found, off_since_s=off_since_s, apart=frozenset(), step=None, reason=None)
    power = replace(power, lineless=frozenset())
    for state in ("off", "on"):
        if set(found.values()) <= {state}:
            return rest(power, state), []
    odd = [place for place, state in enumerate(found.values()) if state != "on"]
    reason = UNKNOWN_LEVEL if "unknown" in found.values() else INTERRUPTED
    return fault(replace(power, by=None, who=None), odd[0], reason)


def free_at_s(power: Power, load: LoadSection) -> float | None:
    """When a load's least time off is over; None where nobody saw it go off."""
    off_since_s = power.off_since_s.get(load.name)
    return None if off_since_s is None else off_since_s + load.min_off_s


def stop_at(power: Power, step: int, now_s: float, config: PowerSection) -> Result:
    """Go on down from load ``step``, past loads that are off already; be off when there is none left."""
    power = replace(power, state="stopping")
    while step >= 0 and power.loads.get(config.loads[step].name) == "off":
        step -= 1
    if step >= 0:
        return _switch(replace(power, step=step), config.loads[step], False, now_s)
    unsure = [name for name, state in power.loads.items() if state != "off"]
    if unsure:
        return fault(power, list(power.loads).index(unsure[0]), power.reason or UNKNOWN_LEVEL)
    return rest(power, "off"), [Log("info", "power: off")]


def rest(power: Power, state: RoomState) -> Power:
    """At rest in ``state``, all loads alike."""
    return replace(power, state=state, step=None, phase="resting", deadline_s=None, reason=None, apart=frozenset())


def fault(power: Power, step: int, reason: str) -> Result:
    """Stand at a load that did not do what it should."""
    name = list(power.loads)[step]
    power = replace(power, state="fault", step=step, phase="resting", deadline_s=None, reason=reason)
    return power, [Log("error", f"power: fault at load {name}: {reason}; a press tries again, a hold switches off")]


def _machine(power: Power, event: Event, now_s: float, config: PowerSection, checks: Checks) -> Result:
    match event:
        case RelaySet(load=load, on=on):
            return _relay_set(power, load, on, now_s, config)
        case RelayFailed(load=load, on=on, reason=reason):
            lineless = power.lineless if event.has_line else power.lineless | {load}
            return _relay_failed(replace(power, lineless=lineless), load, on, reason, now_s, config)
        case RelaysRead(loads=loads):
            return _read_back(power, loads, now_s)
        case Stopping():
            return power, []  # ending moves no relay, whatever has just become possible
        case Tick() if power.deadline_s is None or now_s < power.deadline_s:
            return power, []
        case _:
            return _proceed(power, isinstance(event, Tick), now_s, config, checks)


def _switch(power: Power, load: LoadSection, on: bool, now_s: float) -> Result:
    return replace(power, phase="switching", deadline_s=None, switched_s=now_s), [SetRelay(load.name, on)]


def _switch_apart(power: Power, name: str, wanted: Wish, now_s: float) -> Result:
    """One load at rest. It is then apart from the room, unless that brings it back to the others."""
    if power.loads.get(name) == level(wanted.on):
        return power, []
    apart = power.apart - {name} if power.state == level(wanted.on) else power.apart | {name}
    power = replace(power, by=wanted.by, who=wanted.who, apart=apart, single=name, switched_s=now_s)
    return power, [SetRelay(name, wanted.on)]


def _settle(power: Power, load: LoadSection, now_s: float) -> Result:
    return replace(power, phase="settling", deadline_s=now_s + load.settle_s, proven_after_s=now_s), []


def _relay_set(power: Power, load: str, on: bool, now_s: float, config: PowerSection) -> Result:
    loads: dict[str, LoadState] = {**power.loads, load: level(on)}
    off_since_s = power.off_since_s if on else {**power.off_since_s, load: now_s}
    power = replace(power, loads=loads, off_since_s=off_since_s, single=None, lineless=power.lineless - {load})
    if not _at_work_on(power, load, config):
        return power, []
    if power.state == "starting" and on:
        return _settle(power, config.loads[power.step or 0], now_s)
    if power.state == "stopping" and not on:
        is_last = all(power.loads.get(each.name) == "off" for each in config.loads[: power.step])
        if is_last:
            return stop_at(power, -1, now_s, config)
        return replace(power, phase="settling", deadline_s=now_s + OFF_PACE_S), []
    return power, []


def _relay_failed(power: Power, load: str, on: bool, reason: str, now_s: float, config: PowerSection) -> Result:
    # A release that failed may yet have happened: the least time off counts from here, to be sure.
    off_since_s = power.off_since_s if on else {**power.off_since_s, load: now_s}
    power = replace(power, loads={**power.loads, load: "unknown"}, off_since_s=off_since_s, single=None)
    if power.state in ("on", "off"):
        return fault(power, list(power.loads).index(load), reason)
    if not _at_work_on(power, load, config) or power.step is None:
        return power, []
    if power.state == "starting":
        return fault(power, power.step, reason)
    # Going down, one stuck relay must not keep the rest of the room energised.
    return stop_at(replace(power, reason=reason), power.step - 1, now_s, config)


def _at_work_on(power: Power, load: str, config: PowerSection) -> bool:
    working = power.phase == "switching" and power.step is not None
    return working and config.loads[power.step or 0].name == load


def _read_back(power: Power, loads: dict[str, LoadState], now_s: float) -> Result:
    """A line that is not as it was left has been lost (its chip is gone), or somebody else drives it."""
    changed = [name for name, state in power.loads.items() if loads.get(name, "unknown") != state]
    if not changed or power.state in ("starting", "stopping"):
        return power, []
    found: dict[str, LoadState] = {name: loads.get(name, "unknown") for name in power.loads}
    gone = {name: now_s for name in changed if found[name] != "on"}
    power = replace(power, loads=found, off_since_s={**power.off_since_s, **gone})
    if power.state == "fault":
        return power, []
    reason = UNKNOWN_LEVEL if power.loads[changed[0]] == "unknown" else LEVEL_CHANGED
    # Nobody here did it, least of all whoever switched last.
    return fault(replace(power, by=None, who=None), list(power.loads).index(changed[0]), reason)


def _proceed(power: Power, due: bool, now_s: float, config: PowerSection, checks: Checks) -> Result:
    """Go on after a deadline, or because a proof may have come in."""
    if power.step is None:
        return power, []
    load = config.loads[power.step]
    if power.state == "stopping" and due and power.phase == "settling":
        return stop_at(power, power.step - 1, now_s, config)
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
        return start_at(power, (power.step or 0) + 1, now_s, config)
    return fault(power, power.step or 0, f"{NOT_PROVEN}: {load.proof}") if due else (power, [])
