"""agent/console/complaints.py: one sentence for an error, Vietnamese first, that says what to do."""

import errno
from pathlib import Path

import pytest

from agent.__main__ import main
from agent.console.complaints import of_agent, of_disk
from agent.console.conference_sheet import read_sheet
from agent.core.errors import DemoError, SheetError, quoted


def test_what_somebody_wrote_is_shown_as_it_was_written_unless_a_terminal_obeys_it() -> None:
    assert quoted("Chí Linh") == "'Chí Linh'"
    assert quoted("a\x1b[2J\u202eb") == "'a\\x1b[2J\\u202eb'"
    assert quoted("x" * 50) == f"'{'x' * 40}…'"


def test_a_bad_table_is_called_one_and_has_a_line_for_each_mistake() -> None:
    with pytest.raises(SheetError) as raised:
        read_sheet("site,summoned\nChí Linh,5\nnam-sach,hai mươi\n".encode(), "bad.csv")
    first, *lines = of_agent(raised.value).split("\n")
    assert first == "bảng chưa đúng / the table is not right: bad.csv"
    assert [line.split(":")[0].strip() for line in lines] == ["dòng / line 2", "dòng / line 3"]
    assert "'Chí Linh'" in lines[0]
    assert "'hai mươi'" in lines[1]


def test_a_table_of_mistakes_alone_does_not_flood_the_terminal() -> None:
    with pytest.raises(SheetError) as raised:
        read_sheet(b"site,summoned\n" + b"X,1\n" * 1000, "bad.csv")
    assert of_agent(raised.value).splitlines()[-1] == "  … và 950 lỗi khác / and 950 more"


@pytest.mark.parametrize(
    ("words", "vietnamese"),
    [
        (["conference", "set"], "thiếu --title"),
        (["recount"], "thiếu SITE"),
        (["recount", "Chí Linh"], "SITE phải là mã điểm cầu: các từ a-z, 0-9 nối bằng -"),
        (["drill", "--nope"], "không có tuỳ chọn --nope"),
        (["drill", "--withi", "3"], "không có tuỳ chọn --withi"),  # click says more: what may have been meant
        (["drill", "--within"], "sau --within phải có giá trị"),
        (["drill", "now", "please"], "thừa now please"),
        (["drill", "--within", "0"], "--within phải trong khoảng 1<=x<=300"),
        (["drill", "--within", "soon"], "--within phải là số nguyên"),
        (["watch", "--for", "nan"], "--for phải là số"),
        (["watch", "--for", "x"], "--for phải là số"),
        (["board", "user", "role", "Lan", "chief"], "phải là một trong 'viewer', 'operator', 'technician'"),
        (["conferenc"], "không có lệnh conferenc"),
    ],
)
def test_what_click_says_every_day_is_vietnamese_too(
    words: list[str], vietnamese: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(words)
    first, _, english = capsys.readouterr().err.partition(" / ")
    assert f"{vietnamese}, xem `diemcau" in first
    assert first.startswith("diemcau: lệnh chưa đúng: ")
    assert "Try `diemcau" in english


def test_a_file_that_is_not_there_is_not_called_a_full_disk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missing, database = str(tmp_path / "none"), f"sqlite:///{tmp_path}/centre.db"
    wrong = [
        ["board", "user", "add", "Lan", "--role", "viewer", "--password-file", missing, "--database", database],
        ["conference", "set", "--title", "x", "--starts", "08:00", "--ends", "09:00", "--summoned", missing],
    ]
    for words in wrong:
        with pytest.raises(SystemExit) as ended:
            main(words)
        said = capsys.readouterr().err
        assert ended.value.code == 1
        assert said.startswith("diemcau: không có tệp hoặc thư mục này")
        assert missing in said
        assert "room" not in said


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOENT, "look at the path"),
        (errno.EISDIR, "name a file"),
        (errno.EACCES, "somebody who may"),
        (errno.ENOSPC, "make room"),
        (errno.EIO, "look at the disk"),
    ],
)
def test_the_advice_fits_what_is_wrong_with_the_disk(number: int, words: str) -> None:
    assert words in of_disk(OSError(number, "why", "/x"))


def test_a_demo_that_cannot_be_is_told_in_vietnamese_too() -> None:
    assert of_agent(DemoError("port 1983 is taken")).startswith("không chạy thử được")


@pytest.mark.parametrize("words", [["conference"], ["board", "user"], ["config"], ["site"]])
def test_a_group_without_a_command_shows_its_help(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert len(said.splitlines()) > 5
    assert "lệnh chưa đúng" not in said


def test_reading_commands_make_no_database(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "typo.db"
    with pytest.raises(SystemExit) as ended:
        main(["board", "user", "list", "--database", f"sqlite:///{path}"])
    assert ended.value.code == 1
    assert f"there is no database at {path}" in capsys.readouterr().err
    assert not path.exists()


def test_a_recorder_makes_no_folders_that_were_mistyped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    far = tmp_path / "nope" / "x" / "y.db"
    with pytest.raises(SystemExit) as ended:
        main(["record", "--broker", "mqtt://localhost:1", "--database", f"sqlite:///{far}"])
    assert ended.value.code == 1
    assert f"there is no folder {tmp_path / 'nope'}" in capsys.readouterr().err
    assert not (tmp_path / "nope").exists()


@pytest.mark.parametrize("command", ["record", "board"])
def test_who_is_told_of_no_broker_says_how_to(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    if Path("/etc/diemcau/centre.toml").exists():
        pytest.skip("this machine is a centre")
    with pytest.raises(SystemExit) as ended:
        main([command])
    assert ended.value.code == 2
    assert "--broker" in capsys.readouterr().err
