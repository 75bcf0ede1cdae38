"""A picture for people: boxes around the faces, and every face made unrecognisable. Only ever written on request."""

from pathlib import Path

import cv2
import numpy as np

from agent.core.errors import EyeError
from agent.core.events import Detection
from hw.eye.sight import Sight
from hw.eye.view import Detector, Picture

# Faces that do not count are hidden too: whatever the network takes for a face at all.
HIDE_THRESHOLD = 0.2
MARGIN = 0.25  # of the box on each side: forehead, chin and ears
# A face of four by four squares has no eyes and no mouth left. Source: of 233 faces in ten group photos the network
# still took 16 for faces when they were five by five, with a score of 0.6 or more; of those of four by four none.
CELLS = 4
COARSER = (CELLS, 2, 1)  # for whatever it still takes for a face, down to HIDE_THRESHOLD
GREEN = (80, 200, 60)


class Hider:
    """Finds what is to be hidden: all that the network takes for a face, at the size that the faces need and at the
    picture's own. What is doubtful at one may be clear at the other, and nobody must be left over.
    """

    def __init__(self, network: Detector) -> None:
        self.name, self.sha256 = network.name, network.sha256
        self._network, self._sight = network, Sight(network)

    def detect(self, picture: Picture) -> tuple[Detection, ...]:
        """All faces at either size; some twice."""
        return (*self._sight.detect(picture), *self._network.detect(picture))


class Annotator:
    """Writes annotated pictures: one file for a single picture, else a file for each frame in a folder.

    Args:
        out: The file, or the folder.
        is_single: One picture.
        hider: A detector with a low threshold, for what is to be hidden.
    """

    def __init__(self, out: Path, is_single: bool, hider: Detector) -> None:
        self._out, self._is_single, self._hider = out, is_single, hider

    def write(
        self, number: int, picture: Picture, found: tuple[Detection, ...], counted: tuple[Detection, ...]
    ) -> None:
        """Write frame ``number``: all faces hidden, a box around those that count. Raises EyeError if it cannot."""
        drawn = picture.copy()
        faces: tuple[Detection, ...] = (*self._hider.detect(picture), *found)
        for cells in COARSER:
            for face in faces:
                hide(drawn, face, cells)
            faces = self._hider.detect(drawn)
        for face in counted:
            left, top, right, bottom = _corners(face, 0.0, drawn)
            cv2.rectangle(drawn, (left, top), (right, bottom), GREEN, 2)
        path = self._out if self._is_single else self._out / f"frame-{number:06d}.jpg"
        _write(path, drawn)


def hide(picture: Picture, face: Detection, cells: int = CELLS) -> None:
    """Replace a face by a mosaic of ``cells`` by ``cells`` squares, in place."""
    left, top, right, bottom = _corners(face, MARGIN, picture)
    if right <= left or bottom <= top:
        return
    part = picture[top:bottom, left:right]
    small = cv2.resize(part, (cells, cells), interpolation=cv2.INTER_AREA)
    picture[top:bottom, left:right] = cv2.resize(small, (right - left, bottom - top), interpolation=cv2.INTER_NEAREST)


def _corners(face: Detection, margin: float, picture: Picture) -> tuple[int, int, int, int]:
    height, width = picture.shape[:2]
    left, top = face.x - margin * face.w, face.y - margin * face.h
    right, bottom = face.x + (1 + margin) * face.w, face.y + (1 + margin) * face.h
    return (
        int(np.clip(left, 0, width)),
        int(np.clip(top, 0, height)),
        int(np.clip(right, 0, width)),
        int(np.clip(bottom, 0, height)),
    )


def _write(path: Path, picture: Picture) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        ok, raw = cv2.imencode(path.suffix or ".jpg", picture)
        if ok:
            path.write_bytes(raw.tobytes())
    except (OSError, cv2.error) as error:
        raise EyeError(
            "not_written", f"{path} cannot be written: name a .jpg or .png file in a folder of yours"
        ) from error
