"""systemd's end of the notification socket, with a store of descriptors that does what systemd's does."""

import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest


class Systemd:
    """Real descriptors over a real socket. ``store`` is what it holds, by name; ``said`` every message in order.

    As in src/core/service.c one name may have several descriptors, and FDSTOREREMOVE closes all of a name; unlike there
    a copy of what is held already is held again. ``is_deaf``: it takes messages and acts on none.
    """

    def __init__(self, path: Path) -> None:
        self.address = str(path)
        self.store: list[tuple[str, int]] = []
        self.said: list[str] = []
        self.is_deaf = False
        self._end = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._end.bind(self.address)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
            end.sendto(b"END", self.address)
        self._thread.join(5)
        self._end.close()
        for _, fd in self.store:
            os.close(fd)

    def names(self) -> list[str]:
        return [name for name, _ in self.store]

    def _run(self) -> None:
        while True:
            message, fds, _, _ = socket.recv_fds(self._end, 4096, 8)
            if message == b"END":
                return
            self.said.append(message.decode())
            fields = dict(line.split("=", 1) for line in message.decode().splitlines())
            if not self.is_deaf:
                self._act(fields, fds)
            else:
                self.store += [("unheard", fd) for fd in fds]

    def _act(self, fields: dict[str, str], fds: list[int]) -> None:
        if "FDSTORE" in fields:
            self.store += [(fields.get("FDNAME", "stored"), fd) for fd in fds]
            fds = []
        if "FDSTOREREMOVE" in fields:
            gone = [kept for kept in self.store if kept[0] == fields["FDNAME"]]
            self.store = [kept for kept in self.store if kept not in gone]
            fds += [fd for _, fd in gone]
        for fd in fds:  # a BARRIER's too
            os.close(fd)


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[Systemd]:
    systemd = Systemd(tmp_path / "notify")
    yield systemd
    systemd.close()
