"""``diemcau config`` get, diff, check and schema against a real broker and sites made of a few lines."""

import json
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import pytest

from agent.adapters.mosquitto import Mosquitto
from agent.console.config_link import Desk, Heard
from agent.console.config_plan import Order, Terms, plan, push_of
from agent.console.config_sites import SiteConfig, heard
from agent.console.config_targets import chosen, is_in, wanted
from agent.console.config_view import toml
from agent.console.sites import SiteView
from agent.core.config_document import digest
from agent.core.config_schema import schema, schema_digest
from agent.core.errors import ConfigError, LinkError
from agent.core.identity import BrokerSection
from agent.core.wire import compact
from tests.conftest import PATIENCE_S, wait_for
from tests.console.config_bed import COMMON, ROOM, FakeSite, rows_of, run, sites_at


def written(folder: Path, text: str, name: str = "room.toml") -> str:
    path = folder / name
    path.write_text(text)
    return str(path)


def test_the_schema_is_printed_for_an_editor() -> None:
    assert json.loads(run("schema").stdout) == schema()


def test_the_schema_is_written_to_a_file(tmp_path: Path) -> None:
    file = written(tmp_path, "another one", "room.schema.json")
    result = run("schema", file)
    assert (result.return_value, result.stdout) == (0, "")
    assert json.loads(Path(file).read_text(encoding="utf-8")) == schema()
    assert isinstance(run("schema", str(tmp_path / "none" / "x")).exception, OSError)


def test_check_tells_every_mistake_at_once_with_its_place(tmp_path: Path) -> None:
    text = '[power]\nrestor = "on"\n[[power.loads]]\nname = "codec"\npin = 99\n[camera]\ncheck = "none"\n'
    file = written(tmp_path, text)
    result = run("check", file)
    assert result.return_value == 1
    for words in ("power.restor", "did you mean restore?", "power.loads[0].pin", "camera.check"):
        assert words in result.stderr
    document = json.loads(run("check", file, "--json").stdout)
    assert not document["valid"]
    assert {"path": "power.restor", "message": "this key does not exist", "suggestion": "did you mean restore?"} in (
        document["errors"]
    )
    assert len(document["errors"]) == 3


def test_a_good_file_is_one_in_toml_in_json_and_from_standard_input(tmp_path: Path) -> None:
    for arguments, stdin in (
        ((written(tmp_path, "[headcount]\nwindow_s = 60\n"),), ""),
        ((written(tmp_path, '{"headcount": {"window_s": 60}}', "room.json"),), ""),
        (("-",), '{"headcount": {"window_s": 60}}'),
    ):
        assert run("check", *arguments, stdin=stdin).return_value == 0
    assert run("check", str(tmp_path / "none.toml")).return_value == 1
    assert run("check", "-", stdin="[1]").return_value == 1


def test_get_gives_a_file_that_is_the_same_config_again(broker: Mosquitto, tmp_path: Path) -> None:
    with sites_at(broker.port, {"nam-sach": "good"}):
        result = run("get", "nam-sach", "--broker", broker.url)
        assert result.return_value == 0
        assert result.stdout.startswith("#:schema ./room.schema.json\n# nam-sach")
        assert "revision 3 (push · Lan)" in result.stdout
        assert tomllib.loads(result.stdout) == ROOM
        file = written(tmp_path, result.stdout)
        assert rows_of(run("diff", "nam-sach", file, "--broker", broker.url, "--json"))["nam-sach"]["changes"] == []
        row = rows_of(run("get", "nam-sach", "--json", "--broker", broker.url))["nam-sach"]
    assert (row["revision"], row["config"]) == (3, ROOM)


def test_get_of_what_is_desired(broker: Mosquitto) -> None:
    with sites_at(broker.port, {"nam-sach": "silent"}) as sites:
        result = run("get", "nam-sach", "--desired", "--broker", broker.url)
        assert result.return_value == 1
        assert "nothing is stored" in result.stderr
        update = {"id": "u", "revision": 9, "issued_by": "Lan", "issued_at": COMMON["at"], "config": {"site": {}}}
        sites["nam-sach"].say("config/desired", **update).wait_for_publish(PATIENCE_S)
        row = rows_of(run("get", "--all", "--desired", "--json", "--broker", broker.url))["nam-sach"]
        assert (row["revision"], row["config"]) == (9, {"site": {}})


def test_a_site_that_nobody_knows_is_one_sentence_with_the_one_that_was_meant(broker: Mosquitto) -> None:
    with sites_at(broker.port, {"chi-linh": "good", "nam-sach": "good"}):
        for command, stdin in (("get", ""), ("diff", "{}")):
            arguments = (command, "chilinh", *(["-"] if stdin else []), "--broker", broker.url)
            result = run(*arguments, stdin=stdin)
            assert (result.return_value, result.stdout) == (1, "")
            assert result.stderr.count("\n") == 1
            assert "no such site is known: chilinh; có phải là / did you mean chi-linh?" in result.stderr
        row = rows_of(run("get", "zzz", "--json", "--broker", broker.url))["zzz"]
    assert row == {"site": "zzz", "presence": "unknown", "config_state": None, "config": None}


def test_get_says_where_what_runs_may_not_stay_or_not_be_so_any_more(broker: Mosquitto) -> None:
    with sites_at(broker.port, {"nam-sach": "silent"}) as sites:
        sites["nam-sach"].report("pending_confirm", {"id": "u", "revision": 4, "config": ROOM}, checks_worse=[])
        sites["nam-sach"].status("lost")
        result = run("get", "nam-sach", "--broker", broker.url)
        row = rows_of(run("get", "nam-sach", "--json", "--broker", broker.url))["nam-sach"]
    assert (result.return_value, tomllib.loads(result.stdout)) == (0, ROOM)
    for words in ("on trial, may go back", "mất kết nối / lost: "):
        assert sum(words in line for line in result.stdout.splitlines() if line.startswith("# ")) == 1
        assert words in result.stderr
    assert (row["presence"], row["config_state"]) == ("lost", "pending_confirm")


@pytest.mark.parametrize("mark", ["\u009b", "\u202e"])
def test_get_prints_nothing_that_a_terminal_obeys(broker: Mosquitto, mark: str) -> None:
    site = FakeSite(broker.port, "nam-sach", "silent", {"site": {"name": f"Nam{mark}2J"}})
    try:
        update = {"id": "u", "revision": 9, "issued_by": "Lan", "issued_at": COMMON["at"], "config": site.room}
        site.say("config/desired", **update).wait_for_publish(PATIENCE_S)
        for more in ([], ["--json"], ["--desired"], ["--desired", "--json"]):
            result = run("get", "nam-sach", "--broker", broker.url, *more)
            assert result.return_value == 1
            assert mark not in result.output
    finally:
        site.close()


def test_diff_shows_sites_with_the_same_changes_together(broker: Mosquitto, tmp_path: Path) -> None:
    file = written(tmp_path, "[headcount]\nwindow_s = 60\n")
    with sites_at(broker.port, {"chi-linh": "good", "nam-sach": "good"}):
        result = run("diff", "--all", file, "--merge", "--broker", broker.url)
        assert result.return_value == 0
        assert "2 điểm cầu / sites: chi-linh, nam-sach" in result.stdout
        assert result.stdout.count("headcount.window_s") == 1
        row = rows_of(run("diff", "chi-linh", file, "--broker", broker.url, "--json"))["chi-linh"]
    paths = [each["path"] for each in row["changes"]]
    assert paths == ["site.path", "headcount.window_s"]  # without --merge the file is the whole config


def test_diff_tells_what_a_site_would_refuse(broker: Mosquitto, tmp_path: Path) -> None:
    file = written(tmp_path, "[headcount]\nwindow_s = 0\n")
    with sites_at(broker.port, {"chi-linh": "good"}):
        result = run("diff", "chi-linh", file, "--merge", "--broker", broker.url)
    assert result.return_value == 1
    assert "headcount.window_s" in result.stderr


def test_a_site_of_another_version_is_told_of(broker: Mosquitto, tmp_path: Path) -> None:
    file = written(tmp_path, "[headcount]\nwindow_s = 60\n")
    for number, said, is_told in ((1, "f" * 64, True), (2, schema_digest(), False)):
        site = FakeSite(broker.port, f"site-{number}", config_schema_digest=said)
        result = run("diff", f"site-{number}", file, "--broker", broker.url)
        site.close()
        assert ("another version" in result.stderr) is is_told


def test_where_no_broker_is_one_sentence_says_so() -> None:
    result = run("get", "--all", "--broker", "mqtt://127.0.0.1:1")
    assert isinstance(result.exception, LinkError)


@pytest.mark.parametrize(
    "arguments",
    [
        ["get"],
        ["get", "--all", "nam-sach"],
        ["get", "--all", "--group", "x"],
        ["get", "Nam/Sach"],
        ["get", "nam-sach", "--desired", "--revision", "1"],
        ["get", "nam-sach", "--toml", "--json"],
        ["diff", "--all"],
        ["diff", "room.toml"],
        ["push", "--all"],
        ["push", "nam-sach", "room.toml", "--confirm-within", "0"],
    ],
)
def test_wrong_use_is_a_sentence_before_anything_is_done(arguments: list[str]) -> None:
    result = run(*arguments, "--broker", "mqtt://127.0.0.1:1")
    assert isinstance(result.exception, click.UsageError)


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        ("Hải Dương", True),
        ("hải dương", True),
        ("Ha\u0309i D\u01b0o\u031bng", True),  # its accents in several pieces
        ("Chí Linh", True),
        ("Hải Dương/Chí Linh", True),
        ("Hải Dương / Chí Linh / ", True),
        ("Chí Linh/Hải Dương", False),
        ("Hải", False),
        ("Hải Dương/Chí Linh/Phường 1", False),
        ("", False),
        ("/", False),
    ],
)
def test_a_group_is_an_element_of_the_path_or_its_beginning(group: str, expected: bool) -> None:
    assert is_in(("Hải Dương", "Chí Linh"), group) is expected


def known(site: str, *path: str) -> SiteConfig:
    about = {**COMMON, "name": "", "path": list(path), "timezone": "UTC", "version": "1"}
    return heard(SiteConfig(SiteView(site)), "about", compact(about).encode())


def test_a_group_that_is_nobodys_names_those_that_there_are() -> None:
    there = {each.site: each for each in (known("a", "Hải Dương"), known("b", "Hà Nội", "Ba Đình"))}
    assert chosen(there, (), False, "hà nội") == ("b",)
    assert chosen(there, (), True, None) == ("a", "b")
    assert chosen(there, wanted(("x", "x"), False, None), False, None) == ("x",)
    with pytest.raises(click.UsageError, match="'Ba Đình', 'Hà Nội', 'Hải Dương'"):
        chosen(there, (), False, "Hue")
    with pytest.raises(click.UsageError, match="no site says where"):
        chosen({}, (), False, "Hue")


def test_what_toml_cannot_say_is_a_sentence() -> None:
    with pytest.raises(ConfigError, match="--json"):
        toml({"site": None}, "nam-sach")


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b'{"config": 1}', b"\xff", b"null"])
def test_what_cannot_be_read_changes_nothing_that_is_known(raw: bytes) -> None:
    before: Any = known("a", "Hải Dương")
    for name in ("config/reported", "config/running", "power", "config/confirm"):
        after = heard(before, name, raw)
        assert (after.running, after.reported) == (None, None)
    assert heard(before, "config/desired", raw).next_revision == 1


def standing(state: str, update: dict[str, Any], running: dict[str, Any], reason: str | None = None) -> SiteConfig:
    """A site that is there, runs a config, and says this of an update."""
    said = {**COMMON, "id": "u", "revision": 4, "effective_digest": "e", "digest": digest(update), "state": state}
    runs = {**COMMON, "revision": 3, "digest": "d", "effective_digest": "e", "source": "push", "config": running}
    status = {**COMMON, "state": "running", "connection": 1, "boot_id": "b", "version": "1"}
    site = known("a", "Hải Dương")
    for name, payload in (("status", status), ("config/running", runs), ("config/reported", said | {"reason": reason})):
        site = heard(site, name, compact(payload).encode())
    return site


OTHER: dict[str, Any] = {"headcount": {"window_s": 60}}
THIRD: dict[str, Any] = {"headcount": {"window_s": 45}}


@pytest.mark.parametrize(
    ("state", "reason", "running", "wanted_", "is_patch", "outcome"),
    [
        # the candidate runs already, and may go back
        ("pending_confirm", None, OTHER, OTHER, False, "not_started"),
        ("applying", None, OTHER, OTHER, False, "not_started"),
        ("deferred", "going_back: room_on", OTHER, OTHER, False, "not_started"),
        ("pending_confirm", None, OTHER, THIRD, True, "not_started"),
        ("pending_confirm", None, OTHER, THIRD, False, None),  # its base is named: refused there if it goes back
        # one that only waits
        ("deferred", "room_on", ROOM, OTHER, False, "not_started"),
        ("deferred", "room_on", ROOM, ROOM, False, None),
        ("deferred", "switching", ROOM, THIRD, True, None),
        # it has come to its end
        ("applied", None, OTHER, OTHER, False, "unchanged"),
        ("rolled_back", "not_confirmed", ROOM, OTHER, False, None),
        ("rejected", "invalid", ROOM, ROOM, True, "unchanged"),
    ],
)
def test_while_another_update_is_under_way_there_nothing_is_said_to_run_for_good(
    state: str, reason: str | None, running: Any, wanted_: Any, is_patch: bool, outcome: str | None
) -> None:
    found = plan(standing(state, OTHER, running, reason), Order(wanted_, is_patch, "room.json"))
    assert found.outcome == outcome
    assert (found.reason == "under_way") is (outcome == "not_started")
    assert (found.overtakes is not None) is (outcome is None and state in ("pending_confirm", "deferred"))


@pytest.mark.parametrize(
    ("id_", "state", "confirm_within_s", "expected"),
    [
        ("u", "applied", 120, True),
        ("u", "pending_confirm", 120, False),
        ("u", "rolled_back", 120, False),
        ("v", "applied", 120, False),  # what a push that was killed has left
        ("v", "applied", 0, True),
    ],
)
def test_what_is_stored_is_put_back_only_where_it_was_to_stay(
    id_: str, state: str, confirm_within_s: float, expected: bool
) -> None:
    update = {"id": id_, "revision": 4, "issued_by": "Lan", "issued_at": COMMON["at"], "config": OTHER}
    raw = compact({**update, "confirm_within_s": confirm_within_s}).encode()
    site = heard(standing(state, OTHER, ROOM), "config/desired", raw)
    terms = Terms("An", datetime(2012, 11, 20, tzinfo=UTC), 120)
    made = push_of(plan(site, Order(THIRD, False, "room.json")), terms, "w")
    assert (made.stored, made.before) == (raw, raw if expected else b"")


def test_what_is_on_trial_there_is_told_by_diff_and_push(broker: Mosquitto) -> None:
    with sites_at(broker.port, {"nam-sach": "silent"}) as sites:
        trial = {"id": "u", "revision": 4, "config": ROOM}
        sites["nam-sach"].report("pending_confirm", trial, checks_worse=[])
        # said once, of another one: it is not what the site is doing
        once = {**COMMON, "id": "v", "revision": 3, "digest": "d", "effective_digest": "e", "state": "rejected"}
        desk = Desk(BrokerSection(url=broker.url), ["nam-sach"])
        desk.start()
        try:
            desk.learn()
            sites["nam-sach"].say_once("config/reported", **once)
            wait_for(lambda: isinstance(said := desk.next(0.1), Heard) and b'"v"' in said.raw, "it has come")
            assert desk.known["nam-sach"].is_on_trial
        finally:
            desk.close()
        arguments = ("nam-sach", "-", "--merge", "--json", "--broker", broker.url)
        row = rows_of(result := run("push", "--yes", *arguments, stdin='{"headcount": {"window_s": 60}}'))["nam-sach"]
        assert (row["state"], row["reason"], result.return_value) == ("not_started", "under_way", 1)
        assert sites["nam-sach"].desired == []
        result = run("diff", *(each for each in arguments if each != "--json"), stdin='{"headcount": {}}')
        assert "another change is being tried there" in result.stderr
