"""What a centre says it has of one site's rows, from the numbers that its database has. Pure.

Each row says which one is before it on the site's disk (``prev``), so what is between the two is gone: thinned when the
disk was full, or kept long enough. A number that is not here and not gone is a hole: on its way, or lost on its way.
"""

from collections.abc import Container, Sequence
from dataclasses import dataclass
from itertools import takewhile

from agent.core.contract import MISSING_MAX, HistoryAck

Here = tuple[int, int]  # a row's number, and the one before it


@dataclass(frozen=True, slots=True)
class Progress:
    """All up to ``upto`` is here or gone; ``holes`` are the first numbers above it that are neither, in order.

    ``newest`` is the highest number that is here; ``more`` says that there are more holes than can be named.
    """

    upto: int
    newest: int
    holes: tuple[int, ...] = ()
    more: bool = False


def progress(upto: int, here: Sequence[Here], wanted: int = 0) -> Progress:
    """How far it is.

    Args:
        upto: From where nothing has to be looked at any more.
        here: The rows above it that the database has, in order.
        wanted: The site was told that all up to here is at the centre (by a database that was lost since).
    """
    newest, reached = upto, upto
    holes: list[int] = []
    for seq, prev in here:
        # Of the numbers before a row only the one that it names is known to be there; asked for one that is gone, the
        # site answers with the next one, which says more.
        holes += _some(range(reached + 1, min(prev, seq - 1) + 1), holes)
        newest = reached = seq
    holes += _some(range(reached + 1, wanted + 1), holes)
    if holes:
        return Progress(holes[0] - 1, newest, tuple(holes), len(holes) > MISSING_MAX)
    return Progress(max(newest, wanted), newest)


def ack(epoch: str, state: Progress, told: int, old: Container[int]) -> HistoryAck | None:
    """What to say to the site; None: nothing that it would listen to.

    Args:
        epoch: The site's.
        state: How far it is.
        told: What the site was told before: a lower number means nothing to it.
        old: Holes that have been there for a while, so they are not on their way.
    """
    named = tuple(takewhile(lambda seq: seq in old, state.holes))
    if state.more and len(named) > MISSING_MAX:
        return HistoryAck(epoch=epoch, upto=state.upto, missing=(), resend_from=state.upto + 1)
    young = next((seq for seq in state.holes if seq not in old), None)
    # With no young hole all that is here may be acknowledged, and what the site was told before with it.
    upto = young - 1 if young is not None else max(state.newest, told)
    return None if upto < told else HistoryAck(epoch=epoch, upto=upto, missing=named)


def _some(lacking: range, holes: list[int]) -> list[int]:
    """As many of the numbers as can still be named, and one more."""
    return list(lacking[: max(0, MISSING_MAX + 1 - len(holes))])
