"""Who may see the board and act on it, and what each request has to prove.

Every request goes through ``Gate``: without a session there is only the form for signing in. A POST has to come from
our own page: its ``Origin`` says so, and it brings the session's ``csrf`` back in its form.
"""

import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import wraps
from urllib.parse import quote, urlsplit

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agent.console.board.attempts import Attempts
from agent.console.board.bodies import TOO_MANY, Bodies, Refusal, most_bytes
from agent.console.board.sessions import Session, Sessions
from agent.console.board.streams import Streams
from agent.console.board.users import ROLES, Clock, Role, User, Users

__all__ = ["ROLES", "Access", "Gate", "Role", "User", "needs"]

Endpoint = Callable[[Request], Awaitable[Response]]

COOKIE = "diemcau-board"
FREE = ("/static/", "/health", "/login")
STREAMS = "/live"
READS = ("GET", "HEAD")
NO_DATABASE = "không có cơ sở dữ liệu, thử lại sau một phút / the database is away: try again in a minute"

log = logging.getLogger("diemcau.board")


@dataclass(frozen=True, slots=True)
class Access:
    """Users, sessions, and the streams that end with them.

    Args:
        engine: The centre's database.
        everybody: Who everybody is without signing in (the demo); None: one has to.
        is_secure: Browsers reach us by TLS only, here or at a proxy.
        names: What browsers call us where a proxy calls us something else.
        now: Seconds since 1970.
    """

    engine: Engine
    everybody: User | None = None
    is_secure: bool = False
    names: Sequence[str] = ()
    now: Clock = time.time
    csrf: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    streams: Streams = field(default_factory=Streams)
    bodies: Bodies = field(default_factory=Bodies)

    @property
    def cookie(self) -> str:
        """What the session's cookie is called; under TLS browsers take no other server's for it."""
        return f"__Host-{COOKIE}" if self.is_secure else COOKIE

    @property
    def users(self) -> Users:
        """All users."""
        return Users(self.engine, self.now)

    @property
    def sessions(self) -> Sessions:
        """All who are signed in."""
        return Sessions(self.engine, self.now)

    @property
    def attempts(self) -> Attempts:
        """Who guesses."""
        return Attempts(self.engine, self.now)

    async def session(self, request: Request, is_used: bool = True) -> Session | None:
        """Who asks; None: nobody who is signed in. Raises sqlalchemy.exc.SQLAlchemyError."""
        if self.everybody is not None:
            return Session(self.everybody, self.csrf)
        token = request.cookies.get(self.cookie)
        return await run_in_threadpool(self.sessions.find, token, is_used) if token else None

    def is_ours(self, request: Request) -> bool:
        """Whether a form was sent from a page of ours; a program that is no browser says nothing of it."""
        site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
        if site is not None and site not in ("same-origin", "none"):
            return False
        if origin is None:
            return True
        try:
            from_ = urlsplit(origin)
        except ValueError:
            return False
        return from_.netloc == request.headers.get("host") or from_.hostname in self.names


class Gate:
    """What every request goes through. Sets ``request.state.user`` and ``.csrf``."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app, self._access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        has_begun = False

        async def noted(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self._let_through(scope, receive, noted)
        except SQLAlchemyError as error:
            if has_begun:
                raise
            log.warning("board: the database cannot be used: %s", str(error).partition("\n")[0])
            await _no(503, NO_DATABASE)(scope, receive, send)

    async def _let_through(self, scope: Scope, receive: Receive, send: Send) -> None:
        # The path is the one that is routed by: ``request.url`` holds what somebody calls us in ``Host``, too.
        request = Request(scope, receive)
        answer = await self._judged(request)
        if answer is not None:
            await answer(scope, receive, send)
        elif request.method not in READS:
            await self._take(request, send)
        elif scope["path"].startswith(STREAMS):
            await self._access.streams.run(self._app, scope, receive, send, lambda: self._is_still_in(request))
        else:
            await self._app(scope, receive, send)

    async def _judged(self, request: Request) -> Response | None:
        """What to answer to who asks, before anything of a body is read; None: they may."""
        if request.method not in READS and not self._access.is_ours(request):
            return _no(403, "biểu mẫu từ trang khác / a form from another page: open the board and try again")
        session = await self._access.session(request)
        if session is None and not _is_free(request.scope["path"]):
            return _to_sign_in(request)
        if session is not None:
            request.state.user, request.state.csrf = session.user, session.csrf
        return None

    async def _take(self, request: Request, send: Send) -> None:
        """What was posted."""
        scope, bodies = request.scope, self._access.bodies
        most = most_bytes(scope["path"], getattr(request.state, "user", None))
        with bodies.place(most) as has_place:
            try:
                refusal = await bodies.read(request, most) if has_place else TOO_MANY
            except ClientDisconnect:
                return
            answer = await self._refused(request, refusal)
            app = self._app if answer is None else answer
            await app(scope, _replayed(request, request.receive), send)

    async def _refused(self, request: Request, refusal: Refusal | None) -> Response | None:
        if refusal is not None:
            return _no(*refusal)
        csrf = getattr(request.state, "csrf", None)
        if csrf is not None and not _is_free(request.scope["path"]) and not await _has(request, csrf):
            return _no(403, "trang đã cũ, tải lại rồi thử lại / this page is old: load it again, then try once more")
        return None

    async def _is_still_in(self, request: Request) -> bool:
        try:
            return await self._access.session(request, is_used=False) is not None
        except SQLAlchemyError:
            return True  # nobody is thrown out because the database is away


def needs(role: Role) -> Callable[[Endpoint], Endpoint]:
    """Only for users with the rights of this role: all others get 403 and a sentence."""

    def with_role(endpoint: Endpoint) -> Endpoint:
        @wraps(endpoint)
        async def checked(request: Request) -> Response:
            user = getattr(request.state, "user", None)  # nobody, where nobody had to sign in
            if user is None or not user.may(role):
                raise HTTPException(403)
            return await endpoint(request)

        return checked

    return with_role


def _is_free(path: str) -> bool:
    return path.startswith("/static/") or path in FREE


def _to_sign_in(request: Request) -> Response:
    path = request.scope["path"]
    if path.startswith(STREAMS):
        return _no(401, "chưa đăng nhập / not signed in")
    if request.method not in READS:
        return RedirectResponse("/login", 303)
    query = request.scope["query_string"].decode("latin-1")
    here = path + (f"?{query}" if query else "")
    return RedirectResponse(f"/login?next={quote(here, safe='/')}", 303)


async def _has(request: Request, csrf: str) -> bool:
    try:
        form = await request.form()
    except HTTPException:  # no form at all
        form = FormData()
    said = form.get("csrf")
    return isinstance(said, str) and secrets.compare_digest(said.encode("utf-8", "replace"), csrf.encode())


def _replayed(request: Request, receive: Receive) -> Receive:
    """What comes from the browser, once more from the beginning where it has been read."""
    body: bytes | None = getattr(request, "_body", None)
    if body is None:
        return receive
    left = [body]

    async def again() -> Message:
        return {"type": "http.request", "body": left.pop(), "more_body": False} if left else await receive()

    return again


def _no(status: int, sentence: str) -> Response:
    return PlainTextResponse(f"{sentence}\n", status)
