"""Conferences: the list, the form by which operators summon, and the page of one with its ranking and roll-calls.

What is published goes over the board's one connection, by the same plan as the command line's. The recorder writes it
down; what the sites hold is what is shown.
"""

import asyncio
import re
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from agent.console import conference_plan as plans
from agent.console.board.access import needs
from agent.console.board.deeds import DeedLog
from agent.console.board.feed import Feed
from agent.console.board.gathered import Gathered, entries, of_id, ranking
from agent.console.board.parts import Parts
from agent.console.board.render import PAGES, page
from agent.console.board.roll_calls import RollCall, roll_calls
from agent.console.board.shown import SHAPE, STATE, Shown
from agent.console.conference_push import REFUSED, Told
from agent.console.conference_sheet import as_csv, from_fields, read_sheet
from agent.console.recorder_conferences import ConferenceLog, Held, Summons
from agent.core.contract import Conference
from agent.core.errors import ConfigError

FIELDS = ("title", "starts", "ends", "id", "minutes", "lock", "calls")
CALLS_EVERY_S = 2.0  # the database is asked at most so often, however many pages are open
NEWS_EVERY_S = 1.0  # a page gets all of its ranking each time
LISTED_MAX = 500  # sites on a page that follows by itself; all of them are in the report
ROWS_MAX = 500  # of the form's table; a form has at most 1,000 fields
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
OUTCOME = {
    "not_permitted": ("máy chủ không cho phép", "not permitted by the broker"),
    "broker_lost": ("máy chủ không trả lời, thử lại", "the broker does not answer, try again"),
}


def routes(parts: Parts, feed: Feed) -> Sequence[BaseRoute]:
    """All pages of conferences."""
    desk = ConferenceDesk(parts, feed)
    operator = needs("operator")
    return [
        Route("/conference", desk.all),
        Route("/conference/new", operator(desk.form), methods=["GET"]),
        Route("/conference/new", operator(desk.summon), methods=["POST"]),
        Route("/conference/{id}", desk.one),
        Route("/conference/{id}/roll-call", operator(desk.call), methods=["POST"]),
        Route("/conference/{id}/end", operator(desk.end), methods=["POST"]),
        Route("/conference/{id}/clear", operator(desk.clear), methods=["POST"]),
        Route("/live/conference/{id}", desk.live),
    ]


class ConferenceDesk:
    """Thread: the event loop's."""

    def __init__(self, parts: Parts, feed: Feed) -> None:
        self._parts, self._feed = parts, feed
        self._log, self._deeds = ConferenceLog(parts.engine), DeedLog(parts.engine)
        self._called: tuple[Any, float, list[RollCall] | None] | None = None  # of what, when, and who was there

    async def all(self, request: Request) -> Response:
        """GET: the list."""
        known = await self._known()
        found = entries(self._held(), known or (), self._now())
        return page(request, "conferences.html", entries=found, words=WORDS, is_complete=known is not None)

    async def one(self, request: Request) -> Response:
        """GET: ranking and roll-calls."""
        found, shown = await self._found(request), self._feed.shown
        return page(
            request,
            "conference.html",
            **await self._panels(shown, found),
            found=found,
            state=found.state(self._now()),
            words=WORDS,
            at=f"{self._feed.start}:{shown.number}",
            is_connected=shown.picture.is_connected,
        )

    async def live(self, request: Request) -> Response:
        """GET: what is new on that page."""
        id_ = request.path_params["id"]
        known = await self._summons(id_)  # of one that goes on, the sites hold what is new

        async def news(shown: Shown, since: int) -> Mapping[str, Any]:
            await asyncio.sleep(NEWS_EVERY_S)
            found = of_id(self._held(), id_, known)
            return {"panels": {} if found is None else await self._panels(self._feed.shown, found)}

        return await self._feed.stream(request, news)

    async def _panels(self, shown: Shown, found: Gathered) -> dict[str, Any]:
        tiles = ranking(found.summoned, shown.picture.tiles)
        calls = await self._calls(found)
        values = {"found": found, "tiles": tiles, "calls": calls, "states": STATE, "shapes": SHAPE, "now": self._now()}
        values["most"] = LISTED_MAX
        names = {site: tile.name for site, tile in shown.picture.tiles.items()}
        return {
            name: PAGES.get_template(f"conference_{name}.html").render(names=names, **values)
            for name in ("ranking", "calls")
        }

    async def _calls(self, found: Gathered) -> list[RollCall] | None:
        """None: the database is away."""
        key, now_s = (found.id, found.roll_calls), time.monotonic()
        if self._called is not None and self._called[0] == key and now_s - self._called[1] < CALLS_EVERY_S:
            return self._called[2]
        moments_s = [each.timestamp() for each in found.roll_calls]
        calls: list[RollCall] | None = None
        with suppress(SQLAlchemyError):
            told = (self._parts.engine, moments_s, found.summoned, self._parts.access.now())
            calls = await run_in_threadpool(roll_calls, *told)
        self._called = (key, now_s, calls)
        return calls

    async def form(self, request: Request) -> Response:
        """GET: empty, with the numbers of the last conference; ``from``: one that is to be changed."""
        held = self._held()
        id_ = request.query_params.get("from", "")
        found = of_id(held, id_, await self._summons(id_)) if id_ else None
        last = found or await self._last(held)
        values: dict[str, str] = {"lock": "1"}
        if found is not None:
            first = next(iter(found.held.values()), None)
            minutes = None if first is None else first.power_on_minutes
            values = {
                "id": found.id,
                "title": found.title,
                "starts": _written(found.starts_at),
                "ends": _written(found.ends_at),
                "lock": "1" if first is None or first.lock else "",
                "minutes": "" if minutes is None else f"{minutes:g}",
                # Those that have been stay in any case.
                "calls": " ".join(
                    each.astimezone().strftime("%H:%M") for each in found.roll_calls if each > self._now()
                ),
            }
        return self._form(request, values, {} if last is None else last.summoned)

    def _form(
        self,
        request: Request,
        values: Mapping[str, str],
        summoned: Mapping[str, int | None],
        sheet: str = "",
        problems: Sequence[str] = (),
    ) -> Response:
        tiles = self._parts.live.picture.tiles
        sites = sorted({*tiles, *summoned}, key=lambda site: (tiles[site].name if site in tiles else site, site))
        rows = [(site, tiles[site].name if site in tiles else site, summoned.get(site)) for site in sites]
        if len(rows) > ROWS_MAX:
            sheet = sheet or as_csv({site: people or 0 for site, people in summoned.items()})
        return page(
            request,
            "conference_new.html",
            status=400 if problems else 200,
            values=values,
            rows=rows if len(rows) <= ROWS_MAX else (),
            sheet=sheet,
            problems=problems,
        )

    async def summon(self, request: Request) -> Response:
        """POST: what was filled in is shown once more; with ``sure`` it is published."""
        form = await request.form()
        values = {name: str(form.get(name, "")) for name in FIELDS}
        fields = [(name[2:], str(people)) for name, people in form.multi_items() if name.startswith("p.")]
        now, problems = self._now(), list[str]()
        made, summoned = None, dict[str, int]()
        try:
            made = plans.conference_of(_form_of(values), now)
        except ConfigError as error:
            problems += [each.message for each in error.problems]
        try:
            summoned = await _summoned(form, fields)
            if not summoned:
                problems.append("chưa triệu tập điểm cầu nào / no site is summoned")
        except ConfigError as error:
            problems += [f"{each.path}: {each.message}" if each.path else each.message for each in error.problems]
        if made is None or problems:
            written: dict[str, int | None] = {site: _int(people) for site, people in fields}
            return self._form(request, values, summoned or written, str(form.get("sheet", "")), problems)
        plan = plans.planned(made, summoned, self._held(), self._parts.live.picture.tiles, now)
        if form.get("sure") != "1":
            names = {site: tile.name for site, tile in self._parts.live.picture.tiles.items()}
            return page(
                request, "conference_preview.html", plan=plan, values=values, sheet=as_csv(summoned), names=names
            )
        return await self._tell(request, made.id, "summon", plan.messages())

    async def call(self, request: Request) -> Response:
        """POST: a roll-call now."""
        found, now = await self._found(request), self._now()
        if found.state(now) != "live":
            raise HTTPException(400)
        moments = plans.with_call(found.roll_calls, now)
        return await self._tell(request, found.id, "roll-call", plans.changed(found.held, found.id, roll_calls=moments))

    async def end(self, request: Request) -> Response:
        """POST: it ends now, for all sites; what was until now counts."""
        found, now = await self._found(request), self._now()
        if found.state(now) != "live":
            raise HTTPException(400)
        ends_at = max(now.replace(microsecond=0), found.starts_at + timedelta(seconds=1))
        return await self._surely(request, found, "end", plans.changed(found.held, found.id, ends_at=ends_at))

    async def clear(self, request: Request) -> Response:
        """POST: what the sites hold is taken back."""
        found = await self._found(request)
        return await self._surely(request, found, "clear", dict.fromkeys(found.held))

    async def _surely(
        self, request: Request, found: Gathered, what: str, messages: Mapping[str, Conference | None]
    ) -> Response:
        if (await request.form()).get("sure") != "1":
            return page(request, "conference_sure.html", found=found, what=what, question=SURE[what])
        return await self._tell(request, found.id, what, messages)

    async def _tell(self, request: Request, id_: str, what: str, messages: Mapping[str, Conference | None]) -> Response:
        """Publish; back to the page, unless some site's message was not taken."""
        by = request.state.user.name
        number = await run_in_threadpool(self._deeds.begin, by, "", "conference", {"id": id_, "what": what})
        receipts = [
            asyncio.wrap_future(self._parts.live.publish(site, "conference", told, retain=True))
            for site, told in messages.items()
        ]
        codes = await asyncio.gather(*receipts, return_exceptions=True)
        outcome = {site: _outcome(code) for site, code in zip(messages, codes, strict=True)}
        failed = {site: word for site, word in outcome.items() if word != "told"}
        worst = next(iter(failed.values()), None)
        await run_in_threadpool(self._deeds.finish, number, "silent" if worst else "done", worst)
        if failed:
            told = len(outcome) - len(failed)
            return page(request, "conference_told.html", 502, id=id_, failed=failed, told=told, words=OUTCOME)
        return RedirectResponse(f"/conference/{quote(id_, safe='')}", 303)

    async def _found(self, request: Request) -> Gathered:
        id_ = request.path_params["id"]
        found = of_id(self._held(), id_, await self._summons(id_))
        if found is None:
            raise HTTPException(404)
        return found

    async def _last(self, held: Mapping[str, Conference]) -> Gathered | None:
        """The one that was planned last: its numbers are most likely those of the next."""
        found = entries(held, await self._known() or (), self._now())
        newest = max(found, key=lambda each: each.starts_at, default=None)
        return None if newest is None else of_id(held, newest.id, await self._summons(newest.id))

    def _held(self) -> dict[str, Conference]:
        live = self._parts.live
        views = ((site, live.view(site)) for site in live.picture.tiles)
        return {site: view.conference for site, view in views if view is not None and view.conference is not None}

    async def _known(self) -> list[Held] | None:
        """What the database knows; None: it is away, and what the sites hold is shown all the same."""
        try:
            return await run_in_threadpool(self._log.conferences)
        except SQLAlchemyError:
            return None

    async def _summons(self, id_: str) -> list[Summons]:
        try:
            return await run_in_threadpool(self._log.summons, id_)
        except SQLAlchemyError:
            return []

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._parts.access.now()).astimezone()


async def _summoned(form: FormData, fields: Sequence[tuple[str, str]]) -> dict[str, int]:
    """From a file, else from what was pasted, else from the table. Raises ConfigError."""
    file, pasted = form.get("file"), str(form.get("sheet", "")).strip()
    if isinstance(file, UploadFile) and file.filename:
        return read_sheet(await file.read(), "CSV")
    return read_sheet(pasted.encode("utf-8", "replace"), "CSV") if pasted else from_fields(fields, "CSV")


def _form_of(values: Mapping[str, str]) -> plans.Form:
    return plans.Form(
        title=values["title"],
        starts=values["starts"],
        ends=values["ends"],
        id=values["id"].strip(),
        roll_calls=tuple(re.split(r"[\s,;]+", values["calls"].strip())) if values["calls"].strip() else (),
        power_on_minutes=_minutes(values["minutes"]),
        lock=values["lock"] == "1",
    )


def _minutes(text: str) -> float | None:
    try:
        return float(text.strip().replace(",", ".")) if text.strip() else None
    except ValueError:
        return -1.0  # which no conference has: it is named with the other mistakes


def _int(text: str) -> int | None:
    return int(text) if text.strip().isascii() and text.strip().isdigit() and len(text) < 10 else None


def _outcome(code: int | BaseException) -> Told:
    if isinstance(code, int):
        return "not_permitted" if code >= REFUSED else "told"
    if isinstance(code, OSError):  # TimeoutError is one
        return "broker_lost"
    raise code


def _written(moment: datetime) -> str:
    """As a browser's field has it."""
    return moment.astimezone().strftime("%Y-%m-%dT%H:%M")
