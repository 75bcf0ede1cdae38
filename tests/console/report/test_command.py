"""``diemcau report``: what it writes where."""

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from agent.__main__ import main
from agent.console.store import Store


@pytest.fixture
def url(centre: Store) -> str:
    return f"sqlite:///{centre.file}"


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(["report", *arguments])
    return int(left.value.code or 0)


def test_files_go_where_they_are_wanted(url: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "new" / "folder"
    kinds = [word for kind in ("html", "csv", "json", "png") for word in ("--format", kind)]
    assert run("hn-11", "--database", url, "--out", str(out), *kinds) == 0
    names = [
        "report-hn-11.html",
        "report-hn-11.csv",
        "report-hn-11-incidents.csv",
        "report-hn-11.json",
        "report-hn-11.png",
    ]
    assert capfd.readouterr().out.split() == [str(out / name) for name in names]
    assert sorted(each.name for each in out.iterdir()) == sorted(names)
    assert (out / names[0]).read_text("utf-8").startswith("<!doctype html>")


def test_html_goes_to_the_current_folder(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("hn-11", "--database", url) == 0
    assert capfd.readouterr().out == "report-hn-11.html\n"
    assert (tmp_path / "report-hn-11.html").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("how", [("--format", "json"), ("--json",)])
def test_json_goes_to_standard_output(url: str, how: tuple[str, ...], capfd: pytest.CaptureFixture[str]) -> None:
    assert run("hn-11", "--database", url, *how) == 0
    assert json.loads(capfd.readouterr().out)["conference"]["id"] == "hn-11"


def test_csv_goes_to_standard_output(url: str, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert run("hn-11", "--database", url, "--format", "csv", "--separator", ",") == 0
    rows = list(csv.reader(io.StringIO(capfdbinary.readouterr().out.decode("utf-8-sig"), newline="")))
    assert len(rows) == 8


def test_an_unknown_id_is_one_sentence_with_those_that_there_are(url: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert run("hn-12", "--database", url) == 1
    said = capfd.readouterr()
    assert said.out == ""
    assert said.err.startswith("diemcau: không có hội nghị hn-12 / ")
    assert "hn-11 (2026-11-20)" in said.err


def test_there_may_be_none_at_all(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    Store(empty := f"sqlite:///{tmp_path}/empty.db").start()
    assert run("hn-\x1b[31m12", "--database", empty) == 1
    said = capfd.readouterr().err
    assert "none is recorded yet" in said
    assert "\x1b" not in said
    assert run("hn-12", "--database", f"sqlite:///{tmp_path}/nowhere.db") == 1
    assert "there is no database" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("out", "said"),
    [("file", "that is no folder"), ("file/in-it", "that is no folder"), ("/proc/x", "may not be written")],
)
def test_a_folder_that_cannot_be_written_is_one_sentence(
    url: str, tmp_path: Path, capfd: pytest.CaptureFixture[str], out: str, said: str
) -> None:
    (tmp_path / "file").write_text("")
    assert run("hn-11", "--database", url, "--out", os.fspath(tmp_path / out)) == 1
    complaint = capfd.readouterr().err
    assert said in complaint
    assert "make room" not in complaint
    assert complaint.count("\n") == 1


@pytest.mark.parametrize(("kind", "code"), [("html", 1), ("png", 1), ("csv", 0), ("json", 0)])
def test_without_the_libraries_of_the_centre_there_are_the_sheet_and_json(url: str, kind: str, code: int) -> None:
    without = "import sys, agent.__main__ as a; sys.modules |= dict.fromkeys(('jinja2', 'starlette', 'matplotlib'));"
    argv = [sys.executable, "-c", f"{without} a.main(sys.argv[1:])", "report", "hn-11", "--database", url]
    ran = subprocess.run([*argv, "--format", kind], capture_output=True, text=True, check=False)
    assert (ran.returncode, bool(ran.stdout)) == (code, code == 0)
    assert ("[centre]" in ran.stderr, ran.stderr.count("\n")) == (code == 1, code)


def test_wrong_use(capfd: pytest.CaptureFixture[str]) -> None:
    assert run("hn-11", "--format", "pdf") == 2
    assert run() == 2
