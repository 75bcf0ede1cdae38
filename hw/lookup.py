"""Names to addresses, with a bound on the waiting: ``getaddrinfo`` has none, and a dead DNS server holds it for half a
minute and more.
"""

import socket
import threading

Address = tuple[socket.AddressFamily, tuple[object, ...]]


class Lookup:
    """Looks one name up again and again, on a thread that nobody waits for longer than asked; one at a time.

    Thread: one, the prober's.
    """

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._thread: threading.Thread | None = None
        self._answer: list[Address] | Exception = []

    def addresses(self, within_s: float) -> list[Address]:
        """The name's addresses in the system's order of preference. A number is none that takes time.

        Raises:
            socket.gaierror: There is no such name, or it is not known in time. An answer that comes late is given to
                the next call: with a slow server a name is known from the second time on.
            ValueError: It cannot be a name.
        """
        try:
            return _ask(self._host, self._port, socket.AI_NUMERICHOST)
        except socket.gaierror:
            return self._by_name(within_s)

    def _by_name(self, within_s: float) -> list[Address]:
        if self._thread is None:
            asking = threading.Thread(target=self._run, name=f"lookup {self._host}"[:60], daemon=True)
            asking.start()
            self._thread = asking
        self._thread.join(within_s)
        if self._thread.is_alive():
            raise socket.gaierror(socket.EAI_AGAIN, "the name server does not answer")
        self._thread = None
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer

    def _run(self) -> None:
        try:
            # Only families for which this box has an address itself: without IPv6 an IPv6 address is no use.
            self._answer = _ask(self._host, self._port, socket.AI_ADDRCONFIG)
        except (OSError, ValueError) as error:
            self._answer = error


def _ask(host: str, port: int, flags: int) -> list[Address]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
    return [(family, address) for family, _, _, _, address in found]
