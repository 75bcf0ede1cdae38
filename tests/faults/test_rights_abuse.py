"""FAULTS 58 and 59: who has no certificate and no password can still open connections and send nonsense."""

import random
import socket
import ssl
import struct
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import pytest

from tests.conftest import wait_for
from tests.faults.rights_bed import BY_PASSWORD, OTHER, SITE, Centre, Peer, is_admitted

MOST, IDLE = 100, 300
ANSWER_S = 5.0
# MQTT 5, 3.1: a CONNECT without properties, Clean Start, keepalive 20 s.
CONNECT = b"\x10\x14\x00\x04MQTT\x05\x02\x00\x14\x00\x00\x07nobody7"
USER_PROPERTY = 0x26  # 2.2.2.2


def peers_of(centre: Centre) -> list[Peer]:
    return [Peer(centre, centre.own(SITE)), Peer(centre, centre.own(OTHER))]


def are_served(peers: list[Peer]) -> None:
    for each in peers:
        each.settle()


@pytest.mark.parametrize("limit", [{"most": MOST}, {"files": MOST}], ids=["connections", "files"])
def test_who_only_opens_connections_keeps_nobody_out_who_is_in(small: Centre, limit: dict[str, int]) -> None:
    """With a port's limit the other ports stay open too; where the system's own comes first, nobody new gets in."""
    small.close()
    small.start(**limit)
    peers = peers_of(small)
    with ExitStack() as opened:
        for port in (small.port, small.password_port):
            for _ in range(IDLE):
                opened.enter_context(socket.create_connection(("127.0.0.1", port), ANSWER_S))
        # Without files left Debian's mosquitto cannot read hosts.allow (tcpd) and says that instead.
        words = ("max_connections exceeded", "system socket count has been exceeded", "denied access by tcpd")
        wait_for(lambda: any(word in small.log for word in words), "the limit")
        are_served(peers)
        assert not is_admitted(small, small.by_password(BY_PASSWORD))
        assert is_admitted(small, small.issued("all-seeing"), is_local=True) == ("most" in limit)
    wait_for(lambda: is_admitted(small, small.by_password(BY_PASSWORD)), "there is room again")
    are_served(peers)
    for each in peers:
        each.close()


@pytest.fixture
def peers(centre: Centre) -> Iterator[list[Peer]]:
    """Two who are at work while nonsense comes."""
    made, pid = peers_of(centre), centre.pid
    yield made
    are_served(made)
    assert centre.pid == pid
    for each in made:
        each.close()


def tell(centre: Centre, raw: bytes, port: int, own: bool = False, hang_up: bool = False) -> bytes:
    """Say it over TLS, with or without a certificate; the broker's first answer, empty where it closed.

    ``hang_up``: do not wait for an answer, it may take ours for the beginning of a packet; the bytes are then TLS's.
    """
    context = ssl.create_default_context(cafile=str(centre.ca))
    if own:
        context.load_cert_chain(*centre.own("hue"))
    answer = b""
    with (
        suppress(OSError),
        socket.create_connection(("127.0.0.1", port), ANSWER_S) as end,
        context.wrap_socket(end, server_hostname="127.0.0.1") as line,
    ):
        line.sendall(raw)
        if hang_up:
            line.shutdown(socket.SHUT_WR)
        answer = line.recv(1024)
    return answer


def connect_with(properties: bytes) -> bytes:
    """A CONNECT with them, however long they are."""
    body = CONNECT[2:12] + length_of(properties) + properties + CONNECT[13:]
    return b"\x10" + length_of(body) + body


def length_of(raw: bytes) -> bytes:
    """A variable byte integer (MQTT 5, 1.5.5)."""
    rest, said = len(raw), bytearray()
    while True:
        rest, digit = divmod(rest, 128)
        said.append(digit | (128 if rest else 0))
        if not rest:
            return bytes(said)


def test_a_connect_with_a_megabyte_of_properties_is_the_end_of_that_connection_only(
    centre: Centre, peers: list[Peer]
) -> None:
    one = bytes([USER_PROPERTY]) + struct.pack(">H", 1) + b"k" + struct.pack(">H", 65_000) + b"v" * 65_000
    for own, port in ((False, centre.password_port), (True, centre.port)):
        small_one = tell(centre, connect_with(one[:4] + struct.pack(">H", 1) + b"v"), port, own)
        assert small_one[:1] == b"\x20"  # a CONNACK, whatever it says
        assert small_one[3] == (0 if own else 0x87)  # not authorized, for there was no password
        large = tell(centre, connect_with(one * 16), port, own)
        assert not large or (large[0] >> 4, large[3]) != (2, 0)
    are_served(peers)


@pytest.mark.parametrize("own", [False, True], ids=["password", "certificate"])
def test_packets_that_are_none_harm_nobody_else(centre: Centre, peers: list[Peer], own: bool) -> None:
    chance = random.Random(59)
    port = centre.port if own else centre.password_port
    fixed = [
        b"", b"\x00", b"\x10\xff\xff\xff\xff\xff", b"\x10\xff\xff\xff\x7f", b"\xf0\x00", b"\x10\x00",
        CONNECT + CONNECT, CONNECT + b"\x30\xff\xff\xff\x7f", CONNECT + b"\x82\x02\x00\x00", b"GET / HTTP/1.1\r\n\r\n",
        CONNECT + b"\x32\x07\x00\x03a/#\x00\x00", CONNECT + b"\x32\x08\x00\x03a\x00b\x00\x01\x00",
    ]  # fmt: skip
    for raw in fixed:
        tell(centre, raw, port, own, hang_up=True)
    for _ in range(60):
        spoilt = bytearray(CONNECT + b"\x32\x08\x00\x03a/b\x00\x01\x00" + b"\x82\x08\x00\x01\x00\x00\x03a/b\x01")
        for _ in range(chance.randint(1, 6)):
            spoilt[chance.randrange(len(spoilt))] = chance.randrange(256)
        tell(centre, bytes(spoilt), port, own, hang_up=True)
    are_served(peers)


def test_nonsense_in_the_place_of_tls_harms_nobody(centre: Centre, peers: list[Peer]) -> None:
    chance = random.Random(58)
    for port in (centre.port, centre.local_port, centre.password_port):
        for raw in (CONNECT, b"\x16\x03\x01\xff\xff", *(chance.randbytes(300) for _ in range(20))):
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), ANSWER_S) as end:
                end.sendall(raw)
                end.shutdown(socket.SHUT_WR)
                end.recv(100)
    are_served(peers)
