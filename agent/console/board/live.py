"""What all sites say, kept up to date: tiles, sums, trends; and the centre's words to them, on the same connection."""

import logging
import math
import queue
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from agent.console.ask import EXPIRY_S
from agent.console.board.asked import Asked, Question
from agent.console.board.asked import Outcome as Outcome
from agent.console.board.courier import AWAY_S, STORED_AWAY_S, Arrival, Courier, Letter, Receipt, Up
from agent.console.board.fold import Fold
from agent.console.board.pace import Pace
from agent.console.board.tile import Acknowledged, Tile
from agent.console.board.totals import Totals, totals
from agent.console.board.trend import HOUR_S, recorded
from agent.console.listener import TOPICS
from agent.console.sites import FIELD_OF, MORE_FIELDS, SiteView
from agent.core.contract import (
    ALL_COMMAND,
    ROOT,
    CommandMessage,
    Payload,
    Power,
    encode,
    split_topic,
    topic,
)
from agent.core.identity import BrokerSection

RESULT = "command/result"
HEARD = (*TOPICS, *(f"{ROOT}/+/{name}" for name in (*MORE_FIELDS, RESULT)))
TICK_S = 0.25
LOOK_EVERY_S = 5.0  # at each site, whether or not it says something: numbers get old, conferences begin and end
AT_ONCE = 500

log = logging.getLogger("diemcau.board")


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything at one moment. ``tiles`` are in their order, the worst first; ``number`` grows with each picture."""

    number: int = 0
    tiles: Mapping[str, Tile] = field(default_factory=dict)
    totals: Totals = field(default_factory=lambda: totals(()))
    is_connected: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """From one picture to the next: the sites whose tile is another one, those that are no more, those of which
    anything was heard (their pages show more than the tile).
    """

    picture: Picture
    changed: frozenset[str]
    gone: frozenset[str]
    heard: frozenset[str]


OnChange = Callable[[Change], None]
OnHeard = Callable[[str, bytes, bool], None]  # name, payload, and whether the broker had it stored


class Live:
    """Thread: any; all is done on one of its own. ``start`` raises LinkError where the broker refuses us; a broker that
    is away is waited for.

    Args:
        broker: Address and credentials.
        engine: The centre's database, all tables made: where the last hour of each site is read at the start.
    """

    def __init__(self, broker: BrokerSection, engine: Engine | None = None) -> None:
        self._engine = engine
        self._inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._courier = Courier(broker, HEARD, self._inbox.put)
        self._asked = Asked()
        self._fold = Fold()
        self._listeners: list[tuple[str, str, OnHeard]] = []
        self._subscribers: list[OnChange] = []
        self._picture = Picture()
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._pace = Pace()
        self._ticked_s = 0.0
        self._trouble = ""  # what is written down once, not at each attempt

    @property
    def picture(self) -> Picture:
        """The newest."""
        return self._picture

    def view(self, site: str) -> SiteView | None:
        """All that is known of a site."""
        return self._fold.views.get(site)

    def start(self) -> None:
        """Connect and begin. Raises LinkError."""
        self._courier.start()
        jobs = [self._run] if self._engine is None else [self._run, self._load]
        self._threads = [threading.Thread(target=job, name="live", daemon=True) for job in jobs]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Disconnect and end. Whoever still waits for an answer or a receipt is told that there will be none."""
        self._stop.set()
        self._inbox.put(lambda: None)
        for thread in self._threads:
            thread.join(5)
        self._courier.close()
        while not self._inbox.empty():
            _guarded(self._handle, self._inbox.get())
        self._courier.tick(math.inf)
        self._asked.close()

    def subscribe(self, on_change: OnChange) -> Callable[[], None]:
        """Be told of each change, on the live thread, at most four times a second; call what is returned to end it."""
        self._subscribers.append(on_change)
        return lambda: self._subscribers.remove(on_change)

    def listen(self, site: str, names: tuple[str, ...], on_heard: OnHeard) -> Callable[[], None]:
        """Be told what comes on these topics of a site, on the live thread, what the broker has stored of it too; call
        what is returned to end it. Raises ValueError: no site has such an id.
        """
        topics = tuple(topic(site, name) for name in names)
        mine = [(site, name, on_heard) for name in names]

        def begin() -> None:
            self._listeners += mine
            self._courier.listen(topics)

        def end() -> None:
            self._listeners = [each for each in self._listeners if each not in mine]
            self._courier.leave(topics)

        self._inbox.put(begin)
        return lambda: self._inbox.put(end)

    def ask(
        self,
        site: str,
        action: str,
        args: dict[str, Any],
        by: str,
        within_s: int = EXPIRY_S,
        on_step: Callable[[Power], None] | None = None,
    ) -> "Future[Outcome]":
        """Send a command; done when its final result has come, or its time is over.

        ``on_step`` is told of each step of the site's power, on the live thread. Raises ValueError: no site has such an
        id.
        """
        command, now_s = _command(action, args, by), time.monotonic()
        letter = _letter(topic(site, "command"), encode(command), False, within_s)
        question = Question(site, now_s + within_s, on_step)

        def begin() -> None:
            self._asked.begin(command.id, question, letter.receipt)
            self._courier.post(letter)

        self._inbox.put(begin)
        return question.outcome

    def publish(self, site: str, name: str, payload: Payload | None, retain: bool) -> "Future[int]":
        """Say something to a site (None: take back what is stored); the broker's reason code, from 0x80 on a refusal.

        A broker that is away: TimeoutError after half a minute. Raises ValueError: no site has such an id.
        """
        return self.say(site, name, b"" if payload is None else encode(payload), retain)

    def say(self, site: str, name: str, raw: bytes, retain: bool) -> "Future[int]":
        """The same for what is written already."""
        return self._post(_letter(topic(site, name), raw, retain))

    def drill(self, by: str, within_s: int) -> "Future[int]":
        """Have every site answer now; the broker's reason code. Answers come as changes."""
        return self._post(_letter(ALL_COMMAND, encode(_command("report", {}, by)), False, within_s))

    def acknowledged(self, acks: Mapping[tuple[str, str], Any]) -> None:
        """Take the acknowledgements as the database has them now, by site and issue: who, when (``by``, ``at_s``), and
        since when there was what was acknowledged (``since_s``).
        """
        by_site: dict[str, dict[str, Acknowledged]] = {}
        for (site, key), ack in acks.items():
            by_site.setdefault(site, {})[key] = Acknowledged(ack.by, ack.at_s, ack.since_s)
        self._inbox.put(lambda: self._fold.acknowledged(by_site))

    def _post(self, letter: Letter) -> "Future[int]":
        self._inbox.put(lambda: self._courier.post(letter))
        return letter.receipt

    def _run(self) -> None:
        while not self._stop.is_set():
            _guarded(self._turn)

    def _turn(self) -> None:
        self._take(self._pace.wait_s)
        now_s = time.monotonic()
        if now_s - self._ticked_s >= TICK_S:
            self._ticked_s = now_s
            self._tick(now_s)
        if self._pace.is_due(now_s, self._inbox.empty(), bool(self._picture.tiles)):
            self._publish(now_s)

    def _take(self, wait_s: float) -> None:
        """What has come, so much at once."""
        try:
            event = self._inbox.get(timeout=wait_s)
            for _ in range(AT_ONCE):
                _guarded(self._handle, event)
                event = self._inbox.get_nowait()
        except queue.Empty:
            return
        _guarded(self._handle, event)

    def _handle(self, event: Any) -> None:
        self._pace.came(time.monotonic(), isinstance(event, Arrival) and event.is_stored)
        match event:
            case Arrival(full, raw, is_stored):
                self._arrived(full, raw, is_stored)
            case Receipt():
                self._courier.received(event)
            case Up():
                self._pace.connected(time.monotonic())
                self._fold.connected()
                self._trouble = ""
                log.info("connected to the broker")
                self._courier.up()
            case _:
                event()

    def _arrived(self, full: str, raw: bytes, is_stored: bool) -> None:
        site, name = split_topic(full) or ("", "")
        for wanted_site, wanted_name, on_heard in self._listeners:
            if (wanted_site, wanted_name) == (site, name):
                _guarded(on_heard, name, raw, is_stored)
        if name == RESULT:
            self._asked.heard(site, raw, time.monotonic())
        elif name in FIELD_OF:
            payload = self._fold.take(site, name, raw, datetime.now(UTC))
            if isinstance(payload, Power):
                self._asked.stepped(site, payload)

    def _tick(self, now_s: float) -> None:
        self._courier.tick(now_s)
        self._asked.tick(now_s)
        self._fold.hears(self._courier.is_connected, datetime.now(UTC))
        if self._pace.has_learned(now_s) and self._courier.is_connected:
            self._fold.learned()
        self._fold.look(TICK_S / LOOK_EVERY_S)
        self._pace.looked()
        trouble = str(self._courier.trouble() or self._trouble)
        if trouble != self._trouble:
            log.warning("board: %s", trouble)
            self._trouble = trouble

    def _publish(self, now_s: float) -> None:
        """Show what has changed, if anything has."""
        changed, gone, heard = self._fold.news(datetime.now(UTC))
        before, is_connected = self._picture, self._courier.is_connected
        if not (changed or gone or heard) and is_connected == before.is_connected:
            return
        tiles = {tile.site: tile for tile in sorted(self._fold.tiles.values(), key=lambda tile: tile.order)}
        self._pace.shown(now_s)
        self._picture = Picture(before.number + 1, tiles, totals(tiles.values()), is_connected)
        change = Change(self._picture, changed, gone, heard)
        for on_change in tuple(self._subscribers):
            _guarded(on_change, change)

    def _load(self) -> None:
        """The last hour out of the database, while what is said now is taken in already."""
        assert self._engine is not None
        try:
            for rows in recorded(self._engine, time.time() - HOUR_S):
                self._inbox.put(lambda rows=rows: self._fold.load(rows, datetime.now(UTC)))
                if self._stop.is_set():
                    return
        except SQLAlchemyError as error:
            log.warning("board: the last hour cannot be read: %s", type(error).__name__)


def _command(action: str, args: dict[str, Any], by: str) -> CommandMessage:
    return CommandMessage(id=str(uuid.uuid4()), action=action, args=args, issued_by=by, issued_at=datetime.now(UTC))


def _letter(full_topic: str, raw: bytes, retain: bool, expiry_s: int | None = None) -> Letter:
    wait_s = STORED_AWAY_S if expiry_s is None else min(AWAY_S, expiry_s)
    return Letter(full_topic, raw, retain, time.monotonic() + wait_s, expiry_s)


def _guarded(do: Callable[..., None], *args: Any) -> None:
    """An error of ours, or of a page that is told, must not end the thread that all pages live from."""
    try:
        do(*args)
    except Exception:
        log.exception("an error on the board's live thread; it goes on")
