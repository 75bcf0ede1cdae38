"""The broker, through paho-mqtt 2 and MQTT 5: the newest value of each topic goes out, subscribed messages come in.

Threads: ``publish`` may be called from any; paho's network thread calls back; both only leave notes for the link's own
thread, which alone connects and publishes.

Every connection is a new client: the will carries the connection's number, and it has to be set before the CONNECT.
A topic is a slot, not a queue: what is not sent yet is replaced by what is newer, so a slow line is late but never
behind. While the broker is away nothing is kept, because the core says everything again at ``LinkUp``. Only letters
(answers to commands, ``outgoing.py``) wait for it, for as long as they are of use, and the history's rows, for ever
(``outbox.py``).
"""

import logging
import threading
import time
from collections.abc import Callable

import paho.mqtt.client as mqtt

from agent.adapters.broker_address import BrokerAddress
from agent.adapters.broker_trouble import trouble
from agent.adapters.connection import GOODBYE_S, Connection, End, Goodbye, Note, Notes, Posted, RowWritten, Told, Topics
from agent.adapters.mqtt_client import KEEPALIVE_S, back_off_s, connect_properties, new_client, will_properties
from agent.adapters.outbox import Outbox
from agent.adapters.outgoing import Letter, Letters, Slot
from agent.adapters.twin import SOON_S, Twin
from agent.core.contract import MAX_PAYLOAD_BYTES, ROOT, Payload, encode, topic
from agent.core.errors import LinkError
from agent.core.events import DuplicateSeen, LinkDown, LinkUp
from agent.core.identity import BrokerSection
from agent.core.ports import Inbox

log = logging.getLogger("diemcau.link")

WILL_DELAY_S = 15


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
        outbox: Where the rows of the history wait; None: this site has none.
        twin: Knows when another box has our name.
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
        outbox: Outbox | None = None,
        twin: Twin | None = None,
    ) -> None:
        self._broker, self._site = broker, site
        self._next_connection, self._will = next_connection, will
        self._topics = Topics(
            site=site,
            prefix=f"{ROOT}/{site}/",
            stored=tuple(topic(site, name) for name in subscriptions),
            unstored=commands,
            own_status=topic(site, "status"),
            acks=topic(site, "history/ack"),
            config_report=topic(site, "config/reported"),
        )
        self._inbox, self._outbox, self._twin = inbox, outbox, twin or Twin("", "")
        self._notes: Notes = Notes()
        self._letters = Letters()
        self._stop = threading.Event()
        self._is_open = False
        self._unused: int | None = None
        self._address = BrokerAddress(broker)
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to connect, and to connect again for ever. Returns at once."""
        if self._thread is None:
            if self._outbox is not None:
                self._outbox.on_row = lambda: self._leave(RowWritten())
            self._thread = threading.Thread(target=self._run, name="link", daemon=True)
            self._thread.start()

    def publish(self, name: str, payload: Payload, retain: bool = True, expiry_s: int | None = None) -> None:
        """Make ``payload`` the newest value of this site's topic ``name``. Thread: any; returns at once."""
        raw = self._encoded(name, payload)
        if raw is not None:
            self._leave(Slot(topic(self._site, name), raw, retain, expiry_s))

    def announce(self, full_topic: str, raw: bytes, retain: bool = True) -> None:
        """Make ``raw`` the newest value of a whole topic, without an end where it is retained. Thread: any; at once."""
        self._leave(Slot(full_topic, raw, retain, expiry_s=None))

    def send(self, name: str, payload: Payload, expiry_s: int) -> None:
        """Send ``payload`` once, not retained, behind those that wait, within ``expiry_s``. Thread: any; at once."""
        raw = self._encoded(name, payload)
        if raw is not None:
            self._letters.post(Letter(topic(self._site, name), raw, time.monotonic() + expiry_s))
            self._leave(Posted())  # without a connection the one to come looks for letters by itself

    def close(self) -> None:
        """Let the last words go out, disconnect without a will, end the thread. Takes two seconds at most."""
        if self._thread is None or self._stop.is_set():
            return
        self._stop.set()
        self._notes.put(Goodbye())
        self._thread.join(GOODBYE_S + 0.5)

    def _leave(self, note: Note) -> None:
        if self._is_open:
            self._notes.put(note)

    def _encoded(self, name: str, payload: Payload) -> bytes | None:
        raw = encode(payload)
        if len(raw) <= MAX_PAYLOAD_BYTES:
            return raw
        log.error("topic %s: %d bytes are more than the contract's %d, not sent", name, len(raw), MAX_PAYLOAD_BYTES)
        return None

    def _run(self) -> None:
        failures = 0
        said = ""
        while not self._stop.is_set():
            began_s = time.monotonic()
            end = self._guarded_connection()
            lasted_s = time.monotonic() - began_s
            if self._stop.is_set():
                return
            # One that broke at once is no success: two boxes with one identity throw each other out for ever.
            lasted = end.accepted and lasted_s > SOON_S
            failures = 0 if lasted else failures + 1
            reason = end.reason or "the broker closed the connection"
            if end.accepted or reason != said or failures % 30 == 0:  # an outage of a day is not a day of log lines
                self._inbox(LinkDown(reason))
            said = reason
            if end.accepted and (why := self._twin.ended(end.taken_over, end.by_broker, lasted_s)):
                self._suspect(why)
            self._stop.wait(self._twin.back_off_s() if self._twin.is_there else back_off_s(failures))

    def _suspect(self, why: str) -> None:
        if self._twin.is_news(time.monotonic()):
            self._inbox(DuplicateSeen(why))

    def _guarded_connection(self) -> End:
        try:
            return self._one_connection()
        except Exception as error:  # whatever it is: without this thread the site is silent until somebody comes
            log.exception("the connection failed; the link tries again")
            return End(f"the connection failed: {error!r}")

    def _one_connection(self) -> End:
        """Connect and stay until the end."""
        # A number that no CONNECT carried is used again: an outage of a day is not a day of writes to the card.
        number = self._unused or self._next_connection()
        self._unused = number
        try:
            client = self._client(number)
            connection = Connection(
                client, self._topics, self._notes, self._letters, self._outbox, self._inbox,
                on_open=lambda: self._opened(number, client), on_told=self._told,
            )  # fmt: skip
            connection.callbacks()
            self._address.connect(client, keepalive_s=KEEPALIVE_S, properties=connect_properties())
        except (OSError, ValueError, LinkError) as error:
            return End(str(trouble(error, self._broker)))
        self._unused = None
        client.loop_start()
        try:
            end = connection.stay()
            if end.refused:  # its will is not the broker's: a refusal that lasts for weeks is no write each time
                self._unused = number
            return end
        finally:
            self._is_open = False
            client.disconnect()
            client.loop_stop()
            # What is left was meant for the connection that ended.
            while not self._stop.is_set() and not self._notes.empty():
                self._notes.get()

    def _opened(self, number: int, client: mqtt.Client) -> None:
        self._is_open = True
        self._address.worked(client)
        self._inbox(LinkUp(number))

    def _told(self, told: Told) -> None:
        if told.topic == self._topics.own_status:
            if why := self._twin.heard(told.raw):
                self._suspect(why)
        elif self._outbox is not None:
            self._outbox.heard(told.raw, told.is_stored)

    def _client(self, number: int) -> mqtt.Client:
        client = new_client(self._site, self._broker)
        # What is under way is bounded here (slots, letters, rows), and live topics must not wait behind paho's bound.
        client.max_inflight_messages_set(0)
        client.will_set(
            topic(self._site, "status"),
            encode(self._will(number)),
            qos=1,
            retain=True,
            properties=will_properties(WILL_DELAY_S),
        )
        return client
