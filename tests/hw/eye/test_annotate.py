"""hw/eye/annotate.py: nobody can be recognised in what is written."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from agent.core.errors import EyeError
from agent.core.events import Detection
from hw.eye.annotate import CELLS, HIDE_THRESHOLD, MARGIN, Annotator, hide
from hw.eye.detector import open_detector
from hw.eye.models import Model
from hw.eye.sources import read_still
from hw.eye.view import Detector, Picture
from hw.simulated.hall import DrawnHall, Person

GROUND = np.random.default_rng(1).integers(0, 255, (120, 160, 3)).astype(np.uint8)


FACE = Detection(20, 20, 30, 30, 0.9)


class Finds:
    """A network that finds what it is told to."""

    name, sha256 = "told", "00"

    def __init__(self, *faces: Detection) -> None:
        self._faces = faces

    def detect(self, picture: Picture) -> tuple[Detection, ...]:
        return self._faces


def colours(picture: Picture) -> int:
    return len(np.unique(picture.reshape(-1, 3), axis=0))


def written(path: Path) -> Picture:
    still = read_still(path, 0.0)
    assert still.picture is not None, still.problem
    return still.picture


@pytest.fixture(scope="module")
def detector(yunet: Model) -> Detector:
    return open_detector(yunet, 0.6)


@pytest.fixture(scope="module")
def hider(yunet: Model) -> Detector:
    return open_detector(yunet, HIDE_THRESHOLD)


@pytest.mark.parametrize(("seats", "seed"), [(6, 1), (24, 2), (36, 3)])
def test_the_network_finds_nobody_in_an_annotated_hall(
    tmp_path: Path, detector: Detector, hider: Detector, seats: int, seed: int
) -> None:
    hall, people = DrawnHall(seats, 960, 540, seed), [Person(seat, 50 * seed + seat) for seat in range(seats)]
    picture = hall.draw(people, 1.0)
    counted = detector.detect(picture)
    assert len(counted) == seats
    Annotator(tmp_path / "out.png", True, hider).write(0, picture, counted, counted)
    after = written(tmp_path / "out.png")
    assert detector.detect(after) == ()
    for x, y, w, h in hall.face_boxes(people):
        inside = slice(round(y + 0.2 * h), round(y + 0.8 * h)), slice(round(x + 0.2 * w), round(x + 0.8 * w))
        # Squares and the green line: eyes, nose and mouth are gone, not only blurred.
        assert colours(after[inside]) <= CELLS**2 + 1
        assert colours(picture[inside]) > 2 * (CELLS**2 + 1)


def test_a_hidden_face_is_a_few_squares_with_a_margin_around_the_box() -> None:
    picture = GROUND.copy()
    hide(picture, Detection(40, 30, 40, 40, 0.9))
    part = picture[30 - int(MARGIN * 40) : 70 + int(MARGIN * 40), 40 - int(MARGIN * 40) : 80 + int(MARGIN * 40)]
    assert colours(part) <= CELLS**2
    touched = np.argwhere((picture != GROUND).any(axis=2))
    assert touched.min(axis=0).tolist() == [20, 30]
    assert touched.max(axis=0).tolist() == [79, 89]


@pytest.mark.parametrize(
    "face",
    [
        Detection(-30, -30, 60, 60, 0.9),
        Detection(150, 110, 60, 60, 0.9),
        Detection(-500, -500, 2000, 2000, 0.9),
        Detection(10, 10, 1, 1, 0.9),
        Detection(10, 10, 3, 2, 0.9),
    ],
)
def test_a_face_at_the_edge_or_of_a_few_pixels_is_hidden_as_far_as_it_shows(face: Detection) -> None:
    picture = GROUND.copy()
    hide(picture, face)
    left, top = max(0, int(face.x)), max(0, int(face.y))
    right, bottom = min(160, int(face.x + face.w)), min(120, int(face.y + face.h))
    assert colours(picture[top:bottom, left:right]) <= CELLS**2


@pytest.mark.parametrize("face", [Detection(-90, 10, 30, 30, 0.9), Detection(10, 200, 30, 30, 0.9)])
def test_a_face_outside_the_picture_changes_nothing(face: Detection) -> None:
    picture = GROUND.copy()
    hide(picture, face)
    assert np.array_equal(picture, GROUND)


def test_what_does_not_count_is_hidden_too_and_only_what_counts_has_a_box(tmp_path: Path) -> None:
    counted, doubtful = Detection(20, 20, 30, 30, 0.9), Detection(100, 60, 30, 30, 0.3)
    Annotator(tmp_path / "out.png", True, Finds(counted, doubtful)).write(0, GROUND, (counted,), (counted,))
    after = written(tmp_path / "out.png")
    for face in (counted, doubtful):
        x, y = int(face.x), int(face.y)
        assert colours(after[y + 3 : y + 27, x + 3 : x + 27]) <= CELLS**2
    green = (after.astype(int) == (80, 200, 60)).all(axis=2)
    assert green[20, 20:50].all()
    assert not green[55:, 95:].any()


def test_a_face_in_an_excluded_zone_is_hidden_and_has_no_box(tmp_path: Path) -> None:
    Annotator(tmp_path / "out.png", True, Finds()).write(0, GROUND, (FACE,), ())
    after = written(tmp_path / "out.png")
    assert colours(after[23:47, 23:47]) <= CELLS**2
    assert not (after.astype(int) == (80, 200, 60)).all(axis=2).any()


def test_a_face_that_only_the_count_found_is_hidden_all_the_same(tmp_path: Path) -> None:
    Annotator(tmp_path / "out.png", True, Finds()).write(0, GROUND, (FACE,), (FACE,))
    assert colours(written(tmp_path / "out.png")[23:47, 23:47]) <= CELLS**2


def test_the_picture_itself_is_not_changed(tmp_path: Path) -> None:
    picture = GROUND.copy()
    Annotator(tmp_path / "out.jpg", True, Finds()).write(0, picture, (FACE,), (FACE,))
    assert np.array_equal(picture, GROUND)


def test_a_sequence_becomes_a_folder_with_a_file_for_each_frame(tmp_path: Path) -> None:
    out = Annotator(tmp_path / "new" / "out", False, Finds())
    for number in (0, 12):
        out.write(number, GROUND, (), ())
    assert sorted(path.name for path in (tmp_path / "new" / "out").iterdir()) == [
        "frame-000000.jpg",
        "frame-000012.jpg",
    ]
    assert written(tmp_path / "new" / "out" / "frame-000012.jpg").shape == GROUND.shape


def test_a_name_without_an_ending_gets_a_jpeg(tmp_path: Path) -> None:
    Annotator(tmp_path / "out", True, Finds()).write(0, GROUND, (), ())
    assert cv2.imdecode(np.frombuffer((tmp_path / "out").read_bytes(), np.uint8), cv2.IMREAD_COLOR) is not None


@pytest.mark.parametrize("name", ["out.xyz", "a-file/out.jpg", "a-folder.jpg"])
def test_a_file_that_cannot_be_written_is_one_sentence(tmp_path: Path, name: str) -> None:
    (tmp_path / "a-file").touch()
    (tmp_path / "a-folder.jpg").mkdir()
    with pytest.raises(EyeError, match=r"cannot be written: name a \.jpg or \.png file") as caught:
        Annotator(tmp_path / name, True, Finds()).write(0, GROUND, (), ())
    assert caught.value.reason == "not_written"
