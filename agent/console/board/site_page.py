"""``/site/{site}``: all that is known of one site, and ``/live/site/{site}``, which keeps that page as it is now."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from agent.console import words
from agent.console.board.actions import panel
from agent.console.board.charts import curve, spark
from agent.console.board.deeds import DeedLog
from agent.console.board.feed import NUMBER, Feed
from agent.console.board.last_told import last_told, loads
from agent.console.board.parts import Parts
from agent.console.board.render import PAGES, both, page, shown
from agent.console.board.shown import SHAPE, STATE, Shown
from agent.console.board.site_history import events, spans
from agent.console.trouble import gone
from agent.console.what_to_do import IN_BOTH
from agent.core.contract import Conference

READ_EVERY_S = 5.0  # from the database, for each open page
DAY_S = 86_400.0
BEFORE_S = 1_800.0  # of a conference
WIDTH, HEIGHT = 800, 120

PANELS = ("now", "devices", "power", "config", "health")
GROUP = {
    "connect": ("kết nối", "connection"),
    "display": ("hình ảnh", "display"),
    "audio": ("âm thanh", "sound"),
    "power": ("nguồn", "power"),
    "box": ("hộp", "box"),
}
CHECK = {
    "ok": ("tốt", "ok"),
    "warning": ("cảnh báo", "warning"),
    "failed": ("hỏng", "failed"),
    "unknown": ("chưa rõ", "unknown"),
}
CHECK_STATE = {"ok": "ready", "warning": "warning", "failed": "fault", "unknown": "unknown"}
BY = {
    "button": ("nút bấm", "the button"),
    "command": ("lệnh từ trung tâm", "a command"),
    "schedule": ("lịch họp", "the schedule"),
    "restore": ("khôi phục sau mất điện", "restored after a power cut"),
    "local": ("tại chỗ", "on the spot"),
}
CONFIG = {
    "applying": ("đang áp dụng", "applying"),
    "pending_confirm": ("đang chờ xác nhận", "waiting to be confirmed"),
    "applied": ("đang chạy", "runs"),
    "rejected": ("bị từ chối", "rejected"),
    "rolled_back": ("đã quay lại bản cũ", "rolled back"),
    "deferred": ("hoãn lại", "deferred"),
}
SEVERITY = {"info": ("thông tin", "info"), "warning": ("cảnh báo", "warning"), "fault": ("sự cố", "fault")}
SEVERITY_STATE = {"info": "unknown", "warning": "warning", "fault": "fault"}

VOCABULARY: Mapping[str, Any] = {
    "words": words,
    "state_words": STATE,
    "shapes": SHAPE,
    "group_words": GROUP,
    "check_words": CHECK,
    "check_state": CHECK_STATE,
    "by_words": BY,
    "config_words": CONFIG,
    "severity_words": SEVERITY,
    "severity_state": SEVERITY_STATE,
    "advice": lambda sentence: IN_BOTH.get(sentence, (shown(sentence, 400), "")),
}


@dataclass
class Pages:
    """The pages of all sites. Thread: the event loop's."""

    parts: Parts
    feed: Feed

    async def show(self, request: Request) -> Response:
        """One page; 404 for a site that nobody has heard of."""
        site, shown = request.path_params["site"], self.feed.shown
        if site not in shown.picture.tiles:
            raise HTTPException(404)
        return page(
            request,
            "site.html",
            site=site,
            tile=shown.picture.tiles[site],
            view=self.parts.live.view(site),
            has_button=site in self.parts.buttons,
            panels=self.panels(shown, site) | await self.history(shown, site),
            at=f"{self.feed.start}:{shown.number}",
            is_connected=shown.picture.is_connected,
            actions=await panel(request, self.parts, site),
        )

    def panels(self, shown: Shown, site: str) -> dict[str, str]:
        """From what was heard."""
        tile = shown.picture.tiles[site]
        view, now = self.parts.live.view(site), datetime.now(UTC)
        away = None if view is None else gone(view, now)
        known = loads(view, now)
        values = {
            "tile": tile,
            "view": view,
            "spark": spark(tile.trend, tile.summoned),
            "loads": known,
            "away": away,
            "as_told": last_told if away else lambda words: words,
        }
        cells = {f"p-load-{number}": both(*words) for number, words in enumerate(known.values(), 1)}
        return {**{f"p-{each}": _render(each, values) for each in PANELS}, **cells}

    async def history(self, shown: Shown, site: str) -> dict[str, str]:
        """From the database."""
        tile, view, to_s = shown.picture.tiles[site], self.parts.live.view(site), time.time()
        told = None if view is None else view.conference
        from_s = _since(told, to_s)
        try:
            known = await run_in_threadpool(spans, self.parts.engine, site, from_s, to_s)
            happened = await run_in_threadpool(events, self.parts.engine, site)
        except SQLAlchemyError:
            return {"p-curve": _render("away", {}), "p-events": _render("away", {})}
        top = max(tile.summoned or 0, *(span.value or 0 for span in known), 1)
        times = [datetime.fromtimestamp(from_s + share * (to_s - from_s)).astimezone() for share in (0, 0.5, 1)]
        drawn = {"path": curve(known, from_s, to_s, top, WIDTH, HEIGHT), "top": top, "times": times}
        return {
            "p-curve": _render("curve", {**drawn, "width": WIDTH, "height": HEIGHT, "summoned": tile.summoned}),
            "p-events": _render("events", {"events": happened}),
        }

    def outcome(self, site: str, number: str) -> dict[str, str]:
        """What came of a deed; nothing as long as it is under way. Thread: not the event loop's."""
        try:
            deed = DeedLog(self.parts.engine).find(int(number)) if NUMBER.fullmatch(number) else None
        except SQLAlchemyError:
            deed = None
        if deed is None or deed.site != site or deed.state == "asked":
            return {}
        return {"p-deed": _render("deed", {"deed": deed})}

    async def live(self, request: Request) -> Response:
        """The stream of one page; what the database has is read again every few seconds, and what came of something
        that somebody did from here until that is known.
        """
        site, read_s = request.path_params["site"], time.monotonic()
        open_deed = request.query_params.get("deed", "") if request.state.user.may("operator") else ""

        async def news(shown: Shown, since: int) -> Mapping[str, Any]:
            nonlocal read_s, open_deed
            said = await run_in_threadpool(self.outcome, site, open_deed) if open_deed else {}
            open_deed = "" if said else open_deed
            is_heard = max(shown.heard.get(site, 0), shown.cells[site].number if site in shown.cells else 0) > since
            if not is_heard or site not in shown.picture.tiles:
                return {"panels": said}
            panels = said | self.panels(shown, site)
            if time.monotonic() - read_s > READ_EVERY_S:
                panels |= await self.history(shown, site)
                read_s = time.monotonic()
            return {"panels": panels}

        return await self.feed.stream(request, news)


def _since(told: Conference | None, now_s: float) -> float:
    """From when on the curve is drawn: a while before the conference, where there is one today."""
    if told is not None:
        starts_s = told.starts_at.timestamp()
        from_s = starts_s - min(BEFORE_S, told.ends_at.timestamp() - starts_s)
        if now_s - DAY_S < from_s < starts_s < now_s:
            return from_s
    return now_s - DAY_S


def _render(name: str, values: Mapping[str, Any]) -> str:
    return PAGES.get_template(f"site_{name}.html").render(VOCABULARY, **values)


def routes(parts: Parts, feed: Feed) -> Sequence[BaseRoute]:
    """``/site/{site}`` and ``/live/site/{site}``."""
    pages = Pages(parts, feed)
    return [Route("/site/{site}", pages.show), Route("/live/site/{site}", pages.live)]
