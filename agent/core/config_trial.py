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
CALL_AGAIN_S = 30.0  # the word may have been lost, or the clock set back

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
    ``worse`` are required checks that are worse than before; None while that is not known. ``applied_s`` is when the
    candidate was applied; ``is_rewired``: with another wiring, ``reads_on``: by which a room that was off reads on.
    ``is_graced``: it has had time after an outage.
    """

    left_s: float
    since_s: float | None
    baseline: Baseline
    needs_person: bool
    is_local: bool
    is_reached: bool
    applied_s: float = 0.0
    is_rewired: bool = False
    reads_on: bool = False
    is_graced: bool = False
    called_at: datetime | None = None
    called_s: float = 0.0
    worse: tuple[str, ...] | None = None

    @property
    def deadline_s(self) -> float | None:
        """When the time is over, or the last report is to be made again (monotonic); None while it stands still."""
        if self.since_s is None:
            return None
        return self.since_s + self.left_s if self.called_at is None else self.called_s + CALL_AGAIN_S


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
        applied_s=now.mono_s,
    )


def link_up(trial: Trial, now_s: float) -> Trial:
    """The broker is there (again). More time is given once: a line that flaps must not keep what nobody confirms."""
    if trial.since_s is not None:
        return trial
    left_s = trial.left_s if trial.is_graced else max(trial.left_s, LEAST_AFTER_OUTAGE_S)
    return replace(trial, since_s=now_s, left_s=left_s, is_graced=True)


def link_down(trial: Trial, now_s: float) -> Trial:
    """The broker is away."""
    if trial.since_s is None or not trial.is_reached or trial.is_local or not trial.needs_person:
        return trial
    if trial.worse:
        # No desk confirms that by itself, and a room is not left so for an outage.
        return replace(trial, is_reached=False)
    return replace(trial, left_s=trial.left_s - (now_s - trial.since_s), since_s=None, called_at=None)


def called(trial: Trial, now: Now) -> Trial:
    """The time is over, and one more report is made."""
    in_milliseconds = now.utc.replace(microsecond=now.utc.microsecond // 1000 * 1000)
    return replace(trial, called_at=in_milliseconds, called_s=now.mono_s)


def report_taken(trial: Trial, at: datetime) -> tuple[Trial, bool]:
    """The broker has a report of this candidate, made at ``at``. True: it is the last one, and nobody has confirmed."""
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


def worse(trial: Trial, readiness: Readiness, power: RoomState, only_reads: bool) -> tuple[str, ...] | None:
    """The required checks that are worse than before, by name; None while one is not known yet. Pure.

    A check that is new was fine before: with one that fails the room is not what it was. ``only_reads``: nobody has
    switched since; then a room that was off, and reads on now, has probably been given the wrong polarity or pin.
    """
    baseline = trial.baseline
    new: State = "ok" if baseline.is_own else "failed"
    found = ["room.power"] if trial.reads_on and only_reads else []
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
