"""How a room's config changes: a candidate is tried, and goes back unless somebody confirms that the room is fine.

::

     offered ──► rejected (all problems at once)
        │
        ▼                 not now: deferred
     waiting ◄──────────────────────────────── a load is on and wiring changes, relays walk, another is on trial
        │ StageCandidate: on disk before anything acts
        ▼
     staging ──► applying ── ApplyConfig ──► trial ── confirm ──► promoting ── PromoteCandidate ──► applied
                    │ a part is not to be had   │ time over, worse, broker lost       │ not stored
                    ▼                           ▼                                     ▼
                 reverting ── ApplyConfig(the last good one) ── DiscardCandidate ──► rolled back

A start that finds a candidate begins with the last good config and reports ``restarted``, so a config that crashes or
hangs the agent is tried once. What was settled once is never tried again: a retained message comes at each connect. The
time of a trial is in ``config_trial.py``, when wiring may change in ``config_wiring.py``, what is told of all this in
``config_reports.py``. The candidate's file is let go of only when what became of it is on disk elsewhere. Pure.
"""

from dataclasses import replace

from agent.core import config_offer, config_resume, config_trial, config_wiring, memory
from agent.core.commands import ApplyConfig, Command, DiscardCandidate, Log, PromoteCandidate, StageCandidate
from agent.core.config_messages import ConfigConfirm, ConfigReported
from agent.core.config_reports import stored_again
from agent.core.config_state import ConfigUpdate, Result, View, as_running, named, report_of, settled
from agent.core.config_trial import Trial
from agent.core.contract import split_topic
from agent.core.events import (
    CandidatePromoted,
    CandidateStaged,
    ConfigApplied,
    ConfigConfirmed,
    ConfigOffered,
    Event,
    LinkDown,
    LinkUp,
    MessageReceived,
    ReportTaken,
    Started,
)
from agent.core.wire import MAX_PAYLOAD_BYTES, decode, encode

# What runs is told too, with more around it; and a document may be longer as we write its numbers.
LEFT_BYTES = 1024
DESIRED, CONFIRM = "config/desired", "config/confirm"


def is_ours(topic: str, site: str) -> bool:
    """Whether a message on this topic is about this site's config."""
    return split_topic(topic) in ((site, DESIRED), (site, CONFIRM))


def handle(update: ConfigUpdate, event: Event, view: View) -> Result:
    """One step, before the other machines take theirs. Pure.

    Args:
        update: The state before.
        event: What happened.
        view: The moment, this box with the config that runs, and how the room stood before this event.
    """
    if update.running is None and not isinstance(event, Started):
        return update, []
    update, orders = _step(update, event, view)
    update, more = _on_time(update, view)
    return update, [*orders, *more]


def _step(update: ConfigUpdate, event: Event, view: View) -> Result:
    match event:
        case Started():
            return config_resume.begin(event, memory.config_of(event.memory.facts), view)
        case MessageReceived() if is_ours(event.topic, view.self.site):
            return _told(update, event, view)
        case ConfigOffered(raw=raw):
            return config_offer.offered(update, raw, view, is_local=True)
        case ConfigConfirmed(id=id_):
            return _confirmed(update, id_)
        case LinkUp() | LinkDown() | ReportTaken():
            return _of_link(update, event, view)
        case CandidateStaged(is_on_disk=is_on_disk) if update.phase == "staging":
            return _staged(update, is_on_disk, view)
        case ConfigApplied() if update.phase == "applying":
            return _applied(update, event, view)
        case ConfigApplied(failed=failed) if update.phase == "reverting":
            return _reverted(update, failed, view)
        case CandidatePromoted(is_on_disk=is_on_disk) if update.phase == "promoting":
            return _promoted(update, is_on_disk, view)
    return update, []


def _told(update: ConfigUpdate, message: MessageReceived, view: View) -> Result:
    if message.topic.endswith(DESIRED):
        return config_offer.offered(update, message.payload, view, is_local=False)
    if message.retain:
        return update, [Log("warning", "config: a confirmation with the retain flag is none")]
    try:
        return _confirmed(update, decode(ConfigConfirm, message.payload).id)
    except ValueError as error:
        return update, [Log("warning", f"config: a confirmation cannot be read: {error}")]


def let_go(update: ConfigUpdate) -> Result:
    """What became of the last candidate is on disk: its file is not needed any more. Pure."""
    return replace(update, leaves=None), [] if update.leaves is None else [update.leaves]


def proceed(update: ConfigUpdate, view: View) -> Result:
    """Begin with what waits, as soon as it may be, once the other machines have taken their step. Pure."""
    waiting, running, trial = update.waiting, update.running, update.trial
    is_held_up = update.phase == "trial" and trial is not None and trial.since_s is None
    if is_held_up and waiting is not None and waiting.is_local:
        # Somebody stands at the box, and whoever pushed cannot be reached: the push has had its chance.
        update, said = _revert(update, "superseded")
        return _go_back(update, view, said)
    if update.phase == "reverting" and not update.is_ordered:
        return _go_back(update, view, [])
    if waiting is None or running is None or update.phase != "resting":
        return update, []
    if update.leaves is not None and not view.forgets:
        return update, []  # the candidate's file is needed for a moment yet
    if waiting.digest == running.digest:
        return config_offer.as_it_is(replace(update, waiting=None), waiting, view)
    if config_offer.is_stale(waiting.desired, update):
        return config_offer.dropped(update, "stale_base", view)
    why = config_wiring.why_not_now(view.power, running.config.power, waiting.config.power)
    if why is not None:
        report = report_of(waiting, "deferred", why)
        return (update if report == update.report else replace(update, report=report)), []
    text = encode(waiting.desired)
    if len(text) > MAX_PAYLOAD_BYTES - LEFT_BYTES:
        return config_offer.dropped(update, "too_large", view)
    update = replace(update, phase="staging", candidate=waiting, waiting=None, leaves=None)
    return update, [StageCandidate(text.decode())]


def proved(update: ConfigUpdate, view: View) -> Result:
    """Look at the checks with the config on trial, once they are known for this step. Pure."""
    trial = update.trial
    if update.phase != "trial" or trial is None:
        return update, []
    only_reads = config_wiring.only_reads(view.power, trial)
    worse = config_trial.worse(trial, view.readiness, view.power.state, only_reads)
    if worse != trial.worse or worse != update.report.checks_worse:
        update = replace(update, trial=replace(trial, worse=worse), report=replace(update.report, checks_worse=worse))
    if trial.needs_person or worse is None or not trial.is_reached:
        return update, []
    if not worse:
        return _promote(update)
    update, said = _revert(update, "checks_worse")
    return _go_back(update, view, said)


def _staged(update: ConfigUpdate, is_on_disk: bool, view: View) -> Result:
    candidate = update.candidate
    if candidate is None:
        return update, []
    if not is_on_disk:
        # Nothing was tried, so it is not settled: a disk that can be written again takes it at the next connect.
        report = report_of(candidate, "rejected", "not_stored")
        return replace(update, phase="resting", candidate=None, report=report), [Log("error", "config: not stored")]
    is_own = update.running is not None and update.running.source != "built_in"
    trial = config_trial.before(view.readiness, view.power.state, is_own)
    update = replace(update, phase="applying", trial=trial, report=report_of(candidate, "applying"))
    return update, [Log("info", f"config: {named(candidate.desired)}: trying it"), ApplyConfig(candidate.config)]


def _applied(update: ConfigUpdate, applied: ConfigApplied, view: View) -> Result:
    candidate, trial, before = update.candidate, update.trial, update.running
    if candidate is None or trial is None or before is None:
        return update, []
    update = replace(update, good=before, running=as_running(candidate))
    was_off = bool(before.config.power.loads) and not config_wiring.is_in_use(view.power)
    reads_on = was_off and "on" in (applied.loads or {}).values()
    trial = replace(trial, applied_s=view.now.mono_s, is_rewired=applied.loads is not None, reads_on=reads_on)
    if applied.failed:
        return _revert(replace(update, trial=trial), f"part_failed: {', '.join(applied.failed)}")
    within_s = candidate.desired.confirm_within_s
    begun = config_trial.begin(within_s, trial.baseline, view.now, candidate.is_local, update.is_linked)
    trial = replace(begun, is_rewired=trial.is_rewired, reads_on=trial.reads_on)
    report = report_of(candidate, "pending_confirm" if trial.needs_person else "applying")
    return replace(update, phase="trial", trial=trial, report=report), []


def _confirmed(update: ConfigUpdate, id_: str) -> Result:
    if update.phase == "trial" and update.candidate is not None and update.candidate.desired.id == id_:
        return _promote(update)
    if update.phase not in ("resting", "promoting") or update.report.id != id_:
        return update, [Log("warning", f"config: {id_} is confirmed, and is not on trial")]
    return update, []


def _promote(update: ConfigUpdate) -> Result:
    document = update.candidate.desired.config if update.candidate is not None else {}
    return replace(update, phase="promoting"), [PromoteCandidate(document)]


def _promoted(update: ConfigUpdate, is_on_disk: bool, view: View) -> Result:
    candidate = update.candidate
    if not is_on_disk or candidate is None:
        return _revert(update, "not_stored")  # it would be gone with the next start
    before = update.good
    leaves = PromoteCandidate(candidate.desired.config)  # once more: then it only lets go
    update = replace(update, phase="resting", candidate=None, good=None, trial=None, leaves=leaves)
    return settled(update, report_of(candidate, "applied"), candidate.desired, view, before)


def _revert(update: ConfigUpdate, why: str) -> Result:
    """Begin to go back. The candidate's file stays until that is done and written down: the next start is with the last
    good config in any case, and says what became of the other.
    """
    return replace(update, phase="reverting", why=why, is_ordered=False), [Log("warning", f"config: going back: {why}")]


def _go_back(update: ConfigUpdate, view: View, said: list[Command]) -> Result:
    candidate, running, good, trial = update.candidate, update.running, update.good, update.trial
    if candidate is None or running is None or good is None or trial is None:
        return update, said
    why = config_wiring.why_not_back(view.power, trial, running.config.power, good.config.power)
    if why is not None:
        # Somebody has switched the room on with the new wiring meanwhile: its lines are not let go of under it.
        report = report_of(candidate, "deferred", f"going_back: {why}")
        return (update if report == update.report else replace(update, report=report)), said
    return replace(update, is_ordered=True), [*said, ApplyConfig(good.config)]


def _reverted(update: ConfigUpdate, failed: tuple[str, ...], view: View) -> Result:
    candidate, tried, good = update.candidate, update.running, update.good
    if candidate is None or good is None:
        return update, []
    said: list[Command] = [Log("error", f"config: back, but without {', '.join(failed)}")] if failed else []
    update = replace(update, phase="resting", running=good, good=None, candidate=None, trial=None)
    update = replace(update, leaves=DiscardCandidate())
    worse = update.report.checks_worse
    report = replace(report_of(candidate, "rolled_back", update.why), checks_worse=worse)
    update, orders = settled(update, report, candidate.desired, view, tried)
    return update, [*said, *orders]


def _of_link(update: ConfigUpdate, event: LinkUp | LinkDown | ReportTaken, view: View) -> Result:
    trial, now_s = update.trial, view.now.mono_s
    if isinstance(event, LinkUp | LinkDown):
        update = replace(update, is_linked=isinstance(event, LinkUp))
    if trial is None or update.phase != "trial":
        return update, []
    match event:
        case LinkUp():
            return replace(update, trial=config_trial.link_up(trial, now_s)), []
        case LinkDown():
            return replace(update, trial=config_trial.link_down(trial, now_s)), []
        case ReportTaken(raw=raw):
            return _report_taken(update, trial, raw)


def _report_taken(update: ConfigUpdate, trial: Trial, raw: bytes) -> Result:
    report = decode(ConfigReported, raw)  # our own words
    runs = update.running.effective_digest if update.running is not None else None
    if (report.id, report.state, report.effective_digest) != (update.report.id, update.report.state, runs):
        return update, []  # made before, with the config before
    trial, is_last = config_trial.report_taken(trial, report.at)
    update = replace(update, trial=trial)
    return _revert(update, "not_confirmed") if is_last else (update, [])


def _on_time(update: ConfigUpdate, view: View) -> Result:
    if update.phase != "trial" or update.trial is None:
        return update, []
    match config_trial.verdict(update.trial, view.now.mono_s):
        case "go_on":
            return update, []
        case "call":
            update = replace(update, trial=config_trial.called(update.trial, view.now))
            return update, [stored_again(update, view.now, view.self)]
        case why:
            return _revert(update, why)
