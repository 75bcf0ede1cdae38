"""agent/core/aiming.py: a room's geometry fits into one message, and says where it does not."""

from hypothesis import given
from hypothesis import strategies as st

from agent.core.aiming import ENVELOPE_BYTES, fitted
from agent.core.contract import MAX_PAYLOAD_BYTES, Aim, Aside, Place, encode
from tests.core.rig import examples

ZONE = ((0.123456, 0.0), (1.0, 0.0), (1.0, 0.333333))


def aim(places: int = 0, zones: int = 0, points: int = 3, asides: int = 0) -> Aim:
    return Aim(
        width=1920,
        height=1080,
        places=tuple(
            Place(x=1 / 3, y=2 / 3, w=0.01234567, h=0.02, seen_share=i / max(1, places)) for i in range(places)
        ),
        include=(),
        exclude=(ZONE * (points // 3),) * zones,
        set_aside=(Aside(reason="portrait", x=1 / 7, y=0.1, w=0.1, h=0.1),) * asides,
    )


def test_a_small_geometry_is_rounded_and_whole() -> None:
    small = fitted(aim(places=1, zones=1, asides=1))
    assert small.model_dump(mode="json", exclude_unset=True) == {
        "width": 1920,
        "height": 1080,
        "places": [{"x": 0.3333, "y": 0.6667, "w": 0.0123, "h": 0.02, "seen_share": 0.0}],
        "include": [],
        "exclude": [[[0.1235, 0.0], [1.0, 0.0], [1.0, 0.3333]]],
        "set_aside": [{"reason": "portrait", "x": 0.1429, "y": 0.1, "w": 0.1, "h": 0.1}],
    }


def test_of_too_many_places_those_seen_least_are_left_out_and_that_is_said() -> None:
    cut = fitted(aim(places=2000, zones=2, asides=3))
    assert cut.truncated
    assert 700 < len(cut.places) < 2000
    assert cut.places[0].seen_share > cut.places[-1].seen_share > 0.3
    assert len(cut.exclude) == 2


@examples(30)
@given(places=st.integers(0, 1500), zones=st.integers(0, 64), points=st.integers(3, 300), asides=st.integers(0, 900))
def test_whatever_the_room_its_geometry_fits_into_a_message(places: int, zones: int, points: int, asides: int) -> None:
    whole = aim(places, zones, points, asides)
    said = fitted(whole)
    assert len(encode(said)) <= MAX_PAYLOAD_BYTES - ENVELOPE_BYTES / 2
    is_whole = (len(said.places), len(said.exclude), len(said.set_aside)) == (places, zones, asides)
    assert said.truncated == (not is_whole)
    assert ("truncated" in said.model_fields_set) == said.truncated
