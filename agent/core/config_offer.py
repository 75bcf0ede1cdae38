"""What is taken of what somebody wants: never an old, repeated, unreadable or invalid config. Pure.

Only a revision above every one that was settled here is looked at, so that a retained message, which comes again at
each connect, is tried once; and where the sender says what it saw running, that must be running still.
"""

from dataclasses import replace

from agent.core.commands import Command, Log
from agent.core.config_document import Envelope, digest, open_envelope, parse_document
from agent.core.config_messages import ConfigDesired, Source
from agent.core.config_reports import Report, once
from agent.core.config_state import Candidate, ConfigUpdate, Result, View, report_of, settled
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
    if _is_known(update, desired):
        known = _known(update, desired)
        return update, [] if known is None else [once(known, update, view.now, view.self)]
    report = Report(desired.id, desired.revision, digest(desired.config), "rejected")
    if desired.revision <= _newest(update):
        said = [once(replace(report, reason="old_revision"), update, view.now, view.self)]
        return update, said if not _runs(update, desired) else []
    is_as_it_is = update.running is not None and report.digest == update.running.digest and update.phase == "resting"
    if is_stale(desired, update) and not is_as_it_is:
        return rejected(update, replace(report, reason="stale_base"), desired, view)
    try:
        config = parse_document(desired.config, "config", view.self.reserved_pins)
    except ConfigError as error:
        return rejected(update, replace(report, reason="invalid", errors=error.problems), desired, view)
    return _wanted(update, Candidate(desired, config, report.digest or "", is_local), view)


def _wanted(update: ConfigUpdate, candidate: Candidate, view: View) -> Result:
    orders = list[Command]()
    if update.waiting is not None:
        gone = report_of(update.waiting, "rejected", "superseded")
        update, orders = dropped(update, "superseded", view)
        if update.phase == "resting":
            orders = [*orders, once(gone, update, view.now, view.self)]  # what comes now is said in its place
    if update.phase != "resting":
        orders = [*orders, once(report_of(candidate, "deferred", "trial"), update, view.now, view.self)]
    return replace(update, waiting=candidate), orders


def as_it_is(update: ConfigUpdate, candidate: Candidate, view: View) -> Result:
    """What is wanted runs already: nothing is touched for it."""
    desired, running = candidate.desired, update.running
    if running is not None:
        source: Source = "local" if candidate.is_local else "push"
        running = replace(running, id=desired.id, revision=desired.revision, issued_by=desired.issued_by, source=source)
    return settled(replace(update, running=running), report_of(candidate, "applied"), desired, view)


def dropped(update: ConfigUpdate, why: str, view: View) -> Result:
    """What waits is not even tried."""
    waiting = update.waiting
    if waiting is None:
        return update, []
    return rejected(replace(update, waiting=None), report_of(waiting, "rejected", why), waiting.desired, view)


def _withdrawn(update: ConfigUpdate, view: View) -> Result:
    """Nothing is desired any more. What runs, or is on trial, stays as it is."""
    if update.waiting is None or update.waiting.is_local:
        return update, []
    return dropped(update, "withdrawn", view)


def _unreadable(update: ConfigUpdate, envelope: Envelope, view: View) -> Result:
    """Without a revision that can be believed it is not settled, and nothing of it is written down."""
    report = Report(envelope.id, envelope.revision, None, "rejected", "malformed", envelope.problems)
    said: list[Command] = [Log("warning", f"config: refused: {envelope.problems[0]}")]
    if update.phase != "resting" or update.waiting is not None or update.report == report:
        return update, [*said, once(report, update, view.now, view.self)]
    return replace(update, report=report), said


def rejected(update: ConfigUpdate, report: Report, desired: ConfigDesired, view: View) -> Result:
    """Settle what is not even tried. While another update is under way it is told beside that one's report."""
    if update.phase == "resting" and update.waiting is None:
        return settled(update, report, desired, view)
    before = update.report
    update, orders = settled(update, report, desired, view)
    return replace(update, report=before), [*orders, once(report, update, view.now, view.self)]


def _is_known(update: ConfigUpdate, desired: ConfigDesired) -> bool:
    """Whether this very message was settled, or is being looked at. One that could not be read or stored is not."""
    under_way = [each for each in (update.candidate, update.waiting) if each is not None]
    messages = [(each.desired.id, each.desired.revision, each.digest) for each in under_way]
    messages += [(each.id, each.revision, each.digest) for each in update.log]
    return (desired.id, desired.revision, digest(desired.config)) in messages


def _known(update: ConfigUpdate, desired: ConfigDesired) -> Report | None:
    """What was said of a message that is known; None: that would not be true any more, so nothing is said."""
    if update.waiting is not None and update.waiting.desired.id == desired.id:
        return update.report if update.phase == "resting" else report_of(update.waiting, "deferred", "trial")
    if (update.report.id, update.report.revision) == (desired.id, desired.revision):
        return update.report
    record = next((each for each in update.log if (each.id, each.revision) == (desired.id, desired.revision)), None)
    if record is None or (record.state == "applied" and not _runs(update, desired)):
        return None
    return Report(record.id, record.revision, record.digest, record.state, record.reason)


def _runs(update: ConfigUpdate, desired: ConfigDesired) -> bool:
    running = update.running
    return running is not None and running.revision == desired.revision and running.digest == digest(desired.config)


def _newest(update: ConfigUpdate) -> int:
    under_way = [each.desired.revision for each in (update.candidate, update.waiting) if each is not None]
    return max([update.highest, *under_way])


def is_stale(desired: ConfigDesired, update: ConfigUpdate) -> bool:
    """Whether what the sender saw running does not run any more."""
    runs = update.running.revision if update.running is not None else None
    return desired.base_revision is not None and desired.base_revision != (runs or 0)
