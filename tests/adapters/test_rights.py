"""What another user may do, asked of the kernel as that user."""

import os
import pwd
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.adapters import rights
from agent.adapters.rights import find, is_open_to_all, myself, nearest_folder

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can ask for somebody else")


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody can get at; pytest's own are for its user alone."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@as_root
def test_root_sees_with_the_eyes_of_the_services_user(open_folder: Path) -> None:
    nobody = find("nobody", (), "unit")
    assert nobody is not None
    mine, everybodys, behind = open_folder / "mine", open_folder / "all", open_folder / "shut" / "file"
    behind.parent.mkdir(mode=0o700)
    for path, mode in [(mine, 0o600), (everybodys, 0o644), (behind, 0o644)]:
        path.write_text("x")
        path.chmod(mode)
    assert [nobody.may(path, "r") for path in (mine, everybodys, behind, open_folder / "none")] == [
        False, True, False, False,
    ]  # fmt: skip
    assert nobody.may(everybodys, "w") is False
    assert myself().may(mine, "r") is True


@as_root
def test_a_group_that_the_unit_adds_counts(open_folder: Path) -> None:
    path = open_folder / "node"
    path.write_text("x")
    os.chown(path, 0, 44)  # video
    path.chmod(0o640)
    without, with_group = find("nobody", (), "unit"), find("nobody", ("video", "no-such-group"), "unit")
    assert without is not None
    assert with_group is not None
    assert (without.may(path, "r"), with_group.may(path, "r")) == (False, True)
    assert "video" in with_group.groups


def test_who_is_neither_root_nor_that_user_cannot_tell(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(rights.os, "geteuid", lambda: 12345)
    somebody = find("root", (), "unit")
    assert somebody is not None
    assert somebody.may(tmp_path, "r") is None


def test_a_user_that_the_machine_does_not_have_is_none() -> None:
    assert find("no-such-user", (), "unit") is None
    assert find("4000000000", (), "unit") is None
    me = find(str(os.geteuid()), (), "unit")
    assert me is not None
    assert me.name == pwd.getpwuid(os.geteuid()).pw_name


def test_a_strange_path_is_no_exception(tmp_path: Path) -> None:
    nobody = find("nobody", (), "unit")
    assert nobody is not None
    for name in ("-r", "a\nb", "x" * 300):
        assert nobody.may(tmp_path / name, "r") in (False, None)


def test_a_file_for_all_is_seen_as_such(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("x")
    path.chmod(0o640)
    assert not is_open_to_all(path)
    path.chmod(0o644)
    assert is_open_to_all(path)
    assert not is_open_to_all(tmp_path / "none")


def test_the_nearest_folder_is_one_that_is_there(tmp_path: Path) -> None:
    assert nearest_folder(tmp_path) == tmp_path
    assert nearest_folder(tmp_path / "a" / "b") == tmp_path
