"""Where the board is to be had: the address, TLS or a proxy, and the names that browsers use."""

import socket
import ssl
from dataclasses import dataclass
from urllib.parse import urlsplit

from agent.console.board.connections import MOST_OF_ONE, Listening
from agent.core.errors import BilingualError
from agent.core.identity import is_loopback

HERE = ("localhost", "127.0.0.1", "::1", "[::1]")
PORT = 8080
BACKLOG = 100


class BoardError(BilingualError):
    """The board cannot be served as it was asked for. ``is_wrong_use``: by whoever wrote the command."""

    def __init__(self, sentence: str, vietnamese: str = "", is_wrong_use: bool = False) -> None:
        self.is_wrong_use = is_wrong_use
        super().__init__(sentence, vietnamese)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the board is to be had.

    Args:
        host: A name or address of this machine. Port 0: a free one.
        certificate: PEM file, with ``key``: TLS. A proxy has its own.
        is_behind_proxy: A proxy on this machine takes TLS off; what it says of who asks is believed.
        names: What browsers call us, beside ``localhost`` where we listen on loopback.
    """

    host: str = "127.0.0.1"
    port: int = PORT
    certificate: str = ""
    key: str = ""
    is_behind_proxy: bool = False
    names: tuple[str, ...] = ()

    @property
    def is_secure(self) -> bool:
        """Browsers come by TLS."""
        return bool(self.certificate) or self.is_behind_proxy

    def check(self) -> None:
        """Raises BoardError: passwords would go over a network as they are, or nobody could sign in."""
        if bool(self.certificate) != bool(self.key):
            raise _wrong("certificate and key belong together: give both or neither", "cần cả chứng chỉ và khoá")
        if not is_loopback(self.host) and not self.is_secure:
            raise _wrong(
                f"listening on {self.host} needs TLS: give --certificate and --key; a proxy stands on this machine",
                f"nghe ở {self.host} phải có TLS (--certificate và --key); proxy thì đặt trên máy này",
            )
        if self.is_behind_proxy and not self.certificate and not is_loopback(self.host):
            raise _wrong(
                f"--behind-proxy without a certificate has to listen on this machine alone, not on {self.host}",
                f"--behind-proxy không có chứng chỉ thì chỉ nghe trên máy này, không nghe ở {self.host}",
            )
        if self.is_behind_proxy and not self.names:
            raise _wrong("--behind-proxy needs --name, what browsers call the proxy", "--behind-proxy cần có --name")

    @property
    def most_of_one(self) -> int | None:
        """Connections from one address; None: a proxy's, or this machine's, are everybody's."""
        return None if self.is_behind_proxy or is_loopback(self.host) else MOST_OF_ONE

    @property
    def hosts(self) -> tuple[str, ...]:
        """What the ``Host`` of a request may be; none: anything, since a certificate says who we are."""
        if is_loopback(self.host):
            return (*HERE, self.host, *self.names)
        return (*HERE, self.host, *self.names) if self.names else ()


def parse_listen(text: str) -> tuple[str, int]:
    """``127.0.0.1:8080``, ``[::1]:8080``, or a host or port alone. Raises BoardError."""
    host, port = ("", text) if text.isdecimal() else (text, "")
    try:
        if not port:
            parts = urlsplit(f"//{text}")
            host, given = parts.hostname or "", parts.port
            if parts.username is not None or parts.path or parts.query or parts.fragment:
                raise ValueError(text)
            return host or "127.0.0.1", PORT if given is None else given
        if int(port) > 65535:
            raise ValueError(text)
        return "127.0.0.1", int(port)
    except ValueError as error:
        raise _wrong("--listen should look like 127.0.0.1:8080", "--listen phải có dạng 127.0.0.1:8080") from error


def _wrong(sentence: str, vietnamese: str) -> BoardError:
    return BoardError(sentence, vietnamese, is_wrong_use=True)


def bound(place: Place) -> Listening:
    """A socket that listens there. Raises BoardError."""
    try:
        found = socket.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, _, _, address = found[0]
        made = Listening(family, kind)
    except OSError as error:
        raise BoardError(f"{place.host} is no address of this machine", f"không có địa chỉ {place.host}") from error
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
        made.listen(BACKLOG)  # taken from now on: a second board hears of it before it has begun anything
    except OSError as error:
        made.close()
        where = f"{place.host}:{place.port}"
        raise BoardError(
            f"cannot listen on {where} ({error.strerror}): choose another one with --listen",
            f"không nghe được ở {where}, hãy chọn cổng khác bằng --listen",
        ) from error
    return made


def check_certificate(place: Place) -> None:
    """Raises BoardError where the files are of no use; a key that needs a password is one."""
    if not place.certificate:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(place.certificate, place.key, password=lambda: "")
    except (OSError, ValueError) as error:  # ssl's errors are OSErrors
        raise BoardError(
            f"the certificate {place.certificate} with the key {place.key} cannot be used: {error}",
            "không dùng được chứng chỉ và khoá của bảng điều khiển",
        ) from error
