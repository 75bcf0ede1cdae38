"""A TCP line that can be made to fail: reset, black hole, slow, sliced, half open, or one that swallows packets."""

import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

RESET = struct.pack("ii", 1, 0)  # SO_LINGER: on, 0 s: close() sends RST and forgets what was not sent
PUBACK = 4


class Line:
    """A port of this machine in front of another one. What is set holds for what is carried from then on.

    Attributes:
        is_hole: Nothing is carried, and nothing is closed.
        bytes_per_s: How fast it is, both ways; 0: as fast as it goes.
        slice_bytes: Pieces so small; 0: as they come.
        eats: MQTT packet types of the far end that are swallowed.
    """

    def __init__(self, far_port: int) -> None:
        self._far_port = far_port
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        self.is_hole = False
        self.bytes_per_s = self.slice_bytes = 0
        self.eats: frozenset[int] = frozenset()
        self.accepted = 0
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._ended = threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def url(self) -> str:
        """Its address."""
        return f"mqtt://127.0.0.1:{self.port}"

    def reset(self) -> None:
        """Break all connections, as a router that has forgotten them does."""
        for near, far in self._take():
            for end in (near, far):
                with suppress(OSError):
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                    end.shutdown(socket.SHUT_RD)  # wakes whoever reads, and says nothing to the other side
                end.close()

    def end(self) -> None:
        """End all connections in the orderly way, as a broker does that has another client of the same name."""
        for near, _ in self._take():
            with suppress(OSError):
                near.shutdown(socket.SHUT_WR)  # still reading: closed with something unread it would be a reset

    def half_open(self) -> None:
        """Break the far ends only: the near ones are told nothing."""
        for _, far in self._pairs:
            with suppress(OSError):
                far.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """End all of it."""
        self._ended.set()
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self.reset()

    def _take(self) -> list[tuple[socket.socket, socket.socket]]:
        pairs, self._pairs = self._pairs, []
        return pairs

    def _serve(self) -> None:
        while not self._ended.is_set():
            try:
                near, _ = self._server.accept()
            except OSError:
                return
            self.accepted += 1
            try:
                far = socket.create_connection(("127.0.0.1", self._far_port), 5)
            except OSError:
                near.close()
                continue
            far.settimeout(None)  # that was for the connection: a broker may be silent for longer
            self._pairs.append((near, far))
            threading.Thread(target=self._carry, args=(near, far, False), daemon=True).start()
            threading.Thread(target=self._carry, args=(far, near, True), daemon=True).start()

    def _carry(self, source: socket.socket, sink: socket.socket, from_far: bool) -> None:
        rest = b""
        with suppress(OSError):
            while part := source.recv(self.slice_bytes or 65536):
                while self.is_hole and not self._ended.is_set():
                    time.sleep(0.05)
                if self.eats and from_far:
                    part, rest = self._without(rest + part)
                for piece in self._pieces(part):
                    sink.sendall(piece)
                    if self.bytes_per_s:
                        time.sleep(len(piece) / self.bytes_per_s)
            if from_far and (source, sink) not in [(far, near) for near, far in self._pairs]:
                return
        if not from_far:  # a far end that breaks alone is a half-open line
            with suppress(OSError):
                sink.shutdown(socket.SHUT_RDWR)

    def _pieces(self, part: bytes) -> Iterator[bytes]:
        size = self.slice_bytes or (max(1, self.bytes_per_s // 20) if self.bytes_per_s else len(part) or 1)
        return (part[at : at + size] for at in range(0, len(part), size))

    def _without(self, raw: bytes) -> tuple[bytes, bytes]:
        """The whole packets of ``raw`` that are not eaten, and the piece of one that is left."""
        kept = b""
        while (end := _end_of_packet(raw)) is not None:
            kept += b"" if raw[0] >> 4 in self.eats else raw[:end]
            raw = raw[end:]
        return kept, raw


def _end_of_packet(raw: bytes) -> int | None:
    """Where the first MQTT packet ends; None where it is not whole. Source: MQTT 5, 2.1.4, the remaining length."""
    length = 0
    for at in range(1, min(5, len(raw))):
        length |= (raw[at] & 0x7F) << 7 * (at - 1)
        if not raw[at] & 0x80:
            end = at + 1 + length
            return end if end <= len(raw) else None
    return None


@contextmanager
def line(far_port: int) -> Iterator[Line]:
    """A line that ends with the block."""
    made = Line(far_port)
    try:
        yield made
    finally:
        made.close()
