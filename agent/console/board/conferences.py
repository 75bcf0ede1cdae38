"""Conferences: the list, and the page of one with its ranking and roll-calls, and what operators do from there.

What is published goes over the board's one connection, by the same plan as the command line's. The recorder writes it
down; what the sites hold is what is shown.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any

from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from agent.console import conference_plan as plans
from agent.console.board.access import needs
from agent.console.board.conference_form import FormDesk
from agent.console.board.conference_known import Known
from agent.console.board.conference_live import Followed
from agent.console.board.conference_tell import Teller
from agent.console.board.deeds import Deed, DeedLog
from agent.console.board.feed import Feed
from agent.console.board.gathered import Gathered, entries, ranking
from agent.console.board.parts import Parts
from agent.console.board.render import PAGES, page
from agent.console.board.roll_calls import RollCall, RollCalls
from agent.console.board.shown import SHAPE, STATE, Shown
from agent.core.contract import Conference

LISTED_MAX = 500  # sites on a page that follows by itself; all of them are in the report
SUMMONS_EVERY_S = 5.0  # what is new of one that goes on, the sites hold; the database is asked at most so often
FOLLOWED_MAX = 64  # conferences that somebody looks at
PANELS = ("head", "ranking", "calls")
WORDS = {
    "live": ("đang họp", "live"),
    "next": ("sắp họp", "coming"),
    "over": ("đã họp", "held"),
    "off": ("đã huỷ", "called off"),
}
SURE = {
    "end": ("Kết thúc hội nghị ngay?", "End the conference now?"),
    "clear": ("Huỷ hội nghị, lấy lại thông báo ở mọi điểm cầu?", "Call it off, and take it back at every site?"),
}


def routes(parts: Parts, feed: Feed) -> Sequence[BaseRoute]:
    """All pages of conferences. An id from elsewhere may have any letter in it, also a slash."""
    known = Known(parts)
    teller = Teller(parts, known)
    desk, form = ConferenceDesk(parts, feed, known, teller), FormDesk(parts, known, teller)
    operator = needs("operator")
    deeds = {"roll-call": desk.call, "end": desk.end, "clear": desk.clear, "again": desk.again}
    return [
        Route("/conference", desk.all),
        Route("/conference/new", operator(form.form), methods=["GET"]),
        Route("/conference/new", operator(form.summon), methods=["POST"]),
        *(Route(f"/conference/{{id:path}}/{what}", operator(do), methods=["POST"]) for what, do in deeds.items()),
        Route("/conference/{id:path}", desk.one),
        Route("/live/conference/{id:path}", desk.live),
    ]


class ConferenceDesk:
    """Thread: the event loop's."""

    def __init__(self, parts: Parts, feed: Feed, known: Known, teller: Teller) -> None:
        self._parts, self._feed = parts, feed
        self._known, self._teller = known, teller
        self._deeds, self._calls = DeedLog(parts.engine), RollCalls(parts.engine)
        self._followed: OrderedDict[tuple[str, bool], Followed] = OrderedDict()

    async def all(self, request: Request) -> Response:
        """GET: the list."""
        known = await self._known.all()
        found = entries(self._known.held(), known or (), self._known.now())
        return page(request, "conferences.html", entries=found, words=WORDS, is_complete=known is not None)

    async def one(self, request: Request) -> Response:
        """GET: ranking and roll-calls."""
        found, at = await self._found(request), f"{self._feed.start}:{self._feed.shown.number}"
        panels: dict[str, Any] = await self._follow(request, found.id).parts()
        return page(
            request,
            "conference.html",
            **panels,
            found=found,
            deeds=await self._last_deeds(request, found.id),
            at=at,
            is_connected=self._feed.shown.picture.is_connected,
        )

    async def live(self, request: Request) -> Response:
        """GET: what is new on that page."""
        return await self._feed.stream(request, self._follow(request, request.path_params["id"]))

    def _follow(self, request: Request, id_: str) -> Followed:
        """One for all who look at a conference and may do the same."""
        key = id_, request.state.user.may("operator")
        if key not in self._followed:

            async def make(shown: Shown) -> Mapping[str, str]:
                found = await self._known.of(id_, SUMMONS_EVERY_S)
                return {} if found is None else await self._panels(shown, found, key[1])

            self._followed[key] = Followed(self._feed, make)
        self._followed.move_to_end(key)
        if len(self._followed) > FOLLOWED_MAX:
            self._followed.popitem(last=False)
        return self._followed[key]

    async def _panels(self, shown: Shown, found: Gathered, may_act: bool) -> dict[str, str]:
        now = self._known.now()
        values: dict[str, Any] = {
            "found": found,
            "now": now,
            "state": found.state(now),
            "words": WORDS,
            "may_act": may_act,
            "lacking": found.lacking if shown.picture.is_connected else {},
            "tiles": ranking(found.summoned, shown.picture.tiles),
            "names": {site: tile.name for site, tile in shown.picture.tiles.items()},
            "calls": await self._called(found),
            "states": STATE,
            "shapes": SHAPE,
            "most": LISTED_MAX,
        }
        return {name: PAGES.get_template(f"conference_{name}.html").render(values) for name in PANELS}

    async def _called(self, found: Gathered) -> list[RollCall] | None:
        """None: the database is away."""
        moments_s = [each.timestamp() for each in found.roll_calls]
        asked = (found.id, moments_s, found.summoned, found.ends, self._parts.access.now())
        with suppress(SQLAlchemyError):
            return await run_in_threadpool(self._calls.of, *asked)
        return None

    async def _last_deeds(self, request: Request, id_: str) -> list[Deed]:
        if request.state.user.may("operator"):
            with suppress(SQLAlchemyError):
                return await run_in_threadpool(self._deeds.of_conference, id_)
        return []

    async def call(self, request: Request) -> Response:
        """POST: a roll-call now."""
        found, now = await self._found(request), self._known.now()
        if found.state(now) != "live":
            raise HTTPException(400)
        moments = plans.with_call(found.roll_calls, now)
        messages = plans.changed(found.held, found.id, roll_calls=moments)
        return await self._teller.tell(request, found.id, "roll-call", messages)

    async def end(self, request: Request) -> Response:
        """POST: it ends now, for all sites; what was until now counts."""
        found, now = await self._found(request), self._known.now()
        if found.state(now) != "live":
            raise HTTPException(400)
        ends_at = max(now.replace(microsecond=0), found.starts_at + timedelta(seconds=1))
        return await self._surely(request, found, "end", plans.changed(found.held, found.id, ends_at=ends_at))

    async def clear(self, request: Request) -> Response:
        """POST: what the sites hold is taken back."""
        found = await self._found(request)
        return await self._surely(request, found, "clear", dict.fromkeys(found.held))

    async def again(self, request: Request) -> Response:
        """POST: sites that hold nothing are told what the database remembers, unless it is over."""
        found = await self._found(request)
        if found.state(self._known.now()) not in ("live", "next"):
            raise HTTPException(400)
        return await self._teller.tell(request, found.id, "again", found.lacking)

    async def _surely(
        self, request: Request, found: Gathered, what: str, messages: Mapping[str, Conference | None]
    ) -> Response:
        if (await request.form()).get("sure") != "1":
            return page(request, "conference_sure.html", found=found, what=what, question=SURE[what])
        return await self._teller.tell(request, found.id, what, messages)

    async def _found(self, request: Request) -> Gathered:
        found = await self._known.of(request.path_params["id"])
        if found is None:
            raise HTTPException(404)
        return found
