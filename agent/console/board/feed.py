"""From the live side to open pages: what is shown, and streams of server-sent events that say what has become new.

::

    live thread ──change──► fold (rendered once) ──wakes──► a stream for each page ──what is new to it──► browser

An event's id is ``<start>:<picture>``: a browser that comes back says what its page shows, and gets what is newer. One
whose page is of an earlier start of this server loads the page again. Every page at the same picture gets the same
bytes, which are made once.
"""

import asyncio
import json
import re
import secrets
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

from starlette.requests import Request
from starlette.responses import StreamingResponse

from agent.console.board.live import Change, Live
from agent.console.board.shown import Shown, fold

NUMBER = re.compile("[0-9]{1,18}")
BEAT_S = 10.0  # a page says after twice that long that it hears nothing any more

News = Callable[[Shown, int], Awaitable[Mapping[str, Any]]]


class Feed:
    """Thread: ``take`` on the live one, all else on the event loop's."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._writing = threading.Lock()
        self._news = asyncio.Event()
        self._end: Callable[[], None] = lambda: None
        self._made: dict[tuple[News, int], bytes] = {}
        self._made_at = -1
        self.start = secrets.token_hex(4)
        self.shown = Shown()

    def open(self) -> None:
        """Begin to listen; on the event loop."""
        self._loop = asyncio.get_running_loop()
        self._end = self._live.subscribe(self.take)
        picture = self._live.picture
        every = frozenset(picture.tiles)
        self.take(Change(picture, every, frozenset(), every))

    def close(self) -> None:
        """Listen no more."""
        self._end()

    def take(self, change: Change) -> None:
        """A change; pages are told of it by and by."""
        with self._writing:
            self.shown = fold(self.shown, change)
        with suppress(RuntimeError):  # the server has ended meanwhile
            self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    async def stream(self, request: Request, news: News) -> StreamingResponse:
        """Answer with what ``news`` makes of all that is newer than what this page shows, again and again.

        ``news(shown, since)`` gives a JSON object, ``panels`` (HTML by id) and more. It is asked once for all pages
        that show ``since``.
        """
        return StreamingResponse(
            self._events(_known(request), news),
            media_type="text/event-stream",
            headers={"cache-control": "no-store", "x-accel-buffering": "no"},
        )

    async def _events(self, known: str, news: News) -> AsyncIterator[bytes]:
        start, _, said = known.partition(":")
        if start != self.start or not NUMBER.fullmatch(said):
            yield b"event: reload\ndata: \n\n"
            return
        since = int(said)
        yield b"retry: 2000\n" + _beat()
        while True:
            waiting, shown = self._news, self.shown
            if shown.number > since:
                yield await self._event(news, shown, since)
                since = shown.number
                continue
            try:
                await asyncio.wait_for(waiting.wait(), BEAT_S)
            except TimeoutError:
                yield _beat()

    async def _event(self, news: News, shown: Shown, since: int) -> bytes:
        """What is newer than ``since``; the bytes of the newest picture are kept for the other pages."""
        if shown.number > self._made_at:
            self._made, self._made_at = {}, shown.number
        known = self._made.get((news, since)) if shown.number == self._made_at else None
        if known is not None:
            return known
        made = self._encoded(shown, await news(shown, since))
        if shown.number == self._made_at:
            self._made[news, since] = made
        return made

    def _encoded(self, shown: Shown, told: Mapping[str, Any]) -> bytes:
        told = {"up": shown.picture.is_connected, **told}
        text = json.dumps(told, ensure_ascii=False, separators=(",", ":"))
        # A lone surrogate cannot be written as UTF-8, and what cannot be written would end the stream for everybody.
        return f"id: {self.start}:{shown.number}\ndata: {text}\n\n".encode("utf-8", "replace")


def _beat() -> bytes:
    """That we are there, and what time it is here: ages are reckoned by it."""
    return f"event: beat\ndata: {time.time() * 1000:.0f}\n\n".encode()


def _known(request: Request) -> str:
    """What the page shows: the browser says so by itself when it comes back."""
    return request.headers.get("last-event-id") or request.query_params.get("at", "")
