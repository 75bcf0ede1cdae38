"""A board in this process beside a database, with sites that say what a test has them say."""

import re
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx2 as httpx

from agent.console.board.live import Change, Live, Outcome, Picture
from agent.console.board.tile import Issue, Tile
from agent.console.board.totals import totals
from agent.console.sites import SiteView
from agent.core.contract import CommandResult, Power
from agent.core.identity import BrokerSection

SITE = "chi-linh"
SINCE = datetime(2012, 11, 20, 7, 30, tzinfo=UTC)
NO_BROKER = BrokerSection(url="mqtt://127.0.0.1:1")
COMMON = {"at": SINCE, "session": "s", "clock": "synced"}
PASSWORD = "mật khẩu dài 1"


def tile(site: str = SITE, name: str = "Chí Linh", **more: Any) -> Tile:
    issue = Issue("lost", "offline", ("mất kết nối", "lost"), since=SINCE)
    values: dict[str, Any] = {"present": 40, "why_unknown": None, "summoned": 50, "rate": 0.8, "power": "on"}
    values |= {"path": (), "state": "offline", "issues": (issue,), "trend": (), "order": (0, 0.0, name)}
    return Tile(site, name, **{**values, **more})


def result(state: Any, reason: str | None = None) -> CommandResult:
    return CommandResult.model_validate({**COMMON, "id": "1", "state": state, "reason": reason, "result": None})


class ToldLive(Live):
    """Sites without a broker: ``tiles`` are what is shown, ``answer`` what comes of a command."""

    def __init__(self) -> None:
        super().__init__(NO_BROKER)
        self.tiles = {SITE: tile()}
        self.views: dict[str, SiteView] = {}
        self.asked: list[tuple[str, str, dict[str, Any], str]] = []
        self.answer: Callable[[], Future[Outcome]] = lambda: done(Outcome(result("done")))
        self.code = 0
        self.acks: Mapping[tuple[str, str], Any] = {}
        self.has_ended = threading.Event()

    @property
    def picture(self) -> Picture:
        return Picture(1, self.tiles, totals(self.tiles.values()), True)

    def view(self, site: str) -> SiteView | None:
        power = Power.model_validate({**COMMON, "state": "on", "loads": {"codec": "on", "<b>đèn</b>": "off"}})
        return self.views.get(site, SiteView(site, power=power)) if site in self.tiles else None

    def start(self) -> None: ...

    def close(self) -> None:
        self.has_ended.set()

    def subscribe(self, on_change: Callable[[Change], None]) -> Callable[[], None]:
        return lambda: None

    def ask(
        self,
        site: str,
        action: str,
        args: dict[str, Any],
        by: str,
        within_s: int = 30,
        on_step: Callable[[Power], None] | None = None,
    ) -> "Future[Outcome]":
        self.asked.append((site, action, args, by))
        return self.answer()

    def drill(self, by: str, within_s: int) -> "Future[int]":
        self.asked.append(("", "drill", {}, by))
        return done(self.code)

    def acknowledged(self, acks: Mapping[tuple[str, str], Any]) -> None:
        self.acks = acks

    def hears(self, site: str, at: datetime, **view: Any) -> None:
        """Something was heard of a site."""
        self.tiles = {**self.tiles, site: replace(self.tiles.get(site, tile(site)), last_heard=at)}
        self.views[site] = SiteView(site, **view)


def done(value: Any) -> "Future[Any]":
    future: Future[Any] = Future()
    future.set_result(value)
    return future


class Browser:
    """A person at a board: keeps cookies, says where a form is from, and brings back what hidden fields hold."""

    def __init__(self, url: str, **options: Any) -> None:
        self.client = httpx.Client(base_url=url, timeout=30, **options)
        self.origin = url.rstrip("/")

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self.client.get(path, headers=headers)

    def post(self, path: str, fields: dict[str, str], **headers: str) -> httpx.Response:
        return self.client.post(path, data=fields, headers={"origin": self.origin, **headers})

    def sign_in(self, name: str, password: str = PASSWORD, next_: str = "/") -> httpx.Response:
        return self.post("/login", {"name": name, "password": password, "next": next_})

    def act(self, path: str, **fields: str) -> httpx.Response:
        """A form of a page of this session."""
        return self.post(path, {"csrf": self.csrf(), **fields})

    def csrf(self) -> str:
        found = re.search(r'name="csrf" value="([^"]+)"', self.get("/").text)
        assert found is not None
        return found[1]

    def close(self) -> None:
        self.client.close()
