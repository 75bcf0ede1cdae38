"""What is read of what browsers post: how much, within what time, and of how many at once.

All of it is kept in memory, so who has not signed in gets little, and what is large is taken of a few at a time.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import anyio
from starlette.requests import Request

from agent.console.board.users import User

STRANGERS_BYTES = 8 * 1024  # a name and a password, each letter as nine
USUAL_BYTES = 64 * 1024
ZONES_BYTES = 256 * 1024  # the form takes 40,000 letters, most of them as one or three
SHEET_BYTES = 2 * 1024 * 1024  # a table of 3,400 sites has 200 kB
SHEETS_AT_ONCE = 4
WITHIN_S, SHEET_WITHIN_S = 15.0, 60.0

TOO_LARGE = (413, "quá lớn / too large")
TOO_SLOW = (408, "gửi quá chậm, thử lại / it took too long to send: try again")
TOO_MANY = (503, "nhiều bảng đang được gửi, thử lại sau một phút / others send tables: try again in a minute")

Refusal = tuple[int, str]  # status and sentence


def most_bytes(path: str, user: User | None) -> int:
    """How much this one may post there. Pure."""
    if user is None:
        return STRANGERS_BYTES
    if path == "/conference/new" and user.may("operator"):
        return SHEET_BYTES
    if path.startswith("/site/") and path.endswith("/zones") and user.may("technician"):
        return ZONES_BYTES
    return USUAL_BYTES


class Bodies:
    """Thread: the event loop's."""

    def __init__(self, within_s: float = WITHIN_S, sheet_within_s: float = SHEET_WITHIN_S) -> None:
        self.within_s, self.sheet_within_s = within_s, sheet_within_s
        self._sheets = 0

    @contextmanager
    def place(self, most: int) -> Iterator[bool]:
        """Room for one of at most so many bytes, until it has been answered; False: there is none now."""
        if most <= ZONES_BYTES:
            yield True
            return
        if self._sheets >= SHEETS_AT_ONCE:
            yield False
            return
        self._sheets += 1
        try:
            yield True
        finally:
            self._sheets -= 1

    async def read(self, request: Request, most: int) -> Refusal | None:
        """Read it, to be read again by the page; None: it is read. Raises starlette.requests.ClientDisconnect."""
        said = request.headers.get("content-length", "")
        if said.isdecimal() and int(said[:20]) > most:
            return TOO_LARGE
        read = bytearray()
        with anyio.move_on_after(self.sheet_within_s if most > ZONES_BYTES else self.within_s):
            async for chunk in request.stream():
                read += chunk
                if len(read) > most:
                    return TOO_LARGE
            request._body = bytes(read)  # what ``body`` would have kept, had it a limit
            return None
        return TOO_SLOW
