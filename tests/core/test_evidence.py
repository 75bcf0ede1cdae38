"""agent/core/evidence.py: person or flicker, there or gone, from the history alone."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.evidence import LATEST, SOONEST, followed_by, is_person, left_after_s, person_weight
from tests.core.rig import examples

WINDOW_S = 90.0


def history(looks: str) -> int:
    """Bits of a history, the oldest look first."""
    return int(looks.replace(".", "0").replace("x", "1"), 2)


@pytest.mark.parametrize(
    ("looks", "odds", "person"),
    [
        ("x", 2.5, False),
        ("xx", 0.0, False),
        ("xxx", 0.0, True),
        ("xxx", -2.0, True),
        ("xx...x", -2.0, False),
        ("x..x..x..x", 0.0, False),
        ("xxx......xxx", 0.0, True),
        # Seen seldom, but in runs.
        ("xx............xx............xx", 0.0, True),
        # Once here and once there, in a room without flickers: somebody who looks down a lot.
        ("x........x", 2.0, True),
        ("x........x", 0.5, False),
        ("x...x", 2.0, False),
    ],
)
def test_a_face_that_comes_in_runs_is_a_person(looks: str, odds: float, person: bool) -> None:
    assert is_person(history(looks), odds, was_person=False) is person


def test_who_was_a_person_stays_one_on_less_evidence() -> None:
    doubtful = next(
        history("xxx" + "...x" * n + ".x")
        for n in range(30)
        if not is_person(history("xxx" + "...x" * n + ".x"), 0, False)
    )
    assert is_person(doubtful, 0.0, was_person=True)


@pytest.mark.parametrize("seed", range(5))
def test_of_long_histories_every_person_and_hardly_a_flicker_is_taken_for_one(seed: int) -> None:
    chance = Random(seed)
    persons = flickers = 0
    for _ in range(200):
        shown, person, flicker = True, "", ""
        for _ in range(100):
            person += "x" if shown else "."
            flicker += "x" if chance.random() < 0.1 else "."
            shown ^= chance.random() < 2 / 15
        persons += is_person(history(person + "x"), 0.0, was_person=False)
        flickers += is_person(history(flicker + "x"), 0.0, was_person=False)
    assert persons >= 198
    assert flickers <= 4


@examples(60)
@given(again=st.integers(0, 100), ended=st.integers(0, 20), quiet=st.integers(200, 400))
def test_a_sighting_that_is_followed_speaks_for_a_person(again: int, ended: int, quiet: int) -> None:
    assert person_weight(again + 1, ended, ended, quiet) > person_weight(again, ended, ended, quiet)


@pytest.mark.parametrize("share", [0.25, 0.5])
def test_what_is_often_there_is_no_flicker_however_it_comes_and_goes(share: float) -> None:
    """Looks far apart: whether a face shows says nothing about the next look."""
    chance = Random(1)
    bits = history("".join("x" if chance.random() < share else "." for _ in range(200)) + "x")
    assert is_person(bits, 1.0, False, followed_by(30.0, 30.0, 1 - share), 30.0)


def test_who_stays_for_a_moment_is_nobody_however_fast_the_looks_follow() -> None:
    assert not is_person(history("xxxx"), 0.0, False, 0.75, 0.5)
    assert is_person(history("xxxxxxxxx"), 0.0, False, 0.75, 0.5)


def test_the_farther_apart_the_looks_the_less_a_sighting_is_followed() -> None:
    followed = [followed_by(passed_s, 15.0, 0.5) for passed_s in (0.5, 2, 5, 10, 30)]
    assert followed == sorted(followed, reverse=True)
    assert followed[0] > 0.75 > 0.5 > followed[-1] >= 0.3


def test_one_who_looks_down_is_waited_for_longest() -> None:
    assert left_after_s([0.0] * 10, 15.0, 0.5, WINDOW_S) == LATEST * WINDOW_S


def test_a_third_that_has_not_been_seen_for_long_has_left_together() -> None:
    gaps_s = [0.0, 2.0, 10.0, 30.0] * 10 + [70.0] * 15
    assert left_after_s(gaps_s, 15.0, 0.5, WINDOW_S) == 70.0


def test_where_faces_are_down_for_minutes_the_same_third_is_waited_for() -> None:
    gaps_s = [0.0, 2.0, 10.0, 30.0] * 10 + [70.0] * 15
    assert left_after_s(gaps_s, 60.0, 0.5, WINDOW_S) == LATEST * WINDOW_S


@examples(60)
@given(
    gaps_s=st.lists(st.floats(0, 2000), max_size=30),
    mean_gap_s=st.floats(0.1, 1000),
    hidden_share=st.floats(0.05, 0.95),
)
def test_nobody_is_gone_before_or_after_the_limits(gaps_s: list[float], mean_gap_s: float, hidden_share: float) -> None:
    assert SOONEST * WINDOW_S <= left_after_s(gaps_s, mean_gap_s, hidden_share, WINDOW_S) <= LATEST * WINDOW_S
