"""hw/usb_ear.py: a socket that is refused, that comes later, that breaks. Time is the test's own."""

import errno
import logging
import socket
from collections.abc import Iterator

import pytest

try:
    import pyudev  # noqa: F401 # only whether it runs here
except ImportError:
    pytest.skip("pyudev does not run here: libudev is not installed", allow_module_level=True)

from hw import usb_ear
from hw.usb_ear import RETRY_CAP_S, RETRY_FIRST_S, STEADY_S, Ear

LONG_S = 1000.0


class Clock:
    """Stands where ``time`` stands; goes on only while somebody rests."""

    def __init__(self) -> None:
        self.now_s = 50.0

    def monotonic(self) -> float:
        return self.now_s

    def rest(self, for_s: float) -> None:
        self.now_s += for_s


class Sockets:
    """Stands where udev's socket stands, as often as one is asked for: refused, or one of ours."""

    def __init__(self, clock: Clock) -> None:
        self.asked_s: list[float] = []
        self.are_refused = False
        self._clock = clock
        self._ours, self._theirs = socket.socketpair(type=socket.SOCK_DGRAM)

    def __call__(self) -> "Sockets":
        self.asked_s.append(self._clock.now_s)
        if self.are_refused:
            raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")
        self.close()
        self._ours, self._theirs = socket.socketpair(type=socket.SOCK_DGRAM)
        self._ours.setblocking(False)
        return self

    def fileno(self) -> int:
        return self._ours.fileno()

    def say(self, events: int = 1) -> None:
        for _ in range(events):
            self._theirs.send(b"libudev")

    def break_it(self) -> None:
        self._theirs.send(b"")  # what a socket says that is closed

    def close(self) -> None:
        self._ours.close()
        self._theirs.close()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(usb_ear, "time", clock)
    return clock


@pytest.fixture
def sockets(clock: Clock) -> Iterator[Sockets]:
    sockets = Sockets(clock)
    yield sockets
    sockets.close()


@pytest.fixture
def ear(clock: Clock, sockets: Sockets) -> Ear:
    return Ear(clock.rest, sockets)


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def test_an_event_is_a_hint_until_it_is_forgotten(ear: Ear, sockets: Sockets) -> None:
    assert ear.is_deaf
    assert ear.listen()
    assert not ear.listen()  # there is one
    assert not ear.is_deaf
    assert not ear.hears(0)
    sockets.say(events=3)
    assert ear.hears(LONG_S)
    ear.forget()
    assert not ear.hears(0)
    assert len(sockets.asked_s) == 1


def test_a_refused_socket_is_asked_for_again_with_growing_pauses_and_one_warning(
    ear: Ear, sockets: Sockets, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    sockets.are_refused = True
    assert not ear.listen()
    while len(sockets.asked_s) < 12:
        assert not ear.hears(LONG_S)
        assert ear.is_deaf
    pauses_s = [round(after - before, 3) for before, after in zip(sockets.asked_s, sockets.asked_s[1:], strict=False)]
    assert pauses_s == [min(RETRY_CAP_S, RETRY_FIRST_S * 2**number) for number in range(11)]
    assert warnings(caplog) == [
        "udev cannot be heard ([Errno 97] Address family not supported by protocol): until it can, the USB bus is "
        "looked at by the clock"
    ]


def test_waiting_without_a_socket_ends_in_time(ear: Ear, sockets: Sockets, clock: Clock) -> None:
    sockets.are_refused = True
    ear.listen()
    began_s = clock.now_s
    assert not ear.hears(0.05)
    assert clock.now_s == pytest.approx(began_s + 0.05)
    assert len(sockets.asked_s) == 1
    ear.forget()  # nothing, of nothing


def test_a_socket_that_comes_later_is_a_hint_by_itself(ear: Ear, sockets: Sockets) -> None:
    sockets.are_refused = True
    assert not ear.listen()
    sockets.are_refused = False
    assert ear.hears(LONG_S)  # what happened in between nobody heard
    assert not ear.is_deaf
    assert not ear.hears(0)


def test_a_socket_that_breaks_is_replaced(ear: Ear, sockets: Sockets) -> None:
    ear.listen()
    sockets.break_it()
    assert ear.hears(LONG_S)
    ear.forget()
    assert ear.is_deaf
    assert ear.hears(LONG_S)
    assert not ear.is_deaf


def test_sockets_that_break_at_once_are_not_opened_ever_faster(
    ear: Ear, sockets: Sockets, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(6):
        ear.hears(LONG_S)
        sockets.break_it()
        ear.forget()
    pauses_s = [round(after - before, 3) for before, after in zip(sockets.asked_s, sockets.asked_s[1:], strict=False)]
    assert pauses_s == [RETRY_FIRST_S * 2**number for number in range(5)]
    assert len(warnings(caplog)) == 1


def test_a_socket_that_lasted_forgets_the_failures_before_it(
    ear: Ear, sockets: Sockets, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """One error a day: each is told, and none takes longer to get over than the first."""
    for _ in range(6):
        ear.listen()
        while ear.is_deaf:
            ear.hears(LONG_S)
        clock.rest(STEADY_S + 1)
        sockets.break_it()
        ear.forget()
        broke_s = clock.now_s
        ear.hears(LONG_S)
        assert clock.now_s - broke_s == pytest.approx(RETRY_FIRST_S)
    assert len(warnings(caplog)) == 6


def test_an_ear_that_is_closed_hears_nothing(ear: Ear, sockets: Sockets) -> None:
    ear.listen()
    ear.close()
    ear.close()
    assert ear.is_deaf
