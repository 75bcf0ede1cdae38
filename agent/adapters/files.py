"""Files that must survive a power cut: temporary, fsync, rename, fsync of the folder."""

import logging
import os
import tempfile
from contextlib import suppress
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


def free_bytes(folder: Path) -> int:
    """What an ordinary user may still write there. Raises OSError."""
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize


class Disk:
    """What files are made of, one method for each step after which the power may go: a test has a disk of its own.

    All raise OSError. Thread: any.
    """

    def create(self, path: Path) -> tuple[int, Path]:
        """Make a temporary file that is to become ``path``. Returns it opened, and its path."""
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        return handle, Path(temporary)

    def write(self, handle: int, raw: bytes) -> None:
        """Write all of it."""
        with os.fdopen(handle, "wb", closefd=False) as file:
            file.write(raw)

    def sync(self, handle: int) -> None:
        """Have the content of the file on the disk."""
        os.fsync(handle)

    def rename(self, path: Path, new: Path) -> None:
        """Give a file another name, in the place of what had that name."""
        path.replace(new)

    def unlink(self, path: Path) -> None:
        """Take a file away, if it is there."""
        path.unlink(missing_ok=True)

    def sync_folder(self, path: Path) -> None:
        """Have on the disk which names there are."""
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


DISK = Disk()


def write_durably(
    path: Path,
    content: str | bytes,
    disk: Disk = DISK,
    mode: int = 0o600,
    owner: tuple[int, int] | None = None,
) -> None:
    """Replace a file so that after a power cut there is the old content or the new one, never a mixture.

    Mode and owner (user, group; None: ours) count before the file has its name: no cut leaves a secret that its reader
    may not read.

    Raises:
        OSError: The folder cannot be written; the old file is as it was, unless it was the very last step that failed:
            then the new one is there, and a power cut may bring the old one back.
    """
    raw = content.encode() if isinstance(content, str) else content
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = disk.create(path)
    try:
        try:
            disk.write(handle, raw)
            if owner is not None:
                os.fchown(handle, *owner)
            if mode != 0o600:  # what a temporary file has
                os.fchmod(handle, mode)
            disk.sync(handle)
        finally:
            os.close(handle)
        disk.rename(temporary, path)
    except BaseException:
        with suppress(OSError):
            disk.unlink(temporary)
        raise
    disk.sync_folder(path.parent)


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
            room = free_bytes(self._path.parent) - SPARE_BYTES
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
