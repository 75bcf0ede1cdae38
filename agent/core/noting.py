"""What a room notes down before its machines move: what the disk kept, who is connected, which conference is planned.

Nothing here orders anything but lines for the journal and the history.
"""

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from agent.core import actions, config_update, home_assistant, keeping, memory, restarts
from agent.core.commands import Command, Log, NoteEvent
from agent.core.contract import Conference, decode, split_topic
from agent.core.events import (
    CandidatePromoted,
    CertificateSeen,
    DuplicateSeen,
    Event,
    HealthRead,
    Kept,
    LinkDown,
    LinkRefused,
    LinkUp,
    MessageReceived,
    Now,
    Started,
    Stopping,
)
from agent.core.keeping import Keeper
from agent.core.reports import Self
from agent.core.restarts import Run, Watchdog

if TYPE_CHECKING:
    from agent.core.room import Result, Room


def handle(room: "Room", event: Event, now: Now, self: Self) -> "Result":
    """One step, before the machines' own: what was kept, who is connected, what is planned. Pure."""
    match event:
        case Started(problems=problems, memory=kept):
            remarks: list[Command] = [Log("error", f"{problem}") for problem in problems]
            room = replace(room, conference=memory.conference_of(kept.facts), keeper=Keeper(dict(kept.facts)))
            room = replace(room, scheduled=memory.scheduled_of(kept.facts), told=memory.told_of(kept.facts))
            room, why = _begun(room, event, now, self)
            is_broken = len(problems) > event.found.problems
            return replace(room, identity_is_broken=is_broken, file_trouble=event.found.trouble), [*remarks, *why]
        case Stopping():
            run = None if room.run is None else replace(room.run, in_order=True)
            return replace(room, stopping=True, run=run), [Log("info", "stopping; no relay moves for it")]
        case LinkUp() | LinkDown() | LinkRefused() | DuplicateSeen():
            return _of_link(room, event, self.site)
        case CertificateSeen() | CandidatePromoted() | HealthRead():
            return _known(room, event), []
        case Kept(is_on_disk=is_on_disk, survives=survives, lost_others=lost_others):
            keeper = keeping.answered(room.keeper, is_on_disk, now.mono_s, survives, lost_others)
            keeper, notes = keeping.told_dropped(keeper)
            return replace(room, keeper=keeper), notes
        case MessageReceived(topic=home_assistant.STATUS_TOPIC):
            return room, []
        case MessageReceived(topic=topic) if config_update.is_ours(topic, self.site):
            return room, []
        case MessageReceived(topic=topic) if not actions.is_command(topic, self.site):
            return _message(room, event, now, self.site)
        case _:
            return room, []


def _known(room: "Room", event: CertificateSeen | CandidatePromoted | HealthRead) -> "Room":
    match event:
        case CertificateSeen(ends=ends):
            return replace(room, certificate_ends=ends)
        case HealthRead(figures=figures):
            return replace(room, health=figures)
        case CandidatePromoted(is_on_disk=True):
            return replace(room, file_trouble=None)  # it has taken the place of what was broken
    return room


def _of_link(room: "Room", event: LinkUp | LinkDown | LinkRefused | DuplicateSeen, site: str) -> "Result":
    match event:
        case LinkUp(connection=connection):
            return replace(room, connection=connection), [Log("info", f"link: connected, number {connection}")]
        case LinkDown(reason=reason):
            return room, [Log("warning", f"link: {reason}")]
        case LinkRefused(what=what) if "/simulated/" in what:
            return room, [Log("info", f"link: the broker does not pass on {what}; it is for simulations only")]
        case LinkRefused(what=what):
            note = NoteEvent("link.refused", "fault", None, {"what": what})
            return room, [Log("error", f"link: the broker does not pass on {what}"), note]
        case DuplicateSeen(why=why):
            note = NoteEvent("site.duplicate", "fault", None, {"why": why})
            return room, [Log("error", f"link: two boxes claim to be {site}: {why}"), note]


def _begun(room: "Room", started: Started, now: Now, self: Self) -> "Result":
    """Count why the run before this one ended."""
    facts = started.memory.facts
    run = Run(self.boot_id, self.version)
    watchdog = None if started.watchdog_s is None else Watchdog(started.watchdog_s)
    cause = restarts.cause(memory.run_of(facts), run, now.mono_s, started.alive_s, watchdog)
    counts = memory.restarts_of(facts)
    if cause is None:
        return replace(room, run=run, restarts=counts), []
    severity: Literal["info", "warning"] = "info" if cause in ("stop", "upgrade") else "warning"
    notes: list[Command] = [NoteEvent("agent.restarted", severity, None, {"cause": cause})]
    return replace(room, run=run, restarts={**counts, cause: counts.get(cause, 0) + 1}), notes


def _message(room: "Room", message: MessageReceived, now: Now, site: str) -> "Result":
    if split_topic(message.topic) != (site, "conference"):
        return room, [Log("warning", f"link: a message on a topic that is not ours: {message.topic[:100]!r}")]
    if not message.payload:
        return replace(room, conference=None), [Log("info", "conference: cleared")]
    try:
        conference = decode(Conference, message.payload)
    except ValueError as error:
        return room, [Log("warning", f"conference: refused, {error}; the one before stays")]
    said: list[Command] = [Log("info", f"conference: {conference.id!r}")]
    if conference.power_on_minutes is not None and not now.synced:
        said.append(Log("warning", "conference: the room comes up by itself only once the clock is synchronised"))
    return replace(room, conference=conference), said
