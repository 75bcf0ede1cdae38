"""hw/eye/sight.py: group photos with known counts, at their own size and reduced, and pictures that are hardly any."""

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

from hw.eye.detector import open_detector
from hw.eye.models import Model
from hw.eye.sight import Sight
from hw.eye.view import Picture
from tests.hw.eye.conftest import HEIGHT, SEATS, WIDTH, drawn

HALLS = Path(__file__).resolve().parents[4] / "shared" / "halls"


@pytest.fixture(scope="module")
def sight(yunet: Model) -> Sight:
    return Sight(open_detector(yunet, 0.6))


def photos() -> dict[str, int]:
    if not HALLS.is_dir():
        pytest.skip("needs the group photos")
    with (HALLS / "counts.csv").open(newline="") as file:
        return {row["file"]: int(row["people"]) for row in csv.DictReader(file)}


def photo(name: str, scale: float = 1.0) -> Picture:
    picture = cv2.imread(str(HALLS / name))
    assert picture is not None
    return np.asarray(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)


def test_every_group_photo_has_as_many_people_as_are_in_it(sight: Sight) -> None:
    truth = photos()
    assert {name: len(sight.detect(photo(name))) for name in truth} == truth


@pytest.mark.parametrize("name", ["group-1.jpg", "group-26.jpg"])
@pytest.mark.parametrize("scale", [0.5, 0.4, 0.3, 0.25])
def test_faces_of_six_to_fourteen_pixels_are_all_found(sight: Sight, name: str, scale: float) -> None:
    people = photos()[name]
    assert len(sight.detect(photo(name, scale))) == people


def test_a_camera_learns_from_one_frame_to_the_next(yunet: Model) -> None:
    people = photos()["group-26.jpg"]
    sight, frame = Sight(open_detector(yunet, 0.6)), photo("group-26.jpg", 0.3)
    views = [sight.look(frame, float(i)) for i in range(4)]
    assert len(views[0].detections) < people
    assert [len(view.detections) for view in views[2:]] == [people] * 2
    assert views[3].work_width > 2 * frame.shape[1]


def test_pictures_of_a_folder_are_each_looked_at_by_themselves(yunet: Model) -> None:
    truth, sight = photos(), Sight(open_detector(yunet, 0.6))
    mixed = [("group-6.jpg", 1.0), ("group-12.jpg", 1.0), ("group-26.jpg", 0.3), ("group-21.jpg", 1.0)]
    found = [len(sight.examine(photo(name, scale), float(i)).detections) for i, (name, scale) in enumerate(mixed)]
    assert found == [truth[name] for name, _ in mixed]


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 1), (1, 700, 3), (5, 5, 1), (40, 30, 4), (40, 30, 2)])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
def test_a_picture_that_is_hardly_one_has_no_faces(sight: Sight, shape: tuple[int, ...], kind: type) -> None:
    assert sight.look(np.full(shape, 90, kind), 0.0).detections == ()


def test_a_frame_of_the_wrong_kind_in_the_middle_disturbs_nothing(sight: Sight) -> None:
    frame = drawn()
    grey = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
    odd = [frame, grey, (grey.astype(np.uint16) * 257), np.zeros((1, 1, 3), np.uint8), frame[:100, :90], frame]
    views = [sight.examine(picture, 0.0) for picture in odd]
    assert [len(view.detections) for view in views if (view.width, view.height) == (WIDTH, HEIGHT)] == [SEATS] * 4
