"""agent/core/looking.py: what one look adds to what is known."""

from random import Random

import pytest

from agent.core.looking import FOLLOW, MOST_PLACES, PERSON_KEPT_S, look
from agent.core.places import HISTORY, Place, Places
from tests.core.crowd import EVERY_S, FACE_PX, WINDOW_S, row, spot, taken_in


def only_place(places: Places) -> Place:
    (place,) = places.places
    return place


def test_each_look_adds_a_bit_to_the_history_of_who_is_seen() -> None:
    places = taken_in([spot(100)], [spot(100)], [], [spot(100)], [])
    place = only_place(places)
    assert (bin(place.bits), place.look, place.born, places.looks) == ("0b1101", 4, 1, 5)
    assert place.seen_s == 4 * EVERY_S


def test_a_history_has_an_end() -> None:
    assert only_place(taken_in(*[[spot(100)]] * 600)).bits == HISTORY


def test_a_place_follows_its_person_slowly() -> None:
    assert only_place(taken_in([spot(100)], [spot(108)])).x == 100 + 8 * FOLLOW


def test_half_a_face_neither_moves_the_place_nor_is_a_sign_of_life() -> None:
    place = only_place(taken_in(*[[spot(100)]] * 5, [spot(112, score=0.61)]))
    assert (place.x, place.seen_s, place.sightings) == (100, 5 * EVERY_S, 6)


def test_a_single_good_score_is_believed_the_second_time() -> None:
    once = only_place(taken_in([spot(100, score=0.7)], [spot(100, score=0.95)]))
    twice = only_place(taken_in([spot(100, score=0.7)], [spot(100, score=0.95)], [spot(100, score=0.93)]))
    assert ((once.best, once.second), (twice.best, twice.second)) == ((0.95, 0.7), (0.95, 0.93))


def test_numbers_of_places_are_never_used_again() -> None:
    places = taken_in([spot(100)], *[[]] * 100, [spot(100)])
    assert (places.numbers, only_place(places).number) == (2, 1)


def test_a_flicker_is_forgotten_after_two_windows_and_a_person_after_a_quarter_of_an_hour() -> None:
    places = taken_in(*[[spot(100)]] * 5, [spot(900)])
    assert len(taken_in(*[[]] * 88, before=places).places) == 2
    assert len(taken_in(*[[]] * 91, before=places).places) == 1
    assert len(taken_in(*[[]] * int(PERSON_KEPT_S / EVERY_S + 1), before=places).places) == 0


def test_the_clock_is_that_of_watching() -> None:
    places = look(Places(), [spot(100)], 2.0, WINDOW_S)
    assert look(places, [], 30.0, WINDOW_S).now_s == 32.0


def test_the_old_state_stays_as_it_was() -> None:
    places = taken_in(*[row(6)] * 6)
    near, together, repeated = dict(places.near), dict(places.together), repr(places)
    taken_in(row(6, 30), [*row(6), spot(150)], before=places)
    assert (places.near, places.together, repr(places)) == (near, together, repeated)


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_faces_does_not_matter(seed: int) -> None:
    chance = Random(seed)
    looks = [chance.sample(row(20), 12) for _ in range(20)]
    assert taken_in(*[chance.sample(faces, 12) for faces in looks]) == taken_in(*looks)


# Another view


def test_three_looks_at_strangers_begin_anew() -> None:
    places = taken_in(*[row(8)] * 30)
    other = [spot(130 + 117 * i, 800 - 31 * i) for i in range(7)]
    assert [taken_in(*[other] * n, before=places).restarts for n in (1, 2, 3, 30)] == [0, 0, 1, 1]
    assert taken_in(*[other] * 3, before=places).people == 7


def test_strangers_who_are_gone_again_do_not() -> None:
    places = taken_in(*[row(8)] * 30)
    other = [spot(130 + 117 * i, 800 - 31 * i) for i in range(7)]
    after = taken_in(other, row(8), other, row(8), other, before=places)
    assert (after.restarts, after.strangers, after.people) == (0, 1, 8)


@pytest.mark.parametrize("shown", [1, 3, 4, 5])
def test_few_faces_where_they_were_are_no_other_view(shown: int) -> None:
    places = taken_in(*[row(30)] * 30)
    after = taken_in(*[row(30)[:shown]] * 20, before=places)
    assert (after.restarts, after.people) == (0, 30)


# Noise


def test_a_screen_full_of_noise_does_not_fill_the_memory_and_the_people_are_kept() -> None:
    chance = Random("noise")
    places = taken_in(*[row(9)] * 6)
    for _ in range(12):
        noise = [spot(chance.uniform(0, 1900), chance.uniform(400, 1080), 0.7, 8) for _ in range(300)]
        places = taken_in([*row(9), *noise], before=places)
    assert len(places.places) == MOST_PLACES
    assert set(places.near) <= {place.number for place in places.places}
    assert sum(place.y < 400 for place in places.places if place.number in places.counted) == 9


@pytest.mark.parametrize("share", [0.05, 0.1])
def test_who_is_seen_now_and_then_where_all_others_flicker_is_no_person(share: float) -> None:
    chance = Random(f"flickers {share}")
    spots = [spot(100 + 2 * FACE_PX * i) for i in range(20)]
    looks = [[each for each in spots if chance.random() < share] for _ in range(150)]
    assert taken_in(*looks).people <= 2
