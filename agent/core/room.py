"""The whole room: sends each event to the machines, joins their commands, and derives what lamp and topics say.

State and event in, new state and commands out, in two halves: ``act`` is what the machines order, ``tell`` what follows
from the state that is then reached. The lamp, the live topics, the facts on disk and the history are views of that
state: they are computed anew, and where they differ from what was shown, said or kept, a command follows. Two halves,
because a relay must not wait until sentences about it are made.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from agent.core import (
    actions,
    announcing,
    cameras,
    checks,
    checkup,
    config_reports,
    config_wiring,
    configuring,
    eye_watch,
    headcount,
    keeping,
    lamp,
    memory,
    noting,
    power,
    readiness,
    reports,
    restore,
    schedule,
    status_line,
    windows,
)
from agent.core.checks import Checks
from agent.core.checkup import Facts
from agent.core.commanding import Commanding
from agent.core.commands import Command, Log, NoteEvent, ReadHealth, ReadRelays, ShowLed, ShowStatus
from agent.core.config_state import ConfigUpdate, configured
from agent.core.contract import Conference, FromSite, Headcount, HistoryRow
from agent.core.events import (
    Event,
    FrameSeen,
    HealthRead,
    LinkUp,
    Now,
    Recount,
    Started,
)
from agent.core.eye_watch import EyeWatch
from agent.core.headcount import Estimator
from agent.core.keeping import Keeper
from agent.core.power import Power, Wish
from agent.core.readiness import Readiness
from agent.core.reports import Reports, Self
from agent.core.restarts import Run
from agent.core.windows import Window

# While the room is in one of these states people may be in it, and they are counted.
COUNTED_WHILE = {"on", "fault"}
# What a load feeds does not go with the relay: its own supply carries it for a second or two, the kernel notices after
# that, and where udev cannot be heard the bus is looked at every five seconds.
GOES_WITHIN_S = 10.0


@dataclass(frozen=True, slots=True)
class Room:
    """Everything that the agent knows. Replaced, never changed.

    ``off_s`` is when the room went off, None where it is not or nobody saw it. ``watched`` is the check of the camera
    that counts, ``busy`` are those that another program has, ``blind`` those that give no picture, ``held`` those that
    come and go and until when each is held back; ``scheduled`` are the conferences that the schedule has brought the
    room up for; ``window`` is the history's open one; ``keeper`` is what the disk knows; ``file_trouble`` why its own
    config does not run; ``update`` is all about
    the config and ``update_kept`` the text that is kept of it; ``told`` the power as the history knows it.
    """

    power: Power = Power()
    off_s: float | None = None
    checks: Checks = Checks()
    readiness: Readiness = Readiness()
    eye: EyeWatch = EyeWatch()
    estimator: Estimator = Estimator(trouble="room_off")
    watched: str | None = None
    busy: frozenset[str] = frozenset()
    blind: frozenset[str] = frozenset()
    held: dict[str, float] = field(default_factory=dict)
    conference: Conference | None = None
    scheduled: tuple[str, ...] = ()
    commanding: Commanding = Commanding()
    recounts: tuple[Recount, ...] = ()
    identify_until_s: float | None = None
    run: Run | None = None
    restarts: dict[str, int] = field(default_factory=dict)
    health: dict[str, float | int | bool | str | None] = field(default_factory=dict)
    connection: int = 0
    identity_is_broken: bool = False
    file_trouble: str | None = None
    certificate_ends: datetime | None = None
    stopping: bool = False
    say_all: bool = False
    wake_s: float | None = None
    stale_s: float | None = None
    announce_s: float | None = None
    window: Window | None = None
    keeper: Keeper = Keeper()
    update: ConfigUpdate = ConfigUpdate()
    update_kept: tuple[ConfigUpdate, str] | None = None
    told: tuple[object, ...] = ()
    reports: Reports = Reports()
    led: ShowLed | None = None
    status: ShowStatus | None = None


Result = tuple[Room, list[Command]]


def handle(room: Room, event: Event, now: Now, self: Self) -> Result:
    """One step of the whole room: ``act``, then ``tell``. Pure.

    Args:
        room: The state before.
        event: What happened.
        now: When it is handled.
        self: This box and the config that the agent began with; which one runs now the room knows.

    Returns:
        The state after, and what is to be done, in order.
    """
    room, orders = act(room, event, now, self)
    notes = [each for each in orders if isinstance(each, NoteEvent)]
    room, views = tell(room, event, now, self, notes)
    return room, [*(each for each in orders if not isinstance(each, NoteEvent)), *views]


def act(room: Room, event: Event, now: Now, self: Self) -> Result:
    """The machines' half: relays first. ``NoteEvent`` among the commands are for ``tell``. Pure; arguments as above."""
    room, remarks = noting.handle(room, event, now, configured(self, room.update))
    room, changes = configuring.handle(room, event, now, self)
    self = configured(self, room.update)
    if room.identify_until_s is not None and now.mono_s >= room.identify_until_s:
        room = replace(room, identify_until_s=None)
    asked = actions.handle(room, event, now, self)
    room, moves = _switch(_look(asked.room, event, now, self), event, asked.wish, now, self)
    room, finals = (room, []) if self.stands_in else actions.conclude(room, now, self)
    room, looks = _count(room, event, now, self)
    room = replace(room, say_all=asked.say_all, wake_s=schedule.wake_s(room.conference, now))
    room, next_ = configuring.proceed(room, now, self)
    return room, [*moves, *remarks, *looks, *asked.commands, *finals, *changes, *next_]


def tell(room: Room, event: Event, now: Now, self: Self, notes: list[NoteEvent]) -> Result:
    """The views' half: lamp, disk, topics. ``notes`` are what ``act`` wants to have in the history. Pure."""
    self = configured(self, room.update)
    looking = replace(self, config=schedule.looking(self.config, room.conference, now))
    count = reports.headcount_payload(now, looking, room.estimator, room.eye, room.conference, room.recounts)
    room = replace(room, stale_s=reports.stale_at_s(looking.config, room.estimator, room.eye, now.mono_s))
    room, moved = _check(room, count.reason, now, self)
    room, proofs = configuring.prove(room, now, self)
    room, shows = _show(room)
    room, rows = _write(room, count, now, self)
    room, keeps = _keep(room, now, self, [*notes, *moved], rows)
    room, announces = _announce(room, event, now, self)
    room, says = _say(room, event, count, now, self)
    room, lines = _show_status(room, count, now, self)
    return room, [*shows, *announces, *says, *keeps, *proofs, *lines]


def deadline_s(room: Room) -> float:
    """The next monotonic second at which the room wants a ``Tick``. The heartbeat always is one."""
    wanted = (
        room.power.deadline_s,
        room.power.finger.notice_until_s,
        room.identify_until_s,
        room.wake_s,
        room.stale_s,
        None if room.window is None else room.window.until_s,
        room.eye.deadline_s,
        room.keeper.deadline_s,
        room.announce_s,
        room.readiness.deadline_s,
        room.reports.beat_s,
        room.update.deadline_s,
        *room.held.values(),
    )
    return min(at for at in wanted if at is not None)


def _look(room: Room, event: Event, now: Now, self: Self) -> Room:
    """What the bus and the probes say. A device that goes while the room's power does may have lost its own."""
    is_just_off = room.off_s is not None and now.mono_s <= room.off_s + GOES_WITHIN_S
    goes = room.power.state == "stopping" or is_just_off
    return replace(room, checks=checks.handle(room.checks, event, now.mono_s, self.config, power_goes=goes))


def _switch(room: Room, event: Event, wish: Wish | None, now: Now, self: Self) -> Result:
    """The power machine's step, and after it what a command or the schedule wants of it."""
    before = room
    room, moves = _wished(room, event, wish, now, self)
    went_off = room.power.state == "off" and before.power.state != "off"
    off_s = now.mono_s if went_off else room.off_s if room.power.state == "off" else None
    seen = checks.power_is_back(room.checks) if room.power.state == "on" else room.checks
    return replace(room, off_s=off_s, checks=seen), moves


def _wished(room: Room, event: Event, wish: Wish | None, now: Now, self: Self) -> Result:
    config, locked = self.config.power, schedule.is_live(room.conference, now)
    if isinstance(event, Started):
        kept = memory.power_of(event.memory.facts)
        machine, moves = restore.begin(event, kept, self.boot_id, now.mono_s, config, locked)
        machine = replace(machine, orders=actions.still_open(machine.orders, room))
    else:
        machine, moves = power.handle(room.power, event, now.mono_s, config, room.checks, locked)
    if wish is not None:
        machine, more = power.wish(machine, wish, now.mono_s, config)
        moves = [*moves, *more]
    room = replace(room, power=machine)
    return _by_schedule(room, moves, now, self)


def _by_schedule(room: Room, moves: list[Command], now: Now, self: Self) -> Result:
    wish = None if room.stopping else schedule.wish(room.conference, room.scheduled, now)
    is_busy = room.power.state == "stopping" or room.power.single is not None
    only_reads = room.power.state != "off" and config_wiring.only_reads(room.power, room.update.trial)
    # Neither a stand-in nor a wiring on trial says whether the room is up: the wish waits for the room's own word.
    is_unknown = self.stands_in or only_reads
    if wish is None or room.conference is None or is_busy or is_unknown:
        return room, moves
    room = replace(room, scheduled=schedule.with_done(room.scheduled, room.conference))
    if room.power.state != "off":
        return room, moves  # it is on already, or a person has to look at it
    said = Log("info", f"power: coming up for conference {wish.who!r}")
    machine, more = power.wish(room.power, wish, now.mono_s, self.config.power)
    return replace(room, power=machine), [*moves, said, *more]


def _count(room: Room, event: Event, now: Now, self: Self) -> Result:
    """Keep the eye on the right camera, and its frames in the window."""
    is_counted = room.power.state in COUNTED_WHILE
    busy, blind = (cameras.still_left(names, room.checks, is_counted) for names in (room.busy, room.blind))
    room = replace(room, busy=busy, blind=blind, held=_held(room, now, self))
    room, commands, trouble = _watch(room, event, now, self)
    if cameras.is_given_up(trouble, room.eye, busy | blind) and (name := room.watched) is not None:
        # The other camera is tried in the same step.
        left = replace(room, busy=busy | {name}) if trouble == "busy" else replace(room, blind=blind | {name})
        room, more, _ = _watch(left, event, now, self)
        commands += more
    return room, commands


def _held(room: Room, now: Now, self: Self) -> dict[str, float]:
    if room.stopping or room.power.state not in COUNTED_WHILE:
        return {}  # no camera is started with, and nobody need be woken for one
    tried = room.eye.node if room.eye.running or room.watched in room.busy else None
    return cameras.held(self.config.camera, room.checks, room.readiness, tried, now.mono_s)


def _watch(room: Room, event: Event, now: Now, self: Self) -> tuple[Room, list[Command], str | None]:
    name, reason = _camera(room, self)
    node = None if name is None else room.checks.of(name).node
    is_loose = cameras.is_loose(self.config.camera, room.readiness)
    config = schedule.looking(self.config, room.conference, now)
    outcome = eye_watch.handle(room.eye, event, node, now.mono_s, config, is_loose, name in room.busy)
    estimator = room.estimator
    if node is None:
        estimator = headcount.fail(estimator, reason)
    elif outcome.trouble is not None:
        # The eye starts again after it failed: the reason for that stays until a frame says otherwise.
        again = outcome.trouble == "starting" and room.eye.failures and room.eye.node == node
        estimator = estimator if again else headcount.fail(estimator, outcome.trouble)
    elif isinstance(event, FrameSeen) and outcome.eye.running and event.watch == outcome.eye.watch:
        estimator = headcount.add_frame(estimator, event, config.headcount)
        # It gives frames, so nobody else has it.
        room = replace(room, busy=room.busy - {name}, blind=room.blind - {name})
    return replace(room, eye=outcome.eye, estimator=estimator, watched=name), outcome.commands, outcome.trouble


def _camera(room: Room, self: Self) -> tuple[str | None, str]:
    """The check of the camera to watch, or None and why there is none."""
    camera = self.config.camera
    if room.stopping:
        return None, "stopped"
    if room.power.state not in COUNTED_WHILE:
        return None, "room_off"
    if not camera.check:
        return None, "no_camera"
    name = cameras.chosen(camera, room.checks, room.busy | room.blind, room.held)
    if room.held:
        return name, "flapping"
    return name, "starting" if room.checks.of(camera.check).state == "unknown" else "missing"


def _check(room: Room, count_reason: str | None, now: Now, self: Self) -> tuple[Room, list[NoteEvent]]:
    """Look whether the room is fit for a conference."""
    on_fallback = room.watched is not None and room.watched != self.config.camera.check
    facts = Facts(
        power=room.power,
        checks=room.checks,
        count_reason=count_reason,
        health=room.health,
        file_trouble=room.file_trouble or ("files_broken" if room.identity_is_broken else None),
        is_synced=now.synced,
        busy=room.busy,
        blind=room.blind,
        on_fallback=on_fallback,
        forgets=room.keeper.forgets,
        certificate_left=None if room.certificate_ends is None or not now.synced else room.certificate_ends - now.utc,
    )
    after = readiness.handle(room.readiness, checkup.findings(facts, self.config, now.mono_s), now.mono_s)
    return replace(room, readiness=after), reports.device_moved(room.readiness, after, room.power)


def _announce(room: Room, event: Event, now: Now, self: Self) -> Result:
    """Tell a home automation what this site is, and then everything that is live."""
    announce_s = announcing.next_s(room.announce_s, event, now.mono_s, self)
    if announce_s is None or now.mono_s < announce_s:
        return replace(room, announce_s=announce_s), []
    return replace(room, announce_s=None, say_all=True), announcing.due(announce_s, now.mono_s, self)


def _say(room: Room, event: Event, count: Headcount, now: Now, self: Self) -> Result:
    if isinstance(event, HealthRead):
        room = replace(room, reports=reports.said_nothing(room.reports, "health"))
    beat = now.mono_s >= room.reports.beat_s
    all_again = room.say_all or isinstance(event, LinkUp)
    said, publications = reports.due(room.reports, _live(room, count, now, self), now.mono_s, self, all_again)
    # The lines are read at the heartbeat: a chip that vanished tells nobody by itself.
    asks: list[Command] = [*([ReadHealth()] if beat or all_again else []), *([ReadRelays()] if beat else [])]
    return replace(room, reports=said), [*publications, *asks]


def _live(room: Room, count: Headcount, now: Now, self: Self) -> dict[str, FromSite]:
    state: Literal["running", "stopped"] = "stopped" if room.stopping else "running"
    live: dict[str, FromSite] = {}
    if room.connection:  # before the first connection there is no number to give, and nobody to hear it
        live["status"] = reports.status(now, self, state, room.connection)
    live |= {
        "about": reports.about(now, self, room.eye),
        "power": reports.power(now, self, room.power, schedule.is_live(room.conference, now)),
        "headcount": count,
        "readiness": reports.readiness(now, self, room.readiness),
    }
    live |= config_reports.live(room.update, now, self)
    if room.health:
        live["health"] = reports.health(now, self, room.health, room.power.finger, room.restarts)
    return live


def _write(room: Room, count: Headcount, now: Now, self: Self) -> tuple[Room, list[HistoryRow]]:
    """The row of a window that has ended."""
    captured_s = room.estimator.samples[-1].captured_s if room.estimator.samples else None
    has_camera = self.config.check(self.config.camera.check) is not None
    is_counted = has_camera and room.power.state in COUNTED_WHILE and not room.stopping
    history_s = self.config.reporting.history_s
    window, ended = windows.step(room.window, count, captured_s, is_counted, now.mono_s, history_s)
    rows = [] if ended is None else [windows.row(ended, reports.common(now, self), now, self.boot_id)]
    return replace(room, window=window), list(rows)


def _keep(room: Room, now: Now, self: Self, notes: list[NoteEvent], rows: list[HistoryRow]) -> Result:
    """What is new for the disk: facts that changed, and rows of the history."""
    facts = {memory.CONFERENCE: memory.text_of(room.conference), memory.SCHEDULED: memory.text_of(room.scheduled)}
    facts |= {memory.RUN: memory.text_of(room.run), memory.RESTARTS: memory.text_of(room.restarts)}
    room, facts[memory.CONFIG] = configuring.kept(room)
    told, changed = room.told, list[NoteEvent]()
    # A stand-in for the room's own config says nothing about the room's power, nor does a wiring that is on trial.
    if not self.stands_in and not config_wiring.only_reads(room.power, room.update.trial):
        kept = memory.of(room.power, self.boot_id)
        facts[memory.POWER] = memory.text_of(kept)
        told = memory.news_of(kept) if room.power.single is None else room.told  # its relay has not answered yet
        changed = [] if told == room.told else [reports.power_changed(self, room.power)]
    events = [reports.history_event(now, self, note) for note in (*notes, *changed)]
    keeper, orders = keeping.keep(room.keeper, facts, (*rows, *events), now.mono_s)
    return replace(room, keeper=keeper, told=told), orders


def _show(room: Room) -> Result:
    identify = room.identify_until_s is not None
    is_broken = room.identity_is_broken or room.file_trouble is not None
    wanted = lamp.show(room.power, room.readiness.is_well, is_broken, identify)
    if wanted == room.led:
        return room, []
    return replace(room, led=wanted), [wanted]


def _show_status(room: Room, count: Headcount, now: Now, self: Self) -> Result:
    link: status_line.Link = "off" if room.identity_is_broken else "up" if room.update.is_linked else "down"
    locked = schedule.is_live(room.conference, now)
    power: status_line.Power = "unknown" if self.stands_in else room.power.state
    text = status_line.line(power, locked, link, count, room.file_trouble, room.keeper.forgets)
    wanted = ShowStatus(text)
    return (room, []) if wanted == room.status else (replace(room, status=wanted), [wanted])
