"""agent/core/headcount.py: frames that nobody can be counted in are unknown with a reason, whatever boxes they have."""

import math
import random
import time

import pytest

from agent.core.config import HeadcountSection
from agent.core.events import Detection, FrameSeen
from agent.core.headcount import MOST_FACES, Estimate, Estimator, add_frame, estimate, single

CONFIG = HeadcountSection()
WIDTH, HEIGHT = 1920, 1080


def frame(*faces: Detection, at_s: float = 1.0, width: int = WIDTH, height: int = HEIGHT) -> FrameSeen:
    return FrameSeen(1, at_s, width, height, faces, 20.0, 90.0, 0.0)


def over_the_room(number: int, seed: int = 1) -> list[Detection]:
    chance = random.Random(seed)
    return [Detection(chance.random() * WIDTH, chance.random() * HEIGHT, 12, 14, 0.9) for _ in range(number)]


def on_one_spot(number: int, size: float = 30.0, at: float = 500.0, step: float = 0.0) -> list[Detection]:
    return [Detection(at + step * i, at, size, size * 1.2, 0.9) for i in range(number)]


def after_three(*faces: Detection) -> Estimate:
    """The headcount after three frames that show the same, and how long the agent's one thread was busy with it."""
    estimator, began_s = Estimator(), time.perf_counter()
    for number in range(3):
        estimator = add_frame(estimator, frame(*faces, at_s=1 + 2.0 * number), CONFIG)
    found = estimate(estimator, 5.0, CONFIG, 30)
    assert time.perf_counter() - began_s < 20, "the button would not work"
    return found


@pytest.mark.parametrize("size", [(1, 1), (15, 15), (5000, 1), (1, 5000), (0, 0), (-3, 200)])
def test_a_picture_too_small_for_a_face_says_nothing_about_who_is_there(size: tuple[int, int]) -> None:
    found = single(frame(width=size[0], height=size[1]), CONFIG)
    assert (found.value, found.seen, found.state, found.reason) == (None, None, "unknown", "bad_frame")


def test_the_smallest_picture_that_could_hold_a_face_is_counted() -> None:
    assert single(frame(width=16, height=16), CONFIG).value == 0
    assert single(frame(Detection(2, 2, 11, 12, 0.9), width=16, height=16), CONFIG).value == 1


def test_a_thousand_faces_all_over_a_frame_are_counted_one_by_one() -> None:
    assert single(frame(*over_the_room(MOST_FACES)), CONFIG).value == MOST_FACES
    assert after_three(*over_the_room(MOST_FACES)).value is not None


@pytest.mark.parametrize("step", [0.0, 0.005, 1e-9, 0.3])
def test_five_thousand_faces_are_noise_and_cost_no_time(step: float) -> None:
    found = after_three(*on_one_spot(5000, step=step))
    assert (found.value, found.state, found.reason) == (None, "unknown", "too_many_faces")


def test_after_a_frame_of_noise_the_count_goes_on() -> None:
    sitting = [Detection(200.0 * i, 300, 40, 50, 0.9) for i in range(6)]
    estimator = Estimator()
    for number in range(6):
        faces = on_one_spot(5000) if number == 3 else sitting
        estimator = add_frame(estimator, frame(*faces, at_s=1 + 2.0 * number), CONFIG)
    assert estimate(estimator, 11.0, CONFIG, 30).value == 6


def test_a_box_as_large_as_the_frame_among_hundreds_costs_no_time() -> None:
    assert after_three(Detection(1, 1, WIDTH - 2, HEIGHT - 2, 0.9), *over_the_room(900)).value is not None


def test_a_large_face_with_many_small_ones_in_it_is_counted_with_them() -> None:
    """A screen in the room, say, with another hall on it."""
    small = [Detection(400 + 14.0 * (i % 20), 300 + 16.0 * (i // 20), 12, 14, 0.9) for i in range(300)]
    assert single(frame(Detection(300, 200, 500, 600, 0.9), *small), CONFIG).value == 301


def test_boxes_that_are_none_are_left_out_and_the_others_counted() -> None:
    odd = [math.nan, math.inf, -math.inf, 0.0, -5.0]
    faces = [Detection(10.0, 10.0, value, 30.0, 0.9) for value in odd] * 1000
    faces += [Detection(value, 10.0, 30.0, 30.0, 0.9) for value in odd[:3]] * 1000
    faces += [Detection(10.0, 10.0, 30.0, 30.0, math.nan)] * (MOST_FACES + 1)
    assert single(frame(*faces, Detection(900, 500, 40, 50, 0.9)), CONFIG).value == 1
    assert after_three(*faces, Detection(900, 500, 40, 50, 0.9)).value == 1


@pytest.mark.parametrize("value", [1.7e308, -1.7e308, 1e154, 5e-324, 1e-300])
def test_boxes_beyond_all_measure_end_nothing(value: float) -> None:
    faces = (Detection(value, 1, 30, 30, 0.9), Detection(1, 1, abs(value), abs(value), 0.9), *on_one_spot(3, step=90))
    assert after_three(*faces).state in ("ok", "degraded", "unknown")
