"""Answers that never end by themselves, and what ends them: the board's own end, and the end of a session."""

from collections.abc import Awaitable, Callable

import anyio
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOK_EVERY_S = 5.0  # whoever was removed, or has signed out elsewhere, sees nothing new after that

IsIn = Callable[[], Awaitable[bool]]


class Streams:
    """All that are open. Thread: the event loop's."""

    def __init__(self, look_every_s: float = LOOK_EVERY_S) -> None:
        self.look_every_s = look_every_s
        self._open: set[anyio.CancelScope] = set()
        self._is_over = False

    async def run(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send, is_in: IsIn) -> None:
        """Answer by ``app`` until it ends, ``is_in`` says no, or all end. What was begun is ended in order."""
        has_begun = has_ended = False

        async def noted(message: Message) -> None:
            nonlocal has_begun, has_ended
            has_begun = has_begun or message["type"] == "http.response.start"
            has_ended = has_ended or (message["type"] == "http.response.body" and not message.get("more_body", False))
            await send(message)

        with anyio.CancelScope() as until:
            self._open.add(until)
            if self._is_over:
                until.cancel()
            try:
                await self._answer(app, scope, receive, noted, is_in, until)
            finally:
                self._open.discard(until)
        if not has_begun:
            await send({"type": "http.response.start", "status": 503, "headers": []})
        if not has_ended:
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _answer(
        self, app: ASGIApp, scope: Scope, receive: Receive, send: Send, is_in: IsIn, until: anyio.CancelScope
    ) -> None:
        async def look() -> None:
            while True:
                await anyio.sleep(self.look_every_s)
                if not await is_in():
                    until.cancel()

        async with anyio.create_task_group() as group:
            group.start_soon(look)
            await app(scope, receive, send)
            group.cancel_scope.cancel()

    def end(self) -> None:
        """End all of them, and those that come yet."""
        self._is_over = True
        for each in tuple(self._open):
            each.cancel()
