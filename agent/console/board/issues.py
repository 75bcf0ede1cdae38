"""What is wrong at a site, each thing by itself with what to do, for the board. Pure.

What is wrong ``trouble.py`` knows; here it is put beside the conference. A room that is off is nothing to worry about
until it is needed, and a number that is not known is not missed before somebody is to be there.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from agent.console import config_words
from agent.console.board.deaf import heard
from agent.console.sites import FORGOTTEN, SiteView, plain
from agent.console.trouble import (
    ROOM,
    WORST_FIRST,
    State,
    Trouble,
    Words,
    gone,
    lasting,
    likely,
    pair,
    uncounted,
    unfit,
)
from agent.console.what_to_do import CHECKS, CONFIG, DOUBTED, MANY, NONSENSE, RECOUNT, SWITCH_ON
from agent.console.words import REASON
from agent.core.contract import Check

ACKNOWLEDGED_FOR_S = 12 * 3600.0  # where nobody knows since when an issue is there
FAR_OFF, FAR_OFF_LEAST = 0.2, 3  # as a share, and in people: from both on two numbers of the same do not agree
# A config that somebody else's took the place of is no trouble of the site.
OVERTAKEN = ("superseded", "withdrawn", "old_revision", "stale_base")


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """Somebody has seen an issue and looks after it. ``at_s`` is seconds since 1970; ``since_s`` the issue's own
    beginning, where that was known: a site's clock may be ahead of ours.
    """

    by: str
    at_s: float
    since_s: float | None = None


@dataclass(frozen=True, slots=True)
class Issue:
    """One thing that is wrong at a site, and what to do.

    ``key`` names it as long as it lasts (``lost``, ``power:not_proven``, ``check:camera-main:missing``); ``since``
    None: not known. An acknowledgement is of this key at this ``since``: what comes again is a new one. One that
    ``is_minor`` makes no site look worse.
    """

    key: str
    state: State
    words: Words
    advice: Words = ("", "")
    since: datetime | None = None
    acknowledged: Acknowledged | None = None
    is_minor: bool = False


Acks = Mapping[str, Acknowledged]  # by key


def issues(view: SiteView, now: datetime, acks: Acks | None = None, deaf: Trouble | None = None) -> tuple[Issue, ...]:
    """All that is wrong, the worst first, what somebody looks after behind what nobody does.

    Args:
        view: What is known of the site.
        now: UTC.
        acks: Those of this site, by the issue's key.
        deaf: Why we may not have heard it, see ``deafness``.
    """
    away = gone(view, now)
    found = [away] if away is not None else _of_one_that_is_there(view, now)
    found = [heard(each, deaf) for each in found] + _nonsense(view, now)
    made = [(each.rank, _issue(each, now, acks or {})) for each in found]
    made.sort(key=_order)
    return tuple(issue for _, issue in made)


def _order(each: tuple[int, Issue]) -> tuple[bool, int, bool, int]:
    rank, issue = each
    return issue.is_minor, WORST_FIRST.index(issue.state), issue.acknowledged is not None, rank


def is_live(view: SiteView, now: datetime) -> bool:
    """Whether a conference goes on there."""
    return view.conference is not None and view.conference.starts_at <= now < view.conference.ends_at


def _of_one_that_is_there(view: SiteView, now: datetime) -> list[Trouble]:
    found = [*lasting(view, now), *_room(view, now), *_checks(view), *_config(view), *_doubts(view, now)]
    return found + _counting(view, now, {each.reason for each in found})


def _issue(trouble: Trouble, now: datetime, acks: Acks) -> Issue:
    ack, since = acks.get(trouble.key), likely(trouble.since, now)
    if ack is not None and not _holds(ack, since, now):
        ack = None
    return Issue(trouble.key, trouble.state, trouble.sentences, trouble.advice, since, ack, trouble.is_minor)


def _holds(ack: Acknowledged, since: datetime | None, now: datetime) -> bool:
    """Whether the issue that is there now is the one that was acknowledged, not one that came again."""
    if since is None:
        return now.timestamp() - ack.at_s < ACKNOWLEDGED_FOR_S
    began_s = since.timestamp()
    return began_s <= ack.at_s or (ack.since_s is not None and abs(began_s - ack.since_s) < 1.0)


def _room(view: SiteView, now: datetime) -> list[Trouble]:
    """A room that is off while it is needed; else nobody knows whether it is fit."""
    if view.power is None or view.power.state not in ("off", "stopping"):
        return []
    state: State = "warning" if is_live(view, now) else "unknown"
    since = next((each.since for each in _all_checks(view) if each.name == ROOM and each.reason == "room_off"), None)
    return [Trouble(4, REASON["room_off"], "", "room_off", state, advice=SWITCH_ON, since=since, reason="room_off")]


def _checks(view: SiteView) -> list[Trouble]:
    """What the room needs and has not, and what is wrong with the box."""
    if view.readiness is None:
        words = ("chưa rõ tình trạng thiết bị", "its checks are not known yet")
        return [Trouble(6, words, "", "checks", "unknown", advice=CHECKS)]
    wanted = [each for each in view.readiness.checks if each.state != "ok" and (each.required or _is_of_box(each))]
    return [unfit(each) for each in wanted if not _is_said(each, view)]


def _all_checks(view: SiteView) -> tuple[Check, ...]:
    return () if view.readiness is None else view.readiness.checks


def _is_of_box(check: Check) -> bool:
    return check.name.startswith("box.") or check.group == "box"


def _is_said(check: Check, view: SiteView) -> bool:
    """Whether the room's power says it already: a device without power does not answer, and need not."""
    power = None if view.power is None else view.power.state
    if check.name == ROOM:
        return power == "fault" or check.reason == "room_off"
    return check.state == "unknown" and check.reason in ("room_off", "starting") and power != "on"


def _counting(view: SiteView, now: datetime, said: set[str | None]) -> list[Trouble]:
    """A number that is missed, unless something else says the same: a picture that is dark, say."""
    count, power = view.headcount, view.power
    if (
        not is_live(view, now)
        or power is None
        or power.state != "on"
        or (count is not None and count.value is not None)
    ):
        return []
    untold = Trouble(5, ("chưa báo số người", "it has told no number"), "", "count")
    found = (None if count is None else uncounted(count)) or untold
    return [] if found.reason in said - {None} else [replace(found, advice=RECOUNT)]


def _doubts(view: SiteView, now: datetime) -> list[Trouble]:
    """A number that can hardly be right, or is not that of the conference's people; it is shown all the same."""
    count, told = view.headcount, view.conference
    if count is None or told is None or not is_live(view, now):
        return []
    made, human = [], count.human
    if count.value is not None and told.summoned and count.value > told.summoned + _far(told.summoned):
        words = ("đông hơn triệu tập", "more than were summoned")
        made.append(Trouble(7, words, "", "count:many", advice=MANY, is_minor=True))
    if human is None or human.value is None or human.at < told.starts_at:
        return made
    if abs(human.value - human.people) > _far(human.people):
        words = ("người đếm và máy lệch nhau", "a person counted otherwise than the machine")
        detail = f" ({human.people} / {human.value})"
        made.append(
            Trouble(7, words, "", "count:doubted", detail=detail, advice=DOUBTED, since=human.at, is_minor=True)
        )
    return made


def _far(people: int) -> float:
    return max(FAR_OFF * people, FAR_OFF_LEAST)


def _config(view: SiteView) -> list[Trouble]:
    """The last config that was sent there does not run."""
    told = view.config
    if told is None or told.state not in ("rejected", "rolled_back"):
        return []
    reason, _, rest = plain(told.reason or "").partition(": ")
    if reason in OVERTAKEN:
        return []
    outcome, why = config_words.OUTCOME[told.state], pair(config_words.REASON, reason)
    said = [f"{what}: {word}" if word else what for what, word in zip(outcome, why, strict=True)]
    key, detail = plain(f"config:{told.state}:{told.revision}"), f" ({rest})" if rest else ""
    words = (f"cấu hình {said[0]}", f"config {said[1]}")
    return [Trouble(6, words, "", key, detail=detail, advice=CONFIG, since=told.at, reason=reason)]


def _nonsense(view: SiteView, now: datetime) -> list[Trouble]:
    refusals = view.refusals
    if refusals is None or now - refusals.last > FORGOTTEN:
        return []
    words, detail = ("gửi dữ liệu không đọc được", "sends what cannot be read"), f" ({refusals.topic})"
    return [Trouble(5, words, "", "nonsense", detail=detail, advice=NONSENSE, since=refusals.since)]
