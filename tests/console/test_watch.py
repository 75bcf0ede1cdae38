"""agent/console/watch.py: what programs read of the sites."""

import json
from typing import Any

import pytest

from agent.console.listener import Listener
from agent.console.watch import Watch
from agent.core.identity import broker_at
from tests.console.test_sites import headcount, status
from tests.console.test_table import check, event, told


def lines_of(capsys: pytest.CaptureFixture[str], *messages: tuple[str, dict[str, Any]]) -> list[dict[str, Any]]:
    listener = Listener(broker_at("mqtt://localhost"))  # never started: messages are put into its hands
    for topic, document in messages:
        listener.messages.put((topic, json.dumps(document).encode()))
    Watch(listener, as_json=True, title="t").run(0.5)
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_site_that_has_gone_has_no_number_any_more(capsys: pytest.CaptureFixture[str]) -> None:
    told_ = lines_of(capsys, status("running", 1), headcount(value=5), status("lost", 1), headcount(value=5))
    assert [(each["presence"], each["value"], each["state"], each["reason"]) for each in told_] == [
        ("running", 5, "ok", None),
        ("lost", None, "unknown", "site_lost"),
        ("lost", None, "unknown", "site_lost"),
    ]


def test_a_will_of_an_earlier_connection_changes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """FAULTS 20: the broker noticed the end of the old connection when the site was back already."""
    said = lines_of(capsys, status("running", 4), headcount(value=5), status("lost", 3), headcount(value=6))
    assert [(each["presence"], each["value"]) for each in said] == [("running", 5), ("running", 6)]


def test_programs_read_what_the_link_and_the_checks_bring(capsys: pytest.CaptureFixture[str]) -> None:
    checks = [check("mic", "warning", reason="muted"), check("camera", "failed", reason="missing"), check("ups", "ok")]
    (plain, full) = lines_of(
        capsys, status("running", 1), headcount(), told("readiness", ready=False, checks=checks),
        told("health", outbox_rows=7, outbox_oldest_s=61.5, rows_lost=2),
        event("site.duplicate", "fault", detail={"why": "taken_over"}), headcount(),
    )  # fmt: skip
    assert plain | {"last_heard": "2012-11-20T07:30:00Z"} == plain
    assert [plain[key] for key in ("ready", "needs", "outbox_rows", "rows_lost", "event")] == [
        None,
        [],
        None,
        None,
        None,
    ]
    assert full["ready"] is False
    assert [(each["name"], each["state"], each["reason"]) for each in full["needs"]] == [
        ("camera", "failed", "missing"), ("mic", "warning", "muted"),
    ]  # fmt: skip
    assert (full["outbox_rows"], full["outbox_oldest_s"], full["rows_lost"]) == (7, 61.5, 2)
    assert full["event"] == {
        "kind": "site.duplicate", "severity": "fault", "at": "2012-11-20T07:30:00.000Z",
        "detail": {"why": "taken_over"},
    }  # fmt: skip


def test_a_site_that_went_before_anybody_looked_has_a_line_too(capsys: pytest.CaptureFixture[str]) -> None:
    (line,) = lines_of(capsys, status("lost", 1))
    assert (line["presence"], line["value"], line["state"], line["reason"]) == ("lost", None, "unknown", "site_lost")
    assert line["last_heard"] == line["at"].replace(".000", "")
