"""hw/eye/sizing.py: as large as the faces need, without flapping, and no larger than the box can bear."""

from itertools import pairwise

from agent.core.events import Detection
from hw.eye.sizing import COARSE_EVERY, GRACE, HOLD_LOOKS, PROBE_EVERY, Sizing

SIZE = (1280, 720)
PIXELS = SIZE[0] * SIZE[1]


def faces(size_px: float, number: int = 1) -> tuple[Detection, ...]:
    return tuple(Detection(30.0 * i, 5.0, size_px * 0.8, size_px, 0.9) for i in range(number))


def look(sizing: Sizing, found: tuple[Detection, ...], most_px: float = 1e9) -> float:
    """One look that finds these; returns the scale that it was made at."""
    plan = sizing.plan(*SIZE, most_px)
    sizing.learn(found)
    return plan.scale


def test_the_first_look_is_at_the_frames_own_size_and_the_second_one_larger() -> None:
    sizing = Sizing()
    assert [look(sizing, faces(40)) for _ in range(4)] == [1, 2, 1, 1]
    assert sizing.is_settled


def test_a_back_row_of_small_faces_is_enlarged_and_stays_so() -> None:
    sizing = Sizing()
    assert [look(sizing, faces(8)) for _ in range(5)] == [1, 4, 3, 3, 3]


def test_faces_that_only_show_when_enlarged_are_found_by_the_probe() -> None:
    sizing = Sizing()
    scales = []
    for _ in range(4):
        scale = sizing.plan(*SIZE).scale
        sizing.learn(faces(9) if scale >= 2 else ())
        scales.append(scale)
    assert scales == [1, 2, 3, 3]


def test_one_mistake_among_many_faces_enlarges_nothing() -> None:
    sizing = Sizing()
    assert [look(sizing, (*faces(40, 40), *faces(9))) for _ in range(3)] == [1, 2, 1]


def test_the_scale_does_not_flap_while_faces_come_and_go() -> None:
    sizing = Sizing()
    scales = [look(sizing, faces(14 if i % 20 == 0 else 17)) for i in range(100)]
    assert set(scales[2:]) == {1.5, 3.0}, "what they need, and a probe now and then"
    assert scales.count(3.0) <= 1 + 100 / PROBE_EVERY


def test_probes_that_show_nothing_new_become_rare_and_one_that_does_makes_them_frequent_again() -> None:
    sizing = Sizing()
    scales = [look(sizing, faces(40)) for _ in range(1000)]
    probes = [number for number, scale in enumerate(scales) if scale > 1]
    assert [later - earlier for earlier, later in pairwise(probes)] == [30, 60, 120, 240, 240, 240]
    while look(sizing, faces(40)) == 1:
        pass
    sizing = Sizing()
    scales = []
    for number in range(200):
        scale = sizing.plan(*SIZE).scale
        sizing.learn(faces(12) if scale > 1 and number == 31 else faces(40))
        scales.append(scale)
    assert scales[31] == 2, "the probe"
    assert set(scales[32:61]) == {2}, "what it showed is held"
    assert scales[61] == 4, "and soon asked again"


def test_the_scale_comes_down_when_nobody_needs_it_any_more() -> None:
    sizing = Sizing()
    look(sizing, faces(9))
    scales = [look(sizing, faces(40)) for _ in range(HOLD_LOOKS + 2)]
    assert scales[1] == 3
    assert scales[-1] == 1


def test_a_slow_box_looks_at_a_smaller_picture_and_a_grain_of_noise_changes_nothing() -> None:
    sizing = Sizing()
    assert look(sizing, faces(40), most_px=0.5 * PIXELS) == 0.7
    assert look(sizing, faces(40), most_px=0.49 * PIXELS / GRACE * 1.01) == 0.7
    assert look(sizing, faces(40), most_px=0.3 * PIXELS) == 0.5
    assert look(sizing, faces(40), most_px=1e-6) == 0.25, "something is always looked at"


def test_a_frame_of_another_size_begins_anew() -> None:
    sizing = Sizing()
    for _ in range(3):
        look(sizing, faces(9))
    assert sizing.plan(640, 480).scale == 1
    assert not sizing.is_settled


def test_a_huge_picture_is_reduced_first() -> None:
    plan = Sizing().plan(6000, 4000)
    assert 3_900_000 < plan.pixels < 4_100_000


def test_a_picture_of_one_pixel_has_a_plan() -> None:
    assert Sizing().plan(1, 1).pixels >= 1


def test_coarser_levels_are_looked_at_now_and_then_and_while_there_are_large_faces() -> None:
    sizing = Sizing()
    sizing.plan(*SIZE)
    due = []
    for i in range(2 * COARSE_EVERY):
        due.append(sizing.is_coarse_due)
        sizing.learn(faces(300 if i == COARSE_EVERY else 40))
    assert due == [True, *[False] * (COARSE_EVERY - 1), *[True] * COARSE_EVERY]


def test_the_smallest_of_several_faces_may_be_a_mistake_and_enlarges_nothing() -> None:
    sizing = Sizing()
    assert [look(sizing, (*faces(24, 9), *faces(9))) for _ in range(4)] == [1, 2, 1, 1]
    assert look(sizing, (*faces(24, 9), *faces(9, 2))) == 1
    assert look(sizing, faces(24)) == 3, "two are a back row"
