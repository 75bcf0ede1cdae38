"""The command line: one clear sentence and the right exit code."""

import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import urllib.parse
import urllib.request
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from agent.adapters.mosquitto import Mosquitto, free_port
from agent.console.demo_sites import CUT_OFF, DARK, DEAF, FORGOTTEN
from tests.conftest import wait_for


def diemcau(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "agent", *arguments],
        capture_output=True, text=True, timeout=120, check=False, stdin=subprocess.DEVNULL,
        env={**os.environ, **environment},
    )  # fmt: skip


def complaint(result: "subprocess.CompletedProcess[str]") -> str:
    """The one sentence on standard error."""
    assert "Traceback" not in result.stderr
    assert result.stdout == ""
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, result.stderr
    return lines[0]


@pytest.mark.parametrize("command", [[], ["run"], ["eye"], ["count"], ["demo"], ["watch"], ["recount"], ["aim"]])
def test_every_command_explains_itself(command: list[str]) -> None:
    result = diemcau(*command, "--help")
    assert result.returncode == 0
    assert "Usage: diemcau" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["run", "--no-such-flag"], 78),
        (["run", "--state"], 78),
        (["count"], 2),
        (["count", "x.jpg", "--fps", "often"], 2),
        (["demo", "--sites", "0"], 2),
        (["no-such-command"], 2),
    ],
)
def test_wrong_use_has_its_own_exit_code(arguments: list[str], code: int) -> None:
    result = diemcau(*arguments)
    assert result.returncode == code
    assert "--help" in complaint(result)


@pytest.mark.parametrize("wrong", ["--nope", "--spee", "--speedy"])
def test_what_is_hidden_is_proposed_to_nobody(wrong: str) -> None:
    result = diemcau("run", wrong)
    assert result.returncode == 78
    assert wrong in complaint(result)
    assert "'--speed'" not in result.stderr
    assert "'--state'" in diemcau("run", "--stat").stderr
    assert "'--speed'" in diemcau("demo", "--spee").stderr  # there it is for everybody


@pytest.mark.parametrize(
    ("arguments", "code", "first"),
    [
        (["drill", "--nope"], 2, "lệnh chưa đúng: không có tuỳ chọn --nope, xem `diemcau drill --help`"),
        (
            ["power", "nam-sach", "up"],
            2,
            "lệnh chưa đúng: {on|off} phải là một trong 'on', 'off', xem `diemcau power --help`",
        ),
        (
            ["drill", "--within", "0"],
            2,
            "lệnh chưa đúng: --within phải trong khoảng 1<=x<=300, xem `diemcau drill --help`",
        ),
        (["no-such-command"], 2, "lệnh chưa đúng: không có lệnh no-such-command, xem `diemcau --help`"),
        (["run", "--nope"], 78, "lệnh chưa đúng: không có tuỳ chọn --nope, xem `diemcau run --help`"),
        (["watch", "--broker", "http://x"], 2, "lệnh chưa đúng, xem `diemcau watch --help`"),
        (["watch", "--centre", "/no/such/file"], 1, "tệp cấu hình chưa đúng"),
        (
            ["drill", "--broker", "mqtt://127.0.0.1:1"],
            1,
            "máy chủ 127.0.0.1:1 từ chối kết nối: khởi động máy chủ hoặc sửa địa chỉ",
        ),
        (["count", "/no/such/picture", "--zones", "/no/such/file"], 1, "tệp cấu hình chưa đúng"),
    ],
)
def test_an_error_is_vietnamese_first_and_english_beside_it(arguments: list[str], code: int, first: str) -> None:
    result = diemcau(*arguments)
    assert result.returncode == code
    vietnamese, slash, english = complaint(result).partition(" / ")
    assert vietnamese == f"diemcau: {first}"
    assert slash
    assert english.isascii()


def test_watch_without_a_broker_says_so() -> None:
    result = diemcau("watch", "--broker", f"mqtt://127.0.0.1:{free_port()}")
    assert result.returncode == 1
    assert "start it, or correct the address" in complaint(result)


def test_watch_refuses_plain_text_to_another_machine() -> None:
    result = diemcau("watch", "--broker", "mqtt://broker.example:1883")
    assert result.returncode == 2
    assert "use mqtts://broker.example:8883" in complaint(result)


def test_watch_without_its_file_says_what_to_do(tmp_path: Path) -> None:
    result = diemcau("watch", "--centre", str(tmp_path / "centre.toml"))
    assert result.returncode == 1
    assert "create it, or name another one" in complaint(result)


def test_a_refusing_broker_is_one_sentence_for_watch(tmp_path: Path, mosquitto_program: str) -> None:
    (tmp_path / "passwords").write_text("")
    strict = Mosquitto(tmp_path, extra=f"allow_anonymous false\npassword_file {tmp_path / 'passwords'}")
    try:
        strict.start()
        result = diemcau("watch", "--broker", strict.url)
    finally:
        strict.close()
    assert result.returncode == 1
    assert "refuses this user" in complaint(result)


def test_demo_without_mosquitto_says_what_to_install(tmp_path: Path) -> None:
    code = "import agent.adapters.mosquitto as m, agent.__main__ as a; m.SYSTEM_FOLDERS = ''; a.main(['demo'])"
    result = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True, text=True, check=False, env={**os.environ, "PATH": str(tmp_path)},
    )  # fmt: skip
    assert result.returncode == 1
    assert "apt-get install mosquitto" in complaint(result)


def test_demo_on_a_port_in_use_says_so(mosquitto_program: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        result = diemcau("demo", "--sites", "1", "--port", str(taken.getsockname()[1]))
    assert result.returncode == 1
    assert "is in use" in complaint(result)


def test_a_script_with_mistakes_ends_a_simulation_with_all_of_them(tmp_path: Path) -> None:
    script = tmp_path / "script.toml"
    script.write_text('sed = 1\n[[cues]]\nat_s = 1\ndo = "pres"\n')
    result = diemcau("run", "--state", str(tmp_path), "--config", str(tmp_path / "none"), "--simulate", str(script))
    assert result.returncode == 1
    assert "did you mean seed?" in result.stderr
    assert "did you mean press?" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_demo_without_the_centres_packages_runs_without_a_page_and_says_what_to_do(
    tmp_path: Path, mosquitto_program: str
) -> None:
    code = (
        "import sys, agent.__main__ as a; sys.modules['starlette.applications'] = None; sys.exit(a.main(sys.argv[1:]))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, "demo", "--sites", "1", "--speed", "10", "--for", "2", "--json"],
        capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )  # fmt: skip
    assert result.returncode == 0
    assert "Traceback" not in result.stderr
    assert "./install.sh --demo" in result.stderr.splitlines()[0]
    assert "open: http" not in result.stderr


class Page:
    """The board of a demo, as a browser would use it."""

    def __init__(self, address: str) -> None:
        self.address = address

    def read(self, path: str = "") -> str:
        with urllib.request.urlopen(self.address + path, timeout=20) as answer:
            return str(answer.read().decode())

    def press(self, site: str) -> None:
        found = re.search(r'name="csrf" value="([^"]+)"', self.read())
        assert found is not None
        form = urllib.parse.urlencode({"csrf": found[1], "hold": "0"}).encode()
        with urllib.request.urlopen(f"{self.address}demo/{site}/press", form, timeout=20):
            pass


def test_a_small_demo_follows_the_truth_shows_it_and_leaves_nothing_behind(
    tmp_path: Path, mosquitto_program: str
) -> None:
    demo = subprocess.Popen(
        [sys.executable, "-m", "agent", "demo", "--sites", "6", "--speed", "10", "--for", "36", "--json"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )  # fmt: skip
    assert demo.stderr is not None
    address = re.search(r"open: (http://127\.0\.0\.1:\d+/)", demo.stderr.readline())
    assert address is not None
    page = Page(address[1])
    wait_for(lambda: "Thành phố Hải Dương" in page.read(), "the page shows a room")
    page.press(FORGOTTEN)  # nobody else does for a long time
    (database,) = tmp_path.glob("diemcau-demo-*/centre.db")
    wait_for(lambda: rows_in(database), "the recorder writes")
    family = psutil.Process(demo.pid).children(recursive=True)
    (recorder,) = [one for one in family if "record" in one.cmdline()]
    recorder.kill()
    out, told = demo.communicate(timeout=120)
    assert demo.returncode == 0
    assert told.count("diemcau record ended with code -9") == 1
    lines = [json.loads(line) for line in out.splitlines()]
    last = {line["site"]: line for line in lines}
    assert set(last) == {"ubnd-tinh", "hai-duong", CUT_OFF, DEAF, DARK, FORGOTTEN}
    for line in (last["ubnd-tinh"], last["hai-duong"], last[FORGOTTEN]):
        assert line["power"] == "on"
        assert line["detector"] == "simulated"
        assert abs(line["value"] - line["truth"]) <= 0.1 * line["truth"] + 1
        assert line["summoned"] >= line["truth"]
    assert any(line["site"] == DEAF and "microphone" in {each["name"] for each in line["needs"]} for line in lines)
    assert any(line["site"] == DARK and line["reason"] == "dark" for line in lines)
    assert list(tmp_path.iterdir()) == []


def rows_in(database: Path) -> int:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as db:
        return int(db.execute("select count(*) from history_row").fetchone()[0])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_demo_that_is_ended_leaves_no_process(tmp_path: Path, mosquitto_program: str, number: int) -> None:
    demo = subprocess.Popen(
        [sys.executable, "-m", "agent", "demo", "--sites", "2", "--speed", "10", "--json"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )  # fmt: skip
    assert demo.stdout is not None
    demo.stdout.readline()
    family = psutil.Process(demo.pid).children(recursive=True)
    assert len(family) >= 3  # a broker and two agents
    demo.send_signal(number)
    demo.communicate(timeout=60)
    gone = lambda one: not one.is_running() or one.status() == psutil.STATUS_ZOMBIE  # noqa: E731
    wait_for(lambda: all(gone(one) for one in family), "nobody is left")
    if number != signal.SIGKILL:
        assert demo.returncode == 0
        assert list(tmp_path.iterdir()) == []
