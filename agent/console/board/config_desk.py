"""One site's configs over the board's one connection: what a push reads and says there."""

import queue
import time
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import replace

from agent.console.board.live import Live
from agent.console.config_link import Heard, Letter, Receipt, Waiting
from agent.console.config_sites import SiteConfig, heard
from agent.console.sites import SiteView

LISTENED = ("config/desired", "config/reported", "config/running")  # every site says the last one: it comes last
LEARN_S, PAUSE_S = 5.0, 0.2  # what is stored comes in one go; what came later yet would only stop a push


class Desk(Waiting):
    """One site's configs, as ``config_link.Desk`` has those of many on a connection of its own.

    Thread: one, but for what comes. ``close`` ends it.
    """

    def __init__(self, live: Live, site: str) -> None:
        self._live, self._site = live, site
        self._came: queue.SimpleQueue[Heard | Future[int]] = queue.SimpleQueue()
        self._under_way: dict[Future[int], tuple[Letter, int]] = {}
        self._round, self._newest = 0, dict[str, int]()  # of ``say``; by name: the last one that had such a letter
        self._config = SiteConfig(SiteView(site))
        self.close = live.listen(site, LISTENED, self._on_heard)

    @property
    def known(self) -> Mapping[str, SiteConfig]:
        """The site, with what the board knows of it beside its configs."""
        return {self._site: replace(self._config, view=self._live.view(self._site) or SiteView(self._site))}

    @property
    def unanswered(self) -> list[str]:
        """The site, where the broker has not."""
        return [self._site] if self._under_way else []

    def learn(self, within_s: float = LEARN_S) -> SiteConfig:
        """Take in what the broker has stored, until none of that has come for a moment."""
        end_s = time.monotonic() + within_s
        until_s = end_s
        while (left_s := min(until_s, end_s) - time.monotonic()) > 0:
            if self.next(left_s) is not None and self._config.running is not None:
                until_s = time.monotonic() + PAUSE_S
        return self.known[self._site]

    def say(self, *letters: Letter) -> None:
        """Publish them one after the other; once more where the broker was away, but nothing after a newer letter about
        the same.
        """
        self._round += 1
        for letter in letters:
            self._newest[letter.name] = self._round
            self._publish(letter, self._round)

    def next(self, wait_s: float) -> Heard | Receipt | None:
        """What has come, kept in ``known`` already; None: nothing did, within this time."""
        try:
            event = self._came.get(timeout=wait_s)
        except queue.Empty:
            return None
        if isinstance(event, Heard):
            self._config = heard(self._config, event.name, event.raw)
            return event
        letter, number = self._under_way.pop(event)
        if not event.cancelled() and event.exception() is None:
            return Receipt(letter.site, letter.name, event.result())
        if self._newest[letter.name] == number:
            self._publish(letter, number)
        return None

    def _publish(self, letter: Letter, number: int) -> None:
        sent = self._live.say(letter.site, letter.name, letter.raw, letter.retain)
        self._under_way[sent] = letter, number
        sent.add_done_callback(self._came.put)

    def _on_heard(self, name: str, raw: bytes, is_stored: bool) -> None:
        self._came.put(Heard(self._site, name, raw, is_stored))
