"""When to look at the USB bus: events of udev are hints, and so is a clock; each makes us look at the whole bus again.

::

    hint ──► 0.1 s for the rest of the burst ──► forget what else came ──► look at everything ──► say it, if it is new
      ▲                                                                                              │
      └────── wait: a hint, or 30 s (5 s where udev cannot be heard); the mixers every 5 s ──────────┘

No event is read for what it says, so none can mislead: a ``remove`` carries no ids, a sound card's ``add`` comes before
its ids do, and a thousand events of a bad hub in a second cost as much as one. An overflow of the socket (the kernel
drops what does not fit) is one more hint. We listen before the first look, so nothing falls between the two. How udev
is heard, and what becomes of a socket that breaks or cannot be had: ``hw/usb_ear.py``.
"""

import logging
import threading
import time
from collections.abc import Callable

import pyudev

from agent.core.events import UsbChanged, UsbDevice
from agent.core.ports import Inbox
from hw.usb_ear import RETRY_CAP_S, RETRY_FIRST_S, STEADY_S, Ear, open_monitor
from hw.usb_scan import heard_anew, scan

log = logging.getLogger("diemcau.usb")

RESCAN_S = 30.0
# Whoever plugs a camera in looks at the lamp for some seconds; a look takes some milliseconds, so this is a
# thousandth of a small box, and the mixers are read as often anyway.
DEAF_RESCAN_S = 5.0
MIXER_S = 5.0
SETTLE_S = 0.1  # a plug makes a burst of events; one look after it is enough
# A look takes some milliseconds on a small box: so often a hub that never stops makes one, and within a second of the
# last event everything has been seen.
APART_S = 0.4
NAP_S = 1.0  # how long closing may have to wait

Look = Callable[[pyudev.Context], tuple[UsbDevice, ...]]


class UdevWatch:
    """Puts ``UsbChanged`` into the inbox: once at start, and whenever the bus is different from what was said last.

    Args:
        inbox: Where events go. Called on the watch's own thread.
        rescan_s: How often everything is looked at without a hint.
        mixer_s: How often the microphones' mixers are read.
        look: What is on the bus now.
        open_socket: How udev's events are had.
    """

    def __init__(
        self,
        inbox: Inbox,
        rescan_s: float = RESCAN_S,
        mixer_s: float = MIXER_S,
        look: Look = scan,
        open_socket: Callable[[], pyudev.Monitor] = open_monitor,
    ) -> None:
        self._inbox, self._look = inbox, look
        self._rescan_s, self._mixer_s = rescan_s, mixer_s
        self._said: tuple[UsbDevice, ...] | None = None
        self._stop = threading.Event()
        self._ear = Ear(self._stop.wait, open_socket)
        self._pause_s = RETRY_FIRST_S
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
        complained = ""
        while not self._stop.is_set():
            began_s = time.monotonic()
            try:
                self._watch()
            except Exception as error:
                # A device that left while it was looked at (pyudev's LookupError), or a mistake of ours: whatever it
                # was, nobody would start this thread again. Begin anew, with a whole look at the bus.
                if time.monotonic() - began_s > STEADY_S:
                    complained = ""
                if str(error) != complained:
                    is_the_worlds = isinstance(error, OSError | LookupError)
                    log.warning("the USB watch failed and begins anew: %s", error, exc_info=not is_the_worlds)
                complained = str(error)
                self._stop.wait(self._pause_s)
                self._pause_s = min(RETRY_CAP_S, 2 * self._pause_s)
        self._ear.close()

    def _watch(self) -> None:
        context = pyudev.Context()
        self._ear.listen()
        while not self._stop.is_set():
            looked_s = time.monotonic()
            self._say(self._look(context))
            self._wait(looked_s)
            # Not before the wait is over too: what fails right after each good look would be tried again at once.
            self._pause_s = RETRY_FIRST_S

    def _wait(self, looked_s: float) -> None:
        """Return when it is time for the next look."""
        due_s = looked_s + (min(DEAF_RESCAN_S, self._rescan_s) if self._ear.is_deaf else self._rescan_s)
        hear_s = time.monotonic() + self._mixer_s
        while not self._stop.is_set() and (now_s := time.monotonic()) < due_s:
            if now_s >= hear_s:
                hear_s = now_s + self._mixer_s
                self._say(heard_anew(self._said or ()))
            elif self._ear.hears(min(NAP_S, hear_s - now_s, due_s - now_s)):
                self._stop.wait(max(SETTLE_S, looked_s + APART_S - time.monotonic()))
                self._ear.forget()
                return

    def _say(self, devices: tuple[UsbDevice, ...]) -> None:
        if devices != self._said and not self._stop.is_set():
            self._said = devices
            self._inbox(UsbChanged(devices))
