"""hw/eye/plan.py: every place of a frame belongs to one tile of each level, and no tile is too large."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hw.eye.plan import LARGEST_PX, MOST_TILE_PX, OVERLAP_PX, Plan, plan_for
from tests.core.rig import examples

SIDES = st.integers(1, 4000)
SCALES = st.sampled_from([0.25, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 4.0])


def shapes(plan: Plan) -> list[tuple[float, int]]:
    return [(level.scale, len(level.tiles)) for level in plan.levels]


def test_what_fits_into_one_piece_is_looked_at_in_one_piece() -> None:
    (level,) = plan_for(640, 480, 1.0).levels
    (tile,) = level.tiles
    assert (tile.width_px, tile.height_px, level.least_px, level.most_px) == (640, 480, 0.0, math.inf)


def test_a_larger_frame_has_tiles_and_a_coarser_level_for_large_faces() -> None:
    plan = plan_for(1920, 1080, 1.0)
    assert shapes(plan) == [(1.0, 8), (0.25, 1)]
    fine, coarse = plan.levels
    assert fine.most_px == LARGEST_PX
    assert coarse.least_px < fine.most_px, "a face that measures a little less there must not fall between them"
    assert (plan.width_px, plan.height_px, plan.pixels) == (1920, 1080, 1920 * 1080)


def test_limits_are_in_pixels_of_the_frame() -> None:
    assert plan_for(1920, 1080, 2.0).levels[0].most_px == LARGEST_PX / 2


@examples(100)
@given(SIDES, SIDES, SCALES)
def test_tiles_cover_the_frame_and_are_no_larger_than_allowed(width: int, height: int, scale: float) -> None:
    plan = plan_for(width, height, scale)
    for level in plan.levels:
        areas = [tile.area for tile in level.tiles]
        assert min(area.left for area in areas) == min(area.top for area in areas) == 0
        assert max(area.right for area in areas) == width
        assert max(area.bottom for area in areas) == height
        for tile in level.tiles:
            assert tile.width_px >= 1
            assert tile.height_px >= 1
            assert tile.width_px * tile.height_px <= MOST_TILE_PX
    assert len(plan.levels[-1].tiles) == 1


@examples(100)
@given(SIDES, SIDES, SCALES, st.floats(-20, 4020), st.floats(-20, 4020))
def test_every_place_belongs_to_one_tile_of_each_level(
    width: int, height: int, scale: float, x: float, y: float
) -> None:
    for level in plan_for(width, height, scale).levels:
        assert sum(tile.own.holds(x, y) for tile in level.tiles) == 1


@pytest.mark.parametrize(("width", "height", "scale"), [(1920, 1080, 1.0), (1280, 720, 2.0), (3840, 2160, 0.7)])
def test_a_face_as_large_as_the_overlap_is_whole_in_the_tile_that_it_belongs_to(
    width: int, height: int, scale: float
) -> None:
    level = plan_for(width, height, scale).levels[0]
    reach = OVERLAP_PX / scale / 2 - 1
    for tile in level.tiles:
        assert tile.area.left == 0 or tile.own.left - reach >= tile.area.left
        assert tile.area.top == 0 or tile.own.top - reach >= tile.area.top
        assert tile.area.right == width or tile.own.right + reach <= tile.area.right
        assert tile.area.bottom == height or tile.own.bottom + reach <= tile.area.bottom
