"""The doctor's way to the room config finds what the agent's way finds, and leaves no trace."""

import shutil
from pathlib import Path

import pytest

from agent.adapters.config_store import load_room
from agent.adapters.room_reading import read_room

GOOD, OTHER, BAD = '[site]\nname = "một"\n', '{"site": {"name": "hai"}}', '[sit]\n[power]\nrestore = "lst"\n'


@pytest.mark.parametrize("last_good", [None, OTHER, "{", ""])
@pytest.mark.parametrize("before", [None, GOOD, '{"site": {"name": "ba"}}'])
@pytest.mark.parametrize("room_file", [None, GOOD, BAD, "missing"])
def test_it_finds_what_the_agent_would_run(
    tmp_path: Path, last_good: str | None, before: str | None, room_file: str | None
) -> None:
    state, room = tmp_path / "state", tmp_path / "room.toml"
    for name, text in (("room.json", last_good), ("room.before-000007.json", before)):
        if text is not None:
            state.mkdir(exist_ok=True)
            (state / name).write_text(text)
    if room_file not in (None, "missing"):
        room.write_text(str(room_file))
    there = sorted(tmp_path.rglob("*"))
    read = read_room(state, None if room_file is None else room)
    assert sorted(tmp_path.rglob("*")) == there
    copy = tmp_path / "copy"
    if state.exists():
        shutil.copytree(state, copy)
    loaded = load_room(copy, None if room_file is None else room)
    assert read.config == loaded.config
    assert [problem.message for problem in read.problems] == [problem.message for problem in loaded.problems]
    assert all(str(tmp_path) in str(problem) for problem in read.problems)


def test_it_says_which_file_it_is(tmp_path: Path) -> None:
    (tmp_path / "room.toml").write_text(GOOD)
    assert read_room(tmp_path / "state", tmp_path / "room.toml").source == tmp_path / "room.toml"
    (tmp_path / "room.json").write_text(OTHER)
    read = read_room(tmp_path, tmp_path / "room.toml")
    assert (read.source, read.read) == (tmp_path / "room.json", (tmp_path / "room.json",))
    (tmp_path / "room.json").write_text("{")
    before = tmp_path / "room.before-000002.json"
    before.write_text(OTHER)
    read = read_room(tmp_path, tmp_path / "room.toml")
    assert (read.source, read.read) == (before, (tmp_path / "room.json", before))
    assert read_room(tmp_path / "state", None).source is None


def test_a_file_that_is_to_be_tried_is_read_although_the_agent_would_not(tmp_path: Path) -> None:
    (tmp_path / "room.json").write_text("{}")
    tried = tmp_path / "new.toml"
    tried.write_text("[power]\nrestore = 7\n")
    assert read_room(tmp_path, tried).problems == ()
    assert read_room(tmp_path, tried, is_tried=True).problems[0].path.endswith("power.restore")
