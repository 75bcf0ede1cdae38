"""``diemcau config`` on the box: what is shown, and an update from the offer to its end, with a door of our own."""

import json
import os
import pty
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.adapters.agent_db import AgentDb
from agent.adapters.local_door import LocalDoor, door_path
from agent.core.commands import Keep
from agent.core.config_document import digest, open_envelope
from agent.core.config_resume import ConfigMemory
from agent.core.config_state import Record
from agent.core.contract import ConfigDesired
from agent.core.events import ConfigConfirmed, ConfigOffered, Event
from agent.core.memory import text_of
from tests.conftest import ROOM, Site, wait_for

RUN = "import sys; from agent.__main__ import main; from agent.console import config_box; "
RUN += "import agent.__main__ as root; root.cli.add_command(getattr(config_box, sys.argv[1]), 'it'); "
RUN += "main(['it', *sys.argv[2:]])"
CHANGED = ROOM.replace("settle_s = 0.1", "settle_s = 0.2", 1)
Answer = dict[str, Any]


def box(command: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run a command of the box with nobody at the keyboard."""
    return subprocess.run(
        [sys.executable, "-c", RUN, command, *arguments],
        capture_output=True, text=True, timeout=120, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip


class Agent:
    """An agent that takes whatever comes through its door, and says what a test has told it to.

    ``answers``: reports in order; those behind a None come only after a confirmation.
    """

    def __init__(self, state: Path, answers: list[Answer | None]) -> None:
        state.mkdir(exist_ok=True)
        self.events: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self.door = LocalDoor(door_path(state, {}), self.events.put)
        self.offers: list[ConfigDesired] = []
        self.confirmed: list[str] = []
        self._answers = answers
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.door.start()
        self._thread.start()

    def _run(self) -> None:
        while (event := self.events.get()) is not None:
            if isinstance(event, ConfigOffered):
                desired = open_envelope(event.raw).desired
                assert desired is not None
                self.offers.append(desired)
            elif isinstance(event, ConfigConfirmed):
                self.confirmed.append(event.id)
            self._say()

    def _say(self) -> None:
        while self._answers and (answer := self._answers.pop(0)) is not None:
            desired = self.offers[-1]
            report = {"at": "2012-11-20T07:30:00.000Z", "session": "s", "clock": "synced", "effective_digest": "e"}
            report |= {"id": desired.id, "revision": 7, "digest": digest(desired.config)}
            self.door.say(json.dumps({**report, "id": "of another", "state": "rejected"}).encode())
            self.door.say(b'{"what": "a later version may say"}')
            self.door.say(json.dumps(report | answer).encode())

    def close(self) -> None:
        self.events.put(None)
        self._thread.join(30)
        self.door.close()


Running = Callable[..., Agent]


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Running]:
    made: list[Agent] = []

    def start(*answers: Answer | None) -> Agent:
        made.append(Agent(tmp_path / "state", list(answers)))
        return made[-1]

    yield start
    for each in made:
        each.close()


@pytest.fixture
def there(tmp_path: Path) -> list[str]:
    """The options that name this box; its room runs ``ROOM``."""
    (tmp_path / "room.toml").write_text(ROOM)
    (tmp_path / "new.toml").write_text(CHANGED)
    (tmp_path / "state").mkdir()
    return ["--state", str(tmp_path / "state"), "--room", str(tmp_path / "room.toml")]


def test_a_config_that_the_room_is_fine_with_is_confirmed_and_stays(
    tmp_path: Path, agent: Running, there: list[str]
) -> None:
    running = agent(
        {"state": "applying"},
        {"state": "pending_confirm", "checks_worse": None},
        {"state": "pending_confirm", "checks_worse": []},
        None,
        {"state": "applied"},
    )
    done = box("apply", str(tmp_path / "new.toml"), *there, "--yes", "--by", "Lan", "--confirm-within", "40", "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    (offered,) = running.offers
    assert running.confirmed == [offered.id]
    assert (offered.issued_by, offered.confirm_within_s, offered.base_revision) == ("local: Lan", 40, None)
    assert offered.config["power"]["loads"][0]["settle_s"] == 0.2
    assert "debounce_s" not in offered.config["power"]["button"]  # as written, without the defaults
    assert (said["state"], said["id"], said["revision"], said["errors"]) == ("applied", offered.id, 7, [])
    assert said["changes"] == [{"path": "power.loads[codec].settle_s", "how": "changed", "before": 0.1, "after": 0.2}]
    assert "power.loads[codec].settle_s" in done.stderr
    for sentence in ("đang chạy thử / on trial", "đã áp dụng / applied"):
        assert done.stderr.count(sentence) == 1


def test_one_with_which_a_check_is_worse_is_not_confirmed(tmp_path: Path, agent: Running, there: list[str]) -> None:
    running = agent(
        {"state": "pending_confirm", "checks_worse": ["camera-main"]},
        {"state": "rolled_back", "reason": "not_confirmed", "checks_worse": ["camera-main"]},
    )
    done = box("apply", str(tmp_path / "new.toml"), *there, "--yes")
    assert done.returncode == 1
    assert running.confirmed == []
    assert "worse than before: camera-main" in done.stderr
    assert "rolled back; không được xác nhận kịp / not confirmed in time" in done.stderr
    assert done.stdout == ""


def test_one_that_the_agent_refuses_is_told_with_every_error(tmp_path: Path, agent: Running, there: list[str]) -> None:
    errors = [{"path": "power.led.pin", "message": "GPIO27 is used\x1b[31m by SPI"}, {"path": "x", "message": "y"}]
    running = agent({"state": "rejected", "reason": "invalid", "errors": errors})
    done = box("apply", str(tmp_path / "new.toml"), *there, "--yes", "--unattended")
    assert done.returncode == 1
    assert running.offers[0].confirm_within_s == 0
    assert running.offers[0].issued_by == "local"
    assert "power.led.pin: GPIO27 is used�[31m by SPI; x: y" in done.stderr


def test_one_that_has_to_wait_says_why_and_is_waited_for(tmp_path: Path, agent: Running, there: list[str]) -> None:
    agent({"state": "deferred", "reason": "room_on"}, {"state": "applied"})
    done = box("apply", str(tmp_path / "new.toml"), *there, "--yes")
    assert done.returncode == 0
    assert "has to wait; phòng đang bật, chờ phòng tắt / the room is on" in done.stderr
    assert "Ctrl-C" in done.stderr


def test_ctrl_c_ends_the_waiting_and_says_what_stays(tmp_path: Path, agent: Running, there: list[str]) -> None:
    running = agent({"state": "deferred", "reason": "room_on"})
    with subprocess.Popen(
        [sys.executable, "-c", RUN, "apply", str(tmp_path / "new.toml"), *there, "--yes"],
        stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True,
    ) as process:  # fmt: skip
        assert process.stderr is not None
        wait_for(lambda: "has to wait" in process.stderr.readline(), "it waits")  # type: ignore[union-attr]
        process.send_signal(signal.SIGINT)
        said = process.stderr.read()
        assert process.wait(60) == 130
    assert "goes on waiting" in said
    assert "Traceback" not in said
    assert len(running.offers) == 1


def test_an_agent_that_ends_meanwhile_is_told(tmp_path: Path, agent: Running, there: list[str]) -> None:
    running = agent({"state": "pending_confirm", "checks_worse": None})
    with subprocess.Popen(
        [sys.executable, "-c", RUN, "apply", str(tmp_path / "new.toml"), *there, "--yes"],
        stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True,
    ) as process:  # fmt: skip
        assert process.stderr is not None
        wait_for(lambda: "on trial" in process.stderr.readline(), "it is on trial")  # type: ignore[union-attr]
        running.door.close()
        assert "has ended meanwhile" in process.stderr.read()
        assert process.wait(60) == 1


def test_with_ask_a_person_decides(tmp_path: Path, agent: Running, there: list[str]) -> None:
    running = agent({"state": "pending_confirm", "checks_worse": ["camera-main"]}, None, {"state": "applied"})
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", RUN, "apply", str(tmp_path / "new.toml"), *there, "--ask"],
        stderr=subprocess.PIPE, stdin=theirs, text=True,
    ) as process:  # fmt: skip
        os.close(theirs)
        os.write(ours, b"y\ny\n")
        assert process.stderr is not None
        said = process.stderr.read()
        assert process.wait(60) == 0, said
    os.close(ours)
    assert "Áp dụng? / Apply it?" in said
    assert "Is the room fine" in said
    assert len(running.confirmed) == 1


def test_who_says_no_changes_nothing(tmp_path: Path, agent: Running, there: list[str]) -> None:
    running = agent()
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", RUN, "apply", str(tmp_path / "new.toml"), *there],
        stderr=subprocess.PIPE, stdin=theirs, text=True,
    ) as process:  # fmt: skip
        os.close(theirs)
        os.write(ours, b"n\n")
        assert process.stderr is not None
        assert "nothing was done" in process.stderr.read()
        assert process.wait(60) == 1
    os.close(ours)
    assert running.offers == []


@pytest.mark.parametrize(
    ("arguments", "code", "why"),
    [
        ([], 2, "nobody can be asked"),
        (["--yes", "--ask"], 2, "nobody can be asked"),
        (["--ask", "--unattended"], 2, "contradict"),
        (["--yes", "--confirm-within", "0"], 2, "--help"),
        (["--yes"], 1, "sudo systemctl start diemcau-agent"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    tmp_path: Path, there: list[str], arguments: list[str], code: int, why: str
) -> None:
    done = box("apply", str(tmp_path / "new.toml"), *there, *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    (line,) = done.stderr.splitlines()
    assert why in line


def test_a_file_that_is_wrong_never_comes_to_the_agent(tmp_path: Path, agent: Running, there: list[str]) -> None:
    running = agent()
    (tmp_path / "new.toml").write_text(CHANGED.replace("pin = 6", "pin = 5\nsettel_s = 3"))
    done = box("apply", str(tmp_path / "new.toml"), *there, "--yes")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "pin 5 is already used" in line
    assert "did you mean settle_s?" in line
    assert running.offers == []


def test_what_the_agent_does_not_take_is_said(tmp_path: Path, agent: Running, there: list[str]) -> None:
    agent()
    polygon = [[0.123456789012345, 0.123456789012345]] * 2000
    (tmp_path / "new.json").write_text(json.dumps({"headcount": {"exclude": [polygon]}}))
    done = box("apply", str(tmp_path / "new.json"), *there, "--yes")
    assert done.returncode == 1
    assert "the agent does not take this" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_config_of_the_box_is_shown_as_written_and_whole(tmp_path: Path, there: list[str]) -> None:
    done = box("show", *there)
    assert done.returncode == 0
    assert "the room file of the very first start" in done.stderr
    assert 'name = "Thị xã Chí Linh"' in done.stdout
    assert "debounce_s" not in done.stdout
    whole = json.loads(box("show", *there, "--effective", "--json").stdout)
    assert whole["power"]["button"]["debounce_s"] == 0.03
    (tmp_path / "state" / "room.json").write_text('{"site": {"name": "A"}}')
    (tmp_path / "state" / "room.candidate.json").write_text("{}")
    kept = box("show", *there, "--json")
    assert json.loads(kept.stdout) == {"site": {"name": "A"}}
    assert "the last good config" in kept.stderr
    assert "on trial just now" in kept.stderr


def test_one_that_is_damaged_is_passed_over_and_told(tmp_path: Path, there: list[str]) -> None:
    (tmp_path / "state" / "room.json").write_text("{")
    (tmp_path / "state" / "room.before-000003.json").write_text('{"site": {"name": "B"}}')
    done = box("show", *there, "--json")
    assert json.loads(done.stdout) == {"site": {"name": "B"}}
    assert "passed over" in done.stderr
    assert "the last one that can be used" in done.stderr
    for path in (tmp_path / "state").iterdir():
        path.unlink()
    (tmp_path / "room.toml").write_text("[")
    none = box("show", *there, "--json")
    assert json.loads(none.stdout) == {}
    assert "the built-in safe one" in none.stderr


def test_a_file_is_shown_as_it_would_run(tmp_path: Path, there: list[str]) -> None:
    assert "settle_s = 0.2" in box("show", str(tmp_path / "new.toml")).stdout
    wrong = box("show", str(tmp_path / "none.toml"))
    assert (wrong.returncode, wrong.stdout, len(wrong.stderr.splitlines())) == (1, "", 1)


def test_who_changed_what_here_is_told_newest_first(tmp_path: Path, there: list[str]) -> None:
    state = there[:2]
    empty = box("history_here", *state)
    assert (empty.returncode, len(empty.stderr.splitlines())) == (1, 1)
    paths = ("power.loads[codec].settle_s", "checks[a]", "checks[b]", "checks[c]")
    first = Record("i1", 4, "d", "rejected", "invalid", "a technician", "2026-01-02T03:04:05.000+00:00")
    second = Record("i2", 5, "d", "applied", None, "local: Lan", "2026-01-03T03:04:05.000+00:00", paths)
    db = AgentDb(tmp_path / "state" / "agent.db")
    db.start()
    try:
        assert "nobody has changed it" in box("history_here", *state).stderr
        db.keep(Keep(facts={"config": text_of(ConfigMemory(5, log=(first, second)))}))
        listed = json.loads(box("history_here", *state, "--json").stdout)
        shown = box("history_here", *state).stdout
    finally:
        db.close()
    assert [each["id"] for each in listed] == ["i2", "i1"]
    assert (listed[0]["changed"], listed[1]["reason"]) == (list(paths), "invalid")
    assert shown.index("local: Lan") < shown.index("technician")
    assert "(+1)" in shown


def test_the_real_agent_takes_it_without_a_broker(tmp_path: Path, site: Callable[..., Site]) -> None:
    running = site(None, [])
    (tmp_path / "new.toml").write_text(CHANGED)
    running.start()
    wait_for((running.folder / "state" / "agent.sock").exists, "the door is open")
    there = ["--state", str(running.folder / "state"), "--room", str(running.folder / "room.toml")]
    done = box("apply", str(tmp_path / "new.toml"), *there, "--yes", "--by", "Lan", "--json")
    assert done.returncode == 0, (done.stderr, running.log)
    assert json.loads(done.stdout)["state"] == "applied"
    kept = json.loads((running.folder / "state" / "room.json").read_text())
    assert kept["power"]["loads"][0]["settle_s"] == 0.2
    again = box("apply", str(tmp_path / "new.toml"), *there, "--yes", "--json")
    assert json.loads(again.stdout)["changes"] == []
    listed = json.loads(box("history_here", *there[:2], "--json").stdout)
    assert [(each["state"], each["by"], each["changed"]) for each in listed] == [
        ("applied", "local", []),
        ("applied", "local: Lan", ["power.loads[codec].settle_s"]),
    ]
