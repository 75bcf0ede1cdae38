"""Files that must survive a power cut: temporary, fsync, rename, fsync of the folder."""

import logging
import os
import tempfile
from pathlib import Path

log = logging.getLogger("diemcau")

RESERVE_BYTES = 1024 * 1024
SPARE_BYTES = 128 * 1024  # is left to the others


def is_there(path: Path) -> bool:
    """Whether there is something at ``path``. What may not be looked at is there: reading it will say why not."""
    try:
        return path.exists()
    except OSError:
        return True


def missing(*paths: str) -> str:
    """Those of the named files that are not there, for a sentence; empty where all are. An empty name names none.

    All at once: who copies files wants to do it once.
    """
    return ", ".join(path for path in paths if path and not is_there(Path(path)))


def write_durably(path: Path, text: str) -> None:
    """Replace a file so that after a power cut there is the old text or the new one, never a mixture.

    Raises:
        OSError: The folder cannot be written; the old file is as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


class Reserve:
    """Room that is kept for the moment when a disk is full: one half for what comes until somebody makes room, the
    other for writing down what has to go.

    Thread: any; the caller's lock.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._refusal = ""

    def make(self) -> bool:
        """Take the room, or what there is of it; returns whether it is all. Without it nothing is worse than before."""
        try:
            folder = os.statvfs(self._path.parent)
            room = folder.f_bavail * folder.f_frsize - SPARE_BYTES
            with self._path.open("ab") as file:
                there = file.tell()
                size = min(RESERVE_BYTES, there + room)
                if size == RESERVE_BYTES > there or size > there == 0:
                    os.posix_fallocate(file.fileno(), 0, size)
                return max(there, size) >= RESERVE_BYTES
        except OSError as error:
            if str(error) != self._refusal:
                self._refusal = str(error)
                log.warning("no room can be reserved at %s: %s", self._path, error.strerror)
            return False

    def halve(self) -> bool:
        """Give one half back. Returns whether there were two."""
        try:
            if self._path.stat().st_size <= RESERVE_BYTES // 2:
                return False
            os.truncate(self._path, RESERVE_BYTES // 2)
        except OSError:
            return False
        return True

    def release(self) -> None:
        """Give all of it back."""
        self._path.unlink(missing_ok=True)
