"""A box that is given to another site: what is stored belongs to a name, and is never moved."""

from pathlib import Path

import pytest

from agent.adapters.state_owner import last_taken, take


def test_the_first_site_has_the_folder_as_it_is(tmp_path: Path) -> None:
    assert last_taken(tmp_path) == tmp_path / "agent.db", "nobody yet"
    assert take(tmp_path, "chi-linh") == tmp_path / "agent.db"
    assert take(tmp_path, "chi-linh") == tmp_path / "agent.db" == last_taken(tmp_path)


def test_another_site_finds_nothing_and_the_first_finds_its_own_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    take(tmp_path, "chi-linh")
    assert take(tmp_path, "nam-sach") == tmp_path / "agent.db.of-nam-sach" == last_taken(tmp_path)
    assert "this box was 'chi-linh' before" in caplog.text
    assert take(tmp_path, "kinh-mon") == tmp_path / "agent.db.of-kinh-mon"
    assert take(tmp_path, "chi-linh") == tmp_path / "agent.db" == last_taken(tmp_path)
    assert take(tmp_path, "nam-sach") == tmp_path / "agent.db.of-nam-sach"


def test_a_disk_that_cannot_be_written_gives_nobody_another_ones_database(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    take(tmp_path, "chi-linh")
    (tmp_path / "site").unlink()
    (tmp_path / "site").mkdir()
    assert take(tmp_path, "chi-linh") == tmp_path / "agent.db"
    assert "cannot be written down" in caplog.text


def test_a_write_that_failed_moves_nothing(tmp_path: Path) -> None:
    take(tmp_path, "chi-linh")
    before = (tmp_path / "site").read_bytes()
    take(tmp_path, "nam-sach")
    (tmp_path / "site").write_bytes(before)  # as if the second had never come to the disk
    assert take(tmp_path, "kinh-mon") == tmp_path / "agent.db.of-kinh-mon"
    assert take(tmp_path, "chi-linh") == tmp_path / "agent.db"


@pytest.mark.parametrize("said", ["", "chi-linh", "a\nb\nc\n", "\udcff"])
def test_a_damaged_file_is_as_none(tmp_path: Path, said: str) -> None:
    (tmp_path / "site").write_bytes(said.encode("utf-8", "surrogateescape"))
    assert take(tmp_path, "chi-linh") == tmp_path / "agent.db"
