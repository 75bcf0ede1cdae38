"""hw/eye/protocol.py: what goes over the socket comes out as it went in; anything else is refused."""

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.core.commands import WatchCamera
from agent.core.config import HeadcountSection
from agent.core.events import Detection, EyeAlive, EyeReady, EyeTrouble, FrameSeen
from agent.core.headcount import Estimator, add_frame, estimate, single
from hw.eye.protocol import LONGEST_LINE, LONGEST_SIDE, FromEye, decode_event, decode_order, encode_event, encode_order

number = st.floats(allow_nan=False)
finite = st.floats(allow_nan=False, allow_infinity=False)
count = st.integers(-(2**63), 2**63)
side = st.integers(-LONGEST_SIDE, LONGEST_SIDE)
faces = st.lists(st.builds(Detection, number, number, number, number, number), max_size=4).map(tuple)
events = st.one_of(
    st.builds(FrameSeen, count, finite, side, side, faces, finite, finite, finite),
    st.builds(EyeReady, count, st.text(), st.none() | st.text()),
    st.builds(EyeAlive, count),
    st.builds(EyeTrouble, count, st.text(), st.text()),
)
orders = st.builds(WatchCamera, count, st.text(), count, count, st.text(), number, number, number)
films = st.none() | st.dictionaries(st.text(), st.none() | st.booleans() | st.text() | st.lists(st.text()), max_size=3)

FRAME: dict[str, Any] = {
    "kind": "FrameSeen",
    "watch": 1,
    "captured_s": 1.0,
    "width": 640,
    "height": 480,
    "detections": [{"x": 1, "y": 2, "w": 3, "h": 4, "score": 0.9}],
    "detect_ms": 5.0,
    "luma_mean": 90.0,
    "same_s": 0.0,
}


@settings(deadline=None)
@given(events)
def test_an_event_comes_out_as_it_went_in_on_one_line(event: FromEye) -> None:
    line = encode_event(event)
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert decode_event(line) == event


@settings(deadline=None)
@given(orders, films)
def test_an_order_comes_out_as_it_went_in_on_one_line(order: WatchCamera, film: dict[str, Any] | None) -> None:
    line = encode_order(order, film)
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert decode_order(line) == (order, film)


def test_a_frame_is_read_as_it_is_written_down_here() -> None:
    face = Detection(1.0, 2.0, 3.0, 4.0, 0.9)
    assert decode_event(json.dumps(FRAME).encode()) == FrameSeen(1, 1.0, 640, 480, (face,), 5.0, 90.0, 0.0)


def test_a_frame_of_five_thousand_faces_fits_into_a_line() -> None:
    face = Detection(*[-math.pi * 1e-300] * 5)  # as many digits as a number can have
    assert len(encode_event(FrameSeen(1, 1.0, 1, 1, (face,) * 5000, 0.0, 0.0, 0.0))) < LONGEST_LINE


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\n",
        b"null",
        b"[]",
        b"42",
        b'"EyeAlive"',
        b"{",
        b"{}",
        b"\xff\xfe",
        b"\x00" * 100,
        b'{"kind": "EyeAlive"}',
        b'{"kind": "EyeAlive", "watch": null}',
        b'{"kind": "EyeAlive", "watch": "one"}',
        b'{"kind": "EyeAlive", "watch": 1.5}',
        b'{"kind": "EyeAlive", "watch": ' + b"9" * 5000 + b"}",
        b'{"kind": ["EyeAlive"], "watch": 1}',
        b'{"kind": "Stopping"}',
        b'{"kind": "ButtonPressed"}',
        b'{"kind": "SetRelay", "load": "codec", "on": false}',
        b'{"kind": "EyeAlive", "watch": 1}{"kind": "EyeAlive", "watch": 1}',
        b'{"kind": "EyeReady", "watch": 1, "detector": {}, "model_sha256": null}',
    ],
)
def test_a_hostile_line_is_refused(line: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 # json's and ours are both one
        decode_event(line)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("width", "wide"),
        ("width", 1.5),
        ("captured_s", None),
        ("captured_s", "soon"),
        ("detections", None),
        ("detections", "faces"),
        ("detections", [1]),
        ("detections", [[1, 2, 3, 4, 5]]),
        ("detections", [{"x": 1, "y": 1, "w": 1, "h": 1}]),
        ("detections", [{"x": 1, "y": 1, "w": 1, "h": 1, "score": "high"}]),
        ("detections", {"0": {"x": 1, "y": 1, "w": 1, "h": 1, "score": 1}}),
    ],
)
def test_a_frame_with_one_wrong_field_is_refused_in_one_sentence(key: str, value: object) -> None:
    with pytest.raises(ValueError, match="a line that does not fit: 1 problems"):
        decode_event(json.dumps({**FRAME, key: value}).encode())


@pytest.mark.parametrize("key", sorted(FRAME.keys() - {"kind"}))
def test_a_frame_without_one_of_its_fields_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="a line that does not fit"):
        decode_event(json.dumps({name: value for name, value in FRAME.items() if name != key}).encode())


def test_what_an_event_has_no_place_for_does_not_get_through() -> None:
    assert decode_event(b'{"kind": "EyeAlive", "watch": 1, "picture": "AAAA"}') == EyeAlive(1)


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_whatever_bytes_come_they_are_an_event_or_refused(line: bytes) -> None:
    try:
        decode_event(line)
    except ValueError:
        return


@pytest.mark.parametrize("line", [b"", b"{}", b"[]", b'{"order": null}', b'{"order": {"watch": 1}}', b"\xff"])
def test_an_order_that_is_none_is_refused(line: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 # json's and pydantic's are both one
        decode_order(line)


def test_a_line_nested_too_deeply_is_refused_like_any_other() -> None:
    with pytest.raises(ValueError, match="nested too deeply"):
        decode_event(b"[" * 200_000)


@pytest.mark.parametrize("key", ["captured_s", "detect_ms", "luma_mean", "same_s"])
@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e999", "9" * 400])
def test_a_frame_with_a_time_that_cannot_be_is_refused(key: str, value: str) -> None:
    line = json.dumps({**FRAME, key: "HERE"}).replace('"HERE"', value).encode()
    with pytest.raises(ValueError, match=r"a frame with a size or a time that cannot be|a line that does not fit"):
        decode_event(line)


@pytest.mark.parametrize("key", ["width", "height"])
@pytest.mark.parametrize("value", [LONGEST_SIDE + 1, -LONGEST_SIDE - 1, 10**400])
def test_a_frame_with_a_size_that_no_picture_has_is_refused(key: str, value: int) -> None:
    """Python's numbers have no bounds, but dividing by one of 400 digits would end the agent."""
    with pytest.raises(ValueError, match="a frame with a size or a time that cannot be"):
        decode_event(json.dumps({**FRAME, key: value}).encode())


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_box_that_is_none_comes_through_and_is_dropped_where_people_are_counted(value: float) -> None:
    sound, broken = Detection(100.0, 100.0, 30.0, 40.0, 0.9), Detection(value, 2.0, 30.0, 40.0, 0.9)
    frame = decode_event(encode_event(FrameSeen(1, 1.0, 640, 480, (sound, broken), 5.0, 90.0, 0.0)))
    assert isinstance(frame, FrameSeen)
    assert single(frame, HeadcountSection()).value == 1


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_whatever_bytes_come_they_are_an_order_or_refused(line: bytes) -> None:
    try:
        decode_order(line)
    except ValueError:
        return


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None)
@given(st.sampled_from(sorted(FRAME)), JSON)
def test_a_frame_with_anything_in_a_field_is_refused_or_can_be_counted(key: str, value: object) -> None:
    try:
        event = decode_event(json.dumps({**FRAME, key: value}).encode())
    except ValueError:
        return
    if isinstance(event, FrameSeen):
        estimator = add_frame(Estimator(), event, HeadcountSection())
        assert estimate(estimator, 1.0, HeadcountSection(), 30).state in ("ok", "degraded", "unknown")


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(["order", "film"]), JSON))
def test_an_order_with_anything_in_it_is_read_or_refused(document: dict[str, object]) -> None:
    try:
        decode_order(json.dumps(document).encode())
    except ValueError:
        return
