"""``/wall``: for the big screen of the operations room, to be read from five metres. The worst sites, large."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from agent.console.board.feed import Feed
from agent.console.board.parts import Parts
from agent.console.board.render import PAGES, page
from agent.console.board.shown import SHAPE, STATE, Shown
from agent.console.board.summary import Summary
from agent.console.board.totals import totals

LARGE, FEW = 24, 15  # tiles that fill 1,920 × 1,080 pixels


def routes(parts: Parts, feed: Feed) -> Sequence[BaseRoute]:
    """``/wall`` and ``/live/wall``."""
    summary = Summary(parts.live)

    async def wall(request: Request) -> Response:
        shown, now = feed.shown, datetime.now().astimezone()
        offset = now.utcoffset()
        return page(
            request,
            "wall.html",
            panels={**summary.panels(shown), **worst(shown)},
            at=f"{feed.start}:{shown.number}",
            is_connected=shown.picture.is_connected,
            now=now,
            offset_s=0 if offset is None else int(offset.total_seconds()),
        )

    async def news(shown: Shown, since: int) -> Mapping[str, Any]:
        return {"panels": {**summary.panels(shown), **worst(shown)}}

    async def live(request: Request) -> Response:
        return await feed.stream(request, news)

    return [Route("/wall", wall), Route("/live/wall", live)]


def worst(shown: Shown) -> dict[str, str]:
    """``worst``: the first tiles, larger where there are few; ``rest``: how many more there are, and how they are."""
    tiles = shown.picture.tiles
    sites = list(tiles)
    rest = totals(tiles[site] for site in sites[LARGE:])
    return {
        "worst": f'<div class="tiles{" few" if len(sites) <= FEW else ""}">{"".join(shown.html(sites[:LARGE]))}</div>',
        "rest": PAGES.get_template("rest.html").render(rest=rest, words=STATE, shapes=SHAPE),
    }
