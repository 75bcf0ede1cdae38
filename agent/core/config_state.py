"""The state of everything about a room's config, as plain data, and how an update is written into it at its end.

The machine is in ``config_update.py``, what is taken and what is refused in ``config_offer.py``, what a start finds in
``config_resume.py``.
"""

from dataclasses import dataclass, field, replace
from typing import Literal

from agent.core.commands import Command, Log, NoteEvent
from agent.core.config import RoomConfig
from agent.core.config_diff import changes
from agent.core.config_document import Document, effective_digest
from agent.core.config_messages import ConfigDesired, Source, UpdateState
from agent.core.config_reports import Report, once
from agent.core.config_trial import Trial
from agent.core.events import Now
from agent.core.power import Power
from agent.core.readiness import Readiness
from agent.core.reports import Self

Phase = Literal["resting", "staging", "applying", "trial", "promoting", "reverting"]
LOG_KEPT = 20
CHANGED_KEPT = 40  # of a row of the history; the centre has the documents


@dataclass(frozen=True, slots=True)
class Running:
    """A config that the parts run with, or ran with. ``document`` is as it was written; ``revision`` None: it never had
    one."""

    config: RoomConfig
    document: Document
    digest: str
    effective_digest: str
    source: Source
    id: str | None = None
    revision: int | None = None
    issued_by: str | None = None


@dataclass(frozen=True, slots=True)
class Ran:
    """What is kept of the config that runs; the document itself lies in a file."""

    digest: str
    source: Source
    id: str | None = None
    revision: int | None = None
    issued_by: str | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A valid config that somebody wants. ``is_local``: from the box itself."""

    desired: ConfigDesired
    config: RoomConfig
    digest: str
    is_local: bool


@dataclass(frozen=True, slots=True)
class Record:
    """One line of who changed what: an update that was settled, ``at`` in ISO text. ``changed`` are paths."""

    id: str
    revision: int
    digest: str
    state: UpdateState
    reason: str | None
    by: str
    at: str
    changed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ConfigUpdate:
    """All about the config. ``running`` None: as the agent began, and nothing is told of it.

    ``good`` is what to go back to while ``running`` is a candidate; ``waiting`` comes next. ``report`` is what was said
    last of an update. ``highest`` is the highest revision that was settled here, ``log`` the last ones. ``why`` is the
    reason for going back, and ``is_ordered`` says that the parts were told to. ``ran`` is what an earlier run left of
    its config. ``leaves`` lets go of the candidate's file, which is there until what became of it is on disk elsewhere.
    """

    running: Running | None = None
    good: Running | None = None
    candidate: Candidate | None = None
    waiting: Candidate | None = None
    phase: Phase = "resting"
    report: Report = Report()
    highest: int = 0
    log: tuple[Record, ...] = ()
    trial: Trial | None = None
    is_linked: bool = False
    why: str = ""
    is_ordered: bool = False
    ran: Ran | None = None
    leaves: Command | None = None

    @property
    def deadline_s(self) -> float | None:
        """When the time of a trial is over (monotonic seconds)."""
        return self.trial.deadline_s if self.phase == "trial" and self.trial is not None else None


@dataclass(frozen=True, slots=True)
class View:
    """What the machine looks at beside itself: the moment, this box, and how the room stands. ``forgets``: what must
    survive a power cut cannot be written.
    """

    now: Now
    self: Self
    power: Power
    readiness: Readiness = field(default_factory=Readiness)
    forgets: bool = False


Result = tuple[ConfigUpdate, list[Command]]


def configured(self: Self, update: ConfigUpdate) -> Self:
    """This box with the config that runs now."""
    running = update.running
    if running is None or (running.config is self.config and running.revision == self.config_revision):
        return self
    # A config that was applied is the room's own, whatever it began with.
    stands_in = self.stands_in and running.config is self.config
    return replace(self, config=running.config, config_revision=running.revision, stands_in=stands_in)


def settled(
    update: ConfigUpdate,
    report: Report,
    desired: ConfigDesired,
    view: View,
    before: Running | None = None,
) -> Result:
    """Never to be tried again. ``before``: what ran until now, so that the history can say what was changed."""
    changed = _changed(before, update.running)
    at = view.now.utc.isoformat(timespec="milliseconds")
    id_, revision, of = desired.id, desired.revision, report.digest or ""
    record = Record(id_, revision, of, report.state, report.reason, desired.issued_by, at, changed)
    detail = {"id": id_, "revision": revision, "digest": of, "reason": report.reason, "changed": list(changed)}
    detail |= {"errors": [str(each)[:200] for each in report.errors[:5]]} if report.errors else {}
    note = NoteEvent(f"config.{report.state}", "info" if report.state == "applied" else "warning", record.by, detail)
    reason = f" ({report.reason})" if report.reason else ""
    said = Log("info" if report.state == "applied" else "warning", f"config: {named(desired)} {report.state}{reason}")
    log = (*update.log, record)[-LOG_KEPT:]
    # What comes next may say something else before this has gone out.
    also = [] if update.waiting is None or report.state == "rejected" else [once(report, update, view.now, view.self)]
    return replace(update, report=report, highest=max(update.highest, revision), log=log), [said, note, *also]


def _changed(before: Running | None, after: Running | None) -> tuple[str, ...]:
    if before is None or after is None:
        return ()
    paths = tuple(change.path for change in changes(before.config, after.config))
    return paths[:CHANGED_KEPT]


def as_running(candidate: Candidate) -> Running:
    """A candidate that the parts run with."""
    desired = candidate.desired
    return Running(
        config=candidate.config,
        document=desired.config,
        digest=candidate.digest,
        effective_digest=effective_digest(candidate.config),
        source="local" if candidate.is_local else "push",
        id=desired.id,
        revision=desired.revision,
        issued_by=desired.issued_by,
    )


def report_of(candidate: Candidate, state: UpdateState, reason: str | None = None) -> Report:
    """What there is to say of a candidate."""
    desired = candidate.desired
    return Report(desired.id, desired.revision, candidate.digest, state, reason)


def named(desired: ConfigDesired) -> str:
    """An update in a line of the log."""
    return f"revision {desired.revision} ({desired.id}) by {desired.issued_by!r}"
