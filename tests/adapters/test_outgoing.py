"""agent/adapters/outgoing.py: letters that wait, bounded in number, size and time. (Slots: test_mqtt_link.)"""

import time
from types import SimpleNamespace
from typing import Any

import pytest

from agent.adapters.outgoing import LETTERS_MAX, LETTERS_MAX_BYTES, LETTERS_UNDER_WAY, Letter, Letters, Outgoing, Slot


def letter(number: int, for_s: float = 60, size: int = 0) -> Letter:
    return Letter("t", b"%d" % number + b" " * size, time.monotonic() + for_s)


def numbers(letters: Letters) -> list[int]:
    found = []
    while (each := letters.take()) is not None:
        found.append(int(each.raw))
    return found


class Client:
    """Stands for paho: numbers what is published and never answers by itself."""

    def __init__(self) -> None:
        self.published: list[tuple[int, Any]] = []

    def publish(self, topic: str, raw: bytes, **options: Any) -> Any:
        self.published.append((int(raw), options["properties"].MessageExpiryInterval))
        return SimpleNamespace(mid=len(self.published))


def test_letters_come_out_in_the_order_they_were_posted() -> None:
    letters = Letters()
    for number in range(5):
        letters.post(letter(number))
    assert numbers(letters) == [0, 1, 2, 3, 4]


def test_a_letter_whose_time_is_over_is_not_sent() -> None:
    letters = Letters()
    letters.post(letter(1, for_s=-1))
    letters.post(letter(2))
    assert numbers(letters) == [2]


def test_a_flood_keeps_the_oldest_and_says_once_how_many_were_dropped(caplog: pytest.LogCaptureFixture) -> None:
    letters = Letters()
    for number in range(LETTERS_MAX + 7):
        letters.post(letter(number))
    assert numbers(letters) == list(range(LETTERS_MAX))
    assert caplog.text.count("7 answers were dropped") == 1
    letters.post(letter(9))
    assert numbers(letters) == [9]


def test_large_letters_are_bounded_by_their_bytes() -> None:
    letters = Letters()
    for number in range(100):
        letters.post(letter(number, size=60_000))
    waiting = numbers(letters)
    assert len(waiting) == LETTERS_MAX_BYTES // 60_002
    letters.post(letter(1, size=60_000))
    assert numbers(letters) == [1]


def test_only_so_many_are_under_way_and_each_acknowledgement_lets_one_go() -> None:
    letters, client = Letters(), Client()
    outgoing = Outgoing(client, letters)  # type: ignore[arg-type] # all of a client that is used
    for number in range(30):
        letters.post(letter(number))
    outgoing.send_letters()
    assert [number for number, _ in client.published] == list(range(LETTERS_UNDER_WAY))
    outgoing.acknowledged(1)
    assert client.published[-1] == (LETTERS_UNDER_WAY, 60)
    assert not outgoing.is_empty()


def test_a_broker_that_takes_little_at_once_is_not_sent_more() -> None:
    letters, client = Letters(), Client()
    outgoing = Outgoing(client, letters)  # type: ignore[arg-type] # all of a client that is used
    outgoing.share(receive_maximum=8, largest_bytes=1000)
    for number in range(5):
        outgoing.put(Slot(f"topic {number}", b"%d" % number, retain=True, expiry_s=30))
        letters.post(letter(10 + number))
    outgoing.send_letters()
    assert [number for number, _ in client.published] == [0, 1, 10, 11]
    outgoing.put(Slot("topic 2", b"7", retain=True, expiry_s=30))
    outgoing.acknowledged(1)
    assert client.published[-1][0] == 7  # its newest value, and the others after it
    outgoing.acknowledged(5)
    assert client.published[-1][0] == 3


def test_what_a_connection_did_not_get_through_the_next_one_sends_again_first() -> None:
    letters, client = Letters(), Client()
    outgoing = Outgoing(client, letters)  # type: ignore[arg-type] # all of a client that is used
    for number in range(3):
        letters.post(letter(number))
    outgoing.send_letters()
    outgoing.acknowledged(2)
    letters.post(letter(7))
    outgoing.give_back()
    assert numbers(letters) == [0, 2, 7]
    assert outgoing.is_empty()
