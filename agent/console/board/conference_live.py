"""The parts of a conference's page that follow by themselves: made once a second for all who look at it.

A part remembers the picture with which it last became another one. A page is sent only what may be new to it, so that
what does not change stays where the reader is.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from agent.console.board.feed import Feed
from agent.console.board.shown import Shown

EVERY_S = 1.0

Make = Callable[[Shown], Awaitable[Mapping[str, str]]]


class Followed:
    """One conference's parts. The feed knows it by its identity, so there is one of each. Thread: the event loop's."""

    def __init__(self, feed: Feed, make: Make) -> None:
        self._feed, self._make = feed, make
        self._parts: dict[str, tuple[str, int]] = {}  # HTML, and the picture with which it came
        self._made_s = -EVERY_S
        self._making = asyncio.Lock()

    async def __call__(self, shown: Shown, since: int) -> Mapping[str, Any]:
        """What may be new to a page that shows picture ``since``, for the feed."""
        await asyncio.sleep(EVERY_S)
        await self.parts(EVERY_S / 2)
        # Not only what is later: it may also change with the time while the picture stays the same.
        return {"panels": {name: html for name, (html, number) in self._parts.items() if number >= since}}

    async def parts(self, age_s: float = 0.0) -> dict[str, str]:
        """All of them by id, made anew where they are older than that."""
        async with self._making:
            if time.monotonic() - self._made_s >= age_s:
                shown = self._feed.shown
                for name, html in (await self._make(shown)).items():
                    if name not in self._parts or self._parts[name][0] != html:
                        self._parts[name] = html, shown.number
                self._made_s = time.monotonic()
        return {name: html for name, (html, _) in self._parts.items()}
