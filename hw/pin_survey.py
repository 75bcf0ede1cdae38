"""Whether the lines of a config are there and free, asked of the kernel without requesting one: nothing moves for it.

A request, even one as it is, would take a line that the agent is about to take back, and what becomes of one that is
let go of is the kernel's to decide. ``GPIO_V2_GET_LINEINFO`` only reads.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hw import gpio_uapi as uapi
from hw.gpio_chip import CHIP_LABELS, board_of, find_chip


@dataclass(frozen=True, slots=True)
class Line:
    """One line. ``owner`` is the name that its user gave to the kernel, perhaps empty; ``reserved`` says for what.

    ``is_told``: the kernel answered; else nothing of the rest is known.
    """

    is_there: bool = True
    is_used: bool = False
    owner: str = ""
    reserved: str = ""
    is_told: bool = True


@dataclass(frozen=True, slots=True)
class Survey:
    """The chip that the header hangs on, its node, and its lines by GPIO number."""

    label: str
    node: Path
    lines: dict[int, Line]


def survey(pins: Iterable[int], reserved: Mapping[int, str], labels: Sequence[str] = CHIP_LABELS) -> Survey:
    """Look at lines.

    Args:
        pins: GPIO numbers.
        reserved: Pins that a bus uses, as ``gpio_chip.pins_in_use`` tells them.
        labels: Driver labels of the chips to look for.

    Raises:
        LineError: There is no such chip, or whoever asks may not open it.

    Thread: any; under a millisecond a line.
    """
    fd, chip = find_chip(labels)
    try:
        board = board_of(chip)
        lines = {pin: _line(fd, board, pin, reserved.get(pin, "")) for pin in pins}
    finally:
        os.close(fd)
    return Survey(chip.label, Path("/dev") / chip.name, lines)


def _line(chip_fd: int, board: Any, pin: int, reserved: str) -> Line:
    if not any("gpio" in info.interfaces for _, info in board.find_pin(pin)):
        return Line(is_there=False)
    try:
        info = uapi.line_info(chip_fd, pin)
    except OSError:
        return Line(is_told=False)
    return Line(True, uapi.Flag.USED in info.flags, info.consumer, reserved)
