"""The whole room: sends each event to the machines, joins their commands, and derives what lamp and topics say.

State and event in, new state and commands out. The lamp and the live topics are views of the state: after every event
they are computed anew, and where they differ from what was shown or said, a command follows.
"""

from dataclasses import dataclass, field, replace
from typing import Literal

from agent.core import actions, checks, eye_watch, headcount, power, reports
from agent.core.checks import Checks
from agent.core.commanding import Commanding
from agent.core.commands import Command, LedPattern, Log, ReadHealth, ShowLed
from agent.core.contract import Conference, FromSite, decode, split_topic
from agent.core.events import (
    Event,
    FrameSeen,
    HealthRead,
    LinkDown,
    LinkUp,
    MessageReceived,
    Now,
    Recount,
    Started,
    Stopping,
)
from agent.core.eye_watch import EyeWatch
from agent.core.headcount import Estimator
from agent.core.power import Power
from agent.core.reports import Reports, Self

# While the room is in one of these states people may be in it, and they are counted.
COUNTED_WHILE = {"on", "fault"}


@dataclass(frozen=True, slots=True)
class Room:
    """Everything that the agent knows. Replaced, never changed."""

    power: Power = Power()
    checks: Checks = Checks()
    eye: EyeWatch = EyeWatch()
    estimator: Estimator = Estimator(trouble="room_off")
    conference: Conference | None = None
    commanding: Commanding = Commanding()
    recounts: tuple[Recount, ...] = ()
    health: dict[str, float | int | bool | str | None] = field(default_factory=dict)
    connection: int = 0
    files_are_broken: bool = False
    stopping: bool = False
    reports: Reports = Reports()
    led: LedPattern | None = None


Result = tuple[Room, list[Command]]


def handle(room: Room, event: Event, now: Now, self: Self) -> Result:
    """One step of the whole room. Pure.

    Args:
        room: The state before.
        event: What happened.
        now: When it is handled.
        self: What does not change while the agent runs.

    Returns:
        The state after, and what is to be done, in order.
    """
    room, remarks = _noted(room, event, self)
    commanded = actions.handle(room, event, now, self)
    room = commanded.room
    room = replace(room, checks=checks.handle(room.checks, event, now.mono_s, self.config))
    machine, moves = power.handle(room.power, event, now.mono_s, self.config.power, room.checks)
    room = replace(room, power=machine)
    room, looks = _count(room, event, now, self)
    room, says = _say(room, event, now, self, all_again=commanded.say_all)
    room, shows = _show(room)
    return room, [*remarks, *moves, *looks, *shows, *says, *commanded.commands]


def deadline_s(room: Room) -> float:
    """The next monotonic second at which the room wants a ``Tick``. The heartbeat always is one."""
    wanted = (room.power.deadline_s, room.eye.deadline_s, room.reports.beat_s)
    return min(at for at in wanted if at is not None)


def _noted(room: Room, event: Event, self: Self) -> Result:
    match event:
        case Started(problems=problems):
            remarks: list[Command] = [Log("error", f"{problem}") for problem in problems]
            return replace(room, files_are_broken=bool(problems)), remarks
        case Stopping():
            return replace(room, stopping=True), [Log("info", "stopping; no relay moves for it")]
        case LinkUp(connection=connection):
            return replace(room, connection=connection), [Log("info", f"link: connected, number {connection}")]
        case LinkDown(reason=reason):
            return room, [Log("warning", f"link: {reason}")]
        case HealthRead(figures=figures):
            return replace(room, health=figures), []
        case MessageReceived(topic=topic) if not actions.is_command(topic, self.site):
            return _message(room, event, self.site)
        case _:
            return room, []


def _message(room: Room, message: MessageReceived, site: str) -> Result:
    if split_topic(message.topic) != (site, "conference"):
        return room, [Log("warning", f"link: a message on a topic that is not ours: {message.topic[:100]!r}")]
    if not message.payload:
        return replace(room, conference=None), [Log("info", "conference: cleared")]
    try:
        conference = decode(Conference, message.payload)
    except ValueError as error:
        return room, [Log("warning", f"conference: refused, {error}; the one before stays")]
    return replace(room, conference=conference), [Log("info", f"conference: {conference.id!r}")]


def _count(room: Room, event: Event, now: Now, self: Self) -> Result:
    """Keep the eye on the right camera, and its frames in the window."""
    node, reason = _camera(room, self)
    outcome = eye_watch.handle(room.eye, event, node, now.mono_s, self.config)
    estimator = room.estimator
    if node is None:
        estimator = headcount.fail(estimator, reason)
    elif outcome.trouble is not None:
        # The eye starts again after it failed: the reason for that stays until a frame says otherwise.
        again = outcome.trouble == "starting" and room.eye.failures and room.eye.node == node
        estimator = estimator if again else headcount.fail(estimator, outcome.trouble)
    elif isinstance(event, FrameSeen) and outcome.eye.running and event.watch == outcome.eye.watch:
        estimator = headcount.add_frame(estimator, event, self.config.headcount)
    return replace(room, eye=outcome.eye, estimator=estimator), outcome.commands


def _camera(room: Room, self: Self) -> tuple[str | None, str]:
    """The node of the camera to watch, or None and why there is none."""
    if room.stopping:
        return None, "stopped"
    if room.power.state not in COUNTED_WHILE:
        return None, "room_off"
    if not self.config.camera.check:
        return None, "no_camera"
    for name in (self.config.camera.check, self.config.camera.fallback):
        state = room.checks.of(name)
        if state.state == "ok":
            return state.node, ""
    return None, "starting" if room.checks.of(self.config.camera.check).state == "unknown" else "missing"


def _say(room: Room, event: Event, now: Now, self: Self, all_again: bool) -> Result:
    if isinstance(event, HealthRead):
        room = replace(room, reports=reports.said_nothing(room.reports, "health"))
    beat = now.mono_s >= room.reports.beat_s
    all_again = all_again or isinstance(event, LinkUp)
    said, publications = reports.due(room.reports, _live(room, now, self), now.mono_s, self, all_again)
    asks: list[Command] = [ReadHealth()] if beat or all_again else []
    return replace(room, reports=said), [*publications, *asks]


def _live(room: Room, now: Now, self: Self) -> dict[str, FromSite]:
    state: Literal["running", "stopped"] = "stopped" if room.stopping else "running"
    live: dict[str, FromSite] = {}
    if room.connection:  # before the first connection there is no number to give, and nobody to hear it
        live["status"] = reports.status(now, self, state, room.connection)
    live |= {
        "about": reports.about(now, self, room.eye),
        "power": reports.power(now, self, room.power),
        "headcount": reports.headcount_payload(now, self, room.estimator, room.eye, room.conference, room.recounts),
    }
    if room.health:
        live["health"] = reports.health(now, self, room.health)
    return live


def _show(room: Room) -> Result:
    pattern = led_pattern(room)
    if pattern == room.led:
        return room, []
    return replace(room, led=pattern), [ShowLed(pattern)]


def led_pattern(room: Room) -> LedPattern:
    """What the lamp says. A broken file shows as a fault, but never hides that loads are on their way."""
    if room.files_are_broken and room.power.state in ("off", "on"):
        return "fault"
    return room.power.state
