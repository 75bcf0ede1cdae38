"""One site: the rule, the edges of the conference, and what is said of time without a count."""

from typing import Any

import pytest

from agent.console.report.attendance import Facts, Seen, attendance
from agent.console.report.pieces import LONGEST_S, Window, gaps, pieces
from agent.console.report.told import Blind, Event, Stretch
from tests.console.report.bed import HOUR, MINUTE, STARTS_S, presence, summons

LATER_S = STARTS_S + 10 * HOUR


def counted(first: float, last: float, value: int | None, unknown_s: float = 0.0, **reasons: float) -> Window:
    """Minutes from the start."""
    length_s = (last - first) * MINUTE
    unknown_s = length_s if value is None else unknown_s
    people_minutes = (value or 0) * (length_s - unknown_s) / 60
    return Window(STARTS_S + first * MINUTE, STARTS_S + last * MINUTE, value, people_minutes, unknown_s, reasons)


def event(minute: float, kind: str, **detail: Any) -> Event:
    return Event(STARTS_S + minute * MINUTE, kind, "info", "thanh", detail)


def test_present_were_those_who_were_there_for_half_of_the_time() -> None:
    windows = [counted(0, 20, 10), counted(20, 40, 18), counted(40, 60, 14)]
    found = attendance(summons(), Facts(windows), LATER_S)
    assert (found.present, found.rate, found.known_s, found.unknown_s) == (14, 0.7, HOUR, 0.0)
    assert found.mean == pytest.approx(14)
    halves = [counted(0, 30, 10), counted(30, 60, 18)]
    assert attendance(summons(), Facts(halves), LATER_S).present == 18  # for exactly half of it


@pytest.mark.parametrize(("known", "present"), [(30, 12), (29.9, None)])
def test_less_than_half_of_the_time_is_no_number(known: float, present: int | None) -> None:
    found = attendance(summons(), Facts([counted(0, known, 12)]), LATER_S)
    assert (found.present, found.rate is None) == (present, present is None)
    assert found.peak == Seen(12, STARTS_S)


def test_a_window_over_the_edge_counts_in_proportion() -> None:
    windows = [counted(-5, 5, 10, 300.0, dark=300.0), counted(55, 65, 20)]
    (first, last) = pieces(windows, STARTS_S, STARTS_S + HOUR)
    assert (first.from_s, first.known_s, first.people_minutes, first.unknown) == (
        STARTS_S,
        150.0,
        25.0,
        {"dark": 150.0},
    )
    assert (last.to_s, last.known_s, last.people_minutes) == (STARTS_S + HOUR, 300.0, 100.0)


def test_no_second_counts_twice() -> None:
    windows = [counted(0, 10, 5), counted(5, 15, 9), counted(0, 10, 5), counted(12, 14, 30), counted(14, 16, 7)]
    found = pieces(reversed(windows), STARTS_S, STARTS_S + HOUR)
    assert [(each.value, each.known_s / MINUTE) for each in found] == [(5, 10), (9, 5), (7, 1)]
    assert gaps(found, STARTS_S, STARTS_S + HOUR) == [(STARTS_S + 16 * MINUTE, STARTS_S + HOUR)]


def test_nonsense_counts_for_nothing() -> None:
    made_up = [
        Window(0.0, STARTS_S + 9e9, 900),
        Window(STARTS_S, STARTS_S + LONGEST_S + 1, 900),
        Window(STARTS_S + 60, STARTS_S, 900),
        Window(STARTS_S, STARTS_S, 900),
    ]
    assert pieces(made_up, STARTS_S, STARTS_S + HOUR) == []
    (all_unknown,) = pieces([counted(0, 1, 7, 600.0)], STARTS_S, STARTS_S + HOUR)
    assert (all_unknown.value, all_unknown.known_s, all_unknown.unknown) == (None, 0.0, {"unknown": 60.0})


def test_a_moment_at_which_nothing_was_known_is_that_of_a_little_later() -> None:
    windows = [counted(0, 4, None), counted(4, 50, 8), counted(50, 57, 6), counted(57, 60, None)]
    calls = tuple(STARTS_S + minute * MINUTE for minute in (20, 52, 57, 200))
    found = attendance(summons(roll_calls=calls), Facts(windows), LATER_S)
    assert found.begin == Seen(8, STARTS_S + 4 * MINUTE)
    assert found.end == Seen(6, STARTS_S + 57 * MINUTE)
    assert [seen and seen.people for _, seen in found.roll_calls] == [8, 6, None, None]
    assert attendance(summons(), Facts([counted(6, 60, 8)]), LATER_S).begin is None
    assert attendance(summons(), Facts([counted(0, 54, 8)]), LATER_S).end is None


def test_when_they_came_may_be_before_it_began() -> None:
    windows = [counted(-20, -10, 5), counted(-10, 5, 11), counted(5, 30, 18), counted(30, 60, 20)]
    found = attendance(summons(), Facts(windows), LATER_S)
    assert {share: (at_s - STARTS_S) / MINUTE for share, at_s in found.arrivals.items()} == {
        0.25: -20,
        0.5: -10,
        0.9: 5,
    }
    assert found.peak == Seen(20, STARTS_S + 30 * MINUTE)
    assert found.curve == (11,) * 5 + (18,) * 25 + (20,) * 30


def test_the_people_of_a_conference_before_did_not_come_to_this_one() -> None:
    windows = [counted(-30, -20, 20), counted(-20, -8, 0), counted(-8, 30, 12), counted(30, 40, 2), counted(40, 60, 20)]
    found = attendance(summons(), Facts(windows), LATER_S)
    assert {share: (at_s - STARTS_S) / MINUTE for share, at_s in found.arrivals.items()} == {
        0.25: -8, 0.5: -8, 0.9: 40,
    }  # fmt: skip


def test_a_step_of_the_curve_that_was_mostly_unknown_is_a_gap() -> None:
    windows = [
        counted(0, 1, 9, 20.0, dark=20.0),
        counted(1, 2, 9, 40.0, dark=40.0),
        counted(2, 2.4, 5),
        counted(2.4, 3, 7),
    ]
    assert attendance(summons(), Facts(windows), STARTS_S + 4 * MINUTE).curve == (9, None, 7, None)


def test_a_dark_picture_is_told_from_the_edges_of_its_windows() -> None:
    windows = [counted(0, 1, 9, 4.0, dark=4.0), counted(1, 2, 9, 6.0, dark=6.0), counted(2, 9, 9),
               counted(9, 10, 9, 9.0, dark=9.0), counted(10, 60, 9, 30.0, settling=30.0)]  # fmt: skip
    found = attendance(summons(), Facts(windows), LATER_S)
    assert found.blind == (Blind(STARTS_S, STARTS_S + 2 * MINUTE, "dark", 10.0),)
    assert found.stretches == ()


def test_time_without_a_row_is_explained_by_presence_before_power() -> None:
    facts = Facts(
        [counted(10, 20, 5)],
        [event(-600, "power.changed", state="on"), event(20, "power.changed", state="off"),
         event(40, "power.changed", state="fault"), event(50, "power.changed", state="on")],
        [presence("nam-sach", STARTS_S - HOUR, "running"), presence("nam-sach", STARTS_S + 5 * MINUTE, "lost"),
         presence("nam-sach", STARTS_S + 30 * MINUTE, "running", 2)],
    )  # fmt: skip
    found = attendance(summons(), facts, LATER_S)
    assert found.unknown == {
        "no_rows": 900.0,  # 0–5 and 50–60
        "power_fault": 600.0,
        "room_off": 600.0,
        "site_lost": 900.0,  # 5–10 and 20–30, but not while rows came all the same
    }
    assert found.stretches[0] == Stretch(STARTS_S, STARTS_S + 5 * MINUTE, "no_rows")


def test_of_a_conference_that_is_on_all_is_up_to_now() -> None:
    facts = Facts([counted(0, 20, 10)])
    found = attendance(summons(roll_calls=(STARTS_S + 50 * MINUTE,)), facts, STARTS_S + 20 * MINUTE)
    assert (found.present, found.lasts_s, found.end, found.is_over) == (10, 1200.0, None, False)
    assert found.roll_calls == ((STARTS_S + 50 * MINUTE, None),)
    not_yet = attendance(summons(), facts, STARTS_S - 5)
    assert (not_yet.present, not_yet.lasts_s, not_yet.unknown, not_yet.is_over) == (None, 0.0, {}, False)


def test_one_that_was_taken_back_ended_then_and_before_its_start_was_none() -> None:
    facts = Facts([counted(0, 40, 10), counted(40, 60, 0)])
    early = attendance(summons(cleared_s=STARTS_S + 40 * MINUTE), facts, LATER_S)
    assert (early.present, early.lasts_s, early.end) == (10, 2400.0, Seen(10, STARTS_S + 2400))
    off = attendance(summons(cleared_s=STARTS_S - 1), facts, LATER_S)
    assert (off.summons.is_off, off.present, off.rows, off.curve) == (True, None, 0, ())


def test_a_recount_that_takes_one_back_stands_in_its_place() -> None:
    events = [
        event(-5, "recount", people=7, value=7, error=0.0),  # of the conference before
        event(5, "recount", people=20, value=18, error=0.1),
        event(30, "recount", people=2, value=18, error=8.0),
        event(30.5, "recount", people=20, value=18, error=0.1, replaced=2),
        event(40, "recount", people=20, value=None, error=None),
        event(41, "recount", people="many"),
        event(90, "recount", people=20, value=20, error=0.0),
    ]
    found = attendance(summons(), Facts([], events), LATER_S).recounts
    assert [(each.people, each.value, each.error) for each in found] == [(20, 18, 0.1), (20, 18, 0.1), (20, None, None)]


def test_more_than_were_summoned_stays_the_true_number() -> None:
    assert attendance(summons(summoned=10), Facts([counted(0, 60, 12)]), LATER_S).rate == 1.2
    assert attendance(summons(summoned=0), Facts([counted(0, 60, 12)]), LATER_S).rate is None
    assert attendance(summons(summoned=None), Facts([counted(0, 60, 12)]), LATER_S).rate is None
