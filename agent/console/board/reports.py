"""``/report/{conference}``: the report within the board, and as files. It reads the database alone.

A report of the whole country takes seconds: it is made in a thread, kept for a while, and who asks for the same one
meanwhile waits for it.
"""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool
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
KEPT_MAX = 4
TYPES = {
    "html": "text/html; charset=utf-8",
    "csv": "text/csv; charset=utf-8",
    "json": "application/json",
    "png": "image/png",
}
INLINE = {"json", "png"}  # what browsers show as well as save


class Reports:
    """The newest reports, by conference. Thread: any; one report is made at a time."""

    def __init__(self, engine: Engine, clock: Callable[[], float] = time.monotonic) -> None:
        self._reading, self._clock = Reading(engine), clock
        self._kept: dict[str, tuple[float, Document]] = {}
        self._lock = threading.Lock()

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
                self._kept.pop(conference, None)  # the newest is the last
                self._kept[conference] = (ended_s + max(KEEP_S, ended_s - began_s), made)
            while len(self._kept) > KEPT_MAX:
                del self._kept[next(iter(self._kept))]
            return made


def routes(parts: Parts) -> Sequence[BaseRoute]:
    """The page, its style, and the files. An id may hold a slash."""
    reports = Reports(parts.engine)
    return [
        Route("/report.css", _style),
        *(Route(f"/report/{{conference:path}}.{kind}", _file(reports, kind)) for kind in TYPES),
        Route("/report/{conference:path}", _page(reports)),
    ]


def _page(reports: Reports) -> Endpoint:
    @needs("viewer")
    async def shown(request: Request) -> Response:
        def made() -> Response:
            document = _known(reports, request)
            address = quote(document["conference"]["id"], safe="")
            return page(request, "report.html", body=html.part(document), made=document["conference"], address=address)

        return await _answered(made)

    return shown


def _file(reports: Reports, kind: str) -> Endpoint:
    """``?part=incidents``: the other sheet; ``?separator=,``: of csv."""

    @needs("viewer")
    async def sent(request: Request) -> Response:
        def made() -> Response:
            separator = "," if request.query_params.get("separator") == "," else ";"
            files = rendered(_known(reports, request), (kind,), separator)
            name, raw = files[-1 if request.query_params.get("part") == "incidents" else 0]
            how = "inline" if kind in INLINE else "attachment"
            headers = {"content-disposition": f"{how}; filename*=UTF-8''{quote(name)}"}
            return Response(raw, media_type=TYPES[kind], headers=headers)

        return await _answered(made)

    return sent


async def _answered(made: Callable[[], Response]) -> Response:
    try:
        return await run_in_threadpool(made)
    except SQLAlchemyError:
        return PlainTextResponse(NO_DATABASE + "\n", 503)


def _known(reports: Reports, request: Request) -> dict[str, Any]:
    document = reports.of(request.path_params["conference"])
    if document is None:
        raise HTTPException(404)
    return document


async def _style(_request: Request) -> Response:
    return FileResponse(html.STYLE, media_type="text/css")
