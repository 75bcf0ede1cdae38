"""``diemcau watch``: the live table of the sites, of any broker."""

import queue
import time
from collections.abc import Callable
from contextlib import nullcontext, suppress
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.live import Live

from agent.console.listener import Listener
from agent.console.sites import Sites, SiteView, take
from agent.console.table import fitting_table, sites_table
from agent.console.trouble import last_heard, needs
from agent.core.contract import FromSite, Headcount, HistoryEvent, Payload, Status, compact

REFRESH_S = 0.25
SPENT = 0.1  # of one core, at most, on drawing: a table of hundreds of sites takes 0.1 s


class Watch:
    """Folds what comes into :class:`Sites`, and shows it: a table on a terminal, a line a report for programs.

    Args:
        listener: Connected.
        as_json: Print a JSON line for each headcount, and for each site that goes.
        title: Above the table.
        chosen: Index of the row whose button a key would press, asked at each refresh.
    """

    def __init__(
        self, listener: Listener, as_json: bool, title: str, chosen: Callable[[], int | None] = lambda: None
    ) -> None:
        self._listener, self._as_json, self._title, self._chosen = listener, as_json, title, chosen
        self.sites = Sites()
        self.on_report: Callable[[SiteView, Headcount], None] = lambda view, count: None

    def run(self, for_s: float | None, should_stop: Callable[[], bool] = lambda: False) -> None:
        """Show until ``for_s`` seconds are over, ``should_stop``, or Ctrl-C."""
        until_s = None if for_s is None else time.monotonic() + for_s
        console = Console()
        live = (
            None
            if self._as_json or not console.is_terminal
            else Live(console=console, auto_refresh=False, screen=False)
        )
        # Where there is no live table, Ctrl-C is how one asks for the table as it is.
        with live or nullcontext(), suppress(KeyboardInterrupt):
            pause_s = REFRESH_S
            while not should_stop() and (until_s is None or time.monotonic() < until_s):
                self._take_for(pause_s)
                if live is not None:
                    began_s = time.monotonic()
                    live.update(self.table(console), refresh=True)
                    pause_s = max(REFRESH_S, (time.monotonic() - began_s) / SPENT)
        if not self._as_json and live is None:
            console.print(self.table())

    def table(self, console: Console | None = None) -> Any:
        """The table as it is now; cut to fit a ``console``."""
        title = self._title if self._listener.is_connected else f"{self._title} — mất kết nối / broker away"
        views, now, chosen = self.sites.ordered(), datetime.now(UTC), self._chosen()
        if chosen is not None and chosen >= len(views):
            chosen = None  # it has not said anything yet
        if console is None:
            return sites_table(views, now, title, chosen)
        return fitting_table(views, now, title, console, chosen)

    def _take_for(self, seconds: float) -> None:
        until_s = time.monotonic() + seconds
        while (left_s := until_s - time.monotonic()) > 0:
            try:
                topic, raw = self._listener.messages.get(timeout=left_s)
            except queue.Empty:
                return
            self.sites, news = take(self.sites, topic, raw)
            if news is not None:
                self._report(*news)

    def _report(self, site: str, payload: Payload) -> None:
        view = self.sites.by_id[site]
        if isinstance(payload, Headcount):
            self.on_report(view, payload)
        elif not (isinstance(payload, Status) and view.has_gone):
            return  # a site that is gone has no number any more: that is news too
        if self._as_json:
            said = view.headcount or payload
            if isinstance(said, FromSite):
                print(compact(json_line(view, said)), flush=True)


def json_line(view: SiteView, said: FromSite) -> dict[str, Any]:
    """One site for programs, by its headcount, or by what it said where it has none. Of a site that has gone no number
    is known, whatever the broker has stored.
    """
    count = said if isinstance(said, Headcount) else None
    return {
        "site": view.site,
        "at": said.model_dump(mode="json")["at"],
        "value": None if view.has_gone or count is None else count.value,
        "state": "unknown" if view.has_gone or count is None else count.state,
        "reason": f"site_{view.presence}" if view.has_gone else count and count.reason,
        "truth": None if view.truth is None else view.truth.people,
        "summoned": count and count.summoned,
        "power": None if view.power is None else view.power.state,
        "presence": view.presence,
        "detector": count and count.detector,
        "human": _dumped(count and count.human),
        "record": _dumped(count and count.record),
        **_link(view),
    }


def _link(view: SiteView) -> dict[str, Any]:
    """What the link and the room's checks bring."""
    heard, health, event = last_heard(view), view.health, view.event
    fit = None if view.readiness is None or view.has_gone else view.readiness.ready
    lacks = () if view.has_gone else needs(view)
    return {
        "last_heard": None if heard is None else f"{heard:%Y-%m-%dT%H:%M:%S}Z",
        "ready": fit,
        "needs": [{"name": each.name, "state": each.state, "reason": each.reason} for each in lacks],
        "outbox_rows": health and health.outbox_rows,
        "outbox_oldest_s": health and health.outbox_oldest_s,
        "rows_lost": health and health.rows_lost,
        "event": None if event is None else _told(event),
    }


def _told(event: HistoryEvent) -> dict[str, Any]:
    dumped = event.model_dump(mode="json")
    return {key: dumped[key] for key in ("kind", "severity", "at", "detail")}


def _dumped(part: Payload | None) -> dict[str, Any] | None:
    return None if part is None else part.model_dump(mode="json")
