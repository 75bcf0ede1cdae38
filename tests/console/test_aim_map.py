"""A room's geometry by characters."""

from hypothesis import given
from hypothesis import strategies as st

from agent.console.aim_map import COLUMNS, ROWS, ROWS_LISTED, drawn, listed
from agent.core.contract import Aim, Aside, Place

CORNER = ((0.5, 0.0), (1.0, 0.0), (1.0, 0.5), (0.5, 0.5))


def place(x: float, y: float, seen_share: float = 1.0) -> Place:
    return Place(x=x, y=y, w=0.0, h=0.0, seen_share=seen_share)


def aim(*places: Place, **fields: object) -> Aim:
    empty = {"width": 1920, "height": 1080, "include": (), "exclude": (), "set_aside": ()}
    return Aim.model_validate({**empty, "places": places, **fields})


def grid(what: Aim) -> list[str]:
    """The rows inside the box."""
    lines = drawn(what).splitlines()
    assert len(lines) == ROWS + 2
    assert {len(line) for line in lines} == {COLUMNS + 2}
    return [line[1:-1] for line in lines[1:-1]]


def test_a_place_stands_where_it_is_with_how_often_it_is_seen() -> None:
    rows = grid(aim(place(0, 0, 1.0), place(1, 1, 0.05), place(0.5, 0.5, 0.79)))
    assert rows[0][0] == "9"
    assert rows[-1][-1] == "0"
    assert rows[ROWS // 2][COLUMNS // 2] == "7"


def test_zones_are_outlined_and_hollow() -> None:
    rows = grid(aim(exclude=(CORNER,), include=(((0.0, 0.0), (0.25, 0.0), (0.0, 0.5)),)))
    assert rows[0][COLUMNS // 2 :] == "x" * (COLUMNS // 2)
    assert rows[ROWS // 2][COLUMNS // 2 :] == "x" * (COLUMNS // 2)
    assert rows[3][COLUMNS // 2 + 1 : -1].strip() == ""
    assert rows[0][0] == "+"


def test_where_two_meet_the_surer_place_is_seen_and_a_place_hides_what_is_set_aside() -> None:
    aside = Aside(reason="portrait", x=0.2, y=0.2, w=0.0, h=0.0)
    rows = grid(
        aim(
            place(0.2, 0.2, 0.9),
            place(0.2, 0.2, 0.1),
            set_aside=(aside, Aside(reason="excluded", x=0.8, y=0.8, w=0.0, h=0.0)),
        )
    )
    text = "".join(rows)
    assert (text.count("9"), text.count("1"), text.count("?")) == (1, 0, 1)


def test_the_list_begins_with_the_surest_and_says_how_many_more_there_are() -> None:
    lines = listed(aim(*(place(i / 100, 0.5, i / 100) for i in range(ROWS_LISTED + 5)))).splitlines()
    assert lines[1].endswith("24%")
    assert "5 (--json)" in lines[-1]
    assert "No places yet" in listed(aim())


@given(st.lists(st.tuples(st.floats(-2, 3), st.floats(-2, 3)), min_size=1, max_size=5))
def test_what_lies_outside_the_frame_is_not_drawn_and_breaks_nothing(points: list[tuple[float, float]]) -> None:
    grid(aim(*(place(x, y) for x, y in points), include=(tuple(points),)))
