"""What the user whom the agent runs as may do with a file, also where somebody else asks.

``sudo diemcau doctor`` may read everything, and would find all well where the service's user is refused. So the kernel
is asked as that user: ``test -r`` in a process of its, which knows of folders, access lists and read-only disks alike.
"""

import grp
import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Origin = Literal["unit", "account", "self"]
How = Literal["r", "w"]
PATIENCE_S = 5.0


@dataclass(frozen=True, slots=True)
class Who:
    """A user of this machine and his groups. ``origin``: how one knows that the agent runs as him."""

    name: str
    uid: int
    gid: int
    gids: tuple[int, ...]
    origin: Origin

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups by name; a number that has none stays one."""
        return tuple(map(_group_name, self.gids))

    def may(self, path: Path, how: How) -> bool | None:
        """Whether this user may read or write what lies there now.

        Returns:
            None where it cannot be told: whoever asks is neither root nor this user. A path that is not there: False.

        Thread: any; a few milliseconds for root, who has to ask as somebody else.
        """
        if os.geteuid() == self.uid:
            return os.access(path, os.R_OK if how == "r" else os.W_OK, effective_ids=True)
        if os.geteuid() != 0:
            return None
        try:
            asked = subprocess.run(
                ["test", f"-{how}", str(path.absolute())],
                user=self.uid, group=self.gid, extra_groups=self.gids, cwd="/",
                stdin=subprocess.DEVNULL, timeout=PATIENCE_S, check=False,
            )  # fmt: skip
        except (OSError, ValueError, subprocess.SubprocessError):
            return None  # a container whose root may not become another
        return asked.returncode == 0


def find(name: str, extra_groups: tuple[str, ...], origin: Origin) -> Who | None:
    """A user of this machine by name or number, with the groups that a unit adds; None: there is no such user."""
    try:
        entry = pwd.getpwuid(int(name)) if name.isdecimal() else pwd.getpwnam(name)
    except (KeyError, OverflowError):
        return None
    gids = [*os.getgrouplist(entry.pw_name, entry.pw_gid), *_numbers(extra_groups)]
    return Who(entry.pw_name, entry.pw_uid, entry.pw_gid, tuple(dict.fromkeys(gids)), origin)


def myself() -> Who:
    """Who runs this process."""
    uid, gid = os.geteuid(), os.getegid()
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:  # a container's number without a name
        name = str(uid)
    return Who(name, uid, gid, tuple(dict.fromkeys((gid, *os.getgroups()))), "self")


def is_open_to_all(path: Path) -> bool:
    """Whether everybody on this machine may read a file, as far as its own mode goes."""
    try:
        return bool(path.stat().st_mode & 0o004)
    except OSError:
        return False


def nearest_folder(path: Path) -> Path:
    """The path itself, or the nearest folder above it that is there."""
    whole = path.absolute()
    return next((each for each in (whole, *whole.parents) if _exists(each)), Path("/"))


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a folder that may not be looked into is there
        return True


def _numbers(names: tuple[str, ...]) -> list[int]:
    found = []
    for name in names:
        try:
            found.append(int(name) if name.isdecimal() else grp.getgrnam(name).gr_gid)
        except KeyError:
            continue  # a group that this machine does not have gives nothing
    return found


def _group_name(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except (KeyError, OverflowError):
        return str(gid)
