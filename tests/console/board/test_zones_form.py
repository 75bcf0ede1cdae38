"""Zones as they are written in the form, and what they would do to the places."""

import math

import pytest

from agent.console.board.room_view import room
from agent.console.board.zones_form import CORNERS_MAX, Effect, ZonesError, effect, read, written
from agent.core.config import Zones
from agent.core.contract import Aim, compact, decode

SQUARE = "0.1,0.1 0.5,0.1 0.5,0.5 0.1,0.5"
AIM = decode(
    Aim,
    compact(
        {
            "width": 1920,
            "height": 1080,
            "places": [
                {"x": 0.2, "y": 0.2, "w": 0.1, "h": 0.1, "seen_share": 0.9},
                {"x": 0.7, "y": 0.7, "w": 0.1, "h": 0.1, "seen_share": 0.02},
            ],
            "include": [],
            "exclude": [[[0.8, 0.0], [1.0, 0.0], [1.0, 0.3]]],
            "set_aside": [
                {"reason": "excluded", "x": 0.92, "y": 0.02, "w": 0.02, "h": 0.02},
                {"reason": "portrait", "x": 0.3, "y": 0.0, "w": 0.02, "h": 0.02},
            ],
        }
    ).encode(),
)


def ring(corners: int) -> str:
    turns = [math.tau * i / corners for i in range(corners)]
    return " ".join(f"{0.5 + 0.4 * math.cos(turn):.4f},{0.5 + 0.4 * math.sin(turn):.4f}" for turn in turns)


def test_what_is_written_is_read_again() -> None:
    zones = read(f"{SQUARE}\r\n\r\n0,0 1,0 0,1", "0.7,0 1,0 1,0.3\n")
    assert zones.include[0] == ((0.1, 0.1), (0.5, 0.1), (0.5, 0.5), (0.1, 0.5))
    assert [len(zones.include), len(zones.exclude)] == [2, 1]
    assert read(written(zones.include), written(zones.exclude)) == zones
    assert read(" \n", "") == Zones()


def test_corners_outside_the_frame_come_to_its_edge_and_all_are_rounded() -> None:
    assert read("", "-3,0.12345 1.5,0 .5,1.").exclude == (((0.0, 0.1235), (1.0, 0.0), (0.5, 1.0)),)


def test_a_corner_twice_in_a_row_is_one() -> None:
    assert read("", "0,0 0,0 1,0 1,1 0,0").exclude == (((0.0, 0.0), (1.0, 0.0), (1.0, 1.0)),)


def test_a_line_that_nobody_touched_stays_as_it_runs() -> None:
    runs = Zones(exclude=(((1 / 3, 0.0), (1.0, 0.0), (1.0, 2 / 3)),))
    assert read("", written(runs.exclude), runs) == runs
    assert read("", written(runs.exclude)) != runs


@pytest.mark.parametrize(
    "line",
    [
        "0,0 1,1",
        "0,0 0,0 1,1 1,1",
        "0,0 1,1 1,0 0,1",
        "0,0 1,0 0.5,0",
        "0,0 0.5,0.5 1,1",
        "0,0 1,0 1,1 0.5,0",
        "0,0 0.5,0 1,0 1,1 0.5,0 0,1",
        "nan,0 1,0 1,1",
        "inf,0 1,0 1,1",
        "1e5,0 1,0 1,1",
        "0x1,0 1,0 1,1",
        "1_0,0 1,0 1,1",
        "٠,0 1,0 1,1",
        "0,5 0;5 1,1",
        ".,. 1,0 1,1",
        "<script>alert(1)</script>",
        "0,0,0 1,0 1,1",
        "9" * 500 + ",0 1,0 1,1",
        "'; drop table",
        "\x00",
    ],
)
def test_nonsense_is_refused_with_a_sentence_for_its_line(line: str) -> None:
    with pytest.raises(ZonesError) as caught:
        read(SQUARE, f"{SQUARE}\n{line}")
    ((vietnamese, english),) = caught.value.problems
    assert vietnamese.startswith("vùng loại trừ, dòng 2: ")
    assert english.startswith("exclude, line 2: ")
    assert line not in english, "what somebody sent is not said again"


def test_every_wrong_line_is_told_at_once() -> None:
    with pytest.raises(ZonesError) as caught:
        read("a\n0,0 1,1", "b")
    assert [english.partition(":")[0] for _, english in caught.value.problems] == [
        "include, line 1",
        "include, line 2",
        "exclude, line 1",
    ]


def test_as_much_as_can_be_looked_at_is_taken_and_no_more() -> None:
    assert len(read(ring(CORNERS_MAX), "").include[0]) == CORNERS_MAX
    for include in (ring(CORNERS_MAX + 1), "\n".join(["0,0 1,0 1,1"] * 65), "0," + "0" * 50_000):
        with pytest.raises(ZonesError, match="too much"):
            read(include, "")


def test_the_middle_of_a_face_decides() -> None:
    assert effect(AIM, Zones(exclude=AIM.exclude)) == Effect(frozenset(), frozenset())
    assert effect(AIM, Zones()) == Effect(frozenset(), frozenset({0})), "a picture on the wall stays aside"
    assert effect(AIM, read("", SQUARE)) == Effect(frozenset({0}), frozenset({0}))
    assert effect(AIM, read(SQUARE, "")) == Effect(frozenset({1}), frozenset())


def test_the_room_as_shapes() -> None:
    shown = room(AIM, read("", SQUARE))
    assert (shown.height, shown.aside, shown.back, shown.places) == (562, 1, 1, 2)
    assert [(each.kind, each.changes) for each in shown.shapes] == [
        ("excluded", True),
        ("portrait", False),
        ("place", True),
        ("place", False),
    ]
    assert [each.opacity for each in shown.shapes if each.kind == "place"] == [0.9, 0.12]
    assert shown.outlines[0].points.startswith("100.0,56.2 ")
    assert room(None, Zones()).shapes == ()


@pytest.mark.parametrize(("width", "height"), [(None, None), (0, 0), (-5, 10), (10**400, 1), (1, 10**400)])
def test_a_frame_of_any_size_can_be_drawn(width: int | None, height: int | None) -> None:
    aim = AIM.model_copy(update={"width": width, "height": height})
    assert 300 <= room(aim, Zones()).height <= 1500
