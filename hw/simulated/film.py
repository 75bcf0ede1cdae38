"""The camera of a simulated room: frames of the drawn hall, or only the boxes. Runs in the eye's process."""

import threading
import time
from typing import Any

from agent.core.errors import EyeError
from agent.core.events import Detection
from agent.core.parse import build
from hw.eye.sight import Sight
from hw.eye.view import Allowance, Detector, View
from hw.simulated.hall import DrawnHall
from hw.simulated.script import Attendance, Film, is_on

SURE = 0.95  # the score of a face that the script knows to be there
LIT_LUMA = 100.0


def read_film(document: dict[str, Any]) -> Film:
    """The film that came with an order. Raises ValueError."""
    return build(Film, document)


class FilmViewer:
    """Looks at the drawn hall, with a network, or, where ``detector`` is None, reads the faces from the script."""

    def __init__(self, film: Film, camera: str, detector: Detector | None) -> None:
        self.detector = "simulated" if detector is None else detector.name
        self.model_sha256 = None if detector is None else detector.sha256
        self._film, self._camera = film, camera
        self._sight = None if detector is None else Sight(detector)
        self.allowance = Allowance() if self._sight is None else self._sight.allowance
        self._attendance = Attendance(film.script)
        self._hall = DrawnHall(film.script.seats, film.script.width, film.script.height, film.script.seed)

    def view(self, after_s: float, timeout_s: float) -> View | None:
        """What the camera sees now. Raises EyeError when the script unplugged it, or gave it to another program; never
        returns while it is stalled.
        """
        script, at_s = self._film.script, self._film.at()
        if not is_on(script, "plug", "unplug", at_s, self._camera):
            raise EyeError("missing", "the script unplugged the camera")
        if not is_on(script, "free", "busy", at_s, self._camera):
            raise EyeError("busy", "the script has another program use the camera")
        if not is_on(script, "go", "stall", at_s):
            threading.Event().wait()  # for ever, as a broken driver does: it takes somebody outside to end this
        return self._look(self._frozen_at(at_s))

    def close(self) -> None:
        """Nothing to let go of."""

    def _look(self, at_s: float) -> View:
        people = self._attendance.pose(at_s)
        light = 1.0 if is_on(self._film.script, "light", "dark", at_s) else 0.0
        now_s = time.monotonic()
        if self._sight is not None:
            return self._sight.look(self._hall.draw(people, at_s, light), now_s)
        faces = self._hall.face_boxes(people) if light else []
        detections = tuple(Detection(*box, SURE) for box in faces)
        script = self._film.script
        fingerprint = hash(at_s)
        return View(now_s, script.width, script.height, detections, 0.0, LIT_LUMA * light, fingerprint)

    def _frozen_at(self, at_s: float) -> float:
        """The script's second that the camera shows: the moment it froze, or now."""
        script = self._film.script
        if is_on(script, "thaw", "freeze", at_s):
            return at_s
        return max(cue.at_s for cue in script.cues if cue.do == "freeze" and cue.at_s <= at_s)
