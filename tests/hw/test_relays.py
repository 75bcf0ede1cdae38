"""hw/relays.py on gpiozero's mock pins."""

from collections.abc import Iterator

import gpiozero
import pytest
from gpiozero.pins.mock import MockFactory, MockPin

from agent.core.config import LoadSection
from agent.core.errors import RelayError
from hw.relays import GpioRelays

CODEC = LoadSection(name="codec", pin=5, active_high=False)
DISPLAY = LoadSection(name="display", pin=6, active_high=True)


@pytest.fixture
def factory() -> Iterator[MockFactory]:
    factory = MockFactory()
    yield factory
    factory.close()


def levels(pin: MockPin) -> list[bool]:
    """Every level that a pin had since it was made."""
    return [state.state for state in pin.states]


@pytest.mark.parametrize(
    ("active_high", "level", "state"),
    [(True, False, "off"), (True, True, "on"), (False, False, "on"), (False, True, "off")],
)
def test_a_relay_is_taken_at_the_level_that_it_has_and_nothing_moves(
    factory: MockFactory, active_high: bool, level: bool, state: str
) -> None:
    pin = factory.pin(5)
    (pin.drive_high if level else pin.drive_low)()
    pin.clear_states()
    relays = GpioRelays((LoadSection(name="codec", pin=5, active_high=active_high),), factory)
    relays.start()
    assert relays.states() == {"codec": state}
    assert levels(pin) == [level]
    assert pin.function == "output"
    relays.close()
    assert levels(pin) == [level], "closing drives nothing"


def test_on_energises_the_load_whatever_the_wiring_polarity(factory: MockFactory) -> None:
    factory.pin(5).drive_high()
    relays = GpioRelays((CODEC, DISPLAY), factory)
    relays.start()
    relays.set("codec", True)
    assert (factory.pin(5).state, factory.pin(6).state) == (False, False)
    relays.set("display", True)
    assert (factory.pin(5).state, factory.pin(6).state) == (False, True)
    assert relays.states() == {"codec": "on", "display": "on"}
    relays.set("codec", False)
    assert (factory.pin(5).state, factory.pin(6).state) == (True, True)
    assert relays.states() == {"codec": "off", "display": "on"}
    relays.close()


def test_setting_what_is_already_so_makes_no_edge(factory: MockFactory) -> None:
    relays = GpioRelays((DISPLAY,), factory)
    relays.start()
    for _ in range(2):
        relays.set("display", True)
    assert levels(factory.pin(6)) == [False, True]
    relays.close()


def test_a_refused_pin_leaves_its_load_unknown_and_the_others_work(
    factory: MockFactory, caplog: pytest.LogCaptureFixture
) -> None:
    taken = gpiozero.LED(CODEC.pin, pin_factory=factory)
    relays = GpioRelays((CODEC, DISPLAY), factory)
    relays.start()
    assert relays.states() == {"codec": "unknown", "display": "off"}
    assert "load codec on pin 5 cannot be had" in caplog.text
    with pytest.raises(RelayError, match="load codec on pin 5 cannot be had"):
        relays.set("codec", True)
    relays.set("display", True)
    assert relays.states() == {"codec": "unknown", "display": "on"}
    taken.close()
    relays.set("codec", True)
    assert relays.states() == {"codec": "on", "display": "on"}, "it is tried again when it is switched"
    relays.close()


class StuckPin(MockPin):
    """A line that somebody else holds: it takes an order and stays where it is."""

    def _set_state(self, value: float) -> None:
        pass


class BrokenPin(MockPin):
    """A line whose chip is gone."""

    def _set_state(self, value: float) -> None:
        raise OSError(19, "No such device")

    def _get_state(self) -> bool:
        raise OSError(19, "No such device")


def test_a_line_that_reads_back_otherwise_is_an_error() -> None:
    relays = GpioRelays((DISPLAY,), MockFactory(pin_class=StuckPin))
    relays.start()
    with pytest.raises(RelayError, match="load display was switched on but its line reads back otherwise"):
        relays.set("display", True)
    relays.close()


def test_a_line_whose_chip_is_gone_is_unknown_and_an_error_to_switch() -> None:
    relays = GpioRelays((DISPLAY,), MockFactory(pin_class=BrokenPin))
    relays.start()
    assert relays.states() == {"display": "unknown"}
    with pytest.raises(RelayError, match=r"load display could not be switched: .*No such device"):
        relays.set("display", True)
    relays.close()


class FlakyPin(MockPin):
    """A line that cannot be read for a while."""

    is_gone = False

    def _get_state(self) -> bool:
        if FlakyPin.is_gone:
            raise OSError(19, "No such device")
        return bool(super()._get_state())


def test_a_line_that_cannot_be_read_is_said_once_and_again_when_it_happens_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    relays = GpioRelays((DISPLAY,), MockFactory(pin_class=FlakyPin))
    relays.start()
    for said in (1, 2):
        with monkeypatch.context() as gone:
            gone.setattr(FlakyPin, "is_gone", True)
            assert [relays.states() for _ in range(3)] == [{"display": "unknown"}] * 3
        assert relays.states() == {"display": "off"}
        assert caplog.text.count("load display cannot be read") == said
    relays.close()


def test_closing_may_be_done_twice_and_lets_go_of_the_pins(factory: MockFactory) -> None:
    relays = GpioRelays((CODEC, DISPLAY), factory)
    relays.start()
    relays.close()
    relays.close()
    assert relays.states() == {"codec": "unknown", "display": "unknown"}
    gpiozero.LED(CODEC.pin, pin_factory=factory).close()
