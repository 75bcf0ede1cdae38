"""All sites and their tiles as messages come: what has changed since one last asked. Touches nothing."""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from math import ceil

from agent.console.board.deaf import Hearing, deafness
from agent.console.board.tile import Acknowledged, Tile, tile
from agent.console.board.trend import Row, Trends
from agent.console.sites import SiteView, taken
from agent.console.trouble import Trouble, believed
from agent.core.contract import Payload

log = logging.getLogger("diemcau.board")

CLEARED_SHARE = 0.1  # of the sites, and one may always be

Acks = Mapping[str, Mapping[str, Acknowledged]]  # by site, by the key


class Fold:
    """Thread: one; ``views`` may be looked into from any.

    Tiles are made when ``news`` is asked for, once for all that came meanwhile.
    """

    def __init__(self) -> None:
        self.views: dict[str, SiteView] = {}
        self.tiles: dict[str, Tile] = {}
        self._trends = Trends()
        self._acks: Acks = {}
        self._heard: set[str] = set()
        self._stale: set[str] = set()  # whose tile may be another one
        self._round: list[str] = []
        self._hearing = Hearing(is_connected=False)
        self._known = 0  # sites when the connection began; since then nothing has come of these:
        self._untold: set[str] = set()

    def take(self, site: str, name: str, raw: bytes, now: datetime) -> Payload | None:
        """Take one message in; what it said, where that could be read and is news."""
        before = self.views.get(site) or SiteView(site)
        view, payload = taken(before, name, raw, now)
        self._untold.discard(site)
        if view is not before:
            self.views[site] = view
            self._heard.add(site)
        return payload

    def hears(self, is_connected: bool, now: datetime) -> None:
        """Whether what sites say reaches us."""
        if is_connected != self._hearing.is_connected:
            self._hearing = Hearing(is_connected, now)

    def connected(self) -> None:
        """The broker begins to tell what it has stored."""
        self._untold, self._known = set(self.views), len(self.views)

    def learned(self) -> None:
        """It has told it. A site of which it had nothing was cleared while we were away; but where that is so of many
        the broker has lost what it had, and a site that has gone is not to vanish with that.
        """
        untold, self._untold = self._untold, set()
        if len(untold) < self._known and len(untold) <= max(1, CLEARED_SHARE * self._known):
            self.views.update((site, SiteView(site)) for site in untold)
            self._stale |= untold

    def load(self, rows: Sequence[Row], now: datetime) -> None:
        """Rows of the history, for the trends."""
        self._trends.load(rows, now.timestamp())
        self._stale.update({row[0] for row in rows})

    def acknowledged(self, acks: Acks) -> None:
        """Take all acknowledgements as they are now."""
        either = self._acks.keys() | acks.keys()
        self._stale |= {site for site in either if self._acks.get(site) != acks.get(site)}
        self._acks = acks

    def look(self, share: float) -> None:
        """Look at this share of the sites anew, whatever they say; after some goes at all of them."""
        if not self._round:
            self._round = list(self.views)
        for _ in range(min(len(self._round), ceil(share * len(self.views)))):
            self._stale.add(self._round.pop())

    def news(self, now: datetime) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
        """Since the last call: sites whose tile is another one, those that are no more, those that were heard."""
        looked, heard = self._stale | self._heard, frozenset(self._heard)
        self._stale, self._heard = set(), set()
        gone = frozenset(site for site in looked if site in self.views and self.views[site].is_blank)
        for site in gone:
            del self.views[site]
            self._trends.forget(site)
        deaf = deafness(self._hearing, now)
        changed = frozenset(site for site in looked if site in self.views and self._has_changed(site, now, deaf))
        return changed, frozenset(self._forgotten(gone)), heard - gone

    def _forgotten(self, gone: frozenset[str]) -> list[str]:
        return [site for site in gone if self.tiles.pop(site, None) is not None]

    def _has_changed(self, site: str, now: datetime, deaf: Trouble | None) -> bool:
        try:
            return self._is_new(site, now, deaf)
        except Exception:  # an error of ours about one site must not keep all others from the screen
            log.exception("the tile of %s cannot be made; it stays as it was", site)
            return False

    def _is_new(self, site: str, now: datetime, deaf: Trouble | None) -> bool:
        view, now_s = self.views[site], now.timestamp()
        count = believed(view, now)
        self._trends.put(site, None if count is None else count.value, now_s)
        made = tile(view, now, self._trends.of(site, now_s), self._acks.get(site), deaf)
        before, self.tiles[site] = self.tiles.get(site), made
        return made != before
