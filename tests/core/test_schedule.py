"""agent/core/schedule.py, and what it does to a room: up in good time, locked while live, never down by itself."""

import json
from datetime import timedelta
from typing import Any

import pytest

from agent.core import schedule
from agent.core.commands import SetRelay
from agent.core.contract import Conference
from agent.core.events import LinkUp, Memory, MessageReceived, Tick
from tests.core.rig import BEGIN_S, LONGEST_OFF_S, Rig, logs, now_at, only, room_config

STARTS_S = 7200.0  # after the rig's beginning
TOPIC = "diemcau/v1/chi-linh/conference"
PLAIN = {"loads": [{"name": "codec", "pin": 5, "settle_s": 2}, {"name": "display", "pin": 6, "settle_s": 2}]}


def conference(**changes: Any) -> Conference:
    begins = now_at(BEGIN_S + STARTS_S).utc
    facts = {"id": "giao-ban", "starts_at": begins, "ends_at": begins + timedelta(hours=2), "power_on_minutes": 60}
    return Conference(**{**facts, **changes})


@pytest.mark.parametrize(
    ("after_begin_s", "synced", "live"),
    [
        (-1, True, False),
        (0, True, True),
        (7199, True, True),
        (7200, True, False),
        (-1, False, True),
        (9999, False, True),
    ],
)
def test_live_is_between_begin_and_end_and_with_an_unset_clock_the_lock_alone(
    after_begin_s: float, synced: bool, live: bool
) -> None:
    now = now_at(BEGIN_S + STARTS_S + after_begin_s, synced)
    assert schedule.is_live(conference(lock=True), now) == live
    assert not schedule.is_live(conference(lock=False), now)
    assert not schedule.is_live(None, now)


@pytest.mark.parametrize(
    ("minutes", "after_begin_s", "synced", "due"),
    [
        (60, -3601, True, False),
        (60, -3600, True, True),
        (60, 7199, True, True),
        (60, 7200, True, False),
        (60, -1800, False, False),
        (0, -1, True, False),
        (0, 0, True, True),
        (None, 0, True, False),
        (1e300, 0, True, False),
    ],
)
def test_it_is_due_from_so_many_minutes_before_until_the_end(
    minutes: float | None, after_begin_s: float, synced: bool, due: bool
) -> None:
    now = now_at(BEGIN_S + STARTS_S + after_begin_s, synced)
    planned = conference(power_on_minutes=minutes)
    assert (schedule.wish(planned, (), now) is not None) == due
    assert schedule.wish(planned, schedule.with_done((), planned), now) is None


def test_the_next_moment_at_which_something_changes_is_waited_for() -> None:
    moments = []
    now_s = BEGIN_S
    while (wake_s := schedule.wake_s(conference(), now_at(now_s))) is not None:
        moments.append(wake_s - BEGIN_S)
        now_s = wake_s
    assert moments == [STARTS_S - 3600, STARTS_S, STARTS_S + 7200]
    assert schedule.wake_s(conference(), now_at(BEGIN_S, synced=False)) is None


def send(rig: Rig, planned: Conference | None) -> None:
    raw = b"" if planned is None else planned.model_dump_json(exclude_unset=True).encode()
    rig.do(MessageReceived(TOPIC, raw, True))


def planned_room(planned: Conference | None = None, memory: Memory = Memory(), **about: Any) -> Rig:
    rig = Rig(room_config(power=PLAIN), **about)
    rig.start(memory)
    rig.do(LinkUp(1))
    send(rig, planned or conference())
    return rig


def test_the_room_comes_up_by_itself_an_hour_before_and_says_why() -> None:
    rig = planned_room()
    rig.wait(STARTS_S - 3600 - 1)
    assert rig.orders == []
    rig.wait(2)
    assert rig.orders == [(STARTS_S - 3600, "codec", True)]
    assert (rig.said["power"]["by"], rig.said["power"]["who"]) == ("schedule", "giao-ban")
    assert rig.history[0]["by"] == "schedule"
    assert rig.history[0]["detail"] == {
        "state": "starting",
        "loads": {"codec": "off", "display": "off"},
        "who": "giao-ban",
        "step": "codec",
    }
    rig.wait(6 * 3600)
    assert all(on for _, _, on in rig.orders), "nothing goes off by itself"
    assert rig.room.power.state == "on"


def test_whoever_switches_off_afterwards_has_the_last_word_also_over_a_restart() -> None:
    rig = planned_room(conference(lock=False))
    rig.wait(STARTS_S - 3600 + 60)
    rig.hold()
    rig.wait(60)
    assert rig.room.power.state == "off"
    again = planned_room(memory=Memory(facts=dict(rig.facts)))
    again.now_s = rig.now_s
    for each in (rig, again):
        each.orders.clear()
        each.wait(600)
        assert each.orders == []


def test_a_conference_that_is_moved_is_a_new_one() -> None:
    rig = planned_room()
    rig.wait(STARTS_S - 3600 + 60)
    rig.hold()
    rig.wait(60)
    rig.orders.clear()
    later = conference().starts_at + timedelta(hours=1)
    send(rig, conference(starts_at=later, ends_at=later + timedelta(hours=2)))
    rig.wait(3600)
    assert [(load, on) for _, load, on in rig.orders] == [("codec", True), ("display", True)]


def test_a_box_that_is_switched_on_late_brings_the_room_up_at_once_from_what_it_kept() -> None:
    before = planned_room()
    after = Rig(room_config(power=PLAIN), boot_id="boot-2")
    after.now_s = after.zero_s = BEGIN_S + STARTS_S + 600
    after.start(Memory(facts=dict(before.facts)))
    assert after.orders == [(0, "codec", True)]
    assert after.said["headcount"]["conference"] == "giao-ban"


def test_a_room_that_is_on_already_is_left_alone_and_a_fault_is_for_a_person() -> None:
    rig = planned_room()
    rig.tap()
    rig.wait(LONGEST_OFF_S)
    rig.orders.clear()
    rig.wait(STARTS_S)
    assert rig.orders == []
    broken = planned_room()
    broken.stuck = {"codec"}
    broken.tap()
    assert broken.room.power.state == "fault"
    broken.orders.clear()
    broken.wait(STARTS_S)
    assert broken.orders == []


def test_the_lock_is_said_when_the_conference_begins_and_when_it_ends() -> None:
    rig = planned_room(conference(lock=True))
    rig.wait(STARTS_S - 1)
    assert rig.said["power"]["locked"] is False
    rig.wait(1)
    assert rig.said["power"]["locked"] is True
    rig.wait(7200)
    assert rig.said["power"]["locked"] is False


def test_the_lock_holds_over_a_restart_without_a_broker() -> None:
    before = planned_room(conference(lock=True))
    before.tap()
    before.wait(STARTS_S + 1)
    after = Rig(room_config(power=PLAIN))
    after.now_s = after.zero_s = before.now_s
    after.start(Memory(facts=dict(before.facts)), codec="on", display="on")
    assert only(SetRelay, after.hold()) == []
    assert after.said["power"]["locked"] is True
    assert only(SetRelay, after.hold()) != []


def test_a_cleared_conference_is_forgotten_on_disk_too() -> None:
    rig = planned_room(conference(lock=True))
    send(rig, None)
    rig.wait(10)
    assert json.loads(rig.facts["conference"]) is None
    rig.wait(STARTS_S)
    assert (rig.orders, rig.said["power"]["locked"]) == ([], False)


def switch_off(rig: Rig) -> None:
    """A person who wants it off; a hold at a room that is off would begin with a press."""
    if rig.room.power.state != "off":
        rig.hold()
    rig.wait(60)


def test_a_time_of_another_zone_is_the_same_plan_over_a_restart() -> None:
    rig = planned_room(conference(lock=False))
    same = ("2012-11-20T16:30:00.123456+07:00", "2012-11-20T06:00:00.123-03:30", "2012-11-20T09:30:00.123Z")
    for number, begins in enumerate(same):
        raw = {"id": "c", "starts_at": begins, "ends_at": "2012-11-20T11:30:00Z", "power_on_minutes": 60}
        rig.do(MessageReceived(TOPIC, json.dumps(raw).encode(), True))
        rig.wait(STARTS_S - 3000 if number == 0 else 60)
        switch_off(rig)
    assert [on for _, _, on in rig.orders] == [True, True, False, False], "once, and then off for good"
    again = Rig(rig.config)
    again.now_s = rig.now_s
    again.start(Memory(facts=dict(rig.facts)))
    again.wait(600)
    assert again.orders == []


@pytest.mark.parametrize("end", ["0001-01-01T00:00:00+07:00", "9999-12-31T23:59:59.999999-07:00"])
@pytest.mark.parametrize("which", ["starts_at", "ends_at"])
def test_the_ends_of_time_are_refused_and_no_crash(end: str, which: str) -> None:
    rig = planned_room()
    raw = {"id": "c", "starts_at": "2012-11-20T09:30:00Z", "ends_at": "2012-11-20T11:30:00Z", which: end}
    said = logs(rig.do(MessageReceived(TOPIC, json.dumps(raw).encode(), True)))
    assert "conference: refused" in said
    assert rig.room.conference is not None
    assert rig.room.conference.id == "giao-ban"


def test_a_plan_that_ends_before_it_begins_is_refused() -> None:
    rig = planned_room()
    raw = {"id": "c", "starts_at": "2012-11-20T09:30:00Z", "ends_at": "2012-11-20T09:30:00Z"}
    said = logs(rig.do(MessageReceived(TOPIC, json.dumps(raw).encode(), True)))
    assert "ends_at should be after starts_at" in said


def test_a_plan_that_waits_for_the_clock_says_so() -> None:
    rig = planned_room()
    rig.synced = False
    raw = conference(id="c").model_dump_json().encode()
    assert "once the clock is synchronised" in logs(rig.do(MessageReceived(TOPIC, raw, True)))


def test_plans_that_go_to_and_fro_bring_the_room_up_once_each() -> None:
    rig = planned_room(conference(lock=False))
    other = conference(id="khac", lock=False)
    rig.wait(STARTS_S - 3000)
    for planned in (other, conference(lock=False), other, conference(lock=False)):
        switch_off(rig)
        send(rig, planned)
        rig.wait(60)
    # The other one is a plan of its own, and comes up once; after that nobody does.
    assert [load for _, load, on in rig.orders if on] == ["codec", "display"] * 2


def test_a_flood_of_plans_is_written_now_and_then_and_the_newest_at_last() -> None:
    rig = planned_room()
    written: list[str] = []
    for number in range(1000):
        before = rig.facts.get("conference")
        send(rig, conference(id=f"c-{number}"))
        rig.wait(0.02)
        if rig.facts.get("conference") != before:
            written.append(rig.facts["conference"])
    rig.wait(10)
    assert len(written) <= 6
    assert json.loads(rig.facts["conference"])["id"] == "c-999"


def test_nothing_is_written_again_and_again() -> None:
    rig = planned_room()
    rig.wait(60)
    rig.facts.clear()
    rig.wait(1000)
    rig.do(Tick())
    send(rig, conference())
    assert rig.facts == {}


@pytest.mark.parametrize("is_locked", [True, False])
def test_while_it_goes_on_the_eye_looks_as_often_as_is_wanted_then_locked_or_not(is_locked: bool) -> None:
    config = room_config(headcount={"interval_s": 10, "conference_interval_s": 3})
    plan = conference(lock=is_locked)

    def interval_s(after_begin_s: float, synced: bool = True) -> float:
        now = now_at(BEGIN_S + STARTS_S + after_begin_s, synced)
        return schedule.looking(config, plan, now).headcount.interval_s

    assert [interval_s(at_s) for at_s in (-1, 0, 7199, 7200)] == [10, 3, 3, 10]
    assert interval_s(-1, synced=False) == interval_s(9999, synced=False) == (3 if is_locked else 10)
    assert schedule.looking(config, None, now_at(BEGIN_S)) is config
    quick = room_config(headcount={"interval_s": 1, "conference_interval_s": 2})
    assert schedule.looking(quick, plan, now_at(BEGIN_S + STARTS_S)) is quick
