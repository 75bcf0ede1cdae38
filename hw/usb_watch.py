"""When to look at the USB bus: events of udev are hints, and so is a clock; each makes us look at the whole bus again.

::

    hint ──► 0.1 s for the rest of the burst ──► forget what else came ──► look at everything ──► say it, if it is new
      ▲                                                                                              │
      └─────────────────── wait: a hint, or 30 s; the mixers every 5 s ──────────────────────────────┘

No event is read for what it says, so none can mislead: a ``remove`` carries no ids, a sound card's ``add`` comes before
its ids do, and a thousand events of a bad hub in a second cost as much as one. An overflow of the socket (the kernel
drops what does not fit) is one more hint. The monitor starts before the first look, so nothing falls between the two.
"""

import contextlib
import errno
import logging
import math
import os
import select
import threading
import time
from collections.abc import Callable

import pyudev

from agent.core.events import UsbChanged, UsbDevice
from agent.core.ports import Inbox
from hw.usb_scan import heard_anew, scan

log = logging.getLogger("diemcau.usb")

RESCAN_S = 30.0
MIXER_S = 5.0
RETRY_FIRST_S, RETRY_CAP_S = 0.2, 30.0
STEADY_S = 60.0  # a watch that lasted so long forgets the failures before it
SETTLE_S = 0.1  # a plug makes a burst of events; one look after it is enough
# A look takes some milliseconds on a small box: so often a hub that never stops makes one, and within a second of the
# last event everything has been seen.
APART_S = 0.4
NAP_S = 1.0  # how long closing may have to wait
DRAIN_MAX = 20_000
# Some 400 events; net.core.rmem_max bounds it for all but root. What does not fit costs nothing, see above.
RECEIVE_BUFFER_BYTES = 1 << 20
SUBSYSTEMS = ("video4linux", "sound", "input")

Look = Callable[[pyudev.Context], tuple[UsbDevice, ...]]


class UdevWatch:
    """Puts ``UsbChanged`` into the inbox: once at start, and whenever the bus is different from what was said last.

    Args:
        inbox: Where events go. Called on the watch's own thread.
        rescan_s: How often everything is looked at without a hint.
        mixer_s: How often the microphones' mixers are read.
        look: What is on the bus now.
    """

    def __init__(self, inbox: Inbox, rescan_s: float = RESCAN_S, mixer_s: float = MIXER_S, look: Look = scan) -> None:
        self._inbox, self._look = inbox, look
        self._rescan_s, self._mixer_s = rescan_s, mixer_s
        self._said: tuple[UsbDevice, ...] | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to watch. Returns at once; the first ``UsbChanged`` comes from the thread."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="usb", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Stop watching; no event is put after this."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(2)

    def _run(self) -> None:
        complained, pause_s = "", RETRY_FIRST_S
        while not self._stop.is_set():
            began_s = time.monotonic()
            try:
                self._watch()
            except Exception as error:
                # A socket that broke, a device that left while it was looked at (pyudev's LookupError), or a mistake of
                # ours: whatever it was, nobody would start this thread again. Begin anew, with a whole look at the bus.
                if time.monotonic() - began_s > STEADY_S:
                    complained, pause_s = "", RETRY_FIRST_S
                if str(error) != complained:
                    is_the_worlds = isinstance(error, OSError | LookupError)
                    log.warning("the USB watch failed and begins anew: %s", error, exc_info=not is_the_worlds)
                complained = str(error)
                self._stop.wait(pause_s)
                pause_s = min(RETRY_CAP_S, 2 * pause_s)

    def _watch(self) -> None:
        context = pyudev.Context()
        monitor = _monitor(context)
        while not self._stop.is_set():
            looked_s = time.monotonic()
            self._say(self._look(context))
            self._wait(monitor, looked_s)

    def _wait(self, monitor: pyudev.Monitor, looked_s: float) -> None:
        """Return when it is time for the next look."""
        due_s, hear_s = looked_s + self._rescan_s, time.monotonic() + self._mixer_s
        while not self._stop.is_set() and (now_s := time.monotonic()) < due_s:
            if now_s >= hear_s:
                hear_s = now_s + self._mixer_s
                self._say(heard_anew(self._said or ()))
            elif _has_news(monitor, min(NAP_S, hear_s - now_s, due_s - now_s)):
                self._stop.wait(max(SETTLE_S, looked_s + APART_S - time.monotonic()))
                _forget(monitor)
                return

    def _say(self, devices: tuple[UsbDevice, ...]) -> None:
        if devices != self._said and not self._stop.is_set():
            self._said = devices
            self._inbox(UsbChanged(devices))


def _monitor(context: pyudev.Context) -> pyudev.Monitor:
    monitor = pyudev.Monitor.from_netlink(context)
    for subsystem in SUBSYSTEMS:
        monitor.filter_by(subsystem)
    monitor.filter_by("usb", "usb_device")
    with contextlib.suppress(PermissionError):
        # More than net.core.rmem_max is for root only; what the kernel allows is set by then.
        monitor.set_receive_buffer_size(RECEIVE_BUFFER_BYTES)
    monitor.start()
    return monitor


def _has_news(monitor: pyudev.Monitor, timeout_s: float) -> bool:
    poll = select.poll()
    poll.register(monitor.fileno(), select.POLLIN)  # an error, an overflow say, is always told
    return bool(poll.poll(math.ceil(timeout_s * 1000)))


def _forget(monitor: pyudev.Monitor) -> None:
    """Throw away the events that wait; a microsecond each, while having libudev take them apart takes fifty.

    Raises:
        OSError: The socket is broken.
    """
    fd = monitor.fileno()
    for _ in range(DRAIN_MAX):
        try:
            if not os.read(fd, 1):  # one datagram: what does not fit goes with it
                raise OSError(errno.ENOTCONN, "the socket of udev is closed")
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno != errno.ENOBUFS:  # some were lost: no matter
                raise
