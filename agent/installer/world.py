"""The machine that is set up: its files below one root, and its programs.

With another root than ``/`` (an image that is being made, a test) nothing of this machine is touched: accounts and
units are made there (``useradd --root``, ``systemctl --root``), and no service is started.
"""

import os
import re
import shlex
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from agent.adapters.files import write_durably
from agent.installer.centre_kept import Snapshot
from agent.installer.steps import InstallError

LOG = "/var/log/diemcau-install.log"
PATIENCE_S = 1800.0


class World:
    """Where the installer touches. Thread: the main one.

    Args:
        root: ``/``, or the folder of a system that does not run.
        log: Where the words of every command go, so that people read a few sentences and not pages; None: nowhere.
    """

    def __init__(self, root: Path = Path("/"), log: Path | None = None) -> None:
        self.root, self._log = root, log

    @property
    def is_this_machine(self) -> bool:
        """Whether it is the one that runs us."""
        return self.root == Path("/")

    @property
    def is_booted(self) -> bool:
        """Whether its systemd runs, so that units can be started. Source: sd_booted(3)."""
        return self.is_this_machine and Path("/run/systemd/system").is_dir()

    def path(self, absolute: str) -> Path:
        """Where a file of that machine is, as seen from here."""
        return self.root / absolute.lstrip("/")

    def run(
        self,
        argv: Sequence[str | Path],
        timeout_s: float = PATIENCE_S,
        given: str | None = None,
        **environment: str | None,
    ) -> str:
        """Run a program of this machine; gives its standard output.

        Args:
            argv: The program and its arguments.
            timeout_s: When it is given up.
            given: What it reads on its standard input (None: nothing); the log does not have it.
            environment: What it finds in its environment beside ours; None takes a variable out.

        Raises:
            InstallError: It failed; the sentence has its last line, and the log has all of them.
        """
        words = [str(word) for word in argv]
        variables = {name: value for name, value in {**os.environ, **environment}.items() if value is not None}
        try:
            done = subprocess.run(
                words,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=timeout_s,
                input=given or "",
                env=variables,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise InstallError(f"{shown(words)}: {error}") from error
        self.note(f"+ {shown(words)}\n{done.stdout}{done.stderr}")
        if done.returncode:
            said = (done.stderr.strip() or done.stdout.strip() or f"ended with {done.returncode}").splitlines()[-1]
            raise InstallError(f"{shown(words)}: {said}" + (f" ({self._log})" if self._log else ""))
        return done.stdout

    def says(self, argv: Sequence[str | Path], timeout_s: float = 30.0) -> str | None:
        """The standard output of a program that only tells; None: it failed."""
        try:
            return self.run(argv, timeout_s)
        except InstallError:
            return None

    def write(self, absolute: str, data: bytes, mode: int = 0o644, owner: tuple[int, int] | None = None) -> None:
        """A file, whole or not at all, also across a power cut; its folder is made. Raises OSError."""
        write_durably(self.path(absolute), data, mode=mode, owner=owner)

    def note(self, words: str) -> None:
        """Write words into the log, if there is one that takes them; without the password of a URL."""
        if self._log is not None:
            with suppress(OSError), self._log.open("a", encoding="utf-8", errors="replace") as file:
                file.write(re.sub(r"//([^:/@\s]*):\S*@", r"//\1:…@", words))


Owner = Callable[[], tuple[int, int]]


class File:
    """A file of ours, as a step: written where it differs, put back as it was.

    Args:
        world: Where.
        absolute: Its path on that machine.
        data: What it has to say.
        title: See ``Step``.
        owner: Asked when it is written, for the user may be made by a step before (InstallError: there is none yet);
            None: root.
    """

    def __init__(
        self, world: World, absolute: str, data: bytes, title: str, mode: int = 0o644, owner: Owner | None = None
    ) -> None:
        self._world, self._absolute, self._data, self.title = world, absolute, data, title
        self._mode, self._owner = mode, owner
        self._before: Snapshot | None = None

    def is_done(self) -> bool:
        """Same text, same mode, and of the same owner where it is not root's."""
        path = self._world.path(self._absolute)
        try:
            about = path.stat()
            owner = self._owner() if self._owner else (about.st_uid, about.st_gid)
            is_same = about.st_mode & 0o7777 == self._mode and (about.st_uid, about.st_gid) == owner
            return is_same and path.read_bytes() == self._data
        except (OSError, InstallError):
            return False

    def lines(self) -> list[str]:
        """One line."""
        return [f"write {self._absolute} ({len(self._data)} bytes, mode {self._mode:o})"]

    def do(self) -> None:
        """Write it; what was there is remembered."""
        try:
            self._before = Snapshot([self._world.path(self._absolute)])
            self._world.write(self._absolute, self._data, self._mode, self._owner() if self._owner else None)
        except OSError as error:
            raise InstallError(f"{self._absolute} cannot be written: {error.strerror}") from error

    def undo(self) -> None:
        """What was there, a file or a link, or nothing."""
        if self._before is not None:
            self._before.put_back()


def shown(words: Sequence[str | Path]) -> str:
    """A command as one could type it."""
    return shlex.join(map(str, words))
