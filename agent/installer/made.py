"""What the installer has made on this machine: ``/opt/diemcau/installed.json``. An uninstall takes no more away.

A thing is noted before it is made: a power cut between the two leaves a note too many, which harms nobody.
"""

import json
from collections.abc import Iterable
from contextlib import suppress

from agent.installer.steps import InstallError
from agent.installer.world import World

NOTES = "/opt/diemcau/installed.json"


def noted(world: World, kind: str) -> frozenset[str]:
    """What stands under ``roles``, ``users`` or ``groups``. A file that cannot be read notes nothing."""
    return frozenset(_read(world).get(kind, ()))


def note(world: World, kind: str, names: Iterable[str]) -> None:
    """Add names. Raises InstallError."""
    _write(world, kind, noted(world, kind) | set(names))


def strike(world: World, kind: str, names: Iterable[str]) -> None:
    """Take names away; the file goes with the last one. Raises InstallError."""
    _write(world, kind, noted(world, kind) - set(names))


class Roles:
    """The step that notes what this machine is: ``box``, ``centre``."""

    title = "ghi lại những gì đã cài / note what is installed"

    def __init__(self, world: World, roles: frozenset[str]) -> None:
        self._world, self._roles = world, roles
        self._new: frozenset[str] = frozenset()

    def is_done(self) -> bool:
        """They are noted."""
        return self._roles <= noted(self._world, "roles")

    def lines(self) -> list[str]:
        """One line."""
        return [f"write {NOTES} ({', '.join(sorted(self._roles))})"]

    def do(self) -> None:
        """Note them."""
        self._new = self._roles - noted(self._world, "roles")
        note(self._world, "roles", self._new)

    def undo(self) -> None:
        """Strike those that were new."""
        strike(self._world, "roles", self._new)


def _read(world: World) -> dict[str, list[str]]:
    try:
        read = json.loads(world.path(NOTES).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return read if isinstance(read, dict) else {}


def _write(world: World, kind: str, names: frozenset[str]) -> None:
    notes = {**_read(world), kind: sorted(names)}
    try:
        if any(notes.values()):
            world.write(NOTES, (json.dumps(notes, indent=1) + "\n").encode())
        else:
            world.path(NOTES).unlink(missing_ok=True)
            with suppress(OSError):
                world.path(NOTES).parent.rmdir()
    except OSError as error:
        raise InstallError(f"{NOTES} cannot be written: {error.strerror}") from error
