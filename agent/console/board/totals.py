"""Sums over tiles: of all sites, and of each group of the hierarchy. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from agent.console.board.tile import State, Tile


@dataclass(frozen=True, slots=True)
class Totals:
    """``present`` and ``rate`` are of the ``known`` sites; ``summoned`` is of all, ``summoned_known`` of those."""

    sites: int
    known: int
    present: int
    summoned: int
    summoned_known: int
    by_state: Mapping[State, int]

    @property
    def rate(self) -> float | None:
        """Present of summoned, over the sites whose number is known and that were summoned."""
        return self.present / self.summoned_known if self.summoned_known else None


def totals(tiles: Iterable[Tile]) -> Totals:
    """The sums."""
    every = list(tiles)
    known = [each for each in every if each.present is not None]
    return Totals(
        sites=len(every),
        known=len(known),
        present=sum(each.present or 0 for each in known),
        summoned=sum(each.summoned or 0 for each in every),
        summoned_known=sum(each.summoned or 0 for each in known),
        by_state=Counter(each.state for each in every),
    )
