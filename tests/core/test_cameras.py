"""agent/core/cameras.py and what the room does with it: the spare camera counts while the main one is away or busy."""

from typing import Any

import pytest

from agent.core import cameras
from agent.core.checks import Checks, CheckState
from agent.core.commands import WatchCamera
from agent.core.config import CameraSection
from agent.core.events import EyeTrouble, UsbChanged, UsbDevice
from tests.core.rig import CAMERA, Rig, only

SECTION = CameraSection(check="main", fallback="spare")
SPARE = UsbDevice("camera", "1d6b:0001", "A2", "1-1.4", "/dev/video4")


@pytest.mark.parametrize(
    ("main", "spare", "busy", "name"),
    [
        ("ok", "ok", (), "main"),
        ("ok", "ok", ("main",), "spare"),
        ("failed", "ok", (), "spare"),
        ("ok", "failed", ("main",), "main"),
        ("ok", "ok", ("main", "spare"), "main"),
        ("failed", "failed", (), None),
        ("unknown", "ok", (), "spare"),
    ],
)
def test_which_one_counts(main: Any, spare: Any, busy: tuple[str, ...], name: str | None) -> None:
    checks = Checks({"main": CheckState(main), "spare": CheckState(spare)})
    assert cameras.chosen(SECTION, checks, frozenset(busy)) == name


def test_a_camera_without_a_spare_is_the_only_one() -> None:
    checks = Checks({"main": CheckState("ok")})
    assert cameras.chosen(CameraSection(check="main"), checks, frozenset({"main"})) == "main"


def counting() -> Rig:
    rig = Rig()
    rig.start(codec="on", display="on", lamp="on")
    rig.do(UsbChanged((CAMERA, SPARE)))
    return rig


def check(rig: Rig, name: str) -> tuple[str, str | None]:
    said = next(each for each in rig.said["readiness"]["checks"] if each["name"] == name)
    return said["state"], said["reason"]


def test_a_busy_camera_is_left_alone_and_the_spare_one_counts_at_once() -> None:
    rig = counting()
    orders = only(WatchCamera, rig.do(EyeTrouble(1, "busy", "another program is using it")))
    assert [(each.watch, each.node) for each in orders] == [(2, "/dev/video4")]
    assert rig.said["headcount"]["reason"] == "starting"
    assert check(rig, "camera-main") == ("warning", "busy")
    again = only(WatchCamera, rig.wait(3600))  # started again, since nobody answers here
    assert {each.node for each in again} == {"/dev/video4"}


def test_the_main_camera_is_tried_again_after_it_was_unplugged_or_the_room_was_off() -> None:
    rig = counting()
    rig.do(EyeTrouble(1, "busy", ""))
    rig.do(UsbChanged((SPARE,)))
    orders = only(WatchCamera, rig.do(UsbChanged((CAMERA, SPARE))))
    assert [each.node for each in orders] == ["/dev/video0"]
    rig.do(EyeTrouble(orders[0].watch, "busy", ""))
    assert rig.room.busy == {"camera-main"}
    rig.hold()
    rig.wait(60)
    assert rig.room.busy == frozenset()


def test_a_camera_that_gives_frames_is_busy_no_more() -> None:
    from tests.core.rig import frame

    rig = Rig()
    rig.start(codec="on", display="on", lamp="on")
    rig.do(UsbChanged((CAMERA,)))
    rig.do(EyeTrouble(1, "busy", ""))
    rig.wait(2)
    rig.do(frame(rig.now_s, 5, watch=2))
    assert rig.room.busy == frozenset()
    assert check(rig, "camera-main") == ("ok", None)


def test_two_busy_cameras_are_no_reason_to_go_round_in_circles() -> None:
    rig = counting()
    rig.do(EyeTrouble(1, "busy", ""))
    orders = only(WatchCamera, rig.do(EyeTrouble(2, "busy", "")))
    assert len(orders) == 1
    assert only(WatchCamera, rig.do(EyeTrouble(3, "busy", ""))) == []
    assert rig.said["headcount"]["reason"] == "busy"
    assert len(only(WatchCamera, rig.wait(60))) <= 3


def test_a_busy_camera_without_a_spare_says_so_and_is_tried_with_a_growing_pause() -> None:
    rig = Rig()
    rig.start(codec="on", display="on", lamp="on")
    rig.do(UsbChanged((CAMERA,)))
    rig.do(EyeTrouble(1, "busy", ""))
    assert (rig.said["headcount"]["value"], rig.said["headcount"]["reason"]) == (None, "busy")
    assert check(rig, "camera.picture") == ("warning", "busy")
    assert only(WatchCamera, rig.wait(1.0)) != []


def test_the_spare_camera_that_counts_is_said() -> None:
    from tests.core.rig import frame

    rig = counting()
    rig.do(EyeTrouble(1, "busy", ""))
    for _ in range(5):
        rig.wait(2)
        rig.do(frame(rig.now_s, 5, watch=2))
    assert rig.said["headcount"]["value"] == 5
    assert check(rig, "camera.picture") == ("warning", "fallback")
