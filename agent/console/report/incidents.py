"""What went wrong at one site during a conference, from its events, its presence and its blind times. Pure.

Power faults, lost devices and lost sites have a beginning and an end; a device's end is unheard of where the room was
switched off or the agent began anew meanwhile: it ends there. All other events that are no mere information are
incidents of a moment, and those of a kind that follow each other closely are one.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from agent.console.report.attendance import LEAD_S, Attendance, Facts
from agent.console.report.told import Event, absences

Severity = Literal["fault", "warning", "info"]
Trouble = Literal["fault", "unknown", "not_held"]

TROUBLE_S = 300.0  # a site or device that is away for so long of the conference is a fault, before that a warning
UNTROUBLED_UNKNOWN = 0.1  # share of the time
TOGETHER_S = 600.0
ALL_OF_IT = 0.9  # of its windows a picture was dark: how long need not be said
DETAIL_MAX = 200
DEVICES_END = {"off", "stopping"}  # states of the power from which on nobody tells of devices


@dataclass(frozen=True, slots=True)
class Incident:
    """``from_s`` to ``to_s`` in seconds since 1970; None: it goes on. A moment's are the same.

    Args:
        what: Which device, or what else belongs to the kind (of a dark picture: for how long); text from outside.
        reason: A word that ``words.reason`` knows, or none.
        times: How often, where several are one.
    """

    site: str
    kind: str
    from_s: float
    to_s: float | None
    severity: Severity
    what: str = ""
    reason: str = ""
    times: int = 1


def incidents(found: Attendance, facts: Facts) -> list[Incident]:
    """By time: all that reaches into the time from half an hour before the conference to its end."""
    summons, from_s, until_s = found.summons, found.summons.starts_at_s, found.until_s
    if summons.is_off:
        return []
    events = [each for each in facts.events if each.at_s < until_s]
    made = [*_spans(summons.site, events), *_away(summons.site, facts, until_s), *_moments(summons.site, events)]
    near = [each for each in made if each.to_s is None or each.to_s >= from_s - LEAD_S]
    weighed = [_weighed(each, from_s, until_s) for each in near]
    return sorted([*weighed, *_blind(found)], key=lambda each: (each.from_s, each.kind, each.what))


def trouble(found: Attendance, those: Iterable[Incident]) -> Trouble | None:
    """Why a site did not run without trouble: there was a ``fault`` between start and end, or its count was
    ``unknown`` for a tenth of the time. None: it did.
    """
    if found.summons.is_off or found.lasts_s == 0:
        return "not_held"
    from_s = found.summons.starts_at_s
    faults = (each for each in those if each.severity == "fault" and (each.to_s is None or each.to_s >= from_s))
    if next(faults, None) is not None:
        return "fault"
    return None if found.unknown_s < UNTROUBLED_UNKNOWN * found.lasts_s else "unknown"


def _spans(site: str, events: Sequence[Event]) -> Iterator[Incident]:
    """Power faults and devices that were away."""
    open_: dict[str, Incident] = {}
    for each in events:
        state, check = str(each.detail.get("state")), _text(each.detail.get("check"))
        ends: list[str] = []
        if each.kind == "power.changed":
            ends = ["power"] if state != "fault" else []
            ends += [key for key in open_ if key != "power"] if state in DEVICES_END else []
        elif each.kind == "agent.restarted":
            ends = [key for key in open_ if key != "power"]
        elif each.kind == "device.found":
            ends = [f"device {check}"]
        yield from (replace(open_.pop(key), to_s=each.at_s) for key in ends if key in open_)
        reason = _text(each.detail.get("reason"))
        if each.kind == "power.changed" and state == "fault":
            step = _text(each.detail.get("step"))
            open_.setdefault("power", Incident(site, "power.fault", each.at_s, None, "fault", step, reason))
        elif each.kind == "device.lost":
            key = f"device {check}"
            open_.setdefault(key, Incident(site, "device.away", each.at_s, None, "warning", check, reason))
    yield from open_.values()


def _away(site: str, facts: Facts, until_s: float) -> Iterator[Incident]:
    """When the site was lost or stopped."""
    for each in absences(facts.presence, until_s):
        kind = each.reason.replace("_", ".")
        yield Incident(site, kind, each.from_s, None if each.to_s >= until_s else each.to_s, "warning")


def _moments(site: str, events: Sequence[Event]) -> Iterator[Incident]:
    last: dict[str, Incident] = {}
    for each in events:
        if each.severity not in ("warning", "fault") or each.kind in ("power.changed", "device.lost", "device.found"):
            continue
        what, reason = _of_moment(each)
        severity: Severity = "fault" if each.severity == "fault" else "warning"
        new = Incident(site, each.kind[:40], each.at_s, each.at_s, severity, what, reason)
        before = last.get(each.kind)
        if before is not None and before.what == what and each.at_s - (before.to_s or 0.0) <= TOGETHER_S:
            new = replace(before, to_s=each.at_s, times=before.times + 1)
        elif before is not None:
            yield before
        last[each.kind] = new
    yield from last.values()


def _of_moment(event: Event) -> tuple[str, str]:
    """What belongs to it, and the reason."""
    said = event.detail
    if event.kind == "outbox.gap":
        return "", f"{_text(said.get('why'))}: {_text(said.get('count'))}"
    if event.kind.startswith("config."):
        return f"{_text(said.get('revision'))}", _text(said.get("reason"))
    what = next((said[name] for name in ("check", "what", "why") if name in said), "")
    return _text(what), _text(said.get("cause") or said.get("reason"))


def _blind(found: Attendance) -> Iterator[Incident]:
    """Times without a count, where no other incident says so; a site that sent nothing at all."""
    site, from_s = found.summons.site, found.summons.starts_at_s
    if found.lasts_s > 0 and not found.rows:
        reason = max(found.unknown, key=lambda each: found.unknown[each], default="")
        yield Incident(site, "site.no_data", from_s, None if not found.is_over else found.until_s, "fault", "", reason)
        return
    for blind in found.blind:
        lasts = "" if blind.took_s >= ALL_OF_IT * (blind.to_s - blind.from_s) else f"{blind.took_s:.0f} s"
        to_s = None if _goes_on(found, blind.to_s) else blind.to_s
        yield Incident(site, "count.unknown", blind.from_s, to_s, "warning", lasts, blind.reason)
    for each in found.stretches:
        if each.reason not in ("site_lost", "site_stopped", "power_fault"):
            severity: Severity = "warning" if each.to_s - each.from_s >= TROUBLE_S else "info"
            to_s = None if _goes_on(found, each.to_s) else each.to_s
            yield Incident(site, "count.unknown", each.from_s, to_s, severity, "", each.reason)


def _goes_on(found: Attendance, to_s: float) -> bool:
    return to_s >= found.until_s and not found.is_over


def _weighed(incident: Incident, from_s: float, until_s: float) -> Incident:
    """A site or device that was away for long is a fault."""
    if incident.kind not in ("site.lost", "device.away"):
        return incident
    to_s = until_s if incident.to_s is None else incident.to_s
    is_long = min(to_s, until_s) - max(incident.from_s, from_s) >= TROUBLE_S
    return replace(incident, severity="fault") if is_long else incident


def _text(value: Any) -> str:
    return "" if value is None else str(value)[:DETAIL_MAX]
