"""systemd's file descriptor store: what must not be let go of while this program is restarted.

A GPIO line stays as it is as long as one copy of its descriptor is open anywhere. The copies in here are systemd's, so
a line outlives a crash, a restart, a watchdog abort and, from systemd 254, a stop (`FileDescriptorStorePreserve=`).

Source: sd_notify(3) (FDSTORE, FDSTOREREMOVE, FDNAME, FDPOLL), sd_listen_fds(3), systemd.service(5).
"""

import logging
import os

from agent.adapters.service import Service

log = logging.getLogger("diemcau.kept")

LONGEST_NAME = 255


class KeptBySystemd:
    """Fills the port ``KeptDescriptors``. Several descriptors may have one name: ``take`` gives one after the other.

    It takes over at once what systemd hands in, unlike this project's other parts: a child that is started before would
    still find the variables. Nothing is to be closed at the end: what nobody took stays open until this process is
    gone, and in systemd beyond that. Thread: agent thread.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._left = service.handed_in()

    def take(self, name: str) -> int | None:
        """The next descriptor that an earlier run left under this name, close-on-exec; the caller owns it."""
        for place, (left, fd) in enumerate(self._left):
            if left == name:
                del self._left[place]
                return fd
        return None

    def keep(self, name: str, fd: int) -> None:
        """Have systemd hold a copy. It knows when it has that one already, and then does nothing.

        Without FDPOLL=0, so that systemd drops a copy by itself when its chip vanishes: the kernel reports a hang-up
        then and only then, and such a descriptor never works again. Tried with systemd 257.
        """
        said = self._service.notify(f"FDSTORE=1\nFDNAME={_checked(name)}", fd)
        if not said and self._service.is_there:
            log.warning("systemd did not take %s: it may move when this program ends", name)

    def forget(self, name: str) -> None:
        """Have every copy under this name closed, here and in systemd; returns when systemd has done so."""
        while (fd := self.take(name)) is not None:
            os.close(fd)
        if self._service.notify(f"FDSTOREREMOVE=1\nFDNAME={_checked(name)}") and not self._service.wait_until_heard():
            log.warning("systemd has not said that it let go of %s: it may still be held", name)

    def names(self) -> tuple[str, ...]:
        """What an earlier run left and nobody has taken yet, each name once."""
        return tuple(dict.fromkeys(name for name, _ in self._left))


def _checked(name: str) -> str:
    """A name that systemd takes; it would keep any other descriptor under the name "stored", to be found by nobody."""
    if not (name and name.isascii() and name.isprintable() and ":" not in name and len(name) <= LONGEST_NAME):
        raise ValueError(f"{name!r} is no name for a descriptor: ASCII without colons, 1 to {LONGEST_NAME} letters")
    return name
