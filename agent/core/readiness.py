"""Is this room fit for a conference? Each check with its state, since when, and how often it has changed.

A loose plug changes its mind ten times a minute. Its check is then damped: it is reported as the worst that it was,
with the reason ``flapping``, until it has kept still for a while. Every change is counted, none is hidden.
"""

from dataclasses import dataclass, field, replace

from agent.core.checkup import Finding, State

FLAP_CHANGES, FLAP_WITHIN_S = 4, 60.0
STEADY_AFTER_S = 30.0
CHANGES_KEPT = 1000  # a number to look at, not a history
WORST_FIRST: tuple[State, ...] = ("failed", "unknown", "warning", "ok")


@dataclass(frozen=True, slots=True)
class Watched:
    """One check over time. ``since_s``: when it began to be reported as it is now (monotonic).

    ``changes`` counts since the agent's start; ``recent_s`` are the last few of them while they may be flapping;
    ``damped`` is what it is reported as while it flaps, None while it does not.
    """

    finding: Finding
    since_s: float
    changes: int = 0
    recent_s: tuple[float, ...] = ()
    damped: State | None = None

    @property
    def state(self) -> State:
        """As it is reported."""
        return self.damped or self.finding.state

    @property
    def reason(self) -> str | None:
        """As it is reported."""
        return "flapping" if self.damped else self.finding.reason


@dataclass(frozen=True, slots=True)
class Readiness:
    """All checks by name, in the order in which they are told."""

    watched: dict[str, Watched] = field(default_factory=dict)

    @property
    def ready(self) -> bool | None:
        """True: every required check is ok or only warns; False: one has failed; None: one is not known (yet)."""
        states = {each.state for each in self.watched.values() if each.finding.required}
        if "failed" in states:
            return False
        return None if "unknown" in states or not self.watched else True

    @property
    def is_well(self) -> bool:
        """Whether nothing at all has failed or warns, of what a room needs."""
        return not any(each.finding.required and each.state in ("failed", "warning") for each in self.watched.values())

    @property
    def deadline_s(self) -> float | None:
        """When a check that flapped may be steady again, None where none flaps."""
        return min((each.recent_s[-1] + STEADY_AFTER_S for each in self.watched.values() if each.damped), default=None)


def handle(readiness: Readiness, found: tuple[Finding, ...], now_s: float) -> Readiness:
    """Take in what is found now. Pure; a check that is no longer there is forgotten."""
    return Readiness({each.name: _next(readiness.watched.get(each.name), each, now_s) for each in found})


def _next(before: Watched | None, found: Finding, now_s: float) -> Watched:
    if before is None:
        return Watched(found, now_s)
    after = replace(before, finding=found)
    if (found.state, found.reason) != (before.finding.state, before.finding.reason):
        after = replace(after, changes=min(before.changes + 1, CHANGES_KEPT))
    if _may_be_loose(before.finding, found):
        recent_s = (*(at for at in before.recent_s if now_s - at < FLAP_WITHIN_S), now_s)[-FLAP_CHANGES:]
        after = replace(after, recent_s=recent_s)
    after = replace(after, damped=_damped(before, after, now_s))
    is_news = (after.state, after.reason) != (before.state, before.reason)
    return replace(after, since_s=now_s) if is_news else after


def _may_be_loose(before: Finding, after: Finding) -> bool:
    """Whether a change may be a loose plug's. Who switches a room to and fro means it, and what is not known yet (the
    room is coming up, nobody looks) has not come and gone."""
    means_it = "room.power" in (before.kind, after.kind) or "unknown" in (before.state, after.state)
    return not means_it and (before.state, before.reason) != (after.state, after.reason)


def _damped(before: Watched, after: Watched, now_s: float) -> State | None:
    """The worst that it was while it flaps. Coming up is no flapping: a check that was not known has not changed."""
    if after.recent_s and now_s - after.recent_s[-1] >= STEADY_AFTER_S:
        return None
    if after.finding.reason == "also_a_keyboard":
        return None  # that matters more than how often it came
    is_flapping = before.damped is not None or (
        len(after.recent_s) >= FLAP_CHANGES and after.recent_s[-1] - after.recent_s[0] < FLAP_WITHIN_S
    )
    if not is_flapping:
        return None
    return min(before.damped or before.finding.state, before.finding.state, after.finding.state, key=WORST_FIRST.index)
