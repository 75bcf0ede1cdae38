"""The Linux GPIO character device, uAPI version 2: bytes to the kernel and back, and the thread that waits for edges.

In here belongs what `include/uapi/linux/gpio.h` (Linux 5.10 and later) says: struct layouts, ioctl numbers, flags, one
small function per ioctl, and the reading of events. What an output or input is belongs in `hw/line_pin.py`. Every
function raises `OSError` just as the kernel gave it; the sentences for people are made in `hw/lines.py` too.

Every request in here has exactly one line and is never ACTIVE_LOW: a value is the physical level, 0 low, 1 high.
"""

import fcntl
import os
import select
import struct
import threading
from dataclasses import dataclass
from enum import IntFlag
from pathlib import Path
from typing import Protocol

# "=": the machine's byte order without gaps. The kernel laid these structs out to be the same on 32 and 64 bits.
CHIP_INFO = struct.Struct("=32s32sI")
LINE_ATTRIBUTE_VALUES = struct.Struct("=IIQ")  # a union in C: the same 16 bytes read as u64 values ...
LINE_ATTRIBUTE_DEBOUNCE = struct.Struct("=III4x")  # ... or as u32 microseconds in the first half
LINE_CONFIG_MASK = struct.Struct("=Q")
LINE_CONFIG_HEAD = struct.Struct("=QI20x")
LINE_CONFIG_SIZE = LINE_CONFIG_HEAD.size + 10 * (LINE_ATTRIBUTE_VALUES.size + LINE_CONFIG_MASK.size)
LINE_REQUEST = struct.Struct(f"=I252x32s{LINE_CONFIG_SIZE}sII20xi")
LINE_INFO = struct.Struct("=32s32sIIQ160x16x")
LINE_VALUES = struct.Struct("=QQ")
LINE_EVENT = struct.Struct("=QIIII24x")

_ATTR_OUTPUT_VALUES, _ATTR_DEBOUNCE = 2, 3
_RISING_EDGE = 1
_FIRST_LINE = 1  # mask: the one line of the request

# Room for a storm of unbounced edges while a callback is slow. The kernel's own default of 16 is less than the 18 edges
# of one bouncing press seen in a run; when it is full the kernel drops the oldest.
_EVENT_BUFFER = 256


class Flag(IntFlag):
    """The `GPIO_V2_LINE_FLAG_*` that we use or want to recognise."""

    USED = 1 << 0
    ACTIVE_LOW = 1 << 1
    INPUT = 1 << 2
    OUTPUT = 1 << 3
    EDGE_RISING = 1 << 4
    EDGE_FALLING = 1 << 5
    BIAS_PULL_UP = 1 << 8
    BIAS_PULL_DOWN = 1 << 9
    BIAS_DISABLED = 1 << 10


def _ior(number: int, size: int) -> int:
    return 2 << 30 | size << 16 | 0xB4 << 8 | number


def _iowr(number: int, size: int) -> int:
    return 3 << 30 | size << 16 | 0xB4 << 8 | number


GET_CHIPINFO = _ior(0x01, CHIP_INFO.size)
GET_LINEINFO = _iowr(0x05, LINE_INFO.size)
GET_LINE = _iowr(0x07, LINE_REQUEST.size)
SET_CONFIG = _iowr(0x0D, LINE_CONFIG_SIZE)
GET_VALUES = _iowr(0x0E, LINE_VALUES.size)
SET_VALUES = _iowr(0x0F, LINE_VALUES.size)


@dataclass(frozen=True)
class ChipInfo:
    """One chip: kernel name (`gpiochip0`), label of its driver (`pinctrl-bcm2711`), number of lines."""

    name: str
    label: str
    lines: int


@dataclass(frozen=True)
class LineInfo:
    """One line as the kernel sees it now: name from the device tree, who uses it (may be empty), flags."""

    name: str
    consumer: str
    flags: Flag


@dataclass(frozen=True)
class Edge:
    """One change of level: when, in seconds of CLOCK_MONOTONIC (the clock of `time.monotonic()`), and the new level."""

    ticks: float
    level: int


def open_chip(path: str) -> int:
    """Open a `/dev/gpiochip*` node; the caller closes the descriptor. Opening touches no line."""
    return os.open(path, os.O_RDONLY | os.O_CLOEXEC)


def chip_info(chip_fd: int) -> ChipInfo:
    """Ask a chip for its name, label and size. OSError ENOTTY: that node is not a GPIO chip."""
    buffer = bytearray(CHIP_INFO.size)
    fcntl.ioctl(chip_fd, GET_CHIPINFO, buffer, True)
    name, label, lines = CHIP_INFO.unpack(buffer)
    return ChipInfo(_text(name), _text(label), lines)


def line_info(chip_fd: int, offset: int) -> LineInfo:
    """Ask what the kernel knows of a line without requesting it. OSError EINVAL: the chip has no such line."""
    buffer = bytearray(LINE_INFO.pack(b"", b"", offset, 0, 0))
    fcntl.ioctl(chip_fd, GET_LINEINFO, buffer, True)
    name, consumer, _, _, flags = LINE_INFO.unpack(buffer)
    return LineInfo(_text(name), _text(consumer), Flag(flags))


def request_as_is(chip_fd: int, offset: int, consumer: str) -> int:
    """Request one line without a direction flag, so that neither direction nor level moves; gives its descriptor.

    OSError EBUSY: someone else has the line. EINVAL: the chip has no such line.
    """
    # At most 31 bytes and a zero; a name cut inside a letter would be no text any more.
    name = consumer.encode()[:31].decode(errors="ignore").encode()
    buffer = bytearray(LINE_REQUEST.pack(offset, name, pack_config(Flag(0)), 1, _EVENT_BUFFER, 0))
    fcntl.ioctl(chip_fd, GET_LINE, buffer, True)
    fd: int = LINE_REQUEST.unpack(buffer)[-1]
    return fd


def pack_config(flags: Flag, level: int | None = None, debounce_us: int = 0) -> bytes:
    """A `gpio_v2_line_config` of one line; `level` with OUTPUT and only there, `debounce_us` only with INPUT."""
    if (Flag.OUTPUT in flags) != (level is not None):
        raise ValueError("an output needs a level (the kernel would take 0 and drop the load), an input has none")
    attributes = []
    if level is not None:
        attributes.append(LINE_ATTRIBUTE_VALUES.pack(_ATTR_OUTPUT_VALUES, 0, level))
    if debounce_us:
        attributes.append(LINE_ATTRIBUTE_DEBOUNCE.pack(_ATTR_DEBOUNCE, 0, debounce_us))
    mask = LINE_CONFIG_MASK.pack(_FIRST_LINE)
    packed = LINE_CONFIG_HEAD.pack(flags, len(attributes)) + b"".join(attribute + mask for attribute in attributes)
    return packed.ljust(LINE_CONFIG_SIZE, b"\0")


def set_config(fd: int, flags: Flag, level: int | None = None, debounce_us: int = 0) -> None:
    """Reconfigure a requested line in one step. An output goes straight to `level`: the kernel sets it with the
    direction, and the Raspberry Pi drivers write the level before the direction."""
    fcntl.ioctl(fd, SET_CONFIG, pack_config(flags, level, debounce_us))


def get_value(fd: int) -> int:
    """Read the level, 0 or 1; of an output too; of a debounced input the debounced one."""
    buffer = bytearray(LINE_VALUES.pack(0, _FIRST_LINE))
    fcntl.ioctl(fd, GET_VALUES, buffer, True)
    return int(LINE_VALUES.unpack(buffer)[0] & 1)


def set_value(fd: int, level: int) -> None:
    """Drive an output. OSError EPERM: the line is an input."""
    fcntl.ioctl(fd, SET_VALUES, LINE_VALUES.pack(level, _FIRST_LINE))


def read_edges(fd: int) -> list[Edge]:
    """The edges that wait in the kernel, oldest first; empty when none wait. Needs a non-blocking descriptor."""
    try:
        data = os.read(fd, LINE_EVENT.size * _EVENT_BUFFER)
    except BlockingIOError:
        return []
    return [Edge(ns / 1e9, int(kind == _RISING_EDGE)) for ns, kind, *_ in LINE_EVENT.iter_unpack(data)]


def requested_lines(fd: int) -> tuple[str, list[int]] | None:
    """The chip's kernel name and the line offsets behind a descriptor; None where the kernel does not tell.

    Source: `linereq_show_fdinfo` in drivers/gpio/gpiolib-cdev.c. Kernels before it say nothing about GPIO there, and
    of a descriptor that is no line request they say nothing either.
    """
    fields = [line.split() for line in Path(f"/proc/self/fdinfo/{fd}").read_text().splitlines()]
    chips = [value for key, value, *_ in fields if key == "gpio-chip:"]
    return (chips[0], [int(value) for key, value, *_ in fields if key == "gpio-line:"]) if chips else None


class EdgeListener(Protocol):
    """Who wants to hear of one line; called on the reader's thread."""

    def deliver(self, edge: Edge) -> None:
        """One change of level. Must not raise."""

    def lost(self, error: OSError) -> None:
        """The line cannot be read any more, its chip is gone; nothing else follows. Must not raise."""


class EdgeReader:
    """Stands for the one thread that reads the kernel's edges and hands each to its listener.

    It starts with the first watched line and ends, for good, with `close()`. A slow listener delays the others.

    Thread: every method from any thread.
    """

    def __init__(self) -> None:
        # Reentrant: a device that the garbage collector closes may come to `forget` from inside `watch`.
        self._lock = threading.RLock()
        self._listeners: dict[int, EdgeListener] = {}
        self._epoll: select.epoll | None = None
        self._wake = -1
        self._thread: threading.Thread | None = None

    def watch(self, fd: int, listener: EdgeListener) -> None:
        """Read the edges of this non-blocking line descriptor from now on, and those that wait in the kernel."""
        with self._lock:
            epoll = self._epoll or self._start()
            self._listeners[fd] = listener
            epoll.register(fd, select.EPOLLIN)

    def forget(self, fd: int) -> None:
        """Leave this descriptor alone; to be called before it is closed, and harmless when it was not watched."""
        with self._lock:
            if self._listeners.pop(fd, None) and self._epoll:
                self._epoll.unregister(fd)

    def close(self) -> None:
        """End the thread; on return it has ended, except when called on it. Safe to call twice."""
        with self._lock:
            thread, self._thread = self._thread, None
            if thread is None:
                return
            self._listeners.clear()
            os.write(self._wake, b"x")
        if thread is not threading.current_thread():
            thread.join()

    def _start(self) -> select.epoll:
        self._epoll = epoll = select.epoll()
        wake_read, self._wake = os.pipe()
        epoll.register(wake_read, select.EPOLLIN)
        # A daemon, as gpiozero's own threads: a program that forgets close() must still be able to end.
        self._thread = threading.Thread(target=self._run, args=(epoll, wake_read), name="gpio-edges", daemon=True)
        self._thread.start()
        return epoll

    def _run(self, epoll: select.epoll, wake_read: int) -> None:
        ready: list[int] = []
        while wake_read not in ready:
            ready = [fd for fd, _ in epoll.poll()]
            for fd in ready:
                self._serve(fd)
        with self._lock:
            epoll.close()
            os.close(wake_read)
            os.close(self._wake)

    def _serve(self, fd: int) -> None:
        with self._lock:  # so that nobody closes the descriptor between the look and the read
            listener = self._listeners.get(fd)
            if listener is None:
                return
            try:
                edges = read_edges(fd)
            except OSError as error:
                # It would be readable for ever, so without this the thread would spin.
                self.forget(fd)
                listener.lost(error)
                return
        for edge in edges:
            listener.deliver(edge)


def _text(raw: bytes) -> str:
    return raw.split(b"\0", 1)[0].decode(errors="replace")
