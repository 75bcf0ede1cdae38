"""agent/core/readiness.py and how it is told: ready or not, since when, what to do; flapping is damped and counted."""

from typing import Any

import pytest

from agent.core import readiness
from agent.core.checkup import Finding
from agent.core.commands import ShowLed
from agent.core.events import LinkUp, Probed, UsbChanged, UsbDevice
from agent.core.readiness import FLAP_CHANGES, STEADY_AFTER_S, Readiness
from tests.core.rig import CAMERA, LONGEST_OFF_S, Rig, room_config

NOW_S = 5000.0
CHECKS = [
    {"name": "codec-answers", "kind": "tcp", "address": "192.0.2.20:5060"},
    {"name": "camera-main", "kind": "usb-camera", "usb": "046d:085e", "group": "display"},
    {"name": "mic-table", "kind": "usb-microphone", "usb": "046d:0a44", "group": "audio"},
]
MICROPHONE = UsbDevice("microphone", "046d:0a44", "M1", "1-1.3", "hw:1")


def finding(state: Any, reason: str | None = None, name: str = "a", required: bool = True) -> Finding:
    return Finding(name, "tcp", "connect", required, state, reason)


def after(*states: tuple[float, Any, str | None]) -> Readiness:
    known = Readiness()
    for at_s, state, reason in states:
        known = readiness.handle(known, (finding(state, reason),), NOW_S + at_s)
    return known


@pytest.mark.parametrize(
    ("states", "ready"),
    [
        (["ok", "ok"], True),
        (["ok", "warning"], True),
        (["ok", "failed"], False),
        (["ok", "unknown"], None),
        (["failed", "unknown"], False),
        ([], None),
    ],
)
def test_a_room_is_ready_when_what_it_needs_is(states: list[Any], ready: bool | None) -> None:
    every = [finding(state, name=str(number)) for number, state in enumerate(states)]
    every += [finding("failed", name="optional", required=False)] if states else []
    assert readiness.handle(Readiness(), tuple(every), NOW_S).ready is ready


def test_since_is_when_it_began_to_be_as_it_is() -> None:
    known = after((0, "ok", None), (5, "failed", "x"), (9, "failed", "x"))
    assert (known.watched["a"].since_s, known.watched["a"].changes) == (NOW_S + 5, 1)


def test_what_comes_and_goes_is_shown_as_its_worst_until_it_keeps_still_and_each_change_is_counted() -> None:
    states = [(number * 2.0, "failed" if number % 2 else "ok", None) for number in range(9)]
    known = after(*states)
    loose = known.watched["a"]
    assert (loose.state, loose.reason, loose.changes) == ("failed", "flapping", 8)
    assert known.deadline_s == NOW_S + 16 + STEADY_AFTER_S
    assert known.ready is False
    still = readiness.handle(known, (finding("ok"),), NOW_S + 16 + STEADY_AFTER_S - 0.1)
    assert still.watched["a"].reason == "flapping"
    steady = readiness.handle(still, (finding("ok"),), NOW_S + 16 + STEADY_AFTER_S)
    assert (steady.watched["a"].state, steady.watched["a"].reason) == ("ok", None)
    assert (steady.watched["a"].changes, steady.deadline_s) == (8, None)


def test_a_flapping_check_is_no_news_at_each_change() -> None:
    known, said = Readiness(), set[Any]()
    for number in range(100):
        known = readiness.handle(known, (finding("failed" if number % 2 else "ok"),), NOW_S + number)
        each = known.watched["a"]
        said.add((each.state, each.reason, each.since_s))
    assert len(said) <= FLAP_CHANGES + 1


def test_a_few_changes_in_an_hour_are_no_flapping() -> None:
    known = after(*[(number * 300.0, "failed" if number % 2 else "ok", None) for number in range(12)])
    assert known.watched["a"].damped is None


def test_a_check_that_a_new_config_has_not_is_forgotten() -> None:
    known = readiness.handle(Readiness(), (finding("failed"), finding("ok", name="b")), NOW_S)
    assert list(readiness.handle(known, (finding("ok", name="b"),), NOW_S).watched) == ["b"]


# Told


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


def test_a_muted_microphone_warns_and_keeps_nobody_away() -> None:
    from dataclasses import replace

    rig = ready_room()
    rig.do(UsbChanged((CAMERA, replace(MICROPHONE, muted=True))))
    said = check(rig, "mic-table")
    assert (rig.said["readiness"]["ready"], said["state"], said["reason"]) == (True, "warning", "muted")
    assert rig.room.led == ShowLed("warning")


def test_a_camera_that_is_also_a_keyboard_is_reported() -> None:
    from dataclasses import replace

    rig = ready_room()
    rig.do(UsbChanged((replace(CAMERA, is_keyboard=True), MICROPHONE)))
    assert (check(rig, "camera-main")["state"], check(rig, "camera-main")["reason"]) == ("warning", "also_a_keyboard")
    assert [each["kind"] for each in rig.history][-1] == "device.suspicious"


def test_a_loose_plug_makes_few_messages_and_few_lines() -> None:
    rig = ready_room()
    rig.history.clear()
    said = []
    for number in range(200):
        rig.wait(0.5)
        rig.do(UsbChanged((CAMERA,) if number % 2 else (CAMERA, MICROPHONE)))
        said.append(check(rig, "mic-table")["reason"])
    assert said[-1] == "flapping"
    assert len(rig.history) <= 2 * FLAP_CHANGES
    rig.do(UsbChanged((CAMERA, MICROPHONE)))
    rig.wait(STEADY_AFTER_S + 1)
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
