"""What the centre knows of each site, as a fold of messages."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.console.sites import EVENTS_MOST, FORGOTTEN, Sites, SiteView, age_s, plain, take, taken
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


def event(kind: str, second: int, severity: str = "warning") -> tuple[str, dict[str, Any]]:
    numbers = {"epoch": "e", "seq": 1, "boot_id": "b", "uptime_s": 1.0, "kind": kind, "severity": severity}
    return "diemcau/v1/nam-sach/history/event", {**COMMON, "at": f"2012-11-20T07:30:{second:02}.000Z", **numbers}


def test_of_each_kind_of_event_the_newest_is_known_and_of_not_too_many() -> None:
    told = (event("b", 20), event("a", 10), event("a", 5), event("b", 21), event("c", 30, "info"))
    view = folded(*told).by_id["nam-sach"]
    assert [(each.kind, each.at.second) for each in view.events] == [("a", 10), ("b", 21)]
    assert view.event == view.events[-1]
    many = folded(*(event(f"k{number}", number) for number in range(60))).by_id["nam-sach"]
    assert [each.at.second for each in many.events] == list(range(60 - EVENTS_MOST, 60))


@settings(deadline=None)
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


def said(name: str, at_s: float, session: str = "s", **fields: Any) -> tuple[str, bytes]:
    at = f"2012-11-20T07:30:{at_s:06.3f}Z"
    return name, json.dumps({"at": at, "session": session, "clock": "synced", **fields}).encode()


@st.composite
def lives_of_a_site(draw: st.DrawFn) -> list[tuple[str, bytes]]:
    """What a site and the broker say within a minute, in order: starts, connections, wills, counts."""
    messages, at_s, connection = [], 0.0, 0
    for start in range(draw(st.integers(1, 3))):
        for _ in range(draw(st.integers(1, 3))):
            connection, began_s = connection + 1, at_s + 1

            def status(state: str, at_s: float, start: int = start, connection: int = connection) -> tuple[str, bytes]:
                more = {"state": state, "connection": connection, "boot_id": "b", "version": "1"}
                return said("status", at_s, f"start-{start}", **more)

            for _ in range(draw(st.integers(1, 3))):
                at_s += 1
                messages.append(status("running", at_s))
                value = {**headcount()[1], "value": int(at_s)}
                messages.append(said("headcount", at_s, **{key: value[key] for key in value.keys() - COMMON.keys()}))
            end = draw(st.sampled_from(["lost", "stopped", None]))
            at_s += 1
            if end is not None:
                messages.append(status(end, began_s if end == "lost" else at_s))
    return messages


@settings(deadline=None)
@given(lives_of_a_site(), st.data())
def test_in_whatever_order_and_however_often_messages_come_the_newest_is_known(
    messages: list[tuple[str, bytes]], data: st.DataObject
) -> None:
    """FAULTS 20 and 21."""
    again = data.draw(st.lists(st.sampled_from(messages), max_size=5))
    shuffled = data.draw(st.permutations([*messages, *again]))
    orderly = view_of(messages)
    assert view_of(shuffled) == orderly
    assert view_of([*messages, *again]) == orderly


def view_of(messages: list[tuple[str, bytes]]) -> SiteView:
    view = SiteView("nam-sach")
    for name, raw in messages:
        view, _ = taken(view, name, raw)
    return view


def test_a_clock_that_was_set_back_by_an_hour_is_believed_at_once() -> None:
    back = headcount(at="2012-11-20T06:30:00.000Z", value=9)
    assert folded(headcount(), back).by_id["nam-sach"].headcount == folded(back).by_id["nam-sach"].headcount


def test_a_site_whose_disk_was_lost_begins_its_connections_anew() -> None:
    topic, new = status("running", 1)
    sites = folded(status("running", 7), (topic, {**new, "session": "t", "at": "2012-11-20T07:31:00.000Z"}))
    known = sites.by_id["nam-sach"].status
    assert known is not None
    assert known.connection == 1


def test_the_age_of_what_a_clock_said_that_was_never_set_is_by_when_it_came() -> None:
    came = datetime(2012, 11, 20, 7, 30, tzinfo=UTC)
    raw = json.dumps({**headcount()[1], "at": "1970-01-01T00:01:00.000Z", "clock": "unsynced"}).encode()
    view, _ = taken(SiteView("nam-sach"), "headcount", raw, came)
    assert age_s(view, came + timedelta(seconds=20)) == 20
    without, _ = taken(SiteView("nam-sach"), "headcount", raw)
    assert (age_s(without, came) or 0) > 1e9


def test_conferences_and_what_became_of_configs_are_known_too() -> None:
    conference = {"id": "c", "starts_at": AT, "ends_at": "2012-11-20T09:30:00.000Z", "summoned": 50}
    config = {**COMMON, "id": "p", "revision": 3, "digest": "d", "state": "applied", "effective_digest": "e"}
    root = "diemcau/v1/nam-sach"
    view = folded((f"{root}/conference", conference), (f"{root}/config/reported", config)).by_id["nam-sach"]
    assert view.conference is not None
    assert view.config is not None
    assert (view.conference.summoned, view.config.revision) == (50, 3)


def test_with_the_last_that_was_stored_a_site_is_a_blank() -> None:
    root = "diemcau/v1/nam-sach"
    sites = folded(headcount(), status("lost", 1), (f"{root}/status", b"{"), (f"{root}/headcount", b""))
    assert not sites.by_id["nam-sach"].is_blank
    sites, _ = take(sites, f"{root}/status", b"")
    assert sites.by_id["nam-sach"].is_blank


def test_since_when_a_site_sends_nonsense_is_known_where_times_are() -> None:
    began = datetime(2012, 11, 20, 7, 30, tzinfo=UTC)
    view, _ = taken(SiteView("nam-sach"), "power", b"{", began)
    view, _ = taken(view, "status", b"{", began + timedelta(minutes=1))
    assert view.refusals is not None
    assert (view.refusals.since, view.refusals.topic) == (began, "status")
    view, _ = taken(view, "status", b"{", began + FORGOTTEN + timedelta(minutes=2))
    assert view.refusals is not None
    assert view.refusals.since == view.refusals.last
