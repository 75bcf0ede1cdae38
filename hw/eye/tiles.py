"""A network over the pieces of a plan, so that each face is found once: by the tile that its middle belongs to.

Each piece is cut from the frame and brought to its size by itself: a whole enlarged frame never exists.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from agent.core.events import Detection
from hw.eye.plan import Level, Plan, Tile
from hw.eye.view import Detector, Picture

SAME_IOU = 0.2  # as within one piece: boxes that overlap more are one face
INSIDE_SHARE = 0.7  # of a smaller box, within a larger one: an eye or a mouth, or a face that a tile cuts
# A face whose middle lies on an edge may measure a little to the other side in either tile, and would belong to none.
SLACK_SHARE = 0.15
CUT_SHARE = 0.05  # of a face's size: a box that ends so near to an edge ends because of it


@dataclass(frozen=True, slots=True)
class Found:
    """A face, the number of the piece that showed it, whether that is the piece that its middle belongs to, and whether
    it reaches that piece's edge inside the frame.
    """

    face: Detection
    piece: int
    is_own: bool
    is_cut: bool


class Tiled:
    """A network that sees one frame by a plan; the arguments are those of :func:`find`."""

    def __init__(self, detector: Detector, plan: Plan, coarse: bool, beat: Callable[[], None]) -> None:
        self.name, self.sha256 = detector.name, detector.sha256
        self._detector, self._plan, self._coarse, self._beat = detector, plan, coarse, beat

    def detect(self, picture: Picture) -> tuple[Detection, ...]:
        """All faces, in pixels of ``picture``, each once."""
        return find(picture, self._plan, self._detector, self._coarse, self._beat)


def find(
    picture: Picture, plan: Plan, detector: Detector, coarse: bool = True, beat: Callable[[], None] = lambda: None
) -> tuple[Detection, ...]:
    """All faces, in pixels of ``picture``, each once.

    Args:
        picture: BGR, of the size that the plan is for.
        plan: The pieces.
        detector: Sees one piece at a time.
        coarse: Look at the coarser levels too; else only if the finest shows a face that is theirs.
        beat: Called after each piece: on a slow box the whole takes longer than a life sign may.
    """
    kept: list[Found] = []
    number = 0
    for level in plan.levels:
        if number and not coarse:
            break
        # What an edge cuts and another tile answers for is that tile's to find: a chin at an edge may look like a face.
        found = [each for each in _on_level(picture, level, detector, number, beat) if each.is_own or not each.is_cut]
        whole = [each for each in found if _size(each.face) <= level.most_px or not each.is_cut]
        coarse = coarse or len(whole) < len(found)
        kept += [each for each in whole if _size(each.face) >= level.least_px]
        number += len(level.tiles)
    return once(kept) if number > 1 and len(kept) > 1 else tuple(each.face for each in kept)


def once(found: Iterable[Found]) -> tuple[Detection, ...]:
    """Each face once, where several pieces show it. Boxes of one piece that overlap are told apart by the network."""
    order = sorted(found, key=lambda each: (not each.is_own, -each.face.score))
    boxes = np.array([[each.face.x, each.face.y, each.face.w, each.face.h] for each in order])
    pieces = np.array([each.piece for each in order])
    areas = boxes[:, 2] * boxes[:, 3]
    alive = np.ones(len(order), bool)
    for i in range(len(order)):
        if alive[i]:
            common = _common(boxes, i)
            same = common > SAME_IOU * (areas + areas[i] - common)
            same[: i + 1] = False
            alive &= ~(same & (pieces != pieces[i]))
    for i in np.argsort(-areas, kind="stable"):
        if alive[i]:
            alive &= ~((_common(boxes, i) > INSIDE_SHARE * areas) & (areas < areas[i]))
    return tuple(each.face for each, is_alive in zip(order, alive, strict=True) if is_alive)


def _common(boxes: NDArray[np.float64], i: int) -> NDArray[np.float64]:
    """The area that each box shares with the one of number ``i``."""
    left, top = np.maximum(boxes[:, 0], boxes[i, 0]), np.maximum(boxes[:, 1], boxes[i, 1])
    right = np.minimum(boxes[:, 0] + boxes[:, 2], boxes[i, 0] + boxes[i, 2])
    bottom = np.minimum(boxes[:, 1] + boxes[:, 3], boxes[i, 1] + boxes[i, 3])
    return np.asarray(np.clip(right - left, 0, None) * np.clip(bottom - top, 0, None), np.float64)


def _on_level(picture: Picture, level: Level, detector: Detector, first: int, beat: Callable[[], None]) -> list[Found]:
    found: list[Found] = []
    for number, tile in enumerate(level.tiles, first):
        for face in detector.detect(_piece(picture, tile)):
            whole = _in_frame(face, tile)
            x, y = whole.x + whole.w / 2, whole.y + whole.h / 2
            if tile.own.holds(x, y, SLACK_SHARE * _size(whole)):
                found.append(Found(whole, number, tile.own.holds(x, y), _is_cut(whole, tile, picture)))
        beat()
    return found


def _piece(picture: Picture, tile: Tile) -> Picture:
    area = tile.area
    piece = picture[area.top : area.bottom, area.left : area.right]
    if (tile.width_px, tile.height_px) == (piece.shape[1], piece.shape[0]):
        return piece
    # Cubic: of faces under 8 px it leaves more to see than linear (group photo at 4 px, enlarged three times: 72 of 77
    # faces against 66).
    way = cv2.INTER_AREA if tile.width_px < piece.shape[1] else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(piece, (tile.width_px, tile.height_px), interpolation=way), np.uint8)


def _in_frame(face: Detection, tile: Tile) -> Detection:
    area = tile.area
    wide, high = (area.right - area.left) / tile.width_px, (area.bottom - area.top) / tile.height_px
    return Detection(area.left + face.x * wide, area.top + face.y * high, face.w * wide, face.h * high, face.score)


def _is_cut(face: Detection, tile: Tile, picture: Picture) -> bool:
    height, width = picture.shape[:2]
    area = tile.area
    near = CUT_SHARE * _size(face)
    beside = (area.left > 0 and face.x < area.left + near) or (
        area.right < width and face.x + face.w > area.right - near
    )
    above = area.top > 0 and face.y < area.top + near
    return beside or above or (area.bottom < height and face.y + face.h > area.bottom - near)


def _size(face: Detection) -> float:
    return max(face.w, face.h)
