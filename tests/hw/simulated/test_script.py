"""hw/simulated/script.py: what a script may say, and that everybody who reads it finds the same truth."""

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.core.errors import ConfigError
from hw.simulated.script import GLANCE_S, Attendance, Cue, Film, Script, is_on, parse_script

EXAMPLE = """
seed = 7
seats = 30
[[cues]]
at_s = 2
do = "press"
[[cues]]
at_s = 5
do = "arrive"
people = 25
over_s = 60
[[cues]]
at_s = 120
do = "unplug"
device = "camera-main"
"""


def script(*cues: Cue, **rest: Any) -> Script:
    return Script(**{"seed": 3, "seats": 40, **rest}, cues=cues)


def come(at_s: float, people: int, over_s: float = 0) -> Cue:
    return Cue(at_s=at_s, do="arrive", people=people, over_s=over_s)


def go(at_s: float, people: int, over_s: float = 0) -> Cue:
    return Cue(at_s=at_s, do="leave", people=people, over_s=over_s)


# Reading


def test_the_example_of_the_documentation_is_a_script() -> None:
    read = parse_script(EXAMPLE, "script.toml", json_document=False)
    assert (read.seed, read.seats) == (7, 30)
    assert read.cues[1] == come(5, 25, 60)
    as_json = json.dumps(read.model_dump(mode="json"))
    assert parse_script(as_json, "script.json", json_document=True) == read


def test_nothing_at_all_is_the_built_in_script() -> None:
    assert parse_script("", "script.toml", json_document=False) == Script()
    assert Attendance(Script()).peak <= Script().seats


def test_every_mistake_is_said_at_once() -> None:
    text = """
    seats = 81
    speed = 2
    [[cues]]
    at_s = -1
    do = "pres"
    [[cues]]
    do = "arrive"
    people = 81
    """
    with pytest.raises(ConfigError) as caught:
        parse_script(text, "script.toml", json_document=False)
    paths = {problem.path: problem for problem in caught.value.problems}
    assert paths.keys() == {"seats", "speed", "cues[0].at_s", "cues[0].do", "cues[1].at_s", "cues[1].people"}
    assert paths["cues[0].do"].suggestion == "did you mean press?"


@pytest.mark.parametrize("text", ["seats = ", "cues = 5", "[[cues]]\nat_s = nan\ndo = 'press'", "seats = true"])
def test_what_is_no_script_is_a_sentence(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^script\.toml: "):
        parse_script(text, "script.toml", json_document=False)


@pytest.mark.parametrize(
    ("cues", "most"),
    [
        ([come(0, 7)], 7),
        ([come(0, 6), come(10, 1)], 7),
        ([come(0, 6), go(5, 1), come(10, 3)], 8),
    ],
)
def test_more_people_than_seats_are_refused(cues: list[Cue], most: int) -> None:
    text = script(*cues, seats=6).model_dump_json()
    with pytest.raises(ConfigError, match=f"{most} people are in the room at once, but it has 6 seats"):
        parse_script(text, "script.json", json_document=True)


def test_as_many_people_as_seats_are_fine_and_so_are_others_after_them() -> None:
    text = script(come(0, 6), go(5, 6), come(10, 6), seats=6).model_dump_json()
    attendance = Attendance(parse_script(text, "script.json", json_document=True))
    assert [attendance.people(at_s) for at_s in (0, 4, 6, 10)] == [6, 6, 0, 6]


# The truth


def test_people_come_and_go_one_after_the_other() -> None:
    attendance = Attendance(script(come(10, 5, over_s=10), go(30, 3, over_s=3)))
    at_s = [0, 9.9, 10, 12, 14, 16, 18, 20, 29, 30, 31, 32, 100]
    assert [attendance.people(second) for second in at_s] == [0, 0, 1, 2, 3, 4, 5, 5, 5, 4, 3, 2, 2]
    assert attendance.peak == 5


def test_nobody_leaves_an_empty_room() -> None:
    attendance = Attendance(script(come(1, 2), go(2, 10), come(3, 1)))
    assert [attendance.people(at_s) for at_s in (1, 2, 3)] == [2, 0, 1]


moves = st.builds(
    Cue,
    at_s=st.floats(0, 100),
    do=st.sampled_from(["arrive", "leave", "press", "dark"]),
    people=st.integers(0, 8),
    over_s=st.sampled_from([0.0, 7.0, 50.0]),
)
scripts = st.builds(
    Script,
    seed=st.integers(0, 5),
    seats=st.just(80),
    look_down_share=st.sampled_from([0.0, 0.1, 0.5, 1.0]),
    lean_share=st.sampled_from([0.0, 0.3, 1.0]),
    cues=st.lists(moves, max_size=9).map(tuple),
)
moments = st.lists(st.floats(0, 200), max_size=6)


@settings(deadline=None, max_examples=60)
@given(scripts, moments)
def test_nobody_shares_a_seat_and_nobody_is_there_twice(script: Script, moments: list[float]) -> None:
    attendance = Attendance(script)
    for at_s in moments:
        present = attendance.present(at_s)
        assert len({stay.seat for stay in present}) == len({stay.person for stay in present}) == len(present)
        assert all(0 <= stay.seat < script.seats for stay in present)
        assert len(present) == attendance.people(at_s) <= attendance.peak
        assert [(person.seat, person.identity) for person in attendance.pose(at_s)] == [
            (stay.seat, stay.person) for stay in present
        ]


@settings(deadline=None, max_examples=60)
@given(scripts, moments)
def test_at_most_one_in_twenty_looks_down_at_once_however_many_want_to(script: Script, moments: list[float]) -> None:
    for at_s in moments:
        poses = Attendance(script).pose(at_s)
        assert sum(person.look == "down" for person in poses) <= 0.05 * len(poses)


@settings(deadline=None, max_examples=60)
@given(scripts, moments)
def test_everybody_who_reads_the_script_finds_the_same_truth(script: Script, moments: list[float]) -> None:
    again = Script.model_validate_json(script.model_dump_json())
    one, other = Attendance(script), Attendance(again)
    for at_s in moments:
        assert one.pose(at_s) == other.pose(at_s)


def test_another_seed_is_another_room() -> None:
    one, other = (Attendance(script(come(0, 20), seed=seed)) for seed in (1, 2))
    assert [stay.seat for stay in one.present(1)] != [stay.seat for stay in other.present(1)]


def test_the_look_of_a_moment_stays_for_a_glance() -> None:
    attendance = Attendance(script(come(0, 40), look_down_share=0.5, look_down_most=0.5, lean_share=0.2))
    assert attendance.pose(GLANCE_S) == attendance.pose(1.99 * GLANCE_S)
    assert attendance.pose(GLANCE_S) != attendance.pose(2 * GLANCE_S)


def test_the_shares_are_those_of_the_script_in_the_long_run() -> None:
    attendance = Attendance(script(come(0, 40), look_down_share=0.3, look_down_most=1.0, lean_share=0.2))
    looks = [person.look for glance in range(200) for person in attendance.pose(glance * GLANCE_S)]
    assert looks.count("down") / len(looks) == pytest.approx(0.3, abs=0.02)
    assert looks.count("lean") / looks.count("up") == pytest.approx(0.2 / 0.8, abs=0.03)


def test_the_bound_holds_where_the_share_is_above_it_and_is_reached() -> None:
    attendance = Attendance(script(come(0, 40), look_down_share=1.0, look_down_most=0.05))
    downs = {sum(person.look == "down" for person in attendance.pose(glance * GLANCE_S)) for glance in range(50)}
    assert downs == {2}


# Opposite cues


def test_the_last_of_two_opposite_cues_counts() -> None:
    dark = script(Cue(at_s=10, do="dark"), Cue(at_s=20, do="light"), Cue(at_s=5, do="press"))
    assert [is_on(dark, "light", "dark", at_s) for at_s in (0, 9, 10, 19, 20, 99)] == [
        True,
        True,
        False,
        False,
        True,
        True,
    ]
    assert is_on(dark, "light", "dark", 0, first=False) is False


def test_a_cue_for_a_device_is_only_for_that_device() -> None:
    pulled = script(Cue(at_s=1, do="unplug", device="camera-side"))
    assert is_on(pulled, "plug", "unplug", 2, "camera-main")
    assert not is_on(pulled, "plug", "unplug", 2, "camera-side")


# The film


def test_a_film_knows_its_second_and_its_speed() -> None:
    film = Film(script=Script(), started_s=100.0, speed=10)
    assert film.at(100.0) == 0
    assert film.at(103.5) == pytest.approx(35)
    assert math.isfinite(film.at())


def test_rooms_of_one_conference_share_its_clock_whenever_they_started() -> None:
    early, late = (Film(script=Script(begins_s=200.0), started_s=start_s, speed=10) for start_s in (100.0, 230.0))
    assert early.at(203.5) == late.at(203.5) == pytest.approx(35)
    assert early.at(199.0) == pytest.approx(-10)  # nobody is there yet
