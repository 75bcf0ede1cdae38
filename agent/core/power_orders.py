"""Commands from the centre that switch: which may not be carried out just now, what they wish, and how they end."""

import math
from typing import TYPE_CHECKING, Literal

from agent.core import schedule
from agent.core.config import PowerSection
from agent.core.contract import CommandMessage, LoadArgs, PowerArgs
from agent.core.events import LoadState, Now, level
from agent.core.power import UNKNOWN_LEVEL, Order, Power, Wish, free_at_s, is_there

if TYPE_CHECKING:
    from agent.core.room import Room

# A contact wears with each switching, and a flood of commands is no reason for it.
SWITCH_PACE_S = 1.0
SWITCHING = {"power", "load"}
ORDERS_MAX = 16  # that wait for the room at once; more is no conversation any more


def objection(order: CommandMessage, room: "Room", now: Now, config: PowerSection) -> str | None:
    """Why a command may not be carried out in this room now, in the contract's word; None: it may."""
    locked = schedule.is_live(room.conference, now)
    if order.action in SWITCHING and len(room.power.orders) >= ORDERS_MAX:
        return "too_many"
    if order.action == "power":
        return _room_objection(PowerArgs.model_validate(order.args).on, room.power, locked)
    if order.action == "load":
        return _load_objection(LoadArgs.model_validate(order.args), room.power, locked, now.mono_s, config)
    return None


def wish_of(order: CommandMessage, power: Power) -> Wish | None:
    """What a command wants of the power; None where that is so already, and of a command that wants nothing of it."""
    if order.action not in SWITCHING:
        return None
    if order.action == "power":
        on = PowerArgs.model_validate(order.args).on
        wanted = Wish(on, "command", order.issued_by, order=Order(order.id, on))
        return None if is_there(power, on) else wanted
    args = LoadArgs.model_validate(order.args)
    if power.loads.get(args.name) == level(args.on):
        return None
    return Wish(args.on, "command", order.issued_by, args.name, Order(order.id, args.on, args.name))


def settled(power: Power) -> list[tuple[Order, Literal["done", "failed"], str | None]]:
    """The orders that have come to an end, each with its final state and the reason where it failed."""
    ends = [(order, _end(power, order)) for order in power.orders]
    return [(order, end[0], end[1]) for order, end in ends if end is not None]


def _room_objection(on: bool, power: Power, locked: bool) -> str | None:
    if not on and locked and not is_there(power, on=False):
        return "locked"
    return "stopping" if on and power.state == "stopping" else None


def _load_objection(args: LoadArgs, power: Power, locked: bool, now_s: float, config: PowerSection) -> str | None:
    load = next((each for each in config.loads if each.name == args.name), None)
    if load is None:
        return "unknown_load"
    if not args.on and locked:
        return "locked"
    if power.state not in ("on", "off"):
        return power.state
    if power.loads.get(args.name) == level(args.on):
        return None
    free_s = free_at_s(power, load) if args.on else None
    if free_s is not None and now_s < free_s:
        return f"min_off: {math.ceil(free_s - now_s)} s"
    if power.switched_s is not None and now_s < power.switched_s + SWITCH_PACE_S:
        return "too_soon"
    return None


def _end(power: Power, order: Order) -> tuple[Literal["done", "failed"], str | None] | None:
    if order.load is not None:
        return _load_end(power, order.load, level(order.on))
    if is_there(power, order.on):
        return "done", None
    if power.state == ("starting" if order.on else "stopping"):
        return None
    if power.state == "fault":
        return "failed", f"{list(power.loads)[power.step or 0]}: {power.reason}"
    return "failed", "superseded"


def _load_end(power: Power, load: str, wanted: LoadState) -> tuple[Literal["done", "failed"], str | None] | None:
    if load == power.single:
        return None  # its relay has not answered yet
    found = power.loads.get(load, "unknown")
    if found == "unknown":
        return "failed", power.reason or UNKNOWN_LEVEL
    return ("done", None) if found == wanted else ("failed", "superseded")
