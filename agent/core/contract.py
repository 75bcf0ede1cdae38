"""Topic names and payloads, both directions, in one place. Version 1 of the contract (``v1`` in the topics).

A field that is not set is absent from the JSON; a field set to None is null (not known). So models are built with the
fields that apply and no others. Readers ignore fields they do not know.
"""

import json
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    model_validator,
)

from agent.core.config import Polygon
from agent.core.identity import is_site_id

ROOT = "diemcau/v1"
MAX_PAYLOAD_BYTES = 64 * 1024
ALL_COMMAND = f"{ROOT}/_all/command"  # reaches every site; `_all` is no site id, so nobody's own topic is meant
PEOPLE_MAX = 100_000
MISSING_MAX = 100
SEQ_MAX = 2**63 - 1  # what a database's integer holds
IDENTIFY_MAX_S = 600.0


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


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _in_utc(moment: datetime) -> datetime:
    """As it goes over the wire, so that what is read again is equal to what was sent. Naive ones are refused later."""
    moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    return moment if moment.tzinfo is None else moment.astimezone(UTC)


def _moment(value: object) -> object:
    # ISO text only: pydantic would also take a number, and a number of what?
    try:
        if isinstance(value, str) and "T" in value:
            value = datetime.fromisoformat(value)
        if isinstance(value, datetime):
            return _in_utc(value)
    except (ValueError, OverflowError):
        pass  # whose message would quote it
    raise ValueError("should be a time such as 2012-11-20T07:30:00.000Z")


Moment = Annotated[AwareDatetime, BeforeValidator(_moment), PlainSerializer(_written)]


class Payload(BaseModel):
    """Base of every payload: frozen, strict, unknown fields ignored by readers."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore", allow_inf_nan=False, populate_by_name=True)


class FromSite(Payload):
    """What every message from a site carries."""

    at: Moment
    session: str = Field(max_length=36)
    clock: Literal["synced", "unsynced"]


class Status(FromSite):
    """Topic ``status``, and as ``lost`` the will."""

    state: Literal["running", "stopped", "lost"]
    connection: int = Field(ge=0)
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
    count: int = Field(ge=0)


class Human(Payload):
    """The last count by a person. ``by`` is a claim; ``value`` what the machine said at that moment (None: unknown)."""

    people: int = Field(ge=0)
    at: Moment
    by: str
    value: int | None = Field(default=None, ge=0)


class Record(Payload):
    """How far the machine was off where people counted too: shares of the human's number, over ``recounts`` of them."""

    recounts: int = Field(ge=0)
    mean_error: float | None = Field(ge=0)
    worst_error: float | None = Field(ge=0)


class Work(Payload):
    """How the eye looks at a frame now: brought to this size, in pixels, and in so many pieces."""

    width: int = Field(ge=1)
    height: int = Field(ge=1)
    tiles: int = Field(ge=1)


class Headcount(FromSite):
    """Topic ``headcount``. ``value`` None: not known, and ``reason`` says why.

    ``interval_s`` is what the eye really keeps, ``cpu_share`` what its process took of one core over the last minute.
    """

    value: int | None = Field(ge=0)
    state: Literal["ok", "degraded", "unknown"]
    reason: str | None
    seen: int | None = Field(ge=0)
    min: int | None = Field(ge=0)
    max: int | None = Field(ge=0)
    samples: int = Field(ge=0)
    window_s: float = Field(gt=0)
    frame_age_s: float | None = Field(ge=0)
    interval_s: float = Field(gt=0)
    cpu_share: float | None = Field(default=None, ge=0)
    work: Work | None = None
    summoned: int | None = Field(default=None, ge=0)
    rate: float | None = Field(default=None, ge=0)
    set_aside: tuple[SetAside, ...] = ()
    detector: str | None = None
    config_revision: int | None = None
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
    memory_used_bytes: int | None = None
    memory_total_bytes: int | None = None
    disk_free_bytes: int | None = None
    uptime_s: float | None = None
    address: str | None = None
    button_presses: int | None = None
    ghost_presses: int | None = None
    outbox_rows: int | None = None
    outbox_oldest_s: float | None = None
    rows_lost: int | None = None
    restarts: dict[str, int] | None = None


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
    changes: int = Field(default=0, ge=0)


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
    uptime_s: float = Field(ge=0)
    historical: bool = False
    prev: int | None = Field(default=None, ge=0, le=SEQ_MAX)


class HistoryHeadcount(HistoryRow):
    """Topic ``history/headcount``: one window. ``value`` is the one that stood longest; None, as ``min`` and ``max``,
    where none was known. ``unknown_reasons`` are the seconds of ``unknown_s`` by the reason for them.
    """

    from_: Moment = Field(alias="from")
    to: Moment
    value: int | None = Field(ge=0, le=PEOPLE_MAX)
    min: int | None = Field(ge=0, le=PEOPLE_MAX)
    max: int | None = Field(ge=0, le=PEOPLE_MAX)
    people_minutes: float = Field(ge=0)
    samples: int = Field(ge=0, le=SEQ_MAX)
    unknown_s: float = Field(ge=0)
    unknown_reasons: dict[str, float] = {}
    conference: str | None = Field(default=None, max_length=64)


class HistoryEvent(HistoryRow):
    """Topic ``history/event``: one thing that happened."""

    kind: str = Field(max_length=40)
    severity: Literal["info", "warning", "fault"]
    by: str | None = None
    detail: dict[str, Any] = {}


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
    people: int = Field(ge=0)


class Conference(Payload):
    """Topic ``conference``, to the site."""

    id: str = Field(min_length=1, max_length=64)
    title: str = Field(default="", max_length=400)
    starts_at: Moment
    ends_at: Moment
    summoned: int | None = Field(default=None, ge=0, le=100_000)
    power_on_minutes: float | None = Field(default=None, ge=0)
    lock: bool = False

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> "Conference":
        if self.ends_at <= self.starts_at:
            raise ValueError("ends_at should be after starts_at")
        return self


class CommandMessage(Payload):
    """Topic ``command``, to the site. ``issued_by`` is a claim; ``args`` are looked at by the action's own model."""

    id: str = Field(min_length=1, max_length=64, pattern=r"^[!-~]+$")  # goes back to the centre and into the log
    action: str = Field(min_length=1, max_length=40)
    args: dict[str, Any] = {}
    issued_by: str = Field(max_length=200)
    issued_at: Moment


class NoArgs(Payload):
    """Args of ``report`` and ``aim``."""


class RecountArgs(Payload):
    """Args of ``recount``: how many people somebody counted by eye."""

    people: int = Field(ge=0, le=PEOPLE_MAX)


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
    result: dict[str, Any] | None


class Recounted(Payload):
    """Result of ``recount``: ``error`` is a share of ``people``; ``replaced`` the number that was taken back by it."""

    people: int = Field(ge=0)
    value: int | None = Field(ge=0)
    error: float | None = Field(ge=0)
    replaced: int | None = None


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

    width: int | None
    height: int | None
    places: tuple[Place, ...]
    include: tuple[Polygon, ...]
    exclude: tuple[Polygon, ...]
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
}

P = TypeVar("P", bound=Payload)


def encode(payload: Payload) -> bytes:
    """The JSON of a payload: fields that were not set are absent, fields set to None are null."""
    return payload.model_dump_json(exclude_unset=True, by_alias=True).encode()


def decode(model: type[P], raw: bytes) -> P:
    """Read a payload.

    Raises:
        ValueError: It is not one; the message is one line and quotes nothing longer than a field's name.
    """
    if len(raw) > MAX_PAYLOAD_BYTES:
        raise ValueError(f"larger than {MAX_PAYLOAD_BYTES} bytes")
    try:
        return model.model_validate_json(raw)
    except ValidationError as error:
        raise ValueError(refusal(error)) from None


def refusal(error: ValidationError) -> str:
    """The first mistake as one printable line that quotes nothing longer than a field's name."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = ".".join(map(str, first["loc"]))[:80]
    sentence = f"{where or 'payload'}: {first['msg'][:120]}"
    return "".join(letter if letter.isprintable() else "�" for letter in sentence)


def body(payload: FromSite) -> dict[str, Any]:
    """A payload without what every message carries: the part that can be said to have changed."""
    return payload.model_dump(exclude_unset=True, exclude={"at", "session", "clock"})


def compact(document: object) -> str:
    """JSON on one line, with Vietnamese letters as they are."""
    return json.dumps(document, ensure_ascii=False, separators=(", ", ": "), default=str)
