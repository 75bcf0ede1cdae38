"""The few packets of MQTT 5 that the recorder needs, many at a time. Pure.

Not paho's: it makes objects, locks and tables for each message, and takes twice as long for one as its check and the
database together. What comes once per connection is still read with its tables.
"""

from collections.abc import Sequence
from typing import NamedTuple

from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from agent.adapters.broker_trouble import NO_MQTT_5

CONNACK, PUBLISH, PUBACK, SUBACK, PINGRESP, DISCONNECT = 2, 3, 4, 9, 13, 14
PING, BYE = b"\xc0\0", b"\xe0\0"
FAILED = 0x80  # reason codes from here on
TAKEN_OVER = 0x8E
RECEIVE_MAXIMUM = 65535  # where a broker names none
PROTOCOL = 5
OLD_REFUSAL = b"\0\1"  # MQTT 3.1.1, 3.2.2.3: what a broker says that does not know our version


class GarbledError(ConnectionError):
    """What came is no MQTT 5: the connection is of no use any more."""


class Packet(NamedTuple):
    """One as it came; what ``body`` means depends on ``kind``."""

    kind: int
    flags: int
    body: bytes


class Welcome(NamedTuple):
    """The broker's answer to CONNECT: its reason code, and what it asks of us."""

    code: int
    under_way: int
    keepalive_s: int


def take(buffer: bytearray, most_bytes: int) -> list[Packet]:
    """Take the packets that are all there from the buffer's front.

    Raises:
        GarbledError: The next one would be longer than ``most_bytes``, or has no length.
    """
    raw, at, packets = bytes(buffer), 0, []
    while True:
        try:
            size, start = _number(raw, at + 1)
        except IndexError:  # it has not come yet
            break
        if size > most_bytes:
            raise GarbledError(f"a packet of {size} bytes")
        if start + size > len(raw):
            break
        packets.append(Packet(raw[at] >> 4, raw[at] & 15, raw[start : start + size]))
        at = start + size
    del buffer[:at]
    return packets


def message(packet: Packet) -> tuple[str, bytes, int, int]:
    """A PUBLISH's topic, payload, number and QoS. Raises GarbledError."""
    body, qos = packet.body, packet.flags >> 1 & 3
    at = 2 + int.from_bytes(body[:2], "big")
    topic = body[2:at].decode(errors="replace")
    mid = int.from_bytes(body[at : at + 2], "big") if qos else 0
    try:
        size, start = _number(body, at + 2 if qos else at)
    except IndexError:
        raise GarbledError("a message that is too short") from None
    return topic, body[start + size :], mid, qos


def is_stored(packet: Packet) -> bool:
    """Whether the broker had a PUBLISH before anybody subscribed."""
    return bool(packet.flags & 1)


def welcome(packet: Packet, keepalive_s: int) -> Welcome:
    """Read a CONNACK; ``keepalive_s`` is what we asked for. Raises GarbledError."""
    if packet.body == OLD_REFUSAL:
        return Welcome(NO_MQTT_5, RECEIVE_MAXIMUM, keepalive_s)
    found = Properties(PacketTypes.CONNACK)
    try:
        code = packet.body[1]
        found.unpack(packet.body[2:])
    except Exception as error:  # paho's tables raise whatever they stumble over
        raise GarbledError("an answer to CONNECT that cannot be read") from error
    named = found.json()
    return Welcome(code, named.get("ReceiveMaximum", RECEIVE_MAXIMUM), named.get("ServerKeepAlive", keepalive_s))


def granted(packet: Packet) -> list[int]:
    """Reason codes of a SUBACK, in the order that was asked for. Raises GarbledError."""
    try:
        size, start = _number(packet.body, 2)
    except IndexError:
        raise GarbledError("an answer to SUBSCRIBE that cannot be read") from None
    return list(packet.body[start + size :])


def reason(packet: Packet) -> int:
    """Of a DISCONNECT or a PUBACK; one that names none means that all is well."""
    at = 2 if packet.kind == PUBACK else 0
    return packet.body[at] if len(packet.body) > at else 0


def connect(client_id: str, username: str, password: str | None, keepalive_s: int, properties: Properties) -> bytes:
    """CONNECT that goes on with the session that the broker has kept."""
    flags = (0x80 if username else 0) | (0 if password is None else 0x40)
    told = [_text("MQTT"), bytes([PROTOCOL, flags]), keepalive_s.to_bytes(2, "big"), bytes(properties.pack())]
    told += [_text(each) for each in (client_id, username, password) if each or each is client_id]
    return _packet(0x10, b"".join(told))


def subscribe(mid: int, topics: Sequence[str]) -> bytes:
    """SUBSCRIBE at QoS 1."""
    return _packet(0x82, mid.to_bytes(2, "big") + b"\0" + b"".join(_text(each) + b"\1" for each in topics))


def publish(mid: int, topic: str, raw: bytes) -> bytes:
    """PUBLISH at QoS 1, retained."""
    return _packet(0x33, _text(topic) + mid.to_bytes(2, "big") + b"\0" + raw)


def puback(mid: int) -> bytes:
    """PUBACK that says yes."""
    return b"\x40\x02" + mid.to_bytes(2, "big")


def _text(text: str) -> bytes:
    raw = text.encode()
    return len(raw).to_bytes(2, "big") + raw


def _packet(first: int, body: bytes) -> bytes:
    size, length = len(body), bytearray()
    while size > 127:
        length.append(size & 127 | 128)
        size >>= 7
    return bytes([first, *length, size]) + body


def _number(raw: bytes, at: int) -> tuple[int, int]:
    """A number of one to four bytes, and where it ends. Raises IndexError: not all of it is there."""
    value = 0
    for place in range(4):
        byte = raw[at + place]
        value |= (byte & 127) << (7 * place)
        if byte < 128:
            return value, at + place + 1
    raise GarbledError("a number of more than four bytes")
