"""systemd, as seen from a service: ready, watchdog, stopping, and descriptors handed in by socket activation.

Source: sd_notify(3), sd_listen_fds(3). Without systemd every call does nothing.
"""

import os
import socket
from collections.abc import MutableMapping

FIRST_FD = 3


class Service:
    """The notification socket of this process. Thread: any."""

    def __init__(self, environment: MutableMapping[str, str] | None = None) -> None:
        self._environment = os.environ if environment is None else environment

    def ready(self) -> None:
        """The agent works: systemd may start what waits for it."""
        self._notify("READY=1")

    def feed_watchdog(self) -> None:
        """The loop went round. To be called by the loop that works, never by a timer."""
        self._notify("WATCHDOG=1")

    def stopping(self) -> None:
        """An orderly end has begun."""
        self._notify("STOPPING=1")

    def watchdog_s(self) -> float | None:
        """How often systemd wants to hear from us at least, in seconds; None: never."""
        usec = self._environment.get("WATCHDOG_USEC", "")
        return int(usec) / 1e6 if usec.isdigit() else None

    def listen_socket(self) -> socket.socket | None:
        """The one listening socket that systemd opened for us, or None. To be called once."""
        if self._environment.get("LISTEN_PID") != str(os.getpid()) or self._environment.get("LISTEN_FDS") != "1":
            return None
        return socket.socket(fileno=FIRST_FD)

    def _notify(self, message: str) -> None:
        address = self._environment.get("NOTIFY_SOCKET")
        if not address:
            return
        if address.startswith("@"):
            address = "\0" + address[1:]
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as end:
                end.sendto(message.encode(), address)
        except OSError:
            # systemd that does not listen is systemd's matter; the room goes on.
            return
