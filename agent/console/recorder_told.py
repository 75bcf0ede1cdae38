"""What the sites were told of their rows. Bounded, whatever they send: what is not remembered is looked up again.

A site has one epoch, and a new one when its disk was lost; one that names a new epoch with each row is broken or
hostile, and nobody's memory is to grow for it. Of what is forgotten the worst is this: a hole of it counts as young
again, and rows that the database lost (an older backup was put back) are not asked for until its acknowledgement is
heard of again.
"""

from collections import OrderedDict
from dataclasses import dataclass, field

from agent.console.store import EPOCHS_MAX, Key
from agent.core.contract import HistoryAck

SITES_MAX = 100_000


@dataclass
class Told:
    """What a site was told, and since when each hole is one (monotonic seconds)."""

    upto: int = 0
    holes: dict[int, float] = field(default_factory=dict)
    said: HistoryAck | None = None
    said_s: float = 0.0


class Memory:
    """``Told`` by site and epoch; the ones used last are kept."""

    def __init__(self) -> None:
        self._sites: OrderedDict[str, OrderedDict[str, Told]] = OrderedDict()

    def __contains__(self, key: Key) -> bool:
        return key[1] in self._sites.get(key[0], ())

    def of(self, key: Key) -> Told:
        """What this one was told: nothing, where that is not known."""
        epochs = self._sites.setdefault(key[0], OrderedDict())
        told = epochs.setdefault(key[1], Told())
        epochs.move_to_end(key[1])
        self._sites.move_to_end(key[0])
        while len(epochs) > EPOCHS_MAX:
            epochs.popitem(last=False)
        while len(self._sites) > SITES_MAX:
            self._sites.popitem(last=False)
        return told

    def say_again(self) -> list[Key]:
        """All of them count as not said; returns whose they are."""
        for epochs in self._sites.values():
            for told in epochs.values():
                told.said = None
        return [(site, epoch) for site, epochs in self._sites.items() for epoch in epochs]
