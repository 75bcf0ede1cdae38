"""Five quick crashes make the next start a safe one; whatever else ends a run does not."""

import logging
from pathlib import Path

import pytest

from agent.adapters.quick_crashes import FILE, LIVED_S, QuickCrashes


class Hand:
    """A clock that is turned by hand."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Hand:
    return Hand()


def crashed(state: Path, times: int, boot_id: str = "boot") -> None:
    for _ in range(times):
        QuickCrashes(state, boot_id).begin()


@pytest.mark.parametrize(("times", "is_safe"), [(0, False), (4, False), (5, True), (6, True)])
def test_after_five_in_a_row_the_start_is_a_safe_one(tmp_path: Path, times: int, is_safe: bool) -> None:
    crashed(tmp_path, times)
    here = QuickCrashes(tmp_path, "boot")
    assert (here.begin(), here.is_safe) == (times, is_safe)


def test_a_safe_run_that_crashes_is_followed_by_a_safe_one(tmp_path: Path) -> None:
    crashed(tmp_path, 1200)
    here = QuickCrashes(tmp_path, "boot")
    assert here.begin() >= 5
    assert here.is_safe


def test_a_run_that_lives_for_a_minute_begins_the_count_anew(tmp_path: Path, clock: Hand) -> None:
    crashed(tmp_path, 5)
    here = QuickCrashes(tmp_path, "boot", clock)
    here.begin()
    clock.now_s += LIVED_S
    here.lived()
    assert here.is_safe  # this run stays what it is
    assert QuickCrashes(tmp_path, "boot").begin() == 0


def test_a_run_that_lives_for_less_does_not(tmp_path: Path, clock: Hand) -> None:
    here = QuickCrashes(tmp_path, "boot", clock)
    here.begin()
    clock.now_s += LIVED_S - 0.001
    here.lived()
    assert QuickCrashes(tmp_path, "boot").begin() == 1


def test_the_loop_costs_one_write_however_often_it_goes_round(tmp_path: Path, clock: Hand) -> None:
    here = QuickCrashes(tmp_path, "boot", clock)
    here.begin()
    clock.now_s += LIVED_S
    here.lived()
    (tmp_path / FILE).unlink()
    for _ in range(3):
        here.lived()
    here.ended_in_order()
    assert not (tmp_path / FILE).exists()


def test_an_end_in_order_begins_the_count_anew(tmp_path: Path) -> None:
    crashed(tmp_path, 5)
    here = QuickCrashes(tmp_path, "boot")
    here.begin()
    here.ended_in_order()
    assert QuickCrashes(tmp_path, "boot").begin() == 0


def test_a_power_cut_is_no_crash(tmp_path: Path) -> None:
    crashed(tmp_path, 7, "before")
    here = QuickCrashes(tmp_path, "boot")
    assert (here.begin(), here.is_safe) == (0, False)
    assert QuickCrashes(tmp_path, "boot").begin() == 1


def test_where_the_boot_is_not_known_nothing_is_counted(tmp_path: Path) -> None:
    crashed(tmp_path, 9, "")
    assert QuickCrashes(tmp_path, "").begin() == 0


@pytest.mark.parametrize("content", [b"", b"boot", b"boot x", b"boot -7", b"\xff\xfe", b"boot 1" + b"0" * 5000, b"5"])
def test_a_spoilt_file_counts_as_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    assert QuickCrashes(tmp_path, "boot").begin() == 0


def test_a_state_folder_that_cannot_be_written_does_not_matter(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    here = QuickCrashes(tmp_path / "nowhere", "boot")
    assert (here.begin(), here.is_safe) == (0, False)
    here.ended_in_order()
    assert "quick crashes are not counted" in caplog.text


def test_the_count_has_the_same_length_whatever_it_is(tmp_path: Path) -> None:
    sizes = set()
    for _ in range(12):
        QuickCrashes(tmp_path, "boot").begin()
        sizes.add((tmp_path / FILE).stat().st_size)
    assert len(sizes) == 1
