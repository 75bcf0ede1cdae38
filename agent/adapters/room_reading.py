"""Which room config the agent would start with, without being the agent: nothing is written, not even at a first start.

``config_store.load_room`` keeps the room file of a very first start as ``room.json``; who only looks must not make that
first start happen. The order of the two is the same, and a test holds them together.
"""

from dataclasses import dataclass
from pathlib import Path

from agent.adapters.config_store import LAST_GOOD, read_kept, read_room_file
from agent.adapters.files import is_there
from agent.core.config import RoomConfig
from agent.core.errors import ConfigError, Problem


@dataclass(frozen=True, slots=True)
class RoomRead:
    """The config that would run, the file that it comes from (None: the built-in safe one), and each file's problems.

    ``read`` are all files that were looked at, in order; ``doubts`` what a later rule has against one that runs all the
    same.
    """

    config: RoomConfig
    source: Path | None
    problems: tuple[Problem, ...]
    read: tuple[Path, ...]
    doubts: tuple[Problem, ...] = ()


def read_room(state: Path, room_file: Path | None, is_tried: bool = False) -> RoomRead:
    """Find the room config that would run.

    Args:
        state: The state folder.
        room_file: The room config of the very first start; None: there is none.
        is_tried: This file is meant, whatever the agent would start with.

    Thread: any. Never raises; what cannot be read is a problem.
    """
    last_good = state / LAST_GOOD
    candidates = [last_good] if is_there(last_good) and not is_tried else []
    candidates += [room_file] if room_file is not None else []
    problems: tuple[Problem, ...] = ()
    for number, path in enumerate(candidates):
        try:
            config, doubts = read_kept(path) if path == last_good else (read_room_file(path), ())
            return RoomRead(config, path, problems, tuple(candidates[: number + 1]), doubts)
        except ConfigError as error:
            problems += tuple(
                Problem(f"{path}: {p.path}".removesuffix(": "), p.message, p.suggestion) for p in error.problems
            )
    return RoomRead(RoomConfig(), None, problems, tuple(candidates))
