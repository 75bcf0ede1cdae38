"""hw/led.py: the table by itself, and what the thread makes of it on gpiozero's mock pins."""

import threading
import time
from collections.abc import Iterator
from itertools import chain, combinations, cycle, pairwise, product
from typing import get_args

import gpiozero
import pytest
from gpiozero.pins.mock import MockFactory, MockPin

from agent.core.commands import LedPattern
from hw.led import PATTERNS, GpioLed, Rhythm, rhythm_of
from tests.conftest import wait_for

PIN = 27
LOOK_S, STEP_S = 10, 0.01
MOST_LOADS = 16


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


def seen(rhythm: Rhythm) -> list[bool]:
    """What somebody sees who looks for ten seconds, in hundredths of a second."""
    if isinstance(rhythm, bool):
        return [rhythm] * round(LOOK_S / STEP_S)
    lengths = cycle(round(seconds / STEP_S) for seconds in chain.from_iterable(rhythm))
    looks: list[bool] = []
    for place, length in enumerate(lengths):
        looks += [place % 2 == 0] * length
        if len(looks) >= LOOK_S / STEP_S:
            return looks[: round(LOOK_S / STEP_S)]
    raise AssertionError("unreachable")


def stretches(looks: list[bool], lit: bool) -> list[int]:
    """The lengths of all stretches that are lit, or dark, in steps."""
    text = "".join("x" if look is lit else " " for look in looks)
    return [len(stretch) for stretch in text.split()] or [0]


def impression(rhythm: Rhythm) -> tuple[float, float, float]:
    """What an eye can compare: how often it changes, the longest light, the longest dark."""
    looks = seen(rhythm)
    changes = sum(before is not after for before, after in pairwise(looks))
    return changes + 1, max(stretches(looks, True)) + 1, max(stretches(looks, False)) + 1


def test_every_pattern_has_its_rhythm() -> None:
    assert PATTERNS.keys() | {"fault"} == set(get_args(LedPattern))


FAULTS = {f"fault at {count}": rhythm_of("fault", count) for count in (1, 2, 3, MOST_LOADS)}
# Faults are told apart from each other by counting: the next test.
PAIRS = [*combinations(PATTERNS.items(), 2), *product(PATTERNS.items(), FAULTS.items())]


@pytest.mark.parametrize(("one", "other"), PAIRS, ids=[f"{one[0]} and {other[0]}" for one, other in PAIRS])
def test_no_two_patterns_look_alike(one: tuple[str, Rhythm], other: tuple[str, Rhythm]) -> None:
    pairs = zip(impression(one[1]), impression(other[1]), strict=True)
    assert max(max(a, b) / min(a, b) for a, b in pairs) > 1.5


@pytest.mark.parametrize("count", range(1, MOST_LOADS + 1))
def test_a_fault_flashes_the_number_of_its_step_and_then_pauses(count: int) -> None:
    rhythm = rhythm_of("fault", count)
    assert not isinstance(rhythm, bool)
    assert len(rhythm) == count
    *within, pause_s = [dark_s for _, dark_s in rhythm]
    assert {lit_s for lit_s, _ in rhythm} == {0.25}
    assert all(4 * dark_s < pause_s for dark_s in within)


def test_a_fault_of_no_step_is_one_of_the_box() -> None:
    assert rhythm_of("fault", 0) == rhythm_of("broken")


def test_only_a_fault_looks_at_the_count() -> None:
    assert all(rhythm_of(pattern, 3) == rhythm for pattern, rhythm in PATTERNS.items())


def test_a_lamp_begins_dark(led: GpioLed, pin: MockPin) -> None:
    assert (pin.function, pin.state) == ("output", False)


def test_ready_and_off_are_steady(led: GpioLed, pin: MockPin) -> None:
    led.show("ready")
    wait_for(lambda: pin.state, "the lamp is not lit")
    led.show("off")
    wait_for(lambda: not pin.state, "the lamp is not dark")
    assert [state.state for state in pin.states] == [False, True, False]


@pytest.mark.parametrize(
    ("pattern", "count"),
    [("starting", 0), ("stopping", 0), ("broken", 0), ("holding", 0), ("locked", 0), ("identify", 0), ("fault", 2)],
)
def test_a_pattern_is_played_as_the_table_says(led: GpioLed, pin: MockPin, pattern: LedPattern, count: int) -> None:
    rhythm = rhythm_of(pattern, count)
    assert not isinstance(rhythm, bool)
    led.show(pattern, count)
    beats = list(chain.from_iterable(rhythm))
    # A state carries the time since the one before it: the third for how long the lamp was lit first.
    wait_for(lambda: len(pin.states) >= 2 + len(beats), "the lamp does not blink")
    assert [state.state for state in pin.states[:4]] == [False, True, False, True]
    lasted = [state.timestamp for state in pin.states[2 : 2 + len(beats)]]
    assert all(wanted_s * 0.9 < s < wanted_s + 2 for wanted_s, s in zip(beats, lasted, strict=True)), lasted


def test_another_pattern_takes_effect_at_once_also_in_a_long_stretch_of_the_old_one(led: GpioLed, pin: MockPin) -> None:
    led.show("warning")
    wait_for(lambda: pin.state, "the lamp is not lit")
    began_s = time.monotonic()
    led.show("off")
    wait_for(lambda: not pin.state, "the lamp is not dark")
    assert time.monotonic() - began_s < 1, "1.8 s of light were not over"
    led.show("locked")
    wait_for(lambda: pin.state, "the next one begins with its beginning")
    changes = len(pin.states)
    led.show("ready")
    time.sleep(1)  # locked would have gone dark after 0.8
    assert (pin.state, len(pin.states)) == (True, changes), "no rest of the old one"


def test_the_same_pattern_again_does_not_begin_anew(led: GpioLed, pin: MockPin) -> None:
    for _ in range(30):
        led.show("fault", 1)  # 0.25 s lit: begun anew each time it would never go dark
        time.sleep(0.05)
    assert len(pin.states) >= 3
    changes = len(pin.states)
    led.show("fault", 2)
    wait_for(lambda: len(pin.states) >= changes + 3, "another count is another pattern")


def test_showing_never_waits_for_the_lamp(led: GpioLed) -> None:
    began_s = time.monotonic()
    for _ in range(500):
        led.show("holding")
        led.show("warning")
    assert time.monotonic() - began_s < 1


def lamps() -> int:
    return sum(thread.name == "lamp" for thread in threading.enumerate())


def test_one_thread_plays_and_ends_with_the_lamp_dark(factory: MockFactory, pin: MockPin) -> None:
    before = lamps()
    led = GpioLed(PIN, factory)
    led.start()
    led.start()
    for pattern in get_args(LedPattern):
        led.show(pattern, 3)
    assert lamps() == before + 1
    led.show("ready")
    wait_for(lambda: pin.state, "the lamp is not lit")
    led.close()
    assert (lamps(), pin.state, pin.function) == (before, False, "input")


def test_a_closed_lamp_takes_no_more_patterns(led: GpioLed, pin: MockPin) -> None:
    led.show("broken")
    wait_for(lambda: len(pin.states) >= 3, "the lamp does not blink")
    led.close()
    led.close()
    changes = len(pin.states)
    led.show("ready")
    led.show("off")
    assert len(pin.states) == changes


def test_a_lamp_may_be_started_again(led: GpioLed, pin: MockPin) -> None:
    led.close()
    led.start()
    led.show("ready")
    wait_for(lambda: pin.state, "the lamp is not lit")


def test_a_lamp_that_was_never_started_stays_dark(factory: MockFactory, pin: MockPin) -> None:
    led = GpioLed(PIN, factory)
    led.show("ready")
    led.close()
    assert (pin.function, len(pin.states)) == ("input", 1)


def test_a_lamp_whose_pin_is_taken_is_a_line_in_the_log(factory: MockFactory, caplog: pytest.LogCaptureFixture) -> None:
    taken = gpiozero.Button(PIN, pin_factory=factory)
    led = GpioLed(PIN, factory)
    led.start()
    led.show("fault", 1)
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


def test_a_lamp_whose_chip_is_gone_is_said_once_and_not_worth_a_room(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    before = lamps()
    led = GpioLed(PIN, MockFactory(pin_class=BrokenPin))
    led.start()
    with monkeypatch.context() as gone:
        gone.setattr(BrokenPin, "is_gone", True)
        led.show("broken")
        wait_for(lambda: lamps() == before, "it goes on playing")
        led.show("ready")
        led.close()
    assert [record.getMessage() for record in caplog.records] == [
        "the lamp cannot be switched any more: [Errno 19] No such device"
    ]
