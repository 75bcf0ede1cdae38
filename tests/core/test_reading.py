"""agent/core/reading.py: whatever bytes come, a command or why it is none, and whom to tell."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.commanding import Commanding, judge
from agent.core.contract import MAX_PAYLOAD_BYTES
from agent.core.events import MessageReceived
from agent.core.reading import read
from tests.core.rig import BEGIN_S, examples, now_at

COMMAND: dict[str, Any] = {
    "id": "c-1",
    "action": "recount",
    "args": {"people": 50},
    "issued_by": "an@tinh",
    "issued_at": "2012-11-20T07:30:00.000Z",
}


def raw(**changes: Any) -> bytes:
    """A command; a field that is changed to ... is not there."""
    return json.dumps({key: value for key, value in {**COMMAND, **changes}.items() if value is not ...}).encode()


def test_a_command_is_read_whole() -> None:
    reading = read(raw())
    assert reading.command is not None
    assert (reading.id, reading.command.action, reading.command.args) == ("c-1", "recount", {"people": 50})


@pytest.mark.parametrize(
    "payload",
    [
        b"", b"null", b"[]", b"7", b"{", b"\xff\xfe", b"\xef\xbb\xbf" + raw(), raw().replace(b"an@", b"\xc3\x28"),
        b"[" * 60_000, b'{"a":' * 10_000, raw(id=...), raw(id=7), raw(id=""), raw(id="x" * 65), raw(id="a b"),
        raw(id="a\x00"), raw(id="\ud800"), raw(id=None), raw().ljust(MAX_PAYLOAD_BYTES + 1), b"9" * 5000,
        raw() + b"\x00",
    ],
)  # fmt: skip
def test_what_has_no_id_that_can_be_read_says_why(payload: bytes) -> None:
    reading = read(payload)
    assert (reading.id, reading.command) == (None, None)
    assert reading.why


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (raw(action=7), "action: "),
        (raw().replace(b'"people": 50', b'"people": 50, "people": 5'), "a key stands twice"),
        (raw().replace(b'"id": "c-1"', b'"id": "c-0", "id": "c-1"'), "a key stands twice"),
        (raw(args={"people": float("nan")}), "NaN is no JSON"),
    ],
)
def test_with_an_id_somebody_can_be_told_why(payload: bytes, why: str) -> None:
    reading = read(payload)
    assert (reading.id, reading.command) == ("c-1", None)
    assert reading.why.startswith(why)


def test_sixty_four_kilobytes_are_taken() -> None:
    assert read(raw().ljust(MAX_PAYLOAD_BYTES)).command is not None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.dictionaries(st.sampled_from([*COMMAND, "x"]), JSON, max_size=5)


def never_crashes(payload: bytes) -> None:
    reading = read(payload)
    assert reading.command is None or reading.id == reading.command.id
    assert reading.id is None or (reading.id.isascii() and reading.id.isprintable() and 0 < len(reading.id) <= 64)
    assert reading.why.isprintable()
    message = MessageReceived("diemcau/v1/chi-linh/command", payload, False, 30, BEGIN_S)
    found = judge(Commanding(), message, now_at(BEGIN_S), for_all=False)
    assert found.answer is None or json.dumps(found.answer.reason)


@examples(200)
@given(st.binary(max_size=300))
def test_any_bytes_are_a_command_or_none(payload: bytes) -> None:
    never_crashes(payload)


@examples(200)
@given(FIELDS)
def test_any_document_is_a_command_or_none(changes: dict[str, Any]) -> None:
    never_crashes(raw(**changes))


@examples(200)
@given(place=st.integers(0, 200), new=st.binary(max_size=3), gone=st.integers(0, 3))
def test_a_damaged_command_is_a_command_or_none(place: int, new: bytes, gone: int) -> None:
    whole = raw()
    never_crashes(whole[:place] + new + whole[place + gone :])
