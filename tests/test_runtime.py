"""agent/runtime.py: the loop, with an inbox that moves the clock. Nothing sleeps."""

import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC
from typing import Any

import pytest

from agent.core.announcing import spread_s
from agent.core.commands import (
    Announce,
    Command,
    Keep,
    Publish,
    ReadHealth,
    ReadRelays,
    SetRelay,
    ShowLed,
    ShowStatus,
    StopEye,
    WatchCamera,
)
from agent.core.events import (
    ButtonHeld,
    ButtonPressed,
    ButtonReleased,
    Event,
    EyeAlive,
    HealthRead,
    Kept,
    LinkDown,
    LinkUp,
    MessageReceived,
    Now,
    Probed,
    RelayFailed,
    RelaySet,
    ReportTaken,
    Started,
    Stopping,
    Tick,
)
from agent.runtime import WAITING_MAX, WAITING_MAX_BYTES, QueueInbox, Runtime, SystemClock
from tests.core.rig import BEGIN_S, FIGURES, ROOM, now_at, room_config, self_of

# Nothing has to stay off for a while, so that a test may press at once.
CONFIG = room_config(power={"loads": [{**load, "min_off_s": 0} for load in ROOM["power"]["loads"]]})
ALL_OFF: Any = {"codec": "off", "display": "off", "lamp": "off"}
NAP_S = 5.0


class FakeClock:
    """A clock that stands still until a test moves it."""

    def __init__(self) -> None:
        self.mono_s = BEGIN_S

    def now(self) -> Now:
        return now_at(self.mono_s)


class FakeInbox:
    """Events at their times. Waiting for one moves the clock; nothing left to wait for ends the run."""

    def __init__(self, clock: FakeClock, *events: tuple[float, Event], until_s: float) -> None:
        self._clock = clock
        self._coming = sorted([*events, (until_s, Stopping())], key=lambda each: each[0])
        self.waits: list[float] = []

    def get(self, timeout_s: float) -> Event | None:
        self.waits.append(timeout_s)
        assert timeout_s >= 0
        assert len(self.waits) < 20_000, "the loop is busy with nothing"
        at_s = BEGIN_S + self._coming[0][0]
        if at_s > self._clock.mono_s + timeout_s:
            self._clock.mono_s += timeout_s
            return None
        self._clock.mono_s = max(self._clock.mono_s, at_s)
        return self._coming.pop(0)[1]

    def put(self, event: Event) -> None:
        raise AssertionError(f"the loop itself put {event}")


class Parts:
    """The handlers: what they were told, and when."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self.relays: list[tuple[float, str, bool]] = []
        self.published: list[tuple[float, str]] = []
        self.fed: list[float] = []
        self.stuck: set[str] = set()

    def handlers(self) -> dict[type[Command], Callable[[Any], Event | None]]:
        return {
            SetRelay: self._switch,
            Publish: self._publish,
            ReadHealth: lambda command: HealthRead(FIGURES),
            ReadRelays: lambda command: None,
            Keep: lambda command: Kept(True),
            ShowLed: lambda command: None,
            ShowStatus: lambda command: None,
            Announce: lambda command: None,
            WatchCamera: lambda command: None,
            StopEye: lambda command: None,
        }

    def feed(self) -> None:
        self.fed.append(self._at_s())

    def _switch(self, command: SetRelay) -> Event:
        self.relays.append((self._at_s(), command.load, command.on))
        if command.load in self.stuck:
            return RelayFailed(command.load, command.on, "stuck")
        return RelaySet(command.load, command.on)

    def _publish(self, command: Publish) -> None:
        self.published.append((self._at_s(), command.topic))

    def _at_s(self) -> float:
        return round(self._clock.mono_s - BEGIN_S, 6)


class Loop:
    """A runtime on a table."""

    def __init__(self, *events: tuple[float, Event], until_s: float) -> None:
        self.clock = FakeClock()
        self.inbox = FakeInbox(self.clock, *events, until_s=until_s)
        self.parts = Parts(self.clock)
        self.runtime = Runtime(self_of(CONFIG), self.inbox, self.clock, self.parts.handlers(), self.parts.feed, NAP_S)

    def run(self) -> Parts:
        self.runtime.run(Started(ALL_OFF))
        return self.parts


def test_one_press_switches_the_loads_at_their_times() -> None:
    parts = Loop((1, ButtonPressed()), (25, Probed("codec-answers", True)), until_s=60).run()
    assert parts.relays == [(1, "codec", True), (25, "display", True), (27, "lamp", True)]


def test_a_hold_switches_off_in_reverse() -> None:
    events = ((1, ButtonPressed()), (2, Probed("codec-answers", True)), (50, ButtonPressed()), (53, ButtonHeld()))
    parts = Loop(*events, until_s=70).run()
    assert parts.relays[3:] == [(53, "lamp", False), (54, "display", False), (55, "codec", False)]


def test_a_deadline_is_a_tick_on_time_and_not_before() -> None:
    parts = Loop((0, LinkUp(1)), until_s=100).run()
    # All is said again after a home automation was told what this site is.
    told_s = pytest.approx(spread_s(self_of(CONFIG).session), abs=0.01)
    assert [at_s for at_s, topic in parts.published if topic == "status"] == [0, told_s, 30, 60, 90, 100]


def test_a_nap_that_ends_before_the_deadline_is_no_tick() -> None:
    loop = Loop(until_s=100)
    loop.runtime.handle(Started(ALL_OFF))
    assert [loop.runtime._next() for _ in range(6)] == [*[None] * 5, Tick()]
    assert loop.clock.mono_s == BEGIN_S + 30


def test_an_hour_of_nothing_wakes_the_loop_for_naps_and_heartbeats_only() -> None:
    loop = Loop(until_s=3600)
    loop.run()
    assert len(loop.inbox.waits) <= 3600 / NAP_S + 1
    assert max(loop.inbox.waits) == NAP_S


def test_the_watchdog_is_fed_at_least_every_nap() -> None:
    parts = Loop((12.5, LinkDown("gone")), until_s=100).run()
    gaps = [later - earlier for earlier, later in zip(parts.fed, parts.fed[1:], strict=False)]
    assert parts.fed[0] == 0
    assert max(gaps) <= NAP_S
    assert parts.fed[-1] >= 100 - NAP_S


def test_a_loop_that_hangs_in_a_handler_feeds_no_watchdog() -> None:
    loop = Loop(until_s=10)
    fed_when_asked: list[int] = []
    handlers = {**loop.parts.handlers(), ReadHealth: lambda command: fed_when_asked.append(len(loop.parts.fed))}
    runtime = Runtime(self_of(CONFIG), loop.inbox, loop.clock, handlers, loop.parts.feed, NAP_S)
    runtime.run(Started(ALL_OFF))
    assert fed_when_asked == [0]


def test_the_answer_to_an_order_comes_before_what_happened_meanwhile(caplog: pytest.LogCaptureFixture) -> None:
    loop = Loop((1, ButtonPressed()), (1, LinkDown("gone")), until_s=2)
    loop.parts.stuck = {"codec"}
    loop.run()
    said = [each.getMessage() for each in caplog.records]
    assert said[0].startswith("power: fault at load codec")
    assert said[1] == "link: gone"


def test_answers_are_handled_first_in_first_out(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "diemcau")
    clock = FakeClock()
    handlers: dict[type[Command], Callable[[Any], Event | None]] = {
        **Parts(clock).handlers(),
        ShowLed: lambda command: LinkDown("first"),
        ReadHealth: lambda command: LinkDown("second"),
    }
    Runtime(self_of(CONFIG), FakeInbox(clock, until_s=1), clock, handlers).handle(Started(ALL_OFF))
    assert [each.getMessage() for each in caplog.records] == ["link: first", "link: second"]


def test_overdue_deadlines_and_events_take_turns() -> None:
    loop = Loop((40, ButtonPressed()), (40, ButtonReleased()), (40, ButtonPressed()), until_s=50)
    loop.runtime.handle(Started(ALL_OFF))
    loop.clock.mono_s += 40  # the machine slept; a heartbeat is overdue and stays so, and the button was pressed
    found = [loop.runtime._next() for _ in range(7)]
    assert found[::2] == [Tick()] * 4
    assert found[1::2] == [ButtonPressed(), ButtonReleased(), ButtonPressed()]


def test_a_flood_of_events_holds_up_no_load() -> None:
    loop = Loop((0, ButtonPressed()), *((0.1 * i, Probed("codec-answers", True)) for i in range(400)), until_s=40)
    assert loop.run().relays == [(0, "codec", True), (20, "display", True), (22, "lamp", True)]


def test_an_inbox_that_is_never_empty_holds_up_no_load() -> None:
    loop = Loop(until_s=40)

    class Flood(FakeInbox):
        """Handling one event takes a tenth of a second, and then the next one is there already."""

        def get(self, timeout_s: float) -> Event | None:
            loop.clock.mono_s += 0.1
            return super().get(0) or Probed("codec-answers", True)

    inbox = Flood(loop.clock, (0, ButtonPressed()), until_s=40)
    Runtime(self_of(CONFIG), inbox, loop.clock, loop.parts.handlers()).run(Started(ALL_OFF))
    assert [load for _, load, _ in loop.parts.relays] == ["codec", "display", "lamp"]
    assert loop.parts.relays[-1][0] < 23


def test_a_stop_is_the_last_thing_that_is_handled() -> None:
    loop = Loop((0, LinkUp(1)), (1, Stopping()), (1, ButtonPressed()), until_s=2)
    parts = loop.run()
    assert parts.relays == []
    assert loop.runtime.room.stopping
    assert parts.published[-3:] == [(1, "status"), (1, "headcount"), (1, "readiness")]


def test_log_lines_are_written_at_their_level(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "diemcau")
    Loop((1, LinkDown("the broker is away")), until_s=2).run()
    lines = [(each.levelname, each.getMessage()) for each in caplog.records]
    assert ("WARNING", "link: the broker is away") in lines
    assert ("INFO", "stopping; no relay moves for it") in lines


def test_our_own_bug_falls_with_its_traceback() -> None:
    loop = Loop((1, ButtonPressed()), until_s=2)

    def broken(command: Command) -> Event | None:
        raise ZeroDivisionError

    runtime = Runtime(self_of(CONFIG), loop.inbox, loop.clock, {**loop.parts.handlers(), SetRelay: broken})
    with pytest.raises(ZeroDivisionError):
        runtime.run(Started(ALL_OFF))


# The real inbox and the real clock


def test_the_inbox_hands_events_over_in_order() -> None:
    inbox = QueueInbox()
    inbox.put(ButtonPressed())
    inbox.put(ButtonHeld())
    assert [inbox.get(0), inbox.get(-1), inbox.get(0), inbox.get(-1)] == [ButtonPressed(), ButtonHeld(), None, None]


def test_an_event_of_another_thread_wakes_the_loop() -> None:
    inbox = QueueInbox()
    finger = threading.Timer(0.01, inbox.put, [ButtonPressed()])
    finger.start()
    assert inbox.get(30) == ButtonPressed()
    finger.join()


def test_the_system_clock_knows_whether_it_can_be_believed() -> None:
    answers = iter([True, False])
    clock = SystemClock(lambda: next(answers))
    first, second = clock.now(), clock.now()
    assert (first.synced, second.synced) == (True, False)
    assert first.utc.tzinfo is UTC
    assert second.mono_s >= first.mono_s


def test_a_flood_of_messages_does_not_fill_the_memory_and_the_button_still_gets_in(
    caplog: pytest.LogCaptureFixture,
) -> None:
    inbox = QueueInbox()
    for number in range(WAITING_MAX + 500):
        inbox.put(MessageReceived("t", b"%d" % number, retain=False))
    inbox.put(ButtonPressed())
    waiting = []
    while (event := inbox.get(0)) is not None:
        waiting.append(event)
    assert len(waiting) == WAITING_MAX + 1
    assert waiting[0] == ButtonPressed()
    assert caplog.text.count("more messages come than can be handled") == 1
    inbox.put(MessageReceived("t", b"after", retain=False))
    assert isinstance(inbox.get(0), MessageReceived)


def test_what_happens_in_the_room_comes_before_the_messages_and_a_stop_after_them() -> None:
    first, second = (MessageReceived("t", raw, retain=False) for raw in (b"1", b"2"))
    inbox = QueueInbox()
    for event in (first, Stopping(), ButtonPressed()):
        inbox.put(event)
    assert inbox.get(0) == ButtonPressed()
    inbox.put(EyeAlive(1))
    inbox.put(second)
    assert [inbox.get(0) for _ in range(5)] == [EyeAlive(1), first, Stopping(), second, None]


def test_what_the_link_says_keeps_its_order() -> None:
    """A confirmation before the broker's receipt has come in time; a push before the link's end came over it."""
    message = MessageReceived("t", b"1", retain=False)
    said = [LinkUp(1), message, ReportTaken(b"r"), LinkDown("away"), LinkUp(2), message, Stopping()]
    inbox = QueueInbox()
    for event in said:
        inbox.put(event)
    assert [inbox.get(0) for _ in said] == said


def test_a_message_that_was_taken_already_ends_no_wait() -> None:
    inbox = QueueInbox()
    message = MessageReceived("t", b"1", retain=False)
    inbox.put(message)
    assert inbox.get(0) == message
    inbox._room.put(None)  # as where it was taken between being there and being told
    finger = threading.Timer(0.2, inbox.put, [ButtonPressed()])
    finger.start()
    assert inbox.get(30) == ButtonPressed()
    finger.join()


def test_a_message_of_another_thread_wakes_the_loop() -> None:
    inbox = QueueInbox()
    message = MessageReceived("t", b"1", retain=False)
    link = threading.Timer(0.01, inbox.put, [message])
    began_s = time.monotonic()
    link.start()
    assert inbox.get(60) == message
    assert time.monotonic() - began_s < 30, "not found at the end of the wait only"
    link.join()


def test_a_flood_of_large_messages_is_bounded_by_its_bytes() -> None:
    inbox = QueueInbox()
    large = MessageReceived("t", b"x" * 65_536, retain=False)
    for _ in range(2):  # what was taken out makes room again
        for _ in range(500):
            inbox.put(large)
        waiting = 0
        while inbox.get(0) is not None:
            waiting += 1
        assert waiting == WAITING_MAX_BYTES // 65_536
