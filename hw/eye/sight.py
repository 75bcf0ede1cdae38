"""A network that looks at each frame as large as its faces need it, and in pieces: what everything is counted with."""

from dataclasses import replace

from agent.core.events import Detection
from hw.eye.plan import Plan
from hw.eye.sizing import Sizing
from hw.eye.tiles import Tiled
from hw.eye.view import Allowance, Detector, Picture, View, as_colour, look

# One look, a larger one to see what that adds, one at what the faces then need; a fourth if that shows smaller ones.
MOST_LOOKS = 4
# Another picture, not the next of the same room: fewer than half of the faces are where faces were.
SAME_SHARE, ENOUGH_FACES = 0.5, 3


class Sight:
    """One camera's or one source's frames, in their order.

    Args:
        detector: The network; sees pieces of at most ``plan.MOST_TILE_PX``.
    """

    def __init__(self, detector: Detector) -> None:
        self.name = detector.name
        self.sha256 = detector.sha256
        self.allowance = Allowance()
        self._network = detector
        self._sizing = Sizing()
        self._before: tuple[Detection, ...] = ()

    def look(self, picture: Picture, captured_s: float) -> View:
        """The next frame of a camera: one look, from which the following ones learn."""
        picture = as_colour(picture)
        height, width = picture.shape[:2]
        plan = self._sizing.plan(width, height, self.allowance.most_px)
        seen = self._seen(picture, captured_s, plan)
        self._sizing.learn(seen.detections)
        return seen

    def examine(self, picture: Picture, captured_s: float) -> View:
        """The next picture of a file or folder, looked at until the size is right: the first one, and each that shows
        something else than the one before. Its view is the last look's.
        """
        seen = self.look(picture, captured_s)
        if self._sizing.is_settled and not _is_same_scene(self._before, seen.detections):
            self._sizing.reset(seen.width, seen.height)
            seen = self.look(picture, captured_s)
        for _ in range(MOST_LOOKS - 1):
            if self._sizing.is_settled and not self._has_to_look_again(seen):
                break
            seen = self.look(picture, captured_s)
        self._before = seen.detections
        return seen

    def detect(self, picture: Picture) -> tuple[Detection, ...]:
        """All faces of a picture that has nothing to do with the one before, in its pixels."""
        self._sizing.reset(0, 0)
        return self.examine(picture, 0.0).detections

    def _has_to_look_again(self, seen: View) -> bool:
        plan = self._sizing.plan(seen.width, seen.height, self.allowance.most_px)
        return (plan.width_px, plan.height_px) != (seen.work_width, seen.work_height)

    def _seen(self, picture: Picture, captured_s: float, plan: Plan) -> View:
        tiled = Tiled(self._network, plan, self._sizing.is_coarse_due, self.allowance.beat)
        view = look(picture, captured_s, tiled)
        return replace(view, work_width=plan.width_px, work_height=plan.height_px, tiles=len(plan.levels[0].tiles))


def _is_same_scene(before: tuple[Detection, ...], now: tuple[Detection, ...]) -> bool:
    most = max(len(before), len(now))
    places = [(face.x, face.y, max(face.w, face.h)) for face in before]
    again = sum(any(abs(face.x - x) < size and abs(face.y - y) < size for x, y, size in places) for face in now)
    return most < ENOUGH_FACES or again >= SAME_SHARE * most
