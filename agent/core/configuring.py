"""What a room makes of its config's updates: the machine's step, and what the other machines have to know of another
config that runs. The machine itself is ``config_update.py``.
"""

from dataclasses import replace
from typing import TYPE_CHECKING

from agent.core import (
    announcing,
    button,
    checks,
    config_resume,
    config_update,
    config_wiring,
    headcount,
    memory,
    power,
)
from agent.core.commands import Command
from agent.core.config_state import View, configured
from agent.core.events import CandidatePromoted, ConfigApplied, Event, Kept, Now
from agent.core.reports import Self

if TYPE_CHECKING:
    from agent.core.room import Result, Room


def handle(room: "Room", event: Event, now: Now, self: Self) -> "Result":
    """The config's step; with another config that runs, what the other machines have to know of it. Pure."""
    before = configured(self, room.update)
    view, before_update = View(now, before, room.power, room.readiness, room.keeper.forgets), room.update
    update, orders = config_update.handle(before_update, event, view)
    if isinstance(event, Kept) and _is_kept(room):
        update, letting_go = config_update.let_go(update)
        orders += letting_go
    room = replace(room, update=update)
    after = configured(self, update)
    is_promoted = isinstance(event, CandidatePromoted) and event.is_on_disk
    if is_promoted and config_wiring.only_reads(room.power, before_update.trial):
        # What the lines read is how the room stands from now on, and how it comes back after a power cut.
        room = replace(room, power=replace(room.power, wanted=room.power.state == "on"))
    if after.config is before.config:
        return room, orders
    seen = checks.reconfigured(room.checks, before.config, now.mono_s, after.config)
    machine, moves = room.power, list[Command]()
    if isinstance(event, ConfigApplied) and event.loads is not None:
        machine, moves = power.reconfigured(machine, event.loads, now.mono_s, after.config.power)
    if before.config.power.button != after.config.power.button:
        machine = replace(machine, finger=button.let_go(machine.finger))
    counter = room.estimator if before.config.headcount == after.config.headcount else headcount.anew(room.estimator)
    room = replace(room, checks=seen, power=machine, estimator=counter, announce_s=_announced_s(room, now))
    return room, [*orders, *moves, *announcing.removed(before.config, after)]


def _is_kept(room: "Room") -> bool:
    """Whether what is known of configs is on disk, as it is now."""
    if room.update_kept is None or room.update_kept[0] is not room.update or room.keeper.forgets:
        return False
    return room.keeper.facts.get(memory.CONFIG, memory.NOTHING) == room.update_kept[1]


def _announced_s(room: "Room", now: Now) -> float | None:
    return now.mono_s + announcing.AFTER_CONFIG_S if room.update.is_linked else room.announce_s


def proceed(room: "Room", now: Now, self: Self) -> "Result":
    """Begin with an update that waits, once the machines have taken their step. Pure."""
    view = View(now, self, room.power, room.readiness, room.keeper.forgets)
    update, orders = config_update.proceed(room.update, view)
    return replace(room, update=update), orders


def prove(room: "Room", now: Now, self: Self) -> "Result":
    """Whether the room is worse with a config that is on trial. Pure."""
    update, orders = config_update.proved(room.update, View(now, self, room.power, room.readiness))
    return replace(room, update=update), orders


def kept(room: "Room") -> tuple["Room", str]:
    """The text that is to be kept of the config; made anew only when something is new."""
    if room.update_kept is None or room.update_kept[0] is not room.update:
        text = memory.text_of(config_resume.kept(room.update))
        return replace(room, update_kept=(room.update, text)), text
    return room, room.update_kept[1]
