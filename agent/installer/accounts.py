"""The system user ``diemcau``, its groups, and its two folders.

The user stays with its files: see ``uninstall``.
"""

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from agent.installer import made
from agent.installer.steps import InstallError, Step
from agent.installer.world import Owner, World, shown

USER = "diemcau"
HOME, CONFIGURATION = "/var/lib/diemcau", "/etc/diemcau"
# For the pins, the cameras and the mixers. Debian has no gpio; Raspberry Pi OS has all three.
DEVICES = ("gpio", "video", "audio")
FIRST_PERSON = 1000  # source: Debian policy, 9.2.2


def steps(world: World, devices: Sequence[str] = DEVICES) -> list[Step]:
    """User, groups and folders, those that are missing. ``devices``: the groups that the user has to be in.

    Raises:
        InstallError: A person has the user's name.
    """
    _refuse_person(world)
    return [
        *(Group(world, name) for name in (*devices, USER)),
        User(world, devices),
        Folder(world, CONFIGURATION, 0o755, None),  # read by all; what is secret in it has a mode of its own
        Folder(world, HOME, 0o755, owner(world)),  # as systemd makes it (StateDirectory=)
    ]


def owner(world: World) -> Owner:
    """Who the files of the service belong to, asked when it is needed: the user may be made by a step before."""

    def numbers() -> tuple[int, int]:
        for line in lines_of(world, "/etc/passwd"):
            if line[0] == USER and len(line) > 3:
                return int(line[2]), int(line[3])
        raise InstallError(f"there is no user {USER}")

    return numbers


def _refuse_person(world: World) -> None:
    if is_user(world) and owner(world)()[0] >= FIRST_PERSON:
        raise InstallError(
            f"{USER}: tên của một người / is a person's account here, not the service's: rename it first "
            f"(usermod --login NAME {USER}; groupmod --new-name NAME {USER})"
        )


def is_user(world: World) -> bool:
    """Whether the service's user is there."""
    with suppress(InstallError):
        return bool(owner(world)())
    return False


class Group:
    """A group, made as one of the system's."""

    def __init__(self, world: World, name: str) -> None:
        self._world, self._name = world, name
        self.title = f"nhóm / group {name}"

    def is_done(self) -> bool:
        """It is there."""
        return members(self._world, self._name) is not None

    def lines(self) -> list[str]:
        """One command."""
        return [shown(self._make())]

    def do(self) -> None:
        """Make it."""
        made.note(self._world, "groups", [self._name])
        self._world.run(self._make())

    def undo(self) -> None:
        """Take it away."""
        if self.is_done():
            self._world.run(program(self._world, "groupdel", self._name))
        made.strike(self._world, "groups", [self._name])

    def _make(self) -> list[str]:
        return program(self._world, "groupadd", "--system", self._name)


class User:
    """The service's user, in the groups of its devices; without a password, a shell and a home of its own."""

    title = f"người dùng hệ thống / system user {USER}"

    def __init__(self, world: World, devices: Sequence[str] = DEVICES) -> None:
        self._world, self._devices = world, devices
        self._is_new, self._joined = False, list[str]()

    def is_done(self) -> bool:
        """It is there, and in every group."""
        return is_user(self._world) and not self._missing()

    def lines(self) -> list[str]:
        """One command."""
        return [shown(self._join(self._missing()) if is_user(self._world) else self._make())]

    def do(self) -> None:
        """Make it, or have it join the groups that it is not in yet."""
        self._is_new, self._joined = not is_user(self._world), self._missing()
        if self._is_new:
            made.note(self._world, "users", [USER])
        self._world.run(self._make() if self._is_new else self._join(self._joined))

    def undo(self) -> None:
        """Take it away, or out of the groups that it was not in."""
        if self._is_new:
            if is_user(self._world):
                self._world.run(program(self._world, "userdel", USER))
            made.strike(self._world, "users", [USER])
        elif self._joined:
            self._world.run(program(self._world, "usermod", "--remove", "--groups", ",".join(self._joined), USER))

    def _missing(self) -> list[str]:
        return [name for name in self._devices if USER not in (members(self._world, name) or ())]

    def _make(self) -> list[str]:
        who = ["--system", "--gid", USER, "--comment", "diemcau"]
        where = ["--home-dir", HOME, "--no-create-home", "--shell", "/usr/sbin/nologin"]
        groups = ["--groups", ",".join(self._devices)] if self._devices else []
        return program(self._world, "useradd", *who, *groups, *where, USER)

    def _join(self, groups: list[str]) -> list[str]:
        return program(self._world, "usermod", "--append", "--groups", ",".join(groups), USER)


class Folder:
    """A folder, with an owner that it gets when it is made. One that is there is left as it is."""

    def __init__(self, world: World, absolute: str, mode: int, owner: Owner | None) -> None:
        self._world, self._absolute, self._mode, self._owner = world, absolute, mode, owner
        self._path = world.path(absolute)
        self.title = f"thư mục / folder {absolute}"

    def is_done(self) -> bool:
        """It is there."""
        return self._path.is_dir()

    def lines(self) -> list[str]:
        """One command."""
        who = ["-o", USER, "-g", USER] if self._owner else []
        return [shown(["install", "-d", "-m", f"{self._mode:04o}", *who, self._absolute])]

    def do(self) -> None:
        """Make it."""
        try:
            self._path.mkdir(parents=True)
            self._path.chmod(self._mode)
            if self._owner is not None:
                os.chown(self._path, *self._owner())
        except OSError as error:
            raise InstallError(f"{self._absolute} cannot be made: {error.strerror}") from error

    def undo(self) -> None:
        """Take it away, if nothing has come into it."""
        with suppress(OSError):
            self._path.rmdir()


def program(world: World, name: str, *words: str) -> list[str]:
    """A command of Debian's ``passwd``, for this machine or another one's files."""
    return [name, *([] if world.is_this_machine else ["--prefix", str(world.root)]), *words]


def members(world: World, group: str) -> list[str] | None:
    """Who is in a group; None: there is no such group."""
    return next((line[3].split(",") for line in lines_of(world, "/etc/group") if line[0] == group and line[3:]), None)


def lines_of(world: World, absolute: str) -> list[list[str]]:
    """The fields of each line of a file like ``/etc/passwd``; none where it is not there."""
    path: Path = world.path(absolute)
    with suppress(OSError):
        return [line.split(":") for line in path.read_text(encoding="utf-8", errors="replace").splitlines()]
    return []
