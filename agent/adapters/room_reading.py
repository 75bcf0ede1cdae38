"""Which room config the agent would start with, without being the agent: nothing is written, not even at a first start.

``config_store.load_room`` keeps the room file of a very first start as ``room.json``; who only looks must not make that
first start happen.
"""

from dataclasses import dataclass
from pathlib import Path

from agent.adapters.config_store import sources
from agent.core.config import RoomConfig
from agent.core.config_choice import choose
from agent.core.errors import Problem


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
    found = sources(state, room_file)
    choice = choose(source for source in found if source.kind == "file" or not is_tried)
    read = tuple(map(Path, choice.looked_at))
    source = None if choice.kind == "built_in" else read[-1]
    return RoomRead(choice.config, source, choice.problems, read, choice.doubts)
