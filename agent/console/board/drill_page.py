"""The drill: every site is asked to say how it is, and the page lists who did, and who is fit.

When the drill was is in the table of deeds, where another board finds it too, and who has said since then how it is has
answered. Sites say everything anew when they are asked, and at each heartbeat; so the list stays right after the drill.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from agent.console import roll_call
from agent.console.board.access import Access, needs
from agent.console.board.actions import claim, for_a_while
from agent.console.board.deeds import DeedLog
from agent.console.board.live import Change, Live
from agent.console.board.parts import Parts
from agent.console.board.render import page
from agent.console.board.tile import Tile, Words
from agent.console.board.users import Clock
from agent.console.drill import ASK_AGAIN, LOOK_THERE
from agent.console.roll_call import RollCall
from agent.console.sites import Sites
from agent.console.trouble import unfit
from agent.console.words import PRESENCE
from agent.core.contract import Check

WITHIN_S = 10
REFRESH_S = 2
REFUSED = 0x80  # MQTT 5: from here on a reason code is a no

VERDICT: dict[str, tuple[str, Words]] = {  # the state's class, and words
    "go": ("ready", ("sẵn sàng", "go")),
    "no-go": ("offline", ("chưa sẵn sàng", "no-go")),
    "unknown": ("unknown", ("chưa rõ", "unknown")),
    "waiting": ("unknown", ("đang chờ", "waiting")),
}
ORDER = ("no-go", "waiting", "unknown", "go")


@dataclass(frozen=True, slots=True)
class Row:
    """One site: ``verdict`` is a key of ``VERDICT``, ``what`` is what is wrong and what to do, one sentence each."""

    tile: Tile
    verdict: str
    what: Sequence[Words]


def routes(parts: Parts) -> Sequence[BaseRoute]:
    """The page, and its button."""
    desk = DrillDesk(parts.live, DeedLog(parts.engine), parts.access)
    return [
        Route("/drill", needs("operator")(desk.show), methods=["GET"]),
        Route("/drill", needs("operator")(desk.hold), methods=["POST"]),
    ]


class DrillDesk:
    """Thread: the event loop's."""

    def __init__(self, live: Live, deeds: DeedLog, access: Access) -> None:
        self._live, self._deeds, self._access = live, deeds, access
        self._ears = Ears(live, access.now)
        live.subscribe(self._ears.take)

    async def show(self, request: Request) -> Response:
        """GET. While sites have time to answer the browser asks again every two seconds."""
        drills = await run_in_threadpool(self._deeds.last, "", "drill")
        last = drills[0] if drills else None
        is_over, rows = True, list[Row]()
        if last is not None and last.state != "silent":
            is_over = self._access.now() - last.at_s > WITHIN_S
            rows = listed(self._live, self._ears.since(last.at_s), is_over)
        counts = {verdict: sum(row.verdict == verdict for row in rows) for verdict in VERDICT}
        answer = page(
            request, "drill.html", rows=rows, last=last, drills=drills, counts=counts, is_over=is_over, verdicts=VERDICT
        )
        if not is_over:
            answer.headers["refresh"] = str(REFRESH_S)
        return answer

    async def hold(self, request: Request) -> Response:
        """POST."""
        by = request.state.user.name
        number = await run_in_threadpool(self._deeds.begin, by, "", "drill", {"within_s": WITHIN_S})
        await for_a_while(self._asked(number, by))
        return RedirectResponse("/drill", 303)

    async def _asked(self, number: int, by: str) -> None:
        try:
            code = await asyncio.wrap_future(self._live.drill(claim(by), WITHIN_S))
        except OSError:  # TimeoutError is one
            await run_in_threadpool(self._deeds.finish, number, "silent", "broker_lost")
            return
        outcome = ("silent", "not_permitted") if code >= REFUSED else ("done", None)
        await run_in_threadpool(self._deeds.finish, number, *outcome)


class Ears:
    """When each site last said how it is, by this machine's clock. Thread: ``take`` on the live one."""

    def __init__(self, live: Live, now: Clock) -> None:
        self._live, self._now = live, now
        self._said: dict[str, tuple[datetime, float]] = {}

    def take(self, change: Change) -> None:
        """Something was heard. What a site had said before we listened was when its own clock says, if that is set."""
        for site in change.heard:
            view = self._live.view(site)
            told = None if view is None else view.readiness
            known = self._said.get(site)
            if told is None or (known is not None and known[0] == told.at):
                continue
            before = told.at.timestamp() if told.clock == "synced" else 0.0
            self._said[site] = (told.at, before if known is None else self._now())

    def since(self, at_s: float) -> dict[str, float]:
        """How many seconds after that each site said it, of those that have."""
        return {site: said_s - at_s for site, (_, said_s) in tuple(self._said.items()) if said_s >= at_s}


def listed(live: Live, answered_s: dict[str, float], is_over: bool) -> list[Row]:
    """Every site since a drill, the worst first."""
    tiles = live.picture.tiles
    views = {site: view for site in tiles if (view := live.view(site)) is not None}
    answered_s = {site: after_s for site, after_s in answered_s.items() if site in views}
    told = {site: said for site in answered_s if (said := views[site].readiness) is not None}
    rows = roll_call.rows(RollCall(Sites(views), "", 0.0, answered_s, told))
    made = [_row(tiles[row.site], row, is_over) for row in rows]
    return sorted(made, key=lambda row: ORDER.index(row.verdict))


def _row(tile: Tile, row: roll_call.Row, is_over: bool) -> Row:
    if row.answered_s is not None:
        return Row(tile, row.verdict, tuple(_words(check) for check in row.why))
    if not is_over and row.presence not in ("lost", "stopped"):
        return Row(tile, "waiting", ())
    presence = PRESENCE[row.presence]
    silent = (f"không trả lời ({presence[0]})", f"no answer ({presence[1]})")
    return Row(tile, "no-go", (silent, _pair(ASK_AGAIN if row.presence == "running" else LOOK_THERE)))


def _words(check: Check) -> Words:
    found = unfit(check)
    vietnamese, english = zip(found.sentences, found.advice, strict=True)
    return " — ".join(filter(None, vietnamese)), " — ".join(filter(None, english))


def _pair(sentence: str) -> Words:
    vietnamese, _, english = sentence.partition(" / ")
    return vietnamese, english
