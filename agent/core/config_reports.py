"""What is told of a config: topics ``config/reported`` and ``config/running``. Pure."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from agent.core.commands import Command, Publish, Send
from agent.core.config_messages import ConfigProblem, ConfigReported, ConfigRunning, UpdateState
from agent.core.errors import Problem
from agent.core.events import Now
from agent.core.reports import Self, common

if TYPE_CHECKING:
    from agent.core.config_state import ConfigUpdate

TOPIC, RUNNING_TOPIC = "config/reported", "config/running"
EXPIRY_S = 300  # of what is said once: who pushed waits no longer
LONGEST = 300  # of a problem's sentence, which quotes what somebody sent


@dataclass(frozen=True, slots=True)
class Report:
    """What there is to say of one update. ``id`` None: nobody has pushed anything yet."""

    id: str | None = None
    revision: int | None = None
    digest: str | None = None
    state: UpdateState = "applied"
    reason: str | None = None
    errors: tuple[Problem, ...] = ()
    checks_worse: tuple[str, ...] | None = None


def reported(report: Report, effective_digest: str, now: Now, self: Self) -> ConfigReported:
    """The payload of ``config/reported``. ``checks_worse`` is there while somebody may confirm, and after that."""
    extra: dict[str, Any] = {}
    if report.reason is not None:
        extra["reason"] = report.reason
    if report.errors:
        extra["errors"] = tuple(_problem(each) for each in report.errors)
    if report.state == "pending_confirm" or report.checks_worse is not None:
        extra["checks_worse"] = report.checks_worse
    return ConfigReported(
        **common(now, self),
        id=report.id,
        revision=report.revision,
        digest=report.digest,
        state=report.state,
        effective_digest=effective_digest,
        **extra,
    )


def live(update: "ConfigUpdate", now: Now, self: Self) -> dict[str, ConfigReported | ConfigRunning]:
    """Both topics as they are now; none of an agent that does not know what it runs with."""
    running = update.running
    if running is None:
        return {}
    return {
        TOPIC: reported(update.report, running.effective_digest, now, self),
        RUNNING_TOPIC: ConfigRunning(
            **common(now, self),
            id=running.id,
            revision=running.revision,
            digest=running.digest,
            effective_digest=running.effective_digest,
            source=running.source,
            issued_by=running.issued_by,
            settled=update.highest,
            config=running.document,
        ),
    }


def once(report: Report, update: "ConfigUpdate", now: Now, self: Self) -> Command:
    """Say something of an update beside the one that is under way: it is not stored."""
    runs = update.running.effective_digest if update.running is not None else ""
    return Send(TOPIC, reported(report, runs, now, self), EXPIRY_S)


def stored_again(update: "ConfigUpdate", now: Now, self: Self) -> Command:
    """Say the topic's stored value once more, though it is the same."""
    return Publish(TOPIC, live(update, now, self)[TOPIC])


def first(report: Report | None, running_report: Report) -> Report:
    """What to begin with: what was said last, unless it was about something that did not come to its end."""
    if report is None or report.state in ("applying", "pending_confirm", "deferred"):
        return running_report
    if report.state == "rolled_back" and report.digest == running_report.digest:
        return running_report  # that one runs again
    return replace(report, checks_worse=None)


def _problem(problem: Problem) -> ConfigProblem:
    extra = {} if problem.suggestion is None else {"suggestion": problem.suggestion[:LONGEST]}
    return ConfigProblem(path=problem.path[:LONGEST], message=problem.message[:LONGEST], **extra)
