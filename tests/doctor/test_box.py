"""The box: its files, its folder, its units, its user."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from agent.adapters import rights, units
from agent.adapters.room_reading import read_room
from agent.adapters.units import Unit
from agent.core.config import RoomConfig
from agent.doctor import box
from agent.doctor.scene import look_around
from tests.doctor.scenes import STRANGER, scene, served

GOOD = 'site = "chi-linh"\n[broker]\nurl = "mqtt://localhost"\n'


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_a_sound_identity_is_read(tmp_path: Path) -> None:
    read, found = box.identity(scene(tmp_path), write(tmp_path / "agent.toml", GOOD))
    assert read is not None
    assert (read.site, found.state) == ("chi-linh", "ok")


def test_every_problem_of_an_identity_is_told_at_once(tmp_path: Path) -> None:
    path = write(tmp_path / "agent.toml", 'site = "Chí Linh"\n[broker]\nurl = "mqtt://broker.example"\nkeyy = "x"\n')
    read, found = box.identity(scene(tmp_path), path)
    assert read is None
    assert (found.state, found.reason) == ("failed", "broken")
    first, *problems = found.seen.splitlines()
    assert first == str(path)
    assert len(problems) == 3
    assert "did you mean key?" in found.seen


@pytest.mark.parametrize("content", ["{", "\0", "site = [", b"\xff\xfe", ""])
def test_an_identity_that_is_no_toml_is_told(tmp_path: Path, content: str | bytes) -> None:
    path = tmp_path / "agent.toml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    read, found = box.identity(scene(tmp_path), path)
    assert (read, found.state) == (None, "failed")


def test_a_folder_and_nothing_at_all_are_told(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none", tmp_path / "a" / "b"):
        read, found = box.identity(scene(tmp_path), path)
        reason = "broken" if path.exists() else "no_file"
        assert (read, found.state, found.reason) == (None, "failed", reason)


def test_an_identity_that_the_unit_does_not_see_is_still_tried(tmp_path: Path) -> None:
    path = write(tmp_path / "agent.toml", GOOD)
    unit = Unit(units.AGENT, "loaded", hidden=(str(tmp_path),))
    read, found = box.identity(scene(tmp_path, unit), path)
    assert read is not None
    assert (found.state, found.reason) == ("failed", "hidden")


def test_a_room_says_which_file_it_is_and_what_is_broken(tmp_path: Path) -> None:
    room = write(tmp_path / "room.toml", '[[power.loads]]\nname = "x"\npin = 5\n')
    assert box.room(scene(tmp_path), read_room(tmp_path, room)).state == "ok"
    empty = write(tmp_path / "empty.toml", '[site]\nname = "x"\n')
    assert box.room(scene(tmp_path), read_room(tmp_path, empty)).reason == "no_room"
    write(tmp_path / "room.json", "{")
    found = box.room(scene(tmp_path), read_room(tmp_path, room))
    assert (found.state, found.reason) == ("failed", "broken")
    assert "room.json" in found.seen
    none = box.room(scene(tmp_path), read_room(tmp_path / "state", None))
    assert (none.state, none.reason) == ("failed", "no_room")


def test_the_state_folder_has_to_be_a_folder_that_can_be_written(tmp_path: Path) -> None:
    assert box.state(scene(tmp_path)).state == "ok"
    write(tmp_path / "file", "")
    assert box.state(scene(tmp_path / "file")).reason == "not_a_folder"
    assert box.state(scene(tmp_path, who=STRANGER)).reason == "run_as_root"


def test_a_state_folder_that_is_not_there_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = tmp_path / "not" / "yet"
    found = box.state(scene(missing))
    assert (found.state, found.reason, found.seen) == ("warning", "no_state", f"{missing} (chưa có / not there)")
    monkeypatch.setattr(box, "STATE_OF_UNIT", missing)
    assert box.state(replace(served(missing), who=STRANGER)).reason == "no_state"  # systemd makes it
    assert box.state(scene(missing, who=STRANGER)).reason == "run_as_root"
    assert "not there" in box.state(scene(missing, who=STRANGER)).seen
    write(tmp_path / "file", "")
    found = box.state(scene(tmp_path / "file" / "state"))
    assert (found.state, found.reason) == ("failed", "not_makeable")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can ask for somebody else")
def test_a_state_folder_that_the_services_user_cannot_make_is_a_failure(tmp_path: Path) -> None:
    nobody = rights.find("nobody", (), "unit")
    found = box.state(scene(tmp_path / "state", who=nobody))
    assert (found.state, found.reason) == ("failed", "not_makeable")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can ask for somebody else")
def test_a_folder_that_only_root_can_write_is_a_failure_for_the_services_user(tmp_path: Path) -> None:
    nobody = rights.find("nobody", (), "unit")
    assert box.state(scene(tmp_path, who=nobody)).reason == "not_writable"
    path = write(tmp_path / "agent.toml", GOOD)
    path.chmod(0o600)
    read, found = box.identity(scene(tmp_path, who=nobody), path)
    assert read is not None
    assert found.reason == "not_readable"


def test_without_systemd_there_is_one_warning(tmp_path: Path) -> None:
    (found,) = box.services(scene(tmp_path), RoomConfig())
    assert (found.state, found.reason) == ("warning", "no_systemd")


def test_a_unit_is_told_with_systemds_words(tmp_path: Path) -> None:
    (found,) = box.services(served(tmp_path), RoomConfig())
    assert (found.state, found.seen) == ("ok", "diemcau-agent.service: loaded, active, running, enabled")
    (found,) = box.services(served(tmp_path, active="failed", restarts="7"), RoomConfig())
    assert (found.state, found.reason) == ("failed", "crashed")
    assert found.seen.endswith("7 restarts")
    (found,) = box.services(replace(served(tmp_path), unit=None), RoomConfig())
    assert (found.state, found.reason) == ("warning", "not_examined")


def test_it_says_for_whom_it_looked(tmp_path: Path) -> None:
    found, groups = box.user(scene(tmp_path, who=STRANGER))
    assert found.seen == "diemcau"
    assert (groups.state, groups.seen) == ("failed", "gpio, video, audio")
    missing, *_ = box.user(replace(scene(tmp_path), missing_user="diemcau"))
    assert (missing.state, missing.reason) == ("failed", "no_such_user")
    if os.geteuid() == 0:
        assert found.state == "ok"  # root asked as that user
        assert box.user(scene(tmp_path))[0].reason == "as_root"


def test_the_units_user_comes_before_the_account_and_that_before_whoever_asks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.doctor.scene.OURS", "nobody")
    monkeypatch.setattr(units, "is_booted", lambda: False)
    assert (look_around(tmp_path).who.name, look_around(tmp_path).who.origin) == ("nobody", "account")
    monkeypatch.setattr(units, "is_booted", lambda: True)
    monkeypatch.setattr(units, "ask", lambda name: Unit(name, "loaded", user="daemon"))
    assert (look_around(tmp_path).who.name, look_around(tmp_path).who.origin) == ("daemon", "unit")
    monkeypatch.setattr(units, "ask", lambda name: Unit(name, "loaded", user="no-such-user"))
    assert look_around(tmp_path).missing_user == "no-such-user"
    monkeypatch.setattr(units, "ask", lambda name: None)
    monkeypatch.setattr("agent.doctor.scene.OURS", "no-such-user")
    assert look_around(tmp_path).who == rights.myself()
