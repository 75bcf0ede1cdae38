"""``diemcau count``: an eye that a person started. Frames stay in here; the numbers go to whoever iterates."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from agent.core.errors import EyeError
from agent.core.events import Detection, FrameSeen, FrameUnreadable
from hw.eye.annotate import HIDE_THRESHOLD, Annotator, Hider
from hw.eye.detector import bound_threads, open_detector
from hw.eye.models import require, search
from hw.eye.sight import Sight
from hw.eye.sources import Still, open_source
from hw.eye.worker import Sameness

MOST_THREADS = 4  # a person waits for it, but not alone on the machine

Counted = Callable[[FrameSeen], tuple[Detection, ...]]


@dataclass(frozen=True, slots=True)
class Counting:
    """A source that is being counted: what is known before the first frame, and the frames."""

    is_single: bool
    detector: str
    model_sha256: str
    frames: Iterator[FrameSeen | FrameUnreadable]


def open_counting(
    source: str, fps: float | None, threshold: float, annotate: Path | None, counted: Counted
) -> Counting:
    """Open a source and the network.

    Args:
        source: Picture, folder, video or camera.
        fps: See ``hw.eye.sources.open_source``.
        threshold: The least score of a face.
        annotate: Where to write annotated pictures; None: nowhere.
        counted: Which faces of a frame count (the zones); the others get no box, and are hidden all the same.

    Raises:
        EyeError: The source or the network cannot be used. A network with a wrong digest ends a tool; a box goes on
            with the next one.
    """
    found = search()
    if found.refused:
        raise EyeError("model_refused", "; ".join(found.refused))
    model = require(found)
    bound_threads(cpu_share=MOST_THREADS)
    opened = open_source(source, fps)
    sight = Sight(open_detector(model, threshold))
    annotator, sameness = None, Sameness()
    if annotate is not None:
        annotator = Annotator(annotate, opened.is_single, Hider(open_detector(model, HIDE_THRESHOLD)))

    def frames() -> Iterator[FrameSeen | FrameUnreadable]:
        for number, still in enumerate(opened.stills):
            yield _seen(number, still)

    def _seen(number: int, still: Still) -> FrameSeen | FrameUnreadable:
        if still.picture is None:
            return FrameUnreadable(still.t_s, "unreadable", still.problem)
        view = sight.examine(still.picture, still.t_s)
        # A folder or a video may well hold the same picture twice; a camera that does is frozen.
        same_s = sameness.add(view) if opened.is_live else 0.0
        frame = FrameSeen(
            0, still.t_s, view.width, view.height, view.detections, view.detect_ms, view.luma_mean, same_s
        )
        if annotator is not None:
            annotator.write(number, still.picture, view.detections, counted(frame))
        return frame

    return Counting(opened.is_single, sight.name, sight.sha256, frames())
