"""The disk below a folder: how much is free, and whether it has given up.

ext4 (``errors=remount-ro`` on Debian and Raspberry Pi OS) takes no more writes once a card has failed, and says so each
time in another way: old kernels set the flag that statvfs(2) shows; 6.12 leaves the flag, and to open a file, even to
read it, is an input/output error; 6.18 opens files and has a word among the mount's options. All of them were seen but
the first.
"""

import errno
import os
from dataclasses import dataclass
from pathlib import Path

MARK = ".disk"  # an empty file in the state folder
MOUNTS = Path("/proc/self/mountinfo")
# What ext4 says of itself there once it has met an error or was shut down. Source: its super.c, from Linux 6.15 on.
GAVE_UP = {"emergency_ro", "shutdown"}
# Any other error of a mere look is the disk's, which has many words for a card that dies: EIO, but also ENODATA,
# EREMOTEIO, ETIMEDOUT. Source: blk_errors of the kernel's block/blk-core.c.
NOTHING_THERE = {errno.ENOENT, errno.ENOTDIR}
NOT_THE_DISKS = {
    *NOTHING_THERE, errno.EACCES, errno.EPERM, errno.EISDIR, errno.ELOOP, errno.ENXIO, errno.EINTR,
    errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EBUSY, errno.ETXTBSY,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class DiskSeen:
    """``free_bytes`` are those that a user who is not root may still fill; None where the disk does not tell."""

    free_bytes: int | None
    is_read_only: bool


def look_at_disk(folder: Path) -> DiskSeen | None:
    """Look at the disk below a folder, without writing; None where nothing is there, or whoever asks may not look.

    That he may not write there says nothing of the disk.
    """
    try:
        figures, has_given_up = os.statvfs(folder), _has_given_up(folder)
    except OSError as error:
        return None if error.errno in {*NOTHING_THERE, errno.EACCES} else DiskSeen(None, is_read_only=True)
    return DiskSeen(figures.f_bavail * figures.f_frsize, has_given_up or _refuses(folder))


def is_read_only(folder: Path) -> bool | None:
    """Whether we can write nothing to a folder; None where it is not there.

    Written is only once, an empty file: a try every half minute would be what wears out the card.
    """
    try:
        has_given_up = _has_given_up(folder)
    except OSError as error:
        return None if error.errno in NOTHING_THERE else True
    return has_given_up or not os.access(folder, os.W_OK) or not _can_open(folder / MARK)


def _has_given_up(folder: Path) -> bool:
    """What the kernel says of the filesystem. Raises OSError where the folder is not there, or the disk is silent."""
    flags, device = os.statvfs(folder).f_flag, folder.stat().st_dev
    return bool(flags & os.ST_RDONLY) or bool(_options(device) & GAVE_UP)


def _options(device: int) -> set[str]:
    """The options of a filesystem, by its device number. Source: proc_pid_mountinfo(5)."""
    number = f"{os.major(device)}:{os.minor(device)}"
    try:
        mounts = MOUNTS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return set()
    found = (mount.partition(" - ") for mount in mounts if f" {number} " in mount.partition(" - ")[0])
    return {option for _, _, filesystem in found for option in filesystem.split()[-1].split(",")}


def _can_open(mark: Path) -> bool:
    # A file of its own: closing one of SQLite's would drop the locks that this process holds on it (POSIX, fcntl(2)).
    try:
        os.close(os.open(mark, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o644))
    except OSError as error:
        return error.errno in NOT_THE_DISKS
    return True


def _refuses(folder: Path) -> bool:
    """Whether a file that is there cannot be opened for a reason of the disk's."""
    try:
        path = next((each for each in folder.iterdir() if each.is_file()), None)
        if path is not None:
            os.close(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
    except OSError as error:
        return error.errno not in NOT_THE_DISKS
    return False
