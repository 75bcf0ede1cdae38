"""Where the room's power begins: what the lines read, what was kept on disk, and what the config says.

::

    the lines are as they were left ──────────────────────────► on, off or fault, as before; nothing moves
    this boot, a start or stop was cut short ─────────────────► it goes on
    another boot, or power was lost ── restore = last ────────► as it was, or was going to be
                                    ├─ restore = on ──────────► on, in order
                                    └─ restore = off ─────────► off
    this boot, but the memory is of an earlier one ───────────► as the lines read; nothing moves
    nothing was kept ── half a room ──────────────────────────► fault: a person decides

A restart of the agent is no return of power: within one boot of the machine a room that is on stays on, also where the
disk fails and still tells of an earlier boot. And whatever `restore` says, no start of ours cuts a locked room.
"""

from dataclasses import replace
from typing import Literal

from agent.core import power as machine
from agent.core.commands import Command, Log
from agent.core.config import PowerSection
from agent.core.events import RoomState, Started
from agent.core.memory import PowerMemory, run_of
from agent.core.power import INTERRUPTED, LEVEL_CHANGED, UNKNOWN_LEVEL, Power, Result, Wish

Goal = Literal["on", "off"]
# Faults that say how lines read, not what went wrong: the lines are read anew.
READING_FAULTS = {UNKNOWN_LEVEL, LEVEL_CHANGED, INTERRUPTED}
# Without a memory the boot is not known; so long after it an agent's start is no return of power.
FRESH_BOOT_S = 300.0


def begin(
    started: Started,
    kept: PowerMemory | None,
    boot_id: str,
    now_s: float,
    config: PowerSection,
    locked: bool = False,
) -> Result:
    """The machine's first state, and what is to be switched for it. Pure.

    Args:
        started: What each line reads now (one that is not named is unknown), and which were held meanwhile.
        kept: What was written down, or None.
        boot_id: The machine's present boot.
        now_s: Monotonic seconds, which count from the boot.
        config: Loads and ``restore``.
        locked: A conference is live.
    """
    loads = started.loads
    power = Power(loads={load.name: loads.get(load.name, "unknown") for load in config.loads})
    # For how long a load has been off nobody knows, so its least time off begins now.
    power = replace(power, off_since_s={name: now_s for name, state in power.loads.items() if state != "on"})
    if kept is None:
        is_return = config.restore == "on" and now_s < FRESH_BOOT_S
        return _towards(power, "on", now_s, config) if is_return else _found(power)
    power = replace(power, orders=kept.orders)
    if kept.boot_id == boot_id:
        return _again(power, kept, started.held, now_s, config, locked)
    if _is_stale(started, boot_id):
        return _found(power)
    last: Goal = "on" if kept.wanted else "off"
    goal = last if config.restore == "last" else config.restore
    if goal == "off" and locked and "on" in power.loads.values():
        return _found(power)
    return _towards(power, goal, now_s, config)


def _is_stale(started: Started, boot_id: str) -> bool:
    """An earlier run of this boot lived, and could not write that down: what the disk says is of an earlier boot.

    One that stood in for a room file that was broken writes nothing about the power on purpose, but that it ran.
    """
    has_lived = started.alive_s is not None or bool(started.held)
    run = run_of(started.memory.facts)
    return has_lived and (run is None or run.boot_id != boot_id)


def _again(
    power: Power, kept: PowerMemory, held: frozenset[str], now_s: float, config: PowerSection, locked: bool
) -> Result:
    """The same boot: only the agent was away."""
    power = replace(power, wanted=kept.wanted, by=kept.by, who=kept.who, apart=frozenset(kept.apart) & set(power.loads))
    if kept.state == "fault" and kept.step in power.loads and kept.reason not in READING_FAULTS:
        at = list(power.loads).index(kept.step)
        return replace(power, state="fault", step=at, reason=kept.reason), []
    if "unknown" in power.loads.values():
        return _found(power)  # a line that cannot be read is never assumed off, and not driven without a person
    if kept.state == "stopping" and (set(power.loads.values()) == {"on"} or (locked and "on" in power.loads.values())):
        # A stop writes itself down after its first release: with all on this memory is an older one. In a live
        # conference it may be older too (a card that fails), and half a room is the smaller harm.
        return _found(power)
    if kept.state in ("starting", "stopping"):
        return _towards(power, "on" if kept.wanted else "off", now_s, config, kept)
    if kept.state in ("on", "off") and _is_as_left(power, kept.state):
        return replace(power, state=kept.state), []
    dropped = {name for name, state in power.loads.items() if state == "off" and name not in power.apart}
    was_on = kept.state == "on" or (kept.wanted and kept.state == "fault" and kept.reason == UNKNOWN_LEVEL)
    if was_on and config.restore != "off" and not dropped & held:
        # The lines were let go when the agent ended, and the room lost its power. One that was held is off on purpose.
        return _towards(power, "on", now_s, config)
    return _found(power)


def _is_as_left(power: Power, state: RoomState) -> bool:
    return all((each == state) != (name in power.apart) for name, each in power.loads.items())


def _towards(power: Power, goal: Goal, now_s: float, config: PowerSection, kept: PowerMemory | None = None) -> Result:
    power = replace(power, apart=frozenset(), wanted=goal == "on", by="restore", who=None)
    if all(state == goal for state in power.loads.values()) and (kept is None or goal == "off"):
        return replace(power, state=goal), []
    if goal == "on":
        # From the last load that is on: whether its proof had come before the cut nobody knows.
        power = replace(power, step=max(0, machine.first_open(power) - 1))
    # As whoever began it: going on with a start is not a new one.
    wish = Wish(goal == "on", "restore" if kept is None else kept.by or "restore", None if kept is None else kept.who)
    power, moves = machine.wish(power, wish, now_s, config)
    said: Command = Log("warning", f"power: going {goal}, as it was before the restart or as `restore` says")
    return power, [said, *moves]


def _found(power: Power) -> Result:
    """Nothing is known but what the lines say, and nothing is switched for it."""
    energised = [state == "on" for state in power.loads.values()]
    power = replace(power, apart=frozenset())
    if energised and all(energised):
        return replace(power, state="on", wanted=True, by=power.by or "restore"), []
    if all(state == "off" for state in power.loads.values()):
        return replace(power, wanted=False), []
    if not any(energised):
        # A line that cannot be read is never assumed off.
        return machine.fault(power, list(power.loads.values()).index("unknown"), UNKNOWN_LEVEL)
    # Half a room, and nobody knows why. A press goes on from the first load that is off.
    return machine.fault(replace(power, wanted=True), energised.index(False), INTERRUPTED)
