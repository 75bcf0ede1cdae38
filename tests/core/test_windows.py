"""agent/core/windows.py: rows of the history weigh each value with the time that it stood."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core import windows
from agent.core.contract import Headcount, HistoryHeadcount, decode, encode
from agent.core.events import Now, Stopping, UsbChanged
from agent.core.windows import Window
from tests.core.rig import CAMERA, Rig, frame, room_config

AT = datetime(2012, 11, 20, 7, 30, tzinfo=UTC)
COMMON: dict[str, Any] = {"at": AT, "session": "s", "clock": "synced"}


def count(value: int | None, reason: str | None = None, conference: str | None = None) -> Headcount:
    state = "unknown" if value is None else "ok"
    extra = {} if conference is None else {"conference": conference}
    known = {"seen": value, "min": value, "max": value, "samples": 3, "window_s": 90, "frame_age_s": 1.0}
    return Headcount(**COMMON, value=value, state=state, reason=reason, **known, interval_s=2, **extra)  # type: ignore[arg-type]


def played(steps: list[tuple[float, int | None]], end_s: float, history_s: float = 60.0) -> list[HistoryHeadcount]:
    """The rows of a room that is on from the first step to ``end_s``, a look at each step."""
    window: Window | None = None
    rows: list[HistoryHeadcount] = []
    steps = [*steps, (end_s, None)]
    for number, (at_s, value) in enumerate(steps):
        is_on = number < len(steps) - 1
        said = count(value, None if value is not None else "dark")
        window, ended = windows.step(window, said, at_s, is_on, at_s, history_s)
        if ended is not None:
            now = Now(at_s, AT + timedelta(seconds=at_s), synced=True)
            rows.append(windows.row(ended, {**COMMON, "at": now.utc}, now, "b"))
    assert window is None
    return rows


def test_the_value_is_the_one_that_stood_longest_and_people_minutes_are_the_area() -> None:
    (row,) = played([(0, 10), (10, 12), (40, 11)], 60)
    assert (row.value, row.min, row.max) == (12, 10, 12)
    assert row.people_minutes == pytest.approx((10 * 10 + 12 * 30 + 11 * 20) / 60, abs=1e-3)
    assert (row.unknown_s, row.unknown_reasons, row.samples) == (0, {}, 2)
    assert (row.from_, row.to) == (AT, AT + timedelta(seconds=60))


def test_what_is_not_known_is_no_number_and_has_its_reason() -> None:
    (row,) = played([(0, None), (50, 4)], 60)
    assert (row.value, row.min, row.max, row.people_minutes) == (4, 4, 4, round(40 / 60, 4))
    assert (row.unknown_s, row.unknown_reasons) == (50, {"dark": 50})
    (blind,) = played([(0, None), (30, None)], 60)
    assert (blind.value, blind.min, blind.max, blind.people_minutes) == (None, None, None, 0)
    assert blind.unknown_s == 60


def test_of_two_values_that_stood_equally_long_the_higher_counts() -> None:
    (row,) = played([(0, 10), (30, 11)], 60)
    assert row.value == 11


def test_a_window_ends_by_the_clock_and_the_next_one_begins_where_it_ended() -> None:
    rows = played([(at_s, 5) for at_s in range(0, 150, 10)], 150)
    assert [(row.to - row.from_).total_seconds() for row in rows] == [60, 60, 30]
    assert all(row.to == following.from_ for row, following in pairwise(rows))


def test_another_conference_and_a_room_that_goes_off_end_it_early() -> None:
    first, _ = windows.step(None, count(3, conference="a"), None, True, 0, 60)
    second, ended = windows.step(first, count(4, conference="b"), 1.0, True, 20, 60)
    assert ended is not None
    assert (ended.conference, ended.stood_s) == ("a", {3: 20.0})
    assert second is not None
    assert second.conference == "b"
    off, ended = windows.step(second, count(None, "room_off"), 1.0, False, 25, 60)
    assert (off, ended.stood_s if ended else None) == (None, {4: 5.0})
    assert windows.step(None, count(None, "room_off"), None, False, 30, 60) == (None, None)


def test_a_moment_is_no_row() -> None:
    opened, _ = windows.step(None, count(3), None, True, 0, 60)
    assert windows.step(opened, count(None), None, False, 0.5, 60) == (None, None)


def test_a_clock_that_is_set_within_makes_it_neither_longer_nor_shorter() -> None:
    window, _ = windows.step(None, count(3), None, True, 5000, 60)
    _, ended = windows.step(window, count(3), None, True, 5060, 60)
    assert ended is not None
    row = windows.row(ended, COMMON, Now(5060, AT, synced=True), "b")
    assert (row.from_, row.to) == (AT - timedelta(seconds=60), AT)


def test_a_row_goes_over_the_wire_with_the_contracts_names() -> None:
    (row,) = played([(0, 10)], 60)
    raw = encode(row.model_copy(update={"epoch": "e", "seq": 1}))
    assert b'"from":"2012-11-20T07:30:00.000Z","to":"2012-11-20T07:31:00.000Z"' in raw
    assert b'"epoch":"e","seq":1,"boot_id":"b"' in raw.replace(b'"historical":false,', b"")[-10_000:]
    assert decode(HistoryHeadcount, raw).people_minutes == row.people_minutes
    assert b"conference" not in raw


@given(
    st.lists(st.tuples(st.floats(0.01, 50), st.none() | st.integers(0, 300)), min_size=1, max_size=40),
    st.floats(10, 600),
)
def test_whatever_is_counted_no_second_is_lost_and_none_is_there_twice(
    parts: list[tuple[float, int | None]], history_s: float
) -> None:
    at_s, steps, area, unknown_s = 0.0, [], 0.0, 0.0
    for lasts_s, value in parts:
        steps.append((at_s, value))
        area += 0 if value is None else value * lasts_s / 60
        unknown_s += lasts_s if value is None else 0
        at_s += lasts_s
    if at_s < windows.LEAST_S:
        return
    rows = played(steps, at_s, history_s)
    left_s = at_s - sum((row.to - row.from_).total_seconds() for row in rows)
    assert left_s < windows.LEAST_S + 0.01  # the last piece may be no row
    assert sum(row.people_minutes for row in rows) <= area + 0.01
    assert sum(row.people_minutes for row in rows) >= area - 300 * windows.LEAST_S / 60 - 0.01
    assert sum(row.unknown_s for row in rows) == pytest.approx(unknown_s, abs=windows.LEAST_S + 0.05)
    for row in rows:
        assert (row.value is None) == (row.people_minutes == 0 and row.min is None)
        assert row.value is None or row.min <= row.value <= row.max  # type: ignore[operator]


def test_a_room_that_is_on_writes_a_row_a_minute_and_none_while_it_is_off() -> None:
    rig = Rig(room_config())
    rig.start()
    rig.do(UsbChanged((CAMERA,)))
    rig.wait(300)
    assert rig.windows == []
    on = Rig(room_config())
    on.start_long_ago(codec="on", display="on", lamp="on")
    on.do(UsbChanged((CAMERA,)))
    for _ in range(65):
        on.do(frame(on.now_s, 7, watch=on.room.eye.watch))
        on.wait(2)
    assert len(on.windows) == 2
    row = on.windows[-1]
    assert (row["value"], row["unknown_s"], row["boot_id"]) == (7, 0, on.history[0]["boot_id"] if on.history else "b")
    assert row["people_minutes"] == pytest.approx(7, abs=0.3)
    assert row["samples"] in range(28, 32)
    on.do(Stopping())
    assert len(on.windows) == 3
    assert on.room.window is None


def test_a_room_without_a_camera_has_no_rows() -> None:
    rig = Rig(room_config(camera={"check": ""}))
    rig.start_long_ago(codec="on", display="on", lamp="on")
    rig.wait(300)
    assert rig.windows == []
