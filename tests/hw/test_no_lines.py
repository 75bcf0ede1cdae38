"""A machine without a GPIO chip: every pin is refused with the reason, and nothing else stops."""

import pytest

from agent.core.config import ButtonSection, LoadSection
from agent.core.errors import RelayError
from hw.button import GpioButton
from hw.led import GpioLed
from hw.no_lines import NoLines
from hw.relays import GpioRelays

REASON = "there is no GPIO chip: run this on a Raspberry Pi"


def test_button_and_lamp_do_without() -> None:
    factory = NoLines(REASON)
    with_button = GpioButton(ButtonSection(), factory, lambda event: None)
    with_button.start()
    with_button.close()
    led = GpioLed(27, factory)
    led.start()
    led.show("fault")
    led.close()


def test_a_load_is_unknown_and_switching_it_says_why() -> None:
    relays = GpioRelays((LoadSection(name="codec", pin=5),), NoLines(REASON))
    relays.start()
    assert relays.states() == {"codec": "unknown"}
    with pytest.raises(RelayError, match="there is no GPIO chip"):
        relays.set("codec", True)
    relays.close()
