"""agent/core/restarts.py: the whole table, and the two sides of the watchdog's patience."""

from itertools import product

import pytest

from agent.core.restarts import CAUSES, Cause, Run, Watchdog, cause

NOW = Run("boot-2", "1.1")
WATCHDOG = Watchdog(patience_s=20, pause_s=1)
BEGAN_S = 1000.0
JUST_NOW_S = BEGAN_S - 3  # a restart takes a moment
LONG_AGO_S = BEGAN_S - 22


@pytest.mark.parametrize(
    ("boot_id", "version", "in_order", "alive_s", "expected"),
    [
        ("boot-2", "1.1", True, JUST_NOW_S, "stop"),
        ("boot-2", "1.1", True, LONG_AGO_S, "stop"),  # systemctl stop, and start some time later
        ("boot-2", "1.0", True, JUST_NOW_S, "upgrade"),
        ("boot-2", "1.0", False, LONG_AGO_S, "upgrade"),
        ("boot-2", "1.1", False, JUST_NOW_S, "crash"),
        ("boot-2", "1.1", False, LONG_AGO_S, "watchdog"),
        ("boot-2", "1.1", False, None, "crash"),
        ("boot-1", "1.1", False, None, "power"),
        ("boot-1", "1.0", False, None, "power"),
        ("boot-1", "1.1", False, JUST_NOW_S, "crash"),  # of this boot all the same: the card fails
        ("boot-1", "1.1", True, None, "stop"),  # a reboot that somebody asked for
        ("boot-1", "1.0", True, None, "upgrade"),
        ("boot-2", "1.2", True, None, "upgrade"),  # back to an older version
    ],
)
def test_the_cause_follows_from_what_the_earlier_run_left(
    boot_id: str, version: str, in_order: bool, alive_s: float | None, expected: Cause
) -> None:
    assert cause(Run(boot_id, version, in_order), NOW, BEGAN_S, alive_s, WATCHDOG) == expected


def test_the_very_first_run_follows_none() -> None:
    assert cause(None, NOW, BEGAN_S, LONG_AGO_S, WATCHDOG) is None


def test_the_watchdogs_patience_and_the_restarts_pause_are_the_bound() -> None:
    before = Run("boot-2", "1.1")
    assert cause(before, NOW, BEGAN_S, BEGAN_S - 20.9, WATCHDOG) == "crash"
    assert cause(before, NOW, BEGAN_S, BEGAN_S - 21.0, WATCHDOG) == "watchdog"


def test_where_nobody_watches_it_is_never_the_watchdog() -> None:
    assert cause(Run("boot-2", "1.1"), NOW, BEGAN_S, LONG_AGO_S, None) == "crash"


def test_every_case_has_one_of_the_causes_and_every_cause_a_case() -> None:
    cases = product(("boot-1", "boot-2"), ("1.0", "1.1"), (True, False), (None, JUST_NOW_S, LONG_AGO_S))
    found = {cause(Run(boot_id, version, ok), NOW, BEGAN_S, at_s, WATCHDOG) for boot_id, version, ok, at_s in cases}
    assert found == set(CAUSES)
