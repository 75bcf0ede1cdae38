"""From a picture to numbers: the only thing that is ever told about a frame. Knows numpy, not OpenCV."""

import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from agent.core.events import Detection

Picture = NDArray[np.uint8]  # BGR, (height, width, 3)


class Detector(Protocol):
    """Finds faces. ``name`` and ``sha256`` say which network it is."""

    name: str
    sha256: str

    def detect(self, picture: Picture) -> tuple[Detection, ...]:
        """All faces with at least the threshold's score, in pixels of ``picture``."""


@dataclass(slots=True)
class Allowance:
    """What a look may cost, set by whoever answers for the process.

    ``most_px`` is what the working picture may have; ``beat`` is called between the pieces of one look.
    """

    most_px: float = float("inf")
    beat: Callable[[], None] = lambda: None


@dataclass(frozen=True, slots=True)
class View:
    """What was seen in one frame, taken at ``captured_s`` (monotonic seconds).

    ``fingerprint`` is the same for two frames only if they are the same to the last bit. The last three say how the
    frame was looked at: the size in pixels that it was brought to, and in how many pieces; 0: not known.
    """

    captured_s: float
    width: int
    height: int
    detections: tuple[Detection, ...]
    detect_ms: float
    luma_mean: float
    fingerprint: int
    work_width: int = 0
    work_height: int = 0
    tiles: int = 0


class Viewer(Protocol):
    """Something that looks into a room: a camera with a network, or a script that knows who sits there."""

    detector: str
    model_sha256: str | None
    allowance: Allowance

    def view(self, after_s: float, timeout_s: float) -> View | None:
        """The newest view that is newer than ``after_s``; None when none came within ``timeout_s``.

        Raises:
            EyeError: The camera is gone, or in use by another program.
        """

    def close(self) -> None:
        """Let go of the camera."""


def look(picture: Picture, captured_s: float, detector: Detector) -> View:
    """Turn a picture into numbers. Takes what the network takes."""
    began_s = time.perf_counter()
    detections = detector.detect(picture)
    detect_ms = (time.perf_counter() - began_s) * 1000
    # Every fourth pixel is enough: a live sensor's noise changes all of them.
    sparse = np.ascontiguousarray(picture[::4, ::4])
    height, width = picture.shape[:2]
    return View(
        captured_s, width, height, detections, round(detect_ms, 1), float(sparse.mean()), zlib.crc32(sparse.data)
    )


def as_colour(picture: NDArray[Any]) -> Picture:
    """An ordinary colour picture of what a driver may hand out: grey, with 16 bits, or with transparency."""
    if picture.dtype == np.uint16:
        picture = picture >> 8
    if picture.dtype != np.uint8:
        picture = np.clip(picture, 0, 255).astype(np.uint8)
    if picture.ndim == 2:
        picture = picture[:, :, np.newaxis]
    # One channel is grey, two are grey and transparency.
    return picture[:, :, :3] if picture.shape[2] >= 3 else np.repeat(picture[:, :, :1], 3, axis=2)
