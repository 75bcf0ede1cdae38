"""Sums over tiles: of all sites, and of each group of the hierarchy. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from agent.console.board.tile import State, Tile


@dataclass(frozen=True, slots=True)
class Totals:
    """``present`` is of the ``known`` sites, ``present_summoned`` and ``rate`` of those that were summoned too;
    ``summoned`` is of all, ``summoned_known`` of the known ones. ``waiting`` sites were summoned and are not known.
    """

    sites: int
    known: int
    present: int
    present_summoned: int
    summoned: int
    summoned_known: int
    waiting: int
    by_state: Mapping[State, int]

    @property
    def rate(self) -> float | None:
        """Present of summoned, over the sites whose number is known and that were summoned."""
        return self.present_summoned / self.summoned_known if self.summoned_known else None

    @property
    def there(self) -> int | None:
        """Of the summoned, where any are, else of all; None: not known."""
        if self.summoned:
            return self.present_summoned if self.summoned_known else None
        return self.present if self.known else None

    @property
    def others(self) -> int:
        """People at sites that were not summoned, while others are."""
        return self.present - self.present_summoned if self.summoned else 0


def totals(tiles: Iterable[Tile]) -> Totals:
    """The sums."""
    every = list(tiles)
    known = [each for each in every if each.present is not None]
    summoned = [each for each in known if each.summoned]
    return Totals(
        sites=len(every),
        known=len(known),
        present=sum(each.present or 0 for each in known),
        present_summoned=sum(each.present or 0 for each in summoned),
        summoned=sum(each.summoned or 0 for each in every),
        summoned_known=sum(each.summoned or 0 for each in summoned),
        waiting=sum(bool(each.summoned) and each.present is None for each in every),
        by_state=Counter(each.state for each in every),
    )
