"""The board's pages, joined: routes, and what every request goes through."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agent.console.board import (
    actions,
    conferences,
    demo_buttons,
    drill_page,
    geometry,
    login,
    overview,
    reports,
    site_page,
    wall,
)
from agent.console.board.access import Gate
from agent.console.board.feed import Feed
from agent.console.board.parts import Parts
from agent.console.board.render import STATIC, page

# Each file of pages offers its routes.
ROUTES: tuple[Callable[[Parts], Sequence[BaseRoute]], ...] = (
    login.routes,
    actions.routes,
    drill_page.routes,
    demo_buttons.routes,
    geometry.routes,
    reports.routes,
)
LIVE: tuple[Callable[[Parts, Feed], Sequence[BaseRoute]], ...] = (
    overview.routes,
    wall.routes,
    site_page.routes,
    conferences.routes,
)  # those that are kept as they are now

HEADERS = {
    # Nothing from elsewhere, no inline script, no inline style: HTML in a name that slipped through does nothing.
    b"content-security-policy": b"default-src 'self'; img-src 'self' data:; base-uri 'none'; object-src 'none';"
    b" form-action 'self'; frame-ancestors 'none'",
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"same-origin",
    b"cross-origin-opener-policy": b"same-origin",
}
QUICK = 4  # gzip's level: a page of 3,400 sites is made for each request, on the one event loop

# Status → what it means and what to do, both in both languages.
ERRORS = {
    403: (
        ("Không được phép", "Not permitted"),
        (
            "Tài khoản này không có quyền làm việc đó, hoặc trang đã mở quá lâu: tải lại trang rồi thử lại.",
            "This account may not do that, or the page was open for too long: load it again and try once more.",
        ),
    ),
    404: (
        ("Không có trang này", "No such page"),
        ("Kiểm tra địa chỉ hoặc mã điểm cầu.", "Check the address, or the id of the site."),
    ),
    500: (
        ("Lỗi của phần mềm", "An error of ours"),
        (
            "Lỗi đã được ghi vào nhật ký; thử lại, nếu vẫn vậy thì báo kỹ thuật.",
            "It was written to the log. Try again; if it happens again, tell a technician.",
        ),
    ),
}
OTHER = (("Yêu cầu không đúng", "This request is not right"), ("Quay lại rồi thử lại.", "Go back and try again."))


def create_app(parts: Parts, allowed_hosts: Sequence[str] = ()) -> Starlette:
    """The application. ``parts.live`` is started and closed by the caller.

    Args:
        allowed_hosts: What browsers may call this server; none given: anything.
    """
    feed = Feed(parts.live)
    guards = [Middleware(TrustedHostMiddleware, allowed_hosts=list(allowed_hosts))] if allowed_hosts else []
    app = Starlette(
        routes=[
            *(route for offered in LIVE for route in offered(parts, feed)),
            *(route for offered in ROUTES for route in offered(parts)),
            Route("/health", _health),
            Mount("/static", _Static(directory=STATIC), name="static"),
        ],
        middleware=[
            *guards,
            Middleware(_Headers),
            Middleware(GZipMiddleware, compresslevel=QUICK),  # it leaves event streams alone
            Middleware(Gate, access=parts.access),
        ],
        exception_handlers={HTTPException: _refused, Exception: _fell},
        lifespan=_lifespan,
    )
    app.state.parts, app.state.feed = parts, feed
    return app


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    """The feed listens as long as the server runs; when it ends, so do the streams."""
    feed: Feed = app.state.feed
    feed.open()
    try:
        yield
    finally:
        feed.close()


async def _health(request: Request) -> Response:
    """For a supervisor, without signing in: whether the broker is reached, and nothing else."""
    is_connected = request.app.state.parts.live.picture.is_connected
    return PlainTextResponse("ok\n" if is_connected else "broker away\n", 200 if is_connected else 503)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _error_page(request, error.status_code, error.headers)


async def _fell(request: Request, error: Exception) -> Response:
    # This one is outside of what puts the headers on.
    return _error_page(
        request, 500, {name.decode(): value.decode() for name, value in HEADERS.items()}
    )  # Starlette raises it again after that, so it stands in the log


def _error_page(request: Request, status: int, headers: Any = None) -> Response:
    words, advice = ERRORS.get(status, OTHER)
    answer = page(request, "error.html", status, code=status, words=words, advice=advice)
    answer.headers.update(headers or {})
    return answer


class _Static(StaticFiles):
    """Files whose address holds their digest may be kept for ever."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        answer = await super().get_response(path, scope)
        if b"v=" in scope["query_string"]:
            answer.headers["cache-control"] = "public, max-age=31536000, immutable"
        return answer


class _Headers:
    """Puts ``HEADERS`` on every answer. Pages hold what only this user may see: nobody else keeps a copy.

    Not among them: that browsers come by TLS only. It would hold for the host's other ports too, which are not ours;
    where there is a proxy, that is for it to say.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = {name.lower() for name, _ in message["headers"]}
                more = [pair for pair in HEADERS.items() if pair[0] not in given]
                if b"cache-control" not in given:
                    more.append((b"cache-control", b"no-store"))
                message["headers"] = [*message["headers"], *more]
            await send(message)

        await self._app(scope, receive, with_headers if scope["type"] == "http" else send)
