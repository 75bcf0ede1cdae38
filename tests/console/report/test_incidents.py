"""What went wrong, from when to when, and how bad that was."""

from typing import Any

import pytest

from agent.console.report.attendance import Facts, attendance
from agent.console.report.incidents import Incident, incidents, trouble
from agent.console.report.pieces import Window
from agent.console.report.told import Event
from tests.console.report.bed import HOUR, MINUTE, STARTS_S, presence, summons

COUNTED = [Window(STARTS_S + n * MINUTE, STARTS_S + (n + 1) * MINUTE, 9, 9.0) for n in range(60)]


def event(minute: float, kind: str, severity: str = "warning", **detail: Any) -> Event:
    return Event(STARTS_S + minute * MINUTE, kind, severity, None, detail)


def power(minute: float, state: str, **detail: Any) -> Event:
    return event(minute, "power.changed", "fault" if state == "fault" else "info", state=state, **detail)


def found_of(facts: Facts, now_s: float = STARTS_S + 10 * HOUR) -> tuple[list[Incident], bool]:
    found = attendance(summons(), facts, now_s)
    those = incidents(found, facts)
    return those, trouble(found, those) is None


def told(those: list[Incident]) -> list[tuple[Any, ...]]:
    """Kind, minutes, severity, what, why."""
    return [
        (
            each.kind,
            (each.from_s - STARTS_S) / MINUTE,
            None if each.to_s is None else (each.to_s - STARTS_S) / MINUTE,
            each.severity,
            each.what,
            each.reason,
        )
        for each in those
    ]


def test_a_quiet_hour_has_none() -> None:
    quiet = [power(-20, "on"), event(5, "recount", "info"), event(6, "agent.restarted", "info", cause="upgrade")]
    assert found_of(Facts(COUNTED, quiet)) == ([], True)


def test_a_power_fault_lasts_until_the_power_says_something_else() -> None:
    events = [power(10, "fault", step="codec", reason="not_proven"), power(11, "fault", step="codec"), power(14, "on")]
    those, is_well = found_of(Facts(COUNTED, events))
    assert told(those) == [("power.fault", 10, 14, "fault", "codec", "not_proven")]
    assert not is_well
    still, _ = found_of(Facts(COUNTED, events[:1]))
    assert told(still) == [("power.fault", 10, None, "fault", "codec", "not_proven")]


@pytest.mark.parametrize(("until", "severity"), [(14, "warning"), (15, "fault")])
def test_a_device_that_is_gone_for_long_is_a_fault(until: float, severity: str) -> None:
    events = [
        event(-25, "device.lost", check="camera", reason="missing"),
        event(-24, "device.found", check="camera"),
        event(10, "device.lost", check="mic", reason="missing"),
        event(until, "device.found", "info", check="mic"),
        event(20, "device.found", "info", check="never-lost"),
    ]
    those, is_well = found_of(Facts(COUNTED, events))
    assert told(those)[1:] == [("device.away", 10, until, severity, "mic", "missing")]
    assert is_well == (severity == "warning")


@pytest.mark.parametrize("end", [power(12, "off"), event(12, "agent.restarted", "info", cause="stop")])
def test_of_a_device_nobody_tells_once_the_room_is_off_or_the_agent_anew(end: Event) -> None:
    those, _ = found_of(Facts(COUNTED, [event(10, "device.lost", check="mic", reason="missing"), end]))
    assert told(those) == [("device.away", 10, 12, "warning", "mic", "missing")]


def test_what_ended_long_before_is_none_of_ours() -> None:
    events = [power(-300, "fault"), power(-200, "on"), event(-100, "site.duplicate", "fault", why="0x8e")]
    assert found_of(Facts(COUNTED, events)) == ([], True)
    those, is_well = found_of(Facts(COUNTED, [power(-300, "fault")]))  # it goes on
    assert told(those) == [("power.fault", -300, None, "fault", "", "")]
    assert not is_well
    just_before, is_well = found_of(Facts(COUNTED, [event(-10, "site.duplicate", "fault", why="0x8e")]))
    assert told(just_before) == [("site.duplicate", -10, -10, "fault", "0x8e", "")]
    assert is_well


def test_the_same_again_soon_is_one() -> None:
    events = [event(minute, "site.duplicate", "fault", why="0x8e") for minute in (5, 6, 7, 30)]
    those, _ = found_of(Facts(COUNTED, events))
    assert [(each.from_s, each.to_s, each.times) for each in those] == [
        (STARTS_S + 5 * MINUTE, STARTS_S + 7 * MINUTE, 3), (STARTS_S + 30 * MINUTE, STARTS_S + 30 * MINUTE, 1),
    ]  # fmt: skip


def test_a_lost_site_and_its_other_news() -> None:
    heard = [
        presence("nam-sach", STARTS_S - HOUR, "running"),
        presence("nam-sach", STARTS_S + 10 * MINUTE, "lost"),
        presence("nam-sach", STARTS_S + 12 * MINUTE, "running", 2),
        presence("nam-sach", STARTS_S + 40 * MINUTE, "lost", 2),
    ]
    events = [
        event(20, "outbox.gap", "warning", count=4, why="full"),
        event(21, "config.rolled_back", "fault", revision=7, reason="broker_lost"),
        event(22, "agent.restarted", "warning", cause="power"),
    ]
    those, is_well = found_of(Facts(COUNTED, events, heard))
    assert told(those) == [
        ("site.lost", 10, 12, "warning", "", ""),
        ("outbox.gap", 20, 20, "warning", "", "full: 4"),
        ("config.rolled_back", 21, 21, "fault", "7", "broker_lost"),
        ("agent.restarted", 22, 22, "warning", "", "power"),
        ("site.lost", 40, None, "fault", "", ""),
    ]
    assert not is_well


def test_time_without_a_count_is_one_and_a_tenth_of_it_is_trouble() -> None:
    dark = Window(STARTS_S + 10 * MINUTE, STARTS_S + 15 * MINUTE, None, 0.0, 300.0, {"dark": 300.0})
    windows = [*COUNTED[:10], dark, *COUNTED[15:]]
    those, is_well = found_of(Facts(windows))
    assert (told(those), is_well) == ([("count.unknown", 10, 15, "warning", "", "dark")], True)
    those, is_well = found_of(Facts([*windows[:20], *windows[22:]]))
    assert ([each.severity for each in those], is_well) == (["warning", "info"], False)


def test_a_picture_that_was_dark_for_a_moment_is_a_warning() -> None:
    some = COUNTED[10]._replace(unknown_s=15.0, reasons={"dark": 15.0})
    those, _ = found_of(Facts([*COUNTED[:10], some, *COUNTED[11:]]))
    assert told(those) == [("count.unknown", 10, 11, "warning", "15 s", "dark")]


def test_a_site_that_sent_nothing_is_told_as_such() -> None:
    those, is_well = found_of(Facts())
    assert (told(those), is_well) == ([("site.no_data", 0, 60, "fault", "", "no_rows")], False)
    still, _ = found_of(Facts(), STARTS_S + 30 * MINUTE)
    assert told(still)[0][2] is None
    assert found_of(Facts(), STARTS_S - 1) == ([], False)  # it has not begun


def test_what_a_site_says_may_be_anything() -> None:
    events = [event(5, "device.lost", check=["<b>"], reason={"a": 1}), event(6, "weird.kind", "fault", what=None)]
    those, _ = found_of(Facts(COUNTED, events))
    assert [each.what for each in those] == ["['<b>']", ""]
