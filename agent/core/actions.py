"""What each command from the centre does. Its result is on disk before it acts, or the disk has said that it cannot.

``KeepResult`` orders that and ``ResultKept`` answers it, before the next event is looked at.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from agent.core import aiming, commanding, headcount, memory, power_orders, recounts, reports
from agent.core.commanding import Pending
from agent.core.commands import Command, KeepResult, Log, NoteEvent, Restart, Send
from agent.core.contract import (
    ALL_COMMAND,
    Aim,
    Aside,
    CommandMessage,
    CommandResult,
    IdentifyArgs,
    Place,
    RecountArgs,
    Recounted,
    split_topic,
)
from agent.core.events import Event, Memory, MessageReceived, Now, Recount, ResultKept, Settled, Started
from agent.core.power import Order, Wish
from agent.core.reports import Self

if TYPE_CHECKING:
    from agent.core.room import Room

RESULT_EXPIRY_S = 60  # who asked has given up by then


@dataclass(frozen=True, slots=True)
class Step:
    """The room after a step, what is to be done, whether everything is to be said again, and a wish for the power."""

    room: "Room"
    commands: list[Command]
    say_all: bool = False
    wish: Wish | None = None


@dataclass(frozen=True, slots=True)
class Deed:
    """What a command comes to, once it is on disk. With a ``wish`` it is accepted, and done when that has come true."""

    result: dict[str, Any]
    recount: Recount | None = None
    instead_of: Recount | None = None
    say_all: bool = False
    wish: Wish | None = None
    identify_s: float | None = None
    restart: bool = False


def is_command(topic: str, site: str) -> bool:
    """Whether a message on this topic is for us to obey."""
    return topic == ALL_COMMAND or split_topic(topic) == (site, "command")


def handle(room: "Room", event: Event, now: Now, self: Self) -> Step:
    """One step. Pure."""
    match event:
        case Started(memory=kept):
            return _recalled(room, kept, now, self)
        case MessageReceived(topic=topic, payload=payload) if payload and is_command(topic, self.site):
            return _received(room, event, now, self)
        case ResultKept() if room.commanding.pending is not None and room.commanding.pending.settled.id == event.id:
            return _kept(room, room.commanding.pending, event.is_on_disk, now, self)
    return Step(room, [])


def conclude(room: "Room", now: Now, self: Self) -> tuple["Room", list[Command]]:
    """Give the orders that have come to an end their final state. After every step of the power machine. Pure."""
    ended = power_orders.settled(room.power)
    if not ended:
        return room, []
    finals = [Settled(order.id, now.utc, state, why, {} if state == "done" else None) for order, state, why in ended]
    gone = {final.id for final in finals}
    left = tuple(order for order in room.power.orders if order.id not in gone)
    room = replace(room, power=replace(room.power, orders=left))
    return _finished(room, finals, now, self)


def still_open(orders: tuple[Order, ...], room: "Room") -> tuple[Order, ...]:
    """Of the orders that the disk kept with the power, those whose command has no final state on disk."""
    executed = room.commanding.executed
    return tuple(order for order in orders if order.id in executed and executed[order.id].state == "accepted")


def _finished(room: "Room", finals: list[Settled], now: Now, self: Self) -> tuple["Room", list[Command]]:
    commands: list[Command] = []
    for final in finals:
        known, forget = commanding.remember(room.commanding, final, now)
        room = replace(room, commanding=known)
        commands += [KeepResult(final, forget=forget), _answer(final, now, self)]
    return room, commands


def _recalled(room: "Room", kept: Memory, now: Now, self: Self) -> Step:
    """Know what was there before. A command that was accepted and then forgotten by a power cut has failed."""
    room = replace(room, commanding=commanding.recalled(kept.settled), recounts=kept.recounts[-recounts.KEPT :])
    power = memory.power_of(kept.facts)
    alive = {order.id for order in power.orders} if power is not None else set()
    lost = [
        Settled(each.id, now.utc, "failed", "interrupted")
        for each in room.commanding.executed.values()
        if each.state == "accepted" and each.id not in alive
    ]
    return Step(*_finished(room, lost, now, self))


def _received(room: "Room", message: MessageReceived, now: Now, self: Self) -> Step:
    verdict = commanding.judge(room.commanding, message, now, for_all=message.topic == ALL_COMMAND)
    room = replace(room, commanding=verdict.commanding)
    order = verdict.order
    objection = None if order is None else _objection(order, room, now, self)
    wish = None if order is None or objection else power_orders.wish_of(order, room.power)
    if wish is not None:
        known, is_paid = commanding.paid_to_switch(room.commanding, now.mono_s)
        room, objection = replace(room, commanding=known), None if is_paid else "too_many"
    if order is not None and objection is None:
        return _keep(room, order, now, self)
    answer, remarks = verdict.answer, list(verdict.remarks)
    if order is not None:
        answer = Settled(order.id, now.utc, "refused", objection)
        room = replace(room, commanding=commanding.unkept(room.commanding, answer))
        remarks.append(Log("warning", f"command: {order.action} {order.id} refused: {objection}"))
    return Step(room, [*remarks, *([] if answer is None else [_answer(answer, now, self)])])


def _objection(order: CommandMessage, room: "Room", now: Now, self: Self) -> str | None:
    if self.stands_in and order.action in power_orders.SWITCHING:
        return "files_broken"  # nobody knows what there would be to switch
    return power_orders.objection(order, room, now, self.config.power)


def _keep(room: "Room", order: CommandMessage, now: Now, self: Self) -> Step:
    deed = _deed(order, room, now, self)
    settled = (
        Settled(order.id, now.utc, "accepted") if deed.wish else Settled(order.id, now.utc, "done", None, deed.result)
    )
    known, forget = commanding.remember(room.commanding, settled, now)
    new = None if deed.recount is None else recounts.add(room.recounts, deed.recount)
    pending = Pending(settled, new, deed.say_all, deed.wish, deed.identify_s, deed.restart)
    room = replace(room, commanding=replace(known, pending=pending))
    instead_of = None if deed.instead_of is None else deed.instead_of.command
    said = Log("info", f"command: {order.action} {order.id} by {order.issued_by!r}")
    return Step(room, [said, KeepResult(settled, deed.recount, instead_of, forget)])


def _kept(room: "Room", pending: Pending, is_on_disk: bool, now: Now, self: Self) -> Step:
    room = replace(room, commanding=replace(room.commanding, pending=None))
    if pending.recounts is not None and not is_on_disk:
        failed = Settled(pending.settled.id, now.utc, "failed", "not_stored")
        executed = {**room.commanding.executed, failed.id: failed}
        return Step(replace(room, commanding=replace(room.commanding, executed=executed)), [_answer(failed, now, self)])
    noted: list[Command] = []
    if pending.recounts is not None:
        room = replace(room, recounts=pending.recounts)
        noted = [NoteEvent("recount", "info", pending.recounts[-1].by, pending.settled.result or {})]
    if pending.identify_s is not None:
        room = replace(room, identify_until_s=now.mono_s + pending.identify_s)
    again: list[Command] = [Restart()] if pending.restart else []
    return Step(room, [_answer(pending.settled, now, self), *noted, *again], pending.say_all, pending.wish)


def _deed(order: CommandMessage, room: "Room", now: Now, self: Self) -> Deed:
    match order.action:
        case "recount":
            return _recount(order, room, now, self)
        case "aim":
            return Deed(aiming.fitted(_geometry(room, self)).model_dump(mode="json", exclude_unset=True))
        case "report":
            return Deed({}, say_all=True)
        case "restart":
            return Deed({}, restart=True)
        case "identify":
            return Deed({}, identify_s=IdentifyArgs.model_validate(order.args).for_s)
        case "power" | "load":
            return Deed({}, wish=power_orders.wish_of(order, room.power))
    raise AssertionError(f"{order.action} is in commanding.ACTIONS and does nothing")


def _recount(order: CommandMessage, room: "Room", now: Now, self: Self) -> Deed:
    people = RecountArgs.model_validate(order.args).people
    said = reports.headcount_payload(now, self, room.estimator, room.eye, room.conference)
    new = Recount(order.id, now.utc, order.issued_by, people, said.value, said.state, said.min, said.max)
    last = recounts.replaced_by(room.recounts, new)
    extra = {} if last is None else {"replaced": last.people}
    result = Recounted(people=people, value=said.value, error=recounts.error(people, said.value), **extra)
    return Deed(result.model_dump(exclude_unset=True), new, last)


def _geometry(room: "Room", self: Self) -> Aim:
    seen, section = headcount.geometry(room.estimator), self.config.headcount
    return Aim(
        width=seen.width,
        height=seen.height,
        places=tuple(Place(x=p.x, y=p.y, w=p.w, h=p.h, seen_share=p.seen_share) for p in seen.places),
        include=section.include,
        exclude=section.exclude,
        set_aside=tuple(Aside(reason=p.reason or "excluded", x=p.x, y=p.y, w=p.w, h=p.h) for p in seen.set_aside),
    )


def _answer(settled: Settled, now: Now, self: Self) -> Command:
    said = CommandResult(
        **reports.common(now, self),
        id=settled.id,
        state=settled.state,
        reason=settled.reason,
        result=settled.result,
    )
    return Send("command/result", said, RESULT_EXPIRY_S)
