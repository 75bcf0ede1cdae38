"""The board as a server: what it is made of, how it begins and how it ends."""

import ipaddress
import logging
import socket
import threading
import time
from collections.abc import Callable, Mapping

import uvicorn
from sqlalchemy import Engine

from agent.console.board.access import Access, User
from agent.console.board.acks import AckLog, AckReader
from agent.console.board.app import create_app
from agent.console.board.connections import MOST, Crowd, Listening, protocol
from agent.console.board.live import Live
from agent.console.board.parts import Button, Parts
from agent.console.board.place import BACKLOG, BoardError, Place, bound, check_certificate
from agent.core.identity import is_loopback

OPEN_WITHIN_S = 15.0
ASKED_MAX = MOST + 100  # at once; each of the connections asks one thing, and some have gone meanwhile
LOUD = ("python_multipart.multipart", "uvicorn.error")  # warn of each request that is none, and anybody may send those
ANYWHERE_HERE = Place(port=0)
SPARING_S = 60.0
END_WITHIN_S = 1.0  # for what is being answered; streams end at once


class Board:
    """One board: a context manager, or ``start`` and ``close``. Serves on a thread of its own.

    Args:
        live: What the sites say; started and closed with the board.
        engine: The centre's database, all tables made.
        place: Where.
        everybody: Who everybody is without signing in (the demo).
        buttons: Those of simulated rooms, by site.
    """

    def __init__(
        self,
        live: Live,
        engine: Engine,
        place: Place = ANYWHERE_HERE,
        everybody: User | None = None,
        buttons: Mapping[str, Button] | None = None,
    ) -> None:
        self._live, self._place = live, place
        self.access = Access(engine, everybody, place.is_secure, place.names)
        self._acks = AckReader(AckLog(engine), live.acknowledged)
        self.parts = Parts(live, engine, self.access, buttons or {})
        self.crowd = Crowd(most_of_one=place.most_of_one)
        self._ended = threading.Event()
        self._socket: Listening | None = None
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Its address, once it has started."""
        assert self._socket is not None
        host, port = self._socket.getsockname()[:2]
        host = self._place.host if is_loopback(self._place.host) else socket.gethostname() if _is_any(host) else host
        return f"{'https' if self._place.certificate else 'http'}://{f'[{host}]' if ':' in host else host}:{port}/"

    def start(self) -> None:
        """Serve; back when browsers can come.

        Raises:
            BoardError: The address or the certificate cannot be used.
            LinkError: The broker refuses us.
        """
        self._place.check()
        check_certificate(self._place)
        self._socket = bound(self._place)
        self._socket.crowd = self.crowd
        try:
            self._live.start()
        except BaseException:
            self._socket.close()
            raise
        self._acks.start()
        for name in LOUD:
            logging.getLogger(name).addFilter(SPARING)
        self._server = _Server(self._config(), self.access)
        self._thread = threading.Thread(target=self._serve, name="board", daemon=True)
        self._thread.start()
        until_s = time.monotonic() + OPEN_WITHIN_S
        while not self._server.started and self._thread.is_alive() and time.monotonic() < until_s:
            time.sleep(0.01)
        if not self._server.started:
            self.close()
            raise BoardError("the board's server does not start, its log says why", "bảng điều khiển không chạy được")

    def wait(self) -> None:
        """Until it is told to end."""
        self._ended.wait()

    def end(self) -> None:
        """Have ``wait`` return. Thread: any, also in a signal's handler."""
        self._ended.set()

    def close(self) -> None:
        """End: streams are closed in order, what is being answered has a second."""
        self._ended.set()
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join(END_WITHIN_S + 3)
        self._acks.close()
        self._live.close()
        if self._socket is not None:
            self._socket.close()

    def __enter__(self) -> "Board":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _serve(self) -> None:
        assert self._server is not None
        assert self._socket is not None
        try:
            self._server.run([self._socket])
        finally:
            self._ended.set()

    def _config(self) -> uvicorn.Config:
        place = self._place
        return uvicorn.Config(
            create_app(self.parts, allowed_hosts=place.hosts),
            http=protocol(self.crowd),
            ws="none",
            loop="asyncio",
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=place.is_behind_proxy,
            forwarded_allow_ips=["127.0.0.1", "::1"],
            ssl_certfile=place.certificate or None,
            ssl_keyfile=place.key or None,
            limit_concurrency=ASKED_MAX,
            backlog=BACKLOG,
            timeout_graceful_shutdown=int(END_WITHIN_S),
        )


class _Sparing(logging.Filter):
    """Lets each warning through once a minute. Thread: any."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._now = now
        self._said_s: dict[tuple[str, int], float] = {}  # by where it is said

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether it is said."""
        if record.levelno != logging.WARNING:
            return True
        now_s, said = self._now(), (record.name, record.lineno)
        if now_s - self._said_s.get(said, -SPARING_S) < SPARING_S:
            return False
        self._said_s[said] = now_s
        return True


SPARING = _Sparing()


class _Server(uvicorn.Server):
    """Ends the streams first, which would keep it from ending."""

    def __init__(self, config: uvicorn.Config, access: Access) -> None:
        super().__init__(config)
        self._access = access

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._access.streams.end()
        await super().shutdown(sockets)


def _is_any(host: str) -> bool:
    return ipaddress.ip_address(host).is_unspecified
