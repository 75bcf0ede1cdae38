"""hw/simulated/film.py: the simulated camera, and what can happen to it."""

import threading
import time
from typing import Any

import pytest

from agent.core.errors import EyeError
from agent.core.events import Detection
from agent.core.headcount import DARK_LUMA
from hw.eye.view import Picture, View
from hw.simulated.audience import Person
from hw.simulated.film import SURE, FilmViewer, read_film
from hw.simulated.hall import DrawnHall
from hw.simulated.script import Attendance, Film

SEATS, WIDTH, HEIGHT = 6, 320, 240
CAMERA = "camera-main"


class Nobody:
    """A network that keeps the picture for the test and finds nobody."""

    name, sha256 = "nobody", "00"

    def __init__(self) -> None:
        self.pictures: list[Picture] = []

    def detect(self, picture: Picture) -> tuple[Detection, ...]:
        self.pictures.append(picture)
        return ()


def film(*cues: dict[str, Any], **rest: Any) -> Film:
    """A film that began ten seconds ago, with everybody there from its beginning."""
    everybody = {"at_s": 0, "do": "arrive", "people": SEATS}
    script = {"seats": SEATS, "width": WIDTH, "height": HEIGHT, "cues": [everybody, *cues], **rest}
    return read_film({"script": script, "started_s": time.monotonic() - 10})


def look(film: Film, network: Nobody | None = None, camera: str = CAMERA) -> View:
    view = FilmViewer(film, camera, network).view(0.0, 1.0)
    assert view is not None
    return view


# What it sees


def test_without_a_network_the_faces_come_from_the_script() -> None:
    viewer = FilmViewer(film(look_down_share=0, lean_share=0), CAMERA, None)
    assert (viewer.detector, viewer.model_sha256) == ("simulated", None)
    view = viewer.view(0.0, 1.0)
    assert view is not None
    assert (view.width, view.height) == (WIDTH, HEIGHT)
    hall = DrawnHall(SEATS, WIDTH, HEIGHT, 1)
    people = [Person(seat, seat) for seat in range(SEATS)]
    assert sorted(view.detections, key=str) == sorted(
        (Detection(*box, SURE) for box in hall.face_boxes(people)), key=str
    )


def test_who_looks_down_has_no_face() -> None:
    bowed = film(look_down_share=1, look_down_most=0.5)
    assert len(look(bowed).detections) == SEATS // 2


def test_with_a_network_the_hall_is_drawn() -> None:
    network = Nobody()
    view = look(film(), network)
    assert network.pictures[0].shape == (HEIGHT, WIDTH, 3)
    assert view.detections == ()
    assert view.luma_mean > 2 * DARK_LUMA


def test_a_view_was_taken_now_on_the_clock_that_everybody_shares() -> None:
    before_s = time.monotonic()
    assert before_s <= look(film()).captured_s <= time.monotonic()


def test_the_people_are_those_of_the_script_at_that_second() -> None:
    coming = film({"at_s": 9.0, "do": "leave", "people": 4}, {"at_s": 5000, "do": "arrive", "people": 3})
    assert Attendance(coming.script).people(10.0) == 2
    assert len(look(film({"at_s": 9.0, "do": "leave", "people": 4}, look_down_share=0)).detections) == 2


# What happens to it


@pytest.mark.parametrize("network", [None, Nobody()], ids=["boxes", "drawn"])
def test_two_moments_never_give_the_same_picture(network: Nobody | None) -> None:
    viewer = FilmViewer(film(), CAMERA, network)
    views = [viewer.view(0.0, 1.0) for _ in range(3)]
    assert len({view.fingerprint for view in views if view is not None}) == 3


@pytest.mark.parametrize("network", [None, Nobody()], ids=["boxes", "drawn"])
def test_a_frozen_camera_gives_the_same_picture_with_new_times(network: Nobody | None) -> None:
    viewer = FilmViewer(film({"at_s": 5, "do": "freeze"}, {"at_s": 8, "do": "leave", "people": 3}), CAMERA, network)
    one, other = viewer.view(0.0, 1.0), viewer.view(0.0, 1.0)
    assert one is not None
    assert other is not None
    assert one.fingerprint == other.fingerprint
    assert one.detections == other.detections
    assert one.captured_s < other.captured_s


def test_a_frozen_camera_shows_who_was_there_when_it_froze() -> None:
    cues = {"at_s": 5, "do": "freeze"}, {"at_s": 8, "do": "leave", "people": 3}
    assert len(look(film(*cues, look_down_share=0)).detections) == SEATS
    assert len(look(film(*cues, {"at_s": 9, "do": "thaw"}, look_down_share=0)).detections) == SEATS - 3


@pytest.mark.parametrize("network", [None, Nobody()], ids=["boxes", "drawn"])
def test_in_the_dark_nobody_is_seen_and_the_picture_says_why(network: Nobody | None) -> None:
    view = look(film({"at_s": 5, "do": "dark"}), network)
    assert view.detections == ()
    assert view.luma_mean < DARK_LUMA
    assert look(film({"at_s": 5, "do": "dark"}, {"at_s": 9, "do": "light"}), network).luma_mean > DARK_LUMA


def test_an_unplugged_camera_is_missing_until_it_is_plugged_in_again() -> None:
    pulled = {"at_s": 5, "do": "unplug", "device": CAMERA}
    with pytest.raises(EyeError, match="the script unplugged the camera") as caught:
        look(film(pulled))
    assert caught.value.reason == "missing"
    assert look(film(pulled, {"at_s": 9, "do": "plug", "device": CAMERA}))
    assert look(film({**pulled, "device": "camera-side"}))


def test_a_camera_that_another_program_uses_is_busy_until_that_lets_go() -> None:
    taken = {"at_s": 5, "do": "busy", "device": CAMERA}
    with pytest.raises(EyeError, match="another program") as caught:
        look(film(taken))
    assert caught.value.reason == "busy"
    assert look(film(taken, {"at_s": 9, "do": "free", "device": CAMERA}))
    assert look(film({**taken, "device": "camera-side"}))


def test_an_unplugged_camera_is_missing_and_not_busy() -> None:
    with pytest.raises(EyeError) as caught:
        look(film({"at_s": 5, "do": "busy", "device": CAMERA}, {"at_s": 6, "do": "unplug", "device": CAMERA}))
    assert caught.value.reason == "missing"


def test_a_stalled_camera_never_returns() -> None:
    views: list[View | None] = []
    viewer = FilmViewer(film({"at_s": 5, "do": "stall"}), CAMERA, None)
    # A daemon, since nothing can end it but the end of its process: that is what it stands for.
    looking = threading.Thread(target=lambda: views.append(viewer.view(0.0, 0.01)), daemon=True)
    looking.start()
    looking.join(0.3)
    assert looking.is_alive()
    assert views == []


def test_a_camera_that_was_stalled_goes_on() -> None:
    assert look(film({"at_s": 5, "do": "stall"}, {"at_s": 9, "do": "go"}))


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"script": {}, "started_s": "now"},
        {"script": {"seats": 0}, "started_s": 1.0},
        {"script": {}, "started_s": 1.0, "speed": 0},
        {"script": {}, "started_s": 1.0, "file": "/etc/passwd"},
    ],
)
def test_what_is_no_film_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        read_film(document)
