"""The demo's conference in our own time: its plan reaches the rooms, and who watches is told of its course."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from agent.adapters.mosquitto import Mosquitto
from agent.console.demo_conference import CONFERENCE, Clock, Course, summon
from agent.console.demo_sites import ENDS_S, ROLL_CALLS_S, STARTS_S, demo_sites
from agent.console.listener import Listener
from agent.core.contract import Conference, decode
from agent.core.identity import broker_at


def test_a_second_of_the_script_has_its_moment_in_our_time() -> None:
    clock = Clock(time.monotonic() + 5, speed=10)
    assert clock.at() == pytest.approx(-50, abs=20)
    ahead = clock.moment(100.0) - datetime.now(UTC)
    assert ahead.total_seconds() == pytest.approx(15, abs=2)


def test_every_room_is_told_the_whole_conference_with_its_own_number(broker: Mosquitto) -> None:
    sites, clock = demo_sites(3, 10), Clock(time.monotonic(), 10)
    listener = Listener(broker_at(broker.url), topics=("diemcau/v1/+/conference",))
    listener.start()
    try:
        summon(sites, clock, listener)
        told = [listener.messages.get(timeout=20) for _ in sites]
    finally:
        listener.close()
    plans = {topic.split("/")[2]: decode(Conference, raw) for topic, raw in told}
    assert {site: plan.summoned for site, plan in plans.items()} == {site.site: site.summoned for site in sites}
    for plan in plans.values():
        assert (plan.id, len(plan.roll_calls)) == (CONFERENCE, len(ROLL_CALLS_S))
        assert plan.title
        assert all(plan.starts_at < moment < plan.ends_at for moment in plan.roll_calls)
        lasts_s = (ENDS_S - STARTS_S) / 10
        assert plan.ends_at - plan.starts_at == pytest.approx(timedelta(seconds=lasts_s), abs=timedelta(milliseconds=2))
    assert len({(plan.starts_at, plan.ends_at, plan.roll_calls) for plan in plans.values()}) == 1


def test_who_watches_is_told_once_that_it_begins_and_that_it_is_over_and_where_the_report_is() -> None:
    said: list[str] = []
    Course(Clock(time.monotonic(), 1), "http://x/report/demo", said.append).step()
    assert said == []
    course = Course(Clock(time.monotonic() - 100, 1), "http://x/report/demo", said.append)
    course.step()
    course.step()
    assert len(said) == 1
    course = Course(Clock(time.monotonic() - ENDS_S, 2), "http://x/report/demo", said.append)
    course.step()
    course.step()
    assert len(said) == 3
    assert "http://x/report/demo" in said[-1]
    Course(Clock(time.monotonic() - ENDS_S, 2), None, said.append).step()
    assert "report" not in said[-1]
