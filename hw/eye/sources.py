"""Where ``diemcau count`` takes its pictures from: a picture, a folder of them, a video file, a camera."""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from agent.core.errors import EyeError
from hw.eye.camera import Camera
from hw.eye.decode import decode
from hw.eye.view import Picture

PICTURES = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".pgm", ".ppm"}
# A container's frame count is an estimate for some formats; what is missing beyond this is missing.
CUT_SHARE, CUT_FRAMES = 0.02, 2
TINY_S = 1e-6  # times of frames are rounded
CAMERA_TIMEOUT_S = 12.0

JPEG, JPEG_SCAN, JPEG_END = b"\xff\xd8", b"\xff\xda", b"\xff\xd9"
PNG, PNG_DATA, PNG_END = b"\x89PNG", b"IDAT", b"IEND"


@dataclass(frozen=True, slots=True)
class Still:
    """One frame of a source at ``t_s`` seconds; where ``picture`` is None, ``problem`` says why."""

    t_s: float
    picture: Picture | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """A source. ``is_single``: one picture, else a sequence; ``is_live``: a camera, whose pictures never repeat."""

    stills: Iterator[Still]
    is_single: bool
    is_live: bool = False


def open_source(text: str, fps: float | None) -> Source:
    """Open what a person named.

    Args:
        text: A file, a folder, ``/dev/videoN`` or a camera's number.
        fps: Folder: frame n is at n / fps seconds (None: 1). Video: look at so many frames a second (None: at each).

    Raises:
        EyeError: It is not there, or is nothing that has pictures.
    """
    try:
        return _files(text, Path(text), fps)
    except OSError as error:
        raise EyeError("unreadable", f"{text} cannot be read: {error.strerror}") from error


def _files(text: str, path: Path, fps: float | None) -> Source:
    if path.is_dir():
        return Source(_folder(path, fps or 1.0), is_single=False)
    if not path.is_file() and (text.isdigit() or text.startswith("/dev/")):
        return Source(_camera(f"/dev/video{text}" if text.isdigit() else text, fps), is_single=False, is_live=True)
    if not path.is_file():
        raise EyeError("missing", f"{text} is not there: name a picture, a folder of pictures, a video or a camera")
    if path.suffix.lower() in PICTURES:
        return Source(iter([read_still(path, 0.0)]), is_single=True)
    return Source(_video(path, fps), is_single=False)


def read_still(path: Path, t_s: float) -> Still:
    """Read one picture: grey, 16-bit and transparent ones become ordinary colour. Never raises."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        return Still(t_s, None, f"{path} cannot be read: {error.strerror}")
    if is_cut_off(raw):
        return Still(t_s, None, f"{path} ends in the middle: copy it again")
    picture, is_damaged = decode(raw)
    if picture is None:
        return Still(t_s, None, f"{path} is not a picture that can be read")
    if is_damaged:
        return Still(t_s, None, f"{path} is damaged inside: copy it again")
    return Still(t_s, picture)


def is_cut_off(raw: bytes) -> bool:
    """True for a JPEG or PNG without its end: decoders fill up what is missing with grey and say nothing."""
    if raw.startswith(JPEG):
        # Within the compressed data a byte 0xff is always followed by 0, so a marker found there is one.
        return raw.rfind(JPEG_END) < raw.rfind(JPEG_SCAN)
    return raw.startswith(PNG) and raw.rfind(PNG_END) < raw.rfind(PNG_DATA)


def _folder(folder: Path, fps: float) -> Iterator[Still]:
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURES)
    if not files:
        raise EyeError("missing", f"there are no pictures in {folder}: name a folder with .jpg or .png files")
    return (read_still(path, number / fps) for number, path in enumerate(files))


def _video(path: Path, fps: float | None) -> Iterator[Still]:
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    if not capture.isOpened():
        raise EyeError("unreadable", f"{path} is neither a picture nor a video that can be read: was it cut off?")
    return _frames(path, capture, fps)


def _frames(path: Path, capture: cv2.VideoCapture, fps: float | None) -> Iterator[Still]:
    promised = capture.get(cv2.CAP_PROP_FRAME_COUNT)
    read, next_s, last_s = 0, 0.0, 0.0
    while True:
        ok, frame = capture.read()
        if not ok or frame is None:
            break
        t_s = max(0.0, capture.get(cv2.CAP_PROP_POS_MSEC) / 1000)
        read += 1
        if t_s < last_s:
            next_s = t_s  # two recordings in one file: the second one's times begin anew
        last_s = t_s
        if fps is None or t_s + TINY_S >= next_s:
            # The next multiple of 1 / fps after this frame: adding up would drift.
            next_s = (math.floor((t_s + TINY_S) * fps) + 1) / fps if fps else 0.0
            yield Still(t_s, np.asarray(frame, np.uint8))
    capture.release()
    if read == 0:
        raise EyeError("unreadable", f"{path} is a video without a frame that can be read")
    if promised > 0 and read < promised * (1 - CUT_SHARE) - CUT_FRAMES:
        raise EyeError("cut_off", f"{path} ends in the middle: {read} of {promised:.0f} frames could be read")


def _camera(node: str, fps: float | None) -> Iterator[Still]:
    camera = Camera(node, 0, 0)
    camera.start()
    began_s = last_s = time.monotonic()
    try:
        while True:
            frame = camera.newest(last_s, CAMERA_TIMEOUT_S)
            if frame is None:
                raise EyeError("no_frames", f"the camera at {node} gives no frames: plug it in again")
            last_s = frame[0]
            yield Still(round(last_s - began_s, 3), frame[1])
            time.sleep(max(0.0, last_s + (1 / fps if fps else 1.0) - time.monotonic()))
    finally:
        camera.close()
