"""hw/led.py on gpiozero's mock pins."""

from collections.abc import Iterator
from typing import get_args

import gpiozero
import pytest
from gpiozero.pins.mock import MockFactory, MockPin

from agent.core.commands import LedPattern
from hw.led import BLINK, GpioLed
from tests.conftest import wait_for

PIN = 27


@pytest.fixture
def factory() -> Iterator[MockFactory]:
    factory = MockFactory()
    yield factory
    factory.close()


@pytest.fixture
def pin(factory: MockFactory) -> MockPin:
    return factory.pin(PIN)


@pytest.fixture
def led(factory: MockFactory) -> Iterator[GpioLed]:
    led = GpioLed(PIN, factory)
    led.start()
    yield led
    led.close()


def test_every_pattern_has_its_rhythm() -> None:
    assert BLINK.keys() == set(get_args(LedPattern))


def test_a_lamp_begins_dark(led: GpioLed, pin: MockPin) -> None:
    assert (pin.function, pin.state) == ("output", False)


def test_on_and_off_are_steady(led: GpioLed, pin: MockPin) -> None:
    led.show("on")
    assert pin.state
    led.show("off")
    assert [state.state for state in pin.states] == [False, True, False]


@pytest.mark.parametrize("pattern", ["starting", "stopping", "fault"])
def test_a_blinking_pattern_is_lit_and_dark_in_its_rhythm(led: GpioLed, pin: MockPin, pattern: LedPattern) -> None:
    led.show(pattern)
    wait_for(lambda: len(pin.states) >= 4, "the lamp does not blink")
    rhythm = BLINK[pattern]
    assert rhythm is not None
    # A state carries the time since the one before it: the third that of being lit, the fourth that of being dark.
    lit_s, dark_s = pin.states[2].timestamp, pin.states[3].timestamp
    assert [state.state for state in pin.states[:4]] == [False, True, False, True]
    assert rhythm[0] * 0.9 < lit_s < rhythm[0] + 2
    assert rhythm[1] * 0.9 < dark_s < rhythm[1] + 2


def test_the_next_pattern_replaces_a_blinking_one(led: GpioLed, pin: MockPin) -> None:
    led.show("fault")
    wait_for(lambda: len(pin.states) >= 3, "the lamp does not blink")
    led.show("on")
    changes = len(pin.states)
    assert pin.state
    led.show("on")
    assert len(pin.states) == changes, "nobody blinks any more"


def test_a_closed_lamp_takes_no_more_patterns(led: GpioLed, pin: MockPin) -> None:
    led.show("fault")
    wait_for(lambda: len(pin.states) >= 3, "the lamp does not blink")
    led.close()
    led.close()
    changes = len(pin.states)
    led.show("on")
    led.show("off")
    assert len(pin.states) == changes
    assert pin.function == "input"


def test_a_lamp_whose_pin_is_taken_is_a_line_in_the_log(factory: MockFactory, caplog: pytest.LogCaptureFixture) -> None:
    taken = gpiozero.Button(PIN, pin_factory=factory)
    led = GpioLed(PIN, factory)
    led.start()
    led.show("fault")
    assert "the lamp on pin 27 cannot be had" in caplog.text
    led.close()
    taken.close()


class BrokenPin(MockPin):
    """A line whose chip is gone after it was taken."""

    is_gone = False

    def _set_state(self, value: float) -> None:
        if BrokenPin.is_gone:
            raise OSError(19, "No such device")
        super()._set_state(value)


def test_a_lamp_whose_chip_is_gone_is_not_worth_a_room(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    led = GpioLed(PIN, MockFactory(pin_class=BrokenPin))
    led.start()
    with monkeypatch.context() as gone:
        gone.setattr(BrokenPin, "is_gone", True)
        led.show("on")
    assert "the lamp cannot be switched: [Errno 19] No such device" in caplog.text
    led.close()
