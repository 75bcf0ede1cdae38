"""What to do: orders of the core, carried out by the handlers that ``bootstrap`` wired. Plain data."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from agent.core.events import Recount, Settled

if TYPE_CHECKING:
    from agent.core.contract import Payload  # 14 MB of models, which the eye has no use for

LedPattern = Literal["off", "starting", "on", "stopping", "fault"]


@dataclass(frozen=True, slots=True)
class SetRelay:
    """Energise or release one load. Answered by ``RelaySet`` or ``RelayFailed``."""

    load: str
    on: bool


@dataclass(frozen=True, slots=True)
class ShowLed:
    """Show a pattern until another one is ordered."""

    pattern: LedPattern


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
class ReadHealth:
    """Read the box's own figures. Answered by ``HealthRead``."""


@dataclass(frozen=True, slots=True)
class Log:
    """One line for the journal."""

    level: Literal["info", "warning", "error"]
    message: str


Command = SetRelay | ShowLed | WatchCamera | StopEye | Publish | Send | KeepResult | ReadHealth | Log
