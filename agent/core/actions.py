"""What each command from the centre does. Nothing acts before its result is on disk.

``KeepResult`` orders that and ``ResultKept`` answers it, before the next event is looked at.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from agent.core import aiming, commanding, headcount, recounts, reports
from agent.core.commanding import Pending
from agent.core.commands import Command, KeepResult, Log, Send
from agent.core.contract import (
    ALL_COMMAND,
    Aim,
    Aside,
    CommandMessage,
    CommandResult,
    Place,
    RecountArgs,
    Recounted,
    split_topic,
)
from agent.core.events import Event, Memory, MessageReceived, Now, Recount, ResultKept, Settled, Started
from agent.core.reports import Self

if TYPE_CHECKING:
    from agent.core.room import Room

RESULT_EXPIRY_S = 60  # who asked has given up by then


@dataclass(frozen=True, slots=True)
class Step:
    """The room after a step, what is to be done, and whether everything is to be said again."""

    room: "Room"
    commands: list[Command]
    say_all: bool = False


@dataclass(frozen=True, slots=True)
class Deed:
    """What a command comes to, once it is on disk."""

    result: dict[str, Any]
    recount: Recount | None = None
    instead_of: Recount | None = None
    say_all: bool = False


def is_command(topic: str, site: str) -> bool:
    """Whether a message on this topic is for us to obey."""
    return topic == ALL_COMMAND or split_topic(topic) == (site, "command")


def handle(room: "Room", event: Event, now: Now, self: Self) -> Step:
    """One step. Pure."""
    match event:
        case Started(memory=memory):
            return Step(_recalled(room, memory), [])
        case MessageReceived(topic=topic, payload=payload) if payload and is_command(topic, self.site):
            return _received(room, event, now, self)
        case ResultKept() if room.commanding.pending is not None and room.commanding.pending.settled.id == event.id:
            return _kept(room, room.commanding.pending, event.is_on_disk, now, self)
    return Step(room, [])


def _recalled(room: "Room", memory: Memory) -> "Room":
    known = commanding.recalled(memory.settled)
    return replace(room, commanding=known, recounts=memory.recounts[-recounts.KEPT :])


def _received(room: "Room", message: MessageReceived, now: Now, self: Self) -> Step:
    verdict = commanding.judge(room.commanding, message, now, for_all=message.topic == ALL_COMMAND)
    room = replace(room, commanding=verdict.commanding)
    if verdict.order is not None:
        return _keep(room, verdict.order, now, self)
    answers = [] if verdict.answer is None else [_answer(verdict.answer, now, self)]
    return Step(room, [*verdict.remarks, *answers])


def _keep(room: "Room", order: CommandMessage, now: Now, self: Self) -> Step:
    deed = _deed(order, room, now, self)
    settled = Settled(order.id, now.utc, "done", None, deed.result)
    known, forget = commanding.remember(room.commanding, settled, now)
    new = None if deed.recount is None else recounts.add(room.recounts, deed.recount)
    room = replace(room, commanding=replace(known, pending=Pending(settled, new, deed.say_all)))
    instead_of = None if deed.instead_of is None else deed.instead_of.command
    said = Log("info", f"command: {order.action} {order.id} by {order.issued_by!r}")
    return Step(room, [said, KeepResult(settled, deed.recount, instead_of, forget)])


def _kept(room: "Room", pending: Pending, is_on_disk: bool, now: Now, self: Self) -> Step:
    room = replace(room, commanding=replace(room.commanding, pending=None))
    if pending.recounts is not None and not is_on_disk:
        failed = Settled(pending.settled.id, now.utc, "failed", "not_stored")
        executed = {**room.commanding.executed, failed.id: failed}
        return Step(replace(room, commanding=replace(room.commanding, executed=executed)), [_answer(failed, now, self)])
    if pending.recounts is not None:
        room = replace(room, recounts=pending.recounts)
    return Step(room, [_answer(pending.settled, now, self)], pending.say_all)


def _deed(order: CommandMessage, room: "Room", now: Now, self: Self) -> Deed:
    match order.action:
        case "recount":
            return _recount(order, room, now, self)
        case "aim":
            return Deed(aiming.fitted(_geometry(room, self)).model_dump(mode="json", exclude_unset=True))
        case "report":
            return Deed({}, say_all=True)
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
