"""What systemd says of itself: the hardware watchdog that it feeds. Asked, never told, as ``units`` does.

Source: systemd-system.conf(5), ``RuntimeWatchdogSec=``; org.freedesktop.systemd1(5), the manager's properties.
"""

import re
import subprocess
from dataclasses import dataclass

from agent.adapters.units import PATIENCE_S

PROPERTIES = "RuntimeWatchdogUSec,WatchdogLastPingTimestampMonotonic"
UNITS_S = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
PART = re.compile(r"([0-9.]+)(us|ms|s|min|h|d)")


@dataclass(frozen=True, slots=True)
class Watchdog:
    """``timeout_s`` 0: systemd was not told to feed one; ``is_fed`` whether it ever has. None: it does not say."""

    timeout_s: float | None
    is_fed: bool | None


def watchdog() -> Watchdog:
    """Ask. Takes five seconds at most; all is None where systemd does not answer."""
    try:
        said = subprocess.run(
            ["systemctl", "show", f"--property={PROPERTIES}"],
            capture_output=True, text=True, errors="replace", timeout=PATIENCE_S, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return Watchdog(None, None)
    return parse(said.stdout if said.returncode == 0 else "")


def parse(text: str) -> Watchdog:
    """``Key=value`` lines, as ``systemctl show`` prints them; a time as ``1min 2s``. Pure."""
    words = dict(line.partition("=")[::2] for line in text.splitlines())
    ping = words.get("WatchdogLastPingTimestampMonotonic", "")
    return Watchdog(_seconds(words.get("RuntimeWatchdogUSec", "")), ping != "0" if ping.isdigit() else None)


def _seconds(text: str) -> float | None:
    if text in ("0", "infinity"):
        return 0.0
    parts = [PART.fullmatch(part) for part in text.split()]
    if not parts or None in parts:
        return None
    return sum(float(part[1]) * UNITS_S[part[2]] for part in parts if part)
