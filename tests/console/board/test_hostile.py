"""What a site or a table may hold to spoil a page for everybody."""

import os
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.adapters.files import DISK, Disk, write_durably
from agent.console.board import reports
from agent.console.board.conference_form import SITES_MAX
from agent.console.board.event_words import described
from tests.console.board.page_bed import client, database
from tests.console.board.stand_in import StandIn, tile
from tests.console.board.test_conferences import conference, live_of, post, remembered

ENDLESS = 10**400
SOON = datetime.now().astimezone() + timedelta(days=1)
TIMES = {"starts": f"{SOON:%Y-%m-%d} 08:00", "ends": f"{SOON:%Y-%m-%d} 09:00"}


def table(rows: int, people: str = "5") -> str:
    return "site,summoned\n" + "".join(f"phong-{number},{people}\n" for number in range(rows))


def test_an_event_with_a_number_without_end_is_shown() -> None:
    assert described("recount", {"error": ENDLESS, "people": ENDLESS, "value": -ENDLESS})


@pytest.mark.parametrize("ends", ["9999-12-31 23:59", "9999-12-31T23:59Z"])
def test_a_conference_in_the_year_9999_is_a_mistake(ends: str) -> None:
    with client(live_of()) as pages:
        answer = post(pages, "/conference/new", title="x", starts=TIMES["starts"], ends=ends, sheet=table(1))
        assert answer.status_code == 400
        times = {"starts": "9999-12-31 14:00", "ends": "9999-12-31 15:00", "calls": "13:00"}
        assert post(pages, "/conference/new", title="x", sheet=table(1), **times).status_code == 400


def test_a_table_has_its_limit() -> None:
    with client(live_of()) as pages:
        assert post(pages, "/conference/new", title="x", sheet=table(SITES_MAX), **TIMES).status_code == 200
        answer = post(pages, "/conference/new", title="x", sheet=table(SITES_MAX + 1), **TIMES)
        assert (answer.status_code, f"at most {SITES_MAX}" in answer.text) == (400, True)
        wrong = post(pages, "/conference/new", title="x", sheet=table(SITES_MAX, "x"), **TIMES)
        assert 0 < wrong.text.count("a whole number from 0") <= 100


def test_tables_are_not_read_on_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else everybody's pages stand still meanwhile."""
    from agent.console.board import conference_form

    read, threads = conference_form.read_sheet, set[str]()
    loops = set[str]()

    def noted(*args: object) -> object:
        threads.add(threading.current_thread().name)
        return read(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(conference_form, "read_sheet", noted)
    with client(live_of()) as pages:
        pages.portal.call(lambda: loops.add(threading.current_thread().name))  # type: ignore[union-attr]
        assert post(pages, "/conference/new", title="x", sheet=table(3), **TIMES).status_code == 200
    assert threads
    assert not threads & loops


def test_a_report_is_rendered_once_for_all_who_ask() -> None:
    made, engine = list[str](), database()
    remembered(engine, conference("x"))
    kept = reports.Reports(engine, clock=lambda: 0.0)
    assert kept.made("y", "png", lambda _: b"") is None
    for what in ("png", "png", "csv;", "png"):
        assert kept.made("x", what, lambda _, what=what: made.append(what) or what) == what
    assert made == ["png", "csv;"]
    for number in range(reports.MADE_MAX):
        kept.made("x", f"{number}", lambda _: b"")
    assert len(kept._made) == reports.MADE_MAX


def test_a_load_with_marks_that_turn_the_text_is_shown_without() -> None:
    from agent.console.sites import SiteView
    from agent.core.contract import Power

    power = Power(at=datetime.now(UTC), session="s", clock="synced", state="on", loads={"a\u202eb": "on"})
    with client(StandIn([tile("a", "ready")], {"a": SiteView("a", power=power)})) as board:
        shown = board.get("/site/a").text.replace('value="a\u202eb"', "")  # which goes back as it came
        assert "a\ufffdb" in shown
        assert "\u202e" not in shown


class Noting(Disk):
    """A disk on which files have the mode they will keep before they have their name."""

    def __init__(self) -> None:
        self.modes: list[int] = []

    def rename(self, path: Path, new: Path) -> None:
        self.modes.append(path.stat().st_mode & 0o777)
        DISK.rename(path, new)


def test_a_report_has_its_mode_before_its_name(tmp_path: Path) -> None:
    """Else what is at that name by then, which need not be ours, would get it."""
    before, disk = os.umask(0o077), Noting()
    try:
        write_durably(tmp_path / "a", b"x", disk, mode=0o644)
        write_durably(tmp_path / "b", b"x", disk)
    finally:
        os.umask(before)
    assert disk.modes == [0o644, 0o600]
