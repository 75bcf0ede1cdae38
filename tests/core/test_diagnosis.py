"""What the doctor makes of what it sees."""

from datetime import UTC, datetime, timedelta

import pytest

from agent.core.checkup import Finding, State
from agent.core.diagnosis import (
    Diagnosis,
    Verdict,
    certificate,
    days_left,
    diagnosed,
    in_order,
    is_refused_for_its_time,
    line,
    memory_of_room,
    missing_groups,
    service,
    worsened,
)

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("from_days", "to_days", "judged"),
    [
        (-1, 30.1, ("ok", None)),
        (-1, 30, ("warning", "expires_soon: 30")),
        (-1, 7.1, ("warning", "expires_soon: 7")),
        (-1, 7, ("warning", "expires_within_week: 7")),
        (-1, 1.9, ("warning", "expires_within_week: 1")),
        (-1, 1, ("failed", "expires_within_day: 1")),
        (-1, 0.001, ("failed", "expires_within_day: 0")),
        (-1, 0, ("failed", "expired")),
        (-9, -1, ("failed", "expired")),
        (0, 99, ("ok", None)),
        (0.001, 99, ("failed", "not_yet_valid")),
        (0.1, 0.5, ("failed", "not_yet_valid")),
    ],
)
def test_the_nearer_a_certificates_end_the_worse(
    from_days: float, to_days: float, judged: tuple[str, str | None]
) -> None:
    """FAULTS 35: three warnings before it."""
    found = certificate(NOW + timedelta(days=from_days), NOW + timedelta(days=to_days), NOW)
    assert found == judged
    assert is_refused_for_its_time(found) == (judged[1] in ("expired", "not_yet_valid"))


def test_the_days_left_are_whole_ones() -> None:
    assert days_left(NOW + timedelta(days=3, hours=23), NOW) == "2026-12-05 (3 d)"
    assert days_left(NOW - timedelta(hours=1), NOW) == "2026-12-01 (-1 d)"


@pytest.mark.parametrize(
    ("is_there", "is_used", "owner", "reserved", "judged"),
    [
        (True, False, "", False, ("ok", None)),
        (True, True, "diemcau", False, ("ok", None)),
        (True, True, "diemcau", True, ("ok", None)),  # taken before the bus was switched on: the agent has it
        (True, True, "gpioset", False, ("failed", "taken")),
        (True, True, "", False, ("failed", "taken")),
        (True, False, "", True, ("failed", "reserved")),
        (False, False, "", False, ("failed", "no_such_pin")),
    ],
)
def test_a_line_is_fine_when_it_is_free_or_the_agents(
    is_there: bool, is_used: bool, owner: str, reserved: bool, judged: tuple[str, str | None]
) -> None:
    assert line(is_there, is_used, owner, reserved) == judged


@pytest.mark.parametrize(
    ("load", "active", "enabled", "judged"),
    [
        ("loaded", "active", "enabled", ("ok", None)),
        ("loaded", "active", "disabled", ("warning", "not_enabled")),
        ("loaded", "inactive", "enabled", ("failed", "not_running")),
        ("loaded", "failed", "enabled", ("failed", "crashed")),
        ("loaded", "activating", "enabled", ("failed", "starts_over")),
        ("masked", "inactive", "masked", ("failed", "masked")),
        ("bad-setting", "inactive", "", ("failed", "unit_broken")),
        ("not-found", "inactive", "", ("warning", "not_installed")),
    ],
)
def test_a_service_has_to_be_installed_running_and_enabled(
    load: str, active: str, enabled: str, judged: tuple[str, str | None]
) -> None:
    assert service(load, active, enabled) == judged


@pytest.mark.parametrize(
    ("state", "required", "verdict"),
    [
        ("ok", True, "ok"),
        ("warning", True, "warning"),
        ("failed", True, "failed"),
        ("failed", False, "warning"),
        ("unknown", True, "warning"),
    ],
)
def test_what_the_room_does_not_need_fails_nothing(state: State, required: bool, verdict: Verdict) -> None:
    finding = Finding("spare", "usb-camera", "display", required, state, "missing")
    assert diagnosed(finding, "x") == Diagnosis("spare", "usb-camera", "display", verdict, "missing", "x", required)


def test_they_come_in_the_handbooks_order() -> None:
    found = [Diagnosis(name, name, name) for name in ("box", "audio", "power", "connect", "display")]  # type: ignore[arg-type]
    found.append(Diagnosis("late", "late", "audio"))
    assert [each.name for each in in_order(found)] == ["connect", "display", "audio", "late", "power", "box"]


def test_a_second_look_only_makes_worse() -> None:
    found = Diagnosis("a", "a", "box", "failed", "x", "seen")
    assert worsened(found, ("ok", None), "other") == found
    assert worsened(found, ("warning", "y")).seen == "seen"


def test_groups_are_asked_of_everybody_but_root() -> None:
    assert missing_groups(False, ["video", "users"]) == ("gpio", "audio")
    assert missing_groups(True, []) == ()


def test_a_state_folder_that_is_not_there_is_told_also_where_it_would_be_made() -> None:
    assert memory_of_room(False, is_there=False, is_made_by_systemd=True) == ("warning", "no_state")
    assert memory_of_room(True, is_there=False, is_made_by_systemd=False) == ("warning", "no_state")
    assert memory_of_room(False, is_there=False, is_made_by_systemd=False) == ("failed", "not_makeable")
    assert memory_of_room(None, is_there=False, is_made_by_systemd=False) == ("warning", "run_as_root")
    assert memory_of_room(True, is_there=True, is_made_by_systemd=False) == ("ok", None)
    assert memory_of_room(False, is_there=True, is_made_by_systemd=True) == ("failed", "not_writable")
    assert memory_of_room(None, is_there=True, is_made_by_systemd=True) == ("warning", "run_as_root")
