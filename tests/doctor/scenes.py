"""For whom the doctor's tests look: whoever runs them, on a machine without systemd."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from agent.adapters import rights
from agent.adapters.rights import How, Who
from agent.adapters.units import Unit
from agent.core.diagnosis import Diagnosis
from agent.doctor.scene import Scene


class Stranger(Who):
    """A user of whom nobody can tell what he may do."""

    def may(self, path: Path, how: How) -> bool | None:
        return None


STRANGER = Stranger("diemcau", 12345, 12345, (12345,), "unit")


def scene(state: Path, unit: Unit | None = None, who: Who | None = None) -> Scene:
    return Scene(state, datetime.now(UTC), unit is not None, unit, who or rights.myself())


def served(state: Path, **words: str) -> Scene:
    """On a machine where systemd runs the agent."""
    unit = Unit("diemcau-agent.service", "loaded", "active", "running", "enabled", "diemcau")
    return scene(state, replace(unit, **words))  # type: ignore[arg-type]


def named(found: list[Diagnosis], name: str) -> Diagnosis:
    (one,) = (each for each in found if each.name == name)
    return one
