"""Whatever is broken, there is always a config to run."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from agent.adapters.config_store import LAST_GOOD, in_safety, load_centre, load_identity, load_room
from agent.adapters.generations import Generations
from agent.adapters.room_reading import read_room
from agent.core.config import RoomConfig
from agent.core.config_document import digest
from agent.core.errors import ConfigError
from agent.core.events import FoundConfig

GOOD = '[site]\nname = "Huyện Nam Sách"\n'


def test_the_first_start_takes_the_room_file_and_keeps_it(tmp_path: Path) -> None:
    (tmp_path / "room.toml").write_text(GOOD, encoding="utf-8")
    state = tmp_path / "state"
    assert load_room(state, tmp_path / "room.toml").config.site.name == "Huyện Nam Sách"
    (tmp_path / "room.toml").unlink()
    again = load_room(state, tmp_path / "room.toml")
    assert again.config.site.name == "Huyện Nam Sách"
    assert again.problems == ()


def test_later_starts_do_not_look_at_the_room_file(tmp_path: Path) -> None:
    (tmp_path / "room.toml").write_text(GOOD, encoding="utf-8")
    load_room(tmp_path, tmp_path / "room.toml")
    (tmp_path / "room.toml").write_text('[site]\nname = "other"\n')
    assert load_room(tmp_path, tmp_path / "room.toml").config.site.name == "Huyện Nam Sách"


def test_without_any_file_the_safe_one_runs(tmp_path: Path) -> None:
    loaded = load_room(tmp_path, None)
    assert loaded.config == RoomConfig()
    assert loaded.problems == ()
    assert loaded.config.power.loads == ()


def test_a_broken_room_file_gives_the_safe_one_and_all_problems(tmp_path: Path) -> None:
    (tmp_path / "room.toml").write_text('[sit]\n[power]\nrestore = "lst"\n')
    loaded = load_room(tmp_path, tmp_path / "room.toml")
    assert loaded.config == RoomConfig()
    said = " ".join(map(str, loaded.problems))
    assert "did you mean site?" in said
    assert "did you mean last?" in said
    assert "room.toml" in said
    assert not (tmp_path / LAST_GOOD).exists()


def test_a_damaged_last_good_one_is_named_and_the_room_file_takes_its_place(tmp_path: Path) -> None:
    (tmp_path / "room.toml").write_text(GOOD, encoding="utf-8")
    (tmp_path / LAST_GOOD).write_text('{"site": ')
    loaded = load_room(tmp_path, tmp_path / "room.toml")
    assert loaded.config.site.name == "Huyện Nam Sách"
    assert LAST_GOOD in str(loaded.problems[0])


def test_a_damaged_last_good_one_is_kept_and_told_at_every_start(tmp_path: Path) -> None:
    (tmp_path / "room.toml").write_text(GOOD, encoding="utf-8")
    (tmp_path / LAST_GOOD).write_text('{"site": ')
    for _ in range(2):
        assert load_room(tmp_path, tmp_path / "room.toml").problems
    assert (tmp_path / LAST_GOOD).read_text() == '{"site": '


@pytest.mark.parametrize(
    ("text", "spared"),
    [
        ('[sit]\n[[power.loads]]\nname = "a"\npin = 27\n', {27}),
        ("[[power.loads]]\nname = \n", set(range(28))),
    ],
)
def test_the_safe_config_touches_no_pin_that_a_broken_file_may_have_a_load_on(
    tmp_path: Path, text: str, spared: set[int]
) -> None:
    (tmp_path / "room.toml").write_text(text)
    assert load_room(tmp_path, tmp_path / "room.toml").spared_pins == spared


def test_a_state_folder_that_cannot_be_written_is_a_problem_not_an_end(tmp_path: Path) -> None:
    (tmp_path / "room.toml").write_text(GOOD, encoding="utf-8")
    (tmp_path / "file").write_text("")
    loaded = load_room(tmp_path / "file", tmp_path / "room.toml")
    assert loaded.config.site.name == "Huyện Nam Sách"
    assert "cannot be kept" in str(loaded.problems[0])


@pytest.mark.parametrize("load", [load_identity, load_centre])
def test_a_missing_file_says_what_to_do(tmp_path: Path, load: "object") -> None:
    with pytest.raises(ConfigError, match="create it, or name another one"):
        load(tmp_path / "nobody.toml")  # type: ignore[operator]


def test_a_file_that_is_no_text_is_refused_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "agent.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match=r"agent\.toml"):
        load_identity(tmp_path / "agent.toml")


def test_a_kept_config_that_a_later_rule_finds_fault_with_runs_as_before(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    twice = {"site": {"name": "x"}, "checks": [{"name": name, "kind": "ping", "address": "h"} for name in ("a", "a")]}
    (tmp_path / LAST_GOOD).write_text(json.dumps(twice))
    loaded = load_room(tmp_path, None)
    assert (len(loaded.config.checks), loaded.problems) == (2, ())
    assert "check a is already used at checks[0].name; it runs as it did before" in caplog.text
    read = read_room(tmp_path, None)
    assert (read.config, read.problems, len(read.doubts)) == (loaded.config, (), 1)
    (tmp_path / LAST_GOOD).write_text(json.dumps({**twice, "checks": [{"name": "a"}]}))
    assert load_room(tmp_path, None).problems


@pytest.mark.parametrize(
    ("content", "words"), [(None, "this is a folder: name a file"), (b"\xff\xfe", "not UTF-8 text")]
)
def test_a_folder_and_what_is_no_text_are_told_in_words(tmp_path: Path, content: bytes | None, words: str) -> None:
    path = tmp_path / "room.toml"
    path.mkdir() if content is None else path.write_bytes(content)
    assert words in str(load_room(tmp_path / "state", path).problems[0])


def test_the_file_of_a_first_start_is_kept_as_it_was_written(tmp_path: Path) -> None:
    (tmp_path / "room.toml").write_text(GOOD + "[power.button]\nhold_s = 2\n", encoding="utf-8")
    written = {"site": {"name": "Huyện Nam Sách"}, "power": {"button": {"hold_s": 2}}}
    for source in ("file", "kept"):
        found = load_room(tmp_path, tmp_path / "room.toml").found
        assert (found.document, found.source) == (written, source)
    kept = json.loads((tmp_path / LAST_GOOD).read_text(encoding="utf-8"))
    assert digest(kept) == digest(written)


@pytest.mark.parametrize("damaged", [b"", b'{"site": {"na', b"\0" * 50, b"\xff\xfe{}", b'{"sit": {}}', None])
def test_a_damaged_last_good_one_gives_the_generation_before(tmp_path: Path, damaged: bytes | None) -> None:
    (tmp_path / "room.toml").write_text(GOOD, encoding="utf-8")
    for name in ("a", "b", "c"):
        Generations(tmp_path).promote({"site": {"name": name}})
    if damaged is None:
        (tmp_path / LAST_GOOD).unlink()
        (tmp_path / LAST_GOOD).mkdir()
    else:
        (tmp_path / LAST_GOOD).write_bytes(damaged)
    loaded = load_room(tmp_path, tmp_path / "room.toml")
    assert (loaded.config.site.name, loaded.found.source, loaded.spared_pins) == ("b", "kept", frozenset())
    assert loaded.found.document == {"site": {"name": "b"}}
    assert LAST_GOOD in str(loaded.problems[0])
    (tmp_path / "room.before-000002.json").write_bytes(damaged or b"")
    assert load_room(tmp_path, None).config.site.name == "a"


def test_what_was_on_trial_and_its_revision_are_found(tmp_path: Path) -> None:
    assert load_room(tmp_path, None).found == FoundConfig()
    Generations(tmp_path).stage('{"revision": 4}')
    assert load_room(tmp_path, None).found == FoundConfig(candidate='{"revision": 4}', highest=4)
    Generations(tmp_path).discard()
    assert load_room(tmp_path, None).found == FoundConfig(highest=4)
    (tmp_path / "room.candidate.json").write_bytes(b"\xff")
    assert load_room(tmp_path, None).found == FoundConfig(highest=4)


def test_a_start_clears_up_what_a_cut_has_left(tmp_path: Path) -> None:
    (tmp_path / ".room.json.ab12").write_text('{"si')
    load_room(tmp_path, None)
    assert list(tmp_path.iterdir()) == []


def test_a_safe_start_runs_the_built_in_one_touches_no_pin_and_says_why(tmp_path: Path) -> None:
    Generations(tmp_path).promote({"power": {"loads": [{"name": "a", "pin": 5}]}})
    Generations(tmp_path).stage('{"revision": 4}')
    safe = in_safety(load_room(tmp_path, None))
    assert (safe.config, safe.spared_pins) == (RoomConfig(), set(range(28)))
    assert str(safe.problems[0]) == "crash loop: safe start after five quick crashes: link and reports only"
    left = FoundConfig(candidate='{"revision": 4}', highest=4)
    assert safe.found == replace(left, trouble="crash_loop", problems=1)
    assert load_room(tmp_path, None).config.power.loads


def test_a_byte_order_mark_is_no_mistake_of_whoever_wrote_the_file(tmp_path: Path) -> None:
    room = tmp_path / "room.toml"
    room.write_bytes(b"\xef\xbb\xbf" + GOOD.encode())
    assert load_room(tmp_path / "state", room).config.site.name == "Huyện Nam Sách"
