"""Where people can be: polygons in 0..1 of the frame, asked for the middle of a face."""

from agent.core.config import Polygon, Zones
from agent.core.events import Detection


def split(
    detections: tuple[Detection, ...], width: int, height: int, zones: Zones
) -> tuple[tuple[Detection, ...], tuple[Detection, ...]]:
    """Detections that count, and those that the zones set aside. ``width`` and ``height``: the frame's, in pixels."""
    counted: list[Detection] = []
    set_aside: list[Detection] = []
    for face in detections:
        middle = ((face.x + face.w / 2) / width, (face.y + face.h / 2) / height)
        wanted = not zones.include or any(_inside(middle, polygon) for polygon in zones.include)
        excluded = any(_inside(middle, polygon) for polygon in zones.exclude)
        (counted if wanted and not excluded else set_aside).append(face)
    return tuple(counted), tuple(set_aside)


def _inside(point: tuple[float, float], polygon: Polygon) -> bool:
    """Even-odd rule: a ray to the right crosses the outline an odd number of times."""
    x, y = point
    inside = False
    for (x1, y1), (x2, y2) in zip(polygon, polygon[1:] + polygon[:1], strict=True):
        if (y1 > y) != (y2 > y) and x < x1 + (y - y1) * (x2 - x1) / (y2 - y1):
            inside = not inside
    return inside
