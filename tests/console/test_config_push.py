"""agent/console/config_push.py and rollout.py: what a desk says to a site, and when it stops, as tables."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from agent.console.config_push import Act, Ask, Push, Say, answered, begin, give_up, heard, lost, receipt
from agent.console.rollout import has_failed, waves
from agent.core.config_messages import ConfigDesired, ConfigReported
from agent.core.wire import encode

AT = datetime(2026, 11, 20, 7, 30, tzinfo=UTC)
MESSAGE = ConfigDesired(
    id="u1", revision=4, base_revision=3, issued_by="Lan", issued_at=AT, confirm_within_s=120, config={}
)
BEFORE = b'{"id": "before"}'
DESIRED, CONFIRM = "config/desired", "config/confirm"


def a_push(**changes: Any) -> Push:
    return Push("nam-sach", MESSAGE, BEFORE, **changes)


def report(state: Any, id_: str | None = "u1", revision: int | None = 4, **fields: Any) -> ConfigReported:
    common = {"at": AT, "session": "s", "clock": "synced", "digest": None, "effective_digest": "e"}
    return ConfigReported(**common, id=id_, revision=revision, state=state, **fields)  # type: ignore[arg-type]


def said(acts: tuple[Act, ...]) -> list[tuple[str, bytes, bool]]:
    return [(each.name, each.raw, each.retain) for each in acts if isinstance(each, Say)]


def after(*reports: ConfigReported, **changes: Any) -> tuple[Push, list[tuple[str, bytes, bool]]]:
    push, acts = begin(a_push(**changes))
    heard_of = said(acts)
    for each in reports:
        push, acts = heard(push, each)
        heard_of += said(acts)
    return push, heard_of


FIRST = (DESIRED, encode(MESSAGE), True)
FOR_GOOD = (DESIRED, encode(MESSAGE.model_copy(update={"confirm_within_s": 0.0, "base_revision": None})), True)
KEPT = (CONFIRM, b'{"id":"u1"}', False)
BACK = (DESIRED, BEFORE, True)
WITHDRAWN = (DESIRED, b"", True)


@pytest.mark.parametrize(
    ("reports", "outcome", "reason", "published"),
    [
        ([], None, None, []),
        ([report("deferred", reason="room_on")], None, "room_on", []),
        ([report("applying")], None, None, []),
        ([report("pending_confirm", checks_worse=None)], None, None, []),
        ([report("pending_confirm", checks_worse=())], None, None, [KEPT]),
        ([report("pending_confirm", checks_worse=())] * 2, None, None, [KEPT, KEPT]),
        ([report("pending_confirm", checks_worse=()), report("applying")], None, None, [KEPT]),
        ([report("pending_confirm", checks_worse=("a",))], None, "checks_worse", []),
        (
            [report("pending_confirm", checks_worse=("a",)), report("pending_confirm", checks_worse=())],
            None,
            None,
            [KEPT],
        ),
        ([report("pending_confirm", checks_worse=()), report("applied")], "applied", None, [KEPT, FOR_GOOD]),
        ([report("applied")], "applied", None, [FOR_GOOD]),  # the same config ran already
        ([report("applied"), report("rejected", reason="old_revision")], "applied", None, [FOR_GOOD]),
        ([report("rejected", reason="stale_base")], "rejected", "stale_base", [BACK]),
        ([report("rejected", id_=None, reason="malformed")], "rejected", "malformed", [BACK]),
        ([report("rolled_back", reason="broker_lost")], "rolled_back", "broker_lost", [BACK]),
        (
            [report("pending_confirm", checks_worse=()), report("rolled_back", reason="not_stored")],
            "rolled_back",
            "not_stored",
            [KEPT, BACK],
        ),
        # of others
        ([report("rejected", id_="u2")], None, None, []),
        ([report("applied", id_=None)], None, None, []),
        ([report("rejected", id_=None, revision=3)], None, None, []),
        ([report("rejected", id_=None, revision=None)], None, None, []),
    ],
)
def test_what_a_site_reports_leads_to_one_outcome(
    reports: list[ConfigReported], outcome: str | None, reason: str | None, published: list[Any]
) -> None:
    push, all_ = after(*reports)
    assert (push.outcome, push.reason) == (outcome, reason)
    assert all_ == [FIRST, *published]


@pytest.mark.parametrize(
    ("reports", "outcome", "reason", "published"),
    [
        ([], "no_answer", "time_over", [WITHDRAWN, BACK]),
        ([report("deferred", reason="room_on")], "deferred", "withdrawn: room_on", [WITHDRAWN, BACK]),
        ([report("applying")], "no_answer", "goes_back", [WITHDRAWN, BACK]),
        ([report("pending_confirm", checks_worse=("a",))], "no_answer", "goes_back", [WITHDRAWN, BACK]),
        ([report("deferred", reason="going_back: room_on")], "no_answer", "goes_back", [WITHDRAWN, BACK]),
        ([report("pending_confirm", checks_worse=())], "no_answer", "confirmed", []),
        ([report("applied")], "applied", None, []),
    ],
)
def test_at_the_end_of_the_time_nothing_is_left_half_done(
    reports: list[ConfigReported], outcome: str, reason: str | None, published: list[Any]
) -> None:
    push, _ = after(*reports)
    push, acts = give_up(push, "time_over")
    assert (push.outcome, push.reason, said(acts)) == (outcome, reason, published)
    assert give_up(push, "time_over") == (push, ())


def test_where_nothing_was_stored_before_nothing_is_stored_after() -> None:
    push = Push("nam-sach", MESSAGE)
    assert said(give_up(push, "time_over")[1]) == [WITHDRAWN]
    assert said(heard(push, report("rejected"))[1]) == [WITHDRAWN]


def test_what_was_never_to_stay_is_not_put_back() -> None:
    assert said(heard(a_push(is_for_good=False), report("rejected"))[1]) == [WITHDRAWN]
    assert said(give_up(a_push(is_for_good=False), "time_over")[1]) == [WITHDRAWN]


@pytest.mark.parametrize(
    ("phase", "is_ended"),
    [("sent", True), ("deferred", True), ("trying", False), ("held", False), ("confirmed", False)],
)
def test_a_site_that_is_lost_is_waited_for_only_where_it_has_begun(phase: Any, is_ended: bool) -> None:
    known = a_push(phase=phase)
    push, acts = lost(known)
    if is_ended:
        assert (push.outcome, push.reason, said(acts)) == ("no_answer", "lost", [WITHDRAWN, BACK])
    else:
        assert (push, acts) == (known, ())


def test_what_the_broker_keeps_from_the_site_needs_no_putting_back() -> None:
    push, acts = receipt(a_push(), DESIRED, 0x87)
    assert (push.outcome, said(acts)) == ("not_permitted", [])
    assert receipt(a_push(), DESIRED, 0x10) == (a_push(), ())  # nobody listens yet
    push, acts = receipt(a_push(phase="confirmed"), CONFIRM, 0x87)
    assert (push.outcome, said(acts)) == ("not_permitted", [WITHDRAWN, BACK])


def test_a_person_is_asked_once_and_again_when_the_checks_change() -> None:
    push, acts = heard(a_push(asks=True), report("pending_confirm", checks_worse=()))
    assert acts == (Ask(),)
    assert heard(push, report("pending_confirm", checks_worse=())) == (push, ())
    assert heard(push, report("pending_confirm", checks_worse=("a",)))[1] == (Ask(),)
    kept, acts = answered(push, True)
    assert said(acts) == [KEPT]
    assert answered(kept, True) == (kept, ())
    declined, acts = answered(push, False)
    assert (declined.reason, acts) == ("declined", ())
    assert heard(declined, report("pending_confirm", checks_worse=())) == (declined, ())
    assert heard(declined, report("rolled_back", reason="not_confirmed"))[0].outcome == "rolled_back"


@pytest.mark.parametrize(
    ("count", "sizes"), [(0, []), (1, [1]), (2, [1, 1]), (3, [1, 1, 1]), (14, [1, 1, 12]), (100, [1, 10, 89])]
)
def test_one_site_then_a_tenth_then_all(count: int, sizes: list[int]) -> None:
    sites = [f"s{number}" for number in range(count)]
    found = waves(sites)
    assert [len(each) for each in found] == sizes
    assert [site for wave in found for site in wave] == sites


@pytest.mark.parametrize(
    ("outcomes", "failed"),
    [
        (["applied"], False),
        (["applied", "deferred"], False),
        (["deferred"], True),
        (["applied", "rejected"], True),
        (["applied", "rolled_back"], True),
        (["applied", "no_answer"], True),
        (["applied", "not_permitted"], True),
    ],
)
def test_a_wave_fails_with_a_site_that_does_or_when_nobody_took_it(outcomes: list[Any], failed: bool) -> None:
    assert has_failed(outcomes) is failed
    assert has_failed(outcomes, is_unattended=True) is (failed and outcomes != ["deferred"])


def test_what_nobody_confirms_is_left_with_a_site_whose_room_is_on() -> None:
    unattended = a_push()
    unattended = replace(unattended, message=MESSAGE.model_copy(update={"confirm_within_s": 0.0}))
    left, acts = heard(unattended, report("deferred", reason="room_on"))
    assert (left.outcome, left.reason, acts) == ("deferred", "left_with_site", ())
    assert heard(unattended, report("deferred", reason="switching"))[0].outcome is None


@pytest.mark.parametrize(
    ("reports", "outcome", "reason", "published", "is_undecided"),
    [
        ([report("applying")], "deferred", "left_with_site", [], True),
        ([report("pending_confirm", checks_worse=("a",))], "deferred", "left_with_site", [], True),
        # it has decided, or has not begun
        ([report("deferred", reason="going_back: room_on")], "no_answer", "goes_back", [WITHDRAWN, BACK], False),
        ([report("deferred", reason="switching")], "deferred", "withdrawn: switching", [WITHDRAWN, BACK], False),
        ([], "no_answer", "interrupted", [WITHDRAWN, BACK], False),
    ],
)
def test_what_nobody_confirms_is_left_on_trial_with_the_site(
    reports: list[ConfigReported], outcome: str, reason: str, published: list[Any], is_undecided: bool
) -> None:
    push = replace(a_push(), message=MESSAGE.model_copy(update={"confirm_within_s": 0.0}))
    for each in reports:
        if not (each.reason or "").startswith("going_back"):
            push, _ = heard(push, each)
        else:
            push, _ = heard(replace(push, phase="trying"), each)
    push, acts = give_up(push, "interrupted")
    assert (push.outcome, push.reason, said(acts), push.is_undecided) == (outcome, reason, published, is_undecided)
