"""systemd/: the units are ones that systemd takes, and give the agent no more than it needs."""

import shutil
import subprocess
from pathlib import Path

import pytest

from agent.core.config import PowerSection

FOLDER = Path(__file__).resolve().parents[2] / "systemd"
AGENT, EYE, CLOCK = (FOLDER / f"diemcau-{name}.service" for name in ("agent", "eye", "clock"))
CENTRES = (FOLDER / "diemcau-recorder.service", FOLDER / "diemcau-board.service")
UNITS = sorted(path for path in FOLDER.iterdir() if path.suffix in (".service", ".socket"))
# The program is not installed where tests run; and the key came with systemd 254.
EXPECTED_COMPLAINTS = ("/opt/diemcau/current/bin/diemcau", "Unknown key 'FileDescriptorStorePreserve'")


def analyze(*arguments: str) -> "subprocess.CompletedProcess[str]":
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("needs systemd-analyze")
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False)


def settings(unit: Path) -> dict[str, str]:
    """The last value of every key; comments are not settings."""
    lines = [line for line in unit.read_text(encoding="utf-8").splitlines() if line and line[0] not in "#["]
    return dict(line.split("=", 1) for line in lines)


def test_systemd_understands_every_line() -> None:
    said = analyze("verify", *map(str, UNITS)).stderr.splitlines()
    ours = [line for line in said if "diemcau" in line]
    assert [line for line in ours if not any(known in line for known in EXPECTED_COMPLAINTS)] == []


def test_a_misspelt_line_would_be_found(tmp_path: Path) -> None:
    unit = tmp_path / "diemcau-agent.service"
    unit.write_text(AGENT.read_text(encoding="utf-8").replace("WatchdogSec=", "WatchDogSec="), encoding="utf-8")
    assert "'WatchDogSec'" in analyze("verify", str(unit)).stderr.replace("‘", "'")


LIMITS = {EYE: 10, **dict.fromkeys((AGENT, CLOCK, *CENTRES), 15)}  # in tenths


@pytest.mark.parametrize("unit", LIMITS, ids=lambda unit: unit.name)
def test_the_exposure_is_small(unit: Path) -> None:
    checked = analyze("security", "--offline=true", f"--threshold={LIMITS[unit]}", str(unit))
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "Overall exposure level" in checked.stdout


def test_every_loads_line_can_be_kept_twice_over() -> None:
    most_loads = next(
        limit.max_length for limit in PowerSection.model_fields["loads"].metadata if hasattr(limit, "max_length")
    )
    kept = settings(AGENT)
    assert int(kept["FileDescriptorStoreMax"]) >= 2 * most_loads, "the old room's and the new one's"
    assert kept["FileDescriptorStorePreserve"] == "yes"
    assert kept["NotifyAccess"] == "main"


def test_nothing_makes_systemd_give_up_on_the_agent() -> None:
    kept = settings(AGENT)
    # On systemd 252 a unit that has failed for good lets go of the relays' lines.
    assert (kept["Restart"], kept["StartLimitIntervalSec"]) == ("always", "0")
