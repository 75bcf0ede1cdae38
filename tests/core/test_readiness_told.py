"""What a room says of its fitness, over the whole core: at once, with what to do, and with few lines in the history."""

from dataclasses import replace
from typing import Any

import pytest

from agent.core.commands import ShowLed
from agent.core.events import EyeTrouble, LinkUp, Probed, UsbChanged, UsbDevice
from agent.core.readiness import RULES
from agent.core.room import GOES_WITHIN_S
from tests.core.rig import CAMERA, LONGEST_OFF_S, Rig, frame, room_config

FAST, SLOW = RULES
CHECKS = [
    {"name": "codec-answers", "kind": "tcp", "address": "192.0.2.20:5060"},
    {"name": "camera-main", "kind": "usb-camera", "usb": "046d:085e", "group": "display"},
    {"name": "mic-table", "kind": "usb-microphone", "usb": "046d:0a44", "group": "audio"},
]
MICROPHONE = UsbDevice("microphone", "046d:0a44", "M1", "1-1.3", "hw:1")


def ready_room(**site: Any) -> Rig:
    rig = Rig(room_config(checks=CHECKS, camera={}, site=site or {"language": "en"}))
    rig.start()
    rig.do(LinkUp(1))
    rig.do(UsbChanged((CAMERA, MICROPHONE)))
    rig.wait(LONGEST_OFF_S)
    rig.tap()
    rig.wait(5)
    rig.do(Probed("codec-answers", True))
    rig.wait(30)
    rig.do(Probed("codec-answers", True))
    rig.wait(0)
    return rig


def check(rig: Rig, name: str) -> dict[str, Any]:
    return next(each for each in rig.said["readiness"]["checks"] if each["name"] == name)


def test_a_room_that_is_up_is_ready_and_its_lamp_is_steady() -> None:
    rig = ready_room()
    assert rig.said["readiness"]["ready"] is True
    assert rig.room.led == ShowLed("ready")
    assert "advice" not in check(rig, "mic-table")


@pytest.mark.parametrize(("language", "words"), [("vi", "Không thấy micro"), ("en", "The microphone is not there")])
def test_a_pulled_microphone_is_said_at_once_with_advice_and_a_line_in_the_history(language: str, words: str) -> None:
    rig = ready_room(language=language)
    rig.do(UsbChanged((CAMERA,)))
    said = check(rig, "mic-table")
    assert (rig.said["readiness"]["ready"], said["state"], said["reason"]) == (False, "failed", "missing")
    assert said["advice"].startswith(words)
    assert rig.room.led == ShowLed("warning")
    assert (rig.history[-1]["kind"], rig.history[-1]["detail"]["check"]) == ("device.lost", "mic-table")
    rig.do(UsbChanged((CAMERA, MICROPHONE)))
    assert rig.said["readiness"]["ready"] is True
    assert rig.history[-1]["kind"] == "device.found"


def test_a_device_that_was_never_there_was_not_lost() -> None:
    rig = Rig(room_config(checks=CHECKS, camera={}))
    rig.start()
    rig.do(UsbChanged((CAMERA,)))
    assert rig.history == []


@pytest.mark.parametrize("pace_s", [22.0, 90.0])
def test_a_plug_that_is_loose_for_hours_leaves_a_few_lines(pace_s: float) -> None:
    rig = ready_room()
    rig.history.clear()
    before = rig.room.readiness.watched["mic-table"].changes
    changes = int(4 * 3600 / pace_s) // 2 * 2  # so that it is there in the end
    for number in range(changes):
        rig.do(UsbChanged((CAMERA,) if number % 2 == 0 else (CAMERA, MICROPHONE)))
        rig.wait(pace_s)
        lines = len(rig.history)
        assert lines <= SLOW.changes
    assert check(rig, "mic-table")["reason"] == "flapping"
    assert rig.room.readiness.watched["mic-table"].changes == before + changes
    rig.wait(SLOW.steady_after_s)
    assert (check(rig, "mic-table")["state"], len(rig.history)) == ("ok", lines + 1)
    assert rig.history[-1]["kind"] == "device.found"


def loose_room(*last: UsbDevice) -> Rig:
    """A room whose microphone has just begun to come and go."""
    rig = ready_room()
    for number in range(FAST.changes):
        rig.do(UsbChanged((CAMERA,) if number % 2 == 0 else (CAMERA, MICROPHONE)))
        rig.wait(1)
    assert rig.room.readiness.is_flapping("mic-table")
    rig.history.clear()
    rig.do(UsbChanged((CAMERA, *last)))
    return rig


def test_while_a_plug_is_loose_no_device_is_lost_or_found() -> None:
    rig = loose_room()
    for number in range(50):
        rig.do(UsbChanged((CAMERA,) if number % 2 else (CAMERA, MICROPHONE)))
        rig.wait(1)
    assert rig.history == []


@pytest.mark.parametrize(("last", "kind", "reason"), [((), "lost", "missing"), ((MICROPHONE,), "found", None)])
def test_when_a_loose_plug_keeps_still_one_line_says_how_it_ended(
    last: tuple[UsbDevice, ...], kind: str, reason: str | None
) -> None:
    rig = loose_room(*last)
    rig.wait(SLOW.steady_after_s)
    lines = [(each["kind"], each["detail"]) for each in rig.history]
    assert lines == [(f"device.{kind}", {"check": "mic-table", "reason": reason})]


def test_a_camera_that_went_while_another_program_came_and_went_is_lost_in_the_end() -> None:
    rig = Rig(room_config(checks=CHECKS, camera={"check": "camera-main"}))
    rig.start(codec="on", display="on", lamp="on")
    rig.do(UsbChanged((CAMERA, MICROPHONE)))
    for _ in range(2):
        rig.do(EyeTrouble(rig.room.eye.watch, "busy", ""))
        rig.now_s = rig.room.eye.retry_s or 0.0
        rig.wait(0)
        rig.do(frame(rig.now_s, 3, watch=rig.room.eye.watch))
    for _ in range(4):
        rig.do(EyeTrouble(rig.room.eye.watch, "busy", ""))
        rig.wait(70)
        rig.do(frame(rig.now_s, 3, watch=rig.room.eye.watch))
    assert check(rig, "camera-main")["reason"] == "flapping"
    assert check(rig, "camera-main")["state"] == "warning"
    rig.do(UsbChanged((MICROPHONE,)))
    rig.wait(SLOW.steady_after_s)
    lost = [each["detail"] for each in rig.history if each["kind"] == "device.lost"]
    assert lost == [{"check": "camera-main", "reason": "missing"}]


def test_a_muted_microphone_warns_and_keeps_nobody_away() -> None:
    rig = ready_room()
    rig.do(UsbChanged((CAMERA, replace(MICROPHONE, muted=True))))
    said = check(rig, "mic-table")
    assert (rig.said["readiness"]["ready"], said["state"], said["reason"]) == (True, "warning", "muted")
    assert rig.room.led == ShowLed("warning")


def test_a_camera_that_is_also_a_keyboard_is_reported() -> None:
    rig = ready_room()
    rig.do(UsbChanged((replace(CAMERA, is_keyboard=True), MICROPHONE)))
    assert (check(rig, "camera-main")["state"], check(rig, "camera-main")["reason"]) == ("warning", "also_a_keyboard")
    assert [each["kind"] for each in rig.history][-1] == "device.suspicious"


STRANGER = UsbDevice("microphone", "1234:5678", "", "1-1.4", "hw:2", is_keyboard=True)


def suspicious(rig: Rig) -> list[str]:
    return [each["detail"]["check"] for each in rig.history if each["kind"] == "device.suspicious"]


@pytest.mark.parametrize(("language", "words"), [("vi", "không có trong cấu hình"), ("en", "config does not know")])
def test_a_keyboard_that_no_check_asks_for_warns_with_one_line_and_keeps_nobody_away(language: str, words: str) -> None:
    rig = ready_room(language=language)
    assert check(rig, "box.usb")["state"] == "ok"
    rig.do(UsbChanged((CAMERA, MICROPHONE, STRANGER)))
    said = check(rig, "box.usb")
    assert (said["state"], said["reason"], said["required"]) == ("warning", "also_a_keyboard", False)
    assert words in said["advice"]
    assert rig.said["readiness"]["ready"] is True
    rig.wait(120)
    assert suspicious(rig) == ["box.usb"]
    rig.do(UsbChanged((CAMERA, MICROPHONE)))
    assert check(rig, "box.usb")["state"] == "ok"


def test_a_keyboard_that_is_there_from_the_beginning_has_its_line() -> None:
    rig = Rig(room_config(checks=CHECKS, camera={}))
    rig.start()
    assert "box.usb" not in {each["name"] for each in rig.said["readiness"]["checks"]}
    rig.do(UsbChanged((STRANGER,)))
    rig.wait(60)
    assert suspicious(rig) == ["box.usb"]


@pytest.mark.parametrize("pace_s", [2.0, 22.0])
@pytest.mark.parametrize(
    ("device", "name"), [(STRANGER, "box.usb"), (replace(MICROPHONE, is_keyboard=True), "mic-table")]
)
def test_a_keyboard_that_comes_and_goes_fills_no_disk_and_stays_a_keyboard(
    device: UsbDevice, name: str, pace_s: float
) -> None:
    rig = ready_room()
    rig.history.clear()
    for number in range(100):
        rig.do(UsbChanged((CAMERA,) if number % 2 else (CAMERA, device)))
        rig.wait(pace_s)
        assert number < SLOW.changes or check(rig, name)["reason"] == "also_a_keyboard"
    assert 1 <= len(suspicious(rig)) <= SLOW.changes / 2
    assert len([each for each in rig.history if each["detail"]["check"] == name]) <= 2 * SLOW.changes


def test_a_loose_plug_that_turns_out_to_be_a_keyboard_has_its_line() -> None:
    rig = loose_room(replace(MICROPHONE, is_keyboard=True))
    assert suspicious(rig) == ["mic-table"]


def test_a_loose_plug_makes_few_messages_and_few_lines() -> None:
    rig = ready_room()
    rig.history.clear()
    said = []
    for number in range(200):
        rig.wait(0.5)
        rig.do(UsbChanged((CAMERA,) if number % 2 else (CAMERA, MICROPHONE)))
        said.append(check(rig, "mic-table")["reason"])
    assert said[-1] == "flapping"
    assert len(rig.history) <= 2 * FAST.changes
    rig.do(UsbChanged((CAMERA, MICROPHONE)))
    rig.wait(SLOW.steady_after_s + 1)
    assert check(rig, "mic-table")["state"] == "ok"
    assert check(rig, "mic-table")["changes"] >= 190


def test_a_room_that_is_switched_to_and_fro_is_no_loose_plug() -> None:
    rig = ready_room()
    for _ in range(4):
        rig.hold()
        rig.wait(5)
        rig.tap()
        rig.wait(5)
    assert "flapping" not in {each["reason"] for each in rig.said["readiness"]["checks"]}


# A device that a load feeds

FED = [{"name": "feed", "pin": 5, "min_off_s": 0}, {"name": "lamp", "pin": 6, "min_off_s": 0}]


def fed_room() -> Rig:
    """A room that is on, with two loads, a camera and a microphone."""
    rig = Rig(room_config(checks=CHECKS[1:], camera={}, power={"loads": FED}))
    rig.start(feed="on", lamp="on")
    rig.do(UsbChanged((CAMERA, MICROPHONE)))
    rig.history.clear()
    return rig


def microphone(rig: Rig) -> tuple[str, str | None]:
    said = check(rig, "mic-table")
    return said["state"], said["reason"]


@pytest.mark.parametrize(
    ("after_s", "expected"),
    [
        (0.0, ("unknown", "room_off")),
        (GOES_WITHIN_S, ("unknown", "room_off")),
        (GOES_WITHIN_S + 0.1, ("failed", "missing")),
        (3600.0, ("failed", "missing")),
    ],
)
def test_a_device_that_goes_just_after_the_room_went_off_may_have_lost_its_power(after_s: float, expected: Any) -> None:
    rig = fed_room()
    rig.hold()
    while rig.room.power.state != "off":
        rig.wait(0.1)
    rig.wait((rig.room.off_s or 0.0) + after_s - rig.now_s)
    rig.do(UsbChanged((CAMERA,)))
    assert microphone(rig) == expected
    rig.wait(3600)
    assert microphone(rig) == expected


def test_a_device_that_went_with_the_room_is_missing_when_the_room_is_on_and_it_does_not_come_back() -> None:
    rig = fed_room()
    rig.hold()
    assert rig.room.power.state == "stopping"
    rig.do(UsbChanged((CAMERA,)))
    assert microphone(rig) == ("unknown", "room_off")
    rig.wait(60)
    rig.tap()
    assert (rig.room.power.state, microphone(rig)) == ("starting", ("unknown", "room_off"))
    rig.wait(30)
    assert (rig.room.power.state, microphone(rig)) == ("on", ("failed", "missing"))
    rig.hold()
    rig.wait(30)
    assert (rig.room.power.state, microphone(rig)) == ("off", ("failed", "missing"))


def test_a_device_that_the_room_feeds_is_no_news_and_not_loose_however_often_the_room_is_switched() -> None:
    rig = fed_room()
    for _ in range(12):
        rig.hold()
        rig.do(UsbChanged((CAMERA,)))
        rig.wait(5)
        assert microphone(rig) == ("unknown", "room_off")
        rig.tap()
        rig.do(UsbChanged((CAMERA, MICROPHONE)))
        rig.wait(30)
        assert microphone(rig) == ("ok", None)
    assert not [each for each in rig.history if each["kind"].startswith("device.")]


def test_a_device_that_was_pulled_before_the_room_went_off_is_missing_in_the_dark() -> None:
    rig = fed_room()
    rig.do(UsbChanged((CAMERA,)))
    rig.hold()
    rig.wait(30)
    assert microphone(rig) == ("failed", "missing")


def test_an_agent_that_begins_in_a_dark_room_tells_what_is_pulled_there() -> None:
    rig = Rig(room_config(checks=CHECKS[1:], camera={}, power={"loads": FED}))
    rig.start()
    rig.do(UsbChanged((CAMERA, MICROPHONE)))
    rig.do(UsbChanged((CAMERA,)))
    assert microphone(rig) == ("failed", "missing")


def test_the_check_that_failed_the_proof_says_so_in_the_fault() -> None:
    loads = [{"name": "codec", "pin": 5, "settle_s": 1, "proof": "codec-answers", "prove_within_s": 5}]
    rig = Rig(room_config(checks=CHECKS, camera={}, power={"loads": loads}))
    rig.start()
    rig.tap()
    rig.wait(3)
    rig.do(Probed("codec-answers", False, "refused"))
    rig.wait(10)
    assert rig.room.power.state == "fault"
    assert (check(rig, "codec-answers")["state"], check(rig, "codec-answers")["reason"]) == ("failed", "refused")


def test_a_room_that_is_off_is_not_ready_and_says_press_the_button() -> None:
    rig = Rig(room_config(checks=CHECKS, camera={}, site={"language": "en"}))
    rig.start()
    assert rig.said["readiness"]["ready"] is False
    assert check(rig, "room.power")["advice"] == "Press the button to bring the room up."
