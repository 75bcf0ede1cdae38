"""Topic names and payloads, both directions, in one place. Version 1 of the contract (``v1`` in the topics).

How a payload is written and read says ``wire.py``; its names are part of the contract and come from here.
"""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationInfo, model_validator

from agent.core.config import Polygon
from agent.core.config_messages import ConfigConfirm as ConfigConfirm
from agent.core.config_messages import ConfigDesired as ConfigDesired
from agent.core.config_messages import ConfigProblem as ConfigProblem
from agent.core.config_messages import ConfigReported as ConfigReported
from agent.core.config_messages import ConfigRunning as ConfigRunning
from agent.core.identity import is_site_id
from agent.core.wire import MAX_PAYLOAD_BYTES as MAX_PAYLOAD_BYTES
from agent.core.wire import Document
from agent.core.wire import FromSite as FromSite
from agent.core.wire import Moment as Moment
from agent.core.wire import Payload as Payload
from agent.core.wire import compact as compact
from agent.core.wire import decode as decode
from agent.core.wire import encode as encode
from agent.core.wire import refusal as refusal

ROOT = "diemcau/v1"
ALL_COMMAND = f"{ROOT}/_all/command"  # reaches every site; `_all` is no site id, so nobody's own topic is meant
PEOPLE_MAX = 100_000
MISSING_MAX = 100
SEQ_MAX = NUMBER_MAX = 2**63 - 1  # what a database's integer holds
SECONDS_MAX = 1e10  # 300 years: a time reckoned with it is still one
IDENTIFY_MAX_S = 600.0
ROLL_CALLS_MAX = 48  # one each half hour of a day


def topic(site: str, name: str) -> str:
    """``diemcau/v1/<site>/<name>``. Raises ValueError for a site id that could not be one."""
    if not is_site_id(site):
        raise ValueError(f"not a site id: {site!r}")
    return f"{ROOT}/{site}/{name}"


def split_topic(full: str) -> tuple[str, str] | None:
    """Site and name of a topic of ours, or None."""
    prefix = ROOT + "/"
    site, _, name = full.removeprefix(prefix).partition("/")
    return (site, name) if full.startswith(prefix) and is_site_id(site) and name else None


def _in_frame(polygon: Polygon, info: ValidationInfo) -> Polygon:
    # Asked of others only: what this site runs with has been looked at already.
    if info.mode == "json" and not all(0 <= value <= 1 for point in polygon for value in point):
        raise ValueError("should lie in 0..1 of the frame")
    return polygon


Outline = Annotated[Polygon, AfterValidator(_in_frame)]
# What is shown of a room now is reckoned with: a whole number of 400 digits would end whoever divides by it.
People = Annotated[int, Field(ge=0, le=PEOPLE_MAX)]
Whole = Annotated[int, Field(ge=-NUMBER_MAX, le=NUMBER_MAX)]
Count = Annotated[int, Field(ge=0, le=NUMBER_MAX)]


class Status(FromSite):
    """Topic ``status``, and as ``lost`` the will."""

    state: Literal["running", "stopped", "lost"]
    connection: Count
    boot_id: str = Field(max_length=36)
    version: str = Field(max_length=40)


class About(FromSite):
    """Topic ``about``."""

    name: str = Field(max_length=200)
    path: tuple[str, ...] = ()
    timezone: str = ""
    hardware: str | None = None
    serial: str | None = None
    version: str = ""
    python: str = ""
    detector: str | None = None
    model_sha256: str | None = None
    config_schema_digest: str | None = None


class Power(FromSite):
    """Topic ``power``. ``who`` is a claim; ``locked``: a conference is live, switching off takes two holds."""

    state: Literal["off", "starting", "on", "stopping", "fault"]
    loads: dict[str, Literal["on", "off", "unknown"]]
    step: str | None = None
    by: Literal["button", "command", "schedule", "restore", "local"] | None = None
    who: str | None = None
    reason: str | None = None
    locked: bool = False


class SetAside(Payload):
    """Faces that are not counted, and why."""

    reason: Literal["portrait", "excluded"]
    count: Count


class Human(Payload):
    """The last count by a person. ``by`` is a claim; ``value`` what the machine said at that moment (None: unknown)."""

    people: People
    at: Moment
    by: str
    value: People | None = None


class Record(Payload):
    """How far the machine was off where people counted too: shares of the human's number, over ``recounts`` of them."""

    recounts: Count
    mean_error: float | None = Field(ge=0)
    worst_error: float | None = Field(ge=0)


class Work(Payload):
    """How the eye looks at a frame now: brought to this size, in pixels, and in so many pieces."""

    width: int = Field(ge=1, le=NUMBER_MAX)
    height: int = Field(ge=1, le=NUMBER_MAX)
    tiles: int = Field(ge=1, le=NUMBER_MAX)


class Headcount(FromSite):
    """Topic ``headcount``. ``value`` None: not known, and ``reason`` says why.

    ``interval_s`` is what the eye really keeps, ``cpu_share`` what its process took of one core over the last minute.
    """

    value: People | None
    state: Literal["ok", "degraded", "unknown"]
    reason: str | None
    seen: People | None
    min: People | None
    max: People | None
    samples: Count
    window_s: float = Field(gt=0)
    frame_age_s: float | None = Field(ge=0)
    interval_s: float = Field(gt=0)
    cpu_share: float | None = Field(default=None, ge=0)
    work: Work | None = None
    summoned: People | None = None
    rate: float | None = Field(default=None, ge=0)
    set_aside: tuple[SetAside, ...] = ()
    detector: str | None = None
    config_revision: Whole | None = None
    conference: str | None = None
    human: Human | None = None
    record: Record | None = None


class Health(FromSite):
    """Topic ``health``."""

    cpu_share: float | None = None
    temperature_c: float | None = None
    throttled: bool | None = None
    undervoltage: bool | None = None
    disk_read_only: bool | None = None
    memory_used_bytes: Whole | None = None
    memory_total_bytes: Whole | None = None
    disk_free_bytes: Whole | None = None
    uptime_s: float | None = None
    address: str | None = None
    button_presses: Whole | None = None
    ghost_presses: Whole | None = None
    outbox_rows: Whole | None = None
    outbox_oldest_s: float | None = None
    rows_lost: Whole | None = None
    restarts: dict[str, Whole] | None = None


class Check(Payload):
    """One check of ``readiness``. ``since`` is when it began to be so; ``changes`` how often it has changed since then.

    ``advice`` says what to do, in the site's language; it is there where the check is not ok and something can be done.
    """

    name: str = Field(max_length=80)
    group: Literal["connect", "display", "audio", "power", "box"]
    required: bool
    state: Literal["ok", "warning", "failed", "unknown"]
    reason: str | None = None
    since: Moment
    advice: str | None = None
    changes: Count = 0


class Readiness(FromSite):
    """Topic ``readiness``. ``ready`` None: a required check is not known (yet). One that warns keeps nobody away."""

    ready: bool | None
    checks: tuple[Check, ...]


class HistoryRow(FromSite):
    """What both history topics carry. ``epoch`` and ``seq`` are given by the disk that keeps the row. When it is sent
    come ``historical`` (it is late) and ``prev``, the number of the row before it that there still is (0: none).

    ``uptime_s`` is monotonic, so that the centre can correct times from before the clock was set.
    """

    epoch: str = Field(default="", max_length=36)
    seq: int = Field(default=0, ge=0, le=SEQ_MAX)
    boot_id: str = Field(max_length=36)
    uptime_s: float = Field(ge=0, le=SECONDS_MAX)
    historical: bool = False
    prev: int | None = Field(default=None, ge=0, le=SEQ_MAX)


class HistoryHeadcount(HistoryRow):
    """Topic ``history/headcount``: one window. ``value`` is the one that stood longest; None, as ``min`` and ``max``,
    where none was known. ``unknown_reasons`` are the seconds of ``unknown_s`` by the reason for them.
    """

    from_: Moment = Field(alias="from")
    to: Moment
    value: People | None
    min: People | None
    max: People | None
    people_minutes: float = Field(ge=0, le=PEOPLE_MAX * SECONDS_MAX)
    samples: Count
    unknown_s: float = Field(ge=0, le=SECONDS_MAX)
    unknown_reasons: dict[str, float] = Field(default_factory=dict)
    conference: str | None = Field(default=None, max_length=64)


class HistoryEvent(HistoryRow):
    """Topic ``history/event``: one thing that happened."""

    kind: str = Field(max_length=40)
    severity: Literal["info", "warning", "fault"]
    by: str | None = None
    detail: Document = Field(default={})


class HistoryAck(Payload):
    """Topic ``history/ack``, to the site: all rows of ``epoch`` up to ``upto`` are committed but for ``missing``.

    ``resend_from``: everything from that number is wanted again.
    """

    epoch: str = Field(min_length=1, max_length=36)
    upto: int = Field(ge=0, le=SEQ_MAX)
    missing: tuple[Annotated[int, Field(ge=1, le=SEQ_MAX)], ...] = Field(default=(), max_length=MISSING_MAX)
    resend_from: int | None = Field(default=None, ge=1, le=SEQ_MAX)


class Truth(Payload):
    """Topic ``simulated/truth``: how many people the script has in the room. In simulation only."""

    at: Moment
    people: People


class Conference(Payload):
    """Topic ``conference``, to the site. ``roll_calls``: the moments at which the centre notes who is there."""

    id: str = Field(min_length=1, max_length=64)
    title: str = Field(default="", max_length=400)
    starts_at: Moment
    ends_at: Moment
    summoned: People | None = None
    power_on_minutes: float | None = Field(default=None, ge=0)
    lock: bool = False
    roll_calls: tuple[Moment, ...] = Field(default=(), max_length=ROLL_CALLS_MAX)

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> "Conference":
        if self.ends_at <= self.starts_at:
            raise ValueError("ends_at should be after starts_at")
        return self


class CommandMessage(Payload):
    """Topic ``command``, to the site. ``issued_by`` is a claim; ``args`` are looked at by the action's own model."""

    id: str = Field(min_length=1, max_length=64, pattern=r"^[!-~]+$")  # goes back to the centre and into the log
    action: str = Field(min_length=1, max_length=40)
    args: Document = Field(default={})
    issued_by: str = Field(max_length=200)
    issued_at: Moment


class NoArgs(Payload):
    """Args of ``report`` and ``aim``."""


class RecountArgs(Payload):
    """Args of ``recount``: how many people somebody counted by eye."""

    people: People


class PowerArgs(Payload):
    """Args of ``power``: the whole room, in its order."""

    on: bool


class LoadArgs(Payload):
    """Args of ``load``: one load by itself."""

    name: str = Field(min_length=1, max_length=40)
    on: bool


class IdentifyArgs(Payload):
    """Args of ``identify``: the lamp shows which room this is, for so many seconds."""

    for_s: float = Field(default=30, gt=0, le=IDENTIFY_MAX_S)


class CommandResult(FromSite):
    """Topic ``command/result``. An id has exactly one final state; ``result`` is there where it is ``done``."""

    id: str = Field(max_length=64)
    state: Literal["accepted", "done", "refused", "failed"]
    reason: str | None
    result: Document | None


class Recounted(Payload):
    """Result of ``recount``: ``error`` is a share of ``people``; ``replaced`` the number that was taken back by it."""

    people: Count
    value: Count | None
    error: float | None = Field(ge=0)
    replaced: Whole | None = None


class Place(Payload):
    """Where somebody sits, in 0..1 of the frame, and in what share of the looks a face was seen there."""

    x: float
    y: float
    w: float
    h: float
    seen_share: float = Field(ge=0, le=1)


class Aside(Payload):
    """A face that is not counted, in 0..1 of the frame, and why."""

    reason: Literal["portrait", "excluded"]
    x: float
    y: float
    w: float
    h: float


class Aim(Payload):
    """Result of ``aim``: geometry, no picture. Width and height are the frame's, in pixels; None: none was seen.

    ``truncated`` is there, and true, where not all of it fits into one message: the places seen least are left out.
    """

    width: Whole | None
    height: Whole | None
    places: tuple[Place, ...]
    include: tuple[Outline, ...]
    exclude: tuple[Outline, ...]
    set_aside: tuple[Aside, ...]
    truncated: bool = False


MODELS: dict[str, type[Payload]] = {
    "status": Status,
    "about": About,
    "power": Power,
    "headcount": Headcount,
    "readiness": Readiness,
    "health": Health,
    "history/headcount": HistoryHeadcount,
    "history/event": HistoryEvent,
    "history/ack": HistoryAck,
    "simulated/truth": Truth,
    "conference": Conference,
    "command": CommandMessage,
    "command/result": CommandResult,
    "config/desired": ConfigDesired,
    "config/confirm": ConfigConfirm,
    "config/reported": ConfigReported,
    "config/running": ConfigRunning,
}


def body(payload: FromSite) -> dict[str, Any]:
    """A payload without what every message carries: the part that can be said to have changed."""
    return payload.model_dump(exclude_unset=True, exclude={"at", "session", "clock"})
