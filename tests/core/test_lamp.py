"""agent/core/lamp.py: one pattern for one state, the most urgent first."""

from typing import Any

import pytest

from agent.core import lamp
from agent.core.button import Finger
from agent.core.commands import ShowLed
from agent.core.power import Power

DOWN = Finger(is_down=True, hold_counts=True)
NOTICE = Finger(notice_until_s=9.0)


def shown(power: Power, is_well: bool = True, broken: bool = False, identify: bool = False) -> Any:
    led = lamp.show(power, is_well, broken, identify)
    return led.pattern if led.count == 0 else led


@pytest.mark.parametrize(
    ("state", "pattern"),
    [
        ("off", "off"),
        ("starting", "starting"),
        ("on", "ready"),
        ("stopping", "stopping"),
        ("fault", ShowLed("fault", 2)),
    ],
)
def test_each_state_has_its_pattern_and_a_fault_says_which_step(state: Any, pattern: Any) -> None:
    assert shown(Power(state, step=1)) == pattern


@pytest.mark.parametrize(("state", "is_hidden"), [("off", False), ("on", False), ("starting", True), ("fault", True)])
def test_a_broken_file_shows_only_where_nothing_is_under_way(state: Any, is_hidden: bool) -> None:
    assert (shown(Power(state), broken=True) == "broken") != is_hidden


def test_a_room_that_is_on_and_not_well_is_a_warning() -> None:
    assert shown(Power("on"), is_well=False) == "warning"
    assert shown(Power("off"), is_well=False) == "off"
    assert shown(Power("starting"), is_well=False) == "starting"


@pytest.mark.parametrize(
    ("state", "pattern"),
    [
        ("starting", "holding"),
        ("on", "holding"),
        ("fault", "holding"),
        ("stopping", "stopping"),  # the hold has counted: time to let go
        ("off", "off"),
    ],
)
def test_a_finger_that_could_switch_off_sees_that_it_is_noticed(state: Any, pattern: str) -> None:
    assert shown(Power(state, finger=DOWN), broken=state != "off", identify=False) == pattern


def test_the_finger_comes_before_the_lock_and_the_lock_before_the_search_for_the_room() -> None:
    locked_again = Finger(is_down=True, hold_counts=True, notice_until_s=9.0)
    assert shown(Power("on", finger=locked_again), identify=True) == "holding"
    assert shown(Power("on", finger=NOTICE), identify=True) == "locked"
    assert shown(Power("fault", step=0), identify=True) == "identify"
    assert shown(Power("off"), identify=True) == "identify"
