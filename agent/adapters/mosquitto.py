"""A broker of our own on this machine: Debian's mosquitto on loopback, with a config made for it."""

import os
import pwd
import shutil
import socket
import subprocess
import time
from pathlib import Path

from agent.adapters.processes import spawn, stop
from agent.core.errors import DemoError

READY_WITHIN_S = 10.0
SYSTEM_FOLDERS = "/usr/sbin:/usr/local/sbin"  # not in every user's PATH
CONFIG = """\
# Made for one run; the data goes with the folder.
listener {port} 127.0.0.1
user {user}
persistence false
max_packet_size 131072
max_queued_messages 10000
max_inflight_messages 2000
{extra}
"""
ANYBODY = "allow_anonymous true"  # on loopback, for one run


class Mosquitto:
    """One broker process in one folder.

    Args:
        folder: Temporary; holds config and log.
        port: 0: a free one.
        extra: More lines of configuration; default: whoever reaches the port may do everything.

    Raises:
        DemoError: There is no mosquitto, or the port is taken.
    """

    def __init__(self, folder: Path, port: int = 0, extra: str = ANYBODY) -> None:
        self._folder, self._extra = folder, extra
        self._program = program()
        self._wanted = port
        self.port = port
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its address."""
        return f"mqtt://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, and return when it listens."""
        for attempt in range(3):  # a free port can be taken between looking and listening
            # Started again, it keeps its port: its clients come back to it.
            self.port = self._wanted or (self.port if self.port and not attempt else free_port())
            if self._wanted and not is_free(self._wanted):
                raise DemoError(f"port {self._wanted} is in use: choose another one with --port, or leave it out")
            if self._try():
                return
        raise DemoError(f"mosquitto does not start: {self._last_words()}")

    def close(self) -> None:
        """End it."""
        if self._process is not None:
            stop([self._process])
            self._process = None

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _try(self) -> bool:
        config = self._folder / "mosquitto.conf"
        config.write_text(CONFIG.format(port=self.port, user=_user(), extra=self._extra))
        with (self._folder / "mosquitto.log").open("ab") as output:
            argv = [self._program, "-c", str(config)]
            self._process = spawn(argv, subprocess.DEVNULL, output)
        until_s = time.monotonic() + READY_WITHIN_S
        while self._process.poll() is None and time.monotonic() < until_s:
            if answers(self.port):
                return True
            time.sleep(0.02)
        self.close()
        return False

    def _last_words(self) -> str:
        lines = (self._folder / "mosquitto.log").read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"


def _user() -> str:
    """Who runs it: as root it would otherwise become the user mosquitto, who cannot read our folder."""
    return pwd.getpwuid(os.geteuid()).pw_name


def program() -> str:
    """Path of mosquitto. Raises DemoError."""
    path = shutil.which("mosquitto", path=os.environ.get("PATH", "") + os.pathsep + SYSTEM_FOLDERS)
    if path is None:
        raise DemoError("there is no mosquitto on this machine: sudo apt-get install mosquitto")
    return path


def free_port() -> int:
    """A port of the loopback interface that nobody listens on just now."""
    with socket.socket() as end:
        end.bind(("127.0.0.1", 0))
        return int(end.getsockname()[1])


def is_free(port: int) -> bool:
    """Whether one could listen on a port of the loopback interface."""
    with socket.socket() as end:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            end.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def answers(port: int) -> bool:
    """Whether somebody listens on a port of the loopback interface."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False
