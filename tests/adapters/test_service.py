"""systemd's protocol, spoken to a socket of ours."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.adapters.service import Service


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        end.bind(str(tmp_path / "notify"))
        end.settimeout(5)
        yield end


def test_ready_watchdog_and_stopping_are_said(systemd: socket.socket, tmp_path: Path) -> None:
    service = Service({"NOTIFY_SOCKET": str(tmp_path / "notify")})
    service.ready()
    service.feed_watchdog()
    service.stopping()
    assert [systemd.recv(100) for _ in range(3)] == [b"READY=1", b"WATCHDOG=1", b"STOPPING=1"]


def test_without_systemd_nothing_happens() -> None:
    service = Service({})
    service.ready()
    assert service.watchdog_s() is None
    assert service.listen_socket() is None


def test_a_systemd_that_is_gone_does_not_stop_the_room(tmp_path: Path) -> None:
    Service({"NOTIFY_SOCKET": str(tmp_path / "nobody")}).ready()


def test_the_watchdogs_patience_is_read_in_seconds() -> None:
    assert Service({"WATCHDOG_USEC": "20000000"}).watchdog_s() == 20.0
    assert Service({"WATCHDOG_USEC": "soon"}).watchdog_s() is None


def test_descriptors_that_are_for_another_process_are_left_alone() -> None:
    assert Service({"LISTEN_PID": str(os.getpid() + 1), "LISTEN_FDS": "1"}).listen_socket() is None
