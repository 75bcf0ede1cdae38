"""hw/eye/detector.py: each network that this machine has, on the drawn hall and on pictures that are hardly any."""

import hashlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from agent.core.errors import EyeError
from hw.eye import models
from hw.eye.detector import MOST_PIXELS, bound_threads, open_detector
from hw.eye.models import KNOWN, Known, Model
from hw.eye.sources import read_still
from hw.eye.view import Detector
from hw.simulated.hall import DrawnHall, Person
from tests.hw.eye.conftest import drawn

HALLS = ((6, 320, 240), (12, 480, 270), (36, 960, 540))  # seats and the picture's size


def open_known(known: Known, threshold: float = 0.6) -> Detector:
    model = models.search(known.file).model
    if model is None or model.known != known:
        pytest.skip(f"no face network: {known.file} is in none of the model folders and in no installed package")
    return open_detector(model, threshold)


@pytest.fixture(scope="module", params=KNOWN, ids=lambda known: known.detector)
def network(request: pytest.FixtureRequest) -> Detector:
    """Each known network, at the threshold of the room config."""
    return open_known(request.param)


@pytest.mark.parametrize(("seats", "width", "height"), HALLS)
def test_every_face_of_the_drawn_hall_is_found_where_it_is(
    network: Detector, seats: int, width: int, height: int
) -> None:
    hall, people = DrawnHall(seats, width, height, seats), [Person(seat, seat) for seat in range(seats)]
    found = network.detect(hall.draw(people, 1.0))
    assert len(found) == seats
    for x, y, w, h in hall.face_boxes(people):
        held = [face for face in found if x < face.x + face.w / 2 < x + w and y < face.y + face.h / 2 < y + h]
        assert len(held) == 1
        assert 0.5 < held[0].w / w < 1.6
        assert 0.5 < held[0].h / h < 1.6
        assert 0.6 <= held[0].score <= 1


def test_an_empty_hall_has_no_faces(network: Detector) -> None:
    assert network.detect(DrawnHall(12, 480, 270, 3).draw([], 1.0)) == ()


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 500), (500, 1), (63, 65), (31, 33)])
def test_a_picture_of_hardly_a_pixel_has_no_faces(network: Detector, height: int, width: int) -> None:
    assert network.detect(np.full((height, width, 3), 128, np.uint8)) == ()


def test_pictures_may_change_their_size_from_one_to_the_next(network: Detector) -> None:
    small, large = drawn(6, 320, 240), drawn(12, 481, 271)
    assert [len(network.detect(picture)) for picture in (small, large, small)] == [6, 12, 6]


def test_a_picture_is_only_looked_at(network: Detector) -> None:
    picture = drawn()
    before = picture.copy()
    network.detect(picture)
    assert np.array_equal(picture, before)


@pytest.mark.parametrize("depth", ["grey", "16-bit", "grey 16-bit", "transparent"])
def test_faces_are_found_in_grey_deep_and_transparent_pictures_too(
    network: Detector, tmp_path: Path, depth: str
) -> None:
    picture = drawn(6, 480, 360).astype(np.uint16)
    if "grey" in depth:
        picture = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    if depth == "transparent":
        picture = cv2.cvtColor(picture, cv2.COLOR_BGR2BGRA)
        picture[:, :, 3] = 255
    cv2.imwrite(str(tmp_path / "a.png"), picture * 257 if "16" in depth else picture.astype(np.uint8))
    still = read_still(tmp_path / "a.png", 0.0)
    assert still.picture is not None
    assert len(network.detect(still.picture)) == 6


def test_a_higher_threshold_only_leaves_faces_out(network: Detector) -> None:
    known = next(known for known in KNOWN if known.detector == network.name)
    picture = drawn(12, 480, 270)
    strict, lenient = open_known(known, 0.8).detect(picture), open_known(known, 0.2).detect(picture)
    assert len(strict) <= len(network.detect(picture)) <= len(lenient)
    assert all(face.score >= 0.8 for face in strict)
    assert all(face.score >= 0.2 for face in lenient)


def test_a_detector_says_which_network_it_is(network: Detector) -> None:
    assert (network.name, network.sha256) in [(known.detector, known.sha256) for known in KNOWN]


@pytest.mark.parametrize("name", ["yunet_n", "centerface"])
def test_a_file_that_opencv_cannot_read_is_refused_with_a_sentence(tmp_path: Path, name: str) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(b"this is no network")
    known = Known(path.name, hashlib.sha256(path.read_bytes()).hexdigest(), name, "")
    with pytest.raises(EyeError, match=f"OpenCV cannot read {path}") as caught:
        open_detector(Model(path, known), 0.6)
    assert caught.value.reason == "model_refused"


@pytest.mark.parametrize(("cpu_share", "threads"), [(0.1, 1), (0.5, 1), (1.0, 1), (1.5, 2), (4.0, 4)])
def test_opencv_takes_as_many_threads_as_the_share_of_cores_asks_for(cpu_share: float, threads: int) -> None:
    before = cv2.getNumThreads()
    try:
        bound_threads(cpu_share)
        assert cv2.getNumThreads() == threads
    finally:
        cv2.setNumThreads(before)


def test_a_very_large_picture_is_made_smaller_and_its_boxes_are_not() -> None:
    model = models.search().model
    if model is None:
        pytest.skip("no face network on this machine")
    hall = DrawnHall(6, 960, 540, 1)
    people = [Person(seat, seat) for seat in range(6)]
    large = cv2.resize(hall.draw(people, 1.0), None, fx=4, fy=4, interpolation=cv2.INTER_LINEAR)
    found = open_detector(model, 0.6).detect(np.asarray(large, np.uint8))
    assert large.shape[0] * large.shape[1] > 2 * MOST_PIXELS
    assert len(found) == 6
    middles = sorted(face.x + face.w / 2 for face in found)
    assert middles == pytest.approx(sorted(4 * seat.x for seat in hall.seats), abs=40)
