"""What a conference is, and what each site has to be told for it: the command line and the board ask here. Pure.

A site has one conference: what it is told takes the place of what it had. So whoever plans hears of that first.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from pydantic import ValidationError

from agent.core.contract import ROLL_CALLS_MAX, Conference, refusal
from agent.core.errors import ConfigError, Problem, quoted
from agent.core.wire import YEARS

ID_MAX, TITLE_MAX = 64, 400
ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
HOUR = re.compile(r"([01]?\d|2[0-3])[:h]([0-5]\d)")
ID_SHAPE = (
    f"mã hội nghị gồm các từ a-z, 0-9 nối bằng dấu -, tối đa {ID_MAX} ký tự / "
    f"a conference's id is words of a-z and 0-9 joined by -, at most {ID_MAX} characters"
)
NO_IDS = ("new",)  # the board has its form there
NO_ID = "chọn mã khác, mã này có nghĩa riêng / choose another id, this one means something else"
A_TIME = "thời gian ghi như 2026-11-26 08:00, hoặc 11:30 / a time is like 2026-11-26 08:00, on the same day 11:30"
ENDS_FIRST = "kết thúc trước khi bắt đầu / it ends before it starts"
IS_OVER = "thời gian này đã qua / it is over already"
NO_TITLE = f"thiếu tên hội nghị, tối đa {TITLE_MAX} ký tự / it needs a title, at most {TITLE_MAX} letters"
CALL_OUTSIDE = "giờ điểm danh ngoài giờ họp / a roll-call outside of the conference"
TOO_MANY_CALLS = f"tối đa {ROLL_CALLS_MAX} lần điểm danh / at most {ROLL_CALLS_MAX} roll-calls"

Phase = Literal["next", "live", "over"]


@dataclass(frozen=True, slots=True)
class Form:
    """What somebody has written: texts, as they came."""

    title: str
    starts: str
    ends: str
    id: str = ""
    roll_calls: tuple[str, ...] = ()
    power_on_minutes: float | None = None
    lock: bool = True


@dataclass(frozen=True, slots=True)
class Plan:
    """What is published to whom.

    Args:
        conference: Without a number of people.
        summoned: How many, by site.
        unknown: Sites that have never been here.
        taken: Sites that hold another conference, not over yet, which this one takes the place of.
        dropped: Sites that were summoned to this one before, and are not any more.
    """

    conference: Conference
    summoned: Mapping[str, int]
    unknown: tuple[str, ...] = ()
    taken: Mapping[str, Conference] = field(default_factory=dict)
    dropped: tuple[str, ...] = ()

    def messages(self) -> dict[str, Conference | None]:
        """By site; None: what it holds is taken back."""
        told: dict[str, Conference | None] = {
            site: self.conference.model_copy(update={"summoned": people}) for site, people in self.summoned.items()
        }
        return told | dict.fromkeys(self.dropped)


def conference_of(form: Form, now: datetime) -> Conference:
    """The conference that was written down; times without a zone are in ``now``'s.

    Raises:
        ConfigError: With every problem at once; ``path`` is the field's name.
    """
    problems = list[Problem]()
    title = " ".join(form.title.split())
    if not title or len(title) > TITLE_MAX or not title.isprintable():
        problems.append(Problem("title", NO_TITLE))
    starts, ends = moment(form.starts, now, None), None
    if starts is None:
        problems.append(Problem("starts", A_TIME))
    elif (ends := moment(form.ends, now, starts)) is None:
        problems.append(Problem("ends", A_TIME))
    elif ends <= starts or ends <= now:
        problems.append(Problem("ends", ENDS_FIRST if ends <= starts else IS_OVER))
    calls = _calls(form.roll_calls, now, starts, ends, problems)
    id_ = form.id or (made_id(title, starts) if starts else "x")
    if len(id_) > ID_MAX or not ID.fullmatch(id_):
        problems.append(Problem("id", ID_SHAPE))
    elif id_ in NO_IDS:
        problems.append(Problem("id", NO_ID))
    if problems or starts is None or ends is None:
        raise ConfigError("", tuple(problems))
    try:
        return Conference(
            id=id_, title=title, starts_at=starts, ends_at=ends, lock=form.lock, roll_calls=calls,
            power_on_minutes=form.power_on_minutes,
        )  # fmt: skip
    except ValidationError as error:
        raise ConfigError("", (Problem("", refusal(error)),)) from None


def moment(text: str, now: datetime, day_of: datetime | None) -> datetime | None:
    """A time: ISO, with or without a zone; or an hour on the day of ``day_of``. None: it is none."""
    text = text.strip()
    hour = HOUR.fullmatch(text)
    if hour is not None and day_of is not None:
        day = day_of.astimezone(now.tzinfo)
        return day.replace(hour=int(hour[1]), minute=int(hour[2]), second=0, microsecond=0)
    try:
        found = datetime.fromisoformat(text)
        found = found.replace(tzinfo=now.tzinfo) if found.tzinfo is None else found
        found = found.astimezone(now.tzinfo)
        return found if len(text) > len("2026-11-26") and found.year in YEARS else None
    except (ValueError, OverflowError):
        return None


def made_id(title: str, starts: datetime) -> str:
    """``2026-11-26-giao-ban`` of "Giao ban", in letters that an address and a file's name may have."""
    letters = unicodedata.normalize("NFD", title.casefold().replace("đ", "d"))
    words = re.findall(r"[a-z0-9]+", "".join(each for each in letters if not unicodedata.combining(each)))
    id_ = starts.strftime("%Y-%m-%d")
    for word in words:
        if len(id_) + 1 + len(word) > ID_MAX:
            break
        id_ += f"-{word}"
    return id_


def planned(
    conference: Conference, summoned: Mapping[str, int], held: Mapping[str, Conference], known: Iterable[str],
    now: datetime,
) -> Plan:  # fmt: skip
    """What is to be done so that just these sites hold it.

    Args:
        conference: As ``conference_of`` gives it.
        summoned: How many people, by site.
        held: What each site holds now.
        known: Sites that have ever said something.
        now: Roll-calls of this conference that were before stay: they have been.
    """
    before = {each for told in held.values() if told.id == conference.id for each in told.roll_calls if each <= now}
    calls = tuple(sorted({*before, *conference.roll_calls}))[-ROLL_CALLS_MAX:]
    others = {site: told for site, told in held.items() if told.id != conference.id and told.ends_at > now}
    there = set(known)
    return Plan(
        conference.model_copy(update={"roll_calls": calls}) if calls else conference,
        summoned,
        unknown=tuple(site for site in summoned if site not in there),
        taken={site: others[site] for site in summoned if site in others},
        dropped=tuple(site for site, told in held.items() if told.id == conference.id and site not in summoned),
    )


def changed(held: Mapping[str, Conference], id_: str, **fields: object) -> dict[str, Conference | None]:
    """The same conference with other fields, for all sites that hold it."""
    return {site: told.model_copy(update=fields) for site, told in held.items() if told.id == id_}


def with_call(told: Sequence[datetime], at: datetime) -> tuple[datetime, ...]:
    """The roll-calls and one more; where there are too many, without the oldest."""
    return tuple(sorted({*told, at.replace(microsecond=0)}))[-ROLL_CALLS_MAX:]


def phase(conference: Conference, now: datetime) -> Phase:
    """Whether it is to come, goes on or is over."""
    if now < conference.starts_at:
        return "next"
    return "live" if now < conference.ends_at else "over"


def _calls(
    texts: Iterable[str], now: datetime, starts: datetime | None, ends: datetime | None, problems: list[Problem]
) -> tuple[datetime, ...]:
    calls = set[datetime]()
    for text in texts:
        at = moment(text, now, starts)
        if at is not None and starts is not None and at < starts and HOUR.fullmatch(text.strip()):
            at += timedelta(days=1)  # it goes on after midnight
        if at is None:
            problems.append(Problem("roll_call", f"{quoted(text, 30)}: {A_TIME}"))
        elif starts is not None and ends is not None and not starts <= at < ends:
            problems.append(Problem("roll_call", f"{text.strip()}: {CALL_OUTSIDE}"))
        else:
            calls.add(at)
    if len(calls) > ROLL_CALLS_MAX:
        problems.append(Problem("roll_call", TOO_MANY_CALLS))
    return tuple(sorted(calls))
