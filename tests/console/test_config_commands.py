"""``diemcau config`` get, diff, check and schema against a real broker and sites made of a few lines."""

import json
import tomllib
from pathlib import Path
from typing import Any

import click
import pytest

from agent.adapters.mosquitto import Mosquitto
from agent.console.config_sites import SiteConfig, heard
from agent.console.config_targets import chosen, is_in, wanted
from agent.console.config_view import toml
from agent.console.sites import SiteView
from agent.core.config_schema import schema, schema_digest
from agent.core.errors import ConfigError, LinkError
from agent.core.wire import compact
from tests.conftest import PATIENCE_S
from tests.console.config_bed import COMMON, ROOM, FakeSite, rows_of, run, sites_at


def written(folder: Path, text: str, name: str = "room.toml") -> str:
    path = folder / name
    path.write_text(text)
    return str(path)


def test_the_schema_is_printed_for_an_editor() -> None:
    assert json.loads(run("schema").stdout) == schema()


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


def test_get_of_what_is_desired_and_of_a_site_that_nobody_knows(broker: Mosquitto) -> None:
    with sites_at(broker.port, {"nam-sach": "silent"}) as sites:
        result = run("get", "nam-sach", "--desired", "--broker", broker.url)
        assert result.return_value == 1
        assert "nothing is stored" in result.stderr
        update = {"id": "u", "revision": 9, "issued_by": "Lan", "issued_at": COMMON["at"], "config": {"site": {}}}
        sites["nam-sach"].say("config/desired", **update).wait_for_publish(PATIENCE_S)
        row = rows_of(run("get", "--all", "--desired", "--json", "--broker", broker.url))["nam-sach"]
        assert (row["revision"], row["config"]) == (9, {"site": {}})
        assert run("get", "kinh-mon", "--broker", broker.url).return_value == 1


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
    for number, digest, is_told in ((1, "f" * 64, True), (2, schema_digest(), False)):
        site = FakeSite(broker.port, f"site-{number}", config_schema_digest=digest)
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
    with pytest.raises(click.UsageError, match="Ba Đình, Hà Nội, Hải Dương"):
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
