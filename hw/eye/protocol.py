"""What goes over the Unix socket between agent and eye: one JSON document a line, numbers and words only.

Agent → eye: one line, the order; later the same order again with another interval. Eye → agent: events that carry the
order's number. There is no other message, and no place in any of them where a picture would fit.
"""

import dataclasses
import json
import math
from typing import Any

from pydantic import TypeAdapter, ValidationError

from agent.core.commands import WatchCamera
from agent.core.events import EyeAlive, EyeReady, EyeTrouble, FrameSeen

FromEye = FrameSeen | EyeReady | EyeAlive | EyeTrouble
# 5,000 faces of some 100 bytes each; what is longer is not ours.
LONGEST_LINE = 1 << 20
LONGEST_SIDE = 1 << 16  # pixels of a frame: more than any picture format has

_KINDS: dict[str, TypeAdapter[FromEye]] = {
    kind.__name__: TypeAdapter(kind) for kind in (FrameSeen, EyeReady, EyeAlive, EyeTrouble)
}
_ORDER = TypeAdapter(WatchCamera)


def encode_order(order: WatchCamera, film: dict[str, Any] | None) -> bytes:
    """The order's line. ``film`` is the script that stands in for the camera in simulation."""
    return json.dumps({"order": dataclasses.asdict(order), "film": film}).encode() + b"\n"


def decode_order(line: bytes) -> tuple[WatchCamera, dict[str, Any] | None]:
    """Read an order. Raises ValueError."""
    document = _object(line)
    film = document.get("film")
    return _ORDER.validate_python(document.get("order")), film if isinstance(film, dict) else None


def encode_event(event: FromEye) -> bytes:
    """An event's line."""
    return json.dumps({"kind": type(event).__name__, **dataclasses.asdict(event)}).encode() + b"\n"


def decode_event(line: bytes) -> FromEye:
    """Read an event. Raises ValueError for anything that is none."""
    document = _object(line)
    adapter = _KINDS.get(str(document.pop("kind", "")))
    if adapter is None:
        raise ValueError("a line of unknown kind")
    try:
        event = adapter.validate_python(document)
    except ValidationError as error:
        raise ValueError(f"a line that does not fit: {error.error_count()} problems") from None
    if isinstance(event, FrameSeen) and not _can_be(event):
        raise ValueError("a frame with a size or a time that cannot be")
    return event


def _can_be(frame: FrameSeen) -> bool:
    """JSON here has NaN and numbers without bounds. Sizes and times are reckoned with; boxes are looked at later."""
    figures = frame.captured_s, frame.detect_ms, frame.luma_mean, frame.same_s, frame.cpu_share, frame.interval_s
    sides = frame.width, frame.height, frame.work_width or 0, frame.work_height or 0
    is_finite = all(math.isfinite(figure) for figure in figures if figure is not None)
    return is_finite and max(map(abs, sides)) <= LONGEST_SIDE


def _object(line: bytes) -> dict[str, Any]:
    try:
        document = json.loads(line)
    except RecursionError as error:
        raise ValueError("a line that is nested too deeply") from error
    if not isinstance(document, dict):
        raise ValueError("a line that is no object")
    return document
