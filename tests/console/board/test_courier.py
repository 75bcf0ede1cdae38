"""The board's connection against a real broker: one that is away is waited for, one that refuses is not."""

import queue
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.adapters.mosquitto import Mosquitto, free_port
from agent.console.board.courier import Arrival, Courier, Letter, Receipt, Up
from agent.core.errors import LinkError
from agent.core.identity import BrokerSection, broker_at
from tests.conftest import PATIENCE_S
from tests.faults.line import PUBACK, Line

TOPIC = "diemcau/v1/nam-sach/conference"
ALL = "diemcau/v1/+/conference"


class Post:
    """A courier and its inbox, handled on the test's thread."""

    def __init__(self, broker: BrokerSection, topics: tuple[str, ...] = (ALL,)) -> None:
        self.inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.courier = Courier(broker, topics, self.inbox.put)
        self.arrivals: list[Arrival] = []

    def letter(self, raw: bytes, within_s: float = PATIENCE_S) -> Letter:
        letter = Letter(TOPIC, raw, True, time.monotonic() + within_s)
        self.courier.post(letter)
        return letter

    def until(self, fits: Any, why: str) -> None:
        until_s = time.monotonic() + PATIENCE_S
        while not fits():
            assert time.monotonic() < until_s, why
            self.courier.tick(time.monotonic())
            try:
                event = self.inbox.get(timeout=0.05)
            except queue.Empty:
                continue
            match event:
                case Up():
                    self.courier.up()
                case Receipt():
                    self.courier.received(event)
                case _:
                    self.arrivals.append(event)


@pytest.fixture
def post(broker: Mosquitto) -> Iterator[Post]:
    made = Post(broker_at(broker.url))
    made.courier.start()
    yield made
    made.courier.close()


def test_a_letter_has_its_receipt_and_comes_back_to_who_listens(post: Post) -> None:
    letter = post.letter(b"one")
    post.until(letter.receipt.done, "no receipt")
    post.until(lambda: post.arrivals, "nothing came")
    assert letter.receipt.result() < 0x80
    assert post.arrivals == [Arrival(TOPIC, b"one", False)]


def test_a_broker_that_is_away_is_waited_for_and_letters_with_it(tmp_path: Path, mosquitto_program: str) -> None:
    broker = Mosquitto(tmp_path, port=free_port())
    post = Post(broker_at(f"mqtt://127.0.0.1:{broker.port}"))
    post.courier.start()
    try:
        late, early = post.letter(b"late"), post.letter(b"early", within_s=0)
        post.until(early.receipt.done, "given up on")
        assert isinstance(early.receipt.exception(), TimeoutError)
        broker.start()
        post.until(late.receipt.done, "not delivered")
        assert late.receipt.result() < 0x80
    finally:
        post.courier.close()
        broker.close()


def test_after_a_restart_of_the_broker_what_was_said_meanwhile_is_delivered(post: Post, broker: Mosquitto) -> None:
    post.courier.listen(("diemcau/v1/nam-sach/config/desired",))
    broker.kill()
    post.until(lambda: not post.courier.is_connected, "still connected")
    letter = post.letter(b"meanwhile")
    broker.start()
    post.until(letter.receipt.done, "not delivered")
    post.until(lambda: post.arrivals, "not heard")
    assert letter.receipt.result() < 0x80


def test_thousands_of_letters_do_not_wait_for_each_others_receipts(broker: Mosquitto, post: Post) -> None:
    """Over a long way twenty for each round trip are too few: the last would be given up on and go out all the same."""
    line = Line(broker.port)
    far = Post(broker_at(line.url))
    far.courier.start()
    try:
        line.eats = frozenset({PUBACK})
        for number in range(100):
            far.letter(b"%d" % number)
        post.until(lambda: len(post.arrivals) == 100, "some wait")
    finally:
        far.courier.close()
        line.close()


def test_other_topics_are_listened_to_for_a_while(post: Post) -> None:
    other = "diemcau/v1/nam-sach/config/desired"
    stored = Letter(other, b"{}", True, time.monotonic() + PATIENCE_S)
    post.courier.post(stored)
    post.until(stored.receipt.done, "not stored")
    assert not post.arrivals
    post.courier.listen((other,))
    post.courier.listen((other,))
    post.until(lambda: post.arrivals, "not told what is stored")
    assert post.arrivals[0] == Arrival(other, b"{}", True)
    post.courier.leave((other,))
    post.courier.leave((other,))
    assert post.courier.is_connected


def test_who_is_refused_is_told_so_at_once(tmp_path: Path, mosquitto_program: str) -> None:
    broker = Mosquitto(tmp_path, extra="allow_anonymous false")
    broker.start()
    try:
        with pytest.raises(LinkError, match="refuses this user"):
            Post(broker_at(broker.url)).courier.start()
    finally:
        broker.close()


def test_credentials_that_are_not_there_are_complained_about_whether_or_not_the_broker_is(tmp_path: Path) -> None:
    section = BrokerSection(url=f"mqtts://127.0.0.1:{free_port()}", ca=str(tmp_path / "ca.pem"))
    with pytest.raises(LinkError, match=r"ca\.pem cannot be found"):
        Post(section).courier.start()


def test_a_port_without_tls_is_nothing_to_wait_for(broker: Mosquitto) -> None:
    with pytest.raises(LinkError, match="TLS"):
        Post(BrokerSection(url=f"mqtts://127.0.0.1:{broker.port}")).courier.start()
