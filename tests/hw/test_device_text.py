"""hw/device_text.py: whatever the bytes, one clean line."""

from hypothesis import given
from hypothesis import strategies as some

from hw.device_text import LONGEST, one_line


@given(some.binary(max_size=400))
def test_any_bytes_become_one_printable_line_of_a_bounded_length(raw: bytes) -> None:
    text = one_line(raw)
    assert len(text) <= LONGEST
    assert text.isprintable()
    assert text.splitlines() in ([], [text])
    text.encode()  # no lone halves of characters: JSON and MQTT are UTF-8


@given(some.text(some.characters(categories=("L", "N", "P", "S")), max_size=LONGEST))
def test_a_clean_serial_stays_as_it_is(serial: str) -> None:
    assert one_line(serial.encode() + b"\n") == serial


def test_only_what_is_longer_than_a_descriptor_can_be_is_cut() -> None:
    assert one_line(b"A" * 126) == "A" * 126
    assert one_line(b"A" * 127) == "A" * 125 + "…"
