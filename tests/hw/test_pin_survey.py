"""hw/pin_survey.py: lines looked at, on a simulated chip of a real kernel (gpio-sim); nothing is requested."""

import pytest

from hw import gpio_uapi as uapi
from hw.gpio_chip import LineError, open_chip
from hw.lines import LineFactory
from hw.pin_survey import Line, survey
from tests.hw.conftest import LABEL, SimChip


def test_without_a_chip_the_sentence_says_what_to_do() -> None:
    with pytest.raises(LineError, match="run this on a Raspberry Pi"):
        survey([5], {}, labels=("no-such-chip",))


def test_free_taken_reserved_and_absent_lines_are_told_apart(sim: SimChip) -> None:
    with LineFactory(sim.path, consumer="diemcau") as ours, LineFactory(sim.path, consumer="somebody") as other:
        ours.pin(5)
        other.pin(6)
        seen = survey([5, 6, 7, 2, 40], {2: "used by I²C"}, labels=(LABEL,))
    assert (seen.label, str(seen.node)) == (LABEL, sim.path)
    assert seen.lines == {
        5: Line(is_used=True, owner="diemcau"),
        6: Line(is_used=True, owner="somebody"),
        7: Line(),
        2: Line(reserved="used by I²C"),
        40: Line(is_there=False),
    }


def test_looking_takes_nothing(sim: SimChip) -> None:
    survey(range(28), {}, labels=(LABEL,))
    fd, _ = open_chip(sim.path)
    assert not any(uapi.Flag.USED in uapi.line_info(fd, pin).flags for pin in range(28))
