"""A V4L2 camera through OpenCV: the newest frame only.

OpenCV's ``read()`` may block for ever, or hand out the last frame for ever after an unplug (opencv issues 5221, 14044,
22677), so it is called on a thread that nobody waits for: if it never returns, the process ends without it.
"""

import os
import threading
import time
from pathlib import Path

import cv2

from agent.core.errors import EyeError
from hw.eye.sight import Sight
from hw.eye.v4l2_probe import explain_refusal
from hw.eye.view import Detector, Picture, View, as_colour

FAILED_READS = 3
OPEN_TRIES = 2
CLOSE_WITHIN_S = 1.0
THREAD = "camera"


class Camera:
    """Takes every frame from the driver, so that slow counting never builds a backlog, and decodes only those that are
    asked for: decoding 1080p at 30 frames a second is more work than counting.
    """

    def __init__(self, node: str, width: int, height: int) -> None:
        self._node, self._width, self._height = node, width, height
        self._news = threading.Condition()
        self._frame: tuple[float, Picture] | None = None
        self._is_wanted = False
        self._error: EyeError | None = None
        self._stop = False
        self._thread = threading.Thread(target=self._run, name=THREAD, daemon=True)

    def start(self) -> None:
        """Open the camera on its own thread; opening may block too."""
        self._thread.start()

    def newest(self, after_s: float, timeout_s: float) -> tuple[float, Picture] | None:
        """The newest frame and when it was taken, if it is newer than ``after_s``; None if none came in time.

        Raises:
            EyeError: The camera is ``missing``, ``busy`` or lost.
        """
        with self._news:
            self._is_wanted = True
            self._news.wait_for(lambda: self._error is not None or self._is_newer(after_s), timeout_s)
            if self._error is not None:
                raise self._error
            frame, self._frame = (self._frame, None) if self._is_newer(after_s) else (None, self._frame)
            return frame

    def close(self) -> None:
        """Ask the thread to let go, and wait a moment: it may be inside a driver for ever. Who ends the process while
        it is still there has to use ``os._exit``: unwinding it inside OpenCV would be an abort.
        """
        self._stop = True
        if self._thread.is_alive():
            self._thread.join(CLOSE_WITHIN_S)

    def _is_newer(self, after_s: float) -> bool:
        return self._frame is not None and self._frame[0] > after_s

    def _run(self) -> None:
        try:
            self._capture()
        except EyeError as error:
            with self._news:
                self._error = error
                self._news.notify_all()

    def _capture(self) -> None:
        capture = open_capture(self._node, self._width, self._height)
        failed = 0
        while not self._stop:
            if capture.grab() and (not self._is_wanted or self._keep(capture)):
                failed = 0
                continue
            failed += 1
            if failed >= FAILED_READS:
                raise self._gone()
        capture.release()

    def _gone(self) -> EyeError:
        """A device that has left takes its node along; one that is still there does not work, or lacks bandwidth."""
        reason = "no_frames" if Path(self._node).exists() else "missing"
        return EyeError(reason, f"the camera at {self._node} gives no more frames: is it still plugged in?")

    def _keep(self, capture: cv2.VideoCapture) -> bool:
        taken_s = time.monotonic()
        ok, frame = capture.retrieve()
        if not ok or frame is None or not frame.size:
            return False
        with self._news:
            self._frame, self._is_wanted = (taken_s, as_colour(frame)), False
            self._news.notify_all()
        return True


def open_capture(node: str, width: int = 0, height: int = 0) -> cv2.VideoCapture:
    """Open a camera.

    Args:
        node: Device node, ``/dev/video0``.
        width: Wanted pixels; 0: the camera's own choice. The camera may choose something near it.
        height: The same.

    Raises:
        EyeError: ``missing``, ``not_permitted``, ``busy``, or ``no_frames`` for one that does not work or is none.
    """
    if not Path(node).exists():
        raise EyeError("missing", f"there is no camera at {node}: plug it in, or name another one")
    if not os.access(node, os.R_OK | os.W_OK):
        raise EyeError("not_permitted", f"{node} may not be opened: add this user to the group video")
    capture = _opened(node)
    capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))  # at 1080p the raw format does not fit USB 2
    if width and height:
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, width)
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, height)
    capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
    return capture


def _opened(node: str) -> cv2.VideoCapture:
    # Twice: a camera that was in use may have been let go of between OpenCV's no and the kernel's answer.
    for _ in range(OPEN_TRIES):
        capture = _opencv(node)
        if capture.isOpened():
            return capture
        capture.release()  # or it would be us who have it
        explain_refusal(node)
    raise EyeError("no_frames", f"the camera at {node} cannot be opened and nobody uses it: plug it in again")


def _opencv(node: str) -> cv2.VideoCapture:
    return cv2.VideoCapture(node, cv2.CAP_V4L2)


class CameraViewer:
    """A camera and a network."""

    def __init__(self, camera: Camera, detector: Detector) -> None:
        self.detector = detector.name
        self.model_sha256: str | None = detector.sha256
        self._camera = camera
        self._sight = Sight(detector)
        self.allowance = self._sight.allowance
        camera.start()

    def view(self, after_s: float, timeout_s: float) -> View | None:
        """The newest view newer than ``after_s``, or None. Raises EyeError."""
        frame = self._camera.newest(after_s, timeout_s)
        return None if frame is None else self._sight.look(frame[1], frame[0])

    def close(self) -> None:
        """Let go of the camera."""
        self._camera.close()
