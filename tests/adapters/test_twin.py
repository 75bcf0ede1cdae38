"""agent/adapters/twin.py: what speaks for a second box with this site's name, and what does not."""

import json
from typing import Any

import pytest

from agent.adapters.twin import BACK_OFF_S, CLOSES, TOLD_EVERY_S, Twin


def status(**changes: Any) -> bytes:
    facts = {"at": "2012-11-20T07:30:00.000Z", "session": "s2", "clock": "synced", "state": "running", "connection": 3}
    return json.dumps({**facts, "boot_id": "b2", "version": "1", **changes}).encode()


def test_a_takeover_and_closes_one_after_the_other_speak_for_it() -> None:
    twin = Twin("b1", "s1")
    assert "0x8E" in str(twin.ended(taken_over=True, by_broker=True, lasted_s=3600))
    assert twin.is_there
    twin = Twin("b1", "s1")
    said = [twin.ended(taken_over=False, by_broker=True, lasted_s=2) for _ in range(CLOSES)]
    assert said[:-1] == [None] * (CLOSES - 1)
    assert "closed 3 connections" in str(said[-1])


@pytest.mark.parametrize("ends", [[(True, 2), (True, 2), (False, 2)], [(True, 2), (True, 60), (True, 2), (True, 2)]])
def test_a_broker_that_restarts_and_a_line_that_breaks_do_not(ends: list[tuple[bool, float]]) -> None:
    twin = Twin("b1", "s1")
    assert [twin.ended(False, by_broker, lasted_s) for by_broker, lasted_s in ends] == [None] * len(ends)
    assert not twin.is_there


def test_a_connection_that_lasts_ends_the_suspicion() -> None:
    twin = Twin("b1", "s1")
    twin.ended(taken_over=True, by_broker=True, lasted_s=5)
    assert twin.ended(taken_over=False, by_broker=True, lasted_s=600) is None
    assert not twin.is_there


def test_another_box_is_heard_on_our_own_status() -> None:
    twin = Twin("b1", "s1")
    assert "boot b2" in str(twin.heard(status()))
    assert twin.is_there


@pytest.mark.parametrize(
    "raw", [status(boot_id="b1", session="s1"), status(state="lost"), b"{", b"", b"[" * 10_000, status(connection=-1)]
)
def test_our_own_words_a_will_and_nonsense_are_no_box(raw: bytes) -> None:
    twin = Twin("b1", "s1")
    assert twin.heard(raw) is None
    assert not twin.is_there


def test_it_is_told_once_an_hour_and_both_wait_for_a_minute() -> None:
    twin = Twin("b1", "s1")
    assert [twin.is_news(at_s) for at_s in (0, 1, TOLD_EVERY_S - 1, TOLD_EVERY_S)] == [True, False, False, True]
    waits = [twin.back_off_s() for _ in range(100)]
    assert min(waits) >= BACK_OFF_S[0] >= 60
    assert len(set(waits)) > 1
