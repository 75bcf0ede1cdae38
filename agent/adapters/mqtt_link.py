"""The broker, through paho-mqtt 2 and MQTT 5: the newest value of each topic goes out, subscribed messages come in.

Threads: ``publish`` may be called from any; paho's network thread calls back; both only leave notes for the link's own
thread, which alone connects, publishes and keeps the slots (publishing under a lock of ours while paho calls back under
one of its own would be a deadlock).

Every connection is a new client: the will carries the connection's number, and it has to be set before the CONNECT.
A topic is a slot, not a queue: what is not sent yet is replaced by what is newer, so a slow line is late but never
behind. While the broker is away nothing is kept, because the core says everything again at ``LinkUp``. Only letters
(answers to commands, ``outgoing.py``) wait for it, for as long as they are of use.
"""

import logging
import queue
import random
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from agent.adapters.broker_trouble import trouble
from agent.adapters.files import missing
from agent.adapters.outgoing import Letter, Letters, Outgoing, Slot
from agent.core.contract import MAX_PAYLOAD_BYTES, Payload, encode, topic
from agent.core.errors import LinkError
from agent.core.events import LinkDown, LinkUp, MessageReceived
from agent.core.identity import BrokerSection
from agent.core.ports import Inbox

log = logging.getLogger("diemcau.link")

KEEPALIVE_S = 20
SESSION_EXPIRY_S = 3600
WILL_DELAY_S = 15
MAX_PACKET_BYTES = 128 * 1024
CONNECT_TIMEOUT_S = 10.0
BACK_OFF_FIRST_S, BACK_OFF_CAP_S = 1.0, 20.0
STEADY_S = 10.0  # a connection that lasted so long was one
GOODBYE_S = 1.5  # for the last words of an orderly stop

F = TypeVar("F", bound=Callable[..., Any])


def guarded(callback: F) -> F:
    """Log what a callback raises: an exception in it would end paho's thread while it still looks connected."""

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        try:
            return callback(*args, **kwargs)
        except Exception:
            log.exception("a callback of the link failed; the link goes on")
            return None

    return wrapped  # type: ignore[return-value]  # same call signature, by construction


@dataclass(frozen=True, slots=True)
class Accepted:
    """The broker answered the CONNECT with yes."""


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The broker answered the PUBLISH ``mid``."""

    mid: int


@dataclass(frozen=True, slots=True)
class Posted:
    """There is a letter to send."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The connection is over; ``refusal`` where the CONNECT was answered with no."""

    refusal: str | None = None


@dataclass(frozen=True, slots=True)
class Goodbye:
    """The agent stops: send what is there and disconnect."""


Note = Slot | Posted | Accepted | Acknowledged | Ended | Goodbye


class MqttLink:
    """One site's connection to the broker. ``start`` begins, ``close`` says goodbye and ends.

    Args:
        broker: Address and credentials.
        site: The site's id: user, client id and the topics' third part.
        next_connection: The number of the coming connection, already on disk when it returns.
        will: Builds the payload that the broker publishes for us when we are lost, from the connection's number.
        subscriptions: Topic names of this site to listen to.
        inbox: Where events go.
        commands: Whole topics on which a stored message is never delivered.
    """

    def __init__(
        self,
        broker: BrokerSection,
        site: str,
        next_connection: Callable[[], int],
        will: Callable[[int], Payload],
        subscriptions: tuple[str, ...],
        inbox: Inbox,
        commands: tuple[str, ...] = (),
    ) -> None:
        self._broker, self._site = broker, site
        self._next_connection, self._will = next_connection, will
        self._subscriptions, self._commands = subscriptions, commands
        self._inbox = inbox
        self._notes: queue.SimpleQueue[Note] = queue.SimpleQueue()
        self._letters = Letters()
        self._stop = threading.Event()
        self._is_open = False
        self._unused: int | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to connect, and to connect again for ever. Returns at once."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="link", daemon=True)
            self._thread.start()

    def publish(self, name: str, payload: Payload, retain: bool = True, expiry_s: int | None = None) -> None:
        """Make ``payload`` the newest value of this site's topic ``name``. Thread: any; returns at once."""
        raw = encode(payload)
        if len(raw) > MAX_PAYLOAD_BYTES:
            log.error("topic %s: %d bytes are more than the contract's %d, not sent", name, len(raw), MAX_PAYLOAD_BYTES)
        elif self._is_open:
            self._notes.put(Slot(topic(self._site, name), raw, retain, expiry_s))

    def send(self, name: str, payload: Payload, expiry_s: int) -> None:
        """Send ``payload`` once, not retained, behind those that wait, within ``expiry_s``. Thread: any; at once."""
        raw = encode(payload)
        if len(raw) > MAX_PAYLOAD_BYTES:
            log.error("topic %s: %d bytes are more than the contract's %d, not sent", name, len(raw), MAX_PAYLOAD_BYTES)
            return
        self._letters.post(Letter(topic(self._site, name), raw, time.monotonic() + expiry_s))
        if self._is_open:  # otherwise the connection to come looks for letters by itself
            self._notes.put(Posted())

    def close(self) -> None:
        """Let the last words go out, disconnect without a will, end the thread. Takes two seconds at most."""
        if self._thread is None or self._stop.is_set():
            return
        self._stop.set()
        self._notes.put(Goodbye())
        self._thread.join(GOODBYE_S + 0.5)

    def _run(self) -> None:
        failures = 0
        said = ""
        while not self._stop.is_set():
            began_s = time.monotonic()
            reason = self._one_connection()
            if self._stop.is_set():
                return
            # One that broke at once is no success: two boxes with one identity throw each other out for ever.
            lasted = reason is None and time.monotonic() - began_s > STEADY_S
            failures = 0 if lasted else failures + 1
            reason = reason or "the broker closed the connection"
            if lasted or reason != said or failures % 30 == 0:  # an outage of a day is not a day of log lines
                self._inbox(LinkDown(reason))
            said = reason
            self._stop.wait(back_off_s(failures))

    def _one_connection(self) -> str | None:
        """Connect and stay until the end. Returns why there was no connection, None if there was one."""
        # A number that no CONNECT carried is used again: an outage of a day is not a day of writes to the card.
        connection = self._unused or self._next_connection()
        self._unused = connection
        try:
            client = self._client(connection)
            client.connect(
                self._broker.host,
                self._broker.port,
                keepalive=KEEPALIVE_S,
                clean_start=False,
                properties=_connect_properties(),
            )
        except (OSError, ValueError, LinkError) as error:
            return str(trouble(error, self._broker))
        self._unused = None
        client.loop_start()
        try:
            return self._stay(client, connection)
        finally:
            self._is_open = False
            client.disconnect()
            client.loop_stop()
            # What is left was meant for the connection that ended.
            while not self._stop.is_set() and not self._notes.empty():
                self._notes.get()

    def _stay(self, client: mqtt.Client, connection: int) -> str | None:
        outgoing = Outgoing(client, self._letters)
        try:
            return self._serve(client, connection, outgoing)
        finally:
            outgoing.give_back()

    def _serve(self, client: mqtt.Client, connection: int, outgoing: Outgoing) -> str | None:
        accepted = leaving = False
        until_s: float | None = None
        while not (leaving and outgoing.is_empty()):
            match self._note(until_s):
                case Accepted():
                    accepted = True
                    self._listen(client, connection)
                    outgoing.send_letters()
                case Slot() as slot:
                    outgoing.put(slot)
                case Posted():
                    outgoing.send_letters()
                case Acknowledged(mid=mid):
                    outgoing.acknowledged(mid)
                case Goodbye():
                    leaving, until_s = True, time.monotonic() + GOODBYE_S
                case Ended(refusal=refusal):
                    return None if accepted else refusal or "the broker closed the connection before accepting it"
                case None:
                    break
        return None

    def _note(self, until_s: float | None) -> Note | None:
        try:
            return self._notes.get(timeout=None if until_s is None else max(0.0, until_s - time.monotonic()))
        except queue.Empty:
            return None

    def _listen(self, client: mqtt.Client, connection: int) -> None:
        options = SubscribeOptions(qos=1, retainAsPublished=True)
        never_stored = SubscribeOptions(
            qos=1, retainAsPublished=True, retainHandling=SubscribeOptions.RETAIN_DO_NOT_SEND
        )
        wanted = [(topic(self._site, name), options) for name in self._subscriptions]
        client.subscribe(wanted + [(each, never_stored) for each in self._commands])
        self._is_open = True
        self._inbox(LinkUp(connection))

    def _client(self, connection: int) -> mqtt.Client:
        client = new_client(self._site, self._broker)
        client.will_set(
            topic(self._site, "status"),
            encode(self._will(connection)),
            qos=1,
            retain=True,
            properties=_will_properties(),
        )
        client.on_connect = guarded(lambda c, u, f, code, p: self._notes.put(self._answer(code)))
        client.on_disconnect = guarded(lambda c, u, f, code, p: self._notes.put(Ended()))
        client.on_publish = guarded(lambda c, u, mid, code, p: self._published(mid, code))
        client.on_message = guarded(lambda c, u, m: self._inbox(_received(m)))
        return client

    def _answer(self, code: Any) -> Note:
        if code.is_failure:
            return Ended(f"the broker refuses {self._site} ({code}): check the identity file and the broker's users")
        return Accepted()

    def _published(self, mid: int, code: Any) -> None:
        if code.is_failure:
            log.warning("the broker took a message but did not pass it on: %s", code)
        self._notes.put(Acknowledged(mid))


def new_client(client_id: str, broker: BrokerSection) -> mqtt.Client:
    """A paho client for MQTT 5 with the broker's credentials, not connected yet.

    Raises:
        LinkError: A certificate, key or password file is not there or cannot be read.
    """
    client = mqtt.Client(
        CallbackAPIVersion.VERSION2, client_id=client_id, protocol=mqtt.MQTTv5, reconnect_on_failure=False
    )
    client.connect_timeout = CONNECT_TIMEOUT_S
    # OpenSSL does not say which file it misses.
    if gone := missing(broker.password_file, *((broker.ca, broker.certificate, broker.key) if broker.tls else ())):
        raise LinkError(
            f"{gone} cannot be found: copy it there, or correct the path",
            f"không thấy tệp {gone}: chép vào đúng chỗ hoặc sửa đường dẫn",
        )
    try:
        if broker.tls:
            client.tls_set_context(_tls(broker))
        if broker.username:
            client.username_pw_set(broker.username, Path(broker.password_file).read_text().rstrip("\n"))
    except (OSError, ValueError) as error:
        raise LinkError(
            f"a file that the broker's credentials name cannot be used: {error}",
            f"không dùng được tệp chứng chỉ hoặc mật khẩu: {error}",
        ) from error
    return client


def _received(message: mqtt.MQTTMessage) -> MessageReceived:
    # What is over the limit is refused unread: its first bytes are enough for that, and a flood of it stays small.
    payload = bytes(message.payload[: MAX_PAYLOAD_BYTES + 1])
    expiry_s = getattr(message.properties, "MessageExpiryInterval", None)
    return MessageReceived(message.topic, payload, message.retain, expiry_s, time.monotonic())


def back_off_s(failures: int) -> float:
    """How long to wait: full jitter up to 1 s doubling to 20 s, so that thousands of sites do not return as one."""
    return random.uniform(0.1, min(BACK_OFF_CAP_S, BACK_OFF_FIRST_S * 2 ** min(failures, 10)))  # noqa: S311 # no secret


def _tls(broker: BrokerSection) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=broker.ca or None)
    if broker.certificate:
        context.load_cert_chain(broker.certificate, broker.key)
    return context


def _connect_properties() -> Properties:
    properties = Properties(PacketTypes.CONNECT)
    properties.SessionExpiryInterval = SESSION_EXPIRY_S
    properties.MaximumPacketSize = MAX_PACKET_BYTES
    return properties


def _will_properties() -> Properties:
    properties = Properties(PacketTypes.WILLMESSAGE)
    properties.WillDelayInterval = WILL_DELAY_S
    return properties
