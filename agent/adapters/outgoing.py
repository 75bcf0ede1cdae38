"""What a connection has to send: slots, whose newest value replaces the one before, and letters, which nothing does."""

import logging
import math
import threading
import time
from collections import deque
from dataclasses import dataclass

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from agent.adapters.mqtt_client import MAX_PACKET_BYTES

log = logging.getLogger("diemcau.link")

# A flood of a thousand commands has a thousand short answers; the largest answer is 64 KiB.
LETTERS_MAX, LETTERS_MAX_BYTES = 1024, 1024 * 1024
LETTERS_UNDER_WAY = 20  # paho's own window; what is more than that would wait in paho, without a bound
HEADER_BYTES = 20  # type, length, topic's length, number, message expiry
SLOTS_UNDER_WAY = 100  # more than there are topics


@dataclass(frozen=True, slots=True)
class Slot:
    """The newest value of one topic."""

    full_topic: str
    raw: bytes
    retain: bool
    expiry_s: int | None


@dataclass(frozen=True, slots=True)
class Letter:
    """A message that is sent once, until ``until_s`` (monotonic)."""

    full_topic: str
    raw: bytes
    until_s: float


class Letters:
    """Letters that wait, oldest first, whether or not there is a connection. Past the bound new ones are dropped.

    Thread: any; one lock, which is never held while something is published.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[Letter] = deque()
        self._bytes = 0
        self._dropped = 0

    def post(self, letter: Letter) -> None:
        """Add one behind the others. Thread: any."""
        with self._lock:
            self._drop_old(time.monotonic())
            if len(self._waiting) >= LETTERS_MAX or self._bytes + len(letter.raw) > LETTERS_MAX_BYTES:
                self._dropped += 1
            else:
                self._waiting.append(letter)
                self._bytes += len(letter.raw)

    def take(self) -> Letter | None:
        """The oldest one that is still of use, or None. Thread: the link's."""
        with self._lock:
            self._drop_old(time.monotonic())
            if not self._waiting:
                if self._dropped:  # one line when it is over, not one for each
                    log.warning("%d answers were dropped: too many waited at once", self._dropped)
                    self._dropped = 0
                return None
            letter = self._waiting.popleft()
            self._bytes -= len(letter.raw)
            return letter

    def give_back(self, letters: list[Letter]) -> None:
        """Put back at the front what a connection that ended did not get through. Thread: the link's."""
        with self._lock:
            self._waiting.extendleft(reversed(letters))
            self._bytes += sum(len(letter.raw) for letter in letters)

    def _drop_old(self, now_s: float) -> None:
        # From the front only: all are given the same time, so the oldest is the first that is over.
        while self._waiting and self._waiting[0].until_s <= now_s:
            self._bytes -= len(self._waiting.popleft().raw)


class Outgoing:
    """What one connection sends: one message a topic under way, the newest value next; letters one after the other.

    Thread: the link's own.
    """

    def __init__(self, client: mqtt.Client, letters: Letters) -> None:
        self._client, self._letters = client, letters
        self._next: dict[str, Slot] = {}
        self._under_way: dict[int, Slot] = {}
        self._posted: dict[int, Letter] = {}
        self._most_slots, self._most_letters = SLOTS_UNDER_WAY, LETTERS_UNDER_WAY
        self._largest_bytes = MAX_PACKET_BYTES
        self._too_large: set[str] = set()

    def share(self, receive_maximum: int, largest_bytes: int) -> None:
        """A quarter each of what the broker takes at once is for slots and for letters; the rest is for rows."""
        self._largest_bytes = largest_bytes
        self._most_slots = max(1, min(SLOTS_UNDER_WAY, receive_maximum // 4))
        self._most_letters = max(1, min(LETTERS_UNDER_WAY, receive_maximum // 4))

    def put(self, slot: Slot) -> None:
        """Make ``slot`` the next value of its topic."""
        self._next[slot.full_topic] = slot
        self._send_slots()

    def send_letters(self) -> None:
        """Send the letters that wait, as many as may be under way."""
        while len(self._posted) < self._most_letters and (letter := self._letters.take()) is not None:
            if not fits(letter.full_topic, letter.raw, self._largest_bytes):
                log.error("%s: %d bytes are more than the broker takes, not sent", letter.full_topic, len(letter.raw))
                continue
            left_s = max(1, math.ceil(letter.until_s - time.monotonic()))
            info = self._client.publish(letter.full_topic, letter.raw, qos=1, properties=publish_properties(left_s))
            self._posted[info.mid] = letter

    def acknowledged(self, mid: int) -> Slot | Letter | None:
        """The broker has message ``mid``: the topic's newer value, or the next letter, may go. Returns what it was."""
        slot, letter = self._under_way.pop(mid, None), self._posted.pop(mid, None)
        if slot is not None:
            self._send_slots()
        if letter is not None:
            self.send_letters()
        return slot or letter

    def give_back(self) -> None:
        """The connection is over: letters that the broker may not have are sent again by the next one."""
        self._letters.give_back(list(self._posted.values()))
        self._posted.clear()

    def is_empty(self) -> bool:
        """True when all is sent and acknowledged."""
        return not self._next and not self._under_way and not self._posted

    def is_idle(self) -> bool:
        """True when nothing is under way."""
        return not self._under_way and not self._posted

    def _send_slots(self) -> None:
        busy = {slot.full_topic for slot in self._under_way.values()}
        for full_topic in [each for each in self._next if each not in busy]:
            if len(self._under_way) >= self._most_slots:
                return
            self._send(self._next.pop(full_topic))

    def _send(self, slot: Slot) -> None:
        if not fits(slot.full_topic, slot.raw, self._largest_bytes):
            if slot.full_topic not in self._too_large:
                self._too_large.add(slot.full_topic)
                log.error("%s: %d bytes are more than the broker takes, not sent", slot.full_topic, len(slot.raw))
            return
        properties = publish_properties(slot.expiry_s)
        info = self._client.publish(slot.full_topic, slot.raw, qos=1, retain=slot.retain, properties=properties)
        self._under_way[info.mid] = slot


def fits(full_topic: str, raw: bytes, largest_bytes: int) -> bool:
    """Whether the broker takes a packet of it: one that is too large ends the connection, and would end the next."""
    return len(raw) + len(full_topic.encode()) + HEADER_BYTES <= largest_bytes


def publish_properties(expiry_s: int | None) -> Properties | None:
    """The message expiry, where there is one."""
    if expiry_s is None:
        return None
    properties = Properties(PacketTypes.PUBLISH)
    properties.MessageExpiryInterval = expiry_s
    return properties
