"""A config on trial: for how long it may still be confirmed, and whether the room is worse with it.

The time runs only while the broker is reached, since a WAN that drops is no reason to go back. But a config may itself
be what cuts off the broker, so that rule holds only once the broker has acknowledged a report that was made with the
new config: until then the time runs whatever the line does. And a line may be dead for half a minute before anybody
knows it: when the time is over the site makes one more report, and goes back when the broker has taken that one (so
that a confirmation could have come), or stands still if the link turns out to be down.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from agent.core.checkup import State
from agent.core.events import Now, RoomState
from agent.core.readiness import Readiness

# Without a person the site's own proof decides, and a check that is not known by then is worse than one that was ok.
PROVE_S = 60.0
# After an outage: what was said meanwhile waits at the broker, and needs a moment to come.
LEAST_AFTER_OUTAGE_S = 10.0
# The room's power is not the config's doing: a push moves no relay.
NOT_COMPARED = {"room.power"}
WELL = ("ok", "warning")

Verdict = Literal["go_on", "call", "not_confirmed", "broker_lost", "checks_worse"]


@dataclass(frozen=True, slots=True)
class Baseline:
    """How the room stood when the candidate was applied: each required check's state, and its power. ``is_own``: with a
    config of its own, so that a check that is new was fine before; without one the room was worth nothing.
    """

    checks: dict[str, State]
    power: RoomState
    is_own: bool = True


@dataclass(frozen=True, slots=True)
class Trial:
    """One candidate's time. ``left_s`` at ``since_s`` (None: the time stands still); ``is_reached``: a loss of the link
    is the line's from now on, not the config's. ``called_at``: the last report was made, and went out with this time.
    ``worse`` are required checks that are worse than before; None while that is not known. Reports made before
    ``began_at`` say nothing about the candidate.
    """

    left_s: float
    since_s: float | None
    baseline: Baseline
    needs_person: bool
    is_local: bool
    is_reached: bool
    began_at: datetime | None = None
    called_at: datetime | None = None
    worse: tuple[str, ...] | None = None

    @property
    def deadline_s(self) -> float | None:
        """When the time is over (monotonic seconds); None while it stands still, or the last report is under way."""
        return None if self.since_s is None or self.called_at is not None else self.since_s + self.left_s


def before(readiness: Readiness, power: RoomState, is_own: bool) -> Trial:
    """Not begun yet: the candidate is about to be applied, and this is how the room stands."""
    watched = readiness.watched.values()
    checks = {each.finding.name: each.state for each in watched if each.finding.required}
    return Trial(0.0, None, Baseline(checks, power, is_own), needs_person=True, is_local=True, is_reached=True)


def begin(confirm_within_s: float, baseline: Baseline, now: Now, is_local: bool, is_linked: bool) -> Trial:
    """A candidate has just been applied. With no link there is none that it could cut off."""
    needs_person = confirm_within_s > 0
    stands = needs_person and not is_local and not is_linked
    return Trial(
        left_s=confirm_within_s if needs_person else PROVE_S,
        since_s=None if stands else now.mono_s,
        baseline=baseline,
        needs_person=needs_person,
        is_local=is_local,
        is_reached=is_local or not is_linked,
        began_at=_as_told(now),
    )


def link_up(trial: Trial, now_s: float) -> Trial:
    """The broker is there (again)."""
    if trial.since_s is not None:
        return trial
    return replace(trial, since_s=now_s, left_s=max(trial.left_s, LEAST_AFTER_OUTAGE_S))


def link_down(trial: Trial, now_s: float) -> Trial:
    """The broker is away."""
    if trial.since_s is None or not trial.is_reached or trial.is_local or not trial.needs_person:
        return trial
    return replace(trial, left_s=trial.left_s - (now_s - trial.since_s), since_s=None, called_at=None)


def called(trial: Trial, now: Now) -> Trial:
    """The time is over, and one more report is made."""
    return replace(trial, called_at=_as_told(now))


def report_taken(trial: Trial, at: datetime) -> tuple[Trial, bool]:
    """The broker has a report of this candidate, made at ``at``. True: it is the last one, and nobody has confirmed."""
    if trial.began_at is None or at < trial.began_at:
        return trial, False
    is_last = trial.called_at is not None and at >= trial.called_at
    return replace(trial, is_reached=True), is_last


def verdict(trial: Trial, now_s: float) -> Verdict:
    """What the time says now."""
    due_s = trial.deadline_s
    if due_s is None or now_s < due_s:
        return "go_on"
    if not trial.is_reached:
        return "broker_lost"
    if not trial.needs_person:
        return "checks_worse"
    return "not_confirmed" if trial.is_local else "call"


def worse(baseline: Baseline, readiness: Readiness, power: RoomState) -> tuple[str, ...] | None:
    """The required checks that are worse than before, by name; None while one is not known yet. Pure.

    A check that is new was fine before: with one that fails the room is not what it was.
    """
    new: State = "ok" if baseline.is_own else "failed"
    found = list[str]()
    is_open = False
    for each in readiness.watched.values():
        name = each.finding.name
        if not each.finding.required or name in NOT_COMPARED or baseline.checks.get(name, new) not in WELL:
            continue
        if each.state == "failed":
            found.append(name)
        elif each.state == "unknown" and name in baseline.checks and each.reason not in (None, "starting"):
            # The room going off takes checks with it; that was somebody's finger.
            found += [name] if power == baseline.power else []
        elif each.state == "unknown" and each.reason in (None, "starting"):
            is_open = True
    return None if is_open else tuple(found)


def _as_told(now: Now) -> datetime:
    """This moment as a message carries it: in milliseconds."""
    return now.utc.replace(microsecond=now.utc.microsecond // 1000 * 1000)
