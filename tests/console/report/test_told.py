"""agent/console/report/told.py: what else was said of a time without a count."""

from agent.console.report.told import Event, Stretch, without_power


def power(at_s: float, state: str) -> Event:
    return Event(at_s, "power.changed", "info", "button", {"state": state})


def test_a_room_that_comes_up_was_off_before() -> None:
    told = [power(100.0, "starting"), power(130.0, "on"), power(500.0, "stopping"), power(520.0, "off")]
    assert without_power(told, 600.0) == [Stretch(0.0, 130.0, "room_off"), Stretch(500.0, 600.0, "room_off")]


def test_of_a_room_that_only_went_down_nobody_says_what_it_was_before() -> None:
    assert without_power([power(500.0, "stopping")], 600.0) == [Stretch(500.0, 600.0, "room_off")]
    assert without_power([], 600.0) == []
