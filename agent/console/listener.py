"""The centre's ear and mouth: hands on what sites say, says something to one. Reconnects by itself."""

import queue
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

import paho.mqtt.client as mqtt

from agent.adapters.broker_trouble import deaf, refused, silent, trouble
from agent.adapters.mqtt_client import back_off_s, guarded, new_client
from agent.adapters.outgoing import publish_properties
from agent.console.sites import FIELDS
from agent.core.contract import ALL_COMMAND, ROOT, Payload, encode, topic
from agent.core.errors import LinkError
from agent.core.identity import BrokerSection

TOPICS = tuple(f"{ROOT}/+/{name}" for name in FIELDS)
FIRST_ANSWER_S = 15.0

Message = tuple[str, bytes]


class Listener:
    """Reads sites. ``start`` connects once and complains if that fails; later outages are waited out.

    Args:
        broker: Address and credentials; the user name is the client id where there is one.
        topics: What to listen to; all that all sites say, unless named.
        on_receipt: Told the broker's answer to each publish, on paho's thread: its number and its reason code.
        on_message: Told each message on paho's thread: topic, payload, and whether the broker had it stored before we
            listened. Without it they are put into ``messages``. Retain As Published is off (MQTT 5, 3.8.3.1), so what
            a site says from now on is never marked as stored, though the site has it stored too.
    """

    def __init__(
        self,
        broker: BrokerSection,
        topics: tuple[str, ...] = TOPICS,
        on_receipt: Callable[[int, Any], None] = lambda mid, code: None,
        on_message: Callable[[str, bytes, bool], None] | None = None,
    ) -> None:
        self._broker, self._topics, self._on_receipt = broker, topics, on_receipt
        self.messages: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._on_message = on_message or (lambda full, raw, is_retained: self.messages.put((full, raw)))
        self._answer: queue.SimpleQueue[LinkError | None] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._ended = threading.Event()
        self._client: mqtt.Client | None = None
        self._thread: threading.Thread | None = None
        self._asked_s = 0.0
        self.round_trip_s = 0.0
        self.is_connected = False
        self.drops = 0

    def start(self) -> None:
        """Connect and subscribe; back when the broker has acknowledged all subscriptions.

        ``round_trip_s`` is then how long that acknowledgement took, ``is_connected`` says later on whether the
        subscriptions stand, and ``drops`` how often they fell: what was said meanwhile was not heard.

        Raises:
            LinkError: The broker is not there, or refuses us or what we want to listen to.
        """
        self._thread = threading.Thread(target=self._run, name="listener", daemon=True)
        self._thread.start()
        try:
            refusal = self._answer.get(timeout=FIRST_ANSWER_S)
        except queue.Empty:
            refusal = silent(self._broker)
        if refusal is not None:
            self.close()
            raise refusal

    def publish_to(self, site: str, name: str, payload: Payload, retain: bool, expiry_s: int | None = None) -> None:
        """Say something to a site. Thread: any, after ``start``."""
        self._publish(topic(site, name), payload, retain, expiry_s)

    def publish_to_all(self, command: Payload, expiry_s: int) -> None:
        """Send a command to every site at once. Thread: any, after ``start``."""
        self._publish(ALL_COMMAND, command, retain=False, expiry_s=expiry_s)

    def _publish(self, full: str, payload: Payload, retain: bool, expiry_s: int | None) -> None:
        if self._client is not None:
            properties = publish_properties(expiry_s)
            self._client.publish(full, encode(payload), qos=1, retain=retain, properties=properties)

    def close(self) -> None:
        """Disconnect and end."""
        self._stop.set()
        self._ended.set()
        if self._thread is not None:
            self._thread.join(3)

    def _run(self) -> None:
        failures = 0
        while not self._stop.is_set():
            self._ended.clear()
            connected = self._connection()
            failures = 0 if connected else failures + 1
            self._stop.wait(back_off_s(failures))

    def _connection(self) -> bool:
        client_id = self._broker.username or f"diemcau-watch-{uuid.uuid4().hex[:8]}"
        try:
            client = new_client(client_id, self._broker)
            client.max_inflight_messages_set(0)  # else what goes to thousands of sites waits a round trip for each 20
            client.on_connect = guarded(self._on_connect)
            client.on_subscribe = guarded(lambda c, u, mid, codes, p: self._on_subscribed(codes))
            client.on_message = guarded(lambda c, u, m: self._on_message(m.topic, m.payload, m.retain))
            client.on_publish = guarded(lambda c, u, mid, code, p: self._on_receipt(mid, code))
            client.on_disconnect = guarded(lambda *_: self._ended.set())
            client.connect(self._broker.host, self._broker.port, keepalive=20)
        except (OSError, ValueError, LinkError) as error:
            self._answer.put(trouble(error, self._broker))
            return False
        self._client = client
        client.loop_start()
        if not self._stop.is_set():
            self._ended.wait()
        was_connected, self.is_connected = self.is_connected, False
        self.drops += was_connected
        client.disconnect()
        client.loop_stop()
        return was_connected

    def _on_connect(self, client: mqtt.Client, _user: Any, _flags: Any, code: Any, _properties: Any) -> None:
        if code.is_failure:
            self._answer.put(refused(code))
            self._ended.set()
            return
        self._asked_s = time.monotonic()
        client.subscribe([(each, 1) for each in self._topics])

    def _on_subscribed(self, codes: list[Any]) -> None:
        kept_back = [f"{each} ({code})" for each, code in zip(self._topics, codes, strict=True) if code.is_failure]
        if kept_back:
            self._answer.put(deaf(", ".join(kept_back)))
            self._ended.set()
            return
        self.round_trip_s = time.monotonic() - self._asked_s
        self.is_connected = True
        self._answer.put(None)
