"""Which room config and which identity the agent starts with.

Which of the room configs it is, is chosen in the core (``config_choice``) from those that ``generations`` has kept and
the room file of the command line; that one is for the very first start, which makes it the last good one.
"""

import logging
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Literal

from agent.adapters.files import DISK, Disk, is_there, write_durably
from agent.adapters.generations import LAST_GOOD as LAST_GOOD
from agent.adapters.generations import Generations, kept_configs, written
from agent.core.config import RoomConfig
from agent.core.config_choice import EVERY_PIN, Choice, Source, choose
from agent.core.config_document import Document
from agent.core.errors import ConfigError, Problem
from agent.core.events import FoundConfig
from agent.core.identity import Centre, Identity, parse_centre, parse_identity

log = logging.getLogger("diemcau.config")

SAFE = Problem("", "crash loop: safe start after five quick crashes: link and reports only")


@dataclass(frozen=True, slots=True)
class Loaded:
    """The room config to run, what was wrong on the way to it, and the pins that are not to be touched for that.

    ``found`` is what the machine of updates starts from.
    """

    config: RoomConfig
    problems: tuple[Problem, ...] = ()
    spared_pins: frozenset[int] = frozenset()
    found: FoundConfig = field(default_factory=FoundConfig)


def load_room(state: Path, room_file: Path | None, disk: Disk = DISK) -> Loaded:
    """The room config to start with. Keeps the room file of a very first start, and clears up what a cut has left.

    Args:
        state: The state folder.
        room_file: The room config of the very first start; None: there is none.
        disk: What ``state`` lies on.

    Thread: before the agent's loop begins.
    """
    generations = Generations(state, disk)
    generations.tidy()
    choice = choose(sources(state, room_file))
    _tell(choice, room_file)
    problems = choice.problems
    # A damaged one stays to be looked at, and every start says so, until an update has taken its place.
    if choice.kind == "file" and not problems:
        problems = _keep(state / LAST_GOOD, choice.document, disk)
    highest = generations.highest()  # before a candidate that is no text is set aside
    trouble: Literal["files_broken"] | None = "files_broken" if problems else None
    found = FoundConfig(choice.document, choice.kind, generations.candidate(), highest, trouble, len(problems))
    return Loaded(choice.config, problems, choice.spared_pins, found)


def in_safety(loaded: Loaded) -> Loaded:
    """The built-in safe config in the place of a room's own: no pin is touched."""
    problems = (*loaded.problems, SAFE)
    found = replace(loaded.found, document={}, source="built_in", trouble="crash_loop", problems=len(problems))
    return Loaded(RoomConfig(), problems, EVERY_PIN, found)


def sources(state: Path, room_file: Path | None) -> list[Source]:
    """What may run, in order."""
    found = [Source(str(path), "kept", partial(read_document, path)) for path in kept_configs(state)]
    if room_file is not None:
        read, is_json = partial(read_document, room_file), room_file.suffix == ".json"
        found.append(Source(str(room_file), "file", read, is_json, is_there(room_file)))
    return found


def load_identity(path: Path) -> Identity:
    """Who this box is. Raises ConfigError; the agent then runs without a link."""
    return parse_identity(read_document(path), str(path))


def load_centre(path: Path) -> Centre:
    """Who the centre's commands are. Raises ConfigError."""
    return parse_centre(read_document(path), str(path))


def read_document(path: Path) -> str:
    """The text of a file that a person wrote. Raises ConfigError with what to do."""
    try:
        return path.read_text(encoding="utf-8-sig")  # some editors begin with a byte order mark
    except FileNotFoundError as error:
        raise ConfigError(
            str(path), (Problem("", "this file is not there: create it, or name another one"),)
        ) from error
    except PermissionError as error:
        raise ConfigError(str(path), (Problem("", "not for this user: run it again with sudo"),)) from error
    except IsADirectoryError as error:
        raise ConfigError(str(path), (Problem("", "this is a folder: name a file"),)) from error
    except UnicodeDecodeError as error:
        raise ConfigError(str(path), (Problem("", "this file is not UTF-8 text: save it as UTF-8"),)) from error
    except (OSError, ValueError) as error:
        raise ConfigError(str(path), (Problem("", f"this file cannot be read: {error}"),)) from error


def _tell(choice: Choice, room_file: Path | None) -> None:
    if choice.kind != "kept":
        return
    name = choice.looked_at[-1]
    for doubt in choice.doubts:
        log.warning("%s: %s; it runs as it did before", name, doubt)
    if room_file is not None:
        log.info("%s runs; %s is for the first start: to have it read, delete the room*.json there", name, room_file)


def _keep(path: Path, document: Document, disk: Disk) -> tuple[Problem, ...]:
    try:
        write_durably(path, written(document), disk)
    except OSError as error:
        return (Problem(str(path), f"the room config cannot be kept for the next start: {error}"),)
    return ()
