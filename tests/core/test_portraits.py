"""agent/core/portraits.py: a picture on the wall, and people who sit still."""

from collections.abc import Sequence
from random import Random

import pytest

from agent.core import portraits as core
from agent.core.places import Places, Spot
from agent.core.portraits import MOVED, STILL_FOR_S, tremble_px
from tests.core.crowd import EVERY_S, FACE_PX, spot, taken_in

LOOKS = 420
TREMBLE_PX = tremble_px(FACE_PX)


def sequence(moves_px: Sequence[float], looks: int = LOOKS, seed: int = 0, seen: float = 1.0) -> list[list[Spot]]:
    """Looks at faces in a row, each of which moves by so much (root of the mean square of both directions)."""
    chance = Random(f"portraits {seed}")
    each = [px / 2**0.5 for px in moves_px]
    return [
        [
            spot(100 + 100 * i + chance.gauss(0, px), 300 + chance.gauss(0, px))
            for i, px in enumerate(each)
            if chance.random() < seen
        ]
        for _ in range(looks)
    ]


def set_aside(places: Places) -> list[int]:
    """Which faces of the row are taken for pictures."""
    return sorted(round((p.x - 100) / 100) for p in places.places if p.number in places.portraits)


@pytest.mark.parametrize(("width_px", "measured_px"), [(10, 0.2), (23, 0.4), (50, 0.7)])
def test_the_trembling_is_as_it_was_measured(width_px: float, measured_px: float) -> None:
    assert tremble_px(width_px) == pytest.approx(measured_px, abs=0.05)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("people", [0, 1, 2, 8])
def test_a_picture_is_found_after_ten_minutes_alone_and_among_people(people: int, seed: int) -> None:
    looks = sequence([TREMBLE_PX] + [2.1] * people, seed=seed)
    early = taken_in(*looks[: int(STILL_FOR_S / EVERY_S) - 1])
    assert set_aside(early) == []
    assert set_aside(taken_in(*looks[int(STILL_FOR_S / EVERY_S) - 1 :], before=early)) == [0]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("people", [1, 2, 8])
def test_people_who_sit_as_still_as_can_be_are_none(people: int, seed: int) -> None:
    """They move by a pixel to each side."""
    assert set_aside(taken_in(*sequence([2**0.5] * people, seed=seed))) == []


def test_who_looks_down_now_and_then_is_none_however_still() -> None:
    assert set_aside(taken_in(*sequence([TREMBLE_PX], seen=0.8))) == []


@pytest.mark.parametrize("people", [0, 1, 8])
def test_a_picture_that_moves_comes_back_at_once_and_has_to_be_still_for_ten_minutes_again(people: int) -> None:
    looks = sequence([TREMBLE_PX] + [2.1] * people)
    places = taken_in(*looks)
    assert set_aside(places) == [0]
    moved = [[Spot(x + 5 * (x < 150), y, w, h, score) for x, y, w, h, score in faces] for faces in looks]
    places = taken_in(moved[0], before=places)
    assert set_aside(places) == []
    assert places.people == people + 1
    places = taken_in(*moved[1:290], before=places)
    assert set_aside(places) == []
    assert set_aside(taken_in(*moved[290:320], before=places)) == [0]


@pytest.mark.parametrize(("times", "still"), [(0.99, True), (1.01, False)])
def test_one_look_that_moved_is_enough_to_be_alive(times: float, still: bool) -> None:
    (place,) = taken_in([spot(500)]).places
    _, still_s = core.stirred(place, (times * MOVED * TREMBLE_PX) ** 2, 77.0)
    assert still_s == (place.still_s if still else 77.0)


def test_how_restless_a_face_is_is_what_it_was_for_a_while() -> None:
    (place,) = taken_in([spot(500)]).places
    for _ in range(500):
        stir, _ = core.stirred(place, 4.0, 0.0)
        place = place._replace(stir=stir)
    assert place.stir == pytest.approx(4.0, abs=0.01)
