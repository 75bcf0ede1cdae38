"""What keeps a box well for years: the pins' levels before Linux, the hardware watchdog, the installed release."""

from pathlib import Path

from agent.adapters import manager
from agent.core.config import PowerSection
from agent.core.diagnosis import Diagnosis, boot_levels, watchdog, worsened
from agent.doctor.scene import Scene

CONFIG_TXT = (Path("/boot/firmware/config.txt"), Path("/boot/config.txt"))
WATCHDOG = Path("/dev/watchdog0")
RELEASES = Path("/opt/diemcau")


def levels(power: PowerSection) -> list[Diagnosis]:
    """``config.txt`` against the room that runs; nothing where the machine has no such file, or the room no loads."""
    path = next((path for path in CONFIG_TXT if path.is_file()), None)
    if path is None or not power.loads:
        return []
    judged, differing = boot_levels(path.read_text(encoding="utf-8", errors="replace"), power)
    return [worsened(Diagnosis("box.boot_levels", "box.boot_levels", "box", seen=str(path)), judged, differing)]


def hardware_watchdog(scene: Scene) -> list[Diagnosis]:
    """Whether a kernel that hangs is started again; nothing where systemd does not run the machine."""
    if not scene.is_booted:
        return []
    asked, is_there = manager.watchdog(), WATCHDOG.exists()
    seen = f"{WATCHDOG if is_there else '—'}, RuntimeWatchdogSec={asked.timeout_s}"
    found = Diagnosis("box.watchdog", "box.watchdog", "box", seen=seen)
    return [worsened(found, watchdog(is_there, asked.timeout_s, asked.is_fed))]


def release() -> list[Diagnosis]:
    """Which release runs, and whether it is on trial; nothing on a machine that the installer has not set up."""
    current, trial = RELEASES / "current", RELEASES / "trial"
    if not current.is_symlink():
        return []
    found = Diagnosis("box.release", "box.release", "box", seen=str(current.resolve()))
    return [worsened(found, ("warning", "on_trial"), f"{found.seen} ({trial})")] if trial.exists() else [found]
