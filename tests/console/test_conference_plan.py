"""agent/console/conference_plan.py: what people write down as a conference, and what each site is told for it."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from agent.console import conference_plan as plans
from agent.console.conference_plan import Form
from agent.core.contract import ROLL_CALLS_MAX, Conference
from agent.core.errors import ConfigError

HERE = timezone(timedelta(hours=7))
NOW = datetime(2026, 11, 25, 15, 0, tzinfo=HERE)
STARTS = datetime(2026, 11, 26, 8, 0, tzinfo=HERE)


def form(**changes: Any) -> Form:
    return Form(**{"title": "Giao ban tuần", "starts": "2026-11-26 08:00", "ends": "11:30", **changes})


def held(id_: str = "giao-ban", **changes: Any) -> Conference:
    facts = {"id": id_, "starts_at": STARTS, "ends_at": STARTS + timedelta(hours=2), **changes}
    return Conference(**facts)


def test_local_times_become_one_conference() -> None:
    made = plans.conference_of(form(roll_calls=("08:15", "10h00", "08:15"), power_on_minutes=30), NOW)
    assert (made.id, made.title) == ("2026-11-26-giao-ban-tuan", "Giao ban tuần")
    assert (made.starts_at, made.ends_at) == (STARTS, STARTS + timedelta(hours=3.5))
    assert made.roll_calls == (STARTS + timedelta(minutes=15), STARTS + timedelta(hours=2))
    assert (made.lock, made.power_on_minutes, made.summoned) == (True, 30, None)


@pytest.mark.parametrize(
    ("starts", "ends"),
    [
        ("2026-11-26T08:00", "2026-11-26 11:30:00"),
        ("2026-11-26T01:00:00Z", "2026-11-26T04:30:00+00:00"),
        ("2026-11-26T01:00Z", "11:30"),
    ],
)
def test_times_may_be_iso_with_or_without_a_zone(starts: str, ends: str) -> None:
    made = plans.conference_of(form(starts=starts, ends=ends), NOW)
    assert (made.starts_at, made.ends_at) == (STARTS, STARTS + timedelta(hours=3.5))


def test_a_conference_over_midnight_has_its_roll_calls_after_it() -> None:
    late = form(starts="2026-11-26 22:00", ends="2026-11-27 02:00", roll_calls=("01:00",))
    assert plans.conference_of(late, NOW).roll_calls == (datetime(2026, 11, 27, 1, 0, tzinfo=HERE),)


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"title": " "}, ["title"]),
        ({"title": "x" * 401}, ["title"]),
        ({"title": "a\x07b"}, ["title"]),
        ({"starts": "08:00"}, ["starts"]),
        ({"starts": "2026-11-26"}, ["starts"]),
        ({"id": "new"}, ["id"]),
        ({"starts": "9999-12-31T23:59:59-12:00"}, ["starts"]),
        ({"starts": "9999-12-31 14:00", "ends": "9999-12-31 15:00", "roll_calls": ("13:00",)}, ["starts", "roll_call"]),
        ({"ends": "9999-12-31 23:59"}, ["ends"]),
        ({"ends": "soon"}, ["ends"]),
        ({"ends": "07:00"}, ["ends"]),
        ({"starts": "2026-11-24 08:00"}, ["ends"]),
        ({"roll_calls": ("soon", "11:30")}, ["roll_call", "roll_call"]),
        ({"roll_calls": tuple(f"08:{each:02}" for each in range(ROLL_CALLS_MAX + 1))}, ["roll_call"]),
        ({"id": "Giao ban"}, ["id"]),
        ({"id": "x" * 65}, ["id"]),
        ({"power_on_minutes": float("nan")}, [""]),
        ({"title": "", "starts": "", "ends": "", "id": "/"}, ["title", "starts", "id"]),
    ],
)
def test_every_mistake_is_named_by_its_field(changes: dict[str, Any], fields: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        plans.conference_of(form(**changes), NOW)
    assert [each.path for each in caught.value.problems] == fields


def test_an_id_is_short_and_in_plain_letters() -> None:
    assert plans.made_id("Hội nghị Đảng uỷ – quý IV/2026!", STARTS) == "2026-11-26-hoi-nghi-dang-uy-quy-iv-2026"
    assert plans.made_id("会议", STARTS) == "2026-11-26"
    assert plans.made_id("mot hai " * 40, STARTS).endswith("-mot")
    assert len(plans.made_id("mot hai " * 40, STARTS)) <= plans.ID_MAX


def test_a_plan_tells_each_site_and_takes_back_what_is_no_more() -> None:
    there = {
        "chi-linh": held(summoned=50),
        "gia-loc": held(summoned=9),
        "tu-ky": held("khac"),
        "nam-sach": held("cu", starts_at=NOW - timedelta(hours=9), ends_at=NOW - timedelta(hours=8)),
    }
    wanted = {"chi-linh": 62, "tu-ky": 30, "nam-sach": 48, "moi": 5}
    plan = plans.planned(held(title="x"), wanted, there, there, NOW)
    assert (plan.unknown, set(plan.taken), plan.dropped) == (("moi",), {"tu-ky"}, ("gia-loc",))
    messages = plan.messages()
    assert {site: told and told.summoned for site, told in messages.items()} == {**wanted, "gia-loc": None}
    assert messages["chi-linh"] == held(title="x", summoned=62)


def test_roll_calls_that_have_been_stay_and_those_to_come_are_as_planned() -> None:
    begun, later = STARTS + timedelta(minutes=5), STARTS + timedelta(hours=1)
    there = {"chi-linh": held(roll_calls=(begun, later))}
    plan = plans.planned(held(), {"chi-linh": 62}, there, there, STARTS + timedelta(minutes=30))
    assert plan.conference.roll_calls == (begun,)


def test_a_change_goes_to_all_that_hold_it_with_their_own_numbers() -> None:
    there = {"chi-linh": held(summoned=62), "tu-ky": held("khac"), "nam-sach": held(summoned=48)}
    told = plans.changed(there, "giao-ban", lock=True)
    assert {site: each and (each.summoned, each.lock) for site, each in told.items()} == {
        "chi-linh": (62, True),
        "nam-sach": (48, True),
    }


def test_a_roll_call_more_drops_the_oldest_where_there_are_too_many() -> None:
    calls = tuple(STARTS + timedelta(minutes=each) for each in range(ROLL_CALLS_MAX))
    now = STARTS + timedelta(hours=2, microseconds=7)
    assert plans.with_call(calls, now) == (*calls[1:], STARTS + timedelta(hours=2))


def test_phases() -> None:
    ends = STARTS + timedelta(hours=2)
    assert [plans.phase(held(), at) for at in (NOW.astimezone(UTC), STARTS, ends)] == ["next", "live", "over"]
