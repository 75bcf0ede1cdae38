"""agent/core/zones.py: which faces count, by where their middle is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core import zones as core
from agent.core.config import Polygon, Zones
from agent.core.events import Detection
from tests.core.rig import examples

WIDTH, HEIGHT = 1024, 512
LEFT_HALF: Polygon = ((0, 0), (0.5, 0), (0.5, 1), (0, 1))
TOP_RIGHT: Polygon = ((0.5, 0), (1, 0), (1, 0.5), (0.5, 0.5))
ROOF: Polygon = ((0, 1), (0.5, 0), (1, 1))
HOOK: Polygon = ((0, 0), (1, 0), (1, 1), (0.75, 1), (0.75, 0.25), (0, 0.25))

# Binary fractions, so that no property depends on rounding.
SHARE = st.integers(0, 64).map(lambda i: i / 64)
INSIDE = st.integers(0, 63).map(lambda i: i / 64 + 1 / 128)
POINT = st.tuples(SHARE, SHARE)
POLYGON = st.lists(POINT, min_size=3, max_size=6).map(tuple)
FACES = st.lists(st.tuples(INSIDE, INSIDE), max_size=12).map(lambda places: tuple(face(x, y) for x, y in places))


def face(x: float, y: float, size: float = 8) -> Detection:
    """A face whose middle is at that share of the frame."""
    return Detection(x * WIDTH - size / 2, y * HEIGHT - size / 2, size, size, 0.9)


def counts(x: float, y: float, include: tuple[Polygon, ...] = (), exclude: tuple[Polygon, ...] = ()) -> bool:
    counted, set_aside = core.split((face(x, y),), WIDTH, HEIGHT, Zones(include=include, exclude=exclude))
    assert len(counted) + len(set_aside) == 1
    return bool(counted)


@pytest.mark.parametrize(
    ("include", "exclude", "left", "top_right", "bottom_right"),
    [
        ((), (), True, True, True),
        ((LEFT_HALF,), (), True, False, False),
        ((), (TOP_RIGHT,), True, False, True),
        ((LEFT_HALF, TOP_RIGHT), (), True, True, False),
        ((LEFT_HALF, TOP_RIGHT), (TOP_RIGHT,), True, False, False),
        ((LEFT_HALF,), (LEFT_HALF,), False, False, False),
    ],
)
def test_no_include_means_everywhere_and_exclude_wins(
    include: tuple[Polygon, ...], exclude: tuple[Polygon, ...], left: bool, top_right: bool, bottom_right: bool
) -> None:
    found = [counts(x, y, include, exclude) for x, y in ((0.2, 0.8), (0.8, 0.2), (0.8, 0.8))]
    assert found == [left, top_right, bottom_right]


@pytest.mark.parametrize(
    ("polygon", "x", "y", "inside"),
    [
        (ROOF, 0.5, 0.5, True),
        (ROOF, 0.1, 0.1, False),
        (ROOF, 0.9, 0.1, False),
        (HOOK, 0.5, 0.125, True),
        (HOOK, 0.875, 0.875, True),
        (HOOK, 0.5, 0.625, False),
    ],
)
def test_slanted_and_hollow_outlines_are_followed(polygon: Polygon, x: float, y: float, inside: bool) -> None:
    assert counts(x, y, include=(polygon,)) == inside


def test_the_middle_of_a_face_decides_not_its_corner() -> None:
    wide = Detection(x=0.4 * WIDTH, y=100, w=0.4 * WIDTH, h=50, score=0.9)
    counted, set_aside = core.split((wide,), WIDTH, HEIGHT, Zones(include=(LEFT_HALF,)))
    assert (counted, set_aside) == ((), (wide,))


def test_polygons_are_shares_of_the_frame_whatever_its_size() -> None:
    small = Detection(10, 10, 4, 4, 0.9)
    assert core.split((small,), 40, 20, Zones(include=(LEFT_HALF,)))[0] == (small,)
    assert core.split((small,), 16, 20, Zones(include=(LEFT_HALF,)))[0] == ()


@examples(100)
@given(faces=FACES, include=st.lists(POLYGON, max_size=3), exclude=st.lists(POLYGON, max_size=3))
def test_every_face_is_on_exactly_one_side_in_its_old_order(
    faces: tuple[Detection, ...], include: list[Polygon], exclude: list[Polygon]
) -> None:
    zones = Zones(include=tuple(include), exclude=tuple(exclude))
    counted, set_aside = core.split(faces, WIDTH, HEIGHT, zones)
    assert sorted([*counted, *set_aside], key=repr) == sorted(faces, key=repr)
    assert [each for each in faces if each in counted] == list(counted)


@examples(100)
@given(
    faces=FACES,
    corners=st.tuples(SHARE, SHARE, SHARE, SHARE),
    turn=st.integers(0, 3),
    backwards=st.booleans(),
)
def test_a_rectangle_holds_what_is_between_its_sides_wherever_its_outline_begins(
    faces: tuple[Detection, ...], corners: tuple[float, float, float, float], turn: int, backwards: bool
) -> None:
    left, right = sorted(corners[:2])
    top, bottom = sorted(corners[2:])
    outline: tuple[tuple[float, float], ...] = ((left, top), (right, top), (right, bottom), (left, bottom))
    outline = outline[turn:] + outline[:turn]
    zones = Zones(include=(outline[::-1] if backwards else outline,))
    counted, _ = core.split(faces, WIDTH, HEIGHT, zones)
    between = [each for each in faces if left < (each.x + 4) / WIDTH < right and top < (each.y + 4) / HEIGHT < bottom]
    assert list(counted) == between


@examples(100)
@given(faces=FACES, polygon=POLYGON)
def test_a_polygon_excludes_what_it_would_include(faces: tuple[Detection, ...], polygon: Polygon) -> None:
    inside, outside = core.split(faces, WIDTH, HEIGHT, Zones(include=(polygon,)))
    assert core.split(faces, WIDTH, HEIGHT, Zones(exclude=(polygon,))) == (outside, inside)
