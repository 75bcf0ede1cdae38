"""systemd, as seen from a service: ready, watchdog, stopping, and the descriptors that it hands in at start.

Source: sd_notify(3), sd_listen_fds(3). Without systemd every call does nothing.
"""

import os
import select
import socket
from collections.abc import MutableMapping

FIRST_FD = 3
# All that sd_listen_fds(3) reads, the last one since systemd 258.
LISTEN = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PIDFDID")
PATIENCE_S = 2.0  # for a systemd that is busy; a room is worth more than an answer


class Service:
    """The notification socket of this process. Thread: any."""

    def __init__(self, environment: MutableMapping[str, str] | None = None) -> None:
        self._environment = os.environ if environment is None else environment

    @property
    def is_there(self) -> bool:
        """True where systemd wants to be told something."""
        return bool(self._environment.get("NOTIFY_SOCKET"))

    def ready(self) -> None:
        """The agent works: systemd may start what waits for it."""
        self.notify("READY=1")

    def feed_watchdog(self) -> None:
        """The loop went round. To be called by the loop that works, never by a timer."""
        self.notify("WATCHDOG=1")

    def status(self, text: str) -> None:
        """One line on how things are, which ``systemctl status`` shows."""
        self.notify(f"STATUS={' '.join(text.split())}")  # a second line would be another word to systemd

    def stopping(self) -> None:
        """An orderly end has begun."""
        self.notify("STOPPING=1")

    def watchdog_s(self) -> float | None:
        """How often systemd wants to hear from us at least, in seconds; None: never."""
        usec = self._environment.get("WATCHDOG_USEC", "")
        return int(usec) / 1e6 if usec.isascii() and usec.isdigit() and len(usec) < 20 else None

    def handed_in(self) -> list[tuple[str, int]]:
        """The descriptors that systemd opened or kept for this process, with their names; the caller owns them.

        To be called once, before any child is started: the variables leave the environment and the descriptors are
        closed at exec, so that no child takes them for its own. A second call finds nothing.
        """
        pid, count, names, _ = (self._environment.pop(variable, "") for variable in LISTEN)
        if pid != str(os.getpid()) or not (count.isascii() and count.isdigit()):
            return []
        fds = range(FIRST_FD, FIRST_FD + int(count))
        for fd in fds:
            os.set_inheritable(fd, False)
        named = names.split(":")
        if len(named) != len(fds):
            named = ["unknown"] * len(fds)  # sd_listen_fds_with_names(3) calls them so too
        return list(zip(named, fds, strict=True))

    def listen_socket(self) -> socket.socket | None:
        """The one listening socket that systemd opened for us, or None. To be called once."""
        handed_in = self.handed_in()
        return socket.socket(fileno=handed_in[0][1]) if len(handed_in) == 1 else None

    def notify(self, message: str, fd: int | None = None) -> bool:
        """Say something to systemd, with a copy of a descriptor perhaps. False: it does not listen."""
        address = self._environment.get("NOTIFY_SOCKET")
        if not address:
            return False
        if address.startswith("@"):
            address = "\0" + address[1:]
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as end:
                end.settimeout(PATIENCE_S)
                end.connect(address)
                socket.send_fds(end, [message.encode()], [] if fd is None else [fd])
        except OSError:
            # systemd that does not listen is systemd's matter; the room goes on.
            return False
        return True

    def wait_until_heard(self) -> bool:
        """Wait until systemd has acted on all that was said before. False: it did not within two seconds.

        Source: sd_notify_barrier(3): systemd closes the descriptor that comes with this message when it is its turn.
        """
        ours, theirs = os.pipe()
        try:
            said = self.notify("BARRIER=1", theirs)
        finally:
            os.close(theirs)
        try:
            closed = select.poll()
            closed.register(ours, 0)  # no events asked for: the hang-up is always told
            return said and bool(closed.poll(PATIENCE_S * 1000))
        finally:
            os.close(ours)
