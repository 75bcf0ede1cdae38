"""agent/core/headcount.py: what holds for whatever a broken camera, network or clock comes up with."""

import copy
import math
from dataclasses import replace
from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from agent.core import headcount as core
from agent.core.config import HeadcountSection
from agent.core.events import Detection, FrameSeen
from agent.core.headcount import Estimate, Estimator
from tests.core.rig import BEGIN_S, examples, face, frame

CONFIG = HeadcountSection(window_s=20, interval_s=2, threshold=0.6, exclude=(((0.5, 0), (1, 0), (1, 1), (0.5, 1)),))
NO_ZONES = HeadcountSection(window_s=20, interval_s=2, threshold=0.6)
STALE_AFTER_S = 6.0
REASONS = ["missing", "busy", "eye_silent", "room_off", "stopped"]
PROPERTY = examples(60)

ANY_FLOAT = st.floats()
ANY_BOX = st.builds(Detection, ANY_FLOAT, ANY_FLOAT, ANY_FLOAT, ANY_FLOAT, ANY_FLOAT)
# Whole pixels and binary fractions: shifting them loses no bit. Boxes lie upon each other, in each other and outside.
GOOD_BOX = st.builds(
    face,
    st.integers(-200, 2000),
    st.integers(-200, 1200),
    st.sampled_from([0.3, 0.6, 0.75, 0.95]),
    st.sampled_from([2, 16, 40, 48, 400, 4000]),
)
BOXES = st.lists(st.one_of(GOOD_BOX, GOOD_BOX, ANY_BOX), max_size=10).map(tuple)
TIMES = st.integers(0, 400).map(lambda i: BEGIN_S + i / 4)
ANY_FRAME = st.builds(
    frame,
    TIMES,
    BOXES,
    width=st.sampled_from([1920, 1920, 1920, 640, 0]),
    luma_mean=st.sampled_from([90.0, 90.0, 90.0, 3.0, math.nan]),
    same_s=st.sampled_from([0.0, 0.0, 0.0, 9.0]),
)
# A camera that mostly works: time goes on, now and then it stands still or goes back.
STEPS = st.sampled_from([2.0, 2.0, 2.0, 2.0, 0.25, 0.0, 30.0, 500.0, -2.0, -300.0])
ORDERLY = st.lists(st.tuples(STEPS, st.lists(GOOD_BOX, max_size=10).map(tuple)), max_size=20)
HAPPENINGS = st.lists(st.one_of(ANY_FRAME, ANY_FRAME, ANY_FRAME, st.sampled_from(REASONS)), max_size=14)


def take(frames: list[FrameSeen], config: HeadcountSection = NO_ZONES) -> Estimator:
    estimator = Estimator()
    for each in frames:
        estimator = core.add_frame(estimator, each, config)
    return estimator


def told(frames: list[FrameSeen], config: HeadcountSection = NO_ZONES) -> list[Estimate]:
    """What is said after each of the frames."""
    estimator, result = Estimator(), []
    for each in frames:
        estimator = core.add_frame(estimator, each, config)
        result.append(core.estimate(estimator, each.captured_s, config, STALE_AFTER_S))
    return result


def in_time(steps: list[tuple[float, tuple[Detection, ...]]]) -> list[FrameSeen]:
    """Frames that follow each other by these steps."""
    now_s, frames = BEGIN_S, []
    for step_s, boxes in steps:
        now_s += step_s
        frames.append(frame(now_s, boxes))
    return frames


@PROPERTY
@given(happenings=HAPPENINGS, later_s=st.floats(-100, 100))
def test_whatever_comes_the_value_is_none_exactly_when_unknown_and_else_between_min_and_max(
    happenings: list[FrameSeen | str], later_s: float
) -> None:
    estimator, seen, now_s = Estimator(), 0, BEGIN_S
    for each in happenings:
        if isinstance(each, str):
            estimator = core.fail(estimator, each)
        else:
            estimator, now_s = core.add_frame(estimator, each, CONFIG), each.captured_s
            seen += len(each.detections)
        found = core.estimate(estimator, now_s + later_s, CONFIG, STALE_AFTER_S)
        assert (found.value is None) == (found.state == "unknown")
        assert (found.state == "ok") == (found.reason is None)
        if found.value is not None:
            assert found.min is not None
            assert found.max is not None
            assert 0 <= found.min <= found.value <= found.max <= seen
            assert found.samples == len(estimator.samples)


@PROPERTY
@given(happenings=HAPPENINGS)
def test_geometry_lies_within_the_frame(happenings: list[FrameSeen | str]) -> None:
    estimator = Estimator()
    for each in happenings:
        estimator = core.fail(estimator, each) if isinstance(each, str) else core.add_frame(estimator, each, CONFIG)
        found = core.geometry(estimator)
        for outline in (*found.places, *found.set_aside):
            shares = (outline.x, outline.y, outline.w, outline.h, outline.seen_share)
            assert all(0 <= share <= 1 for share in shares)
            assert outline.x + outline.w <= 1 + 1e-9
            assert outline.y + outline.h <= 1 + 1e-9


@examples(100)
@given(
    seats=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 5)), unique=True, max_size=14),
    shown=st.lists(st.integers(0, 2**14 - 1), max_size=30),
    seed=st.integers(0, 100),
)
def test_nobody_is_counted_above_the_seats_that_were_ever_seen(
    seats: list[tuple[int, int]], shown: list[int], seed: int
) -> None:
    """Whoever shows when: rows of chairs two faces apart, and people who move a little."""
    chance, ever = Random(seed), 0
    frames, limits = [], []
    for number, mask in enumerate(shown):
        ever |= mask & ((1 << len(seats)) - 1)
        faces = tuple(
            face(100 + 84 * column + chance.uniform(-3, 3), 100 + 84 * row + chance.uniform(-3, 3))
            for seat, (column, row) in enumerate(seats)
            if mask >> seat & 1
        )
        frames.append(frame(BEGIN_S + 2 * number, faces))
        limits.append(ever.bit_count())
    for found, limit in zip(told(frames), limits, strict=True):
        assert found.value is not None
        assert found.value <= limit


@PROPERTY
@given(steps=ORDERLY, seed=st.integers(0, 100))
def test_the_order_of_detections_does_not_matter(steps: list[tuple[float, tuple[Detection, ...]]], seed: int) -> None:
    chance, frames = Random(seed), in_time(steps)
    shuffled = [
        replace(each, detections=tuple(chance.sample(each.detections, len(each.detections)))) for each in frames
    ]
    assert take(shuffled) == take(frames)


@PROPERTY
@given(steps=ORDERLY, shift_s=st.integers(-10_000, 1_000_000))
def test_shifting_all_times_changes_nothing(steps: list[tuple[float, tuple[Detection, ...]]], shift_s: int) -> None:
    frames = in_time(steps)
    assert told([replace(each, captured_s=each.captured_s + shift_s) for each in frames]) == told(frames)


@PROPERTY
@given(steps=ORDERLY, dx=st.integers(-2000, 2000), dy=st.integers(-2000, 2000))
def test_shifting_all_faces_by_whole_pixels_changes_nothing(
    steps: list[tuple[float, tuple[Detection, ...]]], dx: int, dy: int
) -> None:
    frames = in_time(steps)
    moved = [
        replace(each, detections=tuple(replace(box, x=box.x + dx, y=box.y + dy) for box in each.detections))
        for each in frames
    ]
    assert told(moved) == told(frames)


@PROPERTY
@given(frames=st.lists(ANY_FRAME, max_size=12))
def test_the_same_frames_say_the_same_and_leave_the_old_state_as_it_was(frames: list[FrameSeen]) -> None:
    estimator = take(frames[:-1], CONFIG)
    before = copy.deepcopy(estimator)
    for each in frames[-1:]:
        assert core.add_frame(estimator, each, CONFIG) == core.add_frame(before, each, CONFIG)
    assert estimator == before


@PROPERTY
@given(
    boxes=st.lists(GOOD_BOX, max_size=8).map(tuple), broken=st.lists(ANY_BOX, max_size=4), field=st.sampled_from("xywh")
)
def test_boxes_that_are_none_change_nothing(boxes: tuple[Detection, ...], broken: list[Detection], field: str) -> None:
    changes: dict[str, Any] = {field: math.nan}
    none = tuple(replace(box, **changes) for box in broken)
    assert take([frame(BEGIN_S, none + boxes)]) == take([frame(BEGIN_S, boxes)])
