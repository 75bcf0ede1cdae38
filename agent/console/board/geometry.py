"""A room's geometry: where the camera sees people, the zones that a technician draws, and the push they become."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from agent.console.board.access import needs
from agent.console.board.aimed import Aimed, NoAnswerError, answer_of
from agent.console.board.parts import Parts
from agent.console.board.render import page
from agent.console.board.room_view import room
from agent.console.board.tile import Words
from agent.console.board.zones_form import ZonesError, read, written
from agent.console.board.zones_push import Offer, Pushes, offer
from agent.console.config_words import HOW, OUTCOME, PHASE, reason_pair
from agent.console.sites import SiteView
from agent.core.config import Zones
from agent.core.contract import compact

ASK_WITHIN_S = 20
LOOK_S = 1.0  # for what runs there; a page does not wait for longer, and says that it is not known yet
KEPT = 100  # rooms whose last answer is remembered
AWAY = ("mất kết nối với máy chủ", "the board has lost the broker: try again when it is back")
CHANGED = (
    "cấu hình ở đó vừa thay đổi: hãy xem lại trước khi gửi",
    "the config there has changed meanwhile: look again before you push",
)
BUSY = (
    "đang gửi một thay đổi khác đến điểm cầu này, hãy chờ xong",
    "another change is being pushed to this site: wait until it has come to its end",
)


@dataclass(frozen=True, slots=True)
class Lines:
    """The two lists of zones as they stand in the form."""

    include: str = ""
    exclude: str = ""


def routes(parts: Parts) -> Sequence[Route]:
    """The pages. What rooms have answered, and the pushes, are this board's; another board asks the room anew."""
    pages = _Pages(parts)
    return (
        Route("/site/{site}/geometry", pages.show, methods=["GET"]),
        Route("/site/{site}/geometry", needs("operator")(pages.ask), methods=["POST"]),
        Route("/site/{site}/zones", needs("technician")(pages.zones), methods=["POST"]),
        Route("/site/{site}/zones/{push}", pages.standing, methods=["GET"]),
    )


class _Pages:
    """Thread: the event loop's."""

    def __init__(self, parts: Parts) -> None:
        self._live, self._pushes = parts.live, Pushes(parts.live)
        self._aimed: dict[str, Aimed] = {}

    async def show(self, request: Request) -> Response:
        return await self._drawn(request, self._view(request))

    async def ask(self, request: Request) -> Response:
        view = self._view(request)
        by = f"board:{request.state.user.name}"
        outcome = await asyncio.wrap_future(self._live.ask(view.site, "aim", {}, by, ASK_WITHIN_S))
        try:
            answer = answer_of(outcome)
        except NoAnswerError as error:
            return await self._drawn(request, view, problems=(error.words,))
        self._aimed.pop(view.site, None)
        self._aimed[view.site] = answer
        while len(self._aimed) > KEPT:
            del self._aimed[next(iter(self._aimed))]
        return RedirectResponse(request.url.path, 303)

    async def zones(self, request: Request) -> Response:
        view, form = self._view(request), await request.form()
        lines, step = Lines(_field(form, "include"), _field(form, "exclude")), _field(form, "step")
        if self._is_deaf():
            return await self._drawn(request, view, lines, (AWAY,), status=503)
        known = await run_in_threadpool(self._pushes.look, view.site)
        runs = Zones() if known.runs is None else known.runs.headcount
        try:
            zones = await run_in_threadpool(read, lines.include, lines.exclude, runs)
        except ZonesError as error:
            return await self._drawn(request, view, lines, error.problems, status=422)
        if step == "edit":
            return await self._drawn(request, view, lines)
        if step == "push":
            return await self._pushed(request, view, zones, _field(form, "seen"))
        return await self._previewed(request, view, zones, offer(known, zones))

    async def _pushed(self, request: Request, view: SiteView, zones: Zones, seen: str) -> Response:
        by = request.state.user.name
        id_, found = await run_in_threadpool(self._pushes.begin, view.site, zones, seen, by)
        if id_ is not None:
            return RedirectResponse(f"/site/{view.site}/zones/{id_}", 303)
        problems = (CHANGED,) if found.seen != seen else (BUSY,) if found.can_be_pushed else ()
        return await self._previewed(request, view, zones, found, problems, status=409)

    async def standing(self, request: Request) -> Response:
        view = self._view(request)
        standing = self._pushes.standing(view.site, request.path_params["push"])
        if standing is None:
            raise HTTPException(404)
        push = standing.push
        state = OUTCOME[push.outcome] if push.outcome else PHASE[push.phase]
        return page(
            request, "geometry_push.html", view=view, standing=standing, push=push, state=state,
            reason=reason_pair(push.reason),
        )  # fmt: skip

    async def _drawn(
        self, request: Request, view: SiteView, lines: Lines | None = None, problems: Sequence[Words] = (),
        status: int = 200,
    ) -> Response:  # fmt: skip
        """The page to look at and, for a technician, to draw on: what is there already, or what was sent."""
        may_draw, aimed = request.state.user.may("technician"), self._aimed.get(view.site)
        runs = await self._runs(view.site) if may_draw else None
        if runs is None and aimed is not None:
            runs = aimed.runs
        if lines is None and runs is not None:
            lines = Lines(written(runs.include), written(runs.exclude))
        shown = _readable(lines, runs or Zones())
        return page(
            request, "geometry.html", status, view=view, aimed=aimed, lines=lines, problems=problems,
            may_draw=may_draw, room=room(aimed.aim if aimed else None, shown),
            under_way=self._pushes.under_way(view.site),
        )  # fmt: skip

    async def _previewed(
        self, request: Request, view: SiteView, zones: Zones, found: Offer, problems: Sequence[Words] = (),
        status: int = 200,
    ) -> Response:  # fmt: skip
        aimed = self._aimed.get(view.site)
        return page(
            request, "geometry_preview.html", status, view=view, aimed=aimed, found=found, problems=problems,
            room=room(aimed.aim if aimed else None, zones), changes=_changes(found),
            lines=Lines(written(zones.include), written(zones.exclude)),
            outcome=OUTCOME.get(found.plan.outcome or "", ("", "")), reason=reason_pair(found.plan.reason),
        )  # fmt: skip

    async def _runs(self, site: str) -> Zones | None:
        if self._is_deaf():
            return None
        known = await run_in_threadpool(self._pushes.look, site, LOOK_S)
        return None if known.runs is None else known.runs.headcount

    def _is_deaf(self) -> bool:
        """Whether the broker is away; before the first picture nobody knows."""
        picture = self._live.picture
        return picture.number > 0 and not picture.is_connected

    def _view(self, request: Request) -> SiteView:
        view = self._live.view(request.path_params["site"])
        if view is None:
            raise HTTPException(404)
        return view


def _field(form: FormData, name: str) -> str:
    value = form.get(name)
    return value if isinstance(value, str) else ""


def _readable(lines: Lines | None, runs: Zones) -> Zones:
    """What of a form can be drawn: all of it, or where there is a mistake in it what runs there."""
    try:
        return runs if lines is None else read(lines.include, lines.exclude, runs)
    except ZonesError:
        return runs


def _changes(found: Offer) -> Sequence[tuple[str, Words, str, str]]:
    """Path, how, before and after, as they are written in the form."""
    return [(each.path, HOW[each.how], _value(each.before), _value(each.after)) for each in found.plan.changes or ()]


def _value(value: Any) -> str:
    is_zones = isinstance(value, list) and all(isinstance(each, list) for each in value)
    return written(tuple(tuple((x, y) for x, y in each) for each in value)) if is_zones else compact(value)
