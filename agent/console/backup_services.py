"""The services of a centre while its data is put back, and who else has its database open."""

import os
import subprocess
from contextlib import suppress
from pathlib import Path

from agent.adapters import units
from agent.console.backup_archive import BackupError

WRITERS = ("diemcau-recorder", "diemcau-board")
BROKER = "mosquitto"
PATIENCE_S = 120.0


def running() -> list[str]:
    """Those of the centre's own that run here. Nothing where systemd does not."""
    return [each for each in WRITERS if units.is_booted() and (said := units.ask(each)) and said.active != "inactive"]


def stop(services: list[str]) -> None:
    """Raises BackupError."""
    if services:
        _systemctl("stop", *services)


def renew_broker() -> None:
    """The broker, if it runs, reads its files anew. Raises BackupError."""
    if units.is_booted():
        _systemctl("try-restart", BROKER)


def start(services: list[str]) -> None:
    """Raises BackupError."""
    if services:
        _systemctl("start", *services)


def who_has(file: Path) -> list[str]:
    """Other programs that have a file open, as ``name (pid)``; of those that we may not look into nothing is known."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        if process.name == str(os.getpid()):
            continue
        with suppress(OSError):
            if any(_is(handle, file) for handle in (process / "fd").iterdir()):
                found.append(f"{(process / 'comm').read_text().strip()} ({process.name})")
    return found


def _is(handle: Path, file: Path) -> bool:
    try:
        return handle.samefile(file)
    except OSError:
        return False


def _systemctl(*words: str) -> None:
    try:
        done = subprocess.run(["systemctl", *words], capture_output=True, text=True, timeout=PATIENCE_S, check=False)
        said = done.stderr.strip() if done.returncode else ""
    except (OSError, subprocess.TimeoutExpired) as error:
        said = str(error)
    if said:
        line = " ".join(("sudo systemctl", *words))
        raise BackupError(f"`{line}` failed: {said}", f"lệnh `{line}` không được")
