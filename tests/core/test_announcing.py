"""agent/core/announcing.py: a home automation is told what this site is, later than what is live, and again."""

import json

import pytest

from agent.core import announcing, home_assistant
from agent.core.announcing import WITHIN_S
from agent.core.commands import Announce, Log
from agent.core.events import LinkDown, LinkUp, MessageReceived
from tests.core.rig import Rig, only, room_config, topics


def online(payload: bytes = b"online") -> MessageReceived:
    return MessageReceived(home_assistant.STATUS_TOPIC, payload, False)


def site(**about: object) -> Rig:
    rig = Rig(room_config(), **about)  # type: ignore[arg-type]
    rig.start()
    return rig


def test_after_a_connection_it_is_announced_once_and_everything_live_said_after_it() -> None:
    rig = site()
    assert only(Announce, rig.do(LinkUp(1))) == []
    commands = rig.wait(WITHIN_S + 1)
    (announced,) = only(Announce, commands)
    assert announced.full_topic == "homeassistant/device/diemcau-chi-linh/config"
    assert json.loads(announced.raw)
    said = topics(commands[commands.index(announced) :])
    assert {"status", "about", "power", "headcount", "readiness"} <= set(said[: said.index("readiness") + 1])
    assert only(Announce, rig.wait(600)) == []


def test_a_home_automation_that_begins_is_told_again_and_one_that_ends_is_not() -> None:
    rig = site()
    rig.do(LinkUp(1))
    rig.wait(WITHIN_S + 1)
    assert only(Log, rig.do(online())) == []
    assert len(only(Announce, rig.wait(WITHIN_S + 1))) == 1
    for payload in (b"offline", b"", b"\xff", b"online" * 10_000):
        assert only(Log, rig.do(online(payload))) == []
        assert only(Announce, rig.wait(WITHIN_S + 1)) == []


def test_without_a_connection_nothing_is_announced() -> None:
    rig = site()
    rig.do(LinkUp(1))
    rig.do(LinkDown("gone"))
    assert only(Announce, rig.wait(WITHIN_S + 1)) == []


def test_a_config_that_stands_in_for_a_broken_one_says_nothing_of_the_room() -> None:
    rig = site(stands_in=True)
    rig.do(LinkUp(1))
    assert only(Announce, rig.wait(WITHIN_S + 1)) == []


@pytest.mark.parametrize("session", ["", "s", "11111111-2222-4333-8444-555555555555"])
def test_each_run_waits_its_own_time(session: str) -> None:
    assert 0 <= announcing.spread_s(session) < WITHIN_S
    assert len({announcing.spread_s(f"{session}{number}") for number in range(100)}) > 90
