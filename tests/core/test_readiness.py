"""agent/core/readiness.py: ready or not, since when; flapping is damped and counted."""

from typing import Any

import pytest

from agent.core import readiness
from agent.core.checkup import Finding
from agent.core.readiness import RULES, Readiness

FAST, SLOW = RULES
NOW_S = 5000.0


def finding(state: Any, reason: str | None = None, name: str = "a", required: bool = True) -> Finding:
    return Finding(name, "tcp", "connect", required, state, reason)


def after(*states: tuple[float, Any, str | None]) -> Readiness:
    known = Readiness()
    for at_s, state, reason in states:
        known = readiness.handle(known, (finding(state, reason),), NOW_S + at_s)
    return known


@pytest.mark.parametrize(
    ("states", "ready"),
    [
        (["ok", "ok"], True),
        (["ok", "warning"], True),
        (["ok", "failed"], False),
        (["ok", "unknown"], None),
        (["failed", "unknown"], False),
        ([], None),
    ],
)
def test_a_room_is_ready_when_what_it_needs_is(states: list[Any], ready: bool | None) -> None:
    every = [finding(state, name=str(number)) for number, state in enumerate(states)]
    every += [finding("failed", name="optional", required=False)] if states else []
    assert readiness.handle(Readiness(), tuple(every), NOW_S).ready is ready


def test_since_is_when_it_began_to_be_as_it_is() -> None:
    known = after((0, "ok", None), (5, "failed", "x"), (9, "failed", "x"))
    assert (known.watched["a"].since_s, known.watched["a"].changes) == (NOW_S + 5, 1)


def test_what_comes_and_goes_is_shown_as_its_worst_until_it_keeps_still_and_each_change_is_counted() -> None:
    states = [(number * 2.0, "failed" if number % 2 else "ok", None) for number in range(9)]
    known = after(*states)
    loose = known.watched["a"]
    assert (loose.state, loose.reason, loose.changes) == ("failed", "flapping", 8)
    assert known.deadline_s == NOW_S + 16 + FAST.steady_after_s
    assert known.ready is False
    still = readiness.handle(known, (finding("ok"),), NOW_S + 16 + FAST.steady_after_s - 0.1)
    assert still.watched["a"].reason == "flapping"
    steady = readiness.handle(still, (finding("ok"),), NOW_S + 16 + FAST.steady_after_s)
    assert (steady.watched["a"].state, steady.watched["a"].reason) == ("ok", None)
    assert (steady.watched["a"].changes, steady.deadline_s) == (8, None)


def test_a_flapping_check_is_no_news_at_each_change() -> None:
    known, said = Readiness(), set[Any]()
    for number in range(100):
        known = readiness.handle(known, (finding("failed" if number % 2 else "ok"),), NOW_S + number)
        each = known.watched["a"]
        said.add((each.state, each.reason, each.since_s))
    assert len(said) <= FAST.changes + 1


def flapping(pace_s: float, changes: int, last: Any = "ok") -> Readiness:
    """A change each ``pace_s``, the last one at ``NOW_S``, to ``last``."""
    return after(*[(pace_s * number, "failed" if number % 2 else last, None) for number in range(-changes, 1)])


@pytest.mark.parametrize(
    ("pace_s", "changes", "steady_after_s"),
    [
        (19.9, 3, None),
        (19.9, 4, FAST.steady_after_s),
        (20.0, 4, None),
        (22.0, 9, None),
        (22.0, 10, SLOW.steady_after_s),
        (99.9, 10, SLOW.steady_after_s),
        (100.0, 10, None),
        (1.0, 10, SLOW.steady_after_s),
    ],
)
def test_so_many_changes_within_so_long_are_flapping(pace_s: float, changes: int, steady_after_s: float | None) -> None:
    known = flapping(pace_s, changes, last="ok" if changes % 2 == 0 else "warning")
    assert known.watched["a"].is_flapping == (steady_after_s is not None)
    assert known.deadline_s == (None if steady_after_s is None else NOW_S + steady_after_s)


@pytest.mark.parametrize(("pace_s", "steady_after_s"), [(10.0, FAST.steady_after_s), (90.0, SLOW.steady_after_s)])
def test_it_is_steady_again_at_the_deadline_and_not_before(pace_s: float, steady_after_s: float) -> None:
    known = flapping(pace_s, 4 if pace_s < 20 else 10)
    assert known.deadline_s == NOW_S + steady_after_s
    soon = readiness.handle(known, (finding("ok"),), known.deadline_s - 0.01)
    assert (soon.watched["a"].state, soon.watched["a"].reason) == ("failed", "flapping")
    steady = readiness.handle(soon, (finding("ok"),), known.deadline_s)
    assert (steady.watched["a"].state, steady.watched["a"].reason, steady.deadline_s) == ("ok", None, None)


def test_what_began_fast_and_goes_on_slowly_is_still_flapping() -> None:
    known = flapping(10.0, 4)
    for number in range(1, 5):
        known = readiness.handle(known, (finding("failed" if number % 2 else "ok"),), NOW_S + 29 * number)
        assert known.watched["a"].is_flapping


def test_the_longest_pause_decides_where_both_rules_hold() -> None:
    known = flapping(5.0, 10)
    still = readiness.handle(known, (finding("ok"),), NOW_S + FAST.steady_after_s)
    assert (still.watched["a"].reason, still.deadline_s) == ("flapping", NOW_S + SLOW.steady_after_s)


def test_muting_a_microphone_is_counted_and_no_flapping() -> None:
    muting = [(number * 2.0, "warning" if number % 2 else "ok", "muted" if number % 2 else None) for number in range(9)]
    known = after(*muting)
    assert (known.watched["a"].is_flapping, known.watched["a"].changes) == (False, 8)


def test_a_microphone_that_comes_back_muted_is_loose_all_the_same() -> None:
    pulled = [
        (number * 2.0, "failed" if number % 2 else "warning", "missing" if number % 2 else "muted")
        for number in range(5)
    ]
    assert after(*pulled).watched["a"].is_flapping


def test_what_lost_its_power_with_the_room_and_came_back_with_it_is_not_loose() -> None:
    fed = [(number * 2.0, "unknown" if number % 2 else "ok", "room_off" if number % 2 else None) for number in range(9)]
    assert not after(*fed).watched["a"].is_flapping


def test_what_fails_for_one_reason_and_then_another_was_not_there_in_between() -> None:
    known = after(*((number * 2.0, "failed", "timeout" if number % 2 else "unreachable") for number in range(9)))
    assert (known.watched["a"].reason, known.watched["a"].changes) == ("unreachable", 8)


def test_one_pull_of_a_plug_that_was_mended_is_one_pull() -> None:
    known = after(*((number * 10.0, "failed" if number % 2 else "ok", None) for number in range(11)))
    assert known.watched["a"].is_flapping
    for at_s, state in ((100 + SLOW.steady_after_s, "ok"), (600, "failed"), (602, "ok")):
        known = readiness.handle(known, (finding(state),), NOW_S + at_s)
        assert known.watched["a"].reason is None


def test_a_few_changes_in_an_hour_are_no_flapping() -> None:
    known = after(*[(number * 300.0, "failed" if number % 2 else "ok", None) for number in range(12)])
    assert known.watched["a"].damped is None


def test_a_check_that_a_new_config_has_not_is_forgotten() -> None:
    known = readiness.handle(Readiness(), (finding("failed"), finding("ok", name="b")), NOW_S)
    assert list(readiness.handle(known, (finding("ok", name="b"),), NOW_S).watched) == ["b"]
