"""agent/core/presence.py: which places somebody sits at, where places are near each other."""

from random import Random

import pytest

from agent.core.places import Places, Spot
from agent.core.presence import BESIDE, judge, neighbours, seen_together
from tests.core.crowd import FACE_PX, WINDOW_S, row, spot, taken_in

HERE = 500.0


def alternating(apart: float, looks: int = 60, every: int = 6) -> list[list[Spot]]:
    """One person who leans over and back, so many face widths."""
    return [[spot(HERE + apart * FACE_PX * (number // every % 2))] for number in range(looks)]


def as_they_like(apart: float, seed: int, looks: int = 120) -> list[list[Spot]]:
    """Two people who look up and down, each as he likes."""
    chance, shown, result = Random(f"two {seed}"), [True, False], []
    for _ in range(looks):
        result.append([spot(HERE + apart * FACE_PX * i, 300 + 5 * i) for i in (0, 1) if shown[i]])
        shown = [each ^ (chance.random() < 2 / 15) for each in shown]
    return result


@pytest.mark.parametrize("apart", [0.5, 0.7, 1.0, 1.3, 1.6])
@pytest.mark.parametrize("seed", range(5))
def test_two_people_in_one_places_reach_are_two_once_they_were_seen_together(apart: float, seed: int) -> None:
    assert taken_in(*as_they_like(apart, seed)).people == 2


@pytest.mark.parametrize("apart", [0.7, 0.95, 1.1, 1.3, 1.6])
def test_one_who_leans_between_two_places_is_one(apart: float) -> None:
    assert taken_in(*alternating(apart)).people == 1


@pytest.mark.parametrize("apart", [0.65, 0.8, 0.95])
def test_who_moves_by_less_than_a_face_and_stays_there_is_one_all_the_time(apart: float) -> None:
    places = taken_in(*[[spot(HERE)]] * 20)
    for _ in range(60):
        places = taken_in([spot(HERE + apart * FACE_PX)], before=places)
        assert places.people == 1


def test_at_two_seats_nobody_leans() -> None:
    assert taken_in(*alternating(1.9)).people == 2


@pytest.mark.parametrize("count", [1, 3, 6])
def test_half_a_face_beside_a_whole_one_is_a_part_of_it(count: int) -> None:
    whole = row(count)
    halves = [spot(face.x + 1.2 * FACE_PX, face.y, score=0.65) for face in whole]
    assert taken_in(*[whole] * 6, *([halves] * 3 + [whole] * 3) * 8).people == count


def test_a_weak_face_beside_nobody_is_somebody() -> None:
    assert taken_in(*[[*row(3), spot(900, 700, score=0.65)]] * 12).people == 4


def test_among_many_clear_faces_one_that_never_is_clear_and_hidden_by_nobody_is_none() -> None:
    pattern, person = spot(900, 900, score=0.7), spot(1200, 900, score=0.86)
    assert taken_in(*[[*row(12), pattern, person]] * 40).people == 13
    assert taken_in(*[[*row(12), spot(900, 900, score=0.7 + 0.01 * i)] for i in range(25)]).people == 13, "it cleared"


def test_a_weak_face_that_is_seen_together_with_its_neighbour_is_another_person() -> None:
    assert taken_in(*[[spot(HERE), spot(HERE + 1.2 * FACE_PX, score=0.65)]] * 12).people == 2


def test_who_is_not_seen_for_longer_than_two_windows_has_left_and_is_back_with_the_first_sighting() -> None:
    faces = row(3)
    places = taken_in(*[faces] * 20)
    places = taken_in(*[faces[:2]] * 33, before=places)
    assert places.people == 3, "66 s"
    places = taken_in(*[faces[:2]] * 60, before=places)
    assert (places.people, len(places.left)) == (2, 1), "186 s"
    places = taken_in(faces, before=places)
    assert (places.people, len(places.left)) == (3, 0)


def test_at_the_first_looks_who_is_seen_is_there_and_later_a_single_sighting_is_nobody() -> None:
    assert taken_in(row(5)).people == 5
    assert taken_in(*[row(5)] * 6, [*row(5), spot(900, 900)]).people == 5


def test_judging_twice_says_the_same() -> None:
    places = taken_in(*as_they_like(0.7, 1))
    assert judge(places, WINDOW_S) == (places.counted, places.left)


# Neighbours


def everybody_near(places: Places) -> dict[int, set[int]]:
    """Neighbours, the slow way."""
    near = {
        one.number: {
            other.number for other in places.places if other.number != one.number and one.distance(other) <= BESIDE
        }
        for one in places.places
    }
    return {number: others for number, others in near.items() if others}


@pytest.mark.parametrize("seed", range(5))
def test_neighbours_are_kept_up_as_places_come_and_go(seed: int) -> None:
    chance = Random(f"near {seed}")
    looks = [
        [spot(chance.uniform(0, 600), chance.uniform(0, 300), 0.9, chance.choice([10, 40])) for _ in range(12)]
        for _ in range(150)
    ]
    after = taken_in(*looks)
    there = {place.number for place in after.places}
    assert after.numbers > len(there), "some are gone"
    again = neighbours(after.places, {}, after.places, gone=False)
    assert {number: set(others) for number, others in again.items()} == everybody_near(after)
    # A place follows its face, so that some pairs came near, or went, after they were asked for.
    assert there.issuperset(after.near)
    assert all(number in after.near[other] for number, others in after.near.items() for other in others)


def test_only_near_places_are_reckoned_to_be_seen_together() -> None:
    faces = [spot(100), spot(150), spot(900)]
    places = taken_in(*[faces] * 4)
    assert list(places.together.values()) == [4]
    again = seen_together(places.places, places.near, places.together, places.looks)
    assert list(again.values()) == [5]
