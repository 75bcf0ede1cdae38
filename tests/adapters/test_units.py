"""systemd's words about our units."""

import subprocess
from pathlib import Path

import pytest

from agent.adapters import units
from agent.adapters.units import AGENT, Unit, ask, parse

# As systemd 252 printed it.
RUNNING = """\
User=diemcau
SupplementaryGroups=gpio video audio
NRestarts=3
PrivateTmp=yes
ProtectHome=yes
LoadState=loaded
ActiveState=active
SubState=running
UnitFileState=enabled
"""
ABSENT = "LoadState=not-found\nActiveState=inactive\nSubState=dead\nUnitFileState=\nUser=\n"


def test_a_running_unit_says_who_it_is_and_what_it_does_not_see() -> None:
    unit = parse(AGENT, RUNNING)
    assert unit.is_there
    assert (unit.active, unit.sub, unit.enabled, unit.user, unit.restarts) == (
        "active", "running", "enabled", "diemcau", "3",
    )  # fmt: skip
    assert unit.groups == ("gpio", "video", "audio")
    assert unit.hides(Path("/home/pi/ca.pem"))
    assert unit.hides(Path("/tmp/x/site.key"))
    assert not unit.hides(Path("/etc/diemcau/ca.pem"))
    assert not unit.hides(Path("/homes/ca.pem"))


def test_an_absent_unit_and_an_empty_answer_are_none() -> None:
    assert parse(AGENT, ABSENT) == Unit(AGENT, active="inactive", sub="dead")
    assert parse(AGENT, "") == Unit(AGENT)
    assert not parse(AGENT, ABSENT).is_there


def test_a_machine_without_systemctl_has_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert ask(AGENT) is None


def test_a_systemd_that_hangs_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "systemctl"
    script.write_text("#!/bin/sh\nexec /bin/sleep 60\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(units, "PATIENCE_S", 0.2)
    assert ask(AGENT) is None


def test_systemd_itself_knows_the_properties_that_are_asked_for() -> None:
    if not units.is_booted():
        pytest.skip("needs systemd")
    said = subprocess.run(
        ["systemctl", "show", "-.mount", f"--property={units.PROPERTIES}"], capture_output=True, text=True, check=True
    )
    assert "LoadState=loaded" in said.stdout
