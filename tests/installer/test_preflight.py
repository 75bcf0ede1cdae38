"""agent/installer/preflight.py: real programs, run as a user of this machine."""

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.installer import preflight
from agent.installer.live_agent import AGENT
from agent.installer.preflight import LOADS, Preflight
from agent.installer.steps import InstallError
from agent.installer.world import World

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0 or shutil.which("runuser") is None, reason="needs root and runuser")


@dataclass(frozen=True)
class Release:
    path: str
    name: str = "2.0"


@pytest.fixture
def release(tmp_path: Path) -> Release:
    """A release whose programs are this checkout's; ``python`` may be replaced."""
    (tmp_path / "bin").mkdir()
    for name, text in (("python", f'exec "{sys.executable}" -c "$4"'), ("diemcau", "echo diemcau 2.0")):
        (tmp_path / "bin" / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    return Release(str(tmp_path))


def tried(release: Release, *units: str) -> Preflight:
    return Preflight(World(), release, units, user="root")


@AS_ROOT
@pytest.mark.parametrize("unit", LOADS)
def test_what_each_service_loads_is_loaded(release: Release, unit: str) -> None:
    step = tried(release, unit, "diemcau-backup.timer")
    assert not step.is_done()
    assert len(step.lines()) == 2
    step.do()


@AS_ROOT
def test_a_library_that_is_missing_shows_before_anything_is_touched(
    release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(preflight.LOADS, AGENT, "a_library_that_nobody_has")
    with pytest.raises(InstallError, match="No module named 'a_library_that_nobody_has'"):
        tried(release, AGENT).do()


@AS_ROOT
def test_a_program_that_does_not_run_shows_too(release: Release) -> None:
    Path(release.path, "bin/diemcau").write_text("#!/bin/sh\nexit 3\n")
    with pytest.raises(InstallError, match="ended with 3"):
        tried(release).do()


def test_another_roots_programs_are_not_run(tmp_path: Path) -> None:
    assert Preflight(World(tmp_path), Release("/opt/diemcau/releases/2.0"), (AGENT,)).is_done()
