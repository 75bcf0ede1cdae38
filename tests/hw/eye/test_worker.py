"""hw/eye/worker.py: the eye's own loop, over a real socket pair, with a viewer of ours instead of a camera."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from agent.core.commands import WatchCamera
from agent.core.errors import EyeError
from agent.core.events import Detection, EyeAlive, EyeReady, EyeTrouble, FrameSeen
from hw.eye import worker
from hw.eye.protocol import LONGEST_LINE, FromEye, decode_event, encode_order
from hw.eye.view import Allowance, View
from hw.eye.worker import Sameness, serve
from tests.hw.eye.conftest import PATIENCE_S, order

FACE = Detection(1.0, 2.0, 3.0, 4.0, 0.9)


@pytest.fixture(autouse=True)
def _free(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here the eye is a thread of a process that has long been at work: what that took is not the eye's to pay back."""
    monkeypatch.setattr(worker, "cpu_s", lambda: 0.0)


class Sees:
    """A viewer that gives what it is told to, one after the other, and its last one for ever."""

    detector, model_sha256 = "told", "00"

    def __init__(self, *views: View | EyeError | None) -> None:
        self._views = list(views)
        self.allowance = Allowance()
        self.after_s: list[float] = []

    def view(self, after_s: float, timeout_s: float) -> View | None:
        self.after_s.append(after_s)
        view = self._views.pop(0) if len(self._views) > 1 else self._views[0]
        if isinstance(view, EyeError):
            raise view
        return view

    def close(self) -> None:
        pass


def seen(captured_s: float, fingerprint: int = 1, detect_ms: float = 5.0) -> View:
    return View(captured_s, 640, 480, (FACE,), detect_ms, 90.04, fingerprint, 640, 480, 1)


class Agent:
    """The agent's end of the socket, and the eye's loop on a thread."""

    def __init__(self) -> None:
        self.end, theirs = socket.socketpair()
        self.end.settimeout(PATIENCE_S)
        self._lines = self.end.makefile("rb")
        self.opened: list[tuple[WatchCamera, dict[str, Any] | None]] = []
        self.fed = 0
        self.viewer: Sees | EyeError = Sees(None)
        self._thread = threading.Thread(target=serve, args=(theirs, self._open, self._feed))
        self._theirs = theirs
        self._thread.start()

    def _open(self, order: WatchCamera, film: dict[str, Any] | None) -> Sees:
        self.opened.append((order, film))
        if isinstance(self.viewer, EyeError):
            raise self.viewer
        return self.viewer

    def _feed(self) -> None:
        self.fed += 1

    def says(self, order: WatchCamera, film: dict[str, Any] | None = None) -> None:
        self.end.sendall(encode_order(order, film))

    def next(self) -> FromEye:
        return decode_event(self._lines.readline())

    def frame(self) -> FrameSeen:
        until_s = time.monotonic() + PATIENCE_S  # an eye that rests gives signs of life for ever
        while not isinstance(event := self.next(), FrameSeen):
            assert time.monotonic() < until_s
        return event

    def leave(self) -> None:
        self._lines.close()
        self.end.close()

    def eye_has_ended(self, within_s: float = PATIENCE_S) -> bool:
        self._thread.join(within_s)
        return not self._thread.is_alive()

    def eye_lets_go(self) -> None:
        """What the end of its process does."""
        self._theirs.close()

    def close(self) -> None:
        self.leave()
        assert self.eye_has_ended()
        self.eye_lets_go()


@pytest.fixture
def agent() -> Iterator[Agent]:
    agent = Agent()
    yield agent
    agent.close()


# Orders and answers


def test_an_order_is_answered_by_alive_ready_and_frames(agent: Agent) -> None:
    agent.viewer = Sees(seen(7.0))
    agent.says(order(watch=9), {"a": "film"})
    assert agent.next() == EyeAlive(9)
    assert agent.next() == EyeReady(9, "told", "00")
    assert agent.next() == EyeAlive(9), "before each look, since one look may take seconds"
    assert agent.next() == FrameSeen(
        9,
        7.0,
        640,
        480,
        (FACE,),
        5.0,
        90.0,
        0.0,
        cpu_share=0.0,
        interval_s=0.2,
        work_width=640,
        work_height=480,
        tiles=1,
    )
    assert agent.opened == [(order(watch=9), {"a": "film"})]


def test_an_order_may_come_in_pieces(agent: Agent) -> None:
    line = encode_order(order(), None)
    for at in range(0, len(line), 7):
        agent.end.sendall(line[at : at + 7])
    assert agent.next() == EyeAlive(1)


def test_each_look_asks_for_something_newer_than_the_last_one(agent: Agent) -> None:
    agent.viewer = sees = Sees(seen(100.0), seen(101.0, 2), seen(102.0, 3))
    agent.says(order(interval_s=0.01))
    assert [agent.frame().captured_s for _ in range(3)] == [100.0, 101.0, 102.0]
    assert sees.after_s[1:3] == [100.0, 101.0]


def test_the_same_picture_again_and_again_says_for_how_long(agent: Agent) -> None:
    agent.viewer = Sees(seen(10.0), seen(12.0), seen(14.5), seen(15.0, fingerprint=2), seen(16.0, fingerprint=2))
    agent.says(order(interval_s=0.01))
    assert [agent.frame().same_s for _ in range(5)] == [0.0, 2.0, 4.5, 0.0, 1.0]


def test_sameness_begins_anew_with_each_new_picture() -> None:
    sameness = Sameness()
    pictures = [(5.0, 0), (6.0, 0), (7.0, 1), (8.0, 0), (9.5, 0)]
    assert [sameness.add(seen(at_s, fingerprint)) for at_s, fingerprint in pictures] == [0, 1.0, 0, 0, 1.5]


# Trouble


def test_an_eye_that_cannot_begin_says_why_and_ends(agent: Agent) -> None:
    agent.viewer = EyeError("no_model", "there is no face network on this machine")
    agent.says(order(watch=4))
    assert agent.next() == EyeAlive(4)
    assert agent.next() == EyeTrouble(4, "no_model", "there is no face network on this machine")
    assert agent.eye_has_ended()


def test_an_eye_that_loses_its_camera_says_why_and_ends(agent: Agent) -> None:
    agent.viewer = Sees(seen(1.0), EyeError("missing", "pulled"))
    agent.says(order(interval_s=0.01))
    assert agent.frame().captured_s == 1.0
    assert agent.next() == EyeAlive(1)
    assert agent.next() == EyeTrouble(1, "missing", "pulled")
    assert agent.eye_has_ended()


def test_no_frame_for_long_is_no_frames(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "NO_FRAMES_S", 0.05)
    agent.says(order())
    events: list[FromEye] = []
    while not events or not isinstance(events[-1], EyeTrouble):
        events.append(agent.next())
    assert events[-1].reason == "no_frames"
    assert set(events[2:-1]) == {EyeAlive(1)}, "and until then it says that it is alive"
    assert agent.eye_has_ended()


# The end


def test_the_eye_ends_at_once_when_the_agent_leaves_while_it_rests(agent: Agent) -> None:
    agent.viewer = Sees(seen(1.0))
    agent.says(order(interval_s=60))
    agent.frame()
    agent.leave()
    assert agent.eye_has_ended(within_s=2)


def test_the_eye_ends_when_the_agent_leaves_while_there_is_nothing_to_see(agent: Agent) -> None:
    agent.says(order())
    agent.next()
    agent.leave()
    assert agent.eye_has_ended(within_s=2)


@pytest.mark.parametrize("said", [b"", b'{"order": '])
def test_the_eye_ends_when_the_agent_leaves_before_its_order_is_out(agent: Agent, said: bytes) -> None:
    agent.end.sendall(said)
    agent.leave()
    assert agent.eye_has_ended(within_s=2)
    assert agent.opened == []


def test_an_order_without_an_end_is_not_read_for_ever(agent: Agent) -> None:
    def pour() -> None:
        with contextlib.suppress(OSError):
            while True:
                agent.end.sendall(b" " * (LONGEST_LINE // 8))

    pouring = threading.Thread(target=pour)
    pouring.start()
    assert agent.eye_has_ended()
    agent.eye_lets_go()
    pouring.join()
    assert agent.opened == []


# Life signs


def test_the_watchdog_is_fed_by_the_loop_that_works(agent: Agent) -> None:
    agent.viewer = Sees(seen(1.0), seen(2.0), seen(3.0))
    agent.says(order(interval_s=0.01))
    for _ in range(3):
        agent.frame()
    assert agent.fed >= 3


def test_the_watchdog_is_not_fed_while_the_camera_hangs(agent: Agent) -> None:
    hangs = threading.Event()

    class Hangs(Sees):
        def view(self, after_s: float, timeout_s: float) -> View | None:
            hangs.wait(PATIENCE_S)
            return None

    agent.viewer = Hangs(None)
    agent.says(order())
    assert [agent.next(), agent.next()] == [EyeAlive(1), EyeReady(1, "told", "00")]
    assert agent.fed == 0
    hangs.set()


def test_a_long_rest_is_full_of_life_signs(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "ALIVE_S", 0.02)
    agent.viewer = Sees(seen(1.0))
    agent.says(order(interval_s=60))
    agent.frame()
    began_s = time.monotonic()
    assert [agent.next() for _ in range(4)] == [EyeAlive(1)] * 4
    assert time.monotonic() - began_s < 20
    assert agent.fed >= 4


def test_the_same_order_again_changes_the_interval_also_in_the_middle_of_a_rest(agent: Agent) -> None:
    agent.viewer = Sees(seen(1.0))
    agent.says(order(interval_s=3600.0), {"people": 3})
    assert agent.frame().interval_s == 3600.0
    agent.says(order(interval_s=1800.0), {"people": 3})
    agent.says(order(interval_s=0.2), {"people": 3})
    assert agent.frame().watch == agent.frame().watch == 1
    assert len(agent.opened) == 1


def test_an_order_that_comes_while_the_look_is_told_counts_at_once(agent: Agent) -> None:
    """Else the rest that was reckoned before would be kept, and nothing more would come to cut it short."""
    listens, told = threading.Event(), threading.Event()

    class Told(Sees):
        def view(self, after_s: float, wait_s: float) -> View | None:
            listens.set()
            told.wait(PATIENCE_S)
            return super().view(after_s, wait_s)

    agent.viewer = Told(seen(1.0))
    agent.says(order(interval_s=3600.0))
    assert listens.wait(PATIENCE_S)
    agent.says(order(interval_s=0.2))
    told.set()
    assert [agent.frame().watch, agent.frame().watch] == [1, 1]


def test_what_is_no_order_ends_the_eye(agent: Agent) -> None:
    agent.viewer = Sees(seen(1.0))
    agent.says(order(interval_s=3600.0))
    agent.frame()
    agent.end.sendall(b"nonsense\n")
    assert agent.eye_has_ended()
