"""agent/console/recorder_conferences.py on both databases, and by way of a real broker: who was called and there."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from agent.adapters.mosquitto import Mosquitto
from agent.console.recorder_conferences import (
    Held,
    Presence,
    SiteName,
    Summons,
    name_in,
    presence_in,
    summons_in,
)
from agent.console.recorder_news import News
from agent.console.recorder_tables import SUMMONS
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


def at(at_s: float, state: str = "running", connection: int = 3, site: str = SITE) -> Presence:
    return Presence(site, at_s, state, connection, "b1")


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
