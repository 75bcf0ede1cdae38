"""A broker that speaks no MQTT 5: one clear reason, and no falling back.

Under MQTT 3.1.1 a publish that the broker's rights refuse is acknowledged as if it had gone through, so a site that
fell back would lose its history and not know it.
"""

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from agent.adapters.mqtt_link import MqttLink
from agent.console.listener import Listener
from agent.console.recorder import Recorder
from agent.console.store import Store
from agent.core.errors import LinkError
from agent.core.events import LinkDown, LinkUp
from agent.core.identity import broker_at
from tests.adapters.test_mqtt_link import Events, lost
from tests.conftest import PATIENCE_S, wait_for

# MQTT 3.1.1, 3.2.2.3: unacceptable protocol version. MQTT 5, 3.2.2.2: unsupported protocol version.
ANSWERS = {"in the form of 3.1.1": b"\x20\x02\x00\x01", "in the form of 5": b"\x20\x03\x00\x84\x00"}
NAME = b"\x00\x04MQTT"


class OldBroker:
    """Answers each CONNECT with no, and remembers what it was spoken to in."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self.levels: list[int] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"mqtt://127.0.0.1:{self._server.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join(PATIENCE_S)

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                end, _ = self._server.accept()
                with end, suppress(OSError):
                    end.settimeout(PATIENCE_S)
                    asked = end.recv(4096)
                    self.levels.append(asked[asked.index(NAME) + len(NAME)])
                    end.sendall(self._answer)
                    end.shutdown(socket.SHUT_WR)
                    while end.recv(4096):
                        pass


@pytest.fixture(params=ANSWERS.values(), ids=list(ANSWERS))
def old(request: pytest.FixtureRequest) -> Iterator[OldBroker]:
    standing = OldBroker(request.param)
    yield standing
    standing.close()


def test_a_site_says_so_once_and_goes_on_asking_for_mqtt_5(old: OldBroker) -> None:
    events = Events()
    link = MqttLink(broker_at(old.url), "nam-sach", lambda: 7, lost, (), events.put)
    link.start()
    try:
        reason = events.wait(LinkDown).reason
        wait_for(lambda: len(old.levels) >= 3, "it tries again")
    finally:
        link.close()
    assert "Unsupported protocol version" in reason
    assert events.has_none_of((LinkUp, LinkDown)), "no connection, and no line for each attempt"  # type: ignore[arg-type]
    assert set(old.levels) == {5}


def test_the_recorder_and_the_centres_commands_end_with_the_reason(old: OldBroker, tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path}/centre.db")
    store.start()
    with pytest.raises(LinkError, match="Unsupported protocol version"):
        Listener(broker_at(old.url)).start()
    with pytest.raises(LinkError, match=r"Unsupported protocol version"):
        Recorder(broker_at(old.url), store, "r1").run()
    store.close()
    assert set(old.levels) == {5}
