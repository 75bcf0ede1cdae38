"""The old text or the new one, never a mixture."""

import os
from pathlib import Path

import pytest

from agent.adapters.files import DISK, RESERVE_BYTES, Disk, Reserve, write_durably


def test_a_file_is_replaced_as_a_whole_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "room.json"
    write_durably(path, "old")
    write_durably(path, "new, với chữ Việt")
    assert path.read_text(encoding="utf-8") == "new, với chữ Việt"
    assert [each.name for each in path.parent.iterdir()] == ["room.json"]


def test_a_write_that_fails_leaves_the_old_text_and_no_rest(tmp_path: Path) -> None:
    path = tmp_path / "room.json"
    write_durably(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_durably(path, "half" * 100_000 + "\ud800")
    assert path.read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["room.json"]


def test_the_reserve_is_given_back_by_halves_and_made_again(tmp_path: Path) -> None:
    path = tmp_path / "agent.reserve"
    reserve = Reserve(path)
    for _ in range(2):
        reserve.make()
        reserve.make()
        assert path.stat().st_size == RESERVE_BYTES
        assert reserve.halve()
        assert not reserve.halve()
        assert path.stat().st_size == RESERVE_BYTES // 2
        reserve.make()
        assert path.stat().st_size == RESERVE_BYTES
        reserve.release()
        reserve.release()
        assert not path.exists()
        assert not reserve.halve()


def test_where_none_can_be_made_that_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    reserve = Reserve(tmp_path / "nowhere" / "agent.reserve")
    for _ in range(3):
        reserve.make()
    assert caplog.text.count("no room can be reserved") == 1


class Cut(Disk):
    """The power goes just after the new file has its name."""

    def rename(self, path: Path, new: Path) -> None:
        DISK.rename(path, new)
        raise OSError("the power went")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to another user")
def test_a_secret_is_its_reader_s_from_its_first_moment(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="power"):
        write_durably(tmp_path / "key", b"key", Cut(), owner=(4321, 4322))
    about = (tmp_path / "key").stat()
    assert (about.st_uid, about.st_gid, about.st_mode & 0o7777) == (4321, 4322, 0o600)
