"""``diemcau board`` as a process, and the commands for its users."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from agent.adapters.mosquitto import Mosquitto
from agent.console.board_commands import board
from agent.console.board_user_commands import how_to_add
from agent.console.options import CENTRE
from agent.core.errors import AgentError, ConfigError, LinkError, StoreError
from tests.conftest import PATIENCE_S
from tests.console.board.access_bed import PASSWORD, Browser
from tests.console.test_cli import complaint, diemcau


@pytest.fixture
def database(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/centre.db"


@pytest.fixture
def user(database: str) -> Callable[..., Any]:
    """``diemcau board user …``: its exit code and what it printed, or the error that it raised."""

    def run(*arguments: str, typed: str | None = None) -> Any:
        result = CliRunner().invoke(
            board, ["user", *arguments, "--database", database], input=typed, standalone_mode=False
        )
        if result.exception is not None:
            raise result.exception
        return result

    return run


def listed(user: Callable[..., Any]) -> list[tuple[str, str]]:
    return [(each["name"], each["role"]) for each in json.loads(user("list", "--json").stdout)["users"]]


def test_users_come_change_and_go(user: Callable[..., Any], database: str, tmp_path: Path) -> None:
    with pytest.raises(AgentError, match="there is no database"):
        user("list")
    assert user("add", "Lan", "--role", "operator", "--password-file", "-", typed=f"{PASSWORD}\r\n").return_value == 0
    (tmp_path / "secret").write_text(f"\ufeff{PASSWORD}\nmore\n")
    assert user("add", "Nguyễn Hà", "--role", "viewer", "--password-file", str(tmp_path / "secret")).return_value == 0
    assert listed(user) == [("Lan", "operator"), ("Nguyễn Hà", "viewer")]
    assert "Nguyễn Hà" in user("list").stdout
    user("role", "LAN", "technician")
    user("password", "lan", "--password-file", "-", typed="another password\n")
    user("remove", "nguyễn hà")
    assert listed(user) == [("Lan", "technician")]
    user("remove", "Lan")
    assert f"no users yet: diemcau board user add NAME --role technician --database {database}" in user("list").stderr


def test_what_no_user_can_be_is_one_sentence(user: Callable[..., Any], tmp_path: Path) -> None:
    with pytest.raises(AgentError, match="at least 10"):
        user("add", "Lan", "--role", "viewer", "--password-file", "-", typed="short\n")
    with pytest.raises(AgentError, match="no blank at its ends"):
        user("add", " Lan", "--role", "viewer", "--password-file", "-", typed=PASSWORD)
    with pytest.raises(AgentError, match="there is no user Lan"):
        user("remove", "Lan")
    with pytest.raises(click.UsageError, match="admin"):
        user("add", "Lan", "--role", "admin")
    with pytest.raises(click.UsageError, match="--password-file"):
        user("add", "Lan", "--role", "viewer")  # no terminal
    (tmp_path / "secret").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(click.UsageError, match="UTF-8"):
        user("add", "Lan", "--role", "viewer", "--password-file", str(tmp_path / "secret"))
    assert listed(user) == []


def invoke(*arguments: str) -> Any:
    result = CliRunner().invoke(board, arguments, standalone_mode=False)
    assert result.exception is not None
    raise result.exception


def test_what_cannot_be_served_is_one_sentence(database: str, tmp_path: Path, broker: Mosquitto) -> None:
    here = ["--database", database, "--broker", broker.url]
    with pytest.raises(click.UsageError, match="needs TLS"):
        invoke("--listen", "0.0.0.0:0", *here)
    with pytest.raises(click.UsageError, match="should look like"):
        invoke("--listen", "a b:c", *here)
    with pytest.raises(click.UsageError, match="belong together"):
        invoke("--certificate", "x", *here)
    with pytest.raises(AgentError, match="cannot listen"):
        invoke("--listen", f"127.0.0.1:{broker.port}", *here)
    with pytest.raises(StoreError):
        invoke("--listen", "0", "--database", "sqlite:////proc/none/centre.db", "--broker", broker.url)
    with pytest.raises(StoreError):
        invoke("--listen", "0", "--database", "nonsense", "--broker", broker.url)
    with pytest.raises(ConfigError):
        invoke("--listen", "0", "--database", database, "--centre", str(tmp_path / "none.toml"))
    with pytest.raises(click.UsageError):
        invoke("--listen", "0", "--database", database, "--broker", "mqtt://board.example")


def test_a_broker_that_refuses_is_one_sentence(database: str, tmp_path: Path, mosquitto_program: str) -> None:
    broker = Mosquitto(tmp_path, extra="allow_anonymous false")
    broker.start()
    with pytest.raises(LinkError):
        invoke("--listen", "0", "--database", database, "--broker", broker.url)
    broker.close()


def test_wrong_use_and_trouble_have_their_exit_codes(database: str, broker: Mosquitto) -> None:
    wrong = diemcau("board", "--listen", "0.0.0.0:0", "--database", database, "--broker", broker.url)
    assert (wrong.returncode, "needs TLS" in complaint(wrong)) == (2, True)
    taken = diemcau("board", "--listen", str(broker.port), "--database", database, "--broker", broker.url)
    assert (taken.returncode, "hãy chọn cổng khác" in complaint(taken)) == (1, True)


Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Makes boards that run."""
    made: list[subprocess.Popen[str]] = []

    def run(*arguments: str) -> "subprocess.Popen[str]":
        argv = [sys.executable, "-m", "agent", "board", *arguments]
        errors = (tmp_path / "errors").open("ab")
        with errors:
            made.append(subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=errors, text=True))
        return made[-1]

    yield run
    for process in made:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order_though_somebody_looks(
    start: Start, broker: Mosquitto, database: str, tmp_path: Path, user: Callable[..., Any], number: signal.Signals
) -> None:
    user("add", "Lan", "--role", "viewer", "--password-file", "-", typed=PASSWORD)
    file = tmp_path / "centre.toml"
    file.write_text(f'database = "{database}"\n[broker]\nurl = "{broker.url}"\n[board]\nlisten = "127.0.0.1:0"\n')
    process = start("--centre", str(file), "--json")
    assert process.stdout is not None
    told = json.loads(process.stdout.readline())
    assert told["users"] == 1
    browser = Browser(told["url"])
    browser.sign_in("Lan")
    at = re.search(r'data-at="([^"]+)"', browser.get("/").text)
    assert at is not None
    with browser.client.stream("GET", f"/live?at={at[1]}") as stream:
        chunks = stream.iter_raw()
        next(chunks)
        os.kill(process.pid, number)
        for _ in chunks:
            pass  # to its end, and not to a broken connection
    assert process.wait(PATIENCE_S) == 0
    assert "Traceback" not in (tmp_path / "errors").read_text()
    browser.close()


def test_it_says_how_to_make_the_first_user(start: Start, broker: Mosquitto, database: str, tmp_path: Path) -> None:
    process = start("--broker", broker.url, "--database", database, "--listen", "0")
    assert process.stdout is not None
    assert "http://127.0.0.1:" in process.stdout.readline()
    process.terminate()
    assert process.wait(PATIENCE_S) == 0
    said = (tmp_path / "errors").read_text()
    assert f"diemcau board user add NAME --role technician --database {database}\n" in said


def test_what_it_says_can_be_typed_and_tells_no_password() -> None:
    add = "diemcau board user add NAME --role technician"
    assert how_to_add(None, CENTRE) == add
    assert how_to_add(None, "/srv/my centre.toml") == f"{add} --centre '/srv/my centre.toml'"
    url = "postgresql+psycopg://diemcau:{}@host/centre"
    assert how_to_add(url.format("secret"), "/srv/c.toml") == f"{add} --database '{url.format('***')}'"


@pytest.mark.parametrize(
    "words", [["list"], ["remove", "Lan"], ["role", "Lan", "viewer"], ["password", "Lan", "--password-file", "-"]]
)
def test_a_database_that_is_not_there_is_made_for_nobody_who_only_asks(
    user: Callable[..., Any], tmp_path: Path, words: list[str]
) -> None:
    with pytest.raises(StoreError, match="there is no database at"):
        user(*words, typed=PASSWORD)
    assert list(tmp_path.iterdir()) == []


def test_the_last_folder_is_made_and_no_path_of_them(user: Callable[..., Any], tmp_path: Path) -> None:
    words = ("add", "Lan", "--role", "viewer", "--password-file", "-")
    new = ["user", *words, "--database", f"sqlite:///{tmp_path}/new/centre.db"]
    assert CliRunner().invoke(board, new, input=PASSWORD, standalone_mode=False).exception is None
    assert (tmp_path / "new/centre.db").exists()
    with pytest.raises(StoreError, match=f"there is no folder {tmp_path}/nope"):
        invoke("user", *words, "--database", f"sqlite:///{tmp_path}/nope/x/y.db")
    assert not (tmp_path / "nope").exists()
