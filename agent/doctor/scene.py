"""For whom one looks: the user whom the agent runs as, what its unit hides from it, and what time it is."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from agent.adapters import rights, units
from agent.adapters.files import is_there
from agent.adapters.rights import How, Who
from agent.adapters.units import Unit
from agent.core.checkup import Group
from agent.core.diagnosis import OURS, Diagnosis, Judged

Part = tuple[str, Group, Callable[[], list[Diagnosis]]]


@dataclass(frozen=True, slots=True)
class Scene:
    """What holds for all checks. ``unit`` None: systemd does not run here, or does not answer.

    ``who`` is the agent's user: the unit's, else the account ``diemcau``, else whoever runs this. ``missing_user`` is
    the unit's user where the machine has none of that name.
    """

    state: Path
    now: datetime
    is_booted: bool
    unit: Unit | None
    who: Who
    missing_user: str = ""

    def may(self, path: Path, how: How) -> bool | None:
        """Whether the agent may; None where this user cannot tell."""
        return self.who.may(path, how)

    def to_read(self, path: Path) -> Judged:
        """Whether the agent can read a file, and why not. Where nobody can tell there is one warning, ``box.user``."""
        if self.unit is not None and self.unit.is_there and self.unit.hides(path):
            return "failed", "hidden"
        if not is_there(path):
            return "failed", "no_file"
        may = self.may(path, "r")
        if may is None:
            return ("ok", None) if os.access(path, os.R_OK) else ("warning", "run_as_root")
        return ("ok", None) if may else ("failed", "not_readable")


def look_around(state: Path) -> Scene:
    """Ask systemd and the user database. Takes five seconds at most."""
    is_booted = units.is_booted()
    unit = units.ask(units.AGENT) if is_booted else None
    missing = ""
    who = None
    if unit is not None and unit.is_there:
        who = rights.find(unit.user or "root", unit.groups, "unit")
        missing = "" if who else unit.user
    else:
        who = rights.find(OURS, (), "account")
    return Scene(state, datetime.now(UTC), is_booted, unit, who or rights.myself(), missing)
