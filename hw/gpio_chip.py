"""Which GPIO chip this machine's header hangs on, its pins, those of them in use, and why a line cannot be had."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gpiozero import PinError, PinInvalidPin, PinUnknownPi
from gpiozero.compat import frozendict
from gpiozero.pins import BoardInfo, HeaderInfo, PinInfo
from gpiozero.pins.local import get_pi_revision
from gpiozero.pins.pi import PiBoardInfo

from hw import gpio_uapi as uapi

# The 40-pin header's chip on Raspberry Pi 0 to 3, 4, 5. By label, since the numbers of /dev/gpiochip* changed between
# kernels: the header of a Pi 5 was gpiochip4 and became gpiochip0.
CHIP_LABELS = ("pinctrl-bcm2835", "pinctrl-bcm2711", "pinctrl-rp1")

DEVICES = Path("/dev")

# What the header's pins do beside GPIO where it is switched on: name, device node, pins.
BUSES = (
    ("I²C", "i2c-1", (2, 3)),
    ("UART", "serial0", (14, 15)),
    ("SPI", "spidev0.*", (7, 8, 9, 10, 11)),
)
PI_5_DEBUG_UART = "ttyAMA10"


class LineError(PinError):  # type: ignore[misc]  # gpiozero has no types
    """This line or chip cannot be used now; the line's real state is unknown. The text is one sentence for people."""


class LineBusyError(LineError):
    """Someone else has the line; `consumer` is the name that one gave to the kernel, perhaps empty."""

    def __init__(self, line: str, consumer: str) -> None:
        owner = f"{consumer!r}" if consumer else "a program or driver that gave no name"
        super().__init__(f"{line} is in use by {owner}: stop that one or choose another pin")
        self.consumer = consumer


class LineUnknownError(LineError, PinInvalidPin):  # type: ignore[misc]  # gpiozero has no types
    """The board has no such GPIO pin."""


def open_chip(path: str) -> tuple[int, uapi.ChipInfo]:
    """Open one chip: its descriptor, which the caller then owns, and what it is. Raises LineError."""
    try:
        fd = uapi.open_chip(path)
    except PermissionError as error:
        raise LineError(f"no permission for {path}: add this user to the group gpio and log in again") from error
    except OSError as error:
        raise LineError(f"{path} cannot be opened as a GPIO chip: {error.strerror}") from error
    try:
        return fd, uapi.chip_info(fd)
    except OSError as error:
        os.close(fd)
        raise LineError(f"{path} is not a GPIO chip: name one such as /dev/gpiochip0") from error


def find_chip(labels: Sequence[str]) -> tuple[int, uapi.ChipInfo]:
    """The first chip with one of the labels, as :func:`open_chip` gives it. Raises LineError."""
    refusals = []
    for path in sorted(DEVICES.glob("gpiochip*")):
        try:
            fd, info = open_chip(str(path))
        except LineError as error:
            refusals.append(error)
            continue
        if info.label in labels:
            return fd, info
        os.close(fd)
    if refusals:
        raise refusals[0]
    wanted = " or ".join(labels)
    raise LineError(f"there is no GPIO chip labelled {wanted}: run this on a Raspberry Pi, or name the chip's path")


def board_of(chip: uapi.ChipInfo) -> Any:
    """The Raspberry Pi's headers, so that only pins that a wire can reach are offered; elsewhere the whole chip."""
    try:
        return PiBoardInfo.from_revision(get_pi_revision())
    except (PinUnknownPi, OSError):  # OSError: a sandbox without /proc/cpuinfo (ProcSubset=pid)
        return bare_board(chip)


def pins_in_use(devices: Path = DEVICES) -> dict[int, str]:
    """The pins of a Raspberry Pi's header that a bus of its own uses now, and the sentence's end that says why.

    For ``LineFactory(reserved=...)``: the kernel does not refuse these pins, it takes them away from the bus.

    Args:
        devices: Where the device nodes are.

    Source: bcm2835-rpi and bcm2712-rpi device trees (i2c1, spi0, uart0 on the header); raspberrypi.com documentation,
    "Configure UARTs" (serial0, and ttyAMA10 being the Raspberry Pi 5's debug connector).
    """
    nodes = {name: node for name, pattern, _ in BUSES if (node := _first_node(devices, pattern)) is not None}
    return {
        pin: f"used by {name} ({nodes[name]} is there): choose another pin, or switch {name} off"
        for name, _, pins in BUSES
        if name in nodes
        for pin in pins
    }


def _first_node(devices: Path, pattern: str) -> Path | None:
    found = sorted(devices.glob(pattern))
    if pattern == "serial0" and found and found[0].resolve().name == PI_5_DEBUG_UART:
        found = sorted(devices.glob("ttyAMA0"))  # which on a Raspberry Pi 5 is the header's, where that is switched on
    return found[0] if found else None


def bare_board(chip: uapi.ChipInfo) -> Any:
    """A board of one header with every line of the chip, for machines that gpiozero has no drawing of."""
    pins = {
        offset + 1: PinInfo(
            number=offset + 1,
            name=f"GPIO{offset}",
            names=frozenset({offset, str(offset), f"GPIO{offset}", f"BCM{offset}"}),
            pull="",
            row=offset + 1,
            col=1,
            interfaces=frozenset({"gpio"}),
        )
        for offset in range(chip.lines)
    }
    header = HeaderInfo(name="GPIO", rows=chip.lines, columns=1, pins=frozendict(pins))
    known = {"model": chip.label, "soc": chip.label, "headers": frozendict({"GPIO": header}), "board": "{GPIO:full}"}
    return BoardInfo(**{**dict.fromkeys(BoardInfo._fields, ""), **known})
