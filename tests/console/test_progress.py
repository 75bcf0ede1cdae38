"""agent/console/progress.py: what is here, what is on its way, and what is gone, from numbers alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.console.progress import Here, Progress, ack, progress
from agent.core.contract import MISSING_MAX


def here(*seqs: int, of: list[int] | None = None) -> list[Here]:
    """These rows of a site that has, or had when it sent them, the rows ``of`` (default: every number)."""
    return [(seq, max((each for each in of or range(seq) if each < seq), default=0)) for seq in seqs]


def test_without_holes_all_is_here() -> None:
    assert progress(0, here(1, 2, 3, 4, 5)) == Progress(5, 5)
    assert progress(5, here(6, 7)) == Progress(7, 7)
    assert progress(5, []) == Progress(5, 5)


def test_a_hole_stops_it_and_is_named() -> None:
    assert progress(0, here(1, 2, 3, 5, 6, 9)) == Progress(3, 9, (4, 7, 8))
    assert progress(0, here(3, 4)) == Progress(0, 4, (1, 2))


def test_what_the_site_has_no_more_is_no_hole() -> None:
    left = [1, 2, 3, 6, 9]
    assert progress(0, here(1, 2, 3, 6, 9, of=left)) == Progress(9, 9)
    # 6 is on its way; whether there is a 7 or an 8 does not matter: the row 9 says that 6 is before it.
    assert progress(0, here(1, 2, 3, 9, of=left)) == Progress(3, 9, (4, 5, 6))
    assert progress(0, [(501, 0)]) == Progress(501, 501)


def test_what_the_site_was_told_and_the_database_lost_are_holes() -> None:
    assert progress(3, [], wanted=5) == Progress(3, 3, (4, 5))
    assert progress(3, here(4, 5), wanted=5) == Progress(5, 5)


def test_more_holes_than_can_be_named() -> None:
    state = progress(0, here(1000))
    assert (state.upto, len(state.holes), state.more) == (0, MISSING_MAX + 1, True)


@given(st.sets(st.integers(1, 60)), st.sets(st.integers(1, 60)))
def test_once_all_that_a_site_has_is_here_nothing_is_waited_for(on_disk: set[int], came: set[int]) -> None:
    """Whatever went from the disk, and whatever came before it went: with all that is left here there is no hole."""
    left = sorted(on_disk)
    everything = {**dict(here(*sorted(came - on_disk))), **dict(here(*left, of=left))}
    rows = sorted(everything.items())
    above = [seq for seq, _ in rows if seq > max(left, default=0)]
    state = progress(0, [row for row in rows if row[0] not in above])
    gone = came - on_disk - set(above)
    assert set(state.holes) <= set(range(1, max(gone, default=0)))
    assert progress(0, here(*left, of=left)) == Progress(max(left, default=0), max(left, default=0))


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


def test_a_site_is_never_told_less_than_before_and_asked_for_all_of_it_where_too_much_is_lost() -> None:
    state = progress(3, [], wanted=9)
    assert ack("e", state, 9, old=()) is None
    said = ack("e", state, 9, old=set(state.holes))
    assert said is not None
    assert (said.upto, said.missing) == (9, (4, 5, 6, 7, 8, 9))
    lost = progress(3, [], wanted=1000)
    assert ack("e", lost, 1000, old=()) is None
    said = ack("e", lost, 1000, old=set(lost.holes))
    assert said is not None
    assert (said.upto, said.missing, said.resend_from) == (3, (), 4)


@pytest.mark.parametrize("told", [0, 5, 9])
def test_with_nothing_missing_the_newest_is_said(told: int) -> None:
    said = ack("e", Progress(9, 9), told, old=())
    assert said is not None
    assert (said.upto, said.missing, said.resend_from) == (9, (), None)
