"""agent/console/roll_call.py: who answered, who is fit, and what is to be done."""

import json
from typing import Any

import pytest

from agent.console import roll_call
from agent.console.roll_call import RollCall, Row

COMMON = {"at": "2012-11-20T07:30:00.000Z", "session": "s", "clock": "synced"}
FAILED = {"name": "mic-table", "group": "audio", "required": True, "state": "failed", "reason": "missing"}
FAILED |= {"since": COMMON["at"], "advice": "Kiểm tra cáp.", "changes": 3}
SPARE = {**FAILED, "name": "box.clock", "group": "box", "required": False, "state": "warning"}
WELL = {**FAILED, "name": "codec", "state": "ok", "reason": None}


def say(call: RollCall, site: str, name: str, at_s: float = 1.0, **fields: Any) -> RollCall:
    raw = json.dumps({**COMMON, **fields}).encode()
    return roll_call.heard(call, f"diemcau/v1/{site}/{name}", raw, at_s)


def there(*sites: str, state: str = "running") -> RollCall:
    call = RollCall()
    for site in sites:
        call = say(call, site, "status", state=state, connection=1, boot_id="b", version="1")
    return roll_call.asked(call, "q-1", 100.0)


def answer(
    call: RollCall, site: str, after_s: float = 0.5, id_: str = "q-1", state: str = "done", reason: str | None = None
) -> RollCall:
    return say(call, site, "command/result", 100.0 + after_s, id=id_, state=state, reason=reason, result={})


def tell(call: RollCall, site: str, ready: bool | None, *checks: Any) -> RollCall:
    return say(call, site, "readiness", ready=ready, checks=[WELL, *checks])


def verdicts(call: RollCall) -> dict[str, str]:
    return {row.site: row.verdict for row in roll_call.rows(call)}


def test_a_site_that_answers_and_is_ready_is_go() -> None:
    call = tell(answer(there("chi-linh"), "chi-linh"), "chi-linh", True, SPARE)
    (row,) = roll_call.rows(call)
    assert (row.verdict, row.answered_s, [each.name for each in row.why]) == ("go", 0.5, ["box.clock"])
    assert call.is_complete


@pytest.mark.parametrize(("ready", "verdict"), [(True, "go"), (False, "no-go"), (None, "unknown")])
def test_what_a_site_says_of_itself_is_its_verdict(ready: bool | None, verdict: str) -> None:
    assert verdicts(tell(answer(there("a"), "a"), "a", ready, FAILED)) == {"a": verdict}


def test_a_site_that_does_not_answer_is_no_go_and_named_whatever_it_said_before() -> None:
    before = tell(RollCall(), "b", True)
    before = say(before, "b", "status", state="running", connection=1, boot_id="b", version="1")
    call = roll_call.asked(before, "q-1", 100.0)
    assert verdicts(call) == {"b": "no-go"}
    assert not call.is_complete


@pytest.mark.parametrize("state", ["lost", "stopped"])
def test_a_site_that_is_away_is_not_waited_for_and_no_go(state: str) -> None:
    call = there("a", state=state)
    assert call.is_complete
    assert roll_call.rows(call) == [Row("a", "a", "no-go", state, None)]


def test_an_answer_to_another_question_or_one_on_the_way_is_none() -> None:
    call = answer(answer(there("a"), "a", id_="q-0"), "a", state="accepted")
    assert roll_call.heard(call, "diemcau/v1/a/command/result", b"{", 101.0).answered_s == {}


@pytest.mark.parametrize("state", ["refused", "failed"])
@pytest.mark.parametrize("ready", [None, True, False])
def test_a_site_that_says_no_is_there_and_unknown_with_its_reason(state: str, ready: bool | None) -> None:
    call = answer(there("a", "b"), "a", state=state, reason="clock_unsynced")
    assert not call.is_complete
    call = answer(call, "a", after_s=9.0)  # a second final state is none
    if ready is not None:
        call = tell(call, "a", ready, FAILED)
    silent, row = roll_call.rows(call)
    assert (silent.site, silent.verdict) == ("b", "no-go")
    assert (row.verdict, row.answered_s, row.refused is not None) == ("unknown", 0.5, True)
    document = roll_call.document(row)
    assert (document["state"], document["reason"]) == (state, "clock_unsynced")
    assert roll_call.document(silent)["state"] == "no_answer"


def test_a_site_that_says_no_is_not_waited_for() -> None:
    assert answer(there("a"), "a", state="refused", reason="expired").is_complete


def test_what_the_broker_had_stored_is_no_answer_however_late_it_comes() -> None:
    call = answer(there("a"), "a")
    raw = json.dumps({**COMMON, "ready": True, "checks": []}).encode()
    late = roll_call.heard(call, "diemcau/v1/a/readiness", raw, 101.0, is_retained=True)
    assert not late.is_complete
    assert verdicts(late) == {"a": "unknown"}
    assert late.sites.by_id["a"].readiness is not None
    fresh = roll_call.heard(late, "diemcau/v1/a/readiness", raw, 102.0)
    assert (fresh.is_complete, verdicts(fresh)) == (True, {"a": "go"})


def test_a_site_that_does_not_tell_how_it_is_is_unknown() -> None:
    assert verdicts(answer(there("old"), "old")) == {"old": "unknown"}


def test_the_worst_come_first_and_required_checks_before_the_others() -> None:
    call = there("a", "b", "c")
    call = tell(answer(call, "a"), "a", True)
    call = tell(answer(call, "b"), "b", False, SPARE, FAILED)
    assert [row.site for row in roll_call.rows(call)] == ["c", "b", "a"]
    assert [check.name for check in roll_call.rows(call)[1].why] == ["mic-table", "box.clock"]


def test_what_a_site_says_is_shown_as_text_and_cut() -> None:
    nasty = {**FAILED, "name": "mic\x1b[31m", "reason": "<b>\n" + "x" * 200, "advice": "do\x07 " + "y" * 500}
    (row,) = roll_call.rows(tell(answer(there("a"), "a"), "a", False, nasty))
    sentence = roll_call.sentence(row.why[0])
    assert sentence.isprintable()
    assert len(sentence) < 400
