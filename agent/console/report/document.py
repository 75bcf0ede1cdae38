"""The report as one plain document, which every rendering is made from and ``--format json`` prints.

Times are UTC in ISO 8601, durations end in ``_s``, shares are 0 to 1, what is not known is null. A report of a
conference that is over says the same at every run, as long as no row comes late.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from agent.console.recorder_conferences import SiteName, Summons
from agent.console.report import words
from agent.console.report.attendance import LEAD_S, MINUTE_S, Attendance, Recounted, Seen, attendance, ends_s
from agent.console.report.averages import averages, machine, totals, totals_before
from agent.console.report.course import arrivals
from agent.console.report.incidents import Incident, incidents, trouble
from agent.console.report.reading import Reading
from agent.console.report.summary import notes, summary

ZONE = "Asia/Ho_Chi_Minh"
STEPS_MAX = 7 * 24 * 60  # of the curve over all sites: longer is no conference but a slip of the pen
FIRST_S, LAST_S = -62_135_596_800.0, 253_402_300_799.0  # the years 1 to 9999
SHORT_S, SHORT_STEP_S = 1200.0, 5.0  # one that is so short (a demo, a trial) has a finer curve

Document = dict[str, Any]
Reckoned = tuple[Attendance, list[Incident]]


def report(reading: Reading, conference: str, now_s: float) -> Document | None:
    """The whole report; None: nobody was summoned to a conference of this id. Raises sqlalchemy's errors."""
    roll = reading.roll(conference)
    if not roll.summons:
        return None
    on = [each for each in roll.summons if not each.is_off]
    every_s = step_of(on)
    found: list[Reckoned] = []
    for summons, facts in reading.facts(on):
        reckoned = attendance(summons, facts, now_s, every_s)
        found.append((reckoned, incidents(reckoned, facts)))
    found += [(Attendance(each, each.starts_at_s, True), []) for each in roll.summons if each.is_off]
    return document(conference, found, roll.names, every_s)


def step_of(summons: Sequence[Summons]) -> float:
    """Seconds between two values of the curves."""
    longest_s = max((ends_s(each) - each.starts_at_s for each in summons), default=SHORT_S)
    return MINUTE_S if longest_s >= SHORT_S else SHORT_STEP_S


def document(
    conference: str, found: Iterable[Reckoned], names: Mapping[str, SiteName], every_s: float = MINUTE_S
) -> Document:
    """Join what was reckoned, with curves of such steps. Pure."""
    every = sorted(found, key=lambda each: each[0].summons.site)
    sites = [each for each, _ in every]
    held = [each for each in sites if not each.summons.is_off]
    made: Document = {
        "conference": _conference(conference, sites, names),
        "averages": asdict(averages(sites)) | {"left_out": averages(sites).left_out},
        "untroubled": sum(trouble(each, those) is None for each, those in every),
        "rows_missing": sum(each.awaits_rows for each in sites),
        "machine": asdict(machine(sites)),
        "total": _total(held, every_s),
        "sites": [_site(each, those, names) for each, those in every],
        "incidents": [_incident(each, names) for each in sorted(_all(every), key=lambda one: (one.from_s, one.site))],
        "rule": {
            name: _both(getattr(words, name.upper())) for name in ("present", "mean", "moment", "trouble", "machine")
        },
    }
    return {"notes": [_both(each) for each in notes(made)], "summary": _both(summary(made)), **made}


def iso(at_s: float) -> str:
    """UTC, to the second."""
    at_s = min(max(at_s, FIRST_S), LAST_S)  # a site may have said anything
    return datetime.fromtimestamp(round(at_s), UTC).isoformat().replace("+00:00", "Z")


def _all(every: Sequence[Reckoned]) -> list[Incident]:
    return [each for _, those in every for each in those]


def _conference(id_: str, sites: Sequence[Attendance], names: Mapping[str, SiteName]) -> Document:
    of = [each.summons for each in sites]
    held = [each for each in sites if not each.summons.is_off] or list(sites)
    is_over, has_begun = all(each.is_over for each in held), any(each.lasts_s > 0 for each in held)
    starts_s, planned_s = _usual(each.summons for each in held)
    # Each site heard of it at a slightly different moment; where some go on, it has not ended early.
    is_early = all(_is_early(each.summons) for each in held)
    ends_at_s = max(ends_s(each.summons) for each in held) if is_early else planned_s
    return {
        "id": id_,
        "title": _most(each.title for each in of),
        "starts_at": iso(starts_s),
        "ends_at": iso(ends_at_s),
        "planned_ends_at": iso(planned_s),
        "ended_early": is_early,
        "state": _state(sites, is_over, has_begun),
        "until": iso(max(each.until_s for each in held)),
        "timezone": _zone(names[each.site].timezone for each in of if each.site in names),
        "sites": len(sites) - sum(each.is_off for each in of),
        "called_off": sum(each.is_off for each in of),
    }


def _state(sites: Sequence[Attendance], is_over: bool, has_begun: bool) -> str:
    if all(each.summons.is_off for each in sites):
        return "called_off"
    if is_over:
        return "over"
    return "running" if has_begun else "not_begun"


def _usual(summons: Iterable[Summons]) -> tuple[float, float]:
    """The times that most sites have."""
    times: tuple[float, float] = _most((each.starts_at_s, each.ends_at_s) for each in summons)
    return times


def _is_early(summons: Summons) -> bool:
    """It was taken back while it was on."""
    return not summons.is_off and ends_s(summons) < summons.ends_at_s


def _most(values: Iterable[Any]) -> Any:
    """The most frequent; of equally frequent ones always the same."""
    counted = Counter(values)
    return max(sorted(counted), key=lambda each: counted[each])


def _zone(said: Iterable[str]) -> str:
    for zone, _ in Counter(said).most_common():
        try:
            return ZoneInfo(zone).key
        except (ValueError, OSError):  # what a site says may be anything
            continue
    return ZONE


def _total(held: Sequence[Attendance], every_s: float) -> Document:
    """Over all sites, step by step."""
    from_s = min((each.summons.starts_at_s for each in held), default=0.0)
    longest = (round((each.summons.starts_at_s - from_s) / every_s) + len(each.curve) for each in held)
    curve = totals(held, min(max(longest, default=0), STEPS_MAX), from_s, every_s)
    present = curve.present
    highest = max(present, default=0)
    lead = totals_before(held, round(LEAD_S / every_s), from_s, every_s).present
    first_s = from_s - every_s * len(lead)
    reached = arrivals(((first_s + every_s * at, each) for at, each in enumerate((*lead, *present))), highest, from_s)
    return {
        "from": iso(from_s),
        "every_s": every_s,
        "sites": len(held),
        "before": list(lead),
        "present": list(present),
        "sites_unknown": list(curve.sites_unknown),
        "summoned_unknown": list(curve.summoned_unknown),
        "summoned": sum(each.summons.summoned or 0 for each in held),
        "peak": {"people": highest, "at": iso(from_s + every_s * present.index(highest))} if highest else None,
        "arrivals": _arrivals(reached),
    }


def _site(each: Attendance, those: Sequence[Incident], names: Mapping[str, SiteName]) -> Document:
    summons, name = each.summons, names.get(each.summons.site)
    return {
        "site": summons.site,
        "name": name.name if name and name.name else summons.site,
        "path": list(name.path) if name else [],
        "starts_at": iso(summons.starts_at_s),
        "ends_at": iso(ends_s(summons)),
        "called_off": summons.is_off,
        "ended_early": _is_early(summons),
        "planned_ends_at": iso(summons.ends_at_s),
        "summoned": summons.summoned,
        "present": each.present,
        "rate": None if each.rate is None else round(each.rate, 4),
        "begin": _seen(each.begin),
        "peak": _seen(each.peak),
        "end": _seen(each.end),
        "roll_calls": [{"at": iso(at_s), "seen": _seen(seen)} for at_s, seen in each.roll_calls],
        "mean": None if each.mean is None else round(each.mean, 2),
        "arrivals": _arrivals(each.arrivals),
        "lasts_s": round(each.lasts_s, 1),
        "known_s": round(each.known_s, 1),
        "unknown_s": round(each.unknown_s, 1),
        "unknown": {reason: round(took_s, 1) for reason, took_s in each.unknown.items() if took_s >= 0.05},
        "recounts": [_recount(one) for one in each.recounts],
        "incidents": len(those),
        "untroubled": trouble(each, those) is None,
        "trouble": trouble(each, those),
        "rows_missing": each.awaits_rows,
        "curve": list(each.curve),
    }


def _incident(each: Incident, names: Mapping[str, SiteName]) -> Document:
    name = names.get(each.site)
    return {
        "site": each.site,
        "name": name.name if name and name.name else each.site,
        "kind": each.kind,
        "severity": each.severity,
        "from": iso(each.from_s),
        "to": None if each.to_s is None else iso(each.to_s),
        "times": each.times,
        "what": each.what,
        "reason": each.reason,
        "words": _both(words.words(words.INCIDENT, each.kind)),
        "why": _both(words.reason(each.reason)),
    }


def _seen(seen: Seen | None) -> Document | None:
    return None if seen is None else {"people": seen.people, "at": iso(seen.at_s)}


def _arrivals(reached: Mapping[float, float]) -> Document:
    return {f"{share:.0%}": iso(at_s) for share, at_s in sorted(reached.items())}


def _both(both: words.Words) -> Document:
    return {"vi": both[0], "en": both[1]}


def _recount(one: Recounted) -> Document:
    return {"at": iso(one.at_s), "by": one.by, "people": one.people, "value": one.value, "error": one.error}
