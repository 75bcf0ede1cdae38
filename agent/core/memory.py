"""What the disk keeps for the core, as JSON texts by name, and how they are read again.

A text that cannot be read is as good as none: an older or newer version wrote it, or the card is failing, and the room
must start all the same.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from agent.core.config_resume import ConfigMemory
from agent.core.contract import Conference, decode, encode
from agent.core.events import RoomState
from agent.core.power import By, Order, Power
from agent.core.restarts import Run

POWER, CONFERENCE, SCHEDULED, RUN, RESTARTS = "power", "conference", "scheduled", "run", "restarts"
CONFIG = "config"
NOTHING = "null"
T = TypeVar("T")
# Making one takes milliseconds, and facts are looked at after every event.
_adapter: Callable[[Any], TypeAdapter[Any]] = lru_cache(TypeAdapter)


@dataclass(frozen=True, slots=True)
class PowerMemory:
    """Where the power stood when it was last written down, and in which boot of the machine.

    ``wanted``: the last wish was on. ``step`` is the name of the failed load. ``orders`` are commands that had no final
    state yet.
    """

    boot_id: str
    state: RoomState
    wanted: bool
    by: By | None = None
    who: str | None = None
    step: str | None = None
    reason: str | None = None
    apart: tuple[str, ...] = ()
    orders: tuple[Order, ...] = ()


def of(power: Power, boot_id: str) -> PowerMemory:
    """What is to be kept of the power machine. Only a fault's step: the others follow from what the lines read."""
    failed = list(power.loads)[power.step] if power.state == "fault" and power.step is not None else None
    return PowerMemory(
        boot_id,
        power.state,
        power.wanted,
        power.by,
        power.who,
        failed,
        power.reason if power.state == "fault" else None,
        tuple(sorted(power.apart)),
        power.orders,
    )


def news_of(kept: PowerMemory) -> tuple[object, ...]:
    """What makes a new line in the history when it changes."""
    return kept.state, kept.step, kept.reason, kept.apart


def told_of(facts: dict[str, str]) -> tuple[object, ...]:
    """What the history already knows; of a box without a memory that it is off."""
    return news_of(power_of(facts) or PowerMemory("", "off", wanted=False))


def run_of(facts: dict[str, str]) -> Run | None:
    """The run before this one, or None."""
    return _read(Run, facts.get(RUN))


def restarts_of(facts: dict[str, str]) -> dict[str, int]:
    """How often the agent was started anew, by cause."""
    return _read(dict[str, int], facts.get(RESTARTS)) or {}


def config_of(facts: dict[str, str]) -> ConfigMemory:
    """What was settled of the room's config."""
    return _read(ConfigMemory, facts.get(CONFIG)) or ConfigMemory()


def text_of(value: PowerMemory | Conference | Run | ConfigMemory | tuple[str, ...] | dict[str, int] | None) -> str:
    """The JSON text of a fact."""
    if not value:
        return NOTHING
    if isinstance(value, Conference):
        return encode(value).decode()
    return _adapter(type(value)).dump_json(value).decode()


def power_of(facts: dict[str, str]) -> PowerMemory | None:
    """The power as it was kept, or None."""
    return _read(PowerMemory, facts.get(POWER))


def scheduled_of(facts: dict[str, str]) -> tuple[str, ...]:
    """The conferences that the schedule has already brought the room up for, the newest last."""
    return _read(tuple[str, ...], facts.get(SCHEDULED)) or ()


def conference_of(facts: dict[str, str]) -> Conference | None:
    """The conference as it was kept, or None."""
    text = facts.get(CONFERENCE)
    try:
        return decode(Conference, text.encode()) if text not in (None, NOTHING) else None
    except ValueError:
        return None


def _read(kind: type[T], text: str | None) -> T | None:
    if text in (None, NOTHING):
        return None
    try:
        read: T = _adapter(kind).validate_json(text)
        return read
    except ValidationError:
        return None
