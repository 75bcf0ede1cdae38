"""``diemcau config history`` and ``get --revision``: from the centre's database, without a broker."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
import pytest

from agent.adapters.mosquitto import Mosquitto
from agent.console.config_group import Commands, config
from agent.console.config_history import joined
from agent.console.record import opened
from agent.console.recorder_configs import Told
from agent.console.store import Store
from agent.core.errors import ConfigError, StoreError
from tests.console.config_bed import run, sites_at
from tests.console.test_recorder_configs import push
from tests.console.test_store import AT, event

SITE = "nam-sach"
DETAIL = {"id": "a", "revision": 7, "digest": "d", "reason": None, "changed": ["site.name"]}


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/centre.db"


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    made = opened(url)
    made.configs.keep([push("a", 7), push("b", 8, 2.0, issued_by="An"), push("c", 9, 3.0)])
    later = AT + timedelta(seconds=30)
    made.write([event(1, kind="config.applied", at=later, detail=DETAIL),
                event(2, kind="config.rolled_back", detail={**DETAIL, "id": "b", "reason": "broker_lost"}),
                event(3, kind="config.applied", at=later, detail={**DETAIL, "id": "z", "revision": 10}),
                event(1, site="chi-linh", kind="config.applied", detail={"changed": 3})])  # fmt: skip
    yield made
    made.close()


def told(result: Any) -> list[dict[str, Any]]:
    assert result.exception is None, result.exception
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_who_changed_what_and_what_came_of_it(store: Store, url: str) -> None:
    rows = told(run("history", SITE, "--database", url, "--json"))
    found = {row["id"]: (row["by"], row["revision"], row["result"], row["reason"], row["changed"]) for row in rows}
    assert found == {
        "a": ("Lan", 7, "applied", None, ["site.name"]),
        "b": ("An", 8, "rolled_back", "broker_lost", ["site.name"]),
        "c": ("Lan", 9, "pushed", None, []),
        "z": ("button", 10, "applied", None, ["site.name"]),  # nobody at the centre pushed that
    }
    assert rows[0]["at"] == "2026-11-20T07:30:00.000Z"
    assert next(row["done_at"] for row in rows if row["id"] == "a") == "2026-11-20T07:30:30.000Z"
    shown = run("history", "--all", "--database", url).stdout
    for words in ("nam-sach", "chi-linh", "site.name", "rolled back"):
        assert words in shown


def test_a_site_of_which_nothing_is_recorded_is_told(store: Store, url: str) -> None:
    store.write([event(1, site="kinh-mon", kind="agent.restarted", detail={})])
    store.remember([(("kinh-mon", "e"), 1)])
    result = run("history", "namsach", "--database", url)
    assert result.return_value == 1
    assert "no such site is in the database: namsach; có phải là / did you mean nam-sach?" in result.stderr
    result = run("history", "kinh-mon", "--database", url)  # nobody has changed it yet
    assert (result.return_value, "no change is written down" in result.stderr) == (0, True)


def test_what_a_site_says_may_be_anything(store: Store) -> None:
    (record,) = joined(
        [], [Told("a", 1.0, "config.applied", None, {"id": 5, "revision": "x", "changed": {}, "reason": []})]
    )
    assert (record.id, record.revision, record.changed, record.reason, record.by) == (None, None, (), None, "?")


def test_a_group_is_looked_up_at_the_broker(store: Store, url: str, broker: Mosquitto) -> None:
    with sites_at(broker.port, {SITE: "good"}):
        rows = told(run("history", "--group", "Chí Linh", "--database", url, "--broker", broker.url, "--json"))
    assert {row["site"] for row in rows} == {SITE}


def test_the_config_of_a_revision(store: Store, url: str) -> None:
    result = run("get", SITE, "--revision", "8", "--database", url)
    assert result.return_value == 0
    assert 'name = "Nam Sách"' in result.stdout
    (row,) = told(run("get", SITE, "--revision", "8", "--database", url, "--json"))
    assert row["config"] == {"site": {"name": "Nam Sách"}}
    assert run("get", SITE, "--revision", "99", "--database", url).return_value == 1


def test_the_config_of_a_revision_that_a_terminal_would_obey_is_not_shown(store: Store, url: str) -> None:
    left = {"site": {"name": "\u009b2J"}}
    store.configs.keep([replace(push("d", 11), document=json.dumps(left))])
    for more in ([], ["--json"]):
        result = run("get", SITE, "--revision", "11", "--database", url, *more)
        assert isinstance(result.exception, ConfigError)
        assert "\u009b" not in result.output + str(result.exception)


def test_without_a_database_is_one_sentence_and_none_is_made(tmp_path: Path) -> None:
    for arguments in (["history", SITE], ["get", SITE, "--revision", "1"]):
        result = run(*arguments, "--database", f"sqlite:///{tmp_path}/none.db")
        assert isinstance(result.exception, StoreError)
        assert "--database" in str(result.exception)
    assert not (tmp_path / "none.db").exists()
    assert isinstance(run("history").exception, click.UsageError)


def test_every_command_of_the_group_is_there_and_explains_itself() -> None:
    assert isinstance(config, Commands)
    for name in config.list_commands(click.Context(config)):
        result = run(name, "--help")
        assert result.exception is None
        assert f"config {name}" in result.stdout


def test_a_command_of_the_box_loads_nothing_of_the_database() -> None:
    for name in ("show", "push", "get"):
        program = (
            f"import sys; from agent.__main__ import cli; cli(['config', '{name}', '--help'], standalone_mode=False); "
        )
        program += "sys.exit('sqlalchemy' in sys.modules)"
        assert subprocess.run([sys.executable, "-c", program], capture_output=True, check=False).returncode == 0, name
