"""The drawn hall: the same picture for the same question, and people whom the counting network really finds."""

import os
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from hw.simulated.hall import DrawnHall, Look, Person

WIDTH, HEIGHT = 960, 540
MODEL = "yunet_n_640_640.onnx"
SEEDS = ((1, 6), (2, 12), (3, 24), (4, 36), (5, 48))  # seed and seats


@pytest.fixture(scope="module")
def network() -> cv2.FaceDetectorYN:
    """The counting network at the threshold of the room config."""
    beside_the_checkout = Path(__file__).resolve().parents[3].parent / "shared" / "models"
    folders = (Path(os.environ.get("DIEMCAU_MODEL_DIR") or beside_the_checkout), beside_the_checkout)
    model = next((folder / MODEL for folder in folders if (folder / MODEL).is_file()), None)
    if model is None:
        pytest.skip(f"no face network: {MODEL} is in neither $DIEMCAU_MODEL_DIR nor ../shared/models")
    return cv2.FaceDetectorYN.create(str(model), "", (WIDTH, HEIGHT), 0.6, 0.3, 5000)


def crowd(hall: DrawnHall, look: Look = "up", first: int = 0) -> list[Person]:
    """Somebody different on every seat."""
    return [Person(seat, first + seat, look) for seat in range(len(hall.seats))]


def faces(network: cv2.FaceDetectorYN, frame: NDArray[np.uint8]) -> list[tuple[float, float]]:
    """The centres of the faces that the network finds."""
    _, found = network.detect(frame)
    return [] if found is None else [(row[0] + row[2] / 2, row[1] + row[3] / 2) for row in found]


def held(faces_found: list[tuple[float, float]], box: tuple[float, float, float, float]) -> int:
    """How many of the faces have their centre in the middle part of the box."""
    x, y, width, height = box
    near = [abs(fx - x - width / 2) < 0.3 * width and abs(fy - y - height / 2) < 0.3 * height for fx, fy in faces_found]
    return sum(near)


@pytest.mark.parametrize("seats", range(1, 81))
def test_every_seat_is_in_the_picture_and_no_head_covers_the_face_behind(seats: int) -> None:
    placed = DrawnHall(seats, 480, 270, seats).seats
    assert len(placed) == seats
    for seat in placed:
        assert 0 < seat.x - 1.2 * seat.half_height < seat.x + 1.2 * seat.half_height < 480
        assert 0 < seat.y - 1.6 * seat.half_height < seat.y + 1.9 * seat.half_height < 270
    for back, front in pairwise(placed):
        assert front.half_height >= back.half_height
        if front.y == back.y:
            assert front.x - back.x > 3 * back.half_height
        else:
            assert front.y - 1.5 * front.half_height > back.y + back.half_height


@pytest.mark.parametrize("seats", [0, 81])
def test_a_hall_that_cannot_be_is_refused(seats: int) -> None:
    with pytest.raises(ValueError, match="1 to 80 seats"):
        DrawnHall(seats, WIDTH, HEIGHT, 1)


def test_a_picture_too_small_for_its_seats_is_refused() -> None:
    with pytest.raises(ValueError, match="too small"):
        DrawnHall(80, 96, 54, 1)


def test_a_person_without_a_seat_is_our_bug() -> None:
    with pytest.raises(IndexError):
        DrawnHall(6, WIDTH, HEIGHT, 1).draw([Person(6, 1)], 0.0)


def test_the_same_question_gives_the_same_picture_even_to_another_hall() -> None:
    one, other = DrawnHall(12, WIDTH, HEIGHT, 7), DrawnHall(12, WIDTH, HEIGHT, 7)
    people = crowd(one)
    other.draw(people[::-1], 3.0)
    assert np.array_equal(one.draw(people, 4.5, 0.8), other.draw(people[::-1], 4.5, 0.8))


def test_a_picture_has_the_asked_size_and_belongs_to_the_caller() -> None:
    hall = DrawnHall(6, 641, 363, 1)
    frame = hall.draw([], 0.0)
    assert frame.shape == (363, 641, 3)
    assert frame.dtype == np.uint8
    before = frame.copy()
    frame[:] = 0
    assert np.array_equal(hall.draw([], 0.0), before)


def test_no_two_times_give_the_same_picture_even_of_an_empty_hall() -> None:
    hall = DrawnHall(4, 320, 180, 1)
    assert len({hall.draw([], at_s / 10).tobytes() for at_s in range(300)}) == 300


def test_people_move_a_little_and_never_far() -> None:
    hall = DrawnHall(1, WIDTH, HEIGHT, 1)
    half = hall.seats[0].half_height
    still = DrawnHall(1, WIDTH, HEIGHT, 1).draw([Person(0, 3)], 0.0).astype(int)
    later = [hall.draw([Person(0, 3)], at_s).astype(int) for at_s in (1.0, 2.0, 3.0)]
    moved = [np.argwhere(np.abs(frame - still).max(axis=2) > 30) for frame in later]
    assert any(len(where) > half for where in moved)
    for where in moved:
        assert (np.abs(where - (hall.seats[0].y, hall.seats[0].x)) <= 2.2 * half + 3).all()


def test_a_dark_hall_is_nearly_black_and_still_alive() -> None:
    hall = DrawnHall(24, WIDTH, HEIGHT, 1)
    dark = hall.draw(crowd(hall), 1.0, light=0.0)
    assert dark.mean() < 6
    assert dark.max() < 20
    assert dark.std() > 0.5
    assert dark.mean() < hall.draw(crowd(hall), 1.0, light=0.4).mean() < hall.draw(crowd(hall), 1.0).mean()


def test_face_boxes_are_those_of_the_faces_that_show() -> None:
    hall = DrawnHall(6, WIDTH, HEIGHT, 1)
    up, lean = hall.face_boxes([Person(0, 5, "up"), Person(1, 5, "down"), Person(2, 5, "lean")])
    seat, aside = hall.seats[0], hall.seats[2]
    assert up[0] + up[2] / 2 == pytest.approx(seat.x)
    assert up[1:] == pytest.approx((seat.y - seat.half_height, 1.52 * seat.half_height, 2.0 * seat.half_height))
    assert abs(lean[0] + lean[2] / 2 - aside.x) == pytest.approx(0.42 * aside.half_height)


@pytest.mark.parametrize("look", ["up", "lean"])
@pytest.mark.parametrize(("seed", "seats"), SEEDS)
def test_the_network_finds_every_face_once_where_it_is(
    network: cv2.FaceDetectorYN, seed: int, seats: int, look: Look
) -> None:
    hall = DrawnHall(seats, WIDTH, HEIGHT, seed)
    people = crowd(hall, look, first=100 * seed)
    found = faces(network, hall.draw(people, at_s=seed * 1.7))
    assert len(found) == seats
    assert [held(found, box) for box in hall.face_boxes(people)] == [1] * seats


@pytest.mark.parametrize(("seed", "seats"), SEEDS)
def test_the_network_finds_nobody_on_empty_chairs_or_in_bowed_heads(
    network: cv2.FaceDetectorYN, seed: int, seats: int
) -> None:
    hall = DrawnHall(seats, WIDTH, HEIGHT, seed)
    assert faces(network, hall.draw([], 1.0)) == []
    assert faces(network, hall.draw(crowd(hall, "down", first=100 * seed), 1.0)) == []


def test_the_network_counts_the_faces_among_empty_chairs_and_bowed_heads(network: cv2.FaceDetectorYN) -> None:
    hall = DrawnHall(40, WIDTH, HEIGHT, 9)
    looks: tuple[Look, ...] = ("up", "down", "lean")
    people = [Person(seat, seat, looks[seat % 3]) for seat in range(40) if seat % 5]
    assert len(faces(network, hall.draw(people, 2.0))) == len(hall.face_boxes(people))


def test_nobody_is_seen_in_the_dark(network: cv2.FaceDetectorYN) -> None:
    hall = DrawnHall(24, WIDTH, HEIGHT, 1)
    assert faces(network, hall.draw(crowd(hall), 1.0, light=0.0)) == []
