"""What the kernel wrote down about the lines (tracefs, ``events/gpio`` and gpio-sim's own release): the judge.

Times are CLOCK_MONOTONIC of the machine, in seconds since its boot. A line that is written the level which it has does
not move; one that is made an input, or let go of, does, whatever it falls to.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

LINE = re.compile(r"\[\d+\] \S+ +(?P<at>[\d.]+): (?P<event>\w+): (?P<rest>.*)$")
VALUE = re.compile(r"(?P<number>\d+) (?P<kind>get|set) (?P<level>[01])")
DIRECTION = re.compile(r"(?P<number>\d+) +(?P<kind>in|out) \(0\)")
RELEASED = re.compile(r"\(.*\) pin=(?P<pin>\d+)")

Kind = Literal["set", "in", "out", "released", "mark"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened to a line, or somebody's mark. ``level`` is there with ``set``."""

    at_s: float
    kind: Kind
    pin: int | None = None
    level: int | None = None
    words: str = ""


def parse(text: str) -> list[Entry]:
    """Read what ``guest/lines.py trace`` prints; levels that were only read are left out."""
    first, _, rest = text.partition("\n")
    found = [_entry(match, int(first)) for line in rest.splitlines() if (match := LINE.search(line))]
    return sorted((entry for entry in found if entry), key=lambda entry: entry.at_s)


def changes(entries: list[Entry], levels: dict[int, int]) -> list[Entry]:
    """Every time that one of these lines moved.

    Args:
        entries: The trace since the levels were read.
        levels: What was on the lines before, by pin.
    """
    now, moved = dict(levels), []
    for entry in entries:
        if entry.pin not in now:
            continue
        if entry.kind in ("in", "released") or (entry.kind == "set" and entry.level != now[entry.pin]):
            moved.append(entry)
        if entry.level is not None:
            now[entry.pin] = entry.level
    return moved


def levels_set(entries: list[Entry], pins: Collection[int]) -> list[tuple[float, int, int]]:
    """When which of these lines was driven to which level, in order; also where it had that level."""
    driven = [(entry.at_s, entry.pin, entry.level) for entry in entries if entry.kind == "set"]
    return [(at_s, pin, level) for at_s, pin, level in driven if pin in pins and level is not None and pin is not None]


def _entry(match: re.Match[str], first: int) -> Entry | None:
    at_s, rest = float(match["at"]), match["rest"]
    match match["event"]:
        case "gpio_value":
            found = VALUE.match(rest)
            if found is None or found["kind"] == "get":
                return None
            return Entry(at_s, "set", int(found["number"]) - first, int(found["level"]))
        case "gpio_direction":
            found = DIRECTION.match(rest)
            assert found is not None, rest
            return Entry(at_s, "in" if found["kind"] == "in" else "out", int(found["number"]) - first)
        case "released":
            found = RELEASED.match(rest)
            assert found is not None, rest
            return Entry(at_s, "released", int(found["pin"]))
        case "tracing_mark_write":
            return Entry(at_s, "mark", words=rest.strip())
        case _:
            return None
