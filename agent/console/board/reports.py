"""``/report/{conference}``: the report within the board, and as files. It reads the database alone.

A report of the whole country takes seconds: it is made in a thread, kept for a while, and who asks for the same one
meanwhile waits for it.
"""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast
from urllib.parse import quote

import anyio
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from agent.console.board.access import NO_DATABASE, Endpoint, needs
from agent.console.board.parts import Parts
from agent.console.board.render import page
from agent.console.report import html
from agent.console.report.command import rendered
from agent.console.report.document import Document, report
from agent.console.report.reading import Reading

KEEP_S = 5.0
KEPT_MAX, MADE_MAX = 4, 8
AT_ONCE = 2  # one is made, one waits; the others wait without a thread
TYPES = {
    "html": "text/html; charset=utf-8",
    "csv": "text/csv; charset=utf-8",
    "json": "application/json",
    "png": "image/png",
}
INLINE = {"json", "png"}  # what browsers show as well as save

Wanted = tuple[str, str]  # of which conference, and as what
T = TypeVar("T")
K = TypeVar("K")
V = TypeVar("V")


class Reports:
    """The newest reports, by conference, and what was made of them. Thread: any; one is made at a time."""

    def __init__(self, engine: Engine, clock: Callable[[], float] = time.monotonic) -> None:
        self._reading, self._clock = Reading(engine), clock
        self._kept: dict[str, tuple[float, Document]] = {}
        self._made: dict[Wanted, tuple[Document, Any]] = {}
        self._lock = threading.RLock()

    def of(self, conference: str) -> Document | None:
        """At most a few seconds old; None: no such conference. Raises sqlalchemy.exc.SQLAlchemyError."""
        with self._lock:
            kept = self._kept.get(conference)
            if kept is not None and self._clock() < kept[0]:
                return kept[1]
            began_s = self._clock()
            made = report(self._reading, conference, time.time())
            if made is not None:
                ended_s = self._clock()
                _keep(self._kept, KEPT_MAX, conference, (ended_s + max(KEEP_S, ended_s - began_s), made))
            return made

    def made(self, conference: str, what: str, make: Callable[[Document], T]) -> T | None:
        """What ``make`` makes of it: once for all who want to have it as ``what``. Raises as ``of``."""
        with self._lock:
            document = self.of(conference)
            if document is None:
                return None
            known = self._made.get((conference, what))
            if known is not None and known[0] is document:
                return cast(T, known[1])
            made = make(document)
            _keep(self._made, MADE_MAX, (conference, what), (document, made))
            return made


def _keep(kept: dict[K, V], most: int, key: K, value: V) -> None:
    kept.pop(key, None)  # the newest is the last
    kept[key] = value
    while len(kept) > most:
        del kept[next(iter(kept))]


class _Workshop:
    """Threads of their own: who waits for a report keeps nobody else from a thread. Thread: the event loop's."""

    def __init__(self) -> None:
        self._limiter: anyio.CapacityLimiter | None = None  # belongs to the loop, which is not there yet

    async def answered(self, made: Callable[[], Response]) -> Response:
        self._limiter = self._limiter or anyio.CapacityLimiter(AT_ONCE)
        try:
            return await anyio.to_thread.run_sync(made, limiter=self._limiter)
        except SQLAlchemyError:
            return PlainTextResponse(NO_DATABASE + "\n", 503)


def routes(parts: Parts) -> Sequence[BaseRoute]:
    """The page, its style, and the files. An id may hold a slash."""
    reports, workshop = Reports(parts.engine), _Workshop()
    return [
        Route("/report.css", _style),
        *(Route(f"/report/{{conference:path}}.{kind}", _file(reports, workshop, kind)) for kind in TYPES),
        Route("/report/{conference:path}", _page(reports, workshop)),
    ]


def _page(reports: Reports, workshop: _Workshop) -> Endpoint:
    @needs("viewer")
    async def shown(request: Request) -> Response:
        def made() -> Response:
            body, facts = _of(reports, request, "page", lambda made: (html.part(made), made["conference"]))
            return page(request, "report.html", body=body, made=facts, address=quote(facts["id"], safe=""))

        return await workshop.answered(made)

    return shown


def _file(reports: Reports, workshop: _Workshop, kind: str) -> Endpoint:
    """``?part=incidents``: the other sheet; ``?separator=,``: of csv."""

    @needs("viewer")
    async def sent(request: Request) -> Response:
        def made() -> Response:
            separator = "," if request.query_params.get("separator") == "," else ";"
            files = _of(reports, request, kind + separator, lambda document: rendered(document, (kind,), separator))
            name, raw = files[-1 if request.query_params.get("part") == "incidents" else 0]
            how = "inline" if kind in INLINE else "attachment"
            headers = {"content-disposition": f"{how}; filename*=UTF-8''{quote(name)}"}
            return Response(raw, media_type=TYPES[kind], headers=headers)

        return await workshop.answered(made)

    return sent


def _of(reports: Reports, request: Request, what: str, make: Callable[[Document], T]) -> T:
    made = reports.made(request.path_params["conference"], what, make)
    if made is None:
        raise HTTPException(404)
    return made


async def _style(_request: Request) -> Response:
    return FileResponse(html.STYLE, media_type="text/css")
