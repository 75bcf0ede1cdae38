"""agent/core/pairing.py: which face is whose, and a camera that moves."""

from random import Random

import pytest

from agent.core.looking import RECOGNISED
from agent.core.pairing import FOUND_AGAIN, REACH, expected, follow, is_elsewhere, recognised
from agent.core.places import Places, Spot
from tests.core.crowd import FACE_PX, row, spot, taken_in

PEOPLE = 12


def seated(people: int = PEOPLE) -> Places:
    """A row of people who were seen in six looks."""
    return taken_in(*[row(people)] * 6)


def found(places: Places, faces: list[Spot]) -> set[tuple[float, float]]:
    """Pairs of where a place is and where its face."""
    faces = sorted(faces)
    _, matches = follow(places, faces)
    return {(places.places[place].x, faces[number].x) for place, number in matches.items()}


@pytest.mark.parametrize(("apart", "same"), [(0, True), (REACH, True), (REACH + 0.01, False), (-REACH, True)])
def test_a_face_belongs_to_the_place_within_reach(apart: float, same: bool) -> None:
    places = taken_in([spot(500)])
    assert bool(found(places, [spot(500 + apart * FACE_PX)])) is same
    assert bool(found(places, [spot(500, 300 + apart * FACE_PX)])) is same


@pytest.mark.parametrize(("width", "same"), [(80, True), (81, False), (20, True), (19, False)])
def test_a_face_twice_as_large_is_another_persons(width: float, same: bool) -> None:
    assert bool(found(taken_in([spot(500)]), [spot(500, width=width)])) is same


def test_two_faces_at_one_place_are_one_of_it_and_one_of_nobody_and_the_nearer_one_is_its() -> None:
    assert found(taken_in([spot(500)]), [spot(512), spot(495)]) == {(500, 495)}


def test_two_people_in_one_places_reach_keep_their_places() -> None:
    places = taken_in([spot(500), spot(520)])
    assert found(places, [spot(503), spot(522)]) == {(500, 503), (520, 522)}
    assert found(places, [spot(521)]) == {(520, 521)}


@pytest.mark.parametrize("move", [(12, 0), (-7, 9), (30, -10), (60, 20), (-200, 40)])
def test_a_camera_that_is_nudged_is_followed(move: tuple[float, float]) -> None:
    offset, matches = follow(seated(), sorted(row(PEOPLE, *move)))
    assert offset == pytest.approx(move)
    assert len(matches) == PEOPLE


@pytest.mark.parametrize("seed", range(5))
def test_half_of_the_faces_are_enough_to_follow_it(seed: int) -> None:
    chance = Random(seed)
    shown = sorted(chance.sample([spot(face.x + chance.gauss(0, 1), face.y) for face in row(PEOPLE, 75, 10)], 7))
    offset, matches = follow(seated(), shown)
    assert offset == pytest.approx((75, 10), abs=2)
    assert len(matches) == 7


@pytest.mark.parametrize("mover", range(PEOPLE))
def test_one_person_who_moves_is_no_camera_that_does(mover: int) -> None:
    faces = row(PEOPLE)
    faces[mover] = spot(faces[mover].x + 20, 310)
    assert follow(seated(), sorted(faces))[0] == (0, 0)


def test_a_row_that_fills_up_moves_no_camera() -> None:
    places = taken_in(*[row(PEOPLE)[:5]] * 6)
    offset, matches = follow(places, sorted(row(PEOPLE)))
    assert (offset, len(matches)) == ((0, 0), 5)


def test_who_should_show_is_who_is_counted_and_not_hidden() -> None:
    places = seated()
    assert expected(places) == pytest.approx(PEOPLE * (1 - places.hidden_share))
    assert recognised(places, follow(places, row(PEOPLE)[:3])[1]) == 3
    assert recognised(places, {}) == 0


@pytest.mark.parametrize("share", [RECOGNISED, FOUND_AGAIN])
@pytest.mark.parametrize(
    ("at_home", "elsewhere", "moved"), [(12, 0, False), (2, 0, False), (2, 1, False), (0, 5, True), (1, 8, True)]
)
def test_faces_where_nobody_sits_show_another_view_and_few_faces_alone_do_not(
    share: float, at_home: int, elsewhere: int, moved: bool
) -> None:
    """People who look down together, or leave together, move no camera."""
    places = seated()
    faces = sorted(row(PEOPLE)[:at_home] + [spot(100 + 90 * i, 900) for i in range(elsewhere)])
    _, matches = follow(places, faces)
    assert is_elsewhere(places, faces, matches, share) is moved
