"""The geometry of a room in one message: rounded, and cut where it would not fit."""

from typing import TypeVar

from agent.core.contract import MAX_PAYLOAD_BYTES, Aim, Outline, Payload, encode

DIGITS = 4  # a ten-thousandth of a frame is less than a pixel of any camera here
ENVELOPE_BYTES = 1024  # id, times, session, and the names of the fields

P = TypeVar("P", bound=Payload)


def fitted(aim: Aim) -> Aim:
    """The same geometry, small enough for a payload. Zones come first, then the places seen most."""
    zones = {"include": _outlines(aim.include), "exclude": _outlines(aim.exclude)}
    left = MAX_PAYLOAD_BYTES - ENVELOPE_BYTES - sum(len(str(outlines)) for outlines in zones.values())
    if left < 0:
        left, zones = MAX_PAYLOAD_BYTES - ENVELOPE_BYTES, {"include": (), "exclude": ()}
    by_share = sorted(aim.places, key=lambda place: -place.seen_share)
    places, left_over = _that_fit([_rounded(place) for place in by_share], left)
    set_aside, _ = _that_fit([_rounded(face) for face in aim.set_aside], left_over)
    whole = {"include": len(aim.include), "exclude": len(aim.exclude)} == {
        key: len(each) for key, each in zones.items()
    }
    whole = whole and len(places) == len(aim.places) and len(set_aside) == len(aim.set_aside)
    cut = {} if whole else {"truncated": True}
    return Aim.model_validate(
        {"width": aim.width, "height": aim.height, "places": places, "set_aside": set_aside, **zones, **cut}
    )


def _rounded(item: P) -> P:
    fields = item.model_dump()
    return item.model_copy(update={k: round(v, DIGITS) for k, v in fields.items() if isinstance(v, float)})


def _outlines(outlines: tuple[Outline, ...]) -> tuple[Outline, ...]:
    return tuple(tuple((round(x, DIGITS), round(y, DIGITS)) for x, y in outline) for outline in outlines)


def _that_fit(items: list[P], left: int) -> tuple[tuple[P, ...], int]:
    fit: list[P] = []
    for item in items:
        left -= len(encode(item)) + 1
        if left < 0:
            return tuple(fit), 0
        fit.append(item)
    return tuple(fit), left
