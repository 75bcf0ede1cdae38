"""The link against a real mosquitto: what goes out, what comes in, and what happens when the broker is not there."""

import json
import queue
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.subscribeoptions import SubscribeOptions

from agent.adapters.mosquitto import Mosquitto, free_port
from agent.adapters.mqtt_client import BACK_OFF_CAP_S, back_off_s, guarded, new_client
from agent.adapters.mqtt_link import MqttLink
from agent.adapters.outgoing import publish_properties
from agent.core.contract import ALL_COMMAND, MAX_PAYLOAD_BYTES, About, ConfigReported, Payload, Status, Truth
from agent.core.errors import LinkError
from agent.core.events import Event, LinkDown, LinkRefused, LinkUp, MessageReceived, ReportTaken
from agent.core.identity import BrokerSection
from tests.conftest import PATIENCE_S, wait_for
from tests.faults.line import line

MakeLink = Callable[..., MqttLink]
E = TypeVar("E", bound=Event)


def truth(people: int) -> Truth:
    return Truth(at=datetime.now(UTC), people=people)


def lost(connection: int) -> Payload:
    return Status(
        at=datetime.now(UTC),
        session="s",
        clock="synced",
        state="lost",
        connection=connection,
        boot_id="b",
        version="0",
    )


class Events:
    """An inbox that can be waited on."""

    def __init__(self) -> None:
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()

    def put(self, event: Event) -> None:
        self._events.put(event)

    def has_none_of(self, kind: type[Event]) -> bool:
        """Whether no such event waits; the others that do are gone."""
        waiting = []
        while not self._events.empty():
            waiting.append(self._events.get())
        return not any(isinstance(event, kind) for event in waiting)

    def wait(self, kind: type[E]) -> E:
        until_s = time.monotonic() + PATIENCE_S
        while True:
            event = self._events.get(timeout=max(0.0, until_s - time.monotonic()))
            if isinstance(event, kind):
                return event


class Peer:
    """Another client of the broker, with every detail of what it gets."""

    def __init__(self, port: int) -> None:
        self.messages: queue.SimpleQueue[mqtt.MQTTMessage] = queue.SimpleQueue()
        ready = threading.Event()
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        self.client.on_message = lambda c, u, message: self.messages.put(message)
        self.client.on_subscribe = lambda *_: ready.set()
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        self.client.subscribe("#", options=SubscribeOptions(qos=1, retainAsPublished=True))
        assert ready.wait(PATIENCE_S)

    def next(self) -> mqtt.MQTTMessage:
        return self.messages.get(timeout=PATIENCE_S)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture
def events() -> Events:
    return Events()


@pytest.fixture
def peer(broker: Mosquitto) -> Iterator[Peer]:
    listening = Peer(broker.port)
    yield listening
    listening.close()


@pytest.fixture
def make_link(events: Events) -> Iterator[MakeLink]:
    made: list[MqttLink] = []
    numbers = iter(range(1, 1000))

    def make(url: str) -> MqttLink:
        broker = BrokerSection(url=url)
        made.append(MqttLink(broker, "nam-sach", lambda: next(numbers), lost, ("conference",), events.put))
        made[-1].start()
        return made[-1]

    yield make
    for link in made:
        link.close()


def test_the_newest_value_of_a_topic_goes_out_retained_at_qos_1_with_its_expiry(
    broker: Mosquitto, peer: Peer, make_link: MakeLink, events: Events
) -> None:
    link = make_link(broker.url)
    assert events.wait(LinkUp) == LinkUp(1)
    link.publish("simulated/truth", truth(7), retain=True, expiry_s=90)
    message = peer.next()
    assert message.topic == "diemcau/v1/nam-sach/simulated/truth"
    assert json.loads(message.payload)["people"] == 7
    assert (message.qos, message.retain) == (1, True)
    assert 85 <= message.properties.MessageExpiryInterval <= 90  # type: ignore[union-attr]


def test_a_flood_on_one_topic_keeps_the_order_and_ends_with_the_newest(
    broker: Mosquitto, peer: Peer, make_link: MakeLink, events: Events
) -> None:
    link = make_link(broker.url)
    events.wait(LinkUp)
    for people in range(2000):
        link.publish("simulated/truth", truth(people))
    seen = []
    while not seen or seen[-1] != 1999:
        seen.append(json.loads(peer.next().payload)["people"])
    assert seen == sorted(seen)


def test_what_is_said_while_the_broker_is_away_is_not_kept(
    broker: Mosquitto, peer: Peer, make_link: MakeLink, events: Events
) -> None:
    link = make_link(f"mqtt://127.0.0.1:{broker.port}")
    link.publish("simulated/truth", truth(1))  # not connected yet, most likely; either way number 2 must be the last
    events.wait(LinkUp)
    link.publish("simulated/truth", truth(2))
    while json.loads(peer.next().payload)["people"] != 2:
        pass


def test_a_subscribed_message_becomes_an_event_with_its_retain_flag(
    broker: Mosquitto, peer: Peer, make_link: MakeLink, events: Events
) -> None:
    peer.client.publish("diemcau/v1/nam-sach/conference", b"{}", qos=1, retain=True).wait_for_publish(PATIENCE_S)
    make_link(broker.url)
    got = events.wait(MessageReceived)
    assert isinstance(got, MessageReceived)
    assert (got.topic, got.payload, got.retain, got.expiry_s) == (
        "diemcau/v1/nam-sach/conference", b"{}", True, None,
    )  # fmt: skip
    assert got.received_s == pytest.approx(time.monotonic(), abs=PATIENCE_S)


def until_subscribed(link: MqttLink, peer: Peer, events: Events) -> None:
    """What a link publishes goes out behind its SUBSCRIBE: who has heard it can be sure to be heard."""
    events.wait(LinkUp)
    link.publish("simulated/truth", truth(1))
    while not peer.next().topic.endswith("simulated/truth"):
        pass


def command_link(broker: Mosquitto, events: Events) -> MqttLink:
    commands = ("diemcau/v1/nam-sach/command", ALL_COMMAND)
    numbers = iter(range(1, 1000))
    return MqttLink(BrokerSection(url=broker.url), "nam-sach", lambda: next(numbers), lost, (), events.put, commands)


@pytest.mark.parametrize("name", ["nam-sach/command", "_all/command"])
def test_a_stored_command_is_not_delivered_and_a_live_one_says_what_is_left_of_its_expiry(
    broker: Mosquitto, peer: Peer, events: Events, name: str
) -> None:
    topic, properties = f"diemcau/v1/{name}", publish_properties(30)
    peer.client.publish(topic, b"stored", qos=1, retain=True).wait_for_publish(PATIENCE_S)
    link = command_link(broker, events)
    link.start()
    try:
        until_subscribed(link, peer, events)
        peer.client.publish(topic, b"live", qos=1, properties=properties)
        peer.client.publish(topic, b"live and retained", qos=1, retain=True)
        live, flagged = events.wait(MessageReceived), events.wait(MessageReceived)
    finally:
        link.close()
    assert isinstance(live, MessageReceived)
    assert isinstance(flagged, MessageReceived)
    assert (live.payload, live.retain) == (b"live", False)
    assert live.expiry_s in (29, 30)
    assert (flagged.payload, flagged.retain, flagged.expiry_s) == (b"live and retained", True, None)


def test_an_oversized_message_is_cut_before_it_fills_the_memory(
    broker: Mosquitto, peer: Peer, make_link: MakeLink, events: Events
) -> None:
    until_subscribed(make_link(broker.url), peer, events)
    peer.client.publish("diemcau/v1/nam-sach/conference", b"x" * 100_000, qos=1)
    got = events.wait(MessageReceived)
    assert isinstance(got, MessageReceived)
    assert len(got.payload) == MAX_PAYLOAD_BYTES + 1


def test_letters_all_arrive_in_order_not_retained_with_their_expiry(
    broker: Mosquitto, peer: Peer, make_link: MakeLink, events: Events
) -> None:
    link = make_link(broker.url)
    for number in range(300):  # some before there is a connection, some while there is one
        link.send("simulated/truth", truth(number), expiry_s=60)
    got = [peer.next() for _ in range(300)]
    assert [json.loads(message.payload)["people"] for message in got] == list(range(300))
    assert not any(message.retain for message in got)
    assert 0 < got[0].properties.MessageExpiryInterval <= 60  # type: ignore[union-attr]


def test_a_letter_waits_for_the_broker_to_come_back(broker: Mosquitto, make_link: MakeLink, events: Events) -> None:
    link = make_link(broker.url)
    events.wait(LinkUp)
    broker.kill()
    events.wait(LinkDown)
    link.send("simulated/truth", truth(5), expiry_s=60)
    broker.start()
    peer = Peer(broker.port)
    try:
        assert json.loads(peer.next().payload)["people"] == 5
    finally:
        peer.close()


def test_a_broker_that_returns_is_found_again_with_a_higher_connection_number(
    broker: Mosquitto, make_link: MakeLink, events: Events
) -> None:
    make_link(broker.url)
    first = events.wait(LinkUp)
    broker.kill()
    events.wait(LinkDown)
    broker.start()
    again = events.wait(LinkUp)
    assert isinstance(first, LinkUp)
    assert isinstance(again, LinkUp)
    assert again.connection > first.connection


def test_a_broker_that_is_not_there_is_told_once_and_tried_again(make_link: MakeLink, events: Events) -> None:
    port = free_port()
    make_link(f"mqtt://127.0.0.1:{port}")
    down = events.wait(LinkDown)
    assert isinstance(down, LinkDown)
    assert "start it, or correct the address" in down.reason


def test_a_broker_that_refuses_us_costs_one_number_and_not_one_for_each_attempt(
    tmp_path: Path, mosquitto_program: str, events: Events
) -> None:
    """Each number is a write to the card; a right that is missing may be missing for weeks."""
    broker = Mosquitto(tmp_path, extra="allow_anonymous false")
    broker.start()
    given: list[int] = []

    def number() -> int:
        given.append(len(given) + 1)
        return given[-1]

    with line(broker.port) as way:
        link = MqttLink(BrokerSection(url=way.url), "nam-sach", number, lost, (), events.put)
        link.start()
        try:
            assert "refuses nam-sach" in events.wait(LinkDown).reason
            wait_for(lambda: way.accepted == 3, "a third attempt")
        finally:
            link.close()
            broker.close()
    assert given == [1]


def test_each_connection_that_was_there_is_told_as_gone(broker: Mosquitto, events: Events) -> None:
    """Also one that breaks at once with the same reason as the one before: the core counts on it."""
    with line(broker.port) as way:
        link = MqttLink(BrokerSection(url=way.url), "nam-sach", lambda: 1, lost, (), events.put)
        link.start()
        try:
            for _ in range(2):
                events.wait(LinkUp)
                way.reset()
                events.wait(LinkDown)
        finally:
            link.close()


def test_an_orderly_close_sends_the_last_words_and_no_will(
    broker: Mosquitto, peer: Peer, make_link: MakeLink, events: Events
) -> None:
    link = make_link(broker.url)
    events.wait(LinkUp)
    for people in range(50):
        link.publish("simulated/truth", truth(people))
    link.close()
    seen = [json.loads(peer.next().payload)["people"]]
    while seen[-1] != 49:
        seen.append(json.loads(peer.next().payload)["people"])
    assert peer.messages.empty()


def test_a_payload_over_the_limit_is_not_sent_and_the_next_one_is(
    broker: Mosquitto, peer: Peer, make_link: MakeLink, events: Events
) -> None:
    link = make_link(broker.url)
    events.wait(LinkUp)
    large = About(at=datetime.now(UTC), session="s", clock="synced", name="n", path=("x" * MAX_PAYLOAD_BYTES,))
    link.publish("about", large)
    link.publish("simulated/truth", truth(3))
    assert peer.next().topic.endswith("simulated/truth")


def reported(revision: int) -> ConfigReported:
    return ConfigReported(
        at=datetime.now(UTC),
        session="s",
        clock="synced",
        id="push-1",
        revision=revision,
        digest="d",
        state="pending_confirm",
        effective_digest="e",
    )


def test_a_report_on_the_config_that_the_broker_has_is_told_as_it_went_out(
    broker: Mosquitto, peer: Peer, make_link: MakeLink, events: Events
) -> None:
    link = make_link(broker.url)
    events.wait(LinkUp)
    link.publish("simulated/truth", truth(1))
    link.publish("config/reported", reported(1))
    link.send("config/reported", reported(2), expiry_s=60)
    taken = {events.wait(ReportTaken).raw for _ in range(2)}
    assert {json.loads(raw)["revision"] for raw in taken} == {1, 2}
    heard = [peer.next() for _ in range(3)]
    assert taken == {message.payload for message in heard if message.topic.endswith("/config/reported")}


def test_of_reports_that_replace_each_other_only_what_went_out_is_told(
    broker: Mosquitto, peer: Peer, make_link: MakeLink, events: Events
) -> None:
    link = make_link(broker.url)
    events.wait(LinkUp)
    for revision in range(1, 301):
        link.publish("config/reported", reported(revision))
    told = [events.wait(ReportTaken).raw]
    while json.loads(told[-1])["revision"] != 300:
        told.append(events.wait(ReportTaken).raw)
    assert told == [peer.next().payload for _ in told]


def test_a_report_that_the_broker_refuses_is_not_taken(tmp_path: Path, mosquitto_program: str, events: Events) -> None:
    (tmp_path / "rights").write_text("topic write diemcau/v1/nam-sach/simulated/truth\n")
    broker = Mosquitto(tmp_path, extra=f"allow_anonymous true\nacl_file {tmp_path / 'rights'}")
    broker.start()
    numbers = iter(range(1, 1000))
    link = MqttLink(BrokerSection(url=broker.url), "nam-sach", lambda: next(numbers), lost, (), events.put)
    link.start()
    try:
        events.wait(LinkUp)
        link.publish("config/reported", reported(1))
        while "config/reported" not in events.wait(LinkRefused).what:
            pass
    finally:
        link.close()
        broker.close()
    assert events.has_none_of(ReportTaken)


def test_close_returns_in_time_also_in_front_of_a_wall_that_never_answers(make_link: MakeLink) -> None:
    with socket.socket() as wall:
        wall.bind(("127.0.0.1", 0))
        wall.listen(1)
        link = make_link(f"mqtt://127.0.0.1:{wall.getsockname()[1]}")
        end, _ = wall.accept()
        with end:
            began_s = time.monotonic()
            link.close()
            assert time.monotonic() - began_s < 5


def test_credentials_that_cannot_be_read_are_named(make_link: MakeLink, events: Events, tmp_path: object) -> None:
    broker = BrokerSection(url="mqtts://127.0.0.1:1", ca=f"{tmp_path}/no-such-ca.pem")
    link = MqttLink(broker, "nam-sach", lambda: 1, lost, (), events.put)
    link.start()
    down = events.wait(LinkDown)
    link.close()
    assert isinstance(down, LinkDown)
    assert "no-such-ca.pem cannot be found" in down.reason


def test_every_credential_that_is_not_there_is_named(tmp_path: Path) -> None:
    ca, certificate, key = (str(tmp_path / name) for name in ("ca.pem", "site.pem", "site.key"))
    Path(ca).touch()
    broker = BrokerSection(url="mqtts://broker.example:8883", ca=ca, certificate=certificate, key=key)
    with pytest.raises(LinkError, match=rf"^{certificate}, {key} cannot be found: "):
        new_client("chi-linh", broker)


def test_the_waiting_times_are_jittered_doubled_and_capped() -> None:
    for failures, most in ((0, 1.0), (1, 2.0), (3, 8.0), (1000, BACK_OFF_CAP_S)):
        waits = [back_off_s(failures) for _ in range(200)]
        assert max(waits) <= most
        assert max(waits) - min(waits) > most / 2


def test_a_callback_that_raises_is_logged_and_does_not_end_the_thread(caplog: pytest.LogCaptureFixture) -> None:
    assert guarded(lambda: 1 / 0)() is None
    assert "the link goes on" in caplog.text


def test_an_event_handler_that_raises_leaves_the_link_alive(broker: Mosquitto, peer: Peer) -> None:
    seen: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def touchy(event: Event) -> None:
        if isinstance(event, MessageReceived):
            seen.put(event.payload)
            if event.payload == b"bad":
                raise RuntimeError("an inbox with a bug")

    link = MqttLink(BrokerSection(url=broker.url), "nam-sach", lambda: 1, lost, ("conference",), touchy)
    link.start()
    try:
        wait_for(lambda: link._is_open, "connected")
        for payload in (b"bad", b"good"):
            peer.client.publish("diemcau/v1/nam-sach/conference", payload, qos=1)
        assert [seen.get(timeout=PATIENCE_S) for _ in range(2)] == [b"bad", b"good"]
    finally:
        link.close()
