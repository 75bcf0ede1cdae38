"""Files that must survive a power cut: temporary, fsync, rename, fsync of the folder."""

import logging
import os
import tempfile
from pathlib import Path

log = logging.getLogger("diemcau")

RESERVE_BYTES = 512 * 1024


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
    """Room that is kept for the moment when a disk is full: enough to write down what has to go.

    Thread: any; the caller's lock.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def make(self) -> None:
        """Take the room where there is some. Without it nothing is worse than before."""
        try:
            with self._path.open("ab") as file:
                if file.tell() < RESERVE_BYTES:
                    os.posix_fallocate(file.fileno(), 0, RESERVE_BYTES)
        except OSError as error:
            log.warning("no room can be reserved at %s: %s", self._path, error.strerror)
            self._path.unlink(missing_ok=True)

    def release(self) -> bool:
        """Give the room back. Returns whether there was any."""
        try:
            self._path.unlink()
        except OSError:
            return False
        return True
