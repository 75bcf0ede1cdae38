"""What a start makes of what the disk kept of configs, and what is kept there. Pure.

::

    no candidate ──────────────────────────────► what was kept
    a candidate that is the last good config ──► it was confirmed, and the power went before that was written down
    any other candidate ───────────────────────► rolled back: restarted
    another config runs than the one before ───► rolled back: damaged, or safe_start
"""

from dataclasses import dataclass, replace

from agent.core.commands import DiscardCandidate, Log, NoteEvent, PromoteCandidate
from agent.core.config import RoomConfig
from agent.core.config_document import digest, effective, effective_digest, open_envelope, parse_document
from agent.core.config_messages import ConfigDesired, Source
from agent.core.config_reports import Report, first
from agent.core.config_state import Candidate, ConfigUpdate, Ran, Record, Result, Running, View, report_of, settled
from agent.core.errors import ConfigError
from agent.core.events import FoundConfig, Started
from agent.core.wire import encode


@dataclass(frozen=True, slots=True)
class ConfigMemory:
    """What the disk keeps. ``waiting`` is the message of an update from this box that waits; a pushed one comes again
    by itself.
    """

    highest: int = 0
    ran: Ran | None = None
    report: Report | None = None
    log: tuple[Record, ...] = ()
    waiting: str | None = None


def kept(update: ConfigUpdate) -> ConfigMemory | None:
    """What is to be kept now; None: nothing. It changes when an update is settled, or one from this box waits."""
    good = update.good or update.running
    if good is None:
        return None
    waits = update.waiting is not None and update.waiting.is_local
    waiting = encode(update.waiting.desired).decode() if update.waiting is not None and waits else None
    report = update.report if update.phase == "resting" and update.report.state != "deferred" else None
    ran: Ran | None = Ran(good.digest, good.source, good.id, good.revision, good.issued_by)
    if good.source == "built_in":
        ran = update.ran  # the room's own one lies in its file, and may run again after the next start
    return ConfigMemory(update.highest, ran, report, update.log, waiting)


def begin(started: Started, memory: ConfigMemory, view: View) -> Result:
    """The state to begin with, what has to be done for it and what is told of it."""
    found, self = started.found, view.self
    running = _running(found, memory, self.config)
    known = Report(running.id, running.revision, running.digest)
    update = ConfigUpdate(
        running=running,
        report=first(memory.report if memory.ran is not None and memory.ran.digest == running.digest else None, known),
        highest=max(memory.highest, found.highest, running.revision or 0),
        log=memory.log,
        ran=memory.ran,
    )
    update, orders = _unfinished(update, found.candidate, view) if found.candidate else _left_behind(update, found)
    return _waiting_again(update, memory.waiting, view), orders


def _running(found: FoundConfig, memory: ConfigMemory, config: RoomConfig) -> Running:
    # An agent that was given a config and no document: what it runs with is what was written.
    document = found.document if found.source != "built_in" or config == RoomConfig() else effective(config)
    of = digest(document)
    ran = memory.ran if memory.ran is not None and memory.ran.digest == of else Ran(of, "file")
    source = "built_in" if found.source == "built_in" else ran.source
    return Running(config, document, of, effective_digest(config), source, ran.id, ran.revision, ran.issued_by)


def _unfinished(update: ConfigUpdate, candidate: str, view: View) -> Result:
    desired, running = open_envelope(candidate.encode(errors="replace")).desired, update.running
    if desired is None or running is None:
        return update, [Log("error", "config: a candidate cannot be read; it is set aside"), DiscardCandidate()]
    of = digest(desired.config)
    if any((each.id, each.revision, each.digest) == (desired.id, desired.revision, of) for each in update.log):
        # It was settled and told; only the file was still there.
        letting_go = PromoteCandidate(desired.config) if of == running.digest else DiscardCandidate()
        return replace(update, leaves=letting_go), []
    if of == running.digest and running.source != "built_in":
        source: Source = "local" if desired.issued_by.startswith("local") else "push"
        running = replace(running, source=source, id=desired.id, revision=desired.revision, issued_by=desired.issued_by)
        update = replace(update, running=running)
        update, notes = settled(update, Report(desired.id, desired.revision, of, "applied"), desired, view)
        return replace(update, leaves=PromoteCandidate(running.document)), notes
    report = Report(desired.id, desired.revision, of, "rolled_back", "restarted")
    update, notes = settled(update, report, desired, view)
    return replace(update, leaves=DiscardCandidate()), notes


def _left_behind(update: ConfigUpdate, found: FoundConfig) -> Result:
    """The config that ran here last is not the one that runs: its file is damaged, or the agent fell with it."""
    ran, running = update.ran, update.running
    if ran is None or ran.id is None or running is None or ran.digest == running.digest or found.source == "file":
        return update, []
    why = "safe_start" if found.trouble == "crash_loop" else "damaged"
    report = Report(ran.id, ran.revision, ran.digest, "rolled_back", why)
    detail = {"id": ran.id, "revision": ran.revision, "digest": ran.digest, "reason": why}
    return replace(update, report=report), [NoteEvent("config.rolled_back", "fault", ran.issued_by, detail)]


def _waiting_again(update: ConfigUpdate, text: str | None, view: View) -> ConfigUpdate:
    """An update from this box that waited for the room to be off goes on waiting."""
    desired: ConfigDesired | None = None if text is None else open_envelope(text.encode(errors="replace")).desired
    if desired is None or desired.revision <= update.highest:
        return update
    try:
        config = parse_document(desired.config, "config", view.self.reserved_pins)
    except ConfigError:
        return update
    waiting = Candidate(desired, config, digest(desired.config), is_local=True)
    return replace(update, waiting=waiting, report=report_of(waiting, "deferred", update.report.reason))
