"""From detections to a headcount: occupied places (``looking``), with a value, a state and a reason.

A face detector sees faces, so heads that are down are missing from every single frame; what is counted are the places
where somebody sits. Unknown is None with a reason, never 0: a count ends with the camera that made it. While nothing
can be seen the room's clock stands still: when the light comes back, the people are where they were.
"""

import math
import statistics
from dataclasses import dataclass, replace
from typing import Literal

from agent.core import zones
from agent.core.config import HeadcountSection
from agent.core.events import Detection, FrameSeen
from agent.core.evidence import too_early
from agent.core.looking import look
from agent.core.places import Place, Places, Spot

# Below this mean brightness (0..255) faces go missing, so a number would be a wrong one. Source: 96 faces of the drawn
# hall with the default network: 96 found at 14, 95 at 12, 83 at 9.5, 51 at 8, none at 6; a dark frame has 2.5.
DARK_LUMA = 10.0
# The same picture to the last bit: a live sensor's noise never repeats. Source: opencv issues 14044, 22677 (drivers
# that hand out the last frame for ever after an unplug).
FROZEN_AFTER_S = 8.0
# No hall has more, so it is noise, and the button waits while a look is taken in. Source: 1,000 random boxes, 3 to 900
# pixels wide, take 1.1 s a look, 1,000 at one spot 1.5 s, on the machine the tests were written on; 5,000 took minutes.
MOST_FACES = 1000
MOST_PX = 100_000.0
ENOUGH_SAMPLES = 3
# Frames that follow each other faster show the same moment: a false face in one of them is in the next one too.
LOOK_EVERY_S = 0.5
FEWEST_LOOKS = 9
ODD_FRAMES = 3  # in a row, of another size or from an earlier time: then that is how it is from now on
# A value that still rises is too low. It is one after a window, or where most faces show and it has not risen for long.
SETTLED_SHARE, SETTLED_S, MOST_SHOW = 1 / 3, 15.0, 0.75
MOST_SET_ASIDE = 200
# A face is found from some 10 pixels on; a picture that could hold none says nothing about who is there.
LEAST_SIDE = 16
# After these there is another room, or the same one at another time.
FORGETS = {"room_off", "no_camera", "stopped"}


@dataclass(frozen=True, slots=True)
class Sample:
    """One look: when the frame was taken (monotonic seconds), how many faces it shows, and the headcount after it."""

    captured_s: float
    seen: int
    value: int


@dataclass(frozen=True, slots=True)
class Estimator:
    """What is known of the room. Replaced, never changed.

    Attributes:
        places: Where people sit.
        samples: The looks of the window.
        size: Width and height of the frames.
        excluded: Faces of the newest frame that the zones set aside.
        trouble: Why there is no headcount; None: there is one.
        anew: Why it began anew; it says so until it has settled.
        odd: Why the newest frame was left out; ``odd_frames`` how many in a row, ``odd_s`` and ``odd_seen`` when it was
            taken and how many faces it shows.
        began_s: When the newest run of looks began; ``rose_s`` when the value rose last.
        newest_s: When the newest look was taken, kept while there is trouble: after a short one it goes on as it was.
        detect_s: How long the newest look took.
    """

    places: Places = Places()
    samples: tuple[Sample, ...] = ()
    size: tuple[int, int] | None = None
    excluded: tuple[Detection, ...] = ()
    trouble: str | None = "starting"
    anew: str | None = None
    odd: str | None = None
    odd_frames: int = 0
    odd_s: float = 0.0
    odd_seen: int = 0
    began_s: float = 0.0
    rose_s: float = 0.0
    newest_s: float | None = None
    detect_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Estimate:
    """What can be said now; ``value`` is None exactly when ``state`` is ``unknown``.

    ``seen`` is the last frame alone; ``min`` and ``max`` are those of the headcount over the window; ``excluded`` and
    ``portraits`` how many faces are set aside.
    """

    value: int | None
    state: Literal["ok", "degraded", "unknown"]
    reason: str | None
    seen: int | None = None
    min: int | None = None
    max: int | None = None
    samples: int = 0
    excluded: int = 0
    portraits: int = 0


@dataclass(frozen=True, slots=True)
class Outline:
    """A place in 0..1 of the frame, left top width height; ``seen_share`` of the window's looks that saw a face."""

    x: float
    y: float
    w: float
    h: float
    seen_share: float = 1.0
    reason: Literal["portrait", "excluded"] | None = None


@dataclass(frozen=True, slots=True)
class Geometry:
    """The room without a picture: the frame's size in pixels, the places that count, and what is set aside."""

    width: int | None
    height: int | None
    places: tuple[Outline, ...] = ()
    set_aside: tuple[Outline, ...] = ()


def add_frame(estimator: Estimator, frame: FrameSeen, config: HeadcountSection) -> Estimator:
    """Take a frame in. A dark or frozen one is no evidence of anything; one that does not fit is left out."""
    trouble = _trouble(frame)
    if trouble is not None:
        return fail(estimator, trouble)
    faces = tuple(face for face in frame.detections if is_sound(face) and face.score >= config.threshold)
    if len(faces) > MOST_FACES:
        return fail(estimator, "too_many_faces")
    counted, excluded = zones.split(faces, frame.width, frame.height, config)
    odd = _odd(estimator, frame)
    if odd is not None:
        odd_frames = _in_a_row(estimator, odd, frame)
        if odd_frames < ODD_FRAMES:
            seen = len(counted)
            return replace(estimator, odd=odd, odd_frames=odd_frames, odd_s=frame.captured_s, odd_seen=seen)
        estimator = Estimator(anew=odd)
    estimator = replace(
        estimator,
        size=(frame.width, frame.height),
        excluded=excluded,
        trouble=None,
        odd=None,
        odd_frames=0,
        detect_s=frame.detect_ms / 1000,
    )
    return _looked(estimator, counted, frame.captured_s, config)


def anew(estimator: Estimator) -> Estimator:
    """With other zones or another threshold what was seen before counts no more."""
    is_counting = estimator.trouble is None
    return Estimator(anew="settings_changed") if is_counting else Estimator(trouble=estimator.trouble)


def fail(estimator: Estimator, reason: str) -> Estimator:
    """The count ends with its camera. Who sits where is kept for when it is back, but not over the room's end."""
    if reason in FORGETS:
        return Estimator(trouble=reason)
    return replace(estimator, samples=(), excluded=(), trouble=reason, odd=None, odd_frames=0)


def estimate(estimator: Estimator, now_s: float, config: HeadcountSection, stale_after_s: float) -> Estimate:
    """The headcount at ``now_s``. No frame for ``stale_after_s``: unknown, since nobody looked."""
    samples = estimator.samples
    if estimator.trouble is not None or not samples:
        return Estimate(None, "unknown", estimator.trouble or estimator.odd or "starting")
    if now_s - samples[-1].captured_s > stale_after_s:
        return Estimate(None, "unknown", "no_frames")
    reason = _doubt(estimator, config)
    values = [sample.value for sample in samples]
    return Estimate(
        value=values[-1],
        state="degraded" if reason else "ok",
        reason=reason,
        seen=samples[-1].seen if estimator.odd is None else estimator.odd_seen,
        min=min(values),
        max=max(values),
        samples=len(values),
        excluded=len(estimator.excluded),
        portraits=len(estimator.places.portraits),
    )


def single(frame: FrameSeen, config: HeadcountSection) -> Estimate:
    """What one frame shows by itself."""
    estimator = add_frame(Estimator(), frame, config)
    if estimator.trouble is not None:
        return Estimate(None, "unknown", estimator.trouble)
    seen = estimator.samples[-1].seen
    return Estimate(seen, "ok", None, seen, seen, seen, 1, len(estimator.excluded))


def geometry(estimator: Estimator) -> Geometry:
    """Where people sit and what is set aside, for a technician who aims the camera from a desk."""
    if estimator.size is None:
        return Geometry(None, None)
    width, height = estimator.size
    found = estimator.places
    counted = [place for place in found.places if place.number in found.counted]
    excluded = [
        _inside(estimator.size, (face.x, face.y, face.w, face.h), 1.0, "excluded")
        for face in estimator.excluded[:MOST_SET_ASIDE]
    ]
    outlines = [(place.number in found.portraits, _outline(estimator, place)) for place in counted]
    portraits = [replace(outline, reason="portrait") for is_portrait, outline in outlines if is_portrait]
    people = tuple(outline for is_portrait, outline in outlines if not is_portrait)
    return Geometry(width, height, people, (*portraits, *excluded))


def is_sound(face: Detection) -> bool:
    """False for a box that is none: not finite, smaller than a pixel, or beyond what any frame holds."""
    is_finite = all(map(math.isfinite, (face.x, face.y, face.w, face.h, face.score)))
    return is_finite and max(abs(face.x), abs(face.y), face.w, face.h) <= MOST_PX and min(face.w, face.h) >= 1


def _looked(
    estimator: Estimator, faces: tuple[Detection, ...], captured_s: float, config: HeadcountSection
) -> Estimator:
    samples, seen = estimator.samples, len(faces)
    passed_s = config.interval_s
    if samples:
        passed_s = captured_s - samples[-1].captured_s
        if passed_s < LOOK_EVERY_S:
            return replace(estimator, samples=(*samples[:-1], replace(samples[-1], seen=seen)))
    spots = [Spot(face.x + face.w / 2, face.y + face.h / 2, face.w, face.h, face.score) for face in faces]
    # Time in which nobody looked is no evidence that somebody left.
    passed_s = min(passed_s, max(config.window_s / 3, 3 * config.interval_s))
    # Fewer looks than this say nothing about who looks down and who left.
    window_s = max(config.window_s, FEWEST_LOOKS * config.interval_s)
    places = look(estimator.places, spots, passed_s, window_s)
    value = places.people if _holds_enough(config) else seen
    anew, began_s, rose_s = estimator.anew, estimator.began_s, estimator.rose_s
    if places.restarts > estimator.places.restarts:
        anew, samples, began_s, rose_s = "camera_moved", (), captured_s, captured_s
    elif not samples and (estimator.newest_s is None or captured_s - estimator.newest_s > config.window_s / 3):
        began_s = rose_s = captured_s
        anew = anew if estimator.newest_s is None else None  # it is long ago
    if captured_s - began_s < config.window_s or too_early(places.looks, places.passed_s):
        # Who has been seen only once or twice so far is most likely there.
        usual = statistics.median_low([*(sample.seen for sample in samples), seen])
        value = max(value, usual - len(places.portraits))
    if samples and value > samples[-1].value:
        rose_s = captured_s
    kept = tuple([sample for sample in samples if sample.captured_s > captured_s - config.window_s])
    estimator = replace(estimator, places=places, samples=(*kept, Sample(captured_s, seen, value)))
    return replace(estimator, anew=anew, began_s=began_s, rose_s=rose_s, newest_s=captured_s)


def _trouble(frame: FrameSeen) -> str | None:
    if min(frame.width, frame.height) < LEAST_SIDE:
        return "bad_frame"
    if frame.luma_mean < DARK_LUMA:
        return "dark"
    return "frozen" if frame.same_s >= FROZEN_AFTER_S else None


def _odd(estimator: Estimator, frame: FrameSeen) -> str | None:
    """Why this frame does not belong with the ones before."""
    if estimator.size is not None and estimator.size != (frame.width, frame.height):
        return "frame_size"
    if estimator.samples and frame.captured_s <= estimator.samples[-1].captured_s:
        return "clock_backwards"
    return None


def _in_a_row(estimator: Estimator, odd: str, frame: FrameSeen) -> int:
    """Frames that come late come once; a clock that was set back goes on from there."""
    goes_on = estimator.odd == odd and frame.captured_s > estimator.odd_s
    return estimator.odd_frames + 1 if goes_on else 1


def _doubt(estimator: Estimator, config: HeadcountSection) -> str | None:
    """Why the value is less sure than it could be."""
    samples = estimator.samples
    if estimator.odd is not None:
        return estimator.odd
    # A window may be set so short that it never holds more than one or two.
    if len(samples) < max(1, min(ENOUGH_SAMPLES, int(config.window_s / config.interval_s))):
        return estimator.anew or "few_samples"
    newest = samples[-1]
    watched_s = newest.captured_s - estimator.began_s
    if watched_s >= config.window_s:
        return None
    if estimator.anew is not None and watched_s < SETTLED_SHARE * config.window_s:
        return estimator.anew
    return None if _is_settled(estimator, newest, watched_s) else "settling"


def _is_settled(estimator: Estimator, newest: Sample, watched_s: float) -> bool:
    """Whether the value will hardly rise any more, although not a whole window was watched."""
    if newest.seen < MOST_SHOW * newest.value:
        return False
    steady_s = newest.captured_s - estimator.rose_s
    return steady_s >= max(SETTLED_S, SETTLED_SHARE * watched_s) or (
        steady_s == watched_s and newest.seen == newest.value
    )


def _holds_enough(config: HeadcountSection) -> bool:
    return config.window_s >= ENOUGH_SAMPLES * min(config.interval_s, 1.0)


def _outline(estimator: Estimator, place: Place) -> Outline:
    found, looks = estimator.places, max(1, len(estimator.samples))
    lately = (place.bits << (found.looks - place.look)) & ((1 << looks) - 1)
    possible = max(1, min(looks, found.looks - place.born + 1))
    x, y = place.x + found.offset[0] - place.w / 2, place.y + found.offset[1] - place.h / 2
    return _inside(estimator.size, (x, y, place.w, place.h), lately.bit_count() / possible)


def _inside(
    size: tuple[int, int] | None,
    box: tuple[float, float, float, float],
    seen_share: float,
    reason: Literal["excluded"] | None = None,
) -> Outline:
    """A box in 0..1 of the frame; what lies beyond the frame's edge is cut off."""
    (width, height), (x, y, w, h) = size or (1, 1), box
    left, right = sorted(min(1.0, max(0.0, each / width)) for each in (x, x + w))
    top, bottom = sorted(min(1.0, max(0.0, each / height)) for each in (y, y + h))
    return Outline(left, top, right - left, bottom - top, min(1.0, seen_share), reason)
