"""The line of the demo that can be cut: bytes go through, and do not."""

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from agent.console.demo_wan import Wan
from tests.conftest import wait_for


@pytest.fixture
def echo() -> Iterator[socket.socket]:
    """A server that says back what it is told; the sockets of its clients die with it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=answer_all, args=(server,), daemon=True).start()
        yield server
        hang_up(server)


def answer_all(server: socket.socket) -> None:
    while True:
        try:
            client, _ = server.accept()
        except OSError:
            return
        threading.Thread(target=answer, args=(client,), daemon=True).start()


def answer(client: socket.socket) -> None:
    with client:
        while chunk := receive(client):
            client.sendall(chunk)


def hang_up(server: socket.socket) -> None:
    with suppress(OSError):  # it has already
        server.shutdown(socket.SHUT_RDWR)
    server.close()


def receive(end: socket.socket) -> bytes:
    try:
        return end.recv(65_536)
    except OSError:
        return b""


@pytest.fixture
def wan(echo: socket.socket) -> Iterator[Wan]:
    line = Wan(echo.getsockname()[1])
    line.start()
    yield line
    line.close()


def dial(wan: Wan) -> socket.socket:
    return socket.create_connection(("127.0.0.1", wan.port), timeout=10)


def echoed(end: socket.socket, words: bytes) -> bytes:
    end.sendall(words)
    heard = b""
    while len(heard) < len(words) and (chunk := receive(end)):
        heard += chunk
    return heard


def test_it_hands_on_what_is_said_in_both_directions(wan: Wan) -> None:
    with dial(wan) as one, dial(wan) as other:
        assert echoed(one, b"xin chao" * 100_000) == b"xin chao" * 100_000
        assert echoed(other, b"hello") == b"hello"


def test_who_hangs_up_is_told_on(wan: Wan) -> None:
    with dial(wan) as end:
        assert echoed(end, b"a") == b"a"
        end.shutdown(socket.SHUT_WR)
        assert receive(end) == b""


def test_cut_it_breaks_what_is_open_and_lets_nobody_through_until_it_is_mended(wan: Wan) -> None:
    with dial(wan) as end:
        assert echoed(end, b"a") == b"a"
        wan.cut(True)
        wan.cut(True)
        assert receive(end) == b""
    with dial(wan) as end:
        assert receive(end) == b""
    wan.cut(False)
    with dial(wan) as end:
        assert echoed(end, b"back") == b"back"


def test_a_broker_that_is_not_there_is_a_connection_that_breaks(wan: Wan, echo: socket.socket) -> None:
    hang_up(echo)
    with dial(wan) as end:
        assert receive(end) == b""


def test_closed_it_breaks_what_is_open_and_leaves_no_thread(wan: Wan) -> None:
    with dial(wan) as end:
        assert echoed(end, b"a") == b"a"
        wan.close()
        assert receive(end) == b""
    wait_for(lambda: all(thread.name != "wan" for thread in threading.enumerate()), "its thread ends")
