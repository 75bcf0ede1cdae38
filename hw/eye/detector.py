"""Faces in one picture, by YuNet (OpenCV's own detector) or by CenterFace (the fallback). Runs where frames live."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from agent.core.errors import EyeError
from agent.core.events import Detection
from hw.eye.models import Model
from hw.eye.view import Detector, Picture

# Boxes that overlap more are one face. The networks' own default of 0.3 leaves a second box on one face in a hundred,
# half a face beside the first; neighbours in ten group photos (233 faces) overlap by 0.06 at most.
NMS_IOU = 0.2
MOST_FACES = 5000
# YuNet takes some 90 MB for each million pixels in one piece: 24 million took 2.1 GB.
MOST_PIXELS = 4_000_000
SMALLEST_SIDE = 64  # both networks reduce by 32; below two cells there is nothing to see


def open_detector(model: Model, threshold: float) -> Detector:
    """Load a network.

    Raises:
        EyeError: ``model_refused``: OpenCV cannot read it.
    """
    try:
        return CenterFace(model, threshold) if model.known.detector == "centerface" else YuNet(model, threshold)
    except cv2.error as error:
        raise EyeError("model_refused", f"OpenCV cannot read {model.path}: {error.err}") from error


class YuNet:
    """``cv2.FaceDetectorYN`` at the picture's own size."""

    def __init__(self, model: Model, threshold: float) -> None:
        self.name = model.known.detector
        self.sha256 = model.known.sha256
        self._net = cv2.FaceDetectorYN.create(str(model.path), "", (320, 320), threshold, NMS_IOU, MOST_FACES)

    def detect(self, picture: Picture) -> tuple[Detection, ...]:
        """All faces, in pixels of ``picture``."""
        bounded, scale = _bounded(picture)
        padded = _padded(bounded)
        self._net.setInputSize((padded.shape[1], padded.shape[0]))
        _, rows = self._net.detect(padded)
        # A row: x, y, w, h, five landmarks, score. Source: OpenCV documentation, FaceDetectorYN::detect.
        return () if rows is None else tuple(_detection(row[:4] * scale, row[-1]) for row in rows)


class CenterFace:
    """CenterFace through ``cv2.dnn``. Finds fewer of the small faces than YuNet; better than no number.

    Source of the decoding: Xu et al., "CenterFace: Joint Face Detection and Alignment Using Face as Point", section 3:
    a heat map of face centres at a quarter of the size, the logarithm of height and width, and the centre's offset.

    Its scores are lower than YuNet's for the same faces. One threshold in the room config must mean the same with
    either network, so they are raised to a power that puts 0.4 (all ten group photos exact from 0.25 to 0.45) where
    YuNet has 0.6 (all ten exact from 0.4 to 0.8).
    """

    STRIDE = 4
    POWER = 0.5575  # log 0.6 / log 0.4

    def __init__(self, model: Model, threshold: float) -> None:
        self.name = model.known.detector
        self.sha256 = model.known.sha256
        self._threshold = threshold
        self._net = cv2.dnn.readNetFromONNX(str(model.path))
        self._outputs = self._net.getUnconnectedOutLayersNames()

    def detect(self, picture: Picture) -> tuple[Detection, ...]:
        """All faces, in pixels of ``picture``."""
        height, width = picture.shape[:2]
        bounded, _ = _bounded(picture)
        size = (_up_to_32(bounded.shape[1]), _up_to_32(bounded.shape[0]))
        self._net.setInput(cv2.dnn.blobFromImage(bounded, 1.0, size, (0, 0, 0), swapRB=True))
        heat, scale, offset, _ = _by_channels(self._net.forward(self._outputs))
        scores = np.clip(heat[0], 0, 1) ** self.POWER
        rows, columns = np.where(scores >= self._threshold)
        tall = np.exp(scale[0, rows, columns]) * self.STRIDE
        wide = np.exp(scale[1, rows, columns]) * self.STRIDE
        middle_y = (rows + offset[0, rows, columns] + 0.5) * self.STRIDE
        middle_x = (columns + offset[1, rows, columns] + 0.5) * self.STRIDE
        boxes = np.stack([middle_x - wide / 2, middle_y - tall / 2, wide, tall], axis=1)
        boxes *= np.array([width / size[0], height / size[1]] * 2)
        return self._strongest(boxes, scores[rows, columns])

    def _strongest(self, boxes: NDArray[Any], scores: NDArray[Any]) -> tuple[Detection, ...]:
        kept = cv2.dnn.NMSBoxes(boxes.tolist(), scores.tolist(), self._threshold, NMS_IOU, top_k=MOST_FACES)
        return tuple(_detection(boxes[i], scores[i]) for i in np.array(kept).flatten())


def _detection(box: NDArray[Any], score: Any) -> Detection:
    x, y, w, h = map(float, box)
    return Detection(x, y, w, h, float(score))


def _by_channels(outputs: Any) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Heat map (1), scale (2), offset (2), landmarks (10), whatever order the engine hands them out in."""
    maps = [np.asarray(output)[0] for output in outputs]
    heat = next(each for each in maps if each.shape[0] == 1)
    scale, offset = (each for each in maps if each.shape[0] == 2)
    return heat, scale, offset, next(each for each in maps if each.shape[0] == 10)


def _up_to_32(side: int) -> int:
    return max(SMALLEST_SIDE, -(-side // 32) * 32)


def _bounded(picture: Picture) -> tuple[Picture, float]:
    """A picture with at most ``MOST_PIXELS``, and by how much its boxes have to be enlarged again."""
    height, width = picture.shape[:2]
    scale = (height * width / MOST_PIXELS) ** 0.5
    if scale <= 1:
        return picture, 1.0
    size = (max(1, round(width / scale)), max(1, round(height / scale)))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8), scale


def _padded(picture: Picture) -> Picture:
    """A tiny picture on a larger ground, so that a network's reductions leave something."""
    height, width = picture.shape[:2]
    if height >= SMALLEST_SIDE and width >= SMALLEST_SIDE:
        return picture
    ground = np.zeros((max(height, SMALLEST_SIDE), max(width, SMALLEST_SIDE), 3), np.uint8)
    ground[:height, :width] = picture
    return ground


def bound_threads(cpu_share: float) -> None:
    """Let OpenCV use as many threads as the share of cores asks for, one at least."""
    cv2.setNumThreads(max(1, int(cpu_share + 0.999)))
