"""Signing in and out."""

import logging
from collections.abc import Sequence

import anyio
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from agent.console.board.access import Access
from agent.console.board.parts import Parts
from agent.console.board.render import page
from agent.console.board.users import NAME_MAX, PASSWORD_MAX, User

COOKIE_LASTS_S = (
    400 * 86_400
)  # the longest that browsers keep one; how long it is worth anything is the session's matter
HASHES_AT_ONCE = 2  # each takes a core for some 30 ms, and 19 MiB

log = logging.getLogger("diemcau.board")


def routes(parts: Parts) -> Sequence[BaseRoute]:
    """The form, and what it and the button for leaving are sent to."""
    door = Door(parts.access)
    return [
        Route("/login", door.form, methods=["GET"]),
        Route("/login", door.sign_in, methods=["POST"]),
        Route("/logout", door.sign_out, methods=["POST"]),
    ]


class Door:
    """Thread: the event loop's; passwords are looked at on others."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._hashing: anyio.CapacityLimiter | None = None  # belongs to the loop, which is not there yet

    async def form(self, request: Request) -> Response:
        """GET."""
        next_ = local_path(request.query_params.get("next", "/"))
        if hasattr(request.state, "user"):
            return RedirectResponse(next_, 303)
        return page(request, "login.html", next=next_, name="", said=None, name_max=NAME_MAX, secret_max=PASSWORD_MAX)

    async def sign_in(self, request: Request) -> Response:
        """POST. The form is of a page of ours, or it is not looked at: nobody is signed in as somebody else."""
        form = await request.form()
        name, secret, next_ = (str(form.get(each, ""))[:PASSWORD_MAX] for each in ("name", "password", "next"))
        next_ = local_path(next_)
        address = request.client.host if request.client else ""
        wait_s = await run_in_threadpool(self._access.attempts.begin, name, address)
        user = None if wait_s else await self._checked(name, secret)
        if user is None:
            log.info("board: somebody at %s could not sign in%s", address, ", and has to wait" if wait_s else "")
            said = _have_to_wait(wait_s) if wait_s else ("tên hoặc mật khẩu chưa đúng", "wrong name or password")
            status = 429 if wait_s else 403
            values = {"next": next_, "name": name[:NAME_MAX], "name_max": NAME_MAX, "secret_max": PASSWORD_MAX}
            return page(request, "login.html", status, said=said, **values)
        await run_in_threadpool(self._access.attempts.succeeded, name, address)
        return await self._let_in(request, user, next_)

    async def _let_in(self, request: Request, user: User, next_: str) -> Response:
        before = request.cookies.get(self._access.cookie)
        if before:
            await run_in_threadpool(self._access.sessions.end, before)
        token = await run_in_threadpool(self._access.sessions.begin, user)
        log.info("board: %s signed in as %s", user.name, user.role)
        answer = RedirectResponse(next_, 303)
        # Lax: who comes by a link in a mail is signed in all the same; forms from elsewhere are refused by `Gate`.
        answer.set_cookie(
            self._access.cookie,
            token,
            max_age=COOKIE_LASTS_S,
            httponly=True,
            samesite="lax",
            secure=self._access.is_secure,
        )
        return answer

    async def sign_out(self, request: Request) -> Response:
        """POST."""
        token = request.cookies.get(self._access.cookie)
        if token:
            await run_in_threadpool(self._access.sessions.end, token)
        log.info("board: %s signed out", request.state.user.name)
        answer = RedirectResponse("/login", 303)
        answer.delete_cookie(self._access.cookie, httponly=True, samesite="lax", secure=self._access.is_secure)
        return answer

    async def _checked(self, name: str, secret: str) -> User | None:
        self._hashing = self._hashing or anyio.CapacityLimiter(HASHES_AT_ONCE)
        return await anyio.to_thread.run_sync(self._access.users.check, name, secret, limiter=self._hashing)


def local_path(path: str) -> str:
    """Where to go after signing in: a page of ours, or the first one. A browser reads ``\\`` as ``/``."""
    if not path.isprintable() or not path.startswith("/") or path[1:2] in ("/", "\\"):
        return "/"
    return "/" if path.partition("?")[0] in ("/login", "/logout") else path


def _have_to_wait(wait_s: float) -> tuple[str, str]:
    return (
        f"nhập sai nhiều lần, hãy chờ {wait_s:.0f} giây",
        f"too many wrong passwords: wait {wait_s:.0f} seconds, then try again",
    )
