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
from agent.console.table import sites_table
from agent.core.contract import Headcount, Payload, Status, compact

REFRESH_S = 0.25


class Watch:
    """Folds what comes into :class:`Sites`, and shows it: a table on a terminal, a line a report for programs.

    Args:
        listener: Connected.
        as_json: Print a JSON line for each headcount.
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
            while not should_stop() and (until_s is None or time.monotonic() < until_s):
                self._take_for(REFRESH_S)
                if live is not None:
                    live.update(self.table(), refresh=True)
        if not self._as_json and live is None:
            console.print(self.table())

    def table(self) -> Any:
        """The table as it is now."""
        title = self._title if self._listener.is_connected else f"{self._title} — mất kết nối / broker away"
        return sites_table(self.sites.ordered(), datetime.now(UTC), title, self._chosen())

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
        if self._as_json and view.headcount is not None:
            print(compact(json_line(view, view.headcount)), flush=True)


def json_line(view: SiteView, count: Headcount) -> dict[str, Any]:
    """One headcount report for programs. Of a site that has gone nothing is known, whatever the broker has stored."""
    return {
        "site": view.site,
        "at": count.model_dump(mode="json")["at"],
        "value": None if view.has_gone else count.value,
        "state": "unknown" if view.has_gone else count.state,
        "reason": f"site_{view.presence}" if view.has_gone else count.reason,
        "truth": None if view.truth is None else view.truth.people,
        "summoned": count.summoned,
        "power": None if view.power is None else view.power.state,
        "presence": view.presence,
        "detector": count.detector,
        "human": None if count.human is None else count.human.model_dump(mode="json"),
        "record": None if count.record is None else count.record.model_dump(mode="json"),
    }
