"""A room's geometry as shapes to draw: what a drawing and the table beside it are made from. Pure; never a picture."""

from dataclasses import dataclass

from agent.console.board.tile import Words
from agent.console.board.zones_form import LIST, Effect, effect
from agent.core.config import Polygon, Zones
from agent.core.contract import Aim, Aside, Place

WIDTH = 1000  # of the drawing; its height follows the frame
NARROWEST, WIDEST = 0.3, 1.5  # height of width: no camera's frame is beyond these
USUAL = 9 / 16
PIXELS_MAX = 1_000_000
FAINTEST = 0.12  # a place that is hardly ever seen can still be found
KINDS: dict[str, Words] = {
    "place": ("chỗ ngồi", "a place"),
    "excluded": ("ngoài vùng đếm", "set aside by the zones"),
    "portrait": ("ảnh treo tường", "a picture on the wall"),
}


@dataclass(frozen=True, slots=True)
class Shape:
    """A place, or a face that is set aside: left, top, width and height in the drawing, middle in 0..1 of the frame.

    ``changes``: with the zones drawn it would be set aside, or count again.
    """

    kind: str
    x: float
    y: float
    w: float
    h: float
    middle: tuple[float, float]
    opacity: float
    seen_share: float | None
    changes: bool

    @property
    def words(self) -> Words:
        """What it is."""
        return KINDS[self.kind]


@dataclass(frozen=True, slots=True)
class Outline:
    """A zone: its corners as SVG wants them."""

    kind: str
    points: str

    @property
    def words(self) -> Words:
        """What it is."""
        return LIST[self.kind]


@dataclass(frozen=True, slots=True)
class Room:
    """All of it. ``aside`` and ``back``: how many places the zones drawn would set aside, or count again."""

    height: int
    shapes: tuple[Shape, ...] = ()
    outlines: tuple[Outline, ...] = ()
    aside: int = 0
    back: int = 0
    places: int = 0


def room(aim: Aim | None, zones: Zones) -> Room:
    """The room with the zones drawn; without what the camera sees where nobody has asked for it."""
    height = _height(aim)
    outlines = tuple(
        Outline(kind, _points(polygon, height))
        for kind, polygons in (("include", zones.include), ("exclude", zones.exclude))
        for polygon in polygons
    )
    if aim is None:
        return Room(height, outlines=outlines)
    found = effect(aim, zones)
    return Room(height, _shapes(aim, found, height), outlines, len(found.aside), len(found.back), len(aim.places))


def _shapes(aim: Aim, found: Effect, height: int) -> tuple[Shape, ...]:
    places = [_shape(each, "place", i in found.aside, height) for i, each in enumerate(aim.places)]
    others = [_shape(each, each.reason, i in found.back, height) for i, each in enumerate(aim.set_aside)]
    return (*others, *places)


def _shape(face: Place | Aside, kind: str, changes: bool, height: int) -> Shape:
    x, y, w, h = (min(2.0, max(-1.0, value)) for value in (face.x, face.y, face.w, face.h))  # what a site says is any
    share = face.seen_share if isinstance(face, Place) else None
    return Shape(
        kind=kind,
        x=round(x * WIDTH, 1),
        y=round(y * height, 1),
        w=round(max(0.0, w) * WIDTH, 1),
        h=round(max(0.0, h) * height, 1),
        middle=(round(face.x + face.w / 2, 6), round(face.y + face.h / 2, 6)),
        opacity=round(max(FAINTEST, 0.0 if share is None else share), 2),
        seen_share=share,
        changes=changes,
    )


def _points(polygon: Polygon, height: int) -> str:
    return " ".join(f"{x * WIDTH:.1f},{y * height:.1f}" for x, y in polygon)


def _height(aim: Aim | None) -> int:
    if aim is None or not aim.width or not aim.height:
        return round(WIDTH * USUAL)
    tall, wide = (min(PIXELS_MAX, max(1, side)) for side in (aim.height, aim.width))
    return round(WIDTH * min(WIDEST, max(NARROWEST, tall / wide)))
