"""The eye's own loop: look, tell the numbers, wait. Ends when the agent lets go of the socket.

It opens no network and writes no file. The systemd watchdog is fed here, by the loop that works.
"""

import ctypes
import logging
import os
import select
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from agent.core.commands import WatchCamera
from agent.core.errors import EyeError
from agent.core.events import EyeAlive, EyeReady, EyeTrouble, FrameSeen
from hw.eye.governor import Governor
from hw.eye.protocol import LONGEST_LINE, FromEye, decode_order, encode_event
from hw.eye.view import View, Viewer

log = logging.getLogger("diemcau.eye")

ALIVE_S = 1.0
SOON_S = 0.05  # what is owed for so short a time is not worth another rest
NO_FRAMES_S = 10.0
ORDER_WITHIN_S = 30.0
PR_SET_PDEATHSIG = 1  # source: prctl(2)
M_MMAP_THRESHOLD, LARGE_BYTES = -3, 4 << 20  # source: malloc.h of the GNU C library

cpu_s = time.process_time  # of the whole process, all threads, since its start
OpenViewer = Callable[[WatchCamera, dict[str, Any] | None], Viewer]


class AgentLeft(Exception):  # noqa: N818 # an end, not an error
    """The agent let go of the socket: the eye's work is over."""


def serve(end: socket.socket, open_viewer: OpenViewer, feed_watchdog: Callable[[], None]) -> None:
    """Take one order from the agent and work on it until the agent leaves. Returns then; never raises for the world."""
    try:
        order, film = _receive_order(end)
    except (AgentLeft, OSError):
        return
    except ValueError as error:
        log.error("the order cannot be read: %s", error)
        return
    try:
        # Before anything is opened: what that takes of the processor is owed too.
        governor = Governor(order.cpu_share, order.interval_s, time.monotonic(), cpu_s())
        life = Life(end, order.watch, feed_watchdog)
        life.say()
        try:
            _work(end, _opened(open_viewer, order, film), order, life, governor)
        except EyeError as error:
            _send(end, EyeTrouble(order.watch, error.reason, str(error)))
    except (AgentLeft, OSError):
        return


def _opened(open_viewer: OpenViewer, order: WatchCamera, film: dict[str, Any] | None) -> Viewer:
    try:
        return open_viewer(order, film)
    except OSError as error:
        # A file or device, not the socket: the agent is still there and is told.
        raise EyeError("unreadable", f"something that the eye needs cannot be read: {error}") from error
    except ImportError as error:
        raise EyeError("no_opencv", f"OpenCV does not start ({error}): install that library") from error


def die_with_parent() -> None:
    """Have the kernel end this process when its parent does, also while a driver holds it. Source: prctl(2)."""
    parent = os.getppid()
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    # A parent that died before the first line leaves the socket closed, which is seen; one that dies here would not be.
    if os.getppid() != parent:
        os._exit(0)


def frames_stay_apart() -> None:
    """Have the C library take pictures (6 MB at 1080p) from the kernel one by one, and give each back at once.

    By itself it learns to keep such pieces, and small ones in between hold them: 8 MB more at 1080p. The network's own
    buffers (up to 4 MB) stay with it, since taking those anew for each tile costs 5 % of the time. Source: mallopt(3).
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, LARGE_BYTES)


def give_back_memory() -> None:
    """Hand the kernel what opening, or another working size, left over. Source: malloc_trim(3)."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _receive_order(end: socket.socket) -> tuple[WatchCamera, dict[str, Any] | None]:
    end.settimeout(ORDER_WITHIN_S)
    line = b""
    while not line.endswith(b"\n"):
        part = end.recv(65536)
        if not part or len(line) > LONGEST_LINE:
            raise AgentLeft
        line += part
    # Sending must not wait for an agent that reads no more.
    end.settimeout(5)
    return decode_order(line.splitlines()[-1])  # two that came together: the later one counts


@dataclass(slots=True)
class Sameness:
    """For how long a camera has been giving the same picture to the last bit."""

    fingerprint: int | None = None
    since_s: float = 0.0

    def add(self, view: View) -> float:
        """Take a view in; returns the seconds, 0 for a picture that is new."""
        if view.fingerprint != self.fingerprint:
            self.fingerprint, self.since_s = view.fingerprint, view.captured_s
        return view.captured_s - self.since_s


@dataclass(slots=True)
class Life:
    """The signs of life: one for the agent and one for systemd, given by the loop that works and nobody else."""

    end: socket.socket
    watch: int
    feed_watchdog: Callable[[], None]
    said_s: float = 0.0

    def say(self) -> None:
        """Tell the agent. Raises OSError when it has left."""
        self.said_s = time.monotonic()
        _send(self.end, EyeAlive(self.watch))

    def show(self) -> None:
        """Both, where it is time: between the pieces of one look, of which each takes a moment even on a slow box."""
        if time.monotonic() - self.said_s >= ALIVE_S:
            self.feed_watchdog()
            self.say()


def _work(end: socket.socket, viewer: Viewer, order: WatchCamera, life: Life, governor: Governor) -> None:
    try:
        _send(end, EyeReady(order.watch, viewer.detector, viewer.model_sha256))
        _look_and_tell(end, order, viewer, life, governor)
    finally:
        viewer.close()


def _look_and_tell(end: socket.socket, order: WatchCamera, viewer: Viewer, life: Life, governor: Governor) -> None:
    sameness, work = Sameness(), (0, 0)
    last_s = time.monotonic()
    viewer.allowance.beat = life.show
    while True:
        governor.begin(time.monotonic(), cpu_s())
        # One look of a slow box takes seconds: its time counts from here.
        life.say()
        view = viewer.view(last_s, ALIVE_S)
        life.feed_watchdog()
        if view is None:
            if time.monotonic() - last_s > NO_FRAMES_S:
                raise EyeError("no_frames", f"the camera at {order.node} gave no frame for {NO_FRAMES_S:.0f} s")
            continue
        last_s = view.captured_s
        due_s = governor.end(time.monotonic(), cpu_s(), view.work_width * view.work_height)
        viewer.allowance.most_px = governor.most_px
        if (view.work_width, view.work_height) != work:
            work = view.work_width, view.work_height
            give_back_memory()
        _send(end, _report(order, view, sameness.add(view), governor))
        if _listen(end, governor, 0):
            due_s = governor.due_s(time.monotonic(), cpu_s())
        while due_s > time.monotonic() + SOON_S:
            _rest(end, due_s, life, governor)
            due_s = governor.due_s(time.monotonic(), cpu_s())


def _listen(end: socket.socket, governor: Governor, wait_s: float) -> bool:
    """Whether the agent has said something within this time: another interval. Raises AgentLeft: the end."""
    if not select.select([end], [], [], wait_s)[0]:
        return False
    try:
        governor.look_every(_receive_order(end)[0].interval_s)
    except ValueError as error:
        raise AgentLeft from error
    return True


def _rest(end: socket.socket, until_s: float, life: Life, governor: Governor) -> None:
    """Wait; back before ``until_s`` where the agent wants another interval."""
    while (left_s := until_s - time.monotonic()) > 0:
        if _listen(end, governor, min(left_s, ALIVE_S)):
            return
        life.feed_watchdog()
        if left_s > ALIVE_S:
            life.say()


def _report(order: WatchCamera, view: View, same_s: float, governor: Governor) -> FrameSeen:
    return FrameSeen(
        watch=order.watch,
        captured_s=view.captured_s,
        width=view.width,
        height=view.height,
        detections=view.detections,
        detect_ms=view.detect_ms,
        luma_mean=round(view.luma_mean, 1),
        same_s=round(same_s, 1),
        work_width=view.work_width or None,
        work_height=view.work_height or None,
        tiles=view.tiles or None,
        cpu_share=round(governor.share(), 3),
        interval_s=round(governor.interval_s, 2),
    )


def _send(end: socket.socket, event: FromEye) -> None:
    end.sendall(encode_event(event))
