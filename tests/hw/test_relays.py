"""hw/relays.py on gpiozero's mock pins."""

from collections.abc import Iterator

import gpiozero
import pytest
from gpiozero.pins.mock import MockFactory, MockPin

from agent.core.config import LoadSection
from agent.core.errors import RelayError
from hw.relays import GpioRelays
from tests.hw.conftest import RecordedPin

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


# Another config


LAMP = LoadSection(name="lamp", pin=13)


@pytest.fixture
def recorded() -> Iterator[MockFactory]:
    factory = MockFactory(pin_class=RecordedPin)
    yield factory
    factory.close()


@pytest.fixture
def relays(recorded: MockFactory) -> Iterator[GpioRelays]:
    """Codec and display, both on, with nothing written down yet."""
    recorded.pin(CODEC.pin).drive_low()
    recorded.pin(DISPLAY.pin).drive_high()
    relays = GpioRelays((CODEC, DISPLAY), recorded)
    relays.start()
    assert relays.states() == {"codec": "on", "display": "on"}
    for load in (CODEC, DISPLAY):
        recorded.pin(load.pin).done.clear()
        recorded.pin(load.pin).clear_states()
    yield relays
    relays.close()


def called(load: LoadSection, **changes: object) -> LoadSection:
    return load.model_copy(update=changes)


@pytest.mark.parametrize(
    ("loads", "states"),
    [
        ((DISPLAY, CODEC), {"display": "on", "codec": "on"}),
        ((called(CODEC, name="vc"), DISPLAY), {"vc": "on", "display": "on"}),
        ((called(CODEC, name="display"), called(DISPLAY, name="codec")), {"display": "on", "codec": "on"}),
        ((called(CODEC, active_high=True), DISPLAY), {"codec": "off", "display": "on"}),
        ((called(CODEC, settle_s=9), DISPLAY, LAMP), {"codec": "on", "display": "on", "lamp": "off"}),
    ],
    ids=["order", "name", "names swapped", "polarity", "one more"],
)
def test_a_line_that_stays_a_loads_is_neither_let_go_of_nor_asked_for_again_nor_driven(
    recorded: MockFactory, relays: GpioRelays, loads: tuple[LoadSection, ...], states: dict[str, str]
) -> None:
    assert relays.change(loads) == ()
    assert relays.states() == states
    assert list(relays.states()) == [load.name for load in loads]
    assert [recorded.pin(load.pin).done for load in (CODEC, DISPLAY)] == [[], []]
    assert (recorded.pin(CODEC.pin).state, recorded.pin(DISPLAY.pin).state) == (False, True)


def test_after_a_change_of_polarity_on_is_the_other_level(recorded: MockFactory, relays: GpioRelays) -> None:
    relays.change((called(CODEC, active_high=True), DISPLAY))
    relays.set("codec", True)
    assert recorded.pin(CODEC.pin).state
    assert relays.states() == {"codec": "on", "display": "on"}


@pytest.mark.parametrize("level", [False, True])
def test_a_new_line_is_taken_as_it_is_and_one_that_goes_is_closed_and_not_driven(
    recorded: MockFactory, relays: GpioRelays, level: bool, caplog: pytest.LogCaptureFixture
) -> None:
    pin = recorded.pin(LAMP.pin)
    (pin.drive_high if level else pin.drive_low)()
    assert relays.change((LAMP, CODEC)) == ()
    assert relays.states() == {"lamp": "on" if level else "off", "codec": "on"}
    assert (pin.done, pin.state) == (["output"], level)
    assert recorded.pin(DISPLAY.pin).done == ["input", "closed"]
    assert recorded.pin(CODEC.pin).done == []
    assert "GPIO6 is no load any more" in caplog.text
    gpiozero.Button(DISPLAY.pin, pin_factory=recorded).close()


def test_only_a_new_line_that_cannot_be_had_is_told(recorded: MockFactory, relays: GpioRelays) -> None:
    taken = gpiozero.LED(LAMP.pin, pin_factory=recorded)
    assert relays.change((CODEC, LAMP, DISPLAY)) == ("lamp",)
    assert relays.states() == {"codec": "on", "lamp": "unknown", "display": "on"}
    assert relays.change((CODEC, called(LAMP, name="light"), DISPLAY)) == (), "it could not be had before either"
    taken.close()
    assert relays.change((CODEC, LAMP)) == ()
    assert relays.states() == {"codec": "on", "lamp": "off"}


def test_what_stands_in_lets_go_of_no_line_and_the_next_one_finds_it(recorded: MockFactory, relays: GpioRelays) -> None:
    assert relays.change((), let_go=False) == ()
    assert relays.states() == {}
    assert relays.change((DISPLAY,)) == ()
    assert relays.states() == {"display": "on"}
    assert (recorded.pin(DISPLAY.pin).done, recorded.pin(CODEC.pin).done) == ([], ["input", "closed"])
