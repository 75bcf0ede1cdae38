"""Attendance over all sites: as the article of 2012 reckoned it (the mean of the sites' rates) and weighted. Pure.

Sites whose number is not known are left out, and the bounds say how far that can matter: if nobody was there, and if
all who were summoned were.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from agent.console.report.attendance import Attendance

Curve = tuple[Attendance, float, Sequence[int | None]]  # with the time of its first step


@dataclass(frozen=True, slots=True)
class Mean:
    """``value`` is over the sites that are known, None: none is; ``low`` and ``high`` over all, were those left out
    empty and full. ``capped``: a site at which more came than were summoned counts as 100 %.
    """

    value: float | None
    low: float | None
    high: float | None
    capped: float | None


@dataclass(frozen=True, slots=True)
class Averages:
    """``sites`` were summoned, with a number; ``known`` of them are in the averages. ``over`` are those above 100 %."""

    sites: int
    known: int
    without_number: int
    called_off: int
    over: int
    present: int
    summoned: int
    summoned_known: int
    mean_of_rates: Mean
    weighted: Mean

    @property
    def left_out(self) -> int:
        """Sites of which nobody says how many were there."""
        return self.sites - self.known


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine's counts against people's. ``recounts`` were made, at ``compared`` of them it had a number."""

    recounts: int
    compared: int
    mean_error: float | None
    worst_error: float | None


def averages(sites: Iterable[Attendance]) -> Averages:
    """Over all sites; those that were called off, and those of which nobody said how many are summoned, are apart."""
    every = list(sites)
    held = [each for each in every if not each.summons.is_off]
    asked = [each for each in held if each.summons.summoned]
    known = [each for each in asked if each.rate is not None]
    present = sum(each.present or 0 for each in known)
    summoned, summoned_known = (sum(each.summons.summoned or 0 for each in those) for those in (asked, known))
    rates = [each.rate or 0.0 for each in known]
    capped = sum(min(each.present or 0, each.summons.summoned or 0) for each in known)
    return Averages(
        sites=len(asked),
        known=len(known),
        without_number=len(held) - len(asked),
        called_off=len(every) - len(held),
        over=sum(rate > 1 for rate in rates),
        present=present,
        summoned=summoned,
        summoned_known=summoned_known,
        mean_of_rates=_mean(sum(rates), sum(min(1.0, rate) for rate in rates), len(known), len(asked)),
        weighted=_mean(present, capped, summoned_known, summoned),
    )


def machine(sites: Iterable[Attendance]) -> Machine:
    """How far it was off, where somebody counted."""
    made = [recount for each in sites for recount in each.recounts]
    errors = [each.error for each in made if each.error is not None]
    mean = sum(errors) / len(errors) if errors else None
    return Machine(len(made), len(errors), mean, max(errors, default=None))


@dataclass(frozen=True, slots=True)
class Totals:
    """For each step of time: present at the sites that are known then, how many sites are not, and how many are
    summoned there: so many more may have been present.
    """

    present: tuple[int, ...]
    sites_unknown: tuple[int, ...]
    summoned_unknown: tuple[int, ...]


def totals(sites: Sequence[Attendance], steps: int, from_s: float, every_s: float) -> Totals:
    """Over the sites that take part, from ``from_s``."""
    curves = ((each, each.summons.starts_at_s, each.curve) for each in sites)
    return _summed(curves, steps, from_s, every_s)


def totals_before(sites: Sequence[Attendance], steps: int, from_s: float, every_s: float) -> Totals:
    """The same of the steps just before ``from_s``."""
    curves = ((each, each.summons.starts_at_s - every_s * len(each.before), each.before) for each in sites)
    return _summed(curves, steps, from_s - every_s * steps, every_s)


def _summed(curves: Iterable[Curve], steps: int, from_s: float, every_s: float) -> Totals:
    present, unknown, summoned = [0] * steps, [0] * steps, [0] * steps
    for each, begins_s, curve in curves:
        first = round((begins_s - from_s) / every_s)
        for step, value in zip(range(first, steps), curve, strict=False):
            if value is None:
                unknown[step] += 1
                summoned[step] += each.summons.summoned or 0
            else:
                present[step] += value
    return Totals(tuple(present), tuple(unknown), tuple(summoned))


def _mean(total: float, capped: float, over_known: float, over_all: float) -> Mean:
    if not over_all:
        return Mean(None, None, None, None)
    high = (total + over_all - over_known) / over_all
    if not over_known:
        return Mean(None, 0.0, high, None)
    return Mean(total / over_known, total / over_all, high, capped / over_known)
