"""hw/eye/view.py: what leaves a frame."""

import dataclasses

import numpy as np

from agent.core.events import Detection
from hw.eye.view import Picture, View, look
from tests.hw.eye.conftest import drawn

FACE = Detection(1, 2, 3, 4, 0.9)


class OneFace:
    """A network that always sees the same face."""

    name, sha256 = "one", "00"

    def detect(self, picture: Picture) -> tuple[Detection, ...]:
        return (FACE,)


def test_a_view_is_the_frames_numbers() -> None:
    view = look(np.full((40, 60, 3), 100, np.uint8), 12.5, OneFace())
    assert (view.captured_s, view.width, view.height, view.luma_mean) == (12.5, 60, 40, 100.0)
    assert view.detections == (FACE,)
    assert view.detect_ms >= 0


def test_no_field_of_a_view_could_hold_a_picture() -> None:
    view = look(drawn(), 1.0, OneFace())
    for field in dataclasses.fields(View):
        value = getattr(view, field.name)
        assert isinstance(value, int | float) or value == (FACE,), field.name


def test_the_fingerprint_is_the_same_for_the_same_picture_only() -> None:
    pictures = [drawn(at_s=at_s) for at_s in (1.0, 1.0, 1.001, 2.0)]
    same, again, later, much_later = (look(picture, 0.0, OneFace()).fingerprint for picture in pictures)
    assert same == again
    assert len({same, later, much_later}) == 3


def test_a_picture_of_one_pixel_has_numbers_too() -> None:
    view = look(np.full((1, 1, 3), 7, np.uint8), 0.0, OneFace())
    assert (view.width, view.height, view.luma_mean) == (1, 1, 7.0)
