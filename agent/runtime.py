"""The one loop that owns the state: inbox → core → handlers, until it is told to stop.

Callbacks on other people's threads only ``put`` events; waiting is a deadline that the core stored. The watchdog is fed
here, by the loop that does the work, so that a loop that hangs is a loop that is started again.
"""

import collections
import logging
import queue
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

from agent.core import room as core
from agent.core.commands import Command, Log, NoteEvent
from agent.core.events import (
    DuplicateSeen,
    Event,
    LinkDown,
    LinkRefused,
    LinkUp,
    MessageReceived,
    Now,
    ReportTaken,
    Stopping,
    Tick,
)
from agent.core.reports import Self
from agent.core.room import Room

log = logging.getLogger("diemcau")
LEVELS = {"info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
# More messages from outside than the loop gets through must not fill the memory of a box with 1 GiB.
WAITING_MAX, WAITING_MAX_BYTES = 2000, 16 * 1024 * 1024
# A stop too: the broker forgets a message that we took, so what came before the stop is handled before it.
OF_LINK = (MessageReceived, ReportTaken, LinkUp, LinkDown, LinkRefused, DuplicateSeen, Stopping)
Handler = Callable[[Command], Event | None]


class Clock(Protocol):
    """Where time comes from; a test has its own, so that nothing sleeps."""

    def now(self) -> Now:
        """This moment."""


class Inbox(Protocol):
    """Where events wait."""

    def get(self, timeout_s: float) -> Event | None:
        """The next event, or None after ``timeout_s`` seconds without one."""

    def put(self, event: Event) -> None:
        """Add an event. Thread: any."""


class SystemClock:
    """The kernel's clocks. ``is_synced`` says whether wall-clock time can be believed."""

    def __init__(self, is_synced: Callable[[], bool]) -> None:
        self._is_synced = is_synced

    def now(self) -> Now:
        """This moment. Thread: any."""
        return Now(time.monotonic(), datetime.now(UTC), self._is_synced())


class QueueInbox:
    """The inbox of a running agent: what happens in the room comes before what the link says.

    Messages come without end. While they wait, a press is not late for it, and an eye that speaks is heard. All that
    the link says keeps its order: a trial ends by whether a confirmation or the broker's receipt came first.
    """

    def __init__(self) -> None:
        # Its put() may interrupt its own get() (a signal handler puts Stopping); that of queue.Queue may not.
        self._room: queue.SimpleQueue[Event | None] = queue.SimpleQueue()  # None: the link has said something
        self._link: collections.deque[Event] = collections.deque()
        self._is_flooded = False
        # Two counters with one writer each, so that neither needs a lock: the link's thread puts messages, ours gets.
        self._bytes_put = self._bytes_got = 0

    def get(self, timeout_s: float) -> Event | None:
        """The next event, or None after ``timeout_s``. Thread: agent thread."""
        until_s = time.monotonic() + timeout_s
        while True:
            left_s = 0.0 if self._link else max(0.0, until_s - time.monotonic())
            try:
                event = self._room.get(timeout=left_s)
            except queue.Empty:
                return self._of_link()
            if event is not None:
                return event

    def put(self, event: Event) -> None:
        """Add an event. Thread: any. A message is dropped while very many wait."""
        if not isinstance(event, OF_LINK):
            self._room.put(event)
            return
        if isinstance(event, MessageReceived):
            if not self._has_room():
                return
            self._bytes_put += len(event.payload)
        self._link.append(event)
        self._room.put(None)

    def _of_link(self) -> Event | None:
        if not self._link:
            return None
        event = self._link.popleft()
        if isinstance(event, MessageReceived):
            self._bytes_got += len(event.payload)
        return event

    def _has_room(self) -> bool:
        waiting_bytes = self._bytes_put - self._bytes_got
        is_flooded = len(self._link) >= WAITING_MAX or waiting_bytes >= WAITING_MAX_BYTES
        if is_flooded and not self._is_flooded:
            log.error("more messages come than can be handled: the newest are dropped")
        self._is_flooded = is_flooded
        return not is_flooded


class Runtime:
    """Runs one room. ``handlers`` maps each kind of command to the part that carries it out.

    A handler may return an event, which is handled before the inbox is looked at again: the answer to an order comes
    before anything that happened meanwhile.
    """

    def __init__(
        self,
        self_: Self,
        inbox: Inbox,
        clock: Clock,
        handlers: dict[type[Command], Handler],
        feed_watchdog: Callable[[], None] = lambda: None,
        wake_at_least_every_s: float = 5.0,
    ) -> None:
        self.room = Room()
        self._self = self_
        self._inbox = inbox
        self._clock = clock
        self._handlers = handlers
        self._feed_watchdog = feed_watchdog
        self._nap_s = wake_at_least_every_s
        self._tick_is_next = False

    def run(self, first: Event) -> None:
        """Handle ``first`` and everything after it, until a ``Stopping`` was handled. Thread: becomes the agent's."""
        event: Event | None = first
        while True:
            if event is not None:
                self.handle(event)
            if isinstance(event, Stopping):
                return
            self._feed_watchdog()
            event = self._next()

    def handle(self, event: Event) -> None:
        """Handle one event and the answers to its commands, first in first out."""
        waiting = [event]
        while waiting:
            event = waiting.pop(0)
            # A relay does not wait until what is to be said about it has been put into words.
            self.room, orders = core.act(self.room, event, self._clock.now(), self._self)
            notes = [order for order in orders if isinstance(order, NoteEvent)]
            answers = [self._carry_out(order) for order in orders if not isinstance(order, NoteEvent)]
            self.room, views = core.tell(self.room, event, self._clock.now(), self._self, notes)
            answers += [self._carry_out(view) for view in views]
            waiting += [answer for answer in answers if answer is not None]

    def _next(self) -> Event | None:
        wait_s = core.deadline_s(self.room) - self._clock.now().mono_s
        if wait_s <= 0:
            # By turns: neither may a flood of events hold up the loads, nor overdue deadlines the button.
            self._tick_is_next = not self._tick_is_next
            return Tick() if self._tick_is_next else self._inbox.get(0) or Tick()
        event = self._inbox.get(min(wait_s, self._nap_s))
        return event or (Tick() if wait_s <= self._nap_s else None)

    def _carry_out(self, command: Command) -> Event | None:
        if isinstance(command, Log):
            log.log(LEVELS[command.level], "%s", command.message)
            return None
        return self._handlers[type(command)](command)
