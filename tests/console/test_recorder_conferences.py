"""agent/console/recorder_conferences.py on both databases, and by way of a real broker: who was called and there."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from agent.adapters.mosquitto import Mosquitto
from agent.console.recorder_conferences import (
    LOOK_FOR,
    Held,
    Presence,
    SiteName,
    Summons,
    name_in,
    presence_in,
    summons_in,
)
from agent.console.recorder_missed import QUIET_ROUNDS, SURELY_ALL
from agent.console.recorder_news import News
from agent.console.recorder_tables import PUSH, SUMMONS
from agent.console.store import Store
from agent.core.contract import SEQ_MAX
from tests.conftest import PATIENCE_S, wait_for
from tests.console.test_recorder import RawSite, recording

STARTS_S = 1795654800.0  # 2026-11-26T01:00:00Z
SITE = "nam-sach"


@pytest.fixture
def site(broker: Mosquitto) -> Iterator[RawSite]:
    made = RawSite(broker.port)
    yield made
    made.close()


def message(id_: str = "giao-ban", **changes: Any) -> bytes:
    document = {"id": id_, "title": "Giao ban", "starts_at": "2026-11-26T01:00:00.000Z",
                "ends_at": "2026-11-26T04:30:00.000Z", "summoned": 62, "lock": True,
                "roll_calls": ["2026-11-26T02:00:00.000Z", "2026-11-26T01:15:00.000Z"]}  # fmt: skip
    return json.dumps({**document, **changes}).encode()


def summons(id_: str = "giao-ban", site: str = SITE, received_s: float = 100.0, **changes: Any) -> Summons:
    made = summons_in(site, message(id_), received_s)
    assert made is not None
    return replace(made, **changes)


def status(state: str = "running", connection: int = 3, **changes: Any) -> bytes:
    document = {"at": "2026-11-26T00:30:00.000Z", "session": "s", "clock": "synced", "state": state,
                "connection": connection, "boot_id": "b1", "version": "1"}  # fmt: skip
    return json.dumps({**document, **changes}).encode()


def about(**changes: Any) -> bytes:
    document = {"at": "2026-11-26T00:30:00.000Z", "session": "s", "clock": "synced", "name": "Nam Sách",
                "path": ["Hải Dương", "Nam Sách"], "timezone": "Asia/Ho_Chi_Minh"}  # fmt: skip
    return json.dumps({**document, **changes}).encode()


def at(at_s: float, state: str = "running", connection: int = 3, site: str = SITE, session: str = "s") -> Presence:
    return Presence(site, at_s, state, connection, "b1", session)


def test_a_message_becomes_a_summons_with_its_moments_in_order() -> None:
    made = summons()
    assert (made.conference, made.title, made.summoned) == ("giao-ban", "Giao ban", 62)
    assert (made.starts_at_s, made.ends_at_s) == (STARTS_S, STARTS_S + 3.5 * 3600)
    assert made.roll_calls == (STARTS_S + 900, STARTS_S + 3600)


def test_what_no_site_could_read_is_nothing() -> None:
    for raw in (b"{", b"[]", b"\xff", message(""), message(ends_at="2026-11-26T00:00:00.000Z"), message(summoned=-1)):
        assert summons_in(SITE, raw, 1.0) is None, raw
    for raw in (b"", b"{}", status("gone"), status(connection=-1), status(connection=SEQ_MAX + 1)):
        assert presence_in(SITE, raw, 1.0) is None, raw
    for raw in (b"", b"{}", about(name="x" * 201)):
        assert name_in(SITE, raw) is None, raw


def test_the_newest_summons_of_a_site_counts_and_the_same_again_changes_nothing(store: Store) -> None:
    log = store.conferences
    log.keep_summons([summons(), summons(site="chi-linh")])
    log.keep_summons([summons(received_s=200.0)])
    assert [(each.site, each.received_s) for each in log.summons("giao-ban")] == [("chi-linh", 100.0), (SITE, 100.0)]
    log.keep_summons([summons(received_s=300.0, summoned=None), summons(received_s=400.0, summoned=70)])
    assert log.summons("giao-ban")[1] == summons(received_s=400.0, summoned=70)
    assert log.conferences() == [Held("giao-ban", "Giao ban", STARTS_S, STARTS_S + 3.5 * 3600, 2)]


def test_taken_back_before_it_began_it_was_called_off(store: Store) -> None:
    log = store.conferences
    log.keep_summons([summons(), summons(site="chi-linh")])
    log.cleared(SITE, STARTS_S - 60)
    log.cleared(SITE, STARTS_S - 30)
    log.cleared("chi-linh", STARTS_S + 60)
    assert [(each.cleared_s, each.is_off) for each in log.summons("giao-ban")] == [
        (STARTS_S + 60, False),
        (STARTS_S - 60, True),
    ]
    assert log.conferences()[0].sites == 1
    log.keep_summons([summons(received_s=STARTS_S - 10)])
    assert log.summons("giao-ban")[1].cleared_s is None


def test_taken_back_when_it_was_over_it_was_held(store: Store) -> None:
    log = store.conferences
    log.keep_summons([summons()])
    log.cleared(SITE, STARTS_S + 24 * 3600)
    assert log.summons("giao-ban")[0].cleared_s is None


def test_a_site_has_one_conference_so_another_that_has_not_begun_is_off(store: Store) -> None:
    log = store.conferences
    log.keep_summons([summons("yesterday", starts_at_s=50.0, ends_at_s=60.0), summons("tomorrow"),
                      summons("today", received_s=200.0, starts_at_s=300.0, ends_at_s=400.0)])  # fmt: skip
    assert log.summons("yesterday")[0].cleared_s is None
    assert log.summons("tomorrow")[0].cleared_s == 200.0
    assert [each.id for each in log.conferences()] == ["today", "yesterday"]


def test_a_name_is_the_last_one_that_was_said(store: Store) -> None:
    old, new = name_in(SITE, about(name="Nam Sach")), name_in(SITE, about(timezone="T" * 99, name="Nam\0 Sách"))
    assert old is not None
    assert new is not None
    store.conferences.keep_names([old])
    store.conferences.keep_names([new])
    store.conferences.keep_names([])
    wanted = SiteName(SITE, "Nam Sách", ("Hải Dương", "Nam Sách"), "T" * 64, STARTS_S - 1800)
    assert store.conferences.names() == {SITE: wanted}


def test_a_will_counts_from_when_it_was_heard_and_so_does_a_clock_that_nobody_set() -> None:
    said_s = STARTS_S - 1800
    for raw, now_s, wanted_s in (
        (status(), said_s + 9, said_s),
        (status(), said_s - 9, said_s - 9),
        (status("lost"), said_s + 9, said_s + 9),
        (status(clock="unsynced"), said_s + 9, said_s + 9),
    ):
        heard = presence_in(SITE, raw, now_s)
        assert heard is not None
        assert heard.at_s == wanted_s


def test_presence_is_the_changes_within_a_time_and_the_last_before(store: Store) -> None:
    log = store.conferences
    log.keep_presence(
        [at(1.0), at(2.0, "lost"), at(5.0, connection=4), at(9.0, "stopped", 4), at(3.0, site="chi-linh")]
    )
    log.keep_presence([at(6.0, "lost"), at(8.0, connection=4), at(1.5, site="x")])  # an old will, and heard already
    assert log.presence([SITE, "chi-linh"], 4.0, 9.0) == [
        at(3.0, site="chi-linh"),
        at(2.0, "lost"),
        at(5.0, connection=4),
    ]
    assert [each.at_s for each in log.presence([SITE], 9.0, 99.0)] == [5.0, 9.0]
    assert log.presence([], 0.0, 99.0) == []


def stored(site: RawSite, name: str, raw: bytes) -> None:
    site.client.publish(f"diemcau/v1/{SITE}/{name}", raw, qos=1, retain=True).wait_for_publish(PATIENCE_S)


def test_the_recorder_keeps_what_was_stored_and_what_comes(broker: Mosquitto, store: Store, site: RawSite) -> None:
    log, beat = store.conferences, status(connection=4, at="2026-11-26T00:30:30.000Z")
    for name, raw in (("conference", message()), ("status", status()), ("about", about())):
        stored(site, name, raw)
    with recording(broker, store):
        wait_for(lambda: log.names() and log.summons("giao-ban") and log.presence([SITE], 0, 1e12), "what was stored")
        said = (message("next", starts_at="2199-11-26T01:00:00Z", ends_at="2199-11-26T02:00:00Z"), b"nonsense", b"")
        for raw in said:
            stored(site, "conference", raw)
        for raw in (status("lost"), beat, beat, status("lost"), b"nonsense", b""):
            stored(site, "status", raw)
        stored(site, "about", b"nonsense")
        stored(site, "about", about(name="Nam Sách 2"))
        wait_for(lambda: [each.cleared_s is not None for each in log.summons("next")] == [True], "one called off")
        wait_for(lambda: log.names()[SITE].name == "Nam Sách 2", "another name")
    seen = [(each.state, each.connection) for each in log.presence([SITE], 0, 1e12)]
    assert sorted(seen) == [("lost", 3), ("running", 3), ("running", 4)]


def test_what_the_database_cannot_take_costs_none_of_those_beside_it(store: Store) -> None:
    news = News(store)
    for name, raw in (("conference", message()), ("conference", message("off", title="x")), ("status", status())):
        news.take(SITE, name, raw, 1.0)
    news._conferences[1] = replace(summons("off"), summoned=2**70)
    news.keep()
    assert [each.id for each in store.conferences.conferences()] == ["giao-ban"]
    assert news._conferences == []
    SUMMONS.drop(store._engine)
    news.take(SITE, "conference", message(), 1.0)
    news.keep()
    store.start()
    news.keep()
    assert [each.id for each in store.conferences.conferences()] == ["giao-ban"]


def test_another_box_counts_its_connections_anew_and_wills_are_compared_within_a_session(store: Store) -> None:
    log = store.conferences
    log.keep_presence([at(1.0, connection=500, session="old"), at(2.0, "lost", 500, session="old")])
    log.keep_presence([at(3.0, connection=1, session="new")])
    log.keep_presence([at(4.0, "lost", 500, session="old")])  # published late: the other box is there
    assert [each.at_s for each in log.presence([SITE], 2.5, 9.0)] == [2.0, 3.0]
    log.keep_presence([at(5.0, "lost", 1, session="new")])
    assert [(each.at_s, each.state) for each in log.presence([SITE], 3.5, 9.0)] == [(3.0, "running"), (5.0, "lost")]
    log.keep_presence([at(6.0, connection=1, session="newer"), at(7.0, "lost", 1, session="new")])
    assert log.presence([SITE], 6.5, 9.0)[-1].state == "running"


def test_the_news_of_another_box_with_the_same_numbers_is_written(store: Store) -> None:
    news = News(store)
    for session, state in (("old", "running"), ("old", "lost"), ("new", "running"), ("new", "lost")):
        news.take(SITE, "status", status(state, 1, session=session), STARTS_S)
        news.keep()
    seen = store.conferences.presence([SITE], 0.0, 1e12)
    assert sorted((each.session, each.state) for each in seen) == [
        ("new", "lost"), ("new", "running"), ("old", "lost"), ("old", "running")
    ]  # fmt: skip


def test_a_site_that_goes_to_another_conference_was_at_the_first_until_then(store: Store) -> None:
    log = store.conferences
    log.keep_summons([summons("first", starts_at_s=50.0, ends_at_s=900.0)])
    log.keep_summons([summons("second", received_s=200.0, starts_at_s=100.0, ends_at_s=900.0)])
    (first,) = log.summons("first")
    assert (first.cleared_s, first.is_off) == (200.0, False)
    assert log.summons("second")[0].cleared_s is None
    assert [each.id for each in log.conferences()] == ["second", "first"]


def test_what_the_board_sends_again_is_kept(store: Store) -> None:
    told = summons_in(SITE, message(power_on_minutes=30, lock=True), 1.0)
    assert told is not None
    store.conferences.keep_summons([told])
    (kept,) = store.conferences.summons("giao-ban")
    assert (kept.lock, kept.power_on_minutes) == (True, 30.0)


def learned(store: Store, *stored_at: tuple[str, bytes], statuses: Sequence[str], now_s: float = 500.0) -> None:
    """A recorder has come back: what the broker has stored, and time goes by."""
    news = News(store)
    news.begin()
    for site, raw in stored_at:
        news.take(site, "conference", raw, now_s, is_stored=True)
    for site in statuses:
        news.take(site, "status", status(), now_s, is_stored=True)
    for _ in range(QUIET_ROUNDS + 1):
        news.keep()


FAR = {"starts_at": "2199-11-26T01:00:00Z", "ends_at": "2199-11-26T02:00:00Z", "roll_calls": []}


def off(store: Store, id_: str) -> list[str]:
    return [each.site for each in store.conferences.summons(id_) if each.is_off]


def test_what_was_taken_back_while_nobody_listened_is_off(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    far, old = message("far", **FAR), message("old", starts_at="1999-11-26T01:00:00Z", ends_at="1999-11-26T02:00:00Z")
    made = [summons_in(site, far, 2.0) for site in ("a", "b", "away")] + [summons_in("c", old, 1.0)]
    store.conferences.keep_summons([each for each in made if each is not None])
    learned(store, ("a", far), statuses=["a", "b"])  # some were let go; one of them the broker knows nothing of
    assert off(store, "far") == ["b"]
    assert "taken back while nobody listened" in caplog.text
    learned(store, ("c", old), statuses=["a", "b", "c"])  # nobody holds it, but the broker has what is older
    assert off(store, "far") == ["a", "b"]


def test_a_broker_that_has_lost_what_it_had_calls_nothing_off(store: Store) -> None:
    far, new = message("far", **FAR), message("new", **FAR)
    made = [summons_in(site, far, 2.0) for site in ("a", "b")]
    store.conferences.keep_summons([each for each in made if each is not None])
    learned(store, statuses=["a", "b"])
    learned(store, ("c", new), statuses=["a", "b", "c"])  # told after it was lost: that shows nothing
    assert off(store, "far") == []


def test_of_very_many_some_may_have_been_dropped_on_the_way(store: Store) -> None:
    far = message("far", **FAR)
    sites = [f"s-{number}" for number in range(SURELY_ALL + 1)]
    made = [summons_in(site, far, 2.0) for site in sites]
    store.conferences.keep_summons([each for each in made if each is not None])
    learned(store, *((site, far) for site in sites[1:]), statuses=sites)
    assert off(store, "far") == []


COUNTRY = 3400


def test_the_stored_messages_of_a_whole_country_all_come(broker: Mosquitto, store: Store, site: RawSite) -> None:
    pushed = {"id": "p1", "revision": 1, "issued_by": "x", "issued_at": "2026-11-26T00:30:00.000Z", "config": {}}
    every = {
        "config/desired": json.dumps(pushed).encode(), "conference": message(), "status": status(), "about": about()
    }  # fmt: skip
    last = [
        site.client.publish(f"diemcau/v1/s-{number}/{name}", raw, qos=1, retain=True)
        for number in range(COUNTRY)
        for name, raw in every.items()
    ]
    last[-1].wait_for_publish(PATIENCE_S)
    log = store.conferences
    with recording(broker, store):
        wait_for(lambda: len(log.names()) == COUNTRY, "what they are called, which comes last")
    assert len(log.summons("giao-ban")) == COUNTRY
    assert len(log.presence([f"s-{number}" for number in range(COUNTRY)], 0, 1e12)) == COUNTRY
    with store.engine.connect() as db:
        assert db.execute(select(func.count()).select_from(PUSH)).scalar() == COUNTRY


def test_presence_of_more_sites_than_one_question_has_room_for(store: Store) -> None:
    sites = [f"s-{number}" for number in range(LOOK_FOR + 1)]
    store.conferences.keep_presence([at(each, site=site, connection=each) for site in sites for each in (1, 2, 9)])
    seen = store.conferences.presence(sites, 5.0, 99.0)
    assert len(seen) == 2 * len(sites)
    assert {each.at_s for each in seen} == {2.0, 9.0}


def test_a_recorder_that_comes_back_learns_what_was_taken_back(
    broker: Mosquitto, site: RawSite, tmp_path: Path
) -> None:
    store = Store(f"sqlite:///{tmp_path}/centre.db")
    store.start()
    made = [summons_in(each, message("far", **FAR), 2.0) for each in ("chi-linh", SITE)]
    store.conferences.keep_summons([each for each in made if each is not None])
    told = {"chi-linh/conference": message("far", **FAR), "chi-linh/status": status(), f"{SITE}/status": status()}
    for name, raw in told.items():
        site.client.publish(f"diemcau/v1/{name}", raw, qos=1, retain=True).wait_for_publish(PATIENCE_S)
    with recording(broker, store):
        wait_for(lambda: off(store, "far") == [SITE], "one called off")
    store.close()
