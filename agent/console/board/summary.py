"""What stands above all sites: sums, states, and the conference. For the overview and for the wall."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from agent.console.board.gathering import Gathering, gathering
from agent.console.board.live import Live
from agent.console.board.render import PAGES, number
from agent.console.board.shown import SHAPE, STATE, Shown
from agent.core.contract import Conference


class Summary:
    """Panels by their id. Thread: the event loop's. A site's conference is looked up when the site was heard."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._conferences: dict[str, Conference] = {}
        self._at = -1

    def now(self, shown: Shown) -> Gathering | None:
        """The conference that is on, or the next."""
        for site, at in {**shown.heard, **shown.gone}.items():
            if at > self._at:
                self._look_up(site)
        self._at = shown.number
        return gathering(self._conferences.values(), datetime.now(UTC))

    def _look_up(self, site: str) -> None:
        view = self._live.view(site)
        told: Conference | None = getattr(view, "conference", None)
        if told is None:
            self._conferences.pop(site, None)
        else:
            self._conferences[site] = told

    def panels(self, shown: Shown) -> dict[str, str]:
        """``totals``, ``conference``, and ``n-<state>`` with how many sites are in each state."""
        sums = shown.picture.totals
        values = self.values(shown)
        return {
            "totals": PAGES.get_template("totals.html").render(values),
            "conference": PAGES.get_template("gathering.html").render(values),
            **{f"n-{state}": number(sums.by_state.get(state, 0)) for state in STATE},
        }

    def values(self, shown: Shown) -> Mapping[str, Any]:
        """What the templates are made from."""
        return {"sums": shown.picture.totals, "gathering": self.now(shown), "words": STATE, "shapes": SHAPE}
