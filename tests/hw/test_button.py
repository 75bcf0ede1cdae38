"""hw/button.py on gpiozero's mock pins, which are the level that the finger makes: pressed is low."""

import queue
from collections.abc import Iterator

import gpiozero
import pytest
from gpiozero.pins.mock import MockFactory, MockPin

from agent.core.config import ButtonSection
from agent.core.events import ButtonHeld, ButtonPressed, ButtonReleased, Event
from hw.button import GpioButton

SECTION = ButtonSection(pin=17, hold_s=0.5)
PATIENCE_S = 10.0


@pytest.fixture
def factory() -> Iterator[MockFactory]:
    factory = MockFactory()
    yield factory
    factory.close()


@pytest.fixture
def pin(factory: MockFactory) -> MockPin:
    return factory.pin(SECTION.pin)


@pytest.fixture
def events() -> "queue.SimpleQueue[Event]":
    return queue.SimpleQueue()


@pytest.fixture
def button(factory: MockFactory, events: "queue.SimpleQueue[Event]") -> Iterator[GpioButton]:
    button = GpioButton(SECTION, factory, events.put, debounce=False)
    button.start()
    yield button
    button.close()


@pytest.mark.usefixtures("button")
def test_going_down_is_a_press_and_coming_up_a_release(pin: MockPin, events: "queue.SimpleQueue[Event]") -> None:
    for _ in range(3):
        pin.drive_low()
        pin.drive_high()
    assert [events.get(timeout=PATIENCE_S) for _ in range(6)] == [ButtonPressed(), ButtonReleased()] * 3
    assert events.empty()


@pytest.mark.usefixtures("button")
def test_staying_down_is_a_press_and_then_one_hold_before_the_release(
    pin: MockPin, events: "queue.SimpleQueue[Event]"
) -> None:
    pin.drive_low()
    assert events.get(timeout=PATIENCE_S) == ButtonPressed()
    assert events.get(timeout=PATIENCE_S) == ButtonHeld()
    pin.drive_high()
    assert events.get(timeout=PATIENCE_S) == ButtonReleased(), "and no second hold"
    pin.drive_low()
    assert events.get(timeout=PATIENCE_S) == ButtonPressed()


@pytest.mark.usefixtures("button")
def test_the_pin_is_pulled_up_so_that_a_cut_wire_is_no_press(pin: MockPin, events: "queue.SimpleQueue[Event]") -> None:
    assert (pin.function, pin.pull, pin.state) == ("input", "up", True)
    assert events.empty()


@pytest.mark.parametrize(
    ("debounce_s", "debounce", "bounce"), [(0.03, True, 0.03), (0.03, False, None), (0, True, None)]
)
def test_the_bounce_time_goes_to_the_pin_where_it_can_debounce(
    factory: MockFactory, pin: MockPin, debounce_s: float, debounce: bool, bounce: float | None
) -> None:
    button = GpioButton(ButtonSection(debounce_s=debounce_s), factory, lambda event: None, debounce)
    button.start()
    assert pin.bounce == bounce
    button.close()


def test_a_closed_button_says_nothing_more(
    button: GpioButton, pin: MockPin, events: "queue.SimpleQueue[Event]"
) -> None:
    pin.drive_low()
    assert events.get(timeout=PATIENCE_S) == ButtonPressed()
    button.close()
    button.close()
    while not events.empty():
        events.get()
    pin.drive_high()
    pin.drive_low()
    with pytest.raises(queue.Empty):
        events.get(timeout=SECTION.hold_s + 0.1)


def test_a_button_whose_pin_is_taken_is_a_line_in_the_log(
    factory: MockFactory, caplog: pytest.LogCaptureFixture
) -> None:
    taken = gpiozero.LED(SECTION.pin, pin_factory=factory)
    button = GpioButton(SECTION, factory, lambda event: None)
    button.start()
    assert "the button on pin 17 cannot be had" in caplog.text
    button.close()
    taken.close()
