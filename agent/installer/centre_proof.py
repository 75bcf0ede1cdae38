"""Whether a centre works: its broker lets the recorder in, the recorder is connected, the board answers.

Asked as anybody would ask: a TLS connection with a CONNECT of MQTT 5, HTTP, and what systemd and the journal say.
"""

import json
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from agent.installer.steps import InstallError
from agent.installer.world import World

RECORDER, BOARD = "diemcau-recorder.service", "diemcau-board.service"
PATIENCE_S, ANSWER_S, LOOK_EVERY_S = 180.0, 5.0, 0.5
# What the recorder's log says once the broker has let it in, and when that is over (agent/console/recorder.py; a test
# compares them).
CONNECTED, LOST = "connected to the broker at", "the connection to the broker is lost"


@dataclass(frozen=True, slots=True)
class Credentials:
    """Files of somebody whom the broker knows, as seen from here."""

    ca: Path
    certificate: Path
    key: Path


def broker_refuses(port: int, who: Credentials, client_id: str, host: str = "127.0.0.1") -> str | None:
    """Why the broker on this machine does not let somebody in; None: it does."""
    try:
        context = ssl.create_default_context(cafile=str(who.ca))
        context.load_cert_chain(who.certificate, who.key)
        with (
            socket.create_connection((host, port), timeout=ANSWER_S) as plain,
            context.wrap_socket(plain, server_hostname=host) as line,
        ):
            line.sendall(_connect(client_id))
            answer = line.recv(64)
    except (OSError, ValueError) as error:  # ssl's errors are OSErrors
        return f"port {port}: {error}"
    # CONNACK, its length, flags, reason. Source: MQTT 5.0, 3.2.
    if len(answer) < 4 or answer[0] != 0x20 or answer[3]:
        return f"port {port}: CONNACK {answer[:4].hex() or 'none'}"
    return None


def _connect(client_id: str) -> bytes:
    """A CONNECT packet of MQTT 5 with Clean Start and no more. Source: MQTT 5.0, 3.1."""
    payload = len(client_id).to_bytes(2, "big") + client_id.encode()
    body = b"\0\4MQTT\5\2" + (20).to_bytes(2, "big") + b"\0" + payload
    return bytes([0x10, len(body)]) + body


def wait_for_broker(ports: tuple[int, ...], who: Credentials, patience_s: float = PATIENCE_S) -> None:
    """Back when it lets the recorder in on each port. Raises InstallError."""
    _wait(lambda: _first(broker_refuses(port, who, "diemcau-install") for port in ports), "mosquitto", patience_s)


def board_refuses(port: int) -> str | None:
    """Why the board on this machine is not in order; None: it has its broker, and answers."""
    connection = HTTPConnection("127.0.0.1", port, timeout=ANSWER_S)
    try:
        connection.request("GET", "/health")
        answer = connection.getresponse()
        said = answer.read(200).decode(errors="replace").strip()
    except (OSError, HTTPException) as error:
        return f"http://127.0.0.1:{port}/health: {error or type(error).__name__}"
    finally:
        connection.close()
    return None if answer.status == 200 else f"http://127.0.0.1:{port}/health: {answer.status} {said}"


class Works:
    """Recorder and board do their work, as a step that changes nothing: where they do not, all is taken back.

    Args:
        world: Passed over where its systemd does not run: nothing was started there.
        board_port: Where the board listens on this machine.
    """

    title = "thử recorder và bảng điều khiển / trying recorder and board"

    def __init__(self, world: World, board_port: int) -> None:
        self._world, self._port = world, board_port
        self._began_s = time.monotonic()

    def is_done(self) -> bool:
        """Whether both work now."""
        return not self._world.is_booted or (board_refuses(self._port) or self._recorder_refuses()) is None

    def lines(self) -> list[str]:
        """As one would look."""
        return [
            f"curl -fsS http://127.0.0.1:{self._port}/health",
            f"journalctl -u {RECORDER} -r -n 1 --grep '{CONNECTED}|{LOST}'",
        ]

    def do(self) -> None:
        """Wait until both work. Raises InstallError, with what the journal says last."""
        _wait(self._recorder_refuses, "diemcau record", PATIENCE_S)
        _wait(lambda: board_refuses(self._port), "diemcau board", PATIENCE_S)

    def undo(self) -> None:
        """Nothing was done."""

    def _recorder_refuses(self) -> str | None:
        """What its run of now has said: an earlier one's success says nothing.

        One that has run since long before us may have said so months ago, and the journal keeps words for weeks.
        """
        asked = ["systemctl", "show", RECORDER, "--property=InvocationID,ActiveState,ActiveEnterTimestampMonotonic"]
        unit = dict(line.partition("=")[::2] for line in (self._world.says(asked) or "").splitlines())
        run = unit.get("InvocationID", "")
        said = self._last_of(run, "--grep", f"{CONNECTED}|{LOST}")
        if CONNECTED in said or (not said and self._is_old(unit)):
            return None
        return self._last_of(run) or f"systemctl status {RECORDER}"

    def _last_of(self, run: str, *words: str) -> str:
        journal = ["journalctl", "-q", "--no-pager", "-o", "json", "-r", "-n", "1", f"_SYSTEMD_INVOCATION_ID={run}"]
        return _message((run and self._world.says([*journal, *words])) or "")

    def _is_old(self, unit: dict[str, str]) -> bool:
        since_us = unit.get("ActiveEnterTimestampMonotonic", "")
        is_up = unit.get("ActiveState") == "active" and since_us.isdecimal()
        return is_up and int(since_us) / 1e6 < self._began_s - PATIENCE_S


def _message(line: str) -> str:
    with suppress(ValueError):
        return str(json.loads(line).get("MESSAGE") or "")
    return ""


def _first(reasons: Iterator[str | None]) -> str | None:
    return next((each for each in reasons if each is not None), None)


def _wait(refuses: Callable[[], str | None], what: str, patience_s: float) -> None:
    until_s = time.monotonic() + patience_s
    while (why := refuses()) is not None:
        if time.monotonic() > until_s:
            raise InstallError(f"{what} không chạy / does not work: {why}")
        time.sleep(LOOK_EVERY_S)
