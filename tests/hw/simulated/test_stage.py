"""hw/simulated/stage.py: the cues reach the button, the bus and the truth."""

import io
import queue
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from gpiozero.pins.mock import MockFactory

from agent.core.config import ButtonSection, CheckSection
from agent.core.events import ButtonHeld, ButtonPressed, ButtonReleased, Event, UsbChanged
from hw.button import GpioButton
from hw.simulated.script import Film, Script
from hw.simulated.stage import Finger, Stage, standard_input
from hw.simulated.usb_bus import SimulatedUsb
from tests.conftest import wait_for

SECTION = ButtonSection(hold_s=0.5)
CAMERA = CheckSection(name="camera-main", kind="usb-camera", usb="046d:085e")
MICROPHONE = CheckSection(name="mic-table", kind="usb-microphone", usb="0b0e:0412")
PATIENCE_S = 20.0

TAP = [ButtonPressed(), ButtonReleased()]


class Room:
    """The parts that a stage plays with, and what they said."""

    def __init__(self) -> None:
        self.events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self.truths: queue.SimpleQueue[int] = queue.SimpleQueue()
        self.factory = MockFactory()
        self.usb = SimulatedUsb((CAMERA,), self.events.put)
        self.button = GpioButton(SECTION, self.factory, self.events.put, debounce=False)
        self.button.start()
        self.finger = Finger(self.factory.pin(SECTION.pin), SECTION.hold_s)
        self.stage: Stage | None = None

    def play(self, *cues: dict[str, Any], commands: str | None = None, speed: float = 100) -> Stage:
        script = Script.model_validate({"cues": cues}, strict=False)
        film = Film(script=script, started_s=time.monotonic(), speed=speed)
        text = None if commands is None else io.StringIO(commands)
        self.stage = Stage(film, self.finger, self.usb, self.truths.put, text)
        self.stage.start()
        return self.stage

    def next(self) -> Event:
        return self.events.get(timeout=PATIENCE_S)

    def truth(self) -> int:
        return self.truths.get(timeout=PATIENCE_S)

    def close(self) -> None:
        if self.stage is not None:
            self.stage.close()
        self.button.close()
        self.factory.close()


@pytest.fixture
def room() -> Iterator[Room]:
    room = Room()
    yield room
    room.close()
    wait_for(lambda: not running("stage", "stage input", "finger"), "a thread of the stage goes on")


def running(*names: str) -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name in names]


def test_a_press_of_the_script_is_a_press_of_the_button(room: Room) -> None:
    room.play({"at_s": 0, "do": "press"}, {"at_s": 1, "do": "press"})
    assert [room.next() for _ in range(4)] == TAP * 2


def test_a_hold_of_the_script_is_a_press_and_a_hold(room: Room) -> None:
    room.play({"at_s": 0, "do": "hold"})
    assert [room.next(), room.next()] == [ButtonPressed(), ButtonHeld()]


def test_presses_that_come_together_are_played_one_after_the_other(room: Room) -> None:
    room.play(*[{"at_s": 0, "do": "press"}] * 3)
    assert [room.next() for _ in range(6)] == TAP * 3


@pytest.mark.parametrize("word", ["h", " Hold "])
def test_lines_of_text_press_and_hold_the_button(room: Room, word: str) -> None:
    room.play(commands=f"\n{word}\n")
    assert [room.next() for _ in range(4)] == [*TAP, ButtonPressed(), ButtonHeld()]


def test_the_end_of_the_text_is_not_the_end_of_the_play(room: Room) -> None:
    room.usb.start()
    room.next()
    room.play({"at_s": 50, "do": "unplug"}, commands="")
    assert room.next() == UsbChanged(())


def test_devices_are_pulled_and_put_back(room: Room) -> None:
    room.usb.start()
    here = room.next()
    assert isinstance(here, UsbChanged)
    assert [device.usb for device in here.devices] == [CAMERA.usb]
    room.play({"at_s": 0, "do": "unplug"}, {"at_s": 20, "do": "plug"})
    assert [room.next(), room.next()] == [UsbChanged(()), here]


def test_a_microphone_is_muted_and_open_again(room: Room) -> None:
    usb = SimulatedUsb((CAMERA, MICROPHONE), room.events.put)
    room.usb = usb
    usb.start()

    def muted() -> list[bool | None]:
        event = room.next()
        assert isinstance(event, UsbChanged)
        return [device.muted for device in event.devices]

    assert muted() == [None, False]
    room.play(
        {"at_s": 0, "do": "mute", "device": "mic-table"},
        {"at_s": 20, "do": "unmute", "device": "mic-table"},
    )
    assert [muted(), muted()] == [[None, True], [None, False]]


def test_a_microphone_stays_muted_while_it_is_away(room: Room) -> None:
    usb = SimulatedUsb((MICROPHONE,), room.events.put)
    usb.start()
    room.next()
    for deed in (usb.mute, usb.unplug, usb.plug):
        deed("mic-table")
    events = [room.next() for _ in range(3)]
    assert [[device.muted for device in event.devices] for event in events if isinstance(event, UsbChanged)] == [
        [True],
        [],
        [True],
    ]


def test_the_truth_is_said_at_the_beginning_and_whenever_it_changes(room: Room) -> None:
    room.play({"at_s": 20, "do": "arrive", "people": 3}, {"at_s": 60, "do": "leave", "people": 1})
    assert [room.truth() for _ in range(3)] == [0, 3, 2]


def test_cues_are_played_in_the_order_of_their_times(room: Room) -> None:
    room.usb.start()
    here = room.next()
    room.play({"at_s": 30, "do": "plug"}, {"at_s": 1, "do": "unplug"})
    assert [room.next(), room.next()] == [UsbChanged(()), here]


def test_a_closed_stage_plays_nothing_more(room: Room) -> None:
    stage = room.play({"at_s": 3000, "do": "press"}, {"at_s": 5000, "do": "arrive"}, speed=1)
    assert room.truth() == 0
    stage.close()
    stage.close()
    assert running("stage") == []
    assert room.events.empty()
    assert room.truths.empty()


def test_closing_lets_the_button_go(room: Room) -> None:
    pin = room.factory.pin(SECTION.pin)
    stage = room.play({"at_s": 0, "do": "hold"})
    assert room.next() == ButtonPressed()
    stage.close()
    wait_for(lambda: pin.state and not running("finger"), "the finger stays on the button")


def test_standard_input_is_none_where_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    text = io.StringIO()
    monkeypatch.setattr(sys, "stdin", text)
    assert standard_input() is text
    text.close()
    assert standard_input() is None
    monkeypatch.setattr(sys, "stdin", None)
    assert standard_input() is None


def test_a_bus_that_nobody_watches_says_nothing_and_tells_all_to_who_begins(room: Room) -> None:
    usb = SimulatedUsb((CAMERA, MICROPHONE), room.events.put)
    usb.unplug("camera-main")
    assert room.events.empty()
    usb.start()
    event = room.next()
    assert isinstance(event, UsbChanged)
    assert [device.node for device in event.devices] == ["mic-table"]


def test_the_finger_follows_the_button_to_another_pin(room: Room) -> None:
    moved = SECTION.model_copy(update={"pin": 22})
    room.button.close()
    room.button = GpioButton(moved, room.factory, room.events.put, debounce=False)
    room.button.start()
    room.finger.move(room.factory.pin(moved.pin), moved.hold_s)
    room.play(commands="\n")
    assert [room.next() for _ in range(2)] == TAP


def test_a_finger_on_a_pin_that_became_an_output_does_nothing_and_goes_on(room: Room) -> None:
    room.button.close()
    room.factory.pin(SECTION.pin).output_with_state(True)
    room.play(commands="\n")
    room.finger.press()
    other = SECTION.model_copy(update={"pin": 22})
    room.button = GpioButton(other, room.factory, room.events.put, debounce=False)
    room.button.start()
    room.finger.move(room.factory.pin(other.pin), other.hold_s)
    room.finger.press()
    assert room.next() == ButtonPressed()
    assert room.factory.pin(SECTION.pin).state
