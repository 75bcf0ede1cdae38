"""systemd/diemcau-backup.*: every night, once, with no more of root's rights than a backup needs."""

from agent.console.backup import FOLDER as BACKUPS
from agent.console.backup import KEEP
from tests.systemd.test_units import FOLDER, analyze, settings

SERVICE, TIMER = FOLDER / "diemcau-backup.service", FOLDER / "diemcau-backup.timer"


def test_systemd_understands_the_timer() -> None:
    assert "Unknown" not in analyze("verify", str(TIMER), str(SERVICE)).stderr
    assert analyze("calendar", settings(TIMER)["OnCalendar"]).returncode == 0


def test_a_night_when_the_machine_was_off_is_made_up_for() -> None:
    assert settings(TIMER)["Persistent"] == "yes"


def test_it_is_what_somebody_would_type() -> None:
    assert settings(SERVICE)["ExecStart"] == f"/opt/diemcau/current/bin/diemcau backup {BACKUPS} --keep {KEEP}"
    assert BACKUPS.startswith(settings(SERVICE)["ReadWritePaths"].split()[0])


def test_root_is_root_over_files_alone() -> None:
    checked = analyze("security", "--offline=true", "--threshold=24", str(SERVICE))  # in tenths
    assert checked.returncode == 0, checked.stdout + checked.stderr
    rights = settings(SERVICE)["CapabilityBoundingSet"].split()
    assert rights == ["CAP_DAC_OVERRIDE", "CAP_CHOWN", "CAP_SETUID", "CAP_SETGID"]
