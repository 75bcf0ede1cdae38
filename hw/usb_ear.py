"""udev's events, heard as hints: that something has happened, never what; and doing without, where they cannot be had.

The socket may be refused (a unit that forbids netlink, no descriptor left) or break. Then it is tried again, with
growing pauses; until there is one, ``Ear.is_deaf`` says to whoever watches that only the clock is left.
"""

import contextlib
import errno
import logging
import math
import os
import select
import time
from collections.abc import Callable

import pyudev

log = logging.getLogger("diemcau.usb")

RETRY_FIRST_S, RETRY_CAP_S = 0.2, 30.0
STEADY_S = 60.0  # what lasted so long forgets the failures before it
DRAIN_MAX = 20_000
# Some 400 events; net.core.rmem_max bounds it for all but root. What does not fit costs nothing: it was a hint.
RECEIVE_BUFFER_BYTES = 1 << 20
SUBSYSTEMS = ("video4linux", "sound", "input")


class Ear:
    """The socket on which udev tells of events, where there is one. Thread: the watch's own.

    Args:
        rest: Waits so many seconds, or less where there is something better to do.
        open_socket: Gives a monitor that has been started. Raises OSError where there is none to be had.
    """

    def __init__(self, rest: Callable[[float], object], open_socket: Callable[[], pyudev.Monitor]) -> None:
        self._rest, self._open = rest, open_socket
        self._monitor: pyudev.Monitor | None = None
        self._opened_s = self._due_s = -math.inf
        self._pause_s = RETRY_FIRST_S
        self._has_told = False

    @property
    def is_deaf(self) -> bool:
        """True where nothing can be heard."""
        return self._monitor is None

    def listen(self) -> bool:
        """Open the socket where there is none and it is time to try; True if there is a new one."""
        now_s = time.monotonic()
        if self._monitor is not None or now_s < self._due_s:
            return False
        try:
            self._monitor = self._open()
        except OSError as error:
            self._lose(error)
            return False
        self._opened_s = now_s
        return True

    def hears(self, timeout_s: float) -> bool:
        """Wait for a hint. A new socket is one: what happened before it nobody heard."""
        if self._monitor is None:
            self._rest(max(0.0, min(timeout_s, self._due_s - time.monotonic())))
            return self.listen()
        poll = select.poll()
        poll.register(self._monitor.fileno(), select.POLLIN)  # an error, an overflow say, is always told
        return bool(poll.poll(math.ceil(timeout_s * 1000)))

    def forget(self) -> None:
        """Throw away the events that wait."""
        if self._monitor is None:
            return
        try:
            _drain(self._monitor.fileno())
        except OSError as error:
            self._lose(error)

    def close(self) -> None:
        """Hear nothing any more."""
        self._monitor = None

    def _lose(self, error: OSError) -> None:
        now_s = time.monotonic()
        if self._monitor is not None and now_s - self._opened_s > STEADY_S:
            self._pause_s, self._has_told = RETRY_FIRST_S, False
        if not self._has_told:
            log.warning("udev cannot be heard (%s): until it can, the USB bus is looked at by the clock", error)
        self._monitor, self._has_told = None, True
        self._due_s = now_s + self._pause_s
        self._pause_s = min(RETRY_CAP_S, 2 * self._pause_s)


def open_monitor() -> pyudev.Monitor:
    """A monitor of what a camera, a microphone or a keyboard may be.

    Raises:
        OSError: The kernel refuses the socket.
    """
    monitor = pyudev.Monitor.from_netlink(pyudev.Context())
    for subsystem in SUBSYSTEMS:
        monitor.filter_by(subsystem)
    monitor.filter_by("usb", "usb_device")
    with contextlib.suppress(PermissionError):
        # More than net.core.rmem_max is for root only; what the kernel allows is set by then.
        monitor.set_receive_buffer_size(RECEIVE_BUFFER_BYTES)
    monitor.start()
    return monitor


def _drain(fd: int) -> None:
    """A microsecond for each event, while having libudev take it apart takes fifty.

    Raises:
        OSError: The socket is broken.
    """
    for _ in range(DRAIN_MAX):
        try:
            if not os.read(fd, 1):  # one datagram: what does not fit goes with it
                raise OSError(errno.ENOTCONN, "the socket of udev is closed")
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno != errno.ENOBUFS:  # some were lost: no matter
                raise
