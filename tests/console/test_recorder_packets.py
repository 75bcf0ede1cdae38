"""agent/console/recorder_packets.py: what a broker writes is read, however it is cut; nonsense is said to be that."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from agent.console import recorder_packets as packets
from agent.console.recorder_packets import GarbledError, Packet, Welcome

MOST = 128 * 1024
MESSAGES = st.lists(
    st.tuples(st.integers(1, 65535), st.text(st.characters(codec="utf-8"), max_size=40), st.binary(max_size=300)),
    max_size=8,
)


@given(MESSAGES, st.lists(st.integers(1, 200), min_size=1))
def test_messages_come_out_as_they_were_however_they_are_cut(
    made: list[tuple[int, str, bytes]], cuts: list[int]
) -> None:
    stream = b"".join(packets.publish(mid, topic, raw) for mid, topic, raw in made)
    buffer, found, at, turn = bytearray(), [], 0, 0
    while at < len(stream):
        size = cuts[turn % len(cuts)]
        buffer += stream[at : at + size]
        found += packets.take(buffer, MOST)
        at, turn = at + size, turn + 1
    assert [packets.message(each) for each in found] == [(topic, raw, mid, 1) for mid, topic, raw in made]
    assert not buffer


@given(st.binary(max_size=200))
def test_what_is_no_packet_is_said_to_be_none(raw: bytes) -> None:
    readers = (packets.message, packets.granted, packets.reason, lambda it: packets.welcome(it, 20))
    with suppress(GarbledError):
        for each in packets.take(bytearray(raw), MOST):
            for read in readers:
                with suppress(GarbledError):
                    read(each)


def test_a_message_at_qos_0_has_no_number_and_properties_are_passed_over() -> None:
    assert packets.message(Packet(packets.PUBLISH, 0, b"\0\1a\0raw")) == ("a", b"raw", 0, 0)
    expiry = b"\x05\x02\0\0\0\x1e"
    assert packets.message(Packet(packets.PUBLISH, 3, b"\0\1a\0\7" + expiry + b"raw")) == ("a", b"raw", 7, 1)
    assert [packets.is_stored(Packet(packets.PUBLISH, flags, b"")) for flags in (3, 2)] == [True, False]


@pytest.mark.parametrize("raw", [b"\x30\xff\xff\xff\xff\x7f", b"\x30\x80\x80\x09"])
def test_a_packet_that_is_too_long_is_no_packet(raw: bytes) -> None:
    with pytest.raises(GarbledError):
        packets.take(bytearray(raw), MOST)


def test_a_length_that_has_not_come_yet_is_waited_for() -> None:
    buffer = bytearray(b"\xd0")
    assert packets.take(buffer, MOST) == []
    buffer += b"\0\x30\x80"
    assert packets.take(buffer, MOST) == [Packet(packets.PINGRESP, 0, b"")]
    assert bytes(buffer) == b"\x30\x80"


def test_the_brokers_answers() -> None:
    asks = Properties(PacketTypes.CONNACK)
    asks.ReceiveMaximum = 20
    asks.ServerKeepAlive = 7
    assert packets.welcome(Packet(packets.CONNACK, 0, b"\0\0" + bytes(asks.pack())), 20) == Welcome(0, 20, 7)
    assert packets.welcome(Packet(packets.CONNACK, 0, b"\0\x87\0"), 20) == Welcome(0x87, 65535, 20)
    assert packets.granted(Packet(packets.SUBACK, 0, b"\0\1\0\1\x87\0")) == [1, 0x87, 0]
    assert packets.reason(Packet(packets.DISCONNECT, 0, b"")) == 0
    assert packets.reason(Packet(packets.DISCONNECT, 0, b"\x8e")) == packets.TAKEN_OVER
    assert packets.reason(Packet(packets.PUBACK, 0, b"\0\1")) == 0
    assert packets.reason(Packet(packets.PUBACK, 0, b"\0\1\x87\0")) == 0x87
