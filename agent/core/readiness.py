"""Is this room fit for a conference? Each check with its state, since when, and how often it has changed.

A loose plug changes its mind ten times a minute, or once in a minute and a half all day. Its check is then damped: it
is reported as the worst that it was, with the reason ``flapping``, until it has kept still for a while. Every change is
counted, none is hidden.
"""

from dataclasses import dataclass, field, replace

from agent.core.checkup import Finding, State


@dataclass(frozen=True, slots=True)
class Rule:
    """So many ``changes`` within ``within_s`` are flapping, until nothing has changed for ``steady_after_s``."""

    changes: int
    within_s: float
    steady_after_s: float


# Each change is a line on the card. The second rule is for a pace that the first one lets through, all day long; its
# pause is longer than that pace, or each change would come after the end of it.
RULES = (Rule(4, 60.0, 30.0), Rule(10, 900.0, 120.0))
RECENT, RECENT_S = max(rule.changes for rule in RULES), max(rule.within_s for rule in RULES)
SLOWEST = max(RULES, key=lambda rule: rule.within_s)
CHANGES_KEPT = 1000  # a number to look at, not a history
WORST_FIRST: tuple[State, ...] = ("failed", "unknown", "warning", "ok")
KEYBOARD = "also_a_keyboard"


@dataclass(frozen=True, slots=True)
class Watched:
    """One check over time. ``since_s``: when it began to be reported as it is now (monotonic).

    ``changes`` counts since the agent's start; ``recent_s`` are the last few of them while they may be flapping;
    ``rules`` are those by which it flaps now. ``damped`` is what it is reported as meanwhile, None for what it is;
    ``typed``: it was a keyboard too at some moment of that.
    """

    finding: Finding
    since_s: float
    changes: int = 0
    recent_s: tuple[float, ...] = ()
    rules: tuple[Rule, ...] = ()
    damped: State | None = None
    typed: bool = False

    @property
    def state(self) -> State:
        """As it is reported."""
        return self.damped or self.finding.state

    @property
    def reason(self) -> str | None:
        """As it is reported. That it was a keyboard matters more than that it comes and goes."""
        flapping = KEYBOARD if self.typed else "flapping"
        return flapping if self.damped else self.finding.reason

    @property
    def is_flapping(self) -> bool:
        """Whether it comes and goes."""
        return bool(self.rules)

    @property
    def steady_s(self) -> float | None:
        """When it will have kept still for long enough, None where it does not flap."""
        return max((_over_s(rule, self.recent_s) for rule in self.rules), default=None)


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
        return min((each.steady_s for each in self.watched.values() if each.steady_s is not None), default=None)

    def is_flapping(self, name: str) -> bool:
        """Whether this check comes and goes."""
        return name in self.watched and self.watched[name].is_flapping


def handle(readiness: Readiness, found: tuple[Finding, ...], now_s: float) -> Readiness:
    """Take in what is found now. Pure; a check that is no longer there is forgotten."""
    return Readiness({each.name: _next(readiness.watched.get(each.name), each, now_s) for each in found})


def _next(before: Watched | None, found: Finding, now_s: float) -> Watched:
    if before is None:
        return Watched(found, now_s)
    is_calm = not (before.recent_s or before.typed or found.reason == KEYBOARD)
    if is_calm and found == before.finding:
        return before  # as a rule: every check is looked at after every event
    after = replace(before, finding=found)
    if (found.state, found.reason) != (before.finding.state, before.finding.reason):
        after = replace(after, changes=min(before.changes + 1, CHANGES_KEPT))
    if _may_be_loose(before.finding, found):
        recent_s = (*(at for at in before.recent_s if now_s - at < RECENT_S), now_s)[-RECENT:]
        after = replace(after, recent_s=recent_s)
    after = replace(after, rules=tuple(rule for rule in RULES if _holds(rule, after, now_s)))
    if not after.rules and SLOWEST in before.rules:
        after = replace(after, recent_s=())  # it has been mended: one pull is one pull again
    after = replace(after, damped=_damped(before, after))
    after = replace(after, typed=found.reason == KEYBOARD or (before.typed and after.is_flapping))
    is_news = (after.state, after.reason) != (before.state, before.reason)
    return replace(after, since_s=now_s) if is_news else after


def _may_be_loose(before: Finding, after: Finding) -> bool:
    """Whether a change may be a loose plug's. Who switches a room to and fro means it, so does who mutes a microphone;
    what is not known yet (the room is coming up, nobody looks) has not come and gone, and what fails for another reason
    than before was not there in between.
    """
    means_it = "room.power" in (before.kind, after.kind) or {before.reason, after.reason} == {None, "muted"}
    is_known = "unknown" not in (before.state, after.state)
    return is_known and not means_it and before.state != after.state


def _holds(rule: Rule, watched: Watched, now_s: float) -> bool:
    """Whether it flaps by this rule. A rule that was met holds until it has kept still, however slow it gets."""
    recent_s = watched.recent_s
    if not recent_s or now_s >= _over_s(rule, recent_s):
        return False
    is_met = len(recent_s) >= rule.changes and recent_s[-1] - recent_s[-rule.changes] < rule.within_s
    return is_met or rule in watched.rules


def _over_s(rule: Rule, recent_s: tuple[float, ...]) -> float:
    return recent_s[-1] + rule.steady_after_s


def _damped(before: Watched, after: Watched) -> State | None:
    """The worst that it was while it flaps. Coming up is no flapping: a check that was not known has not changed."""
    if not after.is_flapping or after.finding.reason == KEYBOARD:
        return None
    return min(before.damped or before.finding.state, before.finding.state, after.finding.state, key=WORST_FIRST.index)
