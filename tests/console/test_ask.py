"""One command to one site, against a broker and a site made of a few lines."""

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from agent.adapters.mosquitto import Mosquitto
from agent.console.ask import Answer, Asking
from agent.console.sites import Presence
from agent.core.identity import broker_at
from tests.conftest import PATIENCE_S

COMMON = {"at": "2012-11-20T07:30:00.000Z", "session": "s", "clock": "synced"}
ROOT = "diemcau/v1/nam-sach"


class FakeSite:
    """Hears commands and answers each with what ``answers`` makes of it."""

    def __init__(self, port: int, commands: str = f"{ROOT}/command", user: str = "") -> None:
        self.heard: list[tuple[dict[str, Any], Any]] = []
        self.answers: Callable[[dict[str, Any]], list[dict[str, Any] | bytes]] = lambda command: []
        ready = threading.Event()
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        if user:
            self.client.username_pw_set(user)
        self.client.on_message = self._on_message
        self.client.on_subscribe = lambda *_: ready.set()
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        self.client.subscribe(commands, 1)
        assert ready.wait(PATIENCE_S)

    def status(self, state: str) -> None:
        self.store("status", {**COMMON, "state": state, "connection": 1, "boot_id": "b", "version": "1"})

    def store(self, name: str, document: dict[str, Any], waits: bool = True) -> None:
        """Say something that the broker keeps. ``waits`` not from within ``answers``: that is paho's own thread."""
        sent = self.client.publish(f"{ROOT}/{name}", json.dumps(document), 1, retain=True)
        if waits:
            sent.wait_for_publish(PATIENCE_S)

    def _on_message(self, client: mqtt.Client, _user: Any, message: mqtt.MQTTMessage) -> None:
        command = json.loads(message.payload)
        self.heard.append((command, message))
        for answer in self.answers(command):
            raw = answer if isinstance(answer, bytes) else json.dumps({**COMMON, **answer})
            client.publish(f"{ROOT}/command/result", raw, 1)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture
def fake(broker: Mosquitto) -> Iterator[FakeSite]:
    site = FakeSite(broker.port)
    yield site
    site.close()


def ask(broker: Mosquitto, within_s: int = 20, away: list[Presence] | None = None) -> Answer:
    asking = Asking(broker_at(broker.url), "nam-sach", (away if away is not None else []).append)
    return asking.ask("recount", {"people": 5}, "an", within_s)


def final(command: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"id": command["id"], "state": "done", "reason": None, "result": {}, **fields}


def test_a_command_carries_what_the_contract_says_and_is_never_stored(broker: Mosquitto, fake: FakeSite) -> None:
    fake.answers = lambda command: [final(command)]
    first, second = ask(broker), ask(broker)
    (command, message), _ = fake.heard
    assert command.keys() == {"id", "action", "args", "issued_by", "issued_at"}
    assert (command["action"], command["args"], command["issued_by"]) == ("recount", {"people": 5}, "an")
    assert (message.qos, message.retain) == (1, False)
    assert 0 < message.properties.MessageExpiryInterval <= 20
    assert first.id != second.id


def test_the_final_state_of_this_command_is_waited_for(broker: Mosquitto, fake: FakeSite) -> None:
    fake.status("running")
    fake.answers = lambda command: [
        final({"id": "of-somebody-else"}, result={"wrong": 1}),
        b"\xff{",
        final(command, state="accepted", result=None),
        final(command, state="failed", reason="not_stored", result=None),
    ]
    answer = ask(broker)
    assert answer.result is not None
    assert (answer.result.state, answer.result.reason, answer.presence) == ("failed", "not_stored", "running")


def test_a_site_that_is_away_is_told_at_once_and_waited_for_to_the_end(broker: Mosquitto, fake: FakeSite) -> None:
    fake.status("lost")
    away: list[Presence] = []
    answer = ask(broker, within_s=1, away=away)
    assert (answer.result, answer.silence, answer.presence) == (None, "no_answer", "lost")
    assert away == ["lost"]


def test_where_nobody_listens_the_wait_is_short(broker: Mosquitto) -> None:
    answer = ask(broker, within_s=300)
    assert (answer.result, answer.silence, answer.presence) == (None, "nobody_listens", "unknown")


@pytest.mark.parametrize("loads", [{}, {"codec": "on", "amplifier": "off"}, None])
def test_what_loads_the_room_has_comes_with_the_answer(
    broker: Mosquitto, fake: FakeSite, loads: dict[str, str] | None
) -> None:
    if loads is not None:
        fake.store("power", {**COMMON, "state": "on", "loads": loads})
    fake.answers = lambda command: [final(command, state="refused", reason="unknown_load", result=None)]
    assert ask(broker).loads == (None if loads is None else tuple(loads))
