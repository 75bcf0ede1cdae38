"""A line with a long way to the broker: a satellite's, or worse."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def slow_line(port: int, delay_s: float) -> Iterator[int]:
    """A port of this machine behind which the broker's words come ``delay_s`` late; what we say goes at once."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_serve, args=(server, port, delay_s), daemon=True).start()
        yield server.getsockname()[1]
        with suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)


def _serve(server: socket.socket, port: int, delay_s: float) -> None:
    with suppress(OSError):
        while True:
            near, _ = server.accept()
            far = socket.create_connection(("127.0.0.1", port))
            threading.Thread(target=_carry, args=(near, far, 0.0), daemon=True).start()
            threading.Thread(target=_carry, args=(far, near, delay_s), daemon=True).start()


def _carry(source: socket.socket, sink: socket.socket, delay_s: float) -> None:
    with suppress(OSError):
        while part := source.recv(65536):
            time.sleep(delay_s)
            sink.sendall(part)
    for end in (source, sink):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
