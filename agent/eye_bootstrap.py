"""The composition root of the counting process, and of ``diemcau count``: where frames are looked at.

Apart from ``bootstrap``, since a process that holds 1080p frames on a small box has no memory for what only the agent
needs. OpenCV is imported when a camera or a picture is opened, so that a missing library is a reason and no crash.
"""

import logging
import os
import resource
import socket
import stat
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.adapters.service import Service
from agent.core.commands import WatchCamera
from agent.core.errors import EyeError
from agent.core.events import Detection, FrameSeen

if TYPE_CHECKING:
    from agent.core.config import Zones
    from hw.eye.counting import Counting

log = logging.getLogger("diemcau")

STDIN, STDERR = 0, 2
# The loop feeds it between the pieces of a look too, of which each takes a second on a slow box.
HUNG_AFTER_S = 10.0


def run_eye() -> int:
    """Be the counting process: serve one agent on the socket that systemd listens on, or on standard input."""
    _leave_no_file()
    service = Service()
    listening = service.listen_socket()
    if listening is not None:
        service.ready()
        # Before anything that can fail: a connection that nobody takes would have systemd start us again and again.
        end, _ = listening.accept()
        listening.close()  # systemd keeps its own; from here on there is one socket, the agent's
        _serve(end, _tighter_watchdog(service))
    elif stat.S_ISSOCK(_mode_of(STDIN)):
        with suppress(OSError):
            os.nice(10)  # counting gives way to everything else on the box
        _serve(socket.socket(fileno=STDIN), None)
    else:
        log.error("the eye is started by systemd or by `diemcau run`; to count by hand use `diemcau count SOURCE`")
        return 2
    sys.stderr.flush()
    # The camera's thread may be inside a driver; ending it by the book would be an abort inside OpenCV.
    os._exit(0)


def _tighter_watchdog(service: Service) -> Callable[[], None]:
    """Feed the unit's watchdog, and from the first look on have it wait no longer than a hung eye may be away."""
    is_asked = service.watchdog_s() is None

    def feed() -> None:
        nonlocal is_asked
        if not is_asked:
            is_asked = service.notify(f"WATCHDOG_USEC={round(HUNG_AFTER_S * 1e6)}")
        service.feed_watchdog()

    return feed


def _serve(end: socket.socket, feed_watchdog: Callable[[], None] | None) -> None:
    """Work for the agent at the other end. ``feed_watchdog`` None: a child of the agent, which dies with it."""
    from hw.eye.worker import die_with_parent, frames_stay_apart, serve

    frames_stay_apart()
    if feed_watchdog is None:
        die_with_parent()
    serve(end, _open_viewer, feed_watchdog or (lambda: None))


def open_counting(
    source: str, fps: float | None, threshold: float, annotate: Path | None, polygons: "Zones"
) -> "Counting":
    """Open a source for ``diemcau count``. Raises EyeError."""
    _leave_no_core_dump()
    try:
        from hw.eye.counting import open_counting as open_it
    except ImportError as error:
        raise EyeError("no_opencv", f"OpenCV does not start ({error}): install that library") from error
    from agent.core import zones

    def counted(frame: FrameSeen) -> tuple[Detection, ...]:
        return zones.split(frame.detections, frame.width, frame.height, polygons)[0]

    return open_it(source, fps, threshold, annotate, counted)


def _leave_no_core_dump() -> None:
    """A core dump of a process that holds frames would be pictures on the disk."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _leave_no_file() -> None:
    """What a process that holds a room's frames may never do, forbidden by the kernel: to write a file of any length.

    Pipes, sockets and devices are no files here, so the journal hears everything. Where the log of whoever started us
    is a file, the limit would take that too and a fault would go unsaid: there only the core dump is forbidden.
    Source: setrlimit(2), RLIMIT_FSIZE; Python ignores SIGXFSZ, so a write that is refused is an OSError.
    """
    _leave_no_core_dump()
    sys.dont_write_bytecode = True
    if not stat.S_ISREG(_mode_of(STDERR)):
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def _mode_of(fd: int) -> int:
    """What kind of thing a descriptor is; 0: it is closed."""
    try:
        return os.fstat(fd).st_mode
    except OSError:
        return 0


def _open_viewer(order: WatchCamera, film: dict[str, Any] | None) -> Any:
    from hw.eye.detector import bound_threads, open_detector
    from hw.eye.models import require, search

    bound_threads(order.cpu_share)
    if film is not None:
        from hw.simulated.film import FilmViewer, read_film

        running = read_film(film)
        network = None if running.boxes_only else open_detector(require(search(order.model)), order.threshold)
        return FilmViewer(running, order.node, network)
    from hw.eye.camera import Camera, CameraViewer

    found = search(order.model)
    for sentence in found.refused:
        log.error("%s", sentence)
    detector = open_detector(require(found), order.threshold)
    return CameraViewer(Camera(order.node, order.width, order.height), detector)
