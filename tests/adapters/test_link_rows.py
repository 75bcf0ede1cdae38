"""The history's rows over a real broker: behind what is live, until the centre has them, whoever is away meanwhile."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from agent.adapters import connection
from agent.adapters.mosquitto import Mosquitto
from agent.adapters.mqtt_link import MqttLink
from agent.adapters.twin import CLOSES, Twin
from agent.core.commands import Keep
from agent.core.contract import HistoryAck, encode
from agent.core.events import DuplicateSeen, LinkDown, LinkRefused, LinkUp
from agent.core.identity import BrokerSection
from tests.adapters.test_history_rows import event
from tests.adapters.test_mqtt_link import Events, lost, truth
from tests.adapters.test_outbox import Box
from tests.conftest import PATIENCE_S, wait_for
from tests.faults.line import PUBACK, line

ROOT = "diemcau/v1/nam-sach"


class FakeCentre:
    """Hears rows, and acknowledges them where it is told to."""

    def __init__(self, port: int) -> None:
        self.seqs: list[int] = []
        self.topics: list[str] = []
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        self.client.on_message = self._on_message
        ready = threading.Event()
        self.client.on_subscribe = lambda *_: ready.set()
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        self.client.subscribe(f"{ROOT}/#", qos=1)
        assert ready.wait(PATIENCE_S)

    def _on_message(self, _client: Any, _user: Any, message: mqtt.MQTTMessage) -> None:
        self.topics.append(message.topic)
        if "/history/" in message.topic and not message.topic.endswith("/ack"):
            self.seqs.append(json.loads(message.payload)["seq"])

    def say(self, ack: HistoryAck) -> None:
        self.client.publish(f"{ROOT}/history/ack", encode(ack), qos=1, retain=True).wait_for_publish(PATIENCE_S)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    made = Box(tmp_path / "agent.db", time.time())
    yield made
    made.close()


@pytest.fixture
def events() -> Events:
    return Events()


@pytest.fixture
def connect(box: Box, events: Events) -> Iterator[Callable[..., MqttLink]]:
    made: list[MqttLink] = []
    numbers = iter(range(1, 1000))

    def make(url: str, twin: Twin | None = None) -> MqttLink:
        broker = BrokerSection(url=url)
        made.append(
            MqttLink(broker, "nam-sach", lambda: next(numbers), lost, (), events.put, outbox=box.out, twin=twin)
        )
        made[-1].start()
        return made[-1]

    yield make
    for link in made:
        link.close()


@pytest.fixture
def centre(broker: Mosquitto) -> Iterator[FakeCentre]:
    made = FakeCentre(broker.port)
    yield made
    made.close()


def test_rows_come_in_order_and_stay_until_the_centre_has_them(
    broker: Mosquitto, box: Box, events: Events, connect: Callable[..., MqttLink], centre: FakeCentre
) -> None:
    box.write(500)
    connect(broker.url)
    events.wait(LinkUp)
    wait_for(lambda: len(centre.seqs) == 500, "all rows")
    assert centre.seqs == list(range(1, 501))
    assert box.out.figures().rows == 500
    centre.say(HistoryAck(epoch=box.epoch, upto=500))
    wait_for(lambda: box.out.figures().rows == 0, "acknowledged")
    box.write()
    wait_for(lambda: centre.seqs[-1] == 501, "a new row at once")


def test_a_broker_that_restarts_loses_nothing_and_what_is_missing_comes_again(
    broker: Mosquitto, box: Box, events: Events, connect: Callable[..., MqttLink], centre: FakeCentre
) -> None:
    connect(broker.url)
    events.wait(LinkUp)
    box.write(50)
    wait_for(lambda: len(centre.seqs) == 50, "all rows")
    centre.say(HistoryAck(epoch=box.epoch, upto=40, missing=(7, 9)))
    wait_for(lambda: centre.seqs[50:] == [7, 9], "those that are missing")
    centre.close()
    broker.kill()
    box.write(10)
    broker.start()
    again = FakeCentre(broker.port)
    try:
        wait_for(lambda: len(again.seqs) >= 20, "rows after the outage")
        assert set(range(41, 61)) <= set(again.seqs)
    finally:
        again.close()


def test_what_is_live_does_not_wait_for_a_backlog(
    broker: Mosquitto, box: Box, events: Events, connect: Callable[..., MqttLink], centre: FakeCentre
) -> None:
    for _ in range(10):
        box.write(1000)
    link = connect(broker.url)
    events.wait(LinkUp)
    link.publish("simulated/truth", truth(7))
    wait_for(lambda: any(topic.endswith("truth") for topic in centre.topics), "the live value")
    before = sum("/history/" in topic for topic in centre.topics[: centre.topics.index(f"{ROOT}/simulated/truth")])
    assert before < 2000
    wait_for(lambda: len(set(centre.seqs)) == 10_000, "the backlog")


def test_without_anybody_who_listens_rows_are_not_poured_out(
    broker: Mosquitto, box: Box, events: Events, connect: Callable[..., MqttLink]
) -> None:
    box.write(500)
    connect(broker.url)
    events.wait(LinkUp)
    time.sleep(0.5)
    assert box.out.figures().rows == 500
    assert box.take() == []  # it waits, and asks with one now and then


def test_a_row_that_the_broker_refuses_is_told_once_and_kept(
    tmp_path: Path, mosquitto_program: str, box: Box, events: Events, connect: Callable[..., MqttLink]
) -> None:
    rights = tmp_path / "rights"
    rights.write_text(f"topic read diemcau/#\ntopic write {ROOT}/status\n")
    rights.chmod(0o600)
    (tmp_path / "strict").mkdir()
    broker = Mosquitto(tmp_path / "strict", extra=f"allow_anonymous true\nacl_file {rights}")
    broker.start()
    try:
        box.write(20)
        connect(broker.url)
        refused = events.wait(LinkRefused)
        assert refused.what.startswith("history/event: ")
        assert "Not authorized" in refused.what
        assert box.out.figures().rows == 20
    finally:
        broker.close()


def test_a_broker_that_acknowledges_nothing_is_left(
    monkeypatch: pytest.MonkeyPatch, broker: Mosquitto, events: Events, connect: Callable[..., MqttLink]
) -> None:
    """It answers CONNECT, SUBSCRIBE and PING, and swallows what is published, as a half-dead one does."""
    monkeypatch.setattr(connection, "UNANSWERED_S", 0.5)
    with line(broker.port) as swallowing:
        swallowing.eats = frozenset({PUBACK})
        link = connect(swallowing.url)
        events.wait(LinkUp)
        link.publish("simulated/truth", truth(1))
        down = events.wait(LinkDown)
        assert "acknowledged nothing" in down.reason


def test_two_boxes_with_one_name_are_told_and_both_back_off(
    broker: Mosquitto, box: Box, events: Events, connect: Callable[..., MqttLink]
) -> None:
    connect(broker.url, Twin("b1", "s1"))
    events.wait(LinkUp)
    other = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="nam-sach", protocol=mqtt.MQTTv5)
    other.connect("127.0.0.1", broker.port)
    other.loop_start()
    try:
        why = events.wait(DuplicateSeen).why  # an older mosquitto says nothing and only closes
        assert "0x8E" in why or "closed 3 connections" in why
        time.sleep(3)
        assert events.has_none_of(LinkUp)
    finally:
        other.disconnect()
        other.loop_stop()


def test_orderly_ends_one_after_the_other_speak_for_a_second_box(
    broker: Mosquitto, box: Box, events: Events, connect: Callable[..., MqttLink]
) -> None:
    """An older broker says nothing to the one that it throws out, and only closes."""
    with line(broker.port) as way:
        connect(way.url, Twin("b1", "s1"))
        for _ in range(CLOSES):
            events.wait(LinkUp)
            way.end()
            events.wait(LinkDown)
        assert "closed 3 connections" in events.wait(DuplicateSeen).why


def test_a_flood_for_the_link_itself_takes_the_room_of_one_message(
    broker: Mosquitto, box: Box, events: Events, connect: Callable[..., MqttLink], centre: FakeCentre
) -> None:
    box.write(300)
    connect(broker.url)
    wait_for(lambda: len(centre.seqs) == 300, "all rows")
    for upto in range(1, 300):
        centre.client.publish(f"{ROOT}/history/ack", encode(HistoryAck(epoch=box.epoch, upto=upto)), qos=1)
    centre.say(HistoryAck(epoch=box.epoch, upto=300))
    wait_for(lambda: box.out.figures().rows == 0, "the newest of them")


def test_a_row_that_this_broker_would_not_take_goes_without_what_makes_it_so_large(
    tmp_path: Path, mosquitto_program: str, box: Box, events: Events, connect: Callable[..., MqttLink]
) -> None:
    """A broker ends the connection of whoever sends it too much, and the same row would end the next one."""
    (tmp_path / "small").mkdir()
    broker = Mosquitto(tmp_path / "small", extra="allow_anonymous true\nmax_packet_size 2000")
    broker.start()
    centre = FakeCentre(broker.port)
    try:
        box.write(3)
        assert box.db.keep(Keep((event(detail={"much": "x" * 4000}),)))
        box.write(3)
        link = connect(broker.url)
        events.wait(LinkUp)
        link.announce("homeassistant/device/diemcau-nam-sach/config", b"x" * 4000)
        wait_for(lambda: len(centre.seqs) == 7, "all rows")
        assert centre.seqs == list(range(1, 8))
        assert events.has_none_of(LinkDown)
    finally:
        centre.close()
        broker.close()


def test_what_the_broker_does_not_let_us_hear_is_told(
    box: Box, events: Events, connect: Callable[..., MqttLink]
) -> None:
    """mosquitto grants everything and delivers nothing; others say so, as this one does."""

    def refuse() -> None:
        end, _ = server.accept()
        with end:
            assert end.recv(4096)[0] == 0x10
            end.sendall(b"\x20\x03\x00\x00\x00")  # CONNACK: welcome
            asked = end.recv(4096)
            assert asked[0] == 0x82
            end.sendall(b"\x90\x05" + asked[2:4] + b"\x00\x87\x87")  # SUBACK: neither of the two topics
            while end.recv(4096):
                pass

    with socket.create_server(("127.0.0.1", 0)) as server:
        answering = threading.Thread(target=refuse)
        answering.start()
        link = connect(f"mqtt://127.0.0.1:{server.getsockname()[1]}")
        assert {events.wait(LinkRefused).what for _ in range(2)} == {
            f"{ROOT}/{name}: Not authorized" for name in ("history/ack", "status")
        }
        link.close()
        answering.join(PATIENCE_S)


def test_the_mailbox_keeps_the_newest_and_tells_once() -> None:
    mailbox = connection.Mailbox()
    assert [mailbox.put("a", b"1"), mailbox.put("a", b"2"), mailbox.put("b", b"3")] == [True, False, True]
    assert mailbox.take("a").raw == b"2"
    assert mailbox.put("a", b"4")


def test_another_box_that_speaks_as_this_site_is_heard_and_our_own_words_are_not(
    broker: Mosquitto, box: Box, events: Events, connect: Callable[..., MqttLink], centre: FakeCentre
) -> None:
    link = connect(broker.url, Twin("b1", "s1"))
    events.wait(LinkUp)
    link.publish("status", lost(1).model_copy(update={"state": "running", "boot_id": "b1", "session": "s1"}))
    time.sleep(0.5)
    assert events.has_none_of(DuplicateSeen)
    stranger = lost(1).model_copy(update={"state": "running", "boot_id": "b2"})
    centre.client.publish(f"{ROOT}/status", encode(stranger), qos=1, retain=True)
    assert "boot b2" in events.wait(DuplicateSeen).why
