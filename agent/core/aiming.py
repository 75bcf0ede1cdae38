"""The geometry of a room in one message: rounded, and cut where it would not fit."""

from collections.abc import Iterable
from typing import TypeVar

from agent.core.config import Polygon
from agent.core.contract import MAX_PAYLOAD_BYTES, Aim, Payload, encode

DIGITS = 4  # a ten-thousandth of a frame is less than a pixel of any camera here
ENVELOPE_BYTES = 1024  # id, times, session, and the names of the fields

P = TypeVar("P", bound=Payload)


def fitted(aim: Aim) -> Aim:
    """The same geometry, small enough for a payload. Zones come first, then the places seen most."""
    left = MAX_PAYLOAD_BYTES - ENVELOPE_BYTES
    include, exclude = _polygons(aim.include), _polygons(aim.exclude)
    zones_bytes = len(str(include)) + len(str(exclude))
    if zones_bytes > left:
        include, exclude, zones_bytes = (), (), 0
    places, left = _that_fit(sorted(aim.places, key=lambda place: -place.seen_share), left - zones_bytes)
    set_aside, _ = _that_fit(aim.set_aside, left)
    said = {"places": places, "include": include, "exclude": exclude, "set_aside": set_aside}
    is_whole = all(len(part) == len(getattr(aim, name)) for name, part in said.items())
    cut = {} if is_whole else {"truncated": True}
    return Aim.model_validate({"width": aim.width, "height": aim.height, **said, **cut})


def _rounded(item: P) -> P:
    fields = item.model_dump()
    return item.model_copy(update={k: round(v, DIGITS) for k, v in fields.items() if isinstance(v, float)})


def _polygons(polygons: tuple[Polygon, ...]) -> tuple[Polygon, ...]:
    return tuple(tuple((round(x, DIGITS), round(y, DIGITS)) for x, y in polygon) for polygon in polygons)


def _that_fit(items: Iterable[P], left: int) -> tuple[tuple[P, ...], int]:
    fit: list[P] = []
    for item in map(_rounded, items):
        left -= len(encode(item)) + 1
        if left < 0:
            return tuple(fit), 0
        fit.append(item)
    return tuple(fit), left
