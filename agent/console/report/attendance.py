"""How many were at one site, from the rows that it sent. Pure.

**The rule.** *Present* at a site is the largest number of people that the count reached for at least half of the time
for which a count is known, within [starts_at, ends_at). Each window of the history stands for its ``value`` for as long
as it was known (its length without its ``unknown_s``), clipped at the conference's edges. Where less than half of the
conference is known, nobody says how many were present: it is unknown.

It is a count of heads, not of persons: who goes out while another comes in is not seen.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from agent.console.recorder_conferences import Presence, Summons
from agent.console.report import unseen
from agent.console.report.course import arrivals, curve
from agent.console.report.pieces import Piece, Window, gaps, pieces
from agent.console.report.told import Blind, Event, Stretch, absences, explained, without_power
from agent.core.contract import PEOPLE_MAX

KNOWN_SHARE_MIN = 0.5  # of the conference's time, for a number to be given
PRESENT_SHARE = 0.5  # of the known time, for somebody to count as present
GRACE_S = 300.0  # a moment at which nothing was known: what was counted so much later (at the end: earlier)
LEAD_S = 1800.0  # people come before it starts: when they came is looked for from here on
MINUTE_S = 60.0
NEARLY = 1 - 1e-9  # sums of seconds are a little off


@dataclass(frozen=True, slots=True)
class Facts:
    """All that is known of a site around a conference; ``events`` and ``presence`` by time, windows in any order."""

    windows: Sequence[Window] = ()
    events: Sequence[Event] = ()
    presence: Sequence[Presence] = ()


@dataclass(frozen=True, slots=True)
class Seen:
    """A count for a moment, and when it was made: it may be of a little later, at the end of a little earlier."""

    people: int
    at_s: float


@dataclass(frozen=True, slots=True)
class Recounted:
    """What a person counted beside the machine; ``value`` and ``error`` None: the machine did not know."""

    at_s: float
    by: str | None
    people: int
    value: int | None
    error: float | None


@dataclass(frozen=True, slots=True)
class Attendance:
    """One site at one conference. Times are seconds since 1970, shares 0 to 1.

    Args:
        until_s: The end of what is reckoned with: the conference's, or now while it is on.
        present: By the rule; None: not known.
        end: None as long as it is not over, too.
        roll_calls: The moments and what was counted then.
        arrivals: When the count first reached that share of the peak; it may be before the start.
        curve: A value for each step of time (a minute as a rule) from the start, None: not known then.
        before: The same for the ``LEAD_S`` before the start.
        unknown: Seconds without a count, by reason.
        stretches: Those of ``unknown`` that lasted for a minute or more.
        blind: When the picture showed nothing; these are not among ``stretches``.
        awaits_rows: It is over, and the last rows are not there although the site counted or was cut off then.
        recounts: Within the conference; before it the room may have had another one.
        rows: How many windows lie within the conference.
    """

    summons: Summons
    until_s: float
    is_over: bool
    present: int | None = None
    begin: Seen | None = None
    end: Seen | None = None
    peak: Seen | None = None
    roll_calls: tuple[tuple[float, Seen | None], ...] = ()
    mean: float | None = None
    arrivals: Mapping[float, float] = field(default_factory=dict)
    curve: tuple[int | None, ...] = ()
    before: tuple[int | None, ...] = ()
    known_s: float = 0.0
    unknown: Mapping[str, float] = field(default_factory=dict)
    stretches: tuple[Stretch, ...] = ()
    blind: tuple[Blind, ...] = ()
    awaits_rows: bool = False
    recounts: tuple[Recounted, ...] = ()
    rows: int = 0

    @property
    def lasts_s(self) -> float:
        """How much of the conference there was until now."""
        return max(0.0, self.until_s - self.summons.starts_at_s)

    @property
    def unknown_s(self) -> float:
        """All seconds without a count."""
        return sum(self.unknown.values())

    @property
    def rate(self) -> float | None:
        """Present of summoned; above 1 where more came. None: one of them is not known, or nobody was summoned."""
        summoned = self.summons.summoned
        return None if self.present is None or not summoned else self.present / summoned


def ends_s(summons: Summons) -> float:
    """When it was over for this site: it may have been taken back before its time."""
    if summons.cleared_s is None or summons.is_off:
        return summons.ends_at_s
    return min(summons.ends_at_s, summons.cleared_s)


def attendance(summons: Summons, facts: Facts, now_s: float, every_s: float = MINUTE_S) -> Attendance:
    """Reckon one site, its curve with a value for so many seconds. One that the conference was called off for has
    nothing but its summons.
    """
    from_s = summons.starts_at_s
    over_s = ends_s(summons)
    until_s = max(from_s, min(over_s, now_s))
    if summons.is_off or until_s == from_s:
        return Attendance(summons, until_s, now_s >= over_s)
    around = pieces(facts.windows, from_s - LEAD_S, until_s)
    counted = pieces(facts.windows, from_s, until_s)
    lasts_s, known_s = until_s - from_s, sum(piece.known_s for piece in counted)
    empty = explained(
        gaps(counted, from_s, until_s), absences(facts.presence, until_s), without_power(facts.events, until_s)
    )
    peak = _peak(counted)
    return Attendance(
        summons,
        until_s,
        is_over=now_s >= over_s,
        present=_present(counted) if known_s >= lasts_s * KNOWN_SHARE_MIN * NEARLY else None,
        begin=at(counted, from_s),
        end=_last(counted, until_s) if now_s >= over_s else None,
        peak=peak,
        roll_calls=tuple((call_s, at(around, call_s)) for call_s in summons.roll_calls),
        mean=sum(piece.people_minutes for piece in counted) * 60 / known_s if known_s > 0 else None,
        arrivals=arrivals(((each.from_s, each.value) for each in around), 0 if peak is None else peak.people, from_s),
        curve=curve(counted, from_s, until_s, every_s),
        before=curve(around, from_s - LEAD_S, from_s, every_s),
        known_s=known_s,
        unknown=unseen.unknown(counted, empty),
        stretches=unseen.stretches(counted, empty),
        blind=unseen.blind(counted),
        awaits_rows=now_s >= over_s and bool(facts.presence) and unseen.is_late(empty, until_s),
        recounts=recounts(facts.events, from_s, until_s),
        rows=len(counted),
    )


def at(counted: Sequence[Piece], moment_s: float) -> Seen | None:
    """The count at a moment; where none was known then, the first within ``GRACE_S`` after it."""
    for piece in counted:
        if piece.value is not None and piece.to_s > moment_s:
            return Seen(piece.value, max(piece.from_s, moment_s)) if piece.from_s <= moment_s + GRACE_S else None
    return None


def recounts(events: Iterable[Event], from_s: float, to_s: float) -> tuple[Recounted, ...]:
    """What people counted within [from_s, to_s); one that took the one before it back stands in its place."""
    found: list[Recounted] = []
    for each in events:
        people, value, error = (each.detail.get(name) for name in ("people", "value", "error"))
        if (
            each.kind != "recount"
            or not from_s <= each.at_s < to_s
            or not (isinstance(people, int) and _is_number(people))
        ):
            continue
        if each.detail.get("replaced") is not None and found:
            found.pop()
        is_known = isinstance(value, int) and _is_number(value) and _is_number(error)
        found.append(Recounted(each.at_s, each.by, people, *((value, float(error)) if is_known else (None, None))))  # type: ignore[arg-type]
    return tuple(found)


def _is_number(said: object) -> bool:
    """One that can be reckoned with: a whole number may have 400 digits."""
    return isinstance(said, int | float) and abs(said) <= PEOPLE_MAX


def _present(counted: Sequence[Piece]) -> int | None:
    stood_s: dict[int, float] = {}
    for piece in counted:
        if piece.value is not None:
            stood_s[piece.value] = stood_s.get(piece.value, 0.0) + piece.known_s
    enough_s, so_far_s = sum(stood_s.values()) * PRESENT_SHARE * NEARLY, 0.0
    for value in sorted(stood_s, reverse=True):
        so_far_s += stood_s[value]
        if so_far_s >= enough_s:
            return value
    return None


def _last(counted: Sequence[Piece], until_s: float) -> Seen | None:
    """The count at the end; where none was known then, the last within ``GRACE_S`` before it."""
    for piece in reversed(counted):
        if piece.value is not None:
            return Seen(piece.value, piece.to_s) if piece.to_s >= until_s - GRACE_S else None
    return None


def _peak(counted: Sequence[Piece]) -> Seen | None:
    highest = max(
        (piece for piece in counted if piece.value is not None), key=lambda piece: piece.value or 0, default=None
    )
    return None if highest is None else Seen(highest.value or 0, highest.from_s)
