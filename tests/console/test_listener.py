"""agent/console/listener.py against a real broker: what it acknowledges, what it refuses, what it had stored."""

import json
import queue
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from agent.adapters.mosquitto import Mosquitto
from agent.console.listener import Listener
from agent.core.errors import LinkError
from agent.core.identity import broker_at
from tests.conftest import PATIENCE_S
from tests.console.slow_line import slow_line
from tests.console.test_cli import complaint, diemcau

TOPIC = "diemcau/v1/chi-linh/readiness"


class Mouth:
    """Says things to a broker, stored there."""

    def __init__(self, port: int) -> None:
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()

    def say(self, topic: str, raw: bytes) -> None:
        self.client.publish(topic, raw, 1, retain=True).wait_for_publish(PATIENCE_S)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture
def mouth(broker: Mosquitto) -> Iterator[Mouth]:
    one = Mouth(broker.port)
    yield one
    one.close()


def strict(folder: Path) -> Mosquitto:
    """A broker that lets everybody in and lets nobody listen."""
    plugins = [*Path("/usr/lib").glob("*/mosquitto_dynamic_security.so")]
    if not plugins:
        pytest.skip("needs mosquitto's plugin for dynamic security (in Debian's package)")
    rights = {"publishClientSend": True, "publishClientReceive": True, "subscribe": False, "unsubscribe": True}
    (folder / "rights.json").write_text(json.dumps({"defaultACLAccess": rights}))
    return Mosquitto(
        folder, extra=f"allow_anonymous true\nplugin {plugins[0]}\nplugin_opt_config_file {folder / 'rights.json'}"
    )


def test_it_has_started_when_the_broker_has_acknowledged_what_it_listens_to(broker: Mosquitto) -> None:
    with slow_line(broker.port, 0.4) as port:
        listener = Listener(broker_at(f"mqtt://127.0.0.1:{port}"))
        listener.start()
        try:
            assert listener.round_trip_s >= 0.4
            assert listener.is_connected
        finally:
            listener.close()


def test_a_subscription_that_is_refused_is_one_sentence(tmp_path: Path, mosquitto_program: str) -> None:
    running = strict(tmp_path)
    running.start()
    try:
        listener = Listener(broker_at(running.url), (TOPIC, "diemcau/v1/chi-linh/power"))
        with pytest.raises(LinkError, match=f"listen to {TOPIC} .*, diemcau/v1/chi-linh/power .*rights") as refused:
            listener.start()
        assert not listener.is_connected
        assert "\n" not in str(refused.value)
        drill = diemcau("drill", "--broker", running.url)
        assert drill.returncode == 1
        assert "does not let this user listen to diemcau/v1/+/status" in complaint(drill)
    finally:
        running.close()


def test_what_the_broker_had_stored_is_told_from_what_is_said_now(broker: Mosquitto, mouth: Mouth) -> None:
    mouth.say(TOPIC, b"before")
    heard: queue.SimpleQueue[Any] = queue.SimpleQueue()
    listener = Listener(broker_at(broker.url), on_message=lambda *message: heard.put(message))
    listener.start()
    try:
        mouth.say(TOPIC, b"now")
        assert [heard.get(timeout=PATIENCE_S) for _ in range(2)] == [(TOPIC, b"before", True), (TOPIC, b"now", False)]
        assert listener.messages.empty()
    finally:
        listener.close()


def test_without_a_taker_messages_lie_ready(broker: Mosquitto, mouth: Mouth) -> None:
    mouth.say(TOPIC, b"before")
    listener = Listener(broker_at(broker.url))
    listener.start()
    try:
        assert listener.messages.get(timeout=PATIENCE_S) == (TOPIC, b"before")
    finally:
        listener.close()
