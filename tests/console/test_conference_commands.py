"""agent/console/conference_commands.py against a real broker: what sites get, what is asked first, what is refused."""

import json
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.adapters.mosquitto import ANYBODY, Mosquitto
from agent.console.conference_push import ConferenceDesk, Held
from agent.core.contract import Conference
from agent.core.identity import broker_at
from tests.console.test_cli import diemcau

TOMORROW = datetime.now().astimezone() + timedelta(days=1)
DAY = f"{TOMORROW:%Y-%m-%d}"


@pytest.fixture
def desk(broker: Mosquitto) -> Iterator[ConferenceDesk]:
    made = ConferenceDesk(broker_at(broker.url))
    made.start()
    yield made
    made.close()


def held(broker: Mosquitto) -> Held:
    """What the broker has stored now."""
    made = ConferenceDesk(broker_at(broker.url))
    made.start()
    try:
        return made.learn()
    finally:
        made.close()


def sheet(folder: Path, **summoned: int) -> str:
    lines = [f"{site.replace('_', '-')};{people}" for site, people in summoned.items()]
    (folder / "sites.csv").write_text("\n".join(("site;summoned", *lines)), encoding="utf-8-sig")
    return str(folder / "sites.csv")


def summon(broker: Mosquitto, table: str, *more: str) -> "subprocess.CompletedProcess[str]":
    plan = ("--title", "Giao ban", "--starts", f"{DAY} 08:00", "--ends", "11:30")
    return diemcau("conference", "set", *plan, "--summoned", table, "--broker", broker.url, *more)


def other(**changes: Any) -> Conference:
    facts = {"id": "khac", "title": "Họp khác", "starts_at": TOMORROW, "ends_at": TOMORROW + timedelta(hours=1)}
    return Conference(**{**facts, **changes})


def test_sites_are_told_and_those_that_are_summoned_no_more_are_let_go(
    broker: Mosquitto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "UTC")  # the command's: where nobody has said so, it is Vietnam's
    told = summon(broker, sheet(tmp_path, chi_linh=62, nam_sach=48), "--yes", "--json", "--roll-call", "08:15")
    assert told.returncode == 0, told.stderr
    document = json.loads(told.stdout)
    assert (document["id"], document["state"]) == (f"{DAY}-giao-ban", "next")
    assert document["sites"] == [
        {"site": "chi-linh", "summoned": 62, "state": "told"},
        {"site": "nam-sach", "summoned": 48, "state": "told"},
    ]
    there = held(broker).conferences
    assert {site: each.summoned for site, each in there.items()} == {"chi-linh": 62, "nam-sach": 48}
    assert f"{there['chi-linh'].starts_at.astimezone(UTC):%Y-%m-%d %H:%M}" == f"{DAY} 08:00"
    assert (there["chi-linh"].lock, len(there["chi-linh"].roll_calls)) == (True, 1)
    assert summon(broker, sheet(tmp_path, chi_linh=60), "--yes").returncode == 0
    assert {site: each.summoned for site, each in held(broker).conferences.items()} == {"chi-linh": 60}


def test_what_is_odd_is_asked_first_and_nothing_is_sent_where_nobody_can_answer(
    broker: Mosquitto, tmp_path: Path, desk: ConferenceDesk
) -> None:
    assert desk.tell({"chi-linh": other()}) == {"chi-linh": "told"}
    told = summon(broker, sheet(tmp_path, chi_linh=62, nam_sach=48))
    assert told.returncode == 1
    for words in ("never seen here: chi-linh, nam-sach", "a site holds one conference", "Họp khác", "nothing was sent"):
        assert words in told.stderr
    assert [each.id for each in held(broker).conferences.values()] == ["khac"]


def test_what_sites_hold_is_shown_and_cleared(broker: Mosquitto, desk: ConferenceDesk) -> None:
    begun = other(id="nay", title="Đang \x1b[31mhọp", starts_at=TOMORROW - timedelta(days=2), summoned=7)
    desk.tell({"chi-linh": begun, "nam-sach": other(), "gia-loc": other()})
    shown = diemcau("conference", "show", "--broker", broker.url)
    assert shown.returncode == 0
    assert "\x1b" not in shown.stdout
    assert shown.stdout.index("live") < shown.stdout.index("next")
    document = json.loads(diemcau("conference", "show", "khac", "--json", "--broker", broker.url).stdout)
    assert [each["site"] for each in document["conferences"][0]["sites"]] == ["gia-loc", "nam-sach"]
    assert diemcau("conference", "clear", "khac", "--broker", broker.url).returncode == 1
    cleared = diemcau("conference", "clear", "khac", "--yes", "--json", "--broker", broker.url)
    assert (cleared.returncode, len(json.loads(cleared.stdout)["sites"])) == (0, 2)
    assert set(held(broker).conferences) == {"chi-linh"}
    for command in ("show", "clear"):
        assert diemcau("conference", command, "khac", "--broker", broker.url).returncode == 1


def test_a_broker_that_does_not_permit_it_is_named_with_the_sites(tmp_path: Path, mosquitto_program: str) -> None:
    (tmp_path / "acl").write_text("topic read #\ntopic write diemcau/v1/nam-sach/conference\n")
    (tmp_path / "acl").chmod(0o600)
    broker = Mosquitto(tmp_path, extra=f"{ANYBODY}\nacl_file {tmp_path}/acl")
    broker.start()
    told = summon(broker, sheet(tmp_path, chi_linh=62, nam_sach=48), "--yes")
    broker.close()
    assert told.returncode == 1
    assert "not permitted" in told.stderr
    assert told.stderr.rstrip().endswith(": chi-linh")
    assert "1/2" in told.stdout


def test_mistakes_of_the_command_line_and_of_the_table_are_all_named(broker: Mosquitto, tmp_path: Path) -> None:
    wrong = summon(broker, sheet(tmp_path, chi_linh=1), "--ends", "07:00", "--roll-call", "soon", "--id", "A B")
    assert wrong.returncode == 2
    for option in ("--ends: ", "--roll-call: ", "--id: "):
        assert option in wrong.stderr
    (tmp_path / "sites.csv").write_text("site,summoned\nA B,1\nchi-linh,many\n")
    wrong = summon(broker, str(tmp_path / "sites.csv"))
    assert wrong.returncode == 1
    assert "line 2" in wrong.stderr
    assert "line 3" in wrong.stderr
    assert summon(broker, str(tmp_path / "none.csv")).returncode == 1
    assert held(broker).conferences == {}
