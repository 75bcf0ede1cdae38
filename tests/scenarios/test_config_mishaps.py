"""A pushed config on the real agent: one that goes well, and each way in which a simulated site can fail at it."""

import json
import tomllib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from agent.adapters.mosquitto import Mosquitto
from agent.adapters.quick_crashes import SAFE_AFTER, QuickCrashes
from agent.core.contract import ConfigDesired, encode
from hw import host
from tests.adapters.test_mqtt_link import Peer
from tests.conftest import PATIENCE_S, ROOM, Site, wait_for

MakeSite = Callable[..., Site]
TOPIC = "diemcau/v1/chi-linh"
Document = dict[str, Any]


class Technician:
    """Pushes a config and hears what becomes of it."""

    def __init__(self, port: int) -> None:
        self._peer = Peer(port)

    def wait(self, name: str, **what: Any) -> Document:
        while True:
            message = self._peer.messages.get(timeout=PATIENCE_S)
            document = json.loads(message.payload) if message.payload else {}
            if message.topic == f"{TOPIC}/{name}" and what.items() <= document.items():
                return dict(document)

    def push(self, config: Document) -> None:
        desired = ConfigDesired(id="u1", revision=1, issued_by="ly", issued_at=datetime.now(UTC), config=config)
        self._say("config/desired", encode(desired), retain=True)

    def confirm(self) -> None:
        self._say("config/confirm", b'{"id": "u1"}')

    def _say(self, name: str, raw: bytes, retain: bool = False) -> None:
        self._peer.client.publish(f"{TOPIC}/{name}", raw, qos=1, retain=retain).wait_for_publish(PATIENCE_S)

    def close(self) -> None:
        self._peer.close()


@pytest.fixture
def technician(broker: Mosquitto) -> Iterator[Technician]:
    technician = Technician(broker.port)
    yield technician
    technician.close()


def wanted() -> Document:
    """The room with its button and one load elsewhere, and a check more."""
    config = tomllib.loads(ROOM)
    config["power"]["button"]["pin"] = 22
    config["power"]["loads"][1]["pin"] = 13
    config["checks"].append({"name": "codec-net", "kind": "tcp", "address": "127.0.0.1:1", "required": False})
    return config


def test_a_push_is_applied_by_a_running_agent_and_survives_its_restart(
    broker: Mosquitto, technician: Technician, site: MakeSite
) -> None:
    room = site(broker.url, [])
    process = room.start()
    technician.wait("config/running", source="file")
    technician.push(wanted())
    technician.wait("config/reported", state="pending_confirm", checks_worse=[])
    technician.confirm()
    technician.wait("config/reported", state="applied", revision=1)
    room.write(b"\n")  # the finger has followed the button
    assert technician.wait("power", state="on")["loads"] == {"codec": "on", "display": "on"}
    process.terminate()
    assert process.wait(PATIENCE_S) == 0
    room.start()
    assert technician.wait("config/running", revision=1)["config"] == wanted()


def test_a_part_that_cannot_be_had_undoes_the_push(broker: Mosquitto, technician: Technician, site: MakeSite) -> None:
    site(broker.url, [], on_apply="refuse").start()
    technician.wait("config/running", source="file")
    technician.push(wanted())
    assert technician.wait("config/reported", state="rolled_back")["reason"] == "part_failed: power.led"


@pytest.mark.parametrize("mishap", ["crash", "hang"])
def test_an_agent_that_ends_over_a_push_comes_back_with_what_ran_before(
    broker: Mosquitto, technician: Technician, site: MakeSite, mishap: str
) -> None:
    room = site(broker.url, [], on_apply=mishap)
    process = room.start()
    technician.wait("config/running", source="file")
    technician.push(wanted())
    said = {"crash": "this agent crashes", "hang": "this agent hangs"}[mishap]
    wait_for(lambda: said in room.log, said)
    if mishap == "hang":
        process.kill()
    assert process.wait(PATIENCE_S) == (1 if mishap == "crash" else -9)
    room.start()
    technician.wait("config/reported", state="rolled_back", reason="restarted")


def test_a_safe_start_has_no_parts_until_a_push_brings_them(
    broker: Mosquitto, technician: Technician, site: MakeSite
) -> None:
    room = site(broker.url, [])
    crash_often(room.folder / "state")
    room.start()
    assert technician.wait("power")["loads"] == {}
    technician.push(wanted())
    technician.wait("config/reported", state="pending_confirm")
    technician.confirm()
    technician.wait("config/reported", state="applied", revision=1)
    room.write(b"\n")
    assert technician.wait("power", state="on")["loads"] == {"codec": "on", "display": "on"}
    assert technician.wait("readiness", ready=True)["checks"][0]["name"] == "camera-main"


def crash_often(state: Path) -> None:
    state.mkdir()
    for _ in range(SAFE_AFTER):
        QuickCrashes(state, host.boot_id()).begin()
