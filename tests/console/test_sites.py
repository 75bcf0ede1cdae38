"""What the centre knows of each site, as a fold of messages."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.console.sites import Sites, age_s, plain, take
from agent.core.contract import Headcount

AT = "2012-11-20T07:30:00.000Z"
COMMON = {"at": AT, "session": "s", "clock": "synced"}


def folded(*messages: tuple[str, dict[str, Any] | bytes]) -> Sites:
    sites = Sites()
    for topic, document in messages:
        raw = document if isinstance(document, bytes) else json.dumps(document).encode()
        sites, _ = take(sites, topic, raw)
    return sites


def status(state: str, connection: int) -> tuple[str, dict[str, Any]]:
    document = {**COMMON, "state": state, "connection": connection, "boot_id": "b", "version": "1"}
    return "diemcau/v1/nam-sach/status", document


def headcount(**fields: Any) -> tuple[str, dict[str, Any]]:
    document = {
        **COMMON, "value": 5, "state": "ok", "reason": None, "seen": 5, "min": 5, "max": 5, "samples": 3,
        "window_s": 90, "frame_age_s": 1, "interval_s": 2, **fields,
    }  # fmt: skip
    return "diemcau/v1/nam-sach/headcount", document


def test_messages_of_one_site_come_together_in_one_view() -> None:
    view = folded(status("running", 1), headcount()).by_id["nam-sach"]
    assert view.presence == "running"
    assert view.headcount is not None
    assert view.headcount.value == 5


@pytest.mark.parametrize(
    ("messages", "presence"),
    [
        ([status("running", 3), status("lost", 3)], "lost"),
        ([status("running", 4), status("lost", 3)], "running"),
        ([status("lost", 3), status("running", 4)], "running"),
        ([status("running", 4), status("stopped", 4)], "stopped"),
        ([], "unknown"),
    ],
)
def test_a_will_of_an_earlier_connection_is_not_believed(messages: list[Any], presence: str) -> None:
    view = folded(*messages).by_id.get("nam-sach")
    assert (view.presence if view else "unknown") == presence


def test_nonsense_is_counted_at_its_site_and_changes_nothing_else() -> None:
    sites = folded(headcount(), ("diemcau/v1/nam-sach/headcount", b"\xff{"), headcount(value=-1))
    view = sites.by_id["nam-sach"]
    assert view.refused == 2
    assert view.headcount is not None
    assert view.headcount.value == 5


def test_an_expired_or_cleared_topic_is_forgotten() -> None:
    assert folded(headcount(), ("diemcau/v1/nam-sach/headcount", b"")).by_id["nam-sach"].headcount is None


def test_fields_of_a_later_version_are_ignored() -> None:
    assert folded(headcount(mood="good")).by_id["nam-sach"].headcount is not None


@given(st.text(max_size=60), st.binary(max_size=200))
def test_whatever_comes_the_fold_never_raises(topic: str, raw: bytes) -> None:
    for full in (topic, f"diemcau/v1/{topic}", "diemcau/v1/nam-sach/status"):
        take(Sites(), full, raw)


def test_the_age_is_by_the_headcounts_own_time_and_never_negative() -> None:
    view = folded(headcount()).by_id["nam-sach"]
    at = datetime(2012, 11, 20, 7, 30, tzinfo=UTC)
    assert age_s(view, at + timedelta(seconds=95)) == 95
    assert age_s(view, at - timedelta(hours=1)) == 0


@pytest.mark.parametrize("text", ["a\nb", "\x1b[31mred", "\x9b31m", "‮abc", "x" * 500])
def test_text_from_outside_cannot_move_the_cursor_or_fill_the_screen(text: str) -> None:
    shown = plain(text)
    assert shown.isprintable()
    assert len(shown) <= 60


def test_a_headcount_is_read_as_one() -> None:
    topic, document = headcount()
    _, news = take(Sites(), topic, json.dumps(document).encode())
    assert news is not None
    assert isinstance(news[1], Headcount)
