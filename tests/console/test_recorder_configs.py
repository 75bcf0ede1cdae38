"""agent/console/recorder_configs.py on both databases, and by way of a real broker: who changed what."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from agent.adapters.mosquitto import Mosquitto
from agent.console.recorder import Recorder
from agent.console.recorder_configs import Pushed, pushed
from agent.console.recorder_tables import PUSH
from agent.console.store import Store
from agent.core.config_document import digest
from agent.core.identity import BrokerSection
from tests.conftest import PATIENCE_S, wait_for
from tests.console.test_recorder import ROOT, RawSite, recording
from tests.console.test_store import EPOCH, event

SITE = "nam-sach"


@pytest.fixture
def site(broker: Mosquitto) -> Iterator[RawSite]:
    made = RawSite(broker.port)
    yield made
    made.close()


def desired(id_: str = "a", revision: int = 7, **changes: Any) -> bytes:
    document = {"id": id_, "revision": revision, "base_revision": 6, "issued_by": "Lan", "confirm_within_s": 120,
                "issued_at": "2026-11-20T07:30:00.000Z", "config": {"site": {"name": "Nam Sách"}}}  # fmt: skip
    return json.dumps({**document, **changes}).encode()


def push(id_: str = "a", revision: int = 7, received_s: float = 1.0, **changes: Any) -> Pushed:
    made = pushed(SITE, desired(id_, revision, **changes), received_s)
    assert made is not None
    return made


def test_a_push_is_kept_once_with_all_that_is_said_of_it(store: Store) -> None:
    store.configs.keep([push(), push(received_s=9.0, confirm_within_s=0)])
    store.configs.keep([push(received_s=10.0)])
    store.configs.keep([])
    (kept,) = store.configs.pushes(SITE)
    assert (kept.revision, kept.base, kept.issued_by, kept.received_s) == (7, 6, "Lan", 1.0)
    assert kept.issued_at_s == 1795159800.0
    assert kept.digest == digest({"site": {"name": "Nam Sách"}})
    assert json.loads(kept.document) == {"site": {"name": "Nam Sách"}}


def test_what_no_site_could_read_is_no_push() -> None:
    for raw in (b"", b"{", b"[]", desired(revision=0), desired(issued_by="x\0"), desired(issued_at=1), b"\xff"):
        assert pushed(SITE, raw, 1.0) is None, raw


def test_the_document_of_a_revision_is_the_one_that_the_site_applied(store: Store) -> None:
    configs = store.configs
    configs.keep([push("a", config={"site": {"name": "A"}}), push("b", received_s=2.0, config={})])
    assert configs.document(SITE, 7) == {}
    store.write([event(1, kind="config.applied", detail={"id": "a", "revision": 7})])
    assert configs.document(SITE, 7) == {"site": {"name": "A"}}
    assert configs.document(SITE, 8) is None


def test_a_sites_own_events_are_told_beside_it(store: Store) -> None:
    store.configs.keep([push()])
    store.write([event(1), event(2, kind="config.rolled_back", detail={"id": "a"}),
                 event(1, kind="config.applied", site="chi-linh")])  # fmt: skip
    (told,) = store.configs.told(SITE)
    assert (told.kind, told.by, told.detail) == ("config.rolled_back", "button", {"id": "a"})
    assert store.configs.sites() == ["chi-linh", SITE]


def test_the_recorder_keeps_each_push_once_also_what_was_stored_before_it_came(
    broker: Mosquitto, store: Store, site: RawSite
) -> None:
    full = f"{ROOT}/config/desired"
    site.client.publish(full, desired("early"), qos=1, retain=True).wait_for_publish(PATIENCE_S)
    with recording(broker, store):
        wait_for(lambda: store_ids(store) == ["early"], "what was stored")
        for raw in (desired("late", 8), desired("late", 8, confirm_within_s=0), b"", b"nonsense", desired("early")):
            site.say(full, raw)
        site.send(event(1))
        wait_for(lambda: site.told(epoch=EPOCH, upto=1), "rows go their way beside it")
        wait_for(lambda: store_ids(store) == ["early", "late"], "what came")
    with recording(broker, store):  # another one is given the stored one again
        site.send(event(2))
        wait_for(lambda: site.told(epoch=EPOCH, upto=2), "it records")
    assert store_ids(store) == ["early", "late"]


def test_what_the_database_cannot_take_costs_none_of_those_beside_it(broker: Mosquitto, store: Store) -> None:
    news = Recorder(BrokerSection(url=broker.url), store, "r1")._news
    news._pushes = [push("a"), replace(push("b", 8), revision=2**70), push("c", 9)]
    news.keep()
    assert sorted(store_ids(store)) == ["a", "c"]
    assert news._pushes == []


def store_ids(store: Store) -> list[str]:
    return [each.id for each in store.configs.pushes(SITE)]


def test_a_table_that_is_not_there_holds_back_no_row(broker: Mosquitto, store: Store, site: RawSite) -> None:
    PUSH.drop(store._engine)
    with recording(broker, store):
        site.client.publish(f"{ROOT}/config/desired", desired(), qos=1, retain=True).wait_for_publish(PATIENCE_S)
        site.send(event(1))
        wait_for(lambda: site.told(epoch=EPOCH, upto=1), "the row is acknowledged")
        PUSH.create(store._engine)
        wait_for(lambda: store_ids(store) == ["a"], "it is written once there is a table")
