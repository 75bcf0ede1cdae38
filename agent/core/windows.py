"""The rows of ``history/headcount``: what was counted in one window of time, for the report afterwards. Pure.

Between two steps the headcount stands as it was, so a window weighs each value with the time that it stood. One row
belongs to one conference, and to a room that is on: where either changes, the window ends early and the next one
begins.

A window is measured with the monotonic clock and dated when it ends: a clock that is set within it makes it neither
longer nor shorter.
"""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from agent.core.contract import Headcount, HistoryHeadcount
from agent.core.events import Now

# A stop or a change within the first second is no row: nothing was counted yet.
LEAST_S = 1.0


@dataclass(frozen=True, slots=True)
class Window:
    """What has come together since ``from_s``; it ends by itself at ``until_s`` (monotonic seconds).

    ``stood_s`` are the seconds that each value stood; ``unknown_s`` those that none did, by the reason for it.
    ``value`` and ``reason`` are what stands since ``last_s``; ``captured_s`` is the newest look that was counted.
    """

    from_s: float
    until_s: float
    conference: str | None = None
    stood_s: dict[int, float] = field(default_factory=dict)
    unknown_s: dict[str, float] = field(default_factory=dict)
    samples: int = 0
    value: int | None = None
    reason: str = ""
    last_s: float = 0.0
    captured_s: float | None = None

    @property
    def known_s(self) -> float:
        """For how long a number stood."""
        return sum(self.stood_s.values())


def step(
    window: Window | None, count: Headcount, captured_s: float | None, is_counted: bool, now_s: float, history_s: float
) -> tuple[Window | None, Window | None]:
    """Take in that the headcount is now ``count``.

    Args:
        window: The one that is open; None: none is.
        count: What the site says now.
        captured_s: When the newest look was taken; None: there is none.
        is_counted: The room is on and has a camera; otherwise there are no rows.
        now_s: Monotonic seconds.
        history_s: How long a window is.

    Returns:
        The window that is open now, and the one that has ended, if it is a row.
    """
    if window is None:
        return (_opened(count, captured_s, now_s, history_s) if is_counted else None), None
    window = _stood(window, now_s)
    is_over = not is_counted or count.conference != window.conference or now_s >= window.until_s
    if is_over:
        ended = window if now_s - window.from_s >= LEAST_S else None
        return (_opened(count, captured_s, now_s, history_s) if is_counted else None), ended
    return _noted(window, count, captured_s), None


def row(window: Window, common: dict[str, Any], now: Now, boot_id: str) -> HistoryHeadcount:
    """The row of a window that has ended just now; the disk that keeps it gives epoch and sequence.

    ``common`` are the fields that every message of this site carries.
    """
    seen = window.stood_s
    extra: dict[str, Any] = {} if window.conference is None else {"conference": window.conference}
    unknown = {reason: round(stood_s, 3) for reason, stood_s in sorted(window.unknown_s.items())}
    return HistoryHeadcount(
        **common,
        boot_id=boot_id,
        uptime_s=round(now.mono_s, 3),
        historical=False,
        from_=now.utc - timedelta(seconds=window.last_s - window.from_s),
        to=now.utc,
        value=_most_frequent(seen),
        min=min(seen, default=None),
        max=max(seen, default=None),
        people_minutes=round(sum(value * stood_s for value, stood_s in seen.items()) / 60, 4),
        samples=window.samples,
        unknown_s=round(sum(unknown.values()), 3),
        unknown_reasons=unknown,
        **extra,
    )


def _opened(count: Headcount, captured_s: float | None, now_s: float, history_s: float) -> Window:
    window = Window(now_s, now_s + history_s, count.conference, last_s=now_s, captured_s=captured_s)
    return replace(window, value=count.value, reason=count.reason or "")


def _stood(window: Window, now_s: float) -> Window:
    """What stood until now, added to what stood before."""
    took_s = now_s - window.last_s
    if took_s <= 0:
        return window
    if window.value is None:
        before_s = window.unknown_s.get(window.reason, 0.0)
        return replace(window, last_s=now_s, unknown_s={**window.unknown_s, window.reason: before_s + took_s})
    before_s = window.stood_s.get(window.value, 0.0)
    return replace(window, last_s=now_s, stood_s={**window.stood_s, window.value: before_s + took_s})


def _noted(window: Window, count: Headcount, captured_s: float | None) -> Window:
    is_new = captured_s is not None and captured_s != window.captured_s
    return replace(
        window,
        value=count.value,
        reason=count.reason or "",
        captured_s=captured_s if is_new else window.captured_s,
        samples=window.samples + is_new,
    )


def _most_frequent(stood_s: dict[int, float]) -> int | None:
    """The value that stood longest; of two that stood equally long the higher: heads hide, they do not appear."""
    return max(stood_s, key=lambda value: (stood_s[value], value), default=None)
