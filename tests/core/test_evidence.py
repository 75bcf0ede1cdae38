"""agent/core/evidence.py: person or flicker, there or gone, from the history alone."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.evidence import LATEST, SOONEST, is_person, left_after_s, person_weight
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
@given(followed=st.integers(0, 400), ended=st.integers(0, 400))
def test_a_sighting_that_is_followed_speaks_for_a_person_and_one_that_is_not_against(followed: int, ended: int) -> None:
    assert person_weight(followed + 1, ended) > person_weight(followed, ended) > person_weight(followed, ended + 1)


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
