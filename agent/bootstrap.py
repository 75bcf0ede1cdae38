"""The composition root: the only module that names concrete parts and decides their order.

``run_agent`` opens the parts of one site, inside out, in one ``ExitStack``, so that they close in reverse. The counting
process has a root of its own (``eye_bootstrap``): OpenCV is never imported here, and nothing of this there.
"""

import gc
import logging
import platform
import signal
import sys
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent import __version__
from agent.adapters.again import Again
from agent.adapters.agent_db import AgentDb
from agent.adapters.alive import Alive, alive_file
from agent.adapters.certificate_watch import CertificateWatch
from agent.adapters.config_store import Loaded, in_safety, load_identity, load_room
from agent.adapters.generations import Generations, storing
from agent.adapters.history_rows import Gap
from agent.adapters.kept_descriptors import KeptBySystemd
from agent.adapters.local_door import LocalDoor, door_path
from agent.adapters.mqtt_link import MqttLink
from agent.adapters.outbox import Outbox
from agent.adapters.quick_crashes import QuickCrashes
from agent.adapters.service import Service
from agent.adapters.state_lock import StateLock
from agent.adapters.state_owner import last_taken, take
from agent.adapters.twin import Twin
from agent.core import reports
from agent.core.commands import (
    Keep,
    KeepResult,
    LookEvery,
    NoteEvent,
    ReadHealth,
    Restart,
    ShowStatus,
    StopEye,
    WatchCamera,
)
from agent.core.config_schema import schema_digest
from agent.core.contract import ALL_COMMAND, HistoryEvent, Payload, topic
from agent.core.errors import ConfigError, Problem
from agent.core.events import (
    Event,
    HealthRead,
    Kept,
    ResultKept,
    Started,
    Stopping,
)
from agent.core.home_assistant import STATUS_TOPIC
from agent.core.identity import Identity
from agent.core.ports import Host, Inbox, Link
from agent.core.reports import Self
from agent.hardware_bootstrap import open_hardware, stage
from agent.room_parts import RoomParts
from agent.runtime import Handler, QueueInbox, Runtime, SystemClock
from agent.speaking import Voice
from hw import host
from hw.eye.client import EyeClient

if TYPE_CHECKING:
    from hw.simulated.script import Film

log = logging.getLogger("diemcau")

SUBSCRIPTIONS = ("conference", "config/desired")
NOBODY = "unnamed"  # the site of an agent whose identity file cannot be used; it has no link


@dataclass(frozen=True, slots=True)
class RunOptions:
    """``diemcau run``. ``room`` None: there is none; ``simulate`` None: real hardware, empty: the built-in script."""

    config: Path
    state: Path
    room: Path | None
    simulate: str | None = None
    speed: float = 1.0


def run_agent(options: RunOptions) -> int:
    """Run one site until SIGTERM or SIGINT. Returns the exit code. Thread: the main one becomes the agent's."""
    inbox = QueueInbox()
    clock = SystemClock(host.SyncWatch())
    service = Service()
    with ExitStack() as parts:
        _open(parts, StateLock(options.state))  # before anything is read that another agent may be writing
        identity, problems = _identity(options.config)
        crashes = QuickCrashes(options.state, host.boot_id())
        crashes.begin()
        loaded = load_room(options.state, options.room)
        # A simulated room has the room's devices, whatever the agent makes of it.
        hardware = open_hardware(options.simulate, options.speed, loaded.config, inbox.put)
        parts.callback(hardware.close)
        if crashes.is_safe:
            loaded = in_safety(loaded)
        self_ = _self(identity, loaded, hardware.reserved_pins)
        database = last_taken(options.state) if identity is None else take(options.state, identity.site)
        db: AgentDb = _open(parts, AgentDb(database))
        db.on_return = lambda: inbox.put(Kept(is_on_disk=True, lost_others=True))
        outbox = _outbox(db, self_, clock, parts)
        link = _link(identity, db, outbox, self_, clock, inbox.put, parts)
        # What an earlier run left is let go only where the room's own config says that it is no load any more, and not
        # after a trial that was cut off: with its wiring somebody may have switched the room on.
        kept, is_own = KeptBySystemd(service), not loaded.problems
        lets_go = loaded.found.candidate is None
        wired = RoomParts(
            loaded.config, hardware, outbox, inbox.put, kept, is_own, loaded.spared_pins, crashes.is_safe, lets_go
        )
        room: RoomParts = _open(parts, wired)
        door: LocalDoor = _open(parts, LocalDoor(door_path(options.state), inbox.put))
        again = Again(inbox.put)
        handlers = {
            **room.handlers(),
            **_counting(inbox.put, hardware.film, parts),
            **Voice(link, door, is_told=hardware.film is not None).handlers(),
            **_keeping(db),
            **_examining(host.PsutilHost(options.state), outbox),
            **storing(Generations(options.state)),
            Restart: again.ask,
            ShowStatus: lambda command: service.status(command.text),
        }
        _open(parts, CertificateWatch(identity.broker.certificate if identity else "", inbox.put))
        if (play := stage(hardware, link)) is not None:
            _open(parts, play)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: inbox.put(Stopping()))
        service.ready()
        alive = Alive(alive_file(options.state), self_.boot_id)
        started = Started(
            room.states(),
            problems + loaded.problems,
            db.memory(),
            room.held,
            alive_s=alive.last_s(),
            watchdog_s=service.watchdog_s(),
            found=loaded.found,
        )

        def went_round() -> None:
            service.feed_watchdog()
            alive.touch()
            crashes.lived()

        _answer_fast()
        Runtime(self_, inbox, clock, handlers, went_round, _nap_s(service)).run(started)
        crashes.ended_in_order()
        service.stopping()
    again.begin(service)
    return 0


def _answer_fast() -> None:
    """Have a press wait neither for another thread's turn nor for the garbage collector's look at what never goes.

    A thread that has put an event keeps the interpreter for up to 5 ms, if it has more to do; and the models that were
    loaded at start are most of all objects, looked through again and again. Source: sys.setswitchinterval, gc.freeze.
    """
    sys.setswitchinterval(0.0005)
    gc.collect()
    gc.freeze()


def _open(parts: ExitStack, part: Any) -> Any:
    """Start a part and have it closed when the stack unwinds."""
    parts.callback(part.close)
    part.start()
    return part


def _identity(path: Path) -> tuple[Identity | None, tuple[Problem, ...]]:
    try:
        return load_identity(path), ()
    except ConfigError as error:
        said = tuple(
            Problem(str(path), f"{problem}; until it is mended there is no link") for problem in error.problems
        )
        return None, said


def _self(identity: Identity | None, loaded: Loaded, reserved_pins: dict[int, str]) -> Self:
    return Self(
        site=identity.site if identity else NOBODY,
        session=str(uuid.uuid4()),
        boot_id=host.boot_id(),
        version=__version__,
        python=platform.python_version(),
        config=loaded.config,
        hardware=host.hardware(),
        serial=host.serial(),
        # A room file that can be read is the room's, whatever is wrong with the copy of it that was kept.
        stands_in=bool(loaded.problems) and not loaded.config.power.loads,
        reserved_pins=reserved_pins,
        config_schema_digest=schema_digest(),
    )


def _outbox(db: AgentDb, self_: Self, clock: SystemClock, parts: ExitStack) -> Outbox:
    def gap_event(gap: Gap) -> HistoryEvent:
        detail = {"from": gap.first, "to": gap.last, "count": gap.count, "why": gap.why}
        return reports.history_event(clock.now(), self_, NoteEvent("outbox.gap", "warning", None, detail))

    def wall_s() -> tuple[float, bool]:
        now = clock.now()
        return now.utc.timestamp(), now.synced

    outbox: Outbox = _open(parts, Outbox(db, self_.config.reporting, gap_event, wall_s))
    return outbox


def _link(
    identity: Identity | None,
    db: AgentDb,
    outbox: Outbox,
    self_: Self,
    clock: SystemClock,
    inbox: Inbox,
    parts: ExitStack,
) -> Link | None:
    if identity is None:
        return None
    # Of none of these anything that was stored is wanted: not an old command, nor that a home automation began once,
    # nor that somebody was content with another config.
    site, own = identity.site, [topic(identity.site, name) for name in ("command", "config/confirm")]
    commands = (*own, ALL_COMMAND, STATUS_TOPIC)

    def will(connection: int) -> Payload:
        return reports.status(clock.now(), self_, "lost", connection)

    twin = Twin(self_.boot_id, self_.session)
    made = MqttLink(identity.broker, site, db.next_connection, will, SUBSCRIPTIONS, inbox, commands, outbox, twin)
    link: Link = _open(parts, made)
    return link


def _counting(inbox: Inbox, film: "Film | None", parts: ExitStack) -> dict[type, Handler]:
    eye = EyeClient(inbox, None if film is None else film.model_dump(mode="json"))
    parts.callback(eye.close)
    handlers: dict[type, Callable[[Any], Event | None]] = {
        WatchCamera: lambda command: eye.watch(command),
        LookEvery: lambda command: eye.look_every(command.order),
        StopEye: lambda command: eye.close(),
    }
    return handlers


def _examining(box: Host, outbox: Outbox) -> dict[type, Handler]:
    def read(_: ReadHealth) -> Event:
        waiting = outbox.figures()
        oldest_s = None if waiting.oldest_s is None else round(waiting.oldest_s, 1)
        rows = {"outbox_rows": waiting.rows, "outbox_oldest_s": oldest_s, "rows_lost": waiting.lost}
        return HealthRead({**_figures(box), **rows})

    return {ReadHealth: read}  # type: ignore[dict-item]


def _keeping(db: AgentDb) -> dict[type, Handler]:
    """Handlers of what must survive: the results of commands, and rows and facts of the room."""

    def keep_result(command: KeepResult) -> Event:
        return ResultKept(command.settled.id, db.keep_result(command))

    def keep(command: Keep) -> Event:
        return Kept(db.keep(command), not db.is_volatile, db.take_loss())

    handlers: dict[type, Callable[[Any], Event | None]] = {KeepResult: keep_result, Keep: keep}
    return handlers


def _figures(box: Host) -> dict[str, float | int | bool | str | None]:
    """The box's figures; none where it cannot even be read (no file descriptor left): a room is worth more."""
    try:
        return box.read()
    except OSError as error:
        log.error("the box's figures cannot be read: %s", error)
        return {}


def _nap_s(service: Service) -> float:
    """How long the loop may wait: well below the watchdog's patience."""
    watchdog_s = service.watchdog_s()
    return 5.0 if watchdog_s is None else min(5.0, watchdog_s / 3)
