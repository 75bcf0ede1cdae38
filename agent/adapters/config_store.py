"""Which room config and which identity the agent starts with.

The last good room config lies in the state folder as ``room.json``; the room file of the command line is for the very
first start, and for one that finds ``room.json`` damaged. Whatever is broken, there is always a config to run: the last
good one, else the room file, else the built-in safe one.
"""

import logging
from dataclasses import dataclass
from pathlib import Path

from agent.adapters.files import is_there, write_durably
from agent.core.config import RoomConfig, parse_kept, parse_room, wired_pins
from agent.core.errors import ConfigError, Problem
from agent.core.identity import Centre, Identity, parse_centre, parse_identity

log = logging.getLogger("diemcau.config")

LAST_GOOD = "room.json"


@dataclass(frozen=True, slots=True)
class Loaded:
    """The room config to run, what was wrong on the way to it, and the pins that are not to be touched for that."""

    config: RoomConfig
    problems: tuple[Problem, ...] = ()
    spared_pins: frozenset[int] = frozenset()


def load_room(state: Path, room_file: Path | None) -> Loaded:
    """The room config to start with.

    Args:
        state: The state folder.
        room_file: The room config of the very first start; None: there is none.

    Thread: before the agent's loop begins.
    """
    last_good = state / LAST_GOOD
    problems: tuple[Problem, ...] = ()
    if is_there(last_good):
        try:
            config, doubts = read_kept(last_good)
            for doubt in doubts:
                log.warning("%s: %s; it runs as it did before", last_good, doubt)
            if room_file is not None:
                log.info("%s runs; %s is for the first start: delete the former to have it read", last_good, room_file)
            return Loaded(config)
        except ConfigError as error:
            problems = _marked(error)
    if room_file is None:
        return Loaded(RoomConfig(), problems, _spared(last_good) if problems else frozenset())
    try:
        config = read_room_file(room_file)
    except ConfigError as error:
        return Loaded(RoomConfig(), problems + _marked(error), _spared(room_file))
    if problems:
        # The damaged one stays to be looked at, and every start says so, until somebody has mended it.
        return Loaded(config, problems)
    return Loaded(config, _keep(last_good, config))


def load_identity(path: Path) -> Identity:
    """Who this box is. Raises ConfigError; the agent then runs without a link."""
    return parse_identity(read_document(path), str(path))


def load_centre(path: Path) -> Centre:
    """Who the centre's commands are. Raises ConfigError."""
    return parse_centre(read_document(path), str(path))


def read_kept(path: Path) -> tuple[RoomConfig, tuple[Problem, ...]]:
    """A config that has run, and what a later rule has against it. Raises ConfigError."""
    return parse_kept(read_document(path), str(path))


def read_room_file(path: Path) -> RoomConfig:
    """A room config as a person wrote it, by its ending TOML or JSON. Raises ConfigError."""
    return parse_room(read_document(path), str(path), json_document=path.suffix == ".json")


def read_document(path: Path) -> str:
    """The text of a file that a person wrote. Raises ConfigError with what to do."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ConfigError(
            str(path), (Problem("", "this file is not there: create it, or name another one"),)
        ) from error
    except IsADirectoryError as error:
        raise ConfigError(str(path), (Problem("", "this is a folder: name a file"),)) from error
    except UnicodeDecodeError as error:
        raise ConfigError(str(path), (Problem("", "this file is not UTF-8 text: save it as UTF-8"),)) from error
    except (OSError, ValueError) as error:
        raise ConfigError(str(path), (Problem("", f"this file cannot be read: {error}"),)) from error


def _spared(path: Path) -> frozenset[int]:
    try:
        text = read_document(path)
    except ConfigError:
        return frozenset()  # there is no document, so nothing is known to be wired
    return wired_pins(text, json_document=path.suffix == ".json")


def _marked(error: ConfigError) -> tuple[Problem, ...]:
    return tuple(
        Problem(f"{error.source}: {p.path}" if p.path else error.source, p.message, p.suggestion)
        for p in error.problems
    )


def _keep(path: Path, config: RoomConfig) -> tuple[Problem, ...]:
    try:
        write_durably(path, config.model_dump_json(indent=1))
    except OSError as error:
        return (Problem(str(path), f"the room config cannot be kept for the next start: {error}"),)
    return ()
