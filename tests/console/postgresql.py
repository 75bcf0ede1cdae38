"""A real PostgreSQL for tests: Debian's, in a temporary folder, on a free loopback port. It ends with us."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from agent.adapters.mosquitto import free_port

READY_WITHIN_S = 60.0


def program(name: str) -> str | None:
    """The newest server's program; Debian keeps them where no PATH looks."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda each: int(each.parts[4].split(".")[0]))
    return str(found[-1]) if found else shutil.which(name)


class Postgresql:
    """One server with one empty database. ``url`` is SQLAlchemy's.

    ``is_durable``: what it has committed is on the disk. Thread: the one that starts it has to live as long as it.
    """

    def __init__(self, folder: Path, is_durable: bool = False) -> None:
        self._data, self._is_durable = folder / "data", is_durable
        self._server: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        self.url = f"postgresql+psycopg://diemcau@127.0.0.1:{self.port}/postgres"
        # The server does not run as root, and its folder is its own.
        self._who = pwd.getpwnam("postgres" if _is_user("postgres") else "nobody") if os.geteuid() == 0 else None
        folder.mkdir(parents=True, exist_ok=True)
        if self._who is not None:
            os.chown(folder, self._who.pw_uid, self._who.pw_gid)
            for parent in folder.parents:  # pytest's, which are its user's alone
                if Path(tempfile.gettempdir()) in parent.parents:
                    parent.chmod(parent.stat().st_mode | 0o011)

    def start(self) -> None:
        """Make the database and serve it; back when it answers."""
        init = ["-D", str(self._data), "-U", "diemcau", "-A", "trust", "--no-sync", "--locale=C.UTF-8"]
        assert self._spawn("initdb", *init).wait() == 0, self._said()
        settings = ["listen_addresses=127.0.0.1", "unix_socket_directories=", f"fsync={_word(self._is_durable)}"]
        options = [word for each in settings for word in ("-c", each)]
        self._server = self._spawn("postgres", "-D", str(self._data), "-p", str(self.port), *options)
        until_s = time.monotonic() + READY_WITHIN_S
        while self._spawn("pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)).wait() != 0:
            assert self._server.poll() is None, self._said()
            assert time.monotonic() < until_s, self._said()
            time.sleep(0.05)

    @property
    def pid(self) -> int:
        """The server's first process."""
        assert self._server is not None
        return self._server.pid

    def stop(self) -> None:
        """End it at once, as a crash does."""
        if self._server is not None:
            self._server.send_signal(signal.SIGQUIT)
            self._server.wait()
            self._server = None

    def _spawn(self, name: str, *arguments: str) -> "subprocess.Popen[bytes]":
        path = program(name)
        assert path is not None
        # The kernel forgets what is to be sent at a parent's death when the user changes, so setpriv does both.
        who = [] if self._who is None else [f"--reuid={self._who.pw_uid}", f"--regid={self._who.pw_gid}"]
        argv = ["setpriv", *who, *(["--clear-groups"] if who else []), "--pdeathsig=QUIT", path, *arguments]
        with (self._data.parent / "said").open("ab") as said:
            return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=said, stderr=said, cwd="/")

    def _said(self) -> str:
        return (self._data.parent / "said").read_text(errors="replace")[-2000:]


def _word(is_on: bool) -> str:
    return "on" if is_on else "off"


def _is_user(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True
