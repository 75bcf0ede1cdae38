"""A real PostgreSQL for tests: Debian's, in a temporary folder, on a free loopback port."""

import os
import pwd
import shutil
import subprocess
from pathlib import Path

from agent.adapters.mosquitto import free_port


def program(name: str) -> str | None:
    """The newest server's program; Debian keeps them where no PATH looks."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda each: int(each.parts[4].split(".")[0]))
    return str(found[-1]) if found else shutil.which(name)


class Postgresql:
    """One server with one empty database. ``url`` is SQLAlchemy's."""

    def __init__(self, folder: Path) -> None:
        self._data = folder / "data"
        self.port = free_port()
        self.url = f"postgresql+psycopg://diemcau@127.0.0.1:{self.port}/postgres"
        # The server does not run as root, and its folder is its own.
        self._who = pwd.getpwnam("postgres" if _is_user("postgres") else "nobody") if os.geteuid() == 0 else None
        folder.mkdir(parents=True, exist_ok=True)
        if self._who is not None:
            os.chown(folder, self._who.pw_uid, self._who.pw_gid)
            for parent in folder.parents:
                if parent.stat().st_uid == 0 and parent != Path("/tmp"):
                    parent.chmod(parent.stat().st_mode | 0o011)

    def start(self) -> None:
        """Make the database and serve it; back when it answers."""
        self._run("initdb", "-D", str(self._data), "-U", "diemcau", "-A", "trust", "--no-sync", "--locale=C.UTF-8")
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off"
        log = str(self._data / "log")
        self._run("pg_ctl", "-D", str(self._data), "-o", options, "-l", log, "-w", "-t", "60", "start")

    def stop(self) -> None:
        """End it at once, as a crash does."""
        self._run("pg_ctl", "-D", str(self._data), "-m", "immediate", "-w", "stop", check=False)

    def _run(self, name: str, *arguments: str, check: bool = True) -> None:
        path = program(name)
        assert path is not None
        who = {} if self._who is None else {"user": self._who.pw_uid, "group": self._who.pw_gid, "extra_groups": []}
        with (self._data.parent / "said").open("ab") as said:
            subprocess.run(  # type: ignore[call-overload]
                [path, *arguments], stdin=subprocess.DEVNULL, stdout=said, stderr=said, cwd="/", check=check, **who
            )


def _is_user(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True
