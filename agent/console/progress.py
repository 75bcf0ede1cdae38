"""What a centre says it has of one site's rows, from the numbers that its database has. Pure.

A number that is not there may be on its way, lost on its way, or gone: the site let go of it when its disk was full,
and said so (``outbox.gap``). Only the site knows which numbers those are; the centre knows how many in which range,
and believes that those it lacks are they once it lacks no more than that.
"""

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile

from agent.core.contract import MISSING_MAX, HistoryAck


@dataclass(frozen=True, slots=True)
class GoneRange:
    """``count`` of the numbers ``first`` to ``last`` are gone."""

    first: int
    last: int
    count: int


@dataclass(frozen=True, slots=True)
class Progress:
    """All up to ``upto`` is here or gone; ``holes`` are the first numbers above it that are neither, in order.

    ``newest`` is the highest number that is here; ``more`` says that there are more holes than were counted.
    """

    upto: int
    newest: int
    holes: tuple[int, ...] = ()
    more: bool = False


def progress(upto: int, here: Sequence[int], gone: Iterable[GoneRange], wanted: int = 0) -> Progress:
    """How far it is.

    Args:
        upto: From where nothing has to be looked at any more.
        here: The numbers above it that the database has, in order.
        gone: What the site said of numbers that it let go of.
        wanted: The site was told that all up to here is at the centre (by a database that was lost since).
    """
    newest = max(here[-1] if here else upto, upto)
    lacking = _lacking(upto, here, max(newest, wanted))
    holes = _without_gone(lacking, tuple(gone))
    if holes:
        return Progress(holes[0] - 1, newest, tuple(holes[: MISSING_MAX + 1]), len(holes) > MISSING_MAX)
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


def _lacking(upto: int, here: Sequence[int], end: int) -> list[range]:
    """The ranges that are not here, above ``upto`` up to ``end``."""
    found = []
    expected = upto + 1
    for seq in here:
        if seq > expected:
            found.append(range(expected, seq))
        expected = max(expected, seq + 1)
    if end >= expected:
        found.append(range(expected, end + 1))
    return found


def _without_gone(lacking: list[range], gone: tuple[GoneRange, ...]) -> list[int]:
    """The first of the numbers that are lacking and not gone; a few more than can be named."""
    regions = _regions(gone)
    counted = {region: sum(_overlap(each, region) for each in lacking) for region in regions}
    settled = [region for region, count in regions.items() if counted[region] <= count]
    holes: list[int] = []
    for each in lacking:
        seq = each.start
        while seq < each.stop and len(holes) <= MISSING_MAX:
            region = next((region for region in settled if region[0] <= seq <= region[1]), None)
            if region is None:
                holes.append(seq)
                seq += 1
            else:
                seq = region[1] + 1
    return holes


def _regions(gone: tuple[GoneRange, ...]) -> dict[tuple[int, int], int]:
    """Ranges that overlap, joined, with how many numbers of them are gone in all."""
    joined: dict[tuple[int, int], int] = {}
    for each in sorted(gone, key=lambda one: one.first):
        last = next(reversed(joined), None)
        if last is not None and each.first <= last[1]:
            count = joined.pop(last)
            joined[(last[0], max(last[1], each.last))] = count + each.count
        else:
            joined[(each.first, each.last)] = each.count
    return joined


def _overlap(lacking: range, region: tuple[int, int]) -> int:
    return max(0, min(lacking.stop - 1, region[1]) - max(lacking.start, region[0]) + 1)
