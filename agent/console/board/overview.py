"""``/``: all sites at one glance, the worst first, and ``/live``, which keeps that page as it is now."""

import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from agent.console.board.feed import Feed
from agent.console.board.parts import Parts
from agent.console.board.render import page
from agent.console.board.shown import LEVELS, STATE, Group, Shown, newer
from agent.console.board.summary import Summary
from agent.console.board.tile import Tile


@dataclass(frozen=True, slots=True)
class View:
    """What somebody wants to see: by a level of the hierarchy, one group, these states, this text in names."""

    as_rows: bool = False
    by: int | None = None
    group: str = ""
    states: frozenset[str] = frozenset()
    text: str = ""


def view_of(query: Mapping[str, str], states: Iterable[str]) -> View:
    """As the address says; what makes no sense is left out."""
    by = query.get("by", "")
    return View(
        as_rows=query.get("as") == "rows",
        by=int(by) if by in map(str, range(LEVELS)) else None,
        group=query.get("group", "")[:8],
        states=frozenset(states) & STATE.keys(),
        text=query.get("q", "")[:200],
    )


def folded(text: str) -> str:
    """Without marks and in small letters, so that ``hai duong`` finds Hải Dương. ``live.js`` does the same."""
    letters = unicodedata.normalize("NFD", text.lower()).replace("đ", "d")
    return "".join(each for each in letters if not unicodedata.combining(each))


def is_in(view: View, tile: Tile) -> bool:
    """Whether the filter lets it through."""
    words = folded(view.text).split()
    named = folded(" ".join((tile.name, tile.site, *tile.path))) if words else ""
    return (not view.states or tile.state in view.states) and all(word in named for word in words)


def sections(view: View, shown: Shown) -> Iterator[tuple[Group | None, Markup]]:
    """The tiles, group by group: that with the worst site first. Without groups: all of them, once."""
    tiles = shown.picture.tiles
    within: dict[str, list[str]] = {}
    for site in tiles:
        groups = shown.cells[site].groups
        if view.group and view.group not in groups:
            continue
        of = groups[min(view.by, len(groups) - 1)] if view.by is not None and groups else ""
        within.setdefault(of, []).append(site)
    for group, sites in within.items():  # tiles come the worst first, and so do their groups
        yield shown.groups.get(group), Markup("").join(Markup(each) for each in _html(view, shown, sites))  # noqa: S704


def _html(view: View, shown: Shown, sites: Iterable[str]) -> Iterator[str]:
    """What the filter does not let through is there, but hidden: the browser's filter begins from it."""
    for site in sites:
        html = shown.cells[site].html
        yield html if is_in(view, shown.picture.tiles[site]) else html.replace("<article", "<article hidden", 1)


def routes(parts: Parts, feed: Feed) -> Sequence[BaseRoute]:
    """``/`` and ``/live``."""
    summary = Summary(parts.live)

    async def overview(request: Request) -> Response:
        query, shown = request.query_params, feed.shown
        view = view_of(query, query.getlist("state"))
        return page(
            request,
            "overview.html",
            view=view,
            sections=sections(view, shown),
            title=title(shown),
            levels=range(depth(shown)),
            group=shown.groups.get(view.group),
            at=f"{feed.start}:{shown.number}",
            is_connected=shown.picture.is_connected,
            **summary.values(shown),
        )

    async def news(shown: Shown, since: int) -> Mapping[str, Any]:
        return {"title": title(shown), "panels": summary.panels(shown), **newer(shown, since)}

    async def live(request: Request) -> Response:
        return await feed.stream(request, news)

    return [Route("/", overview), Route("/live", live)]


def title(shown: Shown) -> str:
    """For the browser's tab: how many sites need somebody now."""
    by_state = shown.picture.totals.by_state
    return f"{by_state.get('offline', 0) + by_state.get('fault', 0)} ✕ · diemcau"


def depth(shown: Shown) -> int:
    """How many levels of the hierarchy there are to group by."""
    return max((group.level + 1 for group in shown.groups.values()), default=0)
