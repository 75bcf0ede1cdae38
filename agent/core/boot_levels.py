"""What the pins have to be before Linux runs: the lines of config.txt for a room's wiring. Pure, standard library only.

A load's line is driven to its released level, the button's is pulled up. Source: raspberrypi/documentation
(``config_txt/gpio.adoc``); from a line more than 98 characters are not read, so long ones are split.
"""

import re
from collections.abc import Iterable

LINE_MAX = 98
GPIO_LINE = re.compile(r"gpio=([0-9,-]+)=([a-z0-9,]+)")


def boot_lines(loads: Iterable[tuple[int, bool]], button: int | None) -> list[str]:
    """The ``gpio=`` lines.

    Args:
        loads: GPIO and ``active_high`` of each load.
        button: GPIO of the button; None: there is none.
    """
    loads = sorted(loads)
    high = [pin for pin, active_high in loads if not active_high]
    low = [pin for pin, active_high in loads if active_high]
    lines = _lines(high, "op,dh") + _lines(low, "op,dl")
    return lines + ([] if button is None else _lines([button], "ip,pu"))


def _lines(pins: list[int], words: str) -> list[str]:
    lines, line = [], ""
    for pin in pins:
        longer = f"{line},{pin}" if line else f"gpio={pin}"
        if len(longer) + len(words) + 1 > LINE_MAX:
            lines.append(f"{line}={words}")
            longer = f"gpio={pin}"
        line = longer
    return [*lines, f"{line}={words}"] if line else lines


def levels(text: str) -> dict[int, frozenset[str]]:
    """What a ``config.txt`` makes of each pin that it names, on every board: ``{5: {"op", "dh"}}``.

    A later line goes before an earlier one; those under a filter such as ``[pi4]`` are passed over.
    """
    set_to, is_for_all = dict[int, frozenset[str]](), True
    for line in text.splitlines():
        line = line.strip()[:LINE_MAX]
        if line.startswith("["):
            is_for_all = line == "[all]"
        elif is_for_all and (match := GPIO_LINE.fullmatch(line)):
            set_to |= dict.fromkeys(_pins(match[1]), frozenset(match[2].split(",")))
    return set_to


def _pins(text: str) -> list[int]:
    """``5,6,20-22``"""
    pins = list[int]()
    for part in text.split(","):
        first, _, last = part.partition("-")
        if first.isdigit() and (last or first).isdigit():
            pins += range(int(first), min(int(last or first), 99) + 1)
    return pins
