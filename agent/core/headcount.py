"""From detections to a headcount: a plain median over the window, with a state and a reason.

A face detector sees faces, so heads that are down are missing from every single frame; the median only steadies the
number. Unknown is None with a reason, never 0: a count ends with the camera that made it.
"""

import math
import statistics
from dataclasses import dataclass, replace
from typing import Literal

from agent.core import zones
from agent.core.config import HeadcountSection
from agent.core.events import Detection, FrameSeen

# Below this mean brightness (0..255) faces go missing, so a number would be a wrong one. Source: 96 faces of the drawn
# hall with the default network: 96 found at 14, 95 at 12, 83 at 9.5, 51 at 8, none at 6; a dark frame has 2.5.
DARK_LUMA = 10.0
# The same picture to the last bit: a live sensor's noise never repeats. Source: opencv issues 14044, 22677 (drivers
# that hand out the last frame for ever after an unplug).
FROZEN_AFTER_S = 8.0
ENOUGH_SAMPLES = 3


@dataclass(frozen=True, slots=True)
class Sample:
    """One frame that could be counted: when it was taken (monotonic seconds) and how many faces it shows."""

    captured_s: float
    seen: int


@dataclass(frozen=True, slots=True)
class Estimator:
    """The window of samples and why there is none, if so."""

    samples: tuple[Sample, ...] = ()
    excluded: int = 0
    trouble: str | None = "starting"
    detect_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Estimate:
    """What can be said now; ``value`` is None exactly when ``state`` is ``unknown``."""

    value: int | None
    state: Literal["ok", "degraded", "unknown"]
    reason: str | None
    seen: int | None = None
    min: int | None = None
    max: int | None = None
    samples: int = 0
    excluded: int = 0


def add_frame(estimator: Estimator, frame: FrameSeen, config: HeadcountSection) -> Estimator:
    """Take a frame in. A dark or frozen one empties the window: what it shows is no evidence."""
    trouble = _trouble(frame)
    if trouble is not None:
        return Estimator(trouble=trouble)
    faces = tuple(face for face in frame.detections if is_sound(face) and face.score >= config.threshold)
    counted, excluded = zones.split(faces, frame.width, frame.height, config)
    # Sorted, since a source may hand frames over late; a frame that is not newer replaces nothing.
    kept = {sample.captured_s: sample for sample in estimator.samples}
    kept[frame.captured_s] = Sample(frame.captured_s, len(counted))
    newest = max(kept)
    samples = tuple(kept[at] for at in sorted(kept) if at > newest - config.window_s)
    return replace(estimator, samples=samples, excluded=len(excluded), trouble=None, detect_s=frame.detect_ms / 1000)


def fail(reason: str) -> Estimator:
    """The count ends with its camera."""
    return Estimator(trouble=reason)


def estimate(estimator: Estimator, now_s: float, config: HeadcountSection, stale_after_s: float) -> Estimate:
    """The headcount at ``now_s``. No frame for ``stale_after_s``: unknown, since nobody looked."""
    if estimator.trouble is not None or not estimator.samples:
        return Estimate(None, "unknown", estimator.trouble or "starting")
    counts = [sample.seen for sample in estimator.samples]
    age_s = now_s - estimator.samples[-1].captured_s
    if age_s > stale_after_s:
        return Estimate(None, "unknown", "no_frames")
    # A window may be set so short that it never holds more than one or two.
    enough = max(1, min(ENOUGH_SAMPLES, int(config.window_s / config.interval_s)))
    reason = "few_samples" if len(counts) < enough else None
    return Estimate(
        value=statistics.median_low(counts),
        state="degraded" if reason else "ok",
        reason=reason,
        seen=counts[-1],
        min=min(counts),
        max=max(counts),
        samples=len(counts),
        excluded=estimator.excluded,
    )


def single(frame: FrameSeen, config: HeadcountSection) -> Estimate:
    """What one frame shows by itself."""
    estimator = add_frame(Estimator(), frame, config)
    if estimator.trouble is not None:
        return Estimate(None, "unknown", estimator.trouble)
    seen = estimator.samples[-1].seen
    return Estimate(seen, "ok", None, seen, seen, seen, 1, estimator.excluded)


def is_sound(face: Detection) -> bool:
    """False for a box that is not one: not finite, or without an area."""
    return all(map(math.isfinite, (face.x, face.y, face.w, face.h, face.score))) and face.w > 0 and face.h > 0


def _trouble(frame: FrameSeen) -> str | None:
    if frame.width < 1 or frame.height < 1:
        return "bad_frame"
    if frame.luma_mean < DARK_LUMA:
        return "dark"
    return "frozen" if frame.same_s >= FROZEN_AFTER_S else None
