"""agent/console/recorder.py: from a real broker into a real database, and back to the site what is there."""

import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from sqlalchemy.exc import OperationalError

from agent.adapters import delivery
from agent.adapters.mosquitto import ANYBODY, Mosquitto, free_port
from agent.adapters.mqtt_client import guarded
from agent.adapters.mqtt_link import MqttLink
from agent.console import recorder as module
from agent.console import recorder_link
from agent.console.recorder import Recorder
from agent.console.store import EPOCHS_MAX, META, Row, Store
from agent.core.errors import LinkError
from agent.core.events import LinkUp
from agent.core.identity import BrokerSection, broker_at
from tests.adapters.test_mqtt_link import Events, lost
from tests.adapters.test_outbox import Box
from tests.conftest import PATIENCE_S, wait_for
from tests.console.test_cli import complaint, diemcau
from tests.console.test_store import EPOCH, event, rows, window

ROOT = "diemcau/v1/nam-sach"


@contextmanager
def recording(broker: Mosquitto, store: Store, name: str = "r1") -> Iterator[Recorder]:
    recorder = Recorder(broker_at(broker.url), store, name)
    thread = threading.Thread(target=recorder.run, daemon=True)
    thread.start()
    wait_for(lambda: recorder._client is not None, "the recorder listens")
    try:
        yield recorder
    finally:
        recorder.close()
        thread.join(PATIENCE_S)
        assert not thread.is_alive()


class RawSite:
    """Publishes rows as it is told, and hears what is acknowledged."""

    def __init__(self, port: int) -> None:
        self.acks: list[dict[str, Any]] = []
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        self.client.on_message = guarded(lambda c, u, message: self.acks.append(json.loads(message.payload)))
        ready = threading.Event()
        self.client.on_subscribe = lambda *_: ready.set()
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        self.client.subscribe(f"{ROOT}/history/ack", qos=1)
        assert ready.wait(PATIENCE_S)

    def send(self, row: Row) -> None:
        self.say(f"diemcau/v1/{row.site}/{row.topic}", row.raw.encode())

    def say(self, full_topic: str, raw: bytes) -> None:
        self.client.publish(full_topic, raw, qos=1).wait_for_publish(PATIENCE_S)

    def told(self, **wanted: Any) -> bool:
        return bool(self.acks) and all(self.acks[-1].get(name) == value for name, value in wanted.items())

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture
def site(broker: Mosquitto) -> Iterator[RawSite]:
    made = RawSite(broker.port)
    yield made
    made.close()


def test_rows_are_committed_and_then_acknowledged(broker: Mosquitto, store: Store, site: RawSite) -> None:
    with recording(broker, store):
        for row in (event(1), window(2), event(3)):
            site.send(row)
        wait_for(lambda: site.told(epoch=EPOCH, upto=3, missing=[]), "the acknowledgement")
        assert [seq for (seq,) in rows(store, "seq")] == [1, 2, 3]
        site.send(event(2))
        site.send(event(4))
        wait_for(lambda: site.told(upto=4), "the next one")
    assert len(rows(store, "seq")) == 4


def test_an_acknowledgement_is_kept_by_the_broker_and_comes_at_most_once_a_second(
    broker: Mosquitto, store: Store, site: RawSite
) -> None:
    with recording(broker, store):
        for seq in range(1, 201):
            site.send(event(seq))
        wait_for(lambda: site.told(upto=200), "all")
        began_s = time.monotonic()
        assert len(site.acks) <= 2 + (time.monotonic() - began_s) + len(site.acks) // 2
    late = RawSite(broker.port)
    try:
        wait_for(lambda: late.told(upto=200), "what the broker has kept")
    finally:
        late.close()


def test_holes_are_named_once_they_are_old(
    broker: Mosquitto, store: Store, site: RawSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "HOLE_AFTER_S", 1.5)
    with recording(broker, store):
        for seq in (1, 2, 5):
            site.send(event(seq))
        wait_for(lambda: site.told(upto=2, missing=[]), "what is there without holes")
        wait_for(lambda: site.told(upto=5, missing=[3, 4]), "the holes by name")
        site.send(event(3))
        wait_for(lambda: site.told(upto=5, missing=[4]), "one of them filled")
        site.send(event(5, prev=3))  # asked for one that is gone, a site sends the next one
        wait_for(lambda: site.told(upto=5, missing=[]), "the other one gone")


def test_a_database_that_was_put_back_asks_for_its_rows_again(
    broker: Mosquitto, tmp_path: Path, site: RawSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "HOLE_AFTER_S", 1.0)
    old, new = Store(f"sqlite:///{tmp_path}/old.db"), Store(f"sqlite:///{tmp_path}/new.db")
    for each in (old, new):
        each.start()
        each.write([event(1), event(2)])
    with recording(broker, new):
        for seq in range(3, 301):
            site.send(event(seq))
        wait_for(lambda: site.told(upto=300), "all")
    with recording(broker, old):
        wait_for(lambda: site.told(upto=2, resend_from=3), "the wish for what is lost")
        for seq in range(3, 301):
            site.send(event(seq))
        wait_for(lambda: site.told(upto=300, resend_from=None), "all again")
    for each in (old, new):
        each.close()


def test_a_recorder_that_dies_before_the_commit_gets_the_rows_again(
    broker: Mosquitto, store: Store, site: RawSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: object) -> Any:
        raise OperationalError("INSERT", {}, Exception("no disk"))

    real = store.write
    monkeypatch.setattr(store, "write", refuse)
    with recording(broker, store) as first:
        site.send(event(1))
        time.sleep(0.5)
        assert (rows(store, "seq"), site.acks, first.counts["rows"]) == ([], [], 0)
    monkeypatch.setattr(store, "write", real)
    with recording(broker, store):
        wait_for(lambda: site.told(upto=1), "the row that was never acknowledged to the broker")


def test_a_database_that_comes_back_takes_what_waited(
    broker: Mosquitto, store: Store, site: RawSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, failures = store.write, iter(range(2))

    def sometimes(given: Any) -> Any:
        if next(failures, None) is not None:
            raise OperationalError("INSERT", {}, Exception("the server is starting"))
        return real(given)

    monkeypatch.setattr(store, "write", sometimes)
    with recording(broker, store):
        site.send(event(1))
        wait_for(lambda: site.told(upto=1), "the row")


def test_tables_that_are_gone_are_no_rows_fault_and_nothing_is_acknowledged(
    broker: Mosquitto, store: Store, site: RawSite
) -> None:
    with recording(broker, store) as recorder:
        META.drop_all(store._engine)
        site.send(event(1))
        site.send(event(2))
        time.sleep(0.5)
        assert (recorder.counts["rows"], recorder.counts["refused"], site.acks) == (0, 0, [])
        store.start()
        wait_for(lambda: site.told(upto=2), "the rows that waited")


def test_a_damaged_database_takes_nothing_and_refuses_nothing(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path}/centre.db")
    store.start()
    store.close()
    raw = (tmp_path / "centre.db").read_bytes()
    (tmp_path / "centre.db").write_bytes(raw[:4096] + b"\xa5" * (len(raw) - 4096))
    recorder = Recorder(broker_at("mqtt://localhost"), store, "r")
    threading.Timer(0.3, recorder.close).start()
    assert not recorder._write([event(1), event(2)])
    assert recorder.counts == {}
    store.close()


def test_a_row_that_is_at_fault_holds_no_other_up(store: Store) -> None:
    recorder, bad = Recorder(broker_at("mqtt://localhost"), store, "r"), event(2)
    assert recorder._write([event(1), replace(bad, topic=None), event(3)])  # type: ignore[arg-type]
    assert [seq for (seq,) in rows(store, "seq")] == [1, 3]
    assert recorder.counts == {"rows": 2, "refused": 1}


ACL = "topic read diemcau/v1/#\ntopic write diemcau/v1/+/history/event\n"


def without_acknowledgements(folder: Path) -> str:
    """Configuration of a broker that lets everybody do all but acknowledge."""
    (folder / "acl").write_text(ACL)
    (folder / "acl").chmod(0o600)
    return f"{ANYBODY}\nacl_file {folder}/acl"


def test_a_first_run_that_may_not_acknowledge_ends_with_the_reason(tmp_path: Path, mosquitto_program: str) -> None:
    broker = Mosquitto(tmp_path, extra=without_acknowledgements(tmp_path))
    broker.start()
    store = Store(f"sqlite:///{tmp_path}/centre.db")
    store.start()
    store.remember([(("nam-sach", EPOCH), 7)])
    recorder = Recorder(broker_at(broker.url), store, "r")
    too_long = threading.Timer(PATIENCE_S, recorder.close)
    too_long.start()
    with pytest.raises(LinkError, match="takes no acknowledgement"):
        recorder.run()
    too_long.cancel()
    broker.close()
    store.close()


def test_a_right_that_is_taken_back_is_said_once_for_each_connection(
    broker: Mosquitto, tmp_path: Path, site: RawSite, caplog: pytest.LogCaptureFixture, in_a_hurry: list[int]
) -> None:
    store = Store(f"sqlite:///{tmp_path}/centre.db")
    store.start()
    with recording(broker, store):
        site.send(event(1))
        wait_for(lambda: site.told(upto=1), "the first run works")
        broker.close()
        broker._extra = without_acknowledgements(tmp_path)
        broker.start()
        wait_for(lambda: caplog.text.count("takes no acknowledgement") >= 2, "a line, and it tries again")
        assert caplog.text.count("máy chủ không nhận xác nhận") == caplog.text.count("takes no acknowledgement")
        wait_for(lambda: in_a_hurry[-1] > 1, "longer and longer")
    store.close()


@pytest.fixture
def in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Each attempt comes at once; how often in a row it has failed by then."""
    failures: list[int] = []

    def back_off_s(count: int) -> float:
        failures.append(count)
        return 0.05

    monkeypatch.setattr(module, "back_off_s", back_off_s)
    return failures


@pytest.mark.usefixtures("in_a_hurry")
def test_two_recorders_with_one_name_say_so_once_and_do_not_fight_on(
    broker: Mosquitto, store: Store, url: str, caplog: pytest.LogCaptureFixture, site: RawSite
) -> None:
    other = Store(url)
    with recording(broker, store), recording(broker, other):
        wait_for(lambda: "another recorder has this name" in caplog.text, "it is said")
        assert "một recorder khác đang dùng tên này" in caplog.text
        site.send(event(1))
        wait_for(lambda: site.told(upto=1), "the one that stays records")
        assert caplog.text.count("another recorder has this name") == 1
    other.close()


def test_an_error_of_our_own_is_no_fault_of_the_line_and_recording_goes_on(
    broker: Mosquitto, store: Store, site: RawSite, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real, errors = store.keys, iter((ValueError("of our own"), RuntimeError("another one")))

    def sometimes() -> Any:
        if (error := next(errors, None)) is not None:
            raise error
        return real()

    monkeypatch.setattr(store, "keys", sometimes)
    with recording(broker, store):
        site.send(event(1))
        wait_for(lambda: site.told(upto=1), "the row")
    assert [record.exc_info is not None for record in caplog.records if "tries again" in record.message] == [True] * 2
    assert "cannot be reached" not in caplog.text


BAD = [
    b"", b"{", b"null", b"[]", b"\xff\xfe", b"\xef\xbb\xbf{}", b"\0" * 100, b"[" * 100_000, b'{"at": NaN}',
    b"x" * 70_000,
    event(0).raw.encode(), event(7, epoch="").raw.encode(),
    event(7).raw.replace('"seq":7', '"seq":99999999999999999999').encode(),
    window(7).raw.replace('"value":7', '"value":99999999999').encode(),
    event(7).raw.replace('"info"', '"terrible"').encode(), event(7).raw.replace('"seq":7', '"seq":"7"').encode(),
]  # fmt: skip


def test_what_is_no_row_is_refused_counted_and_holds_nothing_up(broker: Mosquitto, store: Store, site: RawSite) -> None:
    with recording(broker, store) as recorder:
        for raw in BAD:
            site.say(f"{ROOT}/history/event" if b'"value"' not in raw else f"{ROOT}/history/headcount", raw)
        site.say(f"{ROOT}/history/nonsense", b"{}")
        for raw in BAD[:10]:
            site.say(f"{ROOT}/history/ack", raw)
        for seq in range(1, 7):
            site.send(event(seq))
        # One that cannot be read has its number all the same: it is no hole that is asked for, for ever.
        wait_for(lambda: site.told(upto=7), "the good ones")
        assert [row for row in rows(store, "seq", "topic") if row[0] >= 6] == [
            (6, "history/event"),
            (7, "history/unreadable"),
        ]
        assert recorder.counts["refused"] == len(BAD)


def test_letters_that_no_database_takes_are_replaced(broker: Mosquitto, store: Store, site: RawSite) -> None:
    raw = event(1).raw.replace("power.changed", "\\u0000x").encode()
    with recording(broker, store):
        site.say(f"{ROOT}/history/event", raw)
        wait_for(lambda: site.told(upto=1), "the row")
    assert rows(store, "kind") == [("\ufffdx",)]


def test_what_is_sent_at_qos_0_neither_ends_the_connection_nor_is_a_row(
    broker: Mosquitto, store: Store, site: RawSite
) -> None:
    with recording(broker, store) as recorder:
        client = recorder._client
        for seq in range(50, 60):
            site.client.publish(f"{ROOT}/history/event", event(seq).raw.encode(), qos=0)
            site.client.publish(f"{ROOT}/history/ack", b'{"epoch": "e", "upto": 1}', qos=0, retain=True)
        site.send(event(1))
        wait_for(lambda: site.told(upto=1, missing=[]), "the row at QoS 1")
        assert recorder._client is client
    assert [seq for (seq,) in rows(store, "seq")] == [1]


def test_numbers_that_somebody_makes_up_take_no_memory_and_hold_nobody_up(
    broker: Mosquitto, store: Store, site: RawSite
) -> None:
    with recording(broker, store) as recorder:
        for number in range(300):
            site.send(event(10**6, site="chi-linh", epoch=f"made-up-{number}"))
        site.send(event(1))
        wait_for(lambda: site.told(upto=1), "the honest one")
        wait_for(lambda: 0 < len(recorder._with_holes) <= EPOCHS_MAX, "only the newest are looked at again")
        assert len(recorder._told.say_again()) <= 1 + EPOCHS_MAX


def test_what_a_broker_drops_for_a_recorder_that_is_away_comes_again(
    tmp_path: Path, mosquitto_program: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its queue is full long before the recorder is back, and it has said yes to all that it dropped."""
    monkeypatch.setattr(module, "HOLE_AFTER_S", 1.0)
    monkeypatch.setattr(recorder_link, "UNDER_WAY", 20)
    store = Store(f"sqlite:///{tmp_path}/centre.db")
    store.start()
    (tmp_path / "broker").mkdir()
    broker = Mosquitto(tmp_path / "broker", extra="allow_anonymous true\nmax_queued_messages 50")
    broker.start()
    site = RawSite(broker.port)
    sent = [event(seq) for seq in range(1, 501)]
    with recording(broker, store):
        site.send(sent[0])
        wait_for(lambda: site.told(upto=1), "a beginning")
    for row in sent[1:-1]:
        site.send(row)
    with recording(broker, store):
        site.send(sent[-1])  # nobody knows of what was dropped before there is a row behind it
        wait_for(lambda: site.told(resend_from=first_hole(store)), "what it lacks")
        while (hole := first_hole(store)) < len(sent):
            for row in sent[hole - 1 : hole + 40]:
                site.send(row)
            wait_for(lambda hole=hole: first_hole(store) > hole, "the next ones")
        wait_for(lambda: site.told(upto=500, missing=[]), "that it has all")
    site.close()
    broker.close()
    store.close()


def first_hole(store: Store) -> int:
    """The first number that is not there."""
    here = {seq for (seq,) in rows(store, "seq")}
    return next(seq for seq in range(1, 10**6) if seq not in here)


def test_two_recorders_share_the_load_and_the_key_judges(
    broker: Mosquitto, store: Store, url: str, site: RawSite
) -> None:
    other = Store(url)
    with recording(broker, store, "r1") as one, recording(broker, other, "r2") as two:
        for seq in range(1, 101):
            site.send(event(seq))
        wait_for(lambda: site.told(upto=100, missing=[]), "all")
        assert one.counts["rows"] + two.counts["rows"] >= 100
        assert min(one.counts["rows"], two.counts["rows"]) > 0
    assert len(rows(store, "seq")) == 100
    other.close()


def test_from_the_outbox_of_a_site_to_the_database_and_back(
    broker: Mosquitto, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "PROBE_S", 1.0)  # how often a site asks whether somebody listens by now
    box, events = Box(tmp_path / "agent.db", time.time()), Events()
    numbers = iter(range(1, 100))
    link = MqttLink(
        BrokerSection(url=broker.url), "nam-sach", lambda: next(numbers), lost, (), events.put, outbox=box.out
    )
    box.write(1000)
    link.start()
    try:
        events.wait(LinkUp)
        with recording(broker, store, "r1"):
            wait_for(lambda: box.out.figures().rows == 0, "all at the centre", 90)
            box.write(10)
            wait_for(lambda: box.out.figures().rows == 0, "new ones too")
        box.write(10)
        broker.kill()
        broker.start()
        with recording(broker, store, "r2"):
            wait_for(lambda: box.out.figures().rows == 0, "after a broker that lost everything", 90)
        assert [seq for (seq,) in rows(store, "seq")] == list(range(1, 1021))
    finally:
        link.close()
        box.close()


def test_a_broker_that_is_away_at_the_start_is_waited_for(
    store: Store, tmp_path: Path, mosquitto_program: str, caplog: pytest.LogCaptureFixture, in_a_hurry: list[int]
) -> None:
    broker = Mosquitto(tmp_path, free_port())
    recorder = Recorder(broker_at(f"mqtt://127.0.0.1:{broker.port}"), store, "r")
    thread = threading.Thread(target=recorder.run, daemon=True)
    thread.start()
    wait_for(lambda: "refuses connections" in caplog.text, "a line that says so")
    broker.start()
    wait_for(lambda: recorder._client is not None, "it records")
    recorder.close()
    thread.join(PATIENCE_S)
    broker.close()


def test_a_database_that_is_none_is_one_sentence(tmp_path: Path) -> None:
    for database, words in (
        ("nonsense", r"URL của cơ sở dữ liệu phải có dạng: .* / the database's URL cannot be used"),
        (f"sqlite:///{tmp_path}", "không mở được .* / .* cannot be opened"),
        (f"postgresql+psycopg://user:geheim@127.0.0.1:{free_port()}/x", "không mở được .* / .* cannot be opened"),
    ):
        told = diemcau("record", "--broker", "mqtt://localhost", "--database", database)
        assert told.returncode == 1
        assert re.search(words, complaint(told))
        assert "geheim" not in told.stderr
