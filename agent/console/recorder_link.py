"""The recorder's connection to the broker: a thousand messages in one read, their acknowledgements in one write.

Thread: the caller's only, and nothing is done behind his back: whoever does not call ``receive`` or ``rest`` for longer
than the keepalive loses the connection, and what he has not acknowledged comes again, to him or to another recorder.
"""

import socket
import ssl
import time
from collections import deque
from collections.abc import Sequence
from itertools import cycle
from types import TracebackType
from typing import NamedTuple, Protocol

from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from agent.adapters.broker_trouble import deaf, mute, refused, silent
from agent.adapters.mqtt_client import CONNECT_TIMEOUT_S, KEEPALIVE_S, MAX_PACKET_BYTES, credentials
from agent.console import recorder_packets as packets
from agent.console.recorder_packets import GarbledError, Packet
from agent.core.identity import BrokerSection

# Longer than a restart takes; and no longer, because a group's broker goes on giving its share to one that is no more.
SESSION_EXPIRY_S = 60
# Receive Maximum: mosquitto sends so much before it hears of one, whatever its own max_inflight_messages says.
UNDER_WAY = 2000
FIRST_ANSWER_S = 15.0
READ_BYTES = 256 * 1024


class ClosedError(ConnectionAbortedError):
    """The broker has ended the connection; ``taken_over``: because somebody else has come with our name."""

    def __init__(self, why: str, taken_over: bool = False) -> None:
        self.taken_over = taken_over
        super().__init__(why)


class Acknowledges(Protocol):
    """The connection that a message came on."""

    def ack(self, mid: int, qos: int) -> object:
        """The message is where it belongs."""


class Came(NamedTuple):
    """A message, and the connection that it came on. ``is_stored``: the broker had it before we subscribed."""

    client: Acknowledges
    full_topic: str
    raw: bytes
    mid: int
    qos: int = 1
    is_stored: bool = False


class Connection:
    """One connection, subscribed. A context manager: at its end the broker is told that this was on purpose.

    ``is_heard``: the broker has taken something that we published.

    Args:
        broker: Address and credentials.
        name: The client id where the broker does not give one.
        topics: What to listen to from the beginning.

    Raises:
        LinkError: The broker will not have us, or a file of the credentials is of no use.
        OSError: It cannot be reached. ``ssl.SSLError`` is one.
    """

    def __init__(self, broker: BrokerSection, name: str, topics: Sequence[str]) -> None:
        self._broker = broker
        self._came: list[Came] = []
        self._answers: dict[int, Packet] = {}
        self._buffer, self._out = bytearray(), bytearray()
        self._waiting: deque[tuple[str, bytes]] = deque()
        self._numbers = cycle(range(1, 65536))
        self._room, self._keepalive_s = 0, KEEPALIVE_S
        self.is_heard = False
        found = credentials(broker)
        self._socket = _opened(broker, found.tls)
        self._sent_s = self._heard_s = time.monotonic()
        try:
            self._introduce(broker, name, topics, found.password)
        except BaseException:
            self._socket.close()
            raise

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            if not isinstance(error, OSError):
                self._out += packets.BYE
                self.flush()
        except OSError:
            pass  # it is gone in any case
        finally:
            self._socket.close()

    def receive(self, wait_s: float) -> list[Came]:
        """What has come; it is waited for so long, and may be nothing.

        Raises:
            OSError: The connection is lost.
            LinkError: The broker does not let us publish.
        """
        self._keep_alive()
        if not self._came:  # some may have come before the broker's answer to SUBSCRIBE
            self._read(wait_s)
        came, self._came = self._came, []
        return came

    def rest(self) -> None:
        """Stay connected without taking anything. Raises OSError: the connection is lost."""
        self._keep_alive()

    def ack(self, mid: int, qos: int) -> None:
        """The message is in the database; the broker hears it at the next ``flush``."""
        if qos:
            self._out += packets.puback(mid)

    def publish(self, topic: str, raw: bytes) -> None:
        """At QoS 1, retained, at the next ``flush``, or later where the broker wants no more at once. It is said again
        on the next connection, so nobody asks whether it came.
        """
        self._waiting.append((topic, raw))

    def flush(self) -> None:
        """Send what waits. Raises OSError: the connection is lost."""
        while self._waiting and self._room:
            self._room -= 1
            self._out += packets.publish(next(self._numbers), *self._waiting.popleft())
        if self._out:
            self._socket.settimeout(CONNECT_TIMEOUT_S)
            self._socket.sendall(self._out)
            self._out.clear()
            self._sent_s = time.monotonic()

    def _introduce(self, broker: BrokerSection, name: str, topics: Sequence[str], password: str | None) -> None:
        self._out += packets.connect(
            broker.username or name, broker.username, password, KEEPALIVE_S, _connect_properties()
        )
        told = packets.welcome(self._answer(packets.CONNACK), KEEPALIVE_S)
        if told.code >= packets.FAILED:
            raise refused(_reason(PacketTypes.CONNACK, told.code))
        self._room, self._keepalive_s = told.under_way, told.keepalive_s or KEEPALIVE_S
        self.subscribe(topics)

    def subscribe(self, topics: Sequence[str]) -> None:
        """Listen to these from now on, too. What comes meanwhile is kept for ``receive``.

        Raises:
            OSError: The connection is lost.
            LinkError: The broker does not let us.
        """
        self._out += packets.subscribe(next(self._numbers), topics)
        codes = packets.granted(self._answer(packets.SUBACK))
        kept_back = [
            f"{topic} ({_reason(PacketTypes.SUBACK, code)})"
            for topic, code in zip(topics, codes, strict=True)
            if code >= packets.FAILED
        ]
        if kept_back:
            raise deaf(", ".join(kept_back))

    def _answer(self, kind: int) -> Packet:
        """Messages may come before it."""
        until_s = time.monotonic() + FIRST_ANSWER_S
        self.flush()
        while kind not in self._answers:
            if time.monotonic() > until_s:
                raise silent(self._broker)
            self._read(1.0)
        return self._answers.pop(kind)

    def _keep_alive(self) -> None:
        if time.monotonic() - self._sent_s > self._keepalive_s / 2:
            self._out += packets.PING
        self.flush()

    def _read(self, wait_s: float) -> None:
        self._socket.settimeout(max(wait_s, 0.001))
        try:
            raw = self._socket.recv(READ_BYTES)
        except TimeoutError:
            if time.monotonic() - self._heard_s > 1.5 * self._keepalive_s:
                raise ConnectionAbortedError("it has said nothing for too long") from None
            return
        if not raw:
            raise ClosedError("the broker has closed it")
        self._heard_s = time.monotonic()
        self._buffer += raw
        for packet in packets.take(self._buffer, MAX_PACKET_BYTES):
            self._take(packet)

    def _take(self, packet: Packet) -> None:
        if packet.kind == packets.PUBLISH:
            self._came.append(Came(self, *packets.message(packet), packets.is_stored(packet)))
        elif packet.kind == packets.PUBACK:
            if (code := packets.reason(packet)) >= packets.FAILED:
                raise mute(_reason(PacketTypes.PUBACK, code))
            self._room, self.is_heard = self._room + 1, True
        elif packet.kind in (packets.CONNACK, packets.SUBACK):
            self._answers[packet.kind] = packet
        elif packet.kind == packets.DISCONNECT:
            code = packets.reason(packet)
            raise ClosedError(str(_reason(PacketTypes.DISCONNECT, code)), code == packets.TAKEN_OVER)
        elif packet.kind != packets.PINGRESP:
            raise GarbledError(f"a packet of kind {packet.kind}")


def _opened(broker: BrokerSection, tls: ssl.SSLContext | None) -> socket.socket:
    try:
        end = socket.create_connection((broker.host, broker.port), CONNECT_TIMEOUT_S)
    except UnicodeError as error:  # a part of the name is too long, or empty
        raise OSError(str(error)) from error
    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if tls is None:
        return end
    try:
        return tls.wrap_socket(end, server_hostname=broker.host)
    except BaseException:
        end.close()
        raise


def _reason(kind: int, code: int) -> ReasonCode | str:
    """With its name, where the standard has one."""
    try:
        return ReasonCode(kind, identifier=code)
    except KeyError:
        return f"0x{code:02X}"


def _connect_properties() -> Properties:
    properties = Properties(PacketTypes.CONNECT)
    properties.SessionExpiryInterval = SESSION_EXPIRY_S
    properties.ReceiveMaximum = UNDER_WAY
    properties.MaximumPacketSize = MAX_PACKET_BYTES
    return properties
