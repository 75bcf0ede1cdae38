"""What systemd says of our units, by ``systemctl show``: asked, never told.

A program instead of D-Bus, since it is there wherever systemd is, and one question a minute of a technician's time
needs no library. Source: systemctl(1), ``show`` and ``--property``.
"""

import subprocess
from dataclasses import dataclass
from pathlib import Path, PurePath

AGENT, EYE = "diemcau-agent.service", "diemcau-eye.socket"
BOOTED = Path("/run/systemd/system")  # source: sd_booted(3)
PATIENCE_S = 5.0
PROPERTIES = "LoadState,ActiveState,SubState,UnitFileState,User,SupplementaryGroups,ProtectHome,PrivateTmp,NRestarts"
HOMES, TEMPORARY = ("/home", "/root", "/run/user"), ("/tmp", "/var/tmp")  # noqa: S108 # compared, never written


@dataclass(frozen=True, slots=True)
class Unit:
    """One unit; ``groups`` are those that the unit adds to its user's own. Words are systemd's."""

    name: str
    load: str = "not-found"
    active: str = ""
    sub: str = ""
    enabled: str = ""
    user: str = ""
    groups: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    restarts: str = ""

    @property
    def is_there(self) -> bool:
        """Whether systemd knows it."""
        return self.load == "loaded"

    def hides(self, path: Path) -> bool:
        """Whether a file that is there for everybody else is not for this unit (``ProtectHome=``, ``PrivateTmp=``)."""
        return any(PurePath(folder) in path.absolute().parents for folder in self.hidden)


def is_booted() -> bool:
    """Whether systemd runs this machine."""
    return BOOTED.is_dir()


def ask(name: str) -> Unit | None:
    """What systemd says of a unit; None: it does not answer, or is not there. Takes five seconds at most."""
    try:
        said = subprocess.run(
            ["systemctl", "show", name, f"--property={PROPERTIES}"],
            capture_output=True, text=True, errors="replace", timeout=PATIENCE_S, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    return parse(name, said.stdout) if said.returncode == 0 else None


def parse(name: str, text: str) -> Unit:
    """``Key=value`` lines, as ``systemctl show`` prints them. Pure."""
    words = dict(line.partition("=")[::2] for line in text.splitlines())
    hidden = (HOMES if words.get("ProtectHome") in ("yes", "tmpfs") else ()) + (
        TEMPORARY if words.get("PrivateTmp") in ("yes", "disconnected") else ()
    )
    return Unit(
        name=name,
        load=words.get("LoadState", "not-found"),
        active=words.get("ActiveState", ""),
        sub=words.get("SubState", ""),
        enabled=words.get("UnitFileState", ""),
        user=words.get("User", ""),
        groups=tuple(words.get("SupplementaryGroups", "").split()),
        hidden=hidden,
        restarts=words.get("NRestarts", ""),
    )
