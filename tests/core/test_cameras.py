"""agent/core/cameras.py and what the room does with it: the spare camera counts while the main one is away or busy."""

from dataclasses import replace
from typing import Any

import pytest

from agent.core import cameras
from agent.core.checks import Checks, CheckState
from agent.core.commands import WatchCamera
from agent.core.config import CameraSection
from agent.core.events import EyeAlive, EyeEnded, EyeTrouble, UsbChanged, UsbDevice
from agent.core.eye_watch import BUSY_AGAIN_S
from tests.core.rig import CAMERA, LONGEST_OFF_S, Rig, frame, only, room_config

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


@pytest.mark.parametrize(("held", "name"), [((), "main"), (("main",), "spare"), (("main", "spare"), None)])
def test_a_camera_that_is_held_back_does_not_count(held: tuple[str, ...], name: str | None) -> None:
    checks = Checks({"main": CheckState("ok"), "spare": CheckState("ok")})
    assert cameras.chosen(SECTION, checks, frozenset(), held) == name


def counting() -> Rig:
    rig = Rig()
    rig.start(codec="on", display="on", lamp="on")
    rig.do(UsbChanged((CAMERA, SPARE)))
    return rig


def without_a_spare() -> Rig:
    rig = Rig(room_config(camera={"check": "camera-main"}))
    rig.start(codec="on", display="on", lamp="on")
    rig.do(UsbChanged((CAMERA,)))
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
    again = only(WatchCamera, rig.wait(90))  # started again, since nobody answers here
    assert again
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


def test_the_spare_counts_while_the_main_one_gives_no_picture() -> None:
    rig = counting()
    orders = only(WatchCamera, rig.do(EyeTrouble(1, "no_frames", "it is no camera")))
    assert [each.node for each in orders] == ["/dev/video4"]
    assert check(rig, "camera.picture")[1] != "busy"
    assert check(rig, "camera-main") == ("failed", "no_frames")  # it is dead, also where the spare one counts
    assert rig.said["readiness"]["ready"] is False
    rig.do(frame(rig.now_s, 5, watch=2))
    assert check(rig, "camera-main") == ("failed", "no_frames")
    rig.do(UsbChanged((SPARE,)))
    assert [each.node for each in only(WatchCamera, rig.do(UsbChanged((CAMERA, SPARE))))] == ["/dev/video0"]


def test_a_camera_that_gives_frames_is_busy_no_more() -> None:
    rig = without_a_spare()
    rig.do(EyeTrouble(1, "busy", ""))
    rig.wait(BUSY_AGAIN_S)
    rig.do(frame(rig.now_s, 5, watch=2))
    assert rig.room.busy == frozenset()
    assert check(rig, "camera-main") == ("ok", None)


def test_two_busy_cameras_are_no_reason_to_go_round_in_circles() -> None:
    rig = counting()
    rig.do(EyeTrouble(1, "busy", ""))
    assert only(WatchCamera, rig.do(EyeTrouble(2, "busy", ""))) == []
    assert rig.said["headcount"]["reason"] == "busy"
    assert len(only(WatchCamera, rig.wait(BUSY_AGAIN_S))) == 1


@pytest.mark.parametrize("why", ["busy", "no_frames"])
def test_a_spare_that_fails_again_and_again_gives_the_main_one_another_chance(why: str) -> None:
    """A main camera that gave no frame for a moment is fine, and the spare one is broken."""
    rig = counting()
    rig.do(EyeTrouble(1, why, ""))
    for _ in range(cameras.FAILURES_ENOUGH):
        assert rig.room.eye.node == "/dev/video4"
        rig.do(EyeEnded(rig.room.eye.watch, "exit 1"))
        rig.wait(8)
    rig.wait(BUSY_AGAIN_S)
    assert rig.room.eye.node == "/dev/video0"
    rig.do(frame(rig.now_s, 5, watch=rig.room.eye.watch))
    assert check(rig, "camera-main") == ("ok", None)


@pytest.mark.parametrize("why", ["busy", "no_frames"])
def test_a_broken_spare_is_no_reason_to_try_a_busy_camera_more_often(why: str) -> None:
    rig = counting()
    rig.do(EyeTrouble(1, "busy", ""))
    assert only(WatchCamera, rig.do(EyeTrouble(2, why, ""))) == []
    assert only(WatchCamera, rig.wait(BUSY_AGAIN_S - 1)) == []


def tries(rig: Rig, seconds: float) -> list[float]:
    """When the camera is tried within that time, which another program has all the while; from now on."""
    begin_s, tried = rig.now_s, []
    while (left_s := begin_s + seconds - rig.now_s) > 0:
        for order in only(WatchCamera, rig.wait(min(0.5, left_s))):
            tried.append(rig.now_s - begin_s)
            rig.do(EyeTrouble(order.watch, "busy", "another program is using it"))
    return tried


def test_a_busy_camera_without_a_spare_says_so_and_is_tried_once_a_minute() -> None:
    rig = without_a_spare()
    rig.do(EyeTrouble(1, "busy", ""))
    assert (rig.said["headcount"]["value"], rig.said["headcount"]["reason"]) == (None, "busy")
    assert check(rig, "camera.picture") == ("warning", "busy")
    tried = tries(rig, 600)
    assert 9 <= len(tried) <= 10
    assert tried[0] >= BUSY_AGAIN_S
    assert check(rig, "camera-main") == ("warning", "busy")
    assert rig.said["headcount"]["reason"] == "busy"


def test_two_busy_cameras_are_tried_once_a_minute_too() -> None:
    rig = counting()
    rig.do(EyeTrouble(1, "busy", ""))
    rig.do(EyeTrouble(2, "busy", ""))
    rig.do(EyeTrouble(3, "busy", ""))
    assert len(tries(rig, 600)) <= 10


def test_a_busy_camera_without_a_spare_is_tried_at_once_after_it_was_unplugged() -> None:
    rig = without_a_spare()
    rig.do(EyeTrouble(1, "busy", ""))
    rig.wait(10)
    assert only(WatchCamera, rig.do(UsbChanged(()))) == []
    assert len(only(WatchCamera, rig.do(UsbChanged((CAMERA,))))) == 1


def test_a_busy_camera_without_a_spare_is_tried_at_once_when_the_room_comes_up_again() -> None:
    rig = Rig(room_config(camera={"check": "camera-main"}, power={"loads": [{"name": "all", "pin": 5}]}))
    rig.start_long_ago()
    rig.do(UsbChanged((CAMERA,)))
    rig.tap()
    order = only(WatchCamera, rig.wait(10))[0]
    rig.do(EyeTrouble(order.watch, "busy", ""))
    rig.hold()
    assert only(WatchCamera, rig.wait(LONGEST_OFF_S)) == []
    assert len(only(WatchCamera, rig.tap() + rig.wait(5))) == 1


# A camera that comes and goes


def flap(rig: Rig, changes: int, every_s: float, *others: UsbDevice) -> list[WatchCamera]:
    """The camera goes, comes, goes …, and it is what it is for ``every_s`` each time. Returns the starts of the eye."""
    orders: list[WatchCamera] = []
    for number in range(changes):
        orders += only(WatchCamera, rig.do(UsbChanged((CAMERA, *others) if number % 2 else others)))
        orders += only(WatchCamera, rig.wait(every_s))
    return orders


def test_a_camera_that_was_pulled_once_is_turned_to_at_once() -> None:
    rig = without_a_spare()
    rig.do(UsbChanged(()))
    assert len(only(WatchCamera, rig.do(UsbChanged((CAMERA,))))) == 1


def test_a_camera_that_flaps_is_not_started_with_for_every_moment_that_it_is_there() -> None:
    rig = without_a_spare()
    flap(rig, 6, 2)
    assert flap(rig, 300, 2) == []
    assert rig.said["headcount"]["reason"] == "flapping"
    rig.do(UsbChanged(()))
    assert rig.said["headcount"]["reason"] == "missing"


def test_a_flapping_camera_that_another_program_has_is_left_alone_for_as_long_as_any_busy_one() -> None:
    rig = without_a_spare()
    flap(rig, 3, 2)
    orders = only(WatchCamera, rig.do(UsbChanged((CAMERA,))))
    rig.wait(1)
    rig.do(EyeTrouble(orders[0].watch, "busy", ""))
    assert rig.room.readiness.is_flapping("camera-main")
    assert rig.said["headcount"]["reason"] == "busy"
    assert only(WatchCamera, rig.wait(BUSY_AGAIN_S - 1)) == []


def test_a_camera_that_flaps_is_started_with_when_it_has_kept_still_and_nobody_else_wakes_the_room() -> None:
    rig = without_a_spare()
    flap(rig, 7, 2)
    rig.do(UsbChanged((CAMERA,)))
    came_s = rig.now_s
    assert only(WatchCamera, rig.wait(cameras.STEADY_AFTER_S - 0.01)) == []
    assert [each.node for each in only(WatchCamera, rig.wait(0.01))] == ["/dev/video0"]
    assert rig.room.eye.started_s == came_s + cameras.STEADY_AFTER_S
    assert rig.room.held == {}


def test_a_flapping_camera_that_moves_to_another_node_has_not_kept_still() -> None:
    rig = without_a_spare()
    flap(rig, 8, 2)
    rig.wait(1)
    moved = replace(CAMERA, node="/dev/video7")
    assert only(WatchCamera, rig.do(UsbChanged((moved,))) + rig.wait(4.9)) == []
    assert [each.node for each in only(WatchCamera, rig.wait(0.1))] == ["/dev/video7"]


def test_the_spare_counts_while_the_main_one_flaps() -> None:
    rig = counting()
    flap(rig, 6, 2, SPARE)
    assert {each.node for each in flap(rig, 30, 2, SPARE)} <= {"/dev/video4"}
    assert rig.room.eye.node == "/dev/video4"
    rig.do(UsbChanged((CAMERA, SPARE)))
    assert [each.node for each in only(WatchCamera, rig.wait(6))][-1] == "/dev/video0"


def test_an_eye_that_works_is_not_ended_because_its_camera_has_come_and_gone() -> None:
    rig = without_a_spare()
    flap(rig, 3, 2)
    rig.do(UsbChanged((CAMERA,)))  # the change that makes it a loose plug: the eye is on its way already
    assert rig.room.readiness.is_flapping("camera-main")
    watch = rig.room.eye.watch
    rig.wait(1)
    rig.do(EyeAlive(watch))
    rig.do(frame(rig.now_s, 5, watch=watch))
    assert (rig.room.eye.running, rig.room.eye.watch) == (True, watch)


def fails(rig: Rig) -> float:
    """The eye ends, and is started again: after how long."""
    rig.do(EyeEnded(rig.room.eye.watch, "exit 1"))
    began_s = rig.now_s
    while not rig.room.eye.running:
        rig.wait(0.5)
    return rig.now_s - began_s


@pytest.mark.parametrize("others", [(), (SPARE,)])
def test_the_pauses_after_failures_do_not_begin_anew_with_each_plug_of_a_flapping_camera(
    others: tuple[UsbDevice, ...],
) -> None:
    rig = counting()
    flap(rig, 8, 2, *others)
    rig.wait(cameras.STEADY_AFTER_S)
    assert [fails(rig) for _ in range(4)] == [1, 2, 4, 8]
    rig.do(UsbChanged(others))
    rig.do(UsbChanged((CAMERA, *others)))
    rig.wait(cameras.STEADY_AFTER_S)
    assert rig.room.eye.node == "/dev/video0"
    assert fails(rig) == 8


def test_the_pauses_begin_anew_with_a_camera_that_was_pulled_once() -> None:
    rig = without_a_spare()
    assert [fails(rig) for _ in range(4)] == [1, 2, 4, 8]
    rig.do(UsbChanged(()))
    rig.do(UsbChanged((CAMERA,)))
    assert fails(rig) == 1


def test_a_flapping_camera_of_a_room_that_is_off_wakes_nobody() -> None:
    rig = without_a_spare()
    flap(rig, 8, 2)
    assert rig.room.held
    rig.hold()
    rig.do(UsbChanged(()))
    rig.do(UsbChanged((CAMERA,)))
    assert rig.room.held == {}


def test_the_spare_camera_that_counts_is_said() -> None:
    rig = counting()
    rig.do(EyeTrouble(1, "busy", ""))
    for _ in range(5):
        rig.wait(2)
        rig.do(frame(rig.now_s, 5, watch=2))
    assert rig.said["headcount"]["value"] == 5
    assert check(rig, "camera.picture") == ("warning", "fallback")
