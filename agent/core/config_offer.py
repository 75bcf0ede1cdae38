"""What is taken of what somebody wants: never an old, repeated, unreadable or invalid config. Pure.

Only a revision above every one that was settled here is looked at, so that a retained message, which comes again at
each connect, is tried once; and where the sender says what it saw running, that must be running still.
"""

from dataclasses import replace

from agent.core.commands import Command, Log
from agent.core.config_document import Envelope, digest, open_envelope, parse_document
from agent.core.config_messages import ConfigDesired
from agent.core.config_reports import Report, once
from agent.core.config_state import Candidate, ConfigUpdate, Record, Result, View, report_of, settled
from agent.core.errors import ConfigError


def offered(update: ConfigUpdate, raw: bytes, view: View, is_local: bool) -> Result:
    """Judge what came on ``config/desired``; with ``is_local`` from this box, whose revisions are given here."""
    if not raw:
        return _withdrawn(update, view)
    envelope = open_envelope(raw)
    if envelope.desired is None:
        return _unreadable(update, envelope, view)
    desired = envelope.desired
    if is_local:
        desired = desired.model_copy(update={"revision": _newest(update) + 1})
    if known := _known(update, desired):
        return update, [once(known, update, view.now, view.self)]
    report = Report(desired.id, desired.revision, digest(desired.config), "rejected")
    if desired.revision <= _newest(update):
        said = [once(replace(report, reason="old_revision"), update, view.now, view.self)]
        return update, said if not _runs(update, desired) else []
    if is_stale(desired, update):
        return rejected(update, replace(report, reason="stale_base"), desired, view)
    try:
        config = parse_document(desired.config, "config", view.self.reserved_pins)
    except ConfigError as error:
        return rejected(update, replace(report, reason="invalid", errors=error.problems), desired, view)
    return _wanted(update, Candidate(desired, config, report.digest or "", is_local), view)


def _wanted(update: ConfigUpdate, candidate: Candidate, view: View) -> Result:
    running, orders = update.running, list[Command]()
    if running is not None and update.phase == "resting" and candidate.digest == running.digest:
        desired = candidate.desired
        running = replace(running, id=desired.id, revision=desired.revision, issued_by=desired.issued_by)
        return settled(replace(update, running=running), report_of(candidate, "applied"), candidate, view)
    if update.waiting is not None:
        gone = report_of(update.waiting, "rejected", "superseded")
        update, orders = rejected(replace(update, waiting=None), gone, update.waiting, view)
    if update.phase != "resting":
        orders = [*orders, once(report_of(candidate, "deferred", "trial"), update, view.now, view.self)]
    return replace(update, waiting=candidate), orders


def _withdrawn(update: ConfigUpdate, view: View) -> Result:
    """Nothing is desired any more. What runs, or is on trial, stays as it is."""
    waiting = update.waiting
    if waiting is None or waiting.is_local:
        return update, []
    return rejected(replace(update, waiting=None), report_of(waiting, "rejected", "withdrawn"), waiting, view)


def _unreadable(update: ConfigUpdate, envelope: Envelope, view: View) -> Result:
    """Without a revision that can be believed it is not settled, and nothing of it is written down."""
    report = Report(envelope.id, envelope.revision, None, "rejected", "malformed", envelope.problems)
    said: list[Command] = [Log("warning", f"config: refused: {envelope.problems[0]}")]
    if update.phase != "resting" or update.waiting is not None or update.report == report:
        return update, [*said, once(report, update, view.now, view.self)]
    return replace(update, report=report), said


def rejected(update: ConfigUpdate, report: Report, what: Candidate | ConfigDesired, view: View) -> Result:
    """Settle what is not even tried. While another update is under way it is told beside that one's report."""
    if update.phase == "resting" and update.waiting is None:
        return settled(update, report, what, view)
    before = update.report
    update, orders = settled(update, report, what, view)
    return replace(update, report=before), [*orders, once(report, update, view.now, view.self)]


def _known(update: ConfigUpdate, desired: ConfigDesired) -> Report | None:
    """What was said of this very message before, or is being said; None: it is new."""
    if update.candidate is not None and _is_same(update.candidate.desired, desired):
        return update.report
    if update.waiting is not None and _is_same(update.waiting.desired, desired):
        return update.report if update.phase == "resting" else report_of(update.waiting, "deferred", "trial")
    record = next((record for record in update.log if _is_same(record, desired)), None)
    if record is None:
        return None  # also one that could not be read, or stored: neither was settled
    if (update.report.id, update.report.revision) == (desired.id, desired.revision):
        return update.report
    return Report(record.id, record.revision, record.digest, record.state, record.reason)


def _is_same(known: ConfigDesired | Record, desired: ConfigDesired) -> bool:
    return (known.id, known.revision) == (desired.id, desired.revision)


def _runs(update: ConfigUpdate, desired: ConfigDesired) -> bool:
    running = update.running
    return running is not None and running.revision == desired.revision and running.digest == digest(desired.config)


def _newest(update: ConfigUpdate) -> int:
    under_way = [each.desired.revision for each in (update.candidate, update.waiting) if each is not None]
    return max([update.highest, *under_way])


def is_stale(desired: ConfigDesired, update: ConfigUpdate) -> bool:
    runs = update.running.revision if update.running is not None else None
    return desired.base_revision is not None and desired.base_revision != (runs or 0)
