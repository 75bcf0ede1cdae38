"""What is wrong at a site, what to do, and who looks after it."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agent.console.board.issues import Acknowledged, Issue, issues
from agent.console.board.tile import tile
from agent.console.sites import SiteView, taken
from agent.console.trouble import WORST_FIRST
from tests.console.test_sites import folded, headcount, status
from tests.console.test_table import check, event, power, told

AT = datetime(2012, 11, 20, 7, 30, tzinfo=UTC)
WELL = [check("camera-main", "ok"), check("box.disk", "ok", required=False)]


def conference(starts: str = "07:00", ends: str = "09:00", **more: Any) -> tuple[str, dict[str, Any]]:
    times = {"starts_at": f"2012-11-20T{starts}:00.000Z", "ends_at": f"2012-11-20T{ends}:00.000Z"}
    return "diemcau/v1/nam-sach/conference", {"id": "c-1", **times, **more}


def readiness(*checks: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    return told("readiness", ready=False, checks=list(checks or WELL))


def site(*messages: tuple[str, dict[str, Any]]) -> SiteView:
    """One that is there and well, but for the messages."""
    return folded(status("running", 1), power(), headcount(), readiness(), *messages).by_id["nam-sach"]


def found(*messages: tuple[str, dict[str, Any]], now: datetime = AT) -> list[tuple[str, str]]:
    return [(each.key, each.state) for each in issues(site(*messages), now)]


def only(*messages: tuple[str, dict[str, Any]], now: datetime = AT) -> Issue:
    (issue,) = issues(site(*messages), now)
    return issue


def test_a_site_that_is_well_has_none() -> None:
    assert found() == found(conference()) == []


@pytest.mark.parametrize(
    ("messages", "key"),
    [
        ([status("lost", 1)], "lost"),
        ([status("stopped", 1)], "stopped"),
        ([power(state="fault"), status("lost", 1)], "lost"),
    ],
)
def test_one_that_is_away_has_that_alone_with_what_to_do(messages: list[Any], key: str) -> None:
    issue = only(*messages)
    assert (issue.key, issue.state, issue.since) == (key, "offline", AT)
    assert issue.words[0] != issue.words[1]
    assert all("điểm cầu" in issue.advice[0] and "site" in each for each in issue.advice[1:])


def test_one_that_says_nothing_is_offline_and_one_that_was_never_heard_is_unknown() -> None:
    late = AT + timedelta(seconds=200)
    assert found(now=late) == [("silent", "offline")]
    never = folded(conference()).by_id["nam-sach"]
    assert [(each.key, each.state) for each in issues(never, AT)] == [("unknown", "unknown")]
    assert [each.key for each in issues(folded(status("running", 1)).by_id["nam-sach"], AT)] == ["checks"]


def test_a_fault_of_the_power_says_which_part_and_what_to_do() -> None:
    failed = check("room.power", "failed", reason="not_proven", group="power")
    issue = only(power(state="fault", step="display", reason="not_proven: display"), readiness(failed))
    assert (issue.key, issue.state) == ("power:not_proven", "fault")
    assert issue.words == ("thiết bị không phản hồi kịp (display)", "the load did not prove itself in time (display)")
    assert "nhấn nút" in issue.advice[0]
    assert "press the button" in issue.advice[1]
    assert issue.since == datetime(2012, 11, 20, 7, tzinfo=UTC)  # the check's


def test_a_fault_without_a_check_of_the_same_began_when_we_saw_it_begin() -> None:
    fault = json.dumps(power(state="fault", reason="relay_failed")[1]).encode()
    seen, _ = taken(site(), "power", fault, AT)
    again, _ = taken(seen, "power", fault, AT + timedelta(seconds=30))
    stored, _ = taken(SiteView("nam-sach", status=seen.status, readiness=seen.readiness), "power", fault, AT)
    assert [issues(each, AT)[0].since for each in (seen, again, stored)] == [AT, AT, None]


def test_a_site_whose_clock_nobody_set_went_when_we_heard_it() -> None:
    unsynced = {"clock": "unsynced", "at": "1970-01-01T00:00:05.000Z"}
    view = folded((status("running", 1)[0], {**status("running", 1)[1], **unsynced})).by_id["nam-sach"]
    view, _ = taken(view, "status", json.dumps({**status("lost", 1)[1], **unsynced}).encode(), AT)
    assert [(each.key, each.since) for each in issues(view, AT)] == [("lost", AT)]


def test_each_check_that_the_room_needs_is_one_and_of_the_others_only_the_boxs() -> None:
    checks = [
        check("camera-main", "failed", reason="missing"),
        check("screen", "warning", reason="flapping"),
        check("codec", "unknown", reason="no_answer"),
        check("spare-mic", "failed", required=False, reason="missing"),
        check("box.supply", "warning", required=False, reason="undervoltage"),
        check("box.certificate", "failed", required=False, reason="expired"),
    ]
    assert found(readiness(*checks)) == [
        ("check:box.certificate:expired", "fault"),
        ("check:camera-main:missing", "warning"),
        ("check:screen:flapping", "warning"),
        ("check:codec:no_answer", "unknown"),
        ("check:box.supply:undervoltage", "warning"),
    ]


@pytest.mark.parametrize(
    ("advice", "shown"),
    [
        ("Chờ phòng bật xong.", ("Chờ phòng bật xong.", "Wait until the room is up.")),
        ("Wait until the room is up.", ("Chờ phòng bật xong.", "Wait until the room is up.")),
        ("Hỏi ông Ba.\x1b", ("Hỏi ông Ba.�", "")),
        (None, ("", "")),
    ],
)
def test_what_the_site_advises_is_shown_in_both_languages_where_we_know_them(
    advice: str | None, shown: tuple[str, str]
) -> None:
    issue = only(readiness(check("camera-main", "failed", reason="missing", advice=advice)))
    assert issue.advice == shown
    assert issue.since == datetime(2012, 11, 20, 7, tzinfo=UTC)


def test_a_room_that_is_off_is_a_warning_only_while_it_is_needed() -> None:
    off = (
        power(state="off"),
        headcount(value=None, state="unknown", reason="room_off"),
        readiness(
            check("codec", "unknown", reason="room_off"),
            check("room.power", "failed", reason="room_off", group="power"),
            check("camera-main", "failed", reason="missing"),
        ),
    )
    assert found(*off) == [("check:camera-main:missing", "warning"), ("room_off", "unknown")]
    assert ("room_off", "warning") in found(*off, conference())
    assert ("room_off", "unknown") in found(*off, conference(ends="07:30"))
    assert ("room_off", "unknown") in found(*off, conference(starts="07:31"))


def test_a_number_that_is_not_known_is_missed_in_a_conference() -> None:
    dark = headcount(value=None, state="unknown", reason="dark")
    assert found(dark) == []
    issue = only(dark, conference())
    assert (issue.key, issue.state, issue.words[1]) == ("count:dark", "warning", "dark or covered")
    told_twice = (dark, conference(), readiness(check("camera.picture", "failed", reason="dark")))
    assert found(*told_twice) == [("check:camera.picture:dark", "warning")]
    untold = folded(status("running", 1), power(), readiness(), conference()).by_id["nam-sach"]
    assert [each.key for each in issues(untold, AT)] == ["count"]
    assert found(conference(summoned=3)) == []  # more came than were summoned


@pytest.mark.parametrize(
    ("message", "issue"),
    [
        (event("site.duplicate", "fault"), ("event:site.duplicate", "fault")),
        (event("outbox.gap", "warning"), ("event:outbox.gap", "warning")),
        (told("health", rows_lost=7), ("rows_lost:7", "warning")),
        (told("health", outbox_rows=70, outbox_oldest_s=4000.0), ("rows_wait", "warning")),
    ],
)
def test_what_else_can_be_wrong_has_words_and_advice(message: Any, issue: tuple[str, str]) -> None:
    told_ = only(message)
    assert (told_.key, told_.state) == issue
    assert all((*told_.words, *told_.advice))


def test_a_later_event_of_another_kind_hides_none() -> None:
    two = (event("site.duplicate", "fault"), event("agent.restarted", "warning", at="2012-11-20T07:31:00.000Z"))
    keys = [("event:site.duplicate", "fault"), ("event:agent.restarted", "warning")]
    assert found(*two) == found(*reversed(two)) == keys


@pytest.mark.parametrize(
    ("people", "machine", "at", "is_told"),
    [
        (50, 39, "07:10", True),
        (50, 61, "07:10", True),
        (50, 40, "07:10", False),
        (4, 7, "07:10", False),
        (0, 4, "07:10", True),
        (50, 39, "06:59", False),  # of a conference before
        (50, None, "07:10", False),
    ],
)
def test_a_person_who_counts_otherwise_than_the_machine_is_told_and_makes_no_site_look_worse(
    people: int, machine: int | None, at: str, is_told: bool
) -> None:
    human = {"people": people, "at": f"2012-11-20T{at}:00.000Z", "by": "an", "value": machine}
    told_ = site(headcount(human=human), conference())
    made = issues(told_, AT)
    assert [(each.key, each.is_minor) for each in made] == ([("count:doubted", True)] if is_told else [])
    assert all(each.advice[0] and str(people) in each.words[0] for each in made)
    assert tile(told_, AT).state == "ready"
    assert issues(site(headcount(human=human)), AT) == ()


def test_many_more_than_were_summoned_are_told_while_the_conference_goes_on() -> None:
    crowd = headcount(value=61)
    issue = only(crowd, conference(summoned=50))
    assert (issue.key, issue.is_minor, "summoned" in issue.words[1]) == ("count:many", True, True)
    assert tile(site(crowd, conference(summoned=50)), AT).state == "ready"
    assert found(crowd, conference(summoned=51)) == found(crowd, conference(starts="07:31", summoned=50)) == []


@pytest.mark.parametrize(
    ("state", "reason", "is_told"),
    [
        ("rejected", "invalid", True),
        ("rolled_back", "checks_worse: camera-main", True),
        ("rolled_back", None, True),
        ("rejected", "stale_base", False),
        ("applied", None, False),
    ],
)
def test_the_last_config_was_refused_or_taken_back(state: str, reason: str | None, is_told: bool) -> None:
    fields = {"id": "p", "revision": 3, "digest": "d", "effective_digest": "e"}
    made = issues(site(told("config/reported", state=state, reason=reason, **fields)), AT)
    assert [each.key for each in made] == ([f"config:{state}:3"] if is_told else [])
    assert all("cấu hình" in each.words[0] and each.advice[1] for each in made)


def test_nonsense_is_told_for_a_while_with_the_topic_also_of_one_that_is_away() -> None:
    view, _ = taken(site(status("lost", 1)), "power", b"\xff", AT)
    assert [each.key for each in issues(view, AT)] == ["lost", "nonsense"]
    assert "(power)" in issues(view, AT)[1].words[0]
    assert [each.key for each in issues(view, AT + timedelta(minutes=16))] == ["lost"]


def test_who_looks_after_an_issue_stands_there_and_it_comes_behind_the_others() -> None:
    missing = readiness(check("a", "failed", reason="missing"), check("b", "failed", reason="missing"))
    ack = Acknowledged("an", AT.timestamp())
    first, second = issues(site(missing), AT, {"check:a:missing": ack})
    assert (first.key, first.acknowledged) == ("check:b:missing", None)
    assert (second.key, second.acknowledged) == ("check:a:missing", ack)


@pytest.mark.parametrize(
    ("ack", "holds"),
    [
        (Acknowledged("an", AT.timestamp() - 3000), False),  # it has come again since
        (Acknowledged("an", AT.timestamp() - 1800), True),
        (Acknowledged("an", AT.timestamp() - 3000, AT.timestamp() - 1800), True),  # the site's clock is ahead
        (Acknowledged("an", AT.timestamp() - 3000, AT.timestamp() - 4000), False),
    ],
)
def test_what_comes_again_is_a_new_one(ack: Acknowledged, holds: bool) -> None:
    (issue,) = issues(site(readiness(check("a", "failed", reason="missing"))), AT, {"check:a:missing": ack})
    assert (issue.acknowledged is not None) == holds


def test_where_nobody_knows_since_when_it_holds_for_a_day_of_work() -> None:
    view = site(told("health", rows_lost=7))
    (issue,) = issues(view, AT, {"rows_lost:7": Acknowledged("an", AT.timestamp() - 3600)})
    assert issue.acknowledged is not None
    (issue,) = issues(view, AT, {"rows_lost:7": Acknowledged("an", AT.timestamp() - 86_400)})
    assert issue.acknowledged is None


def test_the_worst_comes_first() -> None:
    checks = readiness(check("a", "unknown"), check("b", "failed", reason="missing"))
    made = issues(site(checks, power(state="fault", reason="relay_failed"), told("health", rows_lost=1)), AT)
    ranks = [WORST_FIRST.index(each.state) for each in made]
    assert ranks == sorted(ranks)
    assert len(made) == 4
    json.dumps([each.words for each in made])
