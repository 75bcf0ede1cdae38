"""What operators do from a site's page: power, identify, recount, and that somebody looks after an incident."""

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from agent.console.board.access import needs
from agent.console.board.acks import AckLog
from agent.console.board.deeds import Deed, DeedLog
from agent.console.board.last_told import loads
from agent.console.board.live import Outcome
from agent.console.board.parts import Parts
from agent.console.board.render import page
from agent.console.board.tile import Issue, Tile, Words
from agent.console.trouble import gone
from agent.core.contract import IDENTIFY_MAX_S, PEOPLE_MAX, IdentifyArgs, LoadArgs, Payload, PowerArgs, RecountArgs
from agent.core.errors import LinkError

ANSWER_WITHIN_S = 5.0  # then the page says that it is under way
IDENTIFY_S = 30.0

_under_way: set[asyncio.Task[None]] = set()  # a loop keeps no task alive by itself


@dataclass(frozen=True, slots=True)
class Panel:
    """What ``actions.html`` shows on a site's page: ``issues`` that nobody looks after, each with its ``since`` as a
    form brings it back, and in ``said`` what this browser has just done.
    """

    tile: Tile
    issues: Sequence[tuple[Issue, str]]
    loads: dict[str, Words]
    is_locked: bool
    deeds: Sequence[Deed]
    said: Deed | None
    people_max: int = PEOPLE_MAX


async def panel(request: Request, parts: Parts, site: str) -> Panel | None:
    """For a site's page; None: this user may not act, or there is no such site."""
    tile = parts.live.picture.tiles.get(site)
    if tile is None or not request.state.user.may("operator"):
        return None
    view = parts.live.view(site)
    now = datetime.now(UTC)
    is_locked = view is not None and view.power is not None and view.power.locked and gone(view, now) is None
    log, number = DeedLog(parts.engine), request.query_params.get("deed", "")
    try:
        deeds = await run_in_threadpool(log.last, site)
    except SQLAlchemyError:
        deeds = []  # what the sites say is shown all the same
    said = next((deed for deed in deeds if str(deed.id) == number), None)
    issues = [(each, since_of(each)) for each in tile.issues if each.acknowledged is None]
    return Panel(tile, issues, loads(view, now), is_locked, deeds, said)


def routes(parts: Parts) -> Sequence[BaseRoute]:
    """All are POSTs, and lead back to the site's page."""
    acts = Acts(parts)
    return [
        Route("/site/{site}/power", needs("operator")(acts.power), methods=["POST"]),
        Route("/site/{site}/identify", needs("operator")(acts.identify), methods=["POST"]),
        Route("/site/{site}/recount", needs("operator")(acts.recount), methods=["POST"]),
        Route("/site/{site}/acknowledge", needs("operator")(acts.acknowledge), methods=["POST"]),
    ]


class Acts:
    """Thread: the event loop's."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._deeds, self._acks = DeedLog(parts.engine), AckLog(parts.engine)

    async def power(self, request: Request) -> Response:
        """``on``: 1 or 0; ``load``: this one alone. Off is asked for once more, by the room's name."""
        tile, form = self._tile(request), await request.form()
        if form.get("on") not in ("0", "1"):
            raise HTTPException(400)
        on, load = form.get("on") == "1", form.get("load")
        if not on and form.get("sure") != "1":
            return page(request, "message.html", tile=tile, load=load)
        if load is None:
            return await self._ask(request, tile, "power", PowerArgs, {"on": on})
        return await self._ask(request, tile, "load", LoadArgs, {"name": load, "on": on})

    async def identify(self, request: Request) -> Response:
        """``for_s``: seconds."""
        tile, form = self._tile(request), await request.form()
        for_s = _number(form.get("for_s", str(IDENTIFY_S)))
        return await self._ask(request, tile, "identify", IdentifyArgs, {"for_s": min(for_s, IDENTIFY_MAX_S)})

    async def recount(self, request: Request) -> Response:
        """``people``: how many somebody counted by eye."""
        tile, form = self._tile(request), await request.form()
        people = _number(form.get("people"))
        if people != int(people):
            raise HTTPException(400)
        return await self._ask(request, tile, "recount", RecountArgs, {"people": int(people)})

    async def acknowledge(self, request: Request) -> Response:
        """``key`` and ``since`` of an issue, as the page had them; one that is over by now is left alone."""
        tile, form = self._tile(request), await request.form()
        key, since = str(form.get("key", "")), str(form.get("since", ""))
        issue = next((each for each in tile.issues if each.key == key and since_of(each) == since), None)
        if issue is None:
            return RedirectResponse(f"/site/{tile.site}", 303)
        by, since_s = request.state.user.name, float(since) if since else None
        number = await run_in_threadpool(self._deeds.begin, by, tile.site, "acknowledge", {"key": key})
        await run_in_threadpool(self._acks.keep, tile.site, key, since_s, by)
        await run_in_threadpool(self._deeds.finish, number, "done")
        await run_in_threadpool(lambda: self._parts.live.acknowledged(self._acks.all()))
        return RedirectResponse(f"/site/{tile.site}?deed={number}", 303)

    def _tile(self, request: Request) -> Tile:
        tile = self._parts.live.picture.tiles.get(request.path_params["site"])
        if tile is None:
            raise HTTPException(404)
        return tile

    async def _ask(
        self, request: Request, tile: Tile, action: str, model: type[Payload], args: dict[str, Any]
    ) -> Response:
        try:
            model.model_validate(args)
        except ValidationError as error:
            raise HTTPException(400) from error
        by = request.state.user.name
        number = await run_in_threadpool(self._deeds.begin, by, tile.site, action, args)
        await for_a_while(self._carried_out(number, tile.site, action, args, by))
        return RedirectResponse(f"/site/{tile.site}?deed={number}", 303)

    async def _carried_out(self, number: int, site: str, action: str, args: dict[str, Any], by: str) -> None:
        try:
            # Who wants to know of its steps is told of its end too, however long that takes.
            asked = self._parts.live.ask(site, action, args, claim(by), on_step=lambda power: None)
            outcome = await asyncio.wrap_future(asked)
        except (LinkError, OSError):  # TimeoutError is one
            outcome = Outcome(None, "broker_lost")
        if outcome.result is None:
            await run_in_threadpool(self._deeds.finish, number, "silent", outcome.silence)
        else:
            await run_in_threadpool(self._deeds.finish, number, outcome.result.state, outcome.result.reason)


async def for_a_while(work: Coroutine[Any, Any, None]) -> None:
    """Wait for something for a few seconds; it goes on after that, whether the browser is still there or not."""
    task = asyncio.create_task(work)
    _under_way.add(task)
    task.add_done_callback(_under_way.discard)
    await asyncio.wait({task}, timeout=ANSWER_WITHIN_S)
    if task.done():
        task.result()  # raises what it raised


def claim(name: str) -> str:
    """Who a command is from, as the sites are told."""
    return f"board:{name}"


def since_of(issue: Issue) -> str:
    """When an issue began, as a form brings it back."""
    return "" if issue.since is None else repr(issue.since.timestamp())


def _number(text: Any) -> float:
    try:
        number = float(str(text).strip().replace(",", "."))
    except ValueError as error:
        raise HTTPException(400) from error
    if not abs(number) < 1e9:  # also what is no number
        raise HTTPException(400)
    return number
