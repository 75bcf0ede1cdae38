"""agent/core/shift.py: by how much all faces moved together."""

from random import Random

import pytest

from agent.core.shift import ENOUGH, Spot, common_shift
from tests.core.crowd import FACE_PX, seats

REACH_PX = 8 * FACE_PX


def spots(people: int = 20, dx: float = 0.0, dy: float = 0.0, jitter_px: float = 0.0, seed: int = 0) -> list[Spot]:
    """Faces here and there; moved as a whole, and each by a bit of its own."""
    chance, own = Random(f"spots {seed}"), Random(f"own {seed} {dx} {dy}")
    return [
        (
            chance.uniform(100, 1500) + dx + own.gauss(0, jitter_px),
            chance.uniform(100, 900) + dy + own.gauss(0, jitter_px),
            FACE_PX,
        )
        for _ in range(people)
    ]


@pytest.mark.parametrize("move", [(0, 0), (12, 0), (-50, 30), (150, -120), (300, 0)])
@pytest.mark.parametrize("seed", range(3))
def test_the_movement_of_all_faces_is_found_to_the_pixel(move: tuple[float, float], seed: int) -> None:
    found = common_shift(spots(seed=seed), spots(dx=move[0], dy=move[1], jitter_px=1.5, seed=seed), REACH_PX)
    assert found is not None
    assert found[:2] == pytest.approx(move, abs=2)
    assert found[2] >= 20


def test_half_of_the_faces_are_enough_to_follow_and_strangers_among_them_do_not_matter() -> None:
    before = spots(40)
    now = spots(40, dx=70, dy=20, jitter_px=1.5)[::2] + spots(6, seed=9)
    found = common_shift(before, now, REACH_PX)
    assert found is not None
    assert found[:2] == pytest.approx((70, 20), abs=2)


@pytest.mark.parametrize("people", range(ENOUGH))
def test_a_few_people_who_move_are_no_camera_that_does(people: int) -> None:
    assert common_shift(spots(people), spots(people, dx=50), REACH_PX) is None
    assert common_shift(spots(20), spots(20)[:people], REACH_PX) is None


def test_beyond_the_reach_nothing_is_found() -> None:
    assert common_shift(spots(6), spots(6, dx=5000), REACH_PX) is None


def test_the_order_of_faces_does_not_matter() -> None:
    before, now = spots(15), spots(15, dx=90, jitter_px=2)
    assert common_shift(before[::-1], now, REACH_PX) == common_shift(before, now, REACH_PX)
    assert common_shift(before, now[::-1], REACH_PX) == common_shift(before, now, REACH_PX)


def test_rows_of_chairs_that_moved_by_one_chair_are_taken_to_have_moved_least() -> None:
    """Which of the many movements it was that take a grid onto itself, nobody can know."""
    rows = [(x, y, FACE_PX) for x, y in seats(60)]
    found = common_shift(rows, rows, REACH_PX)
    assert found is not None
    assert found[:2] == pytest.approx((0, 0), abs=3)


def test_a_full_hall_is_compared_by_a_part_of_its_faces() -> None:
    found = common_shift(spots(900), spots(900, dx=40), REACH_PX)
    assert found is not None
    assert found[:2] == pytest.approx((40, 0), abs=2)
