"""hw/button.py on gpiozero's mock pins, whose level the finger makes (pressed is low), and on real ones."""

import queue
import time
from collections.abc import Iterator

import gpiozero
import pytest
from gpiozero.pins.mock import MockFactory, MockPin

from agent.core.config import ButtonSection
from agent.core.events import ButtonHeld, ButtonPressed, ButtonReleased, Event
from hw.button import GpioButton
from hw.lines import LineFactory
from tests.hw.conftest import SimChip

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


class StuckPin(MockPin):  # type: ignore[misc]  # gpiozero has no types
    """A line that is pulled up in vain: the contact is closed."""

    def _set_pull(self, value: str) -> None:
        self._pull = value


@pytest.fixture
def stuck(events: "queue.SimpleQueue[Event]") -> Iterator[MockPin]:
    factory = MockFactory(pin_class=StuckPin)
    pin = factory.pin(SECTION.pin)
    assert not pin.state
    button = GpioButton(SECTION, factory, events.put, debounce=False)
    button.start()
    yield pin
    button.close()
    factory.close()


@pytest.mark.usefixtures("stuck")
def test_a_button_that_is_down_at_start_is_neither_pressed_nor_held(
    events: "queue.SimpleQueue[Event]", caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(queue.Empty):
        events.get(timeout=SECTION.hold_s + 0.3)
    assert ["is down at start" in record.getMessage() for record in caplog.get_records("setup")] == [True]


def test_a_button_that_was_down_at_start_works_once_it_came_up(
    stuck: MockPin, events: "queue.SimpleQueue[Event]"
) -> None:
    stuck.drive_high()
    assert events.get(timeout=PATIENCE_S) == ButtonReleased()
    stuck.drive_low()
    assert [events.get(timeout=PATIENCE_S) for _ in range(2)] == [ButtonPressed(), ButtonHeld()]


@pytest.mark.usefixtures("button")
def test_a_button_that_is_up_at_start_is_not_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    assert caplog.get_records("setup") == []


def test_two_short_presses_are_no_hold(factory: MockFactory, pin: MockPin, events: "queue.SimpleQueue[Event]") -> None:
    button = GpioButton(ButtonSection(pin=17, hold_s=1), factory, events.put, debounce=False)
    button.start()
    for _ in range(2):
        pin.drive_low()
        time.sleep(0.6)
        pin.drive_high()
    assert [events.get(timeout=PATIENCE_S) for _ in range(4)] == [ButtonPressed(), ButtonReleased()] * 2
    button.close()
    assert events.empty()


# On a real kernel


@pytest.fixture
def real(sim: SimChip, events: "queue.SimpleQueue[Event]") -> Iterator[SimChip]:
    with LineFactory(sim.path) as factory:
        button = GpioButton(SECTION, factory, events.put)
        button.start()
        yield sim
        button.close()


def test_a_bouncing_hold_is_one_press_one_hold_and_one_release(
    real: SimChip, events: "queue.SimpleQueue[Event]"
) -> None:
    began_s = time.monotonic()
    real.bounce(SECTION.pin, to_up=False)
    assert [events.get(timeout=PATIENCE_S) for _ in range(2)] == [ButtonPressed(), ButtonHeld()]
    assert SECTION.hold_s < time.monotonic() - began_s < SECTION.hold_s + 1
    real.bounce(SECTION.pin, to_up=True)
    assert events.get(timeout=PATIENCE_S) == ButtonReleased()
    with pytest.raises(queue.Empty):
        events.get(timeout=SECTION.hold_s + 0.3)


def test_bouncing_presses_are_as_many_presses(real: SimChip, events: "queue.SimpleQueue[Event]") -> None:
    for _ in range(20):
        real.bounce(SECTION.pin, to_up=False)
        assert events.get(timeout=PATIENCE_S) == ButtonPressed()
        real.bounce(SECTION.pin, to_up=True)
        assert events.get(timeout=PATIENCE_S) == ButtonReleased()
    assert events.empty()
