"""What happened: past facts, put into the inbox by whoever saw them, handled by the agent's one thread.

Times named ``…_s`` without a date are seconds of the monotonic clock (``CLOCK_MONOTONIC``, which all processes of a box
share); wall-clock times are UTC and may be wrong until the clock is synchronised.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from agent.core.errors import Problem

LoadState = Literal["on", "off", "unknown"]
RoomState = Literal["off", "starting", "on", "stopping", "fault"]


def level(on: bool) -> LoadState:
    """A load that is on, or off."""
    return "on" if on else "off"


@dataclass(frozen=True, slots=True)
class Now:
    """The moment an event is handled, handed in so that the core reads no clock."""

    mono_s: float
    utc: datetime
    synced: bool


@dataclass(frozen=True, slots=True)
class Settled:
    """A command from the centre with its state, and since when (UTC); ``accepted`` is on its way to a final one."""

    id: str
    at: datetime
    state: Literal["accepted", "done", "refused", "failed"]
    reason: str | None = None
    result: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Recount:
    """What a person counted, beside what the machine said at that moment: ``value`` None where it did not know.

    ``command`` is the id of the command that brought it, ``by`` who that claims to come from.
    """

    command: str
    at: datetime
    by: str
    people: int
    value: int | None
    state: str
    min: int | None
    max: int | None


@dataclass(frozen=True, slots=True)
class Memory:
    """What the disk kept of earlier runs, oldest first. ``facts`` are JSON texts by name (see ``core/memory.py``)."""

    settled: tuple[Settled, ...] = ()
    recounts: tuple[Recount, ...] = ()
    facts: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FoundConfig:
    """What the state folder held of room configs when the agent started.

    ``document`` is what runs, as it was written, and ``source`` where that came from: ``kept`` is a config that has run
    here before (``room.json``, or one of the ten before it), ``file`` the room file of the very first start.
    ``candidate`` is the message of an update that was on trial when the agent ended, None: there was none; ``highest``
    the highest revision of those that were set aside. ``trouble`` is why it is not the room's own config that runs, or
    not the newest; so many of the ``problems`` of ``Started`` are about that.
    """

    document: dict[str, Any] = field(default_factory=dict)
    source: Literal["kept", "file", "built_in"] = "built_in"
    candidate: str | None = None
    highest: int = 0
    trouble: Literal["files_broken", "crash_loop"] | None = None
    problems: int = 0


@dataclass(frozen=True, slots=True)
class Started:
    """The parts are open. ``loads`` is what the relays read back; ``problems`` is what is wrong with the files.

    ``held`` are the loads whose lines were held while the agent was away: they are as it left them. ``alive_s`` is when
    the loop of the run before last went round in this boot (None: not known), ``watchdog_s`` the patience of whoever
    watches it (None: nobody).

    ``found`` is what there was of room configs.
    """

    loads: dict[str, LoadState]
    problems: tuple[Problem, ...] = ()
    memory: Memory = Memory()
    held: frozenset[str] = frozenset()
    alive_s: float | None = None
    watchdog_s: float | None = None
    found: FoundConfig = FoundConfig()


@dataclass(frozen=True, slots=True)
class Stopping:
    """The process was asked to end. No relay moves for it."""


@dataclass(frozen=True, slots=True)
class Tick:
    """A stored deadline has passed."""


@dataclass(frozen=True, slots=True)
class ButtonPressed:
    """The button went down."""


@dataclass(frozen=True, slots=True)
class ButtonReleased:
    """The button came up."""


@dataclass(frozen=True, slots=True)
class ButtonHeld:
    """The button has been down for ``hold_s``."""


@dataclass(frozen=True, slots=True)
class RelaySet:
    """A relay was driven and reads back as driven."""

    load: str
    on: bool


@dataclass(frozen=True, slots=True)
class RelayFailed:
    """A relay could not be driven: the load's real state is unknown. ``has_line`` False: its line is not to be had at
    all, so that we hold nothing on it.
    """

    load: str
    on: bool
    reason: str
    has_line: bool = True


@dataclass(frozen=True, slots=True)
class RelaysRead:
    """What every load's line reads back now."""

    loads: dict[str, LoadState]


@dataclass(frozen=True, slots=True)
class UsbDevice:
    """One camera or microphone on USB.

    ``usb`` is ``vendor:product``, ``port`` the port path (``1-1.2``), ``node`` the device node that one opens.
    ``is_keyboard``: the same device says that it is a keyboard too. ``muted``: what a microphone's mixer tells; None
    where it does not tell, or may not be asked.
    """

    kind: Literal["camera", "microphone"]
    usb: str
    serial: str
    port: str
    node: str
    is_keyboard: bool = False
    muted: bool | None = None


@dataclass(frozen=True, slots=True)
class UsbChanged:
    """What is on the bus now: all of it, so that a lost event costs nothing."""

    devices: tuple[UsbDevice, ...]


@dataclass(frozen=True, slots=True)
class Probed:
    """A network check was made. ``address`` is where: the check of that name may look elsewhere by now."""

    check: str
    ok: bool
    reason: str | None = None
    address: str | None = None


@dataclass(frozen=True, slots=True)
class Detection:
    """One face: left, top, width and height in pixels of the frame, and the network's score in 0..1."""

    x: float
    y: float
    w: float
    h: float
    score: float


@dataclass(frozen=True, slots=True)
class FrameSeen:
    """The eye looked at one frame. ``watch`` is the number of the order that it answers.

    ``luma_mean`` is the frame's mean brightness in 0..255; ``same_s`` for how long the frame has been the same to the
    last bit (a live sensor is never: its noise changes every pixel).

    The last five say how the eye works and are None where that is not known: the size in pixels that the frame was
    brought to and in how many ``tiles``; what its process took of one core over the last minute (more than 1 with more
    threads); and the seconds that it keeps now from one look to the next.
    """

    watch: int
    captured_s: float
    width: int
    height: int
    detections: tuple[Detection, ...]
    detect_ms: float
    luma_mean: float
    same_s: float
    work_width: int | None = None
    work_height: int | None = None
    tiles: int | None = None
    cpu_share: float | None = None
    interval_s: float | None = None


@dataclass(frozen=True, slots=True)
class FrameUnreadable:
    """A picture of a folder, say, is none. Only ``diemcau count`` meets it: a camera that gives none is trouble."""

    captured_s: float
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class EyeReady:
    """The eye has its network. ``detector`` and ``model_sha256`` say which."""

    watch: int
    detector: str
    model_sha256: str | None


@dataclass(frozen=True, slots=True)
class EyeAlive:
    """The eye's working loop went round; sent once a second, also between frames."""

    watch: int


@dataclass(frozen=True, slots=True)
class EyeTrouble:
    """The eye cannot count and says why, in the contract's word."""

    watch: int
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class EyeEnded:
    """The eye's process or connection is gone."""

    watch: int
    message: str


@dataclass(frozen=True, slots=True)
class LinkUp:
    """The broker accepted us, for the ``connection``-th time in this site's life."""

    connection: int


@dataclass(frozen=True, slots=True)
class LinkDown:
    """The broker is away, with the reason for the log."""

    reason: str


@dataclass(frozen=True, slots=True)
class LinkRefused:
    """The broker took a message and did not pass it on, with the topic and its reason code in words."""

    what: str


@dataclass(frozen=True, slots=True)
class DuplicateSeen:
    """Something speaks for a second box with this site's name."""

    why: str


@dataclass(frozen=True, slots=True)
class CertificateSeen:
    """When this box's certificate ends (UTC)."""

    ends: datetime


@dataclass(frozen=True, slots=True)
class MessageReceived:
    """A message on a subscribed topic, as it came.

    ``expiry_s`` is what was left of its message expiry when it came (None: it has none), ``received_s`` when that was.
    """

    topic: str
    payload: bytes
    retain: bool
    expiry_s: int | None = None
    received_s: float | None = None


@dataclass(frozen=True, slots=True)
class ResultKept:
    """The result of command ``id`` is on disk, or could not be written."""

    id: str
    is_on_disk: bool


@dataclass(frozen=True, slots=True)
class Kept:
    """The newest ``Keep`` is written, or could not be. ``survives``: on a disk, and no power cut takes it;
    ``lost_others``: what was written before is there no more. Without a ``Keep``: another file is used from now on.
    """

    is_on_disk: bool
    survives: bool = True
    lost_others: bool = False


@dataclass(frozen=True, slots=True)
class ConfigOffered:
    """Somebody on this box wants another room config: ``raw`` as on ``config/desired``; its revision is given here."""

    raw: bytes


@dataclass(frozen=True, slots=True)
class ConfigConfirmed:
    """Somebody on this box says that the update with this id is to stay."""

    id: str


@dataclass(frozen=True, slots=True)
class CandidateStaged:
    """The candidate is on disk, or could not be written."""

    is_on_disk: bool


@dataclass(frozen=True, slots=True)
class ConfigApplied:
    """The room's parts run with the config that was ordered last.

    ``failed`` are parts that it changed and that could not be had (``power.button``, a load's name). ``loads`` is what
    the lines of the loads read, where these changed; None: they are the ones that they were.
    """

    failed: tuple[str, ...] = ()
    loads: dict[str, LoadState] | None = None


@dataclass(frozen=True, slots=True)
class CandidatePromoted:
    """The candidate is the last good config, or could not be made that."""

    is_on_disk: bool


@dataclass(frozen=True, slots=True)
class CandidateDiscarded:
    """The candidate is set aside, to be looked at, or could not be."""

    is_on_disk: bool


@dataclass(frozen=True, slots=True)
class ReportTaken:
    """The broker acknowledged what was published on ``config/reported``: ``raw`` as it went out."""

    raw: bytes


@dataclass(frozen=True, slots=True)
class HealthRead:
    """The box's own figures. None: not known. A key that is not there does not apply to this box."""

    figures: dict[str, float | int | bool | str | None] = field(default_factory=dict)


Event = (
    Started
    | Stopping
    | Tick
    | ButtonPressed
    | ButtonReleased
    | ButtonHeld
    | RelaySet
    | RelayFailed
    | RelaysRead
    | UsbChanged
    | Probed
    | FrameSeen
    | EyeReady
    | EyeAlive
    | EyeTrouble
    | EyeEnded
    | LinkUp
    | LinkDown
    | LinkRefused
    | DuplicateSeen
    | CertificateSeen
    | MessageReceived
    | ResultKept
    | Kept
    | ConfigOffered
    | ConfigConfirmed
    | CandidateStaged
    | ConfigApplied
    | CandidatePromoted
    | CandidateDiscarded
    | ReportTaken
    | HealthRead
)
