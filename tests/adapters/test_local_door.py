"""The door on the box: what comes in, what goes out, and who may hold up whom."""

import json
import os
import queue
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from agent.adapters import porter
from agent.adapters.door_path import door_path, doors, knock
from agent.adapters.local_door import LocalDoor
from agent.core.events import ConfigConfirmed, ConfigOffered, Event
from tests.conftest import wait_for

ROOT = Path(__file__).parents[2]
OFFER = b'{"id": "a", "revision": 1, "issued_by": "local",  "issued_at": "2012-11-20T07:30:00.000Z", "config": {}}'


class Heard:
    """The inbox, and a door that fills it."""

    def __init__(self, path: Path, patience_s: float = 60) -> None:
        self.events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self.path = path
        self.door = LocalDoor(path, self.events.put, patience_s)

    def next(self) -> Event:
        return self.events.get(timeout=30)


@pytest.fixture
def heard(tmp_path: Path) -> Iterator[Heard]:
    made = Heard(tmp_path / "agent.sock")
    made.door.start()
    yield made
    made.door.close()


@pytest.fixture
def enter(heard: Heard) -> Iterator[Callable[[], socket.socket]]:
    """Connects; whatever is still open at the end is closed."""
    made = []

    def come() -> socket.socket:
        made.append(knock(heard.path))
        made[-1].settimeout(30)
        return made[-1]

    yield come
    for end in made:
        end.close()


def lines(end: socket.socket) -> list[Any]:
    """Everything until the door ends the connection."""
    said = b""
    try:
        while raw := end.recv(65536):
            said += raw
    except ConnectionResetError:
        pass
    return [json.loads(line) for line in said.splitlines()]


def ask(end: socket.socket, raw: bytes) -> None:
    """Send what will be refused: the door may hang up before all of it is there."""
    with suppress(BrokenPipeError):
        end.sendall(raw)


def error_of(end: socket.socket) -> str:
    (said,) = lines(end)
    return str(said["error"])


def test_an_offer_comes_in_as_it_was_written_and_a_confirmation_by_its_id(
    heard: Heard, enter: Callable[[], socket.socket]
) -> None:
    end = enter()
    end.sendall(b'{"offer": ' + OFFER + b"}\n" + b' { "confirm" : {"id": "a"} } \n')
    assert heard.next() == ConfigOffered(OFFER)
    assert heard.next() == ConfigConfirmed("a")


def test_what_is_reported_is_told_to_everybody_who_is_connected(
    heard: Heard, enter: Callable[[], socket.socket]
) -> None:
    ends = [enter(), enter()]
    for end in ends:
        end.sendall(b'{"confirm": {"id": "x"}}\n')  # an answer that it has been let in
        heard.next()
    for number in range(3):
        heard.door.say(b'{"state": "deferred", "revision": %d}' % number)
    for end in ends:
        with end.makefile("rb") as file:
            assert [json.loads(file.readline())["revision"] for _ in range(3)] == [0, 1, 2]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"hello", "a line is"),
        (b"", "a line is"),
        (b'{"order": {}}', "a line is"),
        (b'{"offer": 7}', "an object is expected"),
        (b'{"offer": {"a": 1, "a": 2}}', "is there twice"),
        (b'{"offer": {"a": NaN}}', "NaN"),
        (b'{"offer": {"a": "\xff"}}', "not UTF-8"),
        (b'{"offer": {}, "confirm": {}}', "not JSON"),
        (b'{"offer": ' + b'{"a":' * 10000 + b"1" + b"}" * 10001, "nested|not JSON"),
        (b'{"offer": {"a": "' + b"x" * 65540 + b'"}}', "larger than"),
        (b'{"confirm": {"id": 7}}', "id"),
        (b'{"confirm": {"id": ""}}', "id"),
        (b"\x00" * 100, "a line is"),
    ],
)
def test_what_cannot_be_read_is_told_in_a_sentence_and_the_connection_ends(
    heard: Heard, enter: Callable[[], socket.socket], line: bytes, why: str
) -> None:
    end = enter()
    ask(end, line + b"\n")
    said = error_of(end)
    assert any(word in said for word in why.split("|")), said
    assert "\n" not in said
    assert heard.events.empty()


def test_a_line_without_an_end_is_bounded(heard: Heard, enter: Callable[[], socket.socket]) -> None:
    end = enter()
    with pytest.raises((BrokenPipeError, ConnectionResetError)):
        end.sendall(b"x" * 10_000_000)
    assert heard.events.empty()


def test_whoever_does_not_read_is_dropped_and_holds_up_nobody(heard: Heard, enter: Callable[[], socket.socket]) -> None:
    deaf, other = enter(), enter()
    for end in (deaf, other):
        end.sendall(b'{"confirm": {"id": "x"}}\n')
        heard.next()
    report = b'{"state": "applied", "reason": "' + b"x" * 60_000 + b'"}'
    with other.makefile("rb") as file:
        for _ in range(60):  # far more than what the kernel and the door keep for one
            heard.door.say(report)
            assert file.readline() == report + b"\n"
    said = b""
    while raw := deaf.recv(65536):
        said += raw
    assert len(said) < 60 * len(report)


def test_there_are_few_callers(heard: Heard, enter: Callable[[], socket.socket]) -> None:
    for _ in range(porter.CALLERS_MAX):
        enter()
    assert "others are here already" in error_of(enter())


def test_those_who_say_nothing_make_room_and_those_who_wait_for_news_stay(tmp_path: Path) -> None:
    short = Heard(tmp_path / "agent.sock", patience_s=2)
    short.door.start()
    waiting, silent = knock(short.path), knock(short.path)
    try:
        waiting.sendall(b'{"confirm": {"id": "x"}}\n')
        assert short.next() == ConfigConfirmed("x")
        assert "nothing was asked for" in error_of(silent)
        short.door.say(b'{"state": "applied"}')
        assert waiting.recv(9999) == b'{"state": "applied"}\n'
    finally:
        short.door.close()
        waiting.close()
        silent.close()


def test_what_is_asked_for_without_end_is_not_taken(heard: Heard, enter: Callable[[], socket.socket]) -> None:
    end = enter()
    ask(end, b'{"confirm": {"id": "x"}}\n' * 2000)
    assert "too much" in error_of(end)
    assert heard.events.qsize() == porter.ASKED_MAX


def test_it_is_for_root_and_the_agents_own_user(heard: Heard) -> None:
    assert heard.path.stat().st_mode & 0o777 == 0o600
    if os.geteuid() != 0:
        pytest.skip("needs root, to be somebody else")
    heard.path.chmod(0o666)
    heard.path.parent.chmod(0o755)
    code = """
import os, socket
os.setgid(65534); os.setuid(65534)
end = socket.socket(socket.AF_UNIX)
end.connect("agent.sock")
print(end.recv(9999).decode())
"""
    asked = subprocess.run(
        [sys.executable, "-c", code],
        cwd=heard.path.parent, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert "use sudo" in asked.stdout, asked.stderr


def test_in_a_unit_it_is_for_root_alone(tmp_path: Path) -> None:
    """What looks at pictures runs there as the agent's own user."""
    code = """
import os
from contextlib import suppress
from pathlib import Path
from agent.adapters.door_path import knock
from agent.adapters.local_door import LocalDoor
if os.geteuid() == 0:
    os.setgid(65534); os.setuid(65534)
door = LocalDoor(Path("agent.sock"), print)
door.start()
with knock(Path("agent.sock")) as end:
    end.settimeout(30)
    with suppress(BrokenPipeError):  # it may have hung up already; why can still be read
        end.sendall(b'{"confirm": {"id": "x"}}\\n')
    print(end.recv(9999).decode())
door.close()
"""
    folder = tmp_path / "run"
    folder.mkdir()
    folder.chmod(0o777)
    # From inside it: nobody else need be able to come to it.
    start = f"import os, sys; sys.path.insert(0, {str(ROOT)!r}); os.chdir({str(folder)!r})"
    asked = subprocess.run(
        [sys.executable, "-c", start + code],
        env={**os.environ, "RUNTIME_DIRECTORY": str(folder)},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert "use sudo" in asked.stdout, asked.stderr
    assert "Confirmed" not in asked.stdout
    assert porter.welcomes({"RUNTIME_DIRECTORY": "/run/diemcau"}) == (0,)
    assert porter.welcomes({}) == porter.welcomes({"RUNTIME_DIRECTORY": ""}) == (0, os.geteuid())


def test_a_deep_folder_is_no_hindrance_and_what_an_earlier_run_left_is_replaced(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 120)
    folder.mkdir()
    first = Heard(folder / "agent.sock")
    first.door.start()
    left = Heard(folder / "agent.sock")  # as after a kill -9: the name is there, and nobody closes it
    left.door.start()
    try:
        with knock(left.path) as end:
            end.sendall(b'{"confirm": {"id": "x"}}\n')
            assert left.next() == ConfigConfirmed("x")
        assert first.events.empty()
    finally:
        left.door.close()
        first.door.close()
    assert not left.path.exists()
    with pytest.raises(FileNotFoundError):
        knock(left.path)


def test_a_door_that_cannot_be_opened_is_none_and_no_reason_to_end(tmp_path: Path) -> None:
    (tmp_path / "agent.sock").mkdir()
    for path in (tmp_path / "none" / "agent.sock", tmp_path / "agent.sock"):
        door = LocalDoor(path, lambda event: None)
        door.start()
        door.say(b"{}")
        door.close()
        door.close()
    assert (tmp_path / "agent.sock").is_dir()


def test_a_closed_door_ends_every_connection_and_nothing_is_left(tmp_path: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    made = Heard(tmp_path / "agent.sock")
    made.door.start()
    with knock(made.path) as end:
        end.settimeout(30)
        end.sendall(b'{"confirm": {"id": "x"}}\n')
        made.next()
        made.door.close()
        assert lines(end) == []
    wait_for(lambda: len(list(Path("/proc/self/fd").iterdir())) == before, "every descriptor is closed")
    made.door.say(b"{}")


def test_on_a_box_it_is_in_the_units_folder_and_by_hand_in_the_state_folder(tmp_path: Path) -> None:
    assert door_path(tmp_path, {"RUNTIME_DIRECTORY": "/run/diemcau:/run/other"}) == Path("/run/diemcau/agent.sock")
    assert door_path(tmp_path, {}) == tmp_path / "agent.sock"
    assert doors(tmp_path)[-1] == tmp_path / "agent.sock"
    assert doors(Path("/var/lib/diemcau"))[0] == Path("/run/diemcau/agent.sock")
