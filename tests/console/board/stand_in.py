"""What the pages are tested with: sites made up here instead of heard from a broker, by the interface of ``Live``."""

import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from agent.console.board.live import Change, Live, OnChange, Picture
from agent.console.board.tile import WORST_FIRST, Issue, State, Tile
from agent.console.board.totals import totals
from agent.console.sites import SiteView
from agent.core.contract import Conference
from agent.core.identity import BrokerSection

BROKER = BrokerSection(url="mqtt://127.0.0.1:1")
BEGAN = datetime(2026, 5, 4, 1, 0, tzinfo=UTC)


def tile(site: str, state: State = "ready", present: int | None = 40, name: str = "", **more: Any) -> Tile:
    """A tile like those of ``Live``."""
    said: dict[str, Any] = {
        "site": site,
        "name": name or f"Điểm cầu {site}",
        "path": ("Hải Dương", "Chí Linh"),
        "state": state,
        "present": present,
        "why_unknown": ("tối hoặc bị che", "dark or covered") if present is None else None,
        "summoned": 50,
        "rate": None if present is None else present / 50,
        "power": "on",
        "issues": () if state == "ready" else (issue(state),),
        "trend": (*[None] * 10, *[30] * 20, *[35, 38] * 10, *[present] * 10),
        "order": (WORST_FIRST.index(state), 0.0, site),
    }
    return Tile(**{**said, **more})


def issue(state: State) -> Issue:
    """One that stands in a tile."""
    words = ("camera-main: không thấy thiết bị", "camera-main: missing")
    advice = ("Kiểm tra cáp USB và nguồn của camera.", "Check the camera's USB cable and its power.")
    return Issue("check:camera-main:missing", state, words, advice, BEGAN)


class StandIn(Live):
    """``show`` what sites there are; pages hear of it as they do of a real one, on a thread that is not theirs."""

    def __init__(self, tiles: Iterable[Tile] = (), views: Mapping[str, SiteView] | None = None) -> None:
        super().__init__(BROKER)
        self.views = dict(views or {})
        self._told: list[OnChange] = []
        self._picture = _picture(1, tiles, True)

    @property
    def picture(self) -> Picture:
        return self._picture

    def view(self, site: str) -> SiteView | None:
        return self.views.get(site)

    def start(self) -> None:
        pass

    def close(self) -> None:
        pass

    def subscribe(self, on_change: OnChange) -> Callable[[], None]:
        self._told.append(on_change)
        return lambda: self._told.remove(on_change)

    def show(self, *tiles: Tile, gone: Iterable[str] = (), is_connected: bool = True) -> Picture:
        """These have changed, those have gone."""
        before, gone = self._picture, frozenset(gone)
        every = {**{site: each for site, each in before.tiles.items() if site not in gone}, **_by_site(tiles)}
        self._picture = _picture(before.number + 1, every.values(), is_connected)
        changed = frozenset(each.site for each in tiles)
        change = Change(self._picture, changed, gone, changed)
        thread = threading.Thread(target=lambda: [tell(change) for tell in tuple(self._told)])
        thread.start()
        thread.join()
        return self._picture

    def acknowledged(self, acks: Mapping[tuple[str, str], Any]) -> None:
        pass


def _by_site(tiles: Iterable[Tile]) -> dict[str, Tile]:
    return {each.site: each for each in tiles}


def _picture(number: int, tiles: Iterable[Tile], is_connected: bool) -> Picture:
    ordered = sorted(tiles, key=lambda each: each.order)
    return Picture(number, _by_site(ordered), totals(ordered), is_connected)


def conference(now: datetime, title: str = "Giao ban tháng 5") -> Conference:
    """One that is on now."""
    return Conference(
        id="giao-ban",
        title=title,
        starts_at=now - timedelta(minutes=20),
        ends_at=now + timedelta(hours=2),
        summoned=50,
        roll_calls=(now + timedelta(minutes=10),),
    )
