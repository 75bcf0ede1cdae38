"""agent/core/places.py: what a place tells about itself."""

from agent.core.places import Places
from tests.core.crowd import row, spot, taken_in


def test_a_room_that_nobody_looked_at_has_nobody() -> None:
    assert Places().people == 0


def test_a_place_tells_how_often_it_was_seen() -> None:
    (place,) = taken_in([spot(100)], [], [spot(101)], [spot(99)]).places
    assert place.sightings == 3


def test_distances_are_in_widths_of_the_larger_face_and_the_same_both_ways() -> None:
    one, other = taken_in([spot(100, 300, width=40), spot(160, 380, width=20)]).places
    assert one.distance(other) == other.distance(one) == 2.5


def test_pictures_are_no_people() -> None:
    places = taken_in(*[row(3)] * 6)
    some = next(iter(places.counted))
    assert (places.people, Places(counted=places.counted, portraits=frozenset({some})).people) == (3, 2)
