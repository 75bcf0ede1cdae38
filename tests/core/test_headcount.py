"""agent/core/headcount.py: frames to a number with a state and a reason, or to no number with a reason."""

import math
from dataclasses import replace
from typing import Any

import pytest

from agent.core import headcount as core
from agent.core.config import HeadcountSection
from agent.core.events import FrameSeen
from agent.core.headcount import MOST_FACES, Estimate, Estimator, Geometry
from tests.core.rig import BEGIN_S, face, frame

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


def test_who_is_seen_at_each_look_is_counted_and_nobody_is_zero() -> None:
    for seen in (5, 1, 0):
        found = counted(*[seen] * 3)
        assert (found.value, found.state, found.reason) == (seen, "ok", None)
        assert (found.seen, found.min, found.max, found.samples) == (seen, seen, seen, 3)


@pytest.mark.parametrize("people", [3, 12])  # among many clear faces one that never was clear is none
@pytest.mark.parametrize("interval_s", [0.2, 2, 20])
@pytest.mark.parametrize("window_s", [1, 2, 4, 20, 90])
def test_who_is_seen_at_each_look_is_counted_from_the_first_one_on_whatever_the_window(
    window_s: float, interval_s: float, people: int
) -> None:
    config = HeadcountSection(window_s=window_s, interval_s=interval_s)
    estimator, values = Estimator(), []
    for look in range(40):
        at_s = BEGIN_S + interval_s * look
        faces = tuple(face(100 + 100 * i + 5 * (look % 2)) for i in range(people))
        estimator = core.add_frame(estimator, frame(at_s, faces), config)
        values.append(core.estimate(estimator, at_s, config, 3 * interval_s).value)
    assert set(values) == {people}


def test_a_look_at_which_heads_are_down_changes_nothing_but_what_is_seen() -> None:
    found = counted(*[5] * 5, 1)
    assert (found.value, found.seen, found.min, found.max) == (5, 1, 5, 5)


def test_at_the_first_looks_the_usual_number_is_told_where_that_is_more() -> None:
    """Who has been seen only once so far is most likely there: three looks at five people, never the same."""
    looks = [tuple(face(100 + 100 * (5 * i + k)) for k in range(5)) for i in range(3)]
    config = CONFIG.model_copy(update={"exclude": (), "window_s": 90})
    estimator = take(*(frame(BEGIN_S + 2 * i, faces) for i, faces in enumerate(looks)), config=config)
    assert (estimator.places.people, estimate(estimator, BEGIN_S + 4, config).value) == (0, 5)


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


def test_min_and_max_are_those_of_the_headcount_over_the_window() -> None:
    found = counted(*[3] * 30, *[9] * 6)
    assert (found.value, found.min, found.max, found.samples) == (9, 3, 9, 10)
    found = counted(*[3] * 30, *[9] * 20)
    assert (found.value, found.min, found.max) == (9, 9, 9)


@pytest.mark.parametrize(("age_s", "known"), [(0, True), (STALE_AFTER_S, True), (STALE_AFTER_S + 0.01, False)])
def test_a_count_that_nobody_renews_becomes_unknown(age_s: float, known: bool) -> None:
    found = estimate(take(frame(BEGIN_S, 4)), BEGIN_S + age_s)
    assert found.value == (4 if known else None)
    assert known or (found.state, found.reason, found.seen) == ("unknown", "no_frames", None)


TROUBLES: list[tuple[dict[str, Any], str]] = [
    ({"luma_mean": 9.9}, "dark"),
    ({"same_s": 8.0}, "frozen"),
    ({"luma_mean": 0.0, "same_s": 60.0}, "dark"),
    ({"width": 0}, "bad_frame"),
    ({"height": -1}, "bad_frame"),
    ({"detections": (face(),) * (MOST_FACES + 1)}, "too_many_faces"),
]


@pytest.mark.parametrize(("what", "reason"), TROUBLES)
def test_a_frame_that_shows_nothing_is_unknown_at_once_and_the_next_good_one_goes_on(
    what: dict[str, Any], reason: str
) -> None:
    estimator = take(*(frame(BEGIN_S + i, 9) for i in range(5)), frame(BEGIN_S + 5, 9, **what))
    assert estimate(estimator, BEGIN_S + 5) == Estimate(None, "unknown", reason)
    again = estimate(core.add_frame(estimator, frame(BEGIN_S + 6, 2), CONFIG), BEGIN_S + 6)
    assert (again.value, again.seen, again.min, again.max, again.samples) == (9, 2, 9, 9, 1)


@pytest.mark.parametrize(("what", "reason"), TROUBLES)
def test_a_first_frame_that_shows_nothing_is_unknown_and_not_zero(what: dict[str, Any], reason: str) -> None:
    assert estimate(take(frame(BEGIN_S, 3, **what)), BEGIN_S) == Estimate(None, "unknown", reason)


@pytest.mark.parametrize(
    ("reason", "value"),
    [("missing", 9), ("busy", 9), ("eye_silent", 9), ("room_off", 0), ("stopped", 0), ("no_camera", 0)],
)
def test_the_count_ends_with_its_camera_and_is_taken_up_again_in_the_same_room_only(reason: str, value: int) -> None:
    failed = core.fail(take(*(frame(BEGIN_S + i, 9) for i in range(5))), reason)
    assert estimate(failed, BEGIN_S + 5) == Estimate(None, "unknown", reason)
    assert estimate(core.add_frame(failed, frame(BEGIN_S + 6, 0), CONFIG), BEGIN_S + 6).value == value


@pytest.mark.parametrize("what", [{"luma_mean": 10.0}, {"same_s": 7.9}])
def test_a_dim_hall_and_a_short_standstill_are_still_counted(what: dict[str, Any]) -> None:
    assert estimate(take(frame(BEGIN_S, 4, **what)), BEGIN_S).value == 4


def test_why_it_began_anew_is_not_told_again_after_the_next_trouble() -> None:
    looks = [frame(BEGIN_S + 2 * i, 5) for i in range(40)]
    small = [frame(BEGIN_S + 80 + 2 * i, 5, width=640) for i in range(40)]
    failed = core.fail(take(*looks, *small), "busy")
    told = []
    for i in range(7):
        failed = core.add_frame(failed, frame(BEGIN_S + 500 + 2 * i, 5, width=640), CONFIG)
        told.append(estimate(failed, BEGIN_S + 500 + 2 * i).reason)
    assert told == ["few_samples"] * 2 + [None] * 5


# Frames that do not belong with the ones before


@pytest.mark.parametrize(
    ("what", "reason"),
    [({"width": 640, "height": 480}, "frame_size"), ({"captured_s": BEGIN_S + 2}, "clock_backwards")],
)
def test_one_odd_frame_is_left_out_and_told(what: dict[str, Any], reason: str) -> None:
    odd = replace(frame(BEGIN_S + 10, 30), **what)
    estimator = take(*(frame(BEGIN_S + 2 * i, 5) for i in range(5)), odd)
    found = estimate(estimator, BEGIN_S + 10)
    assert (found.value, found.max, found.state, found.reason) == (5, 5, "degraded", reason)
    good = core.add_frame(estimator, frame(BEGIN_S + 12, 5), CONFIG)
    assert (estimate(good, BEGIN_S + 12).value, estimate(good, BEGIN_S + 12).reason) == (5, None)


@pytest.mark.parametrize(
    ("begin_s", "size", "reason"),
    [(BEGIN_S + 10, (640, 480), "frame_size"), (BEGIN_S - 3000, (1920, 1080), "clock_backwards")],
)
def test_the_third_odd_frame_in_a_row_is_how_it_is_from_now_on(
    begin_s: float, size: tuple[int, int], reason: str
) -> None:
    estimator = take(*(frame(BEGIN_S + 2 * i, 5) for i in range(5)))
    told = []
    for i in range(7):
        estimator = core.add_frame(estimator, frame(begin_s + 2 * i, 7, width=size[0], height=size[1]), CONFIG)
        found = estimate(estimator, begin_s + 2 * i)
        told.append((found.value, found.reason))
    assert told == [(5, reason)] * 2 + [(7, reason)] * 4 + [(7, None)]


def test_frames_of_another_size_that_come_now_and_then_never_begin_anew() -> None:
    estimator = Estimator()
    for i in range(30):
        odd = i % 4 == 3
        estimator = core.add_frame(
            estimator, frame(BEGIN_S + 2 * i, 1 if odd else 5, width=640 if odd else 1920), CONFIG
        )
        assert estimate(estimator, BEGIN_S + 2 * i).value == 5


def test_late_frames_in_any_order_are_no_clock_that_was_set_back() -> None:
    late = [frame(BEGIN_S + late_s, 30) for late_s in (6, 4, 2, 6, 4, 2)]
    assert estimate(take(*(frame(BEGIN_S + 2 * i, 5) for i in range(5)), *late), BEGIN_S + 8).value == 5


@pytest.mark.parametrize("every_s", [0.04, 0.2, 0.4])
def test_frames_that_follow_each_other_fast_are_one_look(every_s: float) -> None:
    """Else a false face that is in a few of them, as it is, would look like somebody who stays."""
    taken = [frame(BEGIN_S + every_s * i, 5) for i in range(int(10 / every_s))]
    estimator = take(*taken)
    found = estimate(estimator, taken[-1].captured_s)
    assert (found.value, found.seen) == (5, 5)
    assert 8 <= found.samples == estimator.places.looks <= 20


# Boxes


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


@pytest.mark.parametrize("size", [{"w": 0.0}, {"h": 0.0}, {"w": -5.0}, {"h": 1e-300}, {"w": 1e300}, {"x": -1e200}])
def test_a_box_without_an_area_or_beyond_all_frames_is_no_face(size: dict[str, float]) -> None:
    assert not core.is_sound(replace(face(), **size))


# Geometry

WIDE = HeadcountSection(window_s=20, interval_s=2, threshold=0.6)


def test_before_the_first_frame_there_is_no_geometry() -> None:
    assert core.geometry(Estimator()) == Geometry(None, None)


def test_places_are_told_in_shares_of_the_frame_with_how_often_they_are_seen() -> None:
    here, now_and_then = face(192, 108, size=96), face(1728, 540, size=96)
    looks = [frame(BEGIN_S + 2 * i, (here, now_and_then) if i % 4 < 2 else (here,)) for i in range(20)]
    found = core.geometry(take(*looks, config=WIDE))
    assert (found.width, found.height, found.set_aside) == (1920, 1080, ())
    often, seldom = found.places
    assert (often.x, often.y, often.w, often.h, often.seen_share) == pytest.approx((0.1, 0.1, 0.05, 96 / 1080, 1.0))
    assert (seldom.x, seldom.y, seldom.seen_share) == pytest.approx((0.9, 0.5, 0.5), abs=0.11)


def test_a_place_is_told_where_the_camera_looks_now() -> None:
    row = [face(100 + 130 * i, 200 + 11 * i) for i in range(8)]
    nudged = [replace(each, x=each.x + 192) for each in row]
    looks = [frame(BEGIN_S + 2 * i, tuple(row if i < 6 else nudged)) for i in range(12)]
    found = core.geometry(take(*looks, config=WIDE))
    assert sorted(place.x * 1920 for place in found.places) == pytest.approx([each.x for each in nudged], abs=1)


def test_faces_in_excluded_zones_are_told_at_their_corner_and_no_more_than_is_of_use() -> None:
    looks = [frame(BEGIN_S + 2 * i, (face(10), *(face(1000 + k) for k in range(300)))) for i in range(4)]
    found = core.geometry(take(*looks))
    assert len(found.places) == 1
    assert len(found.set_aside) == core.MOST_SET_ASIDE
    assert {outline.reason for outline in found.set_aside} == {"excluded"}


def test_a_face_at_the_edge_is_told_within_the_frame() -> None:
    looks = [frame(BEGIN_S + 2 * i, (face(-20, -20), face(1900, 1070))) for i in range(6)]
    for outline in core.geometry(take(*looks, config=WIDE)).places:
        assert 0 <= outline.x <= outline.x + outline.w <= 1
        assert 0 <= outline.y <= outline.y + outline.h <= 1


def test_a_frame_that_is_left_out_still_says_what_it_shows() -> None:
    estimator = take(*[frame(BEGIN_S + 2 * i, 5) for i in range(4)])
    odd = core.add_frame(estimator, replace(frame(BEGIN_S + 8, 3), width=1000), CONFIG)
    found = estimate(odd, BEGIN_S + 8)
    assert (found.value, found.seen, found.state, found.reason) == (5, 3, "degraded", "frame_size")
