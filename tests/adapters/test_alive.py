"""agent/adapters/alive.py: the sign that one run leaves for the next."""

import logging
import os
import stat
from pathlib import Path

import pytest

from agent.adapters.alive import EVERY_S, Alive, alive_file

BOOT = "2f1c0a4e-0000-4000-8000-000000000001"


class Clock:
    def __init__(self) -> None:
        self.now_s = 1234.5

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "alive"


def test_the_next_run_knows_when_the_loop_last_went_round(path: Path, clock: Clock) -> None:
    Alive(path, BOOT, clock).touch()
    assert Alive(path, BOOT, clock).last_s() == 1234.5


def test_where_nobody_left_a_sign_nothing_is_known(path: Path) -> None:
    assert Alive(path, BOOT).last_s() is None


def test_a_sign_of_another_boot_is_none(path: Path, clock: Clock) -> None:
    Alive(path, "another-boot", clock).touch()
    assert Alive(path, BOOT, clock).last_s() is None


@pytest.mark.parametrize("text", ["", "\n", BOOT, f"{BOOT} ", f"{BOOT} soon", " 12.0", "\xff"])
def test_a_sign_that_cannot_be_read_is_none(path: Path, text: str) -> None:
    path.write_bytes(text.encode("latin-1"))
    assert Alive(path, BOOT).last_s() is None


def test_a_sign_without_a_boot_id_is_none(path: Path) -> None:
    path.write_text(" 12.0")
    assert Alive(path, "").last_s() is None


def test_it_is_written_every_other_second_at_most(path: Path, clock: Clock) -> None:
    alive = Alive(path, BOOT, clock)
    alive.touch()
    path.unlink()
    clock.now_s += EVERY_S - 0.1
    alive.touch()
    assert not path.exists()
    clock.now_s += 0.1
    alive.touch()
    assert Alive(path, BOOT).last_s() == clock.now_s


def test_a_later_sign_takes_the_place_of_the_earlier_one_whatever_their_lengths(path: Path, clock: Clock) -> None:
    alive = Alive(path, BOOT, clock)
    for now_s in (9.9, 99_999_999.9, 100_000_010.0):
        clock.now_s = now_s
        alive.touch()
        assert alive.last_s() == now_s
    assert len(path.read_text().splitlines()) == 1


def test_nobody_else_may_read_it(path: Path) -> None:
    Alive(path, BOOT).touch()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_folder_that_cannot_be_written_is_told_once_and_harms_nothing(
    tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    alive = Alive(tmp_path / "gone" / "alive", BOOT, clock)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            alive.touch()
            clock.now_s += EVERY_S
    assert len(caplog.records) == 1
    assert alive.last_s() is None


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, "state/alive"),
        ({"RUNTIME_DIRECTORY": ""}, "state/alive"),
        ({"RUNTIME_DIRECTORY": "/run/diemcau"}, "/run/diemcau/alive"),
        ({"RUNTIME_DIRECTORY": "/run/diemcau:/run/other"}, "/run/diemcau/alive"),
    ],
)
def test_it_lies_in_the_units_runtime_folder_or_else_with_the_state(environment: dict[str, str], expected: str) -> None:
    assert alive_file(Path("state"), environment) == Path(expected)


def test_the_environment_of_this_process_is_the_one_that_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "RUNTIME_DIRECTORY", "/run/diemcau")
    assert alive_file(Path("state")) == Path("/run/diemcau/alive")
