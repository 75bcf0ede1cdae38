"""agent/console/progress.py: what is here, what is on its way, and what is gone, from numbers alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.console.progress import GoneRange, Progress, ack, progress
from agent.core.contract import MISSING_MAX


def numbers(*parts: tuple[int, int]) -> list[int]:
    return [seq for first, last in parts for seq in range(first, last + 1)]


def test_without_holes_all_is_here() -> None:
    assert progress(0, numbers((1, 5)), []) == Progress(5, 5)
    assert progress(5, numbers((6, 9)), []) == Progress(9, 9)
    assert progress(5, [], []) == Progress(5, 5)


def test_a_hole_stops_it_and_is_named() -> None:
    assert progress(0, numbers((1, 3), (5, 6), (9, 9)), []) == Progress(3, 9, (4, 7, 8))
    assert progress(0, numbers((3, 4)), []) == Progress(0, 4, (1, 2))


def test_what_the_site_was_told_and_the_database_lost_are_holes() -> None:
    assert progress(3, [], [], wanted=5) == Progress(3, 3, (4, 5))
    assert progress(3, [4, 5], [], wanted=5) == Progress(5, 5)


def test_more_holes_than_can_be_named() -> None:
    state = progress(0, [1000], [])
    assert (state.upto, len(state.holes), state.more) == (0, MISSING_MAX + 1, True)


def test_what_is_gone_is_no_hole_once_no_more_is_lacking_than_that() -> None:
    here = numbers((1, 3), (5, 5), (7, 10))
    assert progress(0, here, [GoneRange(4, 6, 2)]) == Progress(10, 10)
    # One of the range is still on its way: which of the two is gone nobody knows.
    assert progress(0, numbers((1, 3), (5, 5), (8, 10)), [GoneRange(4, 6, 2)]).holes == (7,)
    assert progress(0, numbers((1, 3), (7, 10)), [GoneRange(4, 6, 2)]).holes == (4, 5, 6)


def test_ranges_that_overlap_count_together() -> None:
    gone = [GoneRange(2, 8, 3), GoneRange(3, 7, 2), GoneRange(20, 20, 1)]
    here = [seq for seq in range(1, 30) if seq not in (2, 4, 6, 3, 7, 20)]
    assert progress(0, here, gone) == Progress(29, 29)


@given(st.sets(st.integers(1, 60)), st.integers(0, 60))
def test_all_that_is_not_here_is_a_hole_and_nothing_else(here: set[int], newest: int) -> None:
    here = {seq for seq in here if seq <= newest}
    state = progress(0, sorted(here), [])
    top = max(here, default=0)
    assert set(state.holes) == set(range(1, top + 1)) - here
    assert state.upto == min(state.holes, default=top + 1) - 1


def test_holes_are_named_once_they_are_old_and_what_lies_beyond_young_ones_waits() -> None:
    state = Progress(3, 9, (4, 7, 8))
    said = ack("e", state, 0, old=())
    assert said is not None
    assert (said.upto, said.missing, said.resend_from) == (3, (), None)
    said = ack("e", state, 3, old={4})
    assert said is not None
    assert (said.upto, said.missing) == (6, (4,))
    said = ack("e", state, 3, old={4, 7, 8})
    assert said is not None
    assert (said.upto, said.missing) == (9, (4, 7, 8))


def test_a_site_is_never_told_less_than_before_and_asked_for_all_of_it_where_too_much_is_gone() -> None:
    state = progress(3, [], [], wanted=9)
    assert ack("e", state, 9, old=()) is None
    said = ack("e", state, 9, old=set(state.holes))
    assert said is not None
    assert (said.upto, said.missing) == (9, (4, 5, 6, 7, 8, 9))
    lost = progress(3, [], [], wanted=1000)
    assert ack("e", lost, 1000, old=()) is None
    said = ack("e", lost, 1000, old=set(lost.holes))
    assert said is not None
    assert (said.upto, said.missing, said.resend_from) == (3, (), 4)


@pytest.mark.parametrize("told", [0, 5, 9])
def test_with_nothing_missing_the_newest_is_said(told: int) -> None:
    said = ack("e", Progress(9, 9), told, old=())
    assert said is not None
    assert (said.upto, said.missing, said.resend_from) == (9, (), None)
