"""What to do: orders of the core, carried out by the handlers that ``bootstrap`` wired. Plain data."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from agent.core.events import Recount, Settled

if TYPE_CHECKING:
    from agent.core.config import RoomConfig
    from agent.core.contract import HistoryRow, Payload  # 14 MB of models, which the eye has no use for

LedPattern = Literal[
    "off", "starting", "ready", "warning", "stopping", "fault", "broken", "holding", "locked", "identify"
]


@dataclass(frozen=True, slots=True)
class SetRelay:
    """Energise or release one load. Answered by ``RelaySet`` or ``RelayFailed``."""

    load: str
    on: bool


@dataclass(frozen=True, slots=True)
class ReadRelays:
    """Read every load's line. Answered by ``RelaysRead``."""


@dataclass(frozen=True, slots=True)
class ShowLed:
    """Show a pattern until another one is ordered. ``count`` is the number of the failed step (1 is the first load),
    which ``fault`` blinks; the others do not look at it."""

    pattern: LedPattern
    count: int = 0


@dataclass(frozen=True, slots=True)
class ShowStatus:
    """Have systemd show this line of the agent until another one is ordered."""

    text: str


@dataclass(frozen=True, slots=True)
class WatchCamera:
    """Start the eye on a camera. Everything it sends carries the number ``watch``.

    ``node`` is the device node, ``cpu_share`` the part of one core that counting may take.
    """

    watch: int
    node: str
    width: int
    height: int
    model: str
    threshold: float
    interval_s: float
    cpu_share: float


@dataclass(frozen=True, slots=True)
class LookEvery:
    """Have the eye that runs by this order keep another ``interval_s`` from now on. Nothing else of it is new."""

    order: WatchCamera


@dataclass(frozen=True, slots=True)
class StopEye:
    """End the eye, whatever state it is in: it may hang inside a driver."""


@dataclass(frozen=True, slots=True)
class Publish:
    """Say something on one of this site's topics (``power``); the last value of a topic replaces the ones before."""

    topic: str
    payload: "Payload"
    retain: bool = True
    expiry_s: int | None = None


@dataclass(frozen=True, slots=True)
class Announce:
    """Say on a topic of somebody else's what this site is: ``raw`` is the payload as it goes out."""

    full_topic: str
    raw: bytes
    retain: bool = True


@dataclass(frozen=True, slots=True)
class Send:
    """Say something once: nothing newer replaces it, and it waits ``expiry_s`` at most for the broker to come back."""

    topic: str
    payload: "Payload"
    expiry_s: int


@dataclass(frozen=True, slots=True)
class KeepResult:
    """Write a command's result to disk, in one transaction with the recount that it made. Answered by ``ResultKept``.

    ``instead_of`` is the command whose recount is taken back, ``forget`` are ids that need not be known any longer.
    """

    settled: Settled
    recount: Recount | None = None
    instead_of: str | None = None
    forget: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NoteEvent:
    """A line for the room's history: ``kind`` and ``severity`` in the contract's words, ``by`` whom, and what else."""

    kind: str
    severity: Literal["info", "warning", "fault"]
    by: str | None
    detail: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Keep:
    """Write down what must survive a power cut, in one transaction.

    ``rows`` are new ones of the history that lack epoch and sequence, which the disk gives; ``facts`` are JSON texts
    that replace the ones of that name.
    """

    rows: tuple["HistoryRow", ...] = ()
    facts: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StageCandidate:
    """Write the message of an update to disk before anything acts on it. Answered by ``CandidateStaged``."""

    text: str


@dataclass(frozen=True, slots=True)
class ApplyConfig:
    """Have the room's parts run with this config; what is the same is not touched. Answered by ``ConfigApplied``."""

    config: "RoomConfig"


@dataclass(frozen=True, slots=True)
class PromoteCandidate:
    """Make this document the last good config, and keep the one before it. Answered by ``CandidatePromoted``. Ordered
    once more of what is the last good one already, it lets go of the candidate."""

    document: dict[str, Any]


@dataclass(frozen=True, slots=True)
class DiscardCandidate:
    """Set the candidate aside, to be looked at. Answered by ``CandidateDiscarded``."""


@dataclass(frozen=True, slots=True)
class Restart:
    """End this agent in order, and have it begin anew. No relay moves for it."""


@dataclass(frozen=True, slots=True)
class ReadHealth:
    """Read the box's own figures. Answered by ``HealthRead``."""


@dataclass(frozen=True, slots=True)
class Log:
    """One line for the journal."""

    level: Literal["info", "warning", "error"]
    message: str


Command = (
    SetRelay
    | ReadRelays
    | ShowLed
    | ShowStatus
    | WatchCamera
    | LookEvery
    | StopEye
    | Publish
    | Announce
    | Send
    | KeepResult
    | NoteEvent
    | Keep
    | ReadHealth
    | StageCandidate
    | ApplyConfig
    | PromoteCandidate
    | DiscardCandidate
    | Restart
    | Log
)
