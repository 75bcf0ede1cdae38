"""agent/core/commanding.py: which commands are carried out."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from agent.core import commanding
from agent.core.commanding import (
    BURST,
    KEPT,
    LARGE_KEPT,
    PER_S,
    REFUSED_KEPT,
    Bucket,
    Commanding,
    Verdict,
    judge,
    remember,
)
from agent.core.events import MessageReceived, Now, Settled
from tests.core.rig import BEGIN_S, UTC_AT_BEGIN, logs, now_at

COMMAND: dict[str, Any] = {
    "id": "c-1",
    "action": "recount",
    "args": {"people": 50},
    "issued_by": "an@tinh",
    "issued_at": "2012-11-20T07:30:00.000Z",
}


def raw(**changes: Any) -> bytes:
    """A command; a field that is changed to ... is not there."""
    return json.dumps({key: value for key, value in {**COMMAND, **changes}.items() if value is not ...}).encode()


def message(payload: bytes | None = None, **about: Any) -> MessageReceived:
    facts: dict[str, Any] = {"retain": False, "expiry_s": 30, "received_s": BEGIN_S, **about}
    return MessageReceived("diemcau/v1/chi-linh/command", raw() if payload is None else payload, **facts)


def verdict(
    payload: bytes | None = None,
    now: Now | None = None,
    before: Commanding = Commanding(),
    for_all: bool = False,
    **about: Any,
) -> Verdict:
    return judge(before, message(payload, **about), now or now_at(BEGIN_S), for_all)


def reason(*args: Any, **kwargs: Any) -> str | None:
    """Why a command is refused; None: it is carried out."""
    found = verdict(*args, **kwargs)
    assert (found.order is None) != (found.answer is None)
    assert found.answer is None or (found.answer.state, found.answer.result) == ("refused", None)
    return None if found.answer is None else found.answer.reason


def test_a_good_command_is_to_be_carried_out() -> None:
    order = verdict().order
    assert order is not None
    assert (order.id, order.action, order.args, order.issued_by) == ("c-1", "recount", {"people": 50}, "an@tinh")


@pytest.mark.parametrize(
    "changes", [{"args": ..., "action": "report"}, {"args": {"people": 5, "colour": "red"}}, {"new": 1}]
)
def test_fields_of_a_later_version_are_ignored_and_no_args_are_empty_ones(changes: dict[str, Any]) -> None:
    assert reason(raw(**changes)) is None


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"action": "reboot"}, "unknown_action"),
        ({"action": "Recount"}, "unknown_action"),
        ({"action": 7}, "malformed: action: "),
        ({"action": ...}, "malformed: action: "),
        ({"issued_at": ...}, "malformed: issued_at: "),
        ({"issued_at": 1353396600}, "malformed: issued_at: "),
        ({"issued_at": "2012-11-20T07:30:00"}, "malformed: issued_at: "),
        ({"issued_by": ...}, "malformed: issued_by: "),
        ({"issued_by": "x" * 201}, "malformed: issued_by: "),
        ({"issued_by": "\ud800"}, "malformed: issued_by: "),
        ({"args": [1]}, "malformed: args: "),
        ({"args": {}}, "malformed: args.people: "),
        ({"args": {"people": -1}}, "malformed: args.people: "),
        ({"args": {"people": 100_001}}, "malformed: args.people: "),
        ({"args": {"people": 2.5}}, "malformed: args.people: "),
        ({"args": {"people": True}}, "malformed: args.people: "),
        ({"args": {"people": "50"}}, "malformed: args.people: "),
        ({"args": {"people": None}}, "malformed: args.people: "),
        ({"args": {"people": float("nan")}}, "malformed: NaN"),
        ({"args": {"people": 5, "x": float("inf")}}, "malformed: Infinity"),
    ],
)
def test_what_is_wrong_is_refused_with_the_place(changes: dict[str, Any], why: str) -> None:
    found = reason(raw(**changes))
    assert found is not None
    assert found.startswith(why)
    assert found.isprintable()


@pytest.mark.parametrize("people", [0, 1, 100_000])
def test_any_number_of_people_up_to_the_limit_is_taken(people: int) -> None:
    assert reason(raw(args={"people": people})) is None


def test_what_nobody_can_be_told_about_is_a_line_in_the_log() -> None:
    found = verdict(b"\xff{")
    assert (found.order, found.answer) == (None, None)
    assert "warning: command: one that nobody can be told about: this is not JSON" in logs(found.remarks)


# Age


def test_a_command_with_the_retain_flag_is_refused_whatever_it_says() -> None:
    assert reason(retain=True) == "retained"
    assert reason(raw(action=7), retain=True) == "retained"


@pytest.mark.parametrize(
    ("age_s", "expiry_s", "waited_s", "synced", "why"),
    [
        (0, 30, 0, True, None),
        (29, 1, 0, True, None),
        (0, 0, 0, True, None),
        (0, 30, 29, True, None),
        (31, 30, 31, True, "expired"),  # it lay in our own inbox
        (600, 30, 0, True, "expired"),  # it lay at its sender: the broker had it for a moment only
        (600, 3000, 0, True, None),  # given an hour to live
        (-61, 30, 0, True, "issued_in_future"),
        (-20, 30, 0, True, None),
        (86_400, 30, 0, False, None),  # an unsynced clock says nothing; the broker's expiry does
        (0, None, 0, True, None),
        (30, None, 0, True, None),
        (31, None, 0, True, "expired"),
        (-31, None, 0, True, "issued_in_future"),
        (0, None, 0, False, "clock_unsynced"),
    ],
)
def test_a_command_is_believed_while_it_is_fresh(
    age_s: float, expiry_s: int | None, waited_s: float, synced: bool, why: str | None
) -> None:
    now = Now(BEGIN_S + waited_s, UTC_AT_BEGIN + timedelta(seconds=age_s), synced)
    assert reason(now=now, expiry_s=expiry_s) == why


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_the_ends_of_time_are_no_crash(at: str) -> None:
    assert (reason(raw(issued_at=at)) or "").startswith("malformed: issued_at: ")


# For all


@pytest.mark.parametrize(("action", "why"), [("report", None), ("recount", "not_for_all"), ("aim", "not_for_all")])
def test_all_sites_at_once_may_only_be_asked_to_report(action: str, why: str | None) -> None:
    assert reason(raw(action=action), for_all=True) == why


# Again, and too many


def test_a_repeated_id_gets_the_same_answer_and_is_not_carried_out() -> None:
    done = Settled("c-1", UTC_AT_BEGIN, "done", None, {"people": 50})
    known, _ = remember(Commanding(), done, now_at(BEGIN_S))
    for payload in (raw(), raw(action="aim"), raw(action=7), raw(issued_at="2010-01-01T00:00:00Z")):
        found = verdict(payload, before=known)
        assert (found.order, found.answer) == (None, done)


def test_a_refused_id_stays_refused_so_that_it_has_one_final_state() -> None:
    first = verdict(retain=True)
    again = verdict(before=first.commanding)
    assert again.order is None
    assert again.answer == first.answer


def test_a_flood_is_refused_with_few_lines_in_the_log_and_bounded_memory() -> None:
    state, orders, reasons, lines = Commanding(), 0, [], 0
    for number in range(REFUSED_KEPT + 500):
        found = verdict(raw(id=f"c-{number}"), before=state)
        state, orders, lines = found.commanding, orders + (found.order is not None), lines + len(found.remarks)
        reasons += [found.answer.reason] if found.answer else []
    assert orders == BURST
    assert set(reasons) == {"too_many"}
    assert lines <= BURST
    assert len(state.refused) == REFUSED_KEPT
    later = now_at(BEGIN_S + 2)
    assert reason(raw(id="later", issued_at="2012-11-20T07:30:02Z"), now=later, before=state) is None


def test_in_a_flood_of_one_id_it_is_answered_for_a_while_and_never_differently() -> None:
    state = verdict(raw(action="nothing")).commanding
    answers = [
        found.answer for _ in range(3 * BURST) if (found := verdict(before=state)) and (state := found.commanding)
    ]
    assert {answer.reason for answer in answers if answer} == {"unknown_action"}
    assert sum(answer is not None for answer in answers) == BURST - 1


def test_one_a_second_is_never_too_many() -> None:
    state = Commanding()
    for second in range(500):
        found = verdict(raw(action="nothing", id=f"c-{second}"), now_at(BEGIN_S + second), state)
        state = found.commanding
        assert found.answer is not None
        assert found.answer.reason == "unknown_action"
    assert PER_S >= 1


# Memory


def settled(number: int, at_s: float = 0, size: int = 0) -> Settled:
    result = {"places": "x" * size}
    return Settled(f"id-{number}", UTC_AT_BEGIN + timedelta(seconds=at_s), "done", None, result)


def test_the_last_thousand_are_remembered_and_the_others_are_forgotten_on_disk_too() -> None:
    known, forgotten = Commanding(), []
    for number in range(KEPT + 3):
        known, forget = remember(known, settled(number), now_at(BEGIN_S))
        forgotten += forget
    assert len(known.executed) == KEPT
    assert forgotten == ["id-0", "id-1", "id-2"]


def test_after_a_week_a_command_is_forgotten_unless_nobody_knows_the_time() -> None:
    known, _ = remember(Commanding(), settled(1), now_at(BEGIN_S))
    week_s = commanding.KEPT_FOR.total_seconds() + 1
    assert remember(known, settled(2, week_s), now_at(BEGIN_S + week_s, synced=False))[1] == ()
    assert remember(known, settled(2, week_s), now_at(BEGIN_S + week_s))[1] == ("id-1",)


def test_large_results_are_kept_for_a_few_commands_only() -> None:
    known, forgotten = commanding.recalled((settled(0, size=5000), settled(1))), []
    for number in range(2, LARGE_KEPT + 4):
        known, forget = remember(known, settled(number, size=5000), now_at(BEGIN_S))
        forgotten += forget
    assert forgotten == ["id-0", "id-2", "id-3"]
    assert "id-1" in known.executed


def test_what_was_kept_is_known_again() -> None:
    known = commanding.recalled(tuple(settled(number) for number in range(KEPT + 5)))
    assert len(known.executed) == KEPT
    assert verdict(raw(id="id-1004"), before=known).answer == settled(1004)
    assert verdict(raw(id="id-2"), before=replace(known, bucket=Bucket(5))).order is not None
