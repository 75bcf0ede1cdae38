"""What the pins have to be before Linux runs: the lines of config.txt for a room's wiring. Pure, standard library only.

A load's line is driven to its released level, the button's is pulled up. Source: raspberrypi/documentation
(``config_txt/gpio.adoc``); from a line more than 98 characters are not read, so long ones are split.
"""

from collections.abc import Iterable

LINE_MAX = 98


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
