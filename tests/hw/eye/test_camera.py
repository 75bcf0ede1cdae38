"""hw/eye/camera.py: the newest frame only, and what is said when there is none. The driver is one of ours."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent.core.errors import EyeError
from hw.eye import camera as camera_module
from hw.eye.camera import Camera, CameraViewer, open_capture
from hw.eye.view import Picture
from tests.hw.eye.conftest import PATIENCE_S


class Driver:
    """Stands where ``cv2.VideoCapture`` stands: hands out a frame whenever the test lets it."""

    def __init__(self) -> None:
        self.grabbed = 0
        self.decoded: list[int] = []
        self.released = threading.Event()
        self.is_unplugged = False
        self.odd: Any = None
        self._is_free = False
        self._turns = threading.Semaphore(0)
        self._waits = threading.Semaphore(0)

    def frames(self, number: int) -> None:
        """Let ``number`` frames come, and return when the camera waits for the one after them."""
        for _ in range(number):
            self._turns.release()
            assert self._waits.acquire(timeout=PATIENCE_S)

    def end(self) -> None:
        """Let frames come as fast as they are taken."""
        self._is_free = True
        self._turns.release()

    def grab(self) -> bool:
        self._waits.release()
        assert self._is_free or self._turns.acquire(timeout=PATIENCE_S)
        self.grabbed += 1
        return not self.is_unplugged

    def retrieve(self) -> tuple[bool, Picture | None]:
        self.decoded.append(self.grabbed)
        return True, np.full((4, 4, 3), self.grabbed, np.uint8) if self.odd is None else self.odd

    def release(self) -> None:
        self.released.set()


class Nothing:
    """A network that finds nobody."""

    name, sha256 = "nothing", "00"

    def detect(self, picture: Picture) -> tuple[()]:
        return ()


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Driver]:
    driver = Driver()
    monkeypatch.setattr(camera_module, "open_capture", lambda node, width, height: driver)
    yield driver
    driver.end()


@pytest.fixture
def camera(driver: Driver) -> Iterator[Camera]:
    camera = Camera("/dev/video0", 0, 0)
    camera.start()
    assert driver._waits.acquire(timeout=PATIENCE_S)
    yield camera
    camera.close()
    driver.end()
    assert driver.released.wait(PATIENCE_S)


def test_no_frame_in_time_is_none_and_not_an_error(camera: Camera) -> None:
    assert camera.newest(0.0, 0.01) is None


def test_only_a_frame_that_is_asked_for_is_decoded(camera: Camera, driver: Driver) -> None:
    driver.frames(5)
    assert driver.decoded == []
    assert camera.newest(0.0, 0.01) is None
    driver.frames(3)
    assert driver.decoded == [6]
    frame = camera.newest(0.0, PATIENCE_S)
    assert frame is not None
    assert frame[1][0, 0, 0] == 6


def test_a_frame_that_is_not_newer_than_the_last_one_is_not_given_again(camera: Camera, driver: Driver) -> None:
    camera.newest(0.0, 0.01)
    driver.frames(1)
    frame = camera.newest(0.0, PATIENCE_S)
    assert frame is not None
    assert camera.newest(frame[0], 0.01) is None
    driver.frames(1)
    newer = camera.newest(frame[0], PATIENCE_S)
    assert newer is not None
    assert newer[0] > frame[0]


def test_a_camera_that_gives_no_more_frames_is_missing(camera: Camera, driver: Driver) -> None:
    driver.is_unplugged = True
    driver.end()
    with pytest.raises(EyeError, match="is it still plugged in") as caught:
        camera.newest(0.0, PATIENCE_S)
    assert caught.value.reason == "missing"  # there is no such node here
    driver.released.set()  # a lost camera is let go of with its process


def test_one_lost_frame_is_no_lost_camera(camera: Camera, driver: Driver) -> None:
    driver.is_unplugged = True
    driver.frames(2)
    driver.is_unplugged = False
    camera.newest(0.0, 0.01)
    driver.frames(1)
    assert camera.newest(0.0, PATIENCE_S) is not None


def test_a_viewer_turns_the_newest_frame_into_numbers(driver: Driver) -> None:
    camera = Camera("/dev/video0", 0, 0)
    viewer = CameraViewer(camera, Nothing())
    assert (viewer.detector, viewer.model_sha256) == ("nothing", "00")
    driver.end()
    view = viewer.view(0.0, PATIENCE_S)
    viewer.close()
    assert view is not None
    assert (view.width, view.height, view.detections) == (4, 4, ())
    assert driver.released.wait(PATIENCE_S)


# Opening


def test_a_camera_that_is_still_there_and_gives_no_more_frames_does_not_work(driver: Driver, tmp_path: Path) -> None:
    """Two of them on one USB 2 hub have no bandwidth, say: nobody has unplugged anything, and the spare may work."""
    node = tmp_path / "video0"
    node.touch()
    broken = Camera(str(node), 0, 0)
    broken.start()
    driver.is_unplugged = True
    driver.end()
    with pytest.raises(EyeError) as caught:
        broken.newest(0.0, PATIENCE_S)
    assert caught.value.reason == "no_frames"
    broken.close()


def test_a_camera_that_is_not_there_is_missing(tmp_path: Path) -> None:
    with pytest.raises(EyeError, match="plug it in, or name another one") as caught:
        open_capture(str(tmp_path / "video0"))
    assert caught.value.reason == "missing"


def test_a_camera_that_may_not_be_opened_is_not_permitted(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may open everything")
    node = tmp_path / "video0"
    node.touch(mode=0o000)
    with pytest.raises(EyeError, match="add this user to the group video") as caught:
        open_capture(str(node))
    assert caught.value.reason == "not_permitted"


@pytest.mark.parametrize("node", ["/dev/null", "/dev/zero"])
def test_what_is_no_camera_is_not_busy(node: str) -> None:
    with pytest.raises(EyeError, match=f"{node} is no camera") as caught:
        open_capture(node)
    assert caught.value.reason == "no_frames"


class Refusing(Driver):
    """A camera of which OpenCV says no the first ``times`` times."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.refusals, self.tries = times, 0

    def isOpened(self) -> bool:  # noqa: N802 # OpenCV's name
        self.tries += 1
        return self.tries > self.refusals

    def set(self, what: int, value: float) -> bool:
        return True


def refuse(monkeypatch: pytest.MonkeyPatch, times: int, why: EyeError | None) -> tuple[Refusing, list[bool]]:
    """The camera, and at each question for the reason whether OpenCV had been made to let go of it."""
    refusing, asked = Refusing(times), list[bool]()

    def explain(node: str) -> None:
        asked.append(refusing.released.is_set())
        if why is not None:
            raise why

    monkeypatch.setattr(camera_module, "_opencv", lambda node: refusing)
    monkeypatch.setattr(camera_module, "explain_refusal", explain)
    return refusing, asked


def test_a_camera_that_opens_is_asked_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    refusing, asked = refuse(monkeypatch, 0, None)
    assert open_capture("/dev/null") is refusing  # type: ignore[comparison-overlap]
    assert asked == []


def test_the_kernels_reason_is_the_one_that_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    refusing, asked = refuse(monkeypatch, 9, EyeError("busy", "another program is using it"))
    with pytest.raises(EyeError, match="another program is using it"):
        open_capture("/dev/null")
    assert (refusing.tries, asked) == (1, [True])


def test_a_camera_that_has_just_been_let_go_of_is_opened_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    refusing, asked = refuse(monkeypatch, 1, None)
    assert open_capture("/dev/null") is refusing  # type: ignore[comparison-overlap]
    assert asked == [True]


def test_a_camera_that_nobody_has_and_that_cannot_be_opened_does_not_work(monkeypatch: pytest.MonkeyPatch) -> None:
    refusing, asked = refuse(monkeypatch, 9, None)
    with pytest.raises(EyeError, match="nobody uses it: plug it in again") as caught:
        open_capture("/dev/null")
    assert caught.value.reason == "no_frames"
    assert (refusing.tries, asked) == (2, [True, True])


def test_the_error_of_opening_reaches_whoever_waits_for_a_frame() -> None:
    camera = Camera("/dev/video97", 0, 0)
    camera.start()
    with pytest.raises(EyeError, match="there is no camera at /dev/video97"):
        camera.newest(0.0, PATIENCE_S)
    camera.close()


@pytest.mark.parametrize(
    "picture",
    [
        np.full((4, 6), 7, np.uint8),
        np.full((4, 6, 1), 7, np.uint8),
        np.full((4, 6, 2), 7, np.uint8),
        np.full((4, 6, 3), 7 << 8, np.uint16),
    ],
    ids=["grey", "grey in three", "brightness and colour by turns", "16-bit"],
)
def test_what_a_driver_hands_out_becomes_ordinary_colour(driver: Driver, picture: Any) -> None:
    driver.odd = picture
    driver.end()
    camera = Camera("/dev/video0", 0, 0)
    camera.start()
    frame = camera.newest(0.0, PATIENCE_S)
    assert frame is not None
    assert np.array_equal(frame[1], np.full((4, 6, 3), 7, np.uint8))
    camera.close()
