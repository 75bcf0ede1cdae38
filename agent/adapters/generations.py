"""The room configs in the state folder: the last good one, the ten before it, and the one that is on trial.

::

    room.json                 the last good one: what the next start runs
    room.before-000012.json   one that was the last good one before; the highest number is the newest, ten are kept
    room.candidate.json       the message of an update on trial, as it came
    room.rejected.json        that of the update that was set aside last, to be looked at
    room.damaged.json         what was the last good one, and could not be read any more

Every step is on the disk before the next one is begun, and each is one renaming: whenever the power goes, each of these
files is there as a whole or not at all. What makes a config the last good one is the renaming to ``room.json``.
"""

import json
import logging
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from agent.adapters.files import DISK, Disk, is_there, write_durably
from agent.core.commands import DiscardCandidate, PromoteCandidate, StageCandidate
from agent.core.config import parse_kept
from agent.core.config_document import Document, digest
from agent.core.config_messages import REVISION_MAX
from agent.core.errors import ConfigError
from agent.core.events import CandidateDiscarded, CandidatePromoted, CandidateStaged, Event
from agent.core.parse import decode

log = logging.getLogger("diemcau.config")

LAST_GOOD, CANDIDATE = "room.json", "room.candidate.json"
REJECTED, DAMAGED = "room.rejected.json", "room.damaged.json"
BEFORE = re.compile(r"room\.before-(\d{6,12})\.json")
KEPT_BEFORE = 10
TEMPORARY = re.compile(r"\.room(\..+)?\.json\..+")


class Generations:
    """Writes them. Thread: agent thread.

    Args:
        state: The state folder.
        disk: Where they lie.
    """

    def __init__(self, state: Path, disk: Disk = DISK) -> None:
        self._state, self._disk = state, disk
        self._last_good, self._candidate = state / LAST_GOOD, state / CANDIDATE

    def stage(self, text: str) -> None:
        """Keep the message of an update before anything acts on it. Raises OSError."""
        write_durably(self._candidate, text, self._disk)

    def promote(self, document: Document) -> None:
        """Make this document the last good config, and keep the one before. Where it is that already, let go of the
        candidate: its file is there until somebody knows of it otherwise.

        Raises:
            OSError: It could not be made that. The one before is the last good one, and the candidate is there.
        """
        present = _document(self._last_good)
        if present is None or digest(present) != digest(document):
            self._replace(written(document), is_good=present is not None)
            needless = [_before(self._state, number) for number in _numbers(self._state)[KEPT_BEFORE:]]
        else:
            needless = [self._candidate]
        try:
            for path in needless:
                self._disk.unlink(path)
            self._disk.sync_folder(self._state)
        except OSError as error:
            log.warning("what the new room config has no need of is still in %s: %s", self._state, error)

    def discard(self) -> None:
        """Set the candidate aside, if there is one. Raises OSError."""
        with suppress(FileNotFoundError):
            self._disk.rename(self._candidate, self._state / REJECTED)
        self._disk.sync_folder(self._state)

    def candidate(self) -> str | None:
        """The message of the update that was on trial when the agent ended. One that is no text is set aside."""
        try:
            return self._candidate.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            log.error("%s cannot be read, and is set aside: %s", self._candidate, error)
        with suppress(OSError):
            self.discard()
        return None

    def highest(self) -> int:
        """The highest revision of what was on trial or was set aside; 0: there is none."""
        return max(_revision(self._candidate), _revision(self._state / REJECTED))

    def tidy(self) -> None:
        """Take away what a write that was cut off has left. Only before the first one of this run."""
        for name in _names(self._state):
            if TEMPORARY.fullmatch(name):
                with suppress(OSError):
                    self._disk.unlink(self._state / name)

    def _replace(self, text: str, is_good: bool) -> None:
        aside = self._set_aside(is_good)
        try:
            write_durably(self._last_good, text, self._disk)
        except OSError as error:
            if self._is_taken_back(aside, text):
                raise
            # Whoever reads it finds the new one: to say that it was not stored would be wrong at the next start.
            log.error("%s is there, but may not be after a power cut: %s", self._last_good, error)

    def _set_aside(self, is_good: bool) -> Path | None:
        """A copy of the last good one, beside it; None: there is nothing to be kept."""
        try:
            raw = self._last_good.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            log.warning("%s is replaced, and cannot be kept: %s", self._last_good, error)
            return None
        numbers = _numbers(self._state)
        if not is_good:
            path = self._state / DAMAGED
        elif numbers and _raw(newest := _before(self._state, numbers[0])) == raw:
            return newest  # of a promotion that was cut off
        else:
            path = _before(self._state, numbers[0] + 1 if numbers else 1)
        write_durably(path, raw, self._disk)
        return path

    def _is_taken_back(self, aside: Path | None, text: str) -> bool:
        """Have the last good one as it was, without writing any of it anew."""
        with suppress(OSError):
            if aside is not None:
                self._disk.rename(aside, self._last_good)
            elif _raw(self._last_good) == text.encode():
                self._disk.unlink(self._last_good)
            self._disk.sync_folder(self._state)
        return _raw(self._last_good) != text.encode()


def kept_configs(state: Path) -> list[Path]:
    """The last good config and those before it, newest first; those that are there."""
    before = [_before(state, number) for number in _numbers(state)]
    return [state / LAST_GOOD, *before] if is_there(state / LAST_GOOD) else before


def written(document: Document) -> str:
    """A room config as it lies on the disk: as it was written, so that its digest is the one that was pushed."""
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def storing(generations: Generations) -> dict[type, Callable[[Any], Event | None]]:
    """The handlers of the commands that store something. What a disk refuses is said in the log and in the answer."""

    def is_done(what: str, act: Callable[[], None]) -> bool:
        try:
            act()
        except OSError as error:
            log.error("an update of the room config cannot be %s: %s", what, error)
            return False
        return True

    def stage(command: StageCandidate) -> Event:
        return CandidateStaged(is_done("kept", lambda: generations.stage(command.text)))

    def promote(command: PromoteCandidate) -> Event:
        return CandidatePromoted(is_done("made the last good one", lambda: generations.promote(command.document)))

    def discard(_: DiscardCandidate) -> Event:
        return CandidateDiscarded(is_done("set aside", generations.discard))

    return {StageCandidate: stage, PromoteCandidate: promote, DiscardCandidate: discard}


def _before(state: Path, number: int) -> Path:
    return state / f"room.before-{number:06d}.json"


def _numbers(state: Path) -> list[int]:
    """Of those before, newest first."""
    found = (BEFORE.fullmatch(name) for name in _names(state))
    return sorted((int(match[1]) for match in found if match), reverse=True)


def _names(folder: Path) -> list[str]:
    try:
        return [path.name for path in folder.iterdir()]
    except OSError:
        return []


def _raw(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _document(path: Path) -> Document | None:
    """A config that can run; None: this is none."""
    try:
        text = path.read_text(encoding="utf-8")
        parse_kept(text, path.name)
        return decode(text, path.name, json_document=True)
    except (OSError, ValueError, ConfigError):
        return None


def _revision(path: Path) -> int:
    try:
        revision = json.loads(path.read_bytes())["revision"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return 0
    return revision if type(revision) is int and 0 < revision <= REVISION_MAX else 0
