"""FAULTS 35: three warnings before a certificate's end."""

from datetime import UTC, datetime, timedelta

import pytest

from agent.doctor.expiry import graded, is_over

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
        (0.1, 0.5, ("failed", "not_yet_valid")),
    ],
)
def test_the_nearer_the_end_the_worse(from_days: float, to_days: float, judged: tuple[str, str | None]) -> None:
    found = graded(NOW + timedelta(days=from_days), NOW + timedelta(days=to_days), NOW)
    assert found == judged
    assert is_over(found) == (judged[1] in ("expired", "not_yet_valid"))
