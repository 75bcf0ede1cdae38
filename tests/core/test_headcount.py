"""agent/core/headcount.py: frames to a number with a state and a reason, or to no number with a reason."""

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core import headcount as core
from agent.core.config import HeadcountSection
from agent.core.events import Detection, FrameSeen
from agent.core.headcount import Estimate, Estimator
from tests.core.rig import BEGIN_S, examples, face, frame

CONFIG = HeadcountSection(window_s=20, interval_s=2, threshold=0.6, exclude=(((0.5, 0), (1, 0), (1, 1), (0.5, 1)),))
STALE_AFTER_S = 6.0
ON_THE_SCREEN = face(1500)


def take(*frames: FrameSeen, config: HeadcountSection = CONFIG) -> Estimator:
    estimator = Estimator()
    for each in frames:
        estimator = core.add_frame(estimator, each, config)
    return estimator


def estimate(estimator: Estimator, now_s: float, config: HeadcountSection = CONFIG) -> Estimate:
    return core.estimate(estimator, now_s, config, STALE_AFTER_S)


def counted(*seen: int, every_s: float = 2.0) -> Estimate:
    """The headcount right after frames that showed so many."""
    frames = [frame(BEGIN_S + every_s * i, faces) for i, faces in enumerate(seen)]
    return estimate(take(*frames), frames[-1].captured_s)


@pytest.mark.parametrize(
    ("seen", "value"),
    [
        ((5, 5, 5), 5),
        ((5, 1, 5), 5),
        ((0, 0, 0), 0),
        ((4, 6, 4, 6), 4),
        ((9, 1, 2, 3, 8), 3),
    ],
)
def test_the_value_is_the_median_and_one_that_was_seen(seen: tuple[int, ...], value: int) -> None:
    found = counted(*seen)
    assert (found.value, found.state, found.reason) == (value, "ok", None)
    assert (found.seen, found.min, found.max, found.samples) == (seen[-1], min(seen), max(seen), len(seen))


@pytest.mark.parametrize(
    ("frames", "state", "reason"), [(1, "degraded", "few_samples"), (2, "degraded", "few_samples"), (3, "ok", None)]
)
def test_a_count_of_a_few_frames_says_that_it_is_one(frames: int, state: str, reason: str | None) -> None:
    found = counted(*[7] * frames)
    assert (found.value, found.state, found.reason) == (7, state, reason)


@pytest.mark.parametrize(
    ("window_s", "interval_s", "enough"), [(90, 2, 3), (6, 2, 3), (5, 2, 2), (4, 2, 2), (90, 60, 1), (1, 60, 1)]
)
def test_a_window_too_short_for_three_frames_asks_for_no_more_than_it_holds(
    window_s: float, interval_s: float, enough: int
) -> None:
    config = HeadcountSection(window_s=window_s, interval_s=interval_s)
    taken = [frame(BEGIN_S + interval_s * i, 7) for i in range(4)]
    reasons = [estimate(take(*taken[:n], config=config), taken[n - 1].captured_s, config).reason for n in (1, 2, 3, 4)]
    assert reasons == ["few_samples" if n < enough else None for n in (1, 2, 3, 4)]


def test_how_long_the_newest_look_took_is_kept() -> None:
    looks = (frame(BEGIN_S, detect_ms=2900.0), frame(BEGIN_S + 3, detect_ms=1500.0))
    assert (take(looks[0]).detect_s, take(*looks).detect_s) == (2.9, 1.5)


def test_before_the_first_frame_nothing_is_known() -> None:
    assert estimate(Estimator(), BEGIN_S) == Estimate(None, "unknown", "starting")


def test_only_the_window_counts() -> None:
    found = counted(*[30] * 20, *[3] * 10)
    assert (found.value, found.max, found.samples) == (3, 3, 10)


@pytest.mark.parametrize(("age_s", "known"), [(0, True), (STALE_AFTER_S, True), (STALE_AFTER_S + 0.01, False)])
def test_a_count_that_nobody_renews_becomes_unknown(age_s: float, known: bool) -> None:
    found = estimate(take(frame(BEGIN_S, 4)), BEGIN_S + age_s)
    assert found.value == (4 if known else None)
    assert known or (found.state, found.reason, found.seen) == ("unknown", "no_frames", None)


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ({"luma_mean": 9.9}, "dark"),
        ({"same_s": 8.0}, "frozen"),
        ({"luma_mean": 0.0, "same_s": 60.0}, "dark"),
        ({"width": 0}, "bad_frame"),
        ({"height": -1}, "bad_frame"),
    ],
)
def test_a_frame_that_shows_nothing_ends_the_count_and_what_was_before_does_not_come_back(
    what: dict[str, Any], reason: str
) -> None:
    estimator = take(*(frame(BEGIN_S + i, 9) for i in range(5)), frame(BEGIN_S + 5, 9, **what))
    assert estimate(estimator, BEGIN_S + 5) == Estimate(None, "unknown", reason)
    again = core.add_frame(estimator, frame(BEGIN_S + 6, 2), CONFIG)
    assert estimate(again, BEGIN_S + 6).max == 2


@pytest.mark.parametrize("what", [{"luma_mean": 10.0}, {"same_s": 7.9}])
def test_a_dim_hall_and_a_short_standstill_are_still_counted(what: dict[str, Any]) -> None:
    assert estimate(take(frame(BEGIN_S, 4, **what)), BEGIN_S).value == 4


def test_the_count_ends_with_its_camera() -> None:
    assert estimate(core.fail("missing"), BEGIN_S) == Estimate(None, "unknown", "missing")


def test_faces_below_the_threshold_are_none() -> None:
    faces = (face(10, score=0.599), face(20, score=0.6), face(30, score=1.0))
    assert estimate(take(frame(BEGIN_S, faces)), BEGIN_S).value == 2


def test_faces_in_an_excluded_zone_are_set_aside_and_told() -> None:
    found = estimate(take(frame(BEGIN_S, (face(10), ON_THE_SCREEN, ON_THE_SCREEN))), BEGIN_S)
    assert (found.value, found.excluded) == (1, 2)


def test_one_frame_by_itself_is_exact_about_itself() -> None:
    found = core.single(frame(BEGIN_S, (face(10), face(20), ON_THE_SCREEN)), CONFIG)
    assert found == Estimate(2, "ok", None, 2, 2, 2, 1, 1)
    assert core.single(frame(BEGIN_S, 3, luma_mean=1.0), CONFIG) == Estimate(None, "unknown", "dark")


@pytest.mark.parametrize("field", ["x", "y", "w", "h", "score"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_box_with_a_number_that_is_none_is_no_face(field: str, value: float) -> None:
    broken = replace(face(), **{field: value})
    assert estimate(take(frame(BEGIN_S, (face(), broken))), BEGIN_S).value == 1


@pytest.mark.parametrize("size", [{"w": 0.0}, {"h": 0.0}, {"w": -5.0}])
def test_a_box_without_an_area_is_no_face(size: dict[str, float]) -> None:
    assert not core.is_sound(replace(face(), **size))


# Properties

ANY_FLOAT = st.floats(width=32)
ANY_BOX = st.builds(Detection, ANY_FLOAT, ANY_FLOAT, ANY_FLOAT, ANY_FLOAT, ANY_FLOAT)
GOOD_BOX = st.builds(face, st.integers(0, 1800), st.integers(0, 1000), st.sampled_from([0.3, 0.6, 0.95]))
BOXES = st.lists(st.one_of(GOOD_BOX, ANY_BOX), max_size=8).map(tuple)
# Times on a grid of binary fractions: shifting them loses no bit.
TIMES = st.integers(0, 400).map(lambda i: BEGIN_S + i / 4)
ANY_FRAME = st.builds(
    frame,
    TIMES,
    BOXES,
    width=st.sampled_from([1920, 640, 0]),
    luma_mean=st.sampled_from([90.0, 90.0, 90.0, 3.0, math.nan]),
    same_s=st.sampled_from([0.0, 0.0, 0.0, 9.0]),
)
FRAMES = st.lists(ANY_FRAME, max_size=12)
PROPERTY = examples(60)


@PROPERTY
@given(frames=FRAMES, later_s=st.floats(-100, 100))
def test_a_headcount_is_never_negative_and_unknown_exactly_without_a_value(
    frames: list[FrameSeen], later_s: float
) -> None:
    """Times run as they like, also backwards."""
    estimator = Estimator()
    for each in frames:
        estimator = core.add_frame(estimator, each, CONFIG)
        found = estimate(estimator, each.captured_s + later_s)
        assert (found.value is None) == (found.state == "unknown")
        assert (found.state == "ok") == (found.reason is None)
        if found.value is not None:
            assert found.min is not None
            assert found.max is not None
            assert 0 <= found.min <= found.value <= found.max <= 8
            assert found.min <= (found.seen or 0) <= found.max
            assert found.samples == len(estimator.samples)


@PROPERTY
@given(boxes=BOXES, chance=st.randoms(use_true_random=False))
def test_the_order_of_detections_does_not_matter(boxes: tuple[Detection, ...], chance: Any) -> None:
    shuffled = list(boxes)
    chance.shuffle(shuffled)
    assert take(frame(BEGIN_S, tuple(shuffled))) == take(frame(BEGIN_S, boxes))


@PROPERTY
@given(boxes=st.lists(GOOD_BOX, max_size=8).map(tuple), broken=st.lists(ANY_BOX, max_size=4))
def test_boxes_that_are_none_change_nothing(boxes: tuple[Detection, ...], broken: list[Detection]) -> None:
    none = tuple(replace(box, w=math.nan) for box in broken)
    assert take(frame(BEGIN_S, none + boxes)) == take(frame(BEGIN_S, boxes))


@PROPERTY
@given(frames=FRAMES, shift_s=st.integers(-10_000, 1_000_000), age_s=st.integers(0, 10))
def test_shifting_all_times_changes_no_headcount(frames: list[FrameSeen], shift_s: int, age_s: int) -> None:
    shifted = [replace(each, captured_s=each.captured_s + shift_s) for each in frames]
    now_s = BEGIN_S + 100 + age_s
    assert estimate(take(*shifted), now_s + shift_s) == estimate(take(*frames), now_s)


@PROPERTY
@given(frames=st.lists(st.builds(frame, TIMES, st.integers(0, 9)), max_size=12, unique_by=lambda each: each.captured_s))
def test_good_frames_count_the_same_however_late_they_are_handed_over(frames: list[FrameSeen]) -> None:
    in_order = sorted(frames, key=lambda each: each.captured_s)
    assert take(*frames).samples == take(*in_order).samples
