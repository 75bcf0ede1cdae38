"""The running services as systemd tells of them, and what it is asked to do with them.

A program instead of D-Bus, since it is there wherever systemd is. The agent's line (``StatusText``) is
``agent/core/status_line.py``'s. Source: systemctl(1), ``show`` and ``--property``.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from agent.installer.steps import InstallError
from agent.installer.world import World

AGENT, EYE_SOCKET = "diemcau-agent.service", "diemcau-eye.socket"
PROPERTIES = "ActiveState,Result,InvocationID,StatusText"
PATIENCE_S = 60.0
JOURNAL_LINES = 30


@dataclass(frozen=True, slots=True)
class Seen:
    """One unit at one moment. ``invocation`` is another one after each start, ``status`` what its line says, by key:
    nothing where it does not run or has no line.
    """

    active: str = ""
    result: str = ""
    invocation: str = ""
    status: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def is_up(self) -> bool:
        """It runs, and has said that it is ready, if it is one that says so."""
        return self.active == "active"


def parse(text: str) -> Seen:
    """``Key=value`` lines, as ``systemctl show`` prints them. Pure."""
    words = dict(line.partition("=")[::2] for line in text.splitlines())
    active = words.get("ActiveState", "")
    # systemd shows the line of a service that has ended until the next start.
    line = words.get("StatusText", "") if active == "active" else ""
    status = dict(word.partition("=")[::2] for word in line.split() if "=" in word)
    return Seen(active, words.get("Result", ""), words.get("InvocationID", ""), status)


class Units:
    """systemd and the clock. Thread: the main one."""

    def __init__(self, world: World) -> None:
        self._world = world

    @property
    def is_there(self) -> bool:
        """Whether there is a systemd that can start anything."""
        return self._world.is_booted

    def look(self, unit: str) -> Seen:
        """What systemd says of a unit; nothing where it does not answer."""
        return parse(self._world.says(["systemctl", "show", unit, f"--property={PROPERTIES}"]) or "")

    def reload(self) -> None:
        """Have systemd read the unit files anew. Raises InstallError."""
        self._world.run(["systemctl", "daemon-reload"], PATIENCE_S)

    def restart(self, unit: str) -> None:
        """Start it anew, in one order: a stop and a start would let go of the relays' lines before systemd 254.

        Raises:
            InstallError: It did not become ready in time.
        """
        self._world.run(["systemctl", "restart", unit], PATIENCE_S)

    def stop(self, unit: str) -> None:
        """Stop it. Raises InstallError."""
        self._world.run(["systemctl", "stop", unit], PATIENCE_S)

    def note_journal(self, unit: str) -> None:
        """Its last lines into the installer's log."""
        self._world.says(["journalctl", "--no-pager", "-n", str(JOURNAL_LINES), "-u", unit])

    def now_s(self) -> float:
        """Monotonic seconds."""
        return time.monotonic()

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        time.sleep(seconds)


def is_in_conference(units: Units) -> bool:
    """Whether the room is in a live conference, as far as its agent says so."""
    return units.look(AGENT).status.get("locked") == "yes"


def refuse_in_conference(units: Units) -> None:
    """A restart moves no relay, but the count begins anew, and a conference is no time for trials.

    Raises:
        InstallError: The room is in a live conference.
    """
    if is_in_conference(units):
        raise InstallError(
            "phòng đang họp, không khởi động lại / the room is in a conference, and its agent is not restarted now; "
            "--during-conference does it all the same (no relay moves)"
        )
