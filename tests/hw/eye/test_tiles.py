"""hw/eye/tiles.py: nobody is counted twice at a tile's edge, and nobody is lost there."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.events import Detection
from hw.eye.detector import open_detector
from hw.eye.models import KNOWN, Model, search
from hw.eye.plan import Plan, plan_for
from hw.eye.tiles import Found, find, once
from hw.eye.view import Picture
from tests.core.rig import examples

WIDTH, HEIGHT = 1920, 1080
DOUBTFUL = 0.65
SEEN_SHARE = 0.6  # of a face: what is visible of it in a piece, for a network to see it there
HALLS = Path(__file__).resolve().parents[4] / "shared" / "halls"


class Faces:
    """A network that sees the faces of a frame which says where it is: every pixel holds its own place."""

    name, sha256 = "faces", "00"

    def __init__(self, boxes: list[tuple[float, float, float]]) -> None:
        self.boxes = boxes
        self.looks = 0

    def detect(self, picture: Picture) -> tuple[Detection, ...]:
        self.looks += 1
        left, top = place_of(picture[0, 0])
        right, bottom = place_of(picture[-1, -1])
        zoom = picture.shape[1] / (right - left + 1)
        found = []
        for x, y, size in self.boxes:
            x0, y0, x1, y1 = max(x, left), max(y, top), min(x + size, right + 1), min(y + size, bottom + 1)
            if x1 > x0 and y1 > y0 and (x1 - x0) * (y1 - y0) >= SEEN_SHARE * size * size:
                box = ((x0 - left) * zoom, (y0 - top) * zoom, (x1 - x0) * zoom, (y1 - y0) * zoom)
                found.append(Detection(*box, 0.9))
        return tuple(found)


def place_of(pixel: np.ndarray) -> tuple[int, int]:
    first, second, third = (int(part) for part in pixel)
    return first + (third & 15) * 256, second + (third >> 4) * 256


def places(width: int, height: int) -> Picture:
    x, y = np.arange(width)[None, :], np.arange(height)[:, None]
    third = (x >> 8) + ((y >> 8) << 4)
    return np.dstack([np.broadcast_to(x & 255, third.shape), np.broadcast_to(y & 255, third.shape), third]).astype(
        np.uint8
    )


PLACES = places(WIDTH, HEIGHT)


@pytest.fixture(autouse=True)
def _nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    """The frame's pixels say where they are, which no interpolation may mix."""
    monkeypatch.setattr(cv2, "INTER_AREA", cv2.INTER_NEAREST)
    monkeypatch.setattr(cv2, "INTER_CUBIC", cv2.INTER_NEAREST)


def edges(plan: Plan) -> tuple[list[int], list[int]]:
    tiles = [tile for level in plan.levels for tile in level.tiles]
    return (
        sorted({side for tile in tiles for side in (tile.area.left, tile.area.right, tile.own.right) if side <= WIDTH}),
        sorted(
            {side for tile in tiles for side in (tile.area.top, tile.area.bottom, tile.own.bottom) if side <= HEIGHT}
        ),
    )


@examples(300)
@given(st.data(), st.sampled_from([12.0, 20.0, 30.0, 48.0, 64.0, 80.0, 96.0, 150.0, 250.0, 300.0]), st.booleans())
def test_a_face_at_any_edge_is_counted_once(data: st.DataObject, size: float, coarse: bool) -> None:
    plan = plan_for(WIDTH, HEIGHT, 1.0)
    across, down = edges(plan)
    x = data.draw(st.sampled_from(across)) + data.draw(st.floats(-1, 0)) * size
    y = data.draw(st.sampled_from(down)) + data.draw(st.floats(-1, 0)) * size
    x, y = min(max(x, 0), WIDTH - size), min(max(y, 0), HEIGHT - size)
    found = find(PLACES, plan, Faces([(x, y, size)]), coarse or size > 96)
    assert len(found) == 1
    if size <= 64 or size > 96:
        assert (found[0].x, found[0].y, found[0].w) == pytest.approx((x, y, size), abs=9)


@pytest.mark.parametrize("size", [12, 40, 64])
def test_a_full_hall_is_counted_once_each(size: int) -> None:
    boxes = [(x, y, size) for x in range(0, WIDTH - size, size + 7) for y in range(0, HEIGHT - size, size + 7)]
    for most_px in (100_000, 360_000):
        assert len(find(PLACES, plan_for(WIDTH, HEIGHT, 1.0, most_px), Faces(boxes))) == len(boxes)


def test_the_coarser_levels_are_left_out_where_nothing_asks_for_them() -> None:
    plan = plan_for(WIDTH, HEIGHT, 1.0)
    fine = len(plan.levels[0].tiles)
    for boxes, looks in (
        ([(100.0, 100.0, 40.0)], fine),
        ([(plan.levels[0].tiles[0].own.right - 70.0, 20.0, 150.0)], fine + 1),
    ):
        network = Faces(boxes)
        assert len(find(PLACES, plan, network, coarse=False)) == 1
        assert network.looks == looks


def test_between_pieces_there_is_a_beat() -> None:
    beats: list[int] = []
    find(PLACES, plan_for(WIDTH, HEIGHT, 1.0), Faces([]), True, lambda: beats.append(1))
    assert len(beats) == 9


def box(x: float, y: float, size: float, score: float = 0.9) -> Detection:
    return Detection(x, y, size, size, score)


def test_one_face_seen_by_two_pieces_is_one_and_two_neighbours_are_two() -> None:
    own, other = Found(box(0, 0, 20, 0.7), 0, True, False), Found(box(1, 1, 20, 0.9), 1, False, False)
    assert once([own, other]) == (own.face,), "the piece that it belongs to has it, whatever the scores"
    neighbour = Found(box(16, 0, 20), 1, True, False)
    assert len(once([own, neighbour])) == 2


def test_what_lies_within_a_face_is_none() -> None:
    face, eye = Found(box(0, 0, 100), 1, True, False), Found(box(20, 20, 20), 0, True, False)
    assert once([eye, face]) == (face.face,)


@pytest.fixture(scope="module")
def yunet() -> Model:
    found = search(KNOWN[0].file).model
    if found is None or found.known != KNOWN[0] or not HALLS.is_dir():
        pytest.skip("needs the preferred face network and the group photos")
    return found


@pytest.mark.parametrize(("name", "people"), [("group-1.jpg", 52), ("group-26.jpg", 77), ("group-11.jpg", 26)])
@pytest.mark.parametrize("shift", [0, 23, 61])
def test_a_group_photo_across_the_edges_has_as_many_people_as_in_one_piece(
    yunet: Model, name: str, people: int, shift: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    photo = cv2.imread(str(HALLS / name))
    assert photo is not None
    canvas = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    top, left = 150 + shift, 400 + shift
    canvas[top : top + photo.shape[0], left : left + photo.shape[1]] = photo
    network = open_detector(yunet, 0.6)
    found = find(canvas, plan_for(WIDTH, HEIGHT, 1.0), network)
    assert len(network.detect(canvas)) == people
    # A fold in somebody's clothes may reach 0.6 in a tile and 0.59 in one piece; that is no matter of edges.
    assert sum(face.score > DOUBTFUL for face in found) == people
