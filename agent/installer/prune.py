"""Old releases go: the one that runs and the one before stay."""

from contextlib import suppress

from agent.installer.release import RELEASES, in_use, remove
from agent.installer.steps import Step
from agent.installer.world import World, shown


def steps(world: World) -> list[Step]:
    """To be done last: what has gone cannot be brought back."""
    return [Prune(world)]


class Prune:
    """No release is kept but two."""

    title = "xoá các bản cũ / old releases go"

    def __init__(self, world: World) -> None:
        self._world = world

    def is_done(self) -> bool:
        """There are no others."""
        return not self._needless()

    def lines(self) -> list[str]:
        """The commands."""
        return [shown(["rm", "-r", f"{RELEASES}/{name}"]) for name in self._needless()]

    def do(self) -> None:
        """Take them away. One that stays is no reason to undo an upgrade: the next run finds it."""
        for name in self._needless():
            with suppress(OSError):
                remove(self._world.path(f"{RELEASES}/{name}"))

    def undo(self) -> None:
        """Nothing can be brought back, and nothing misses it."""

    def _needless(self) -> list[str]:
        folder, kept = self._world.path(RELEASES), in_use(self._world)
        return sorted(path.name for path in folder.iterdir() if path.name not in kept) if folder.is_dir() else []
