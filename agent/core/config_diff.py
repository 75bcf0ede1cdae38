"""What would change between two room configs, in the words of the document: ``power.loads[codec].settle_s``.

Loads and checks are the same ones where they have the same name, wherever they stand: whoever puts a load before the
others has not changed all of them. Both configs are compared with their defaults, so a default that is now written down
is no change.
"""

from dataclasses import dataclass
from typing import Any, Literal

from agent.core.config import RoomConfig
from agent.core.config_document import effective

NAMED = ("power.loads", "checks")  # lists of tables that have a name each

How = Literal["changed", "added", "removed", "moved"]


@dataclass(frozen=True, slots=True)
class Change:
    """One thing. ``before`` is None where it is ``added``, ``after`` where it is ``removed``; of what was ``moved``
    both are the names in their order.
    """

    path: str
    how: How
    before: Any
    after: Any


def changes(before: RoomConfig, after: RoomConfig) -> tuple[Change, ...]:
    """Everything that differs, in the order of the document; empty: nothing does. Pure."""
    return tuple(_of_tables("", effective(before), effective(after)))


def _of_tables(path: str, before: dict[str, Any], after: dict[str, Any]) -> list[Change]:
    """Of two tables that have the same keys: both come from one model."""
    found = []
    for key, old in before.items():
        found += _of_values(f"{path}.{key}" if path else key, old, after[key])
    return found


def _of_values(path: str, before: Any, after: Any) -> list[Change]:
    if path in NAMED:
        return _of_lists(path, before, after)
    if isinstance(before, dict):
        return _of_tables(path, before, after)
    return [] if before == after else [Change(path, "changed", before, after)]


def _of_lists(path: str, before: list[dict[str, Any]], after: list[dict[str, Any]]) -> list[Change]:
    old, new = ({each["name"]: each for each in tables} for tables in (before, after))
    found = [Change(f"{path}[{name}]", "removed", old[name], None) for name in old if name not in new]
    for name, table in new.items():
        if name in old:
            found += _of_tables(f"{path}[{name}]", old[name], table)
        else:
            found.append(Change(f"{path}[{name}]", "added", None, table))
    stayed = [name for name in old if name in new]
    now = [name for name in new if name in old]
    return found if stayed == now else [*found, Change(path, "moved", stayed, now)]
