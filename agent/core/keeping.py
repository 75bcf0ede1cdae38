"""What the disk knows of the room, and what it still has to be told.

One order (``Keep``) is under way at a time; its answer (``Kept``) comes before the next event. What could not be
written is held, and tried again after a while: a card that fails for an hour must neither forget how the room stands
nor lose what happened meanwhile. While it fails nothing else waits for it.
"""

from dataclasses import dataclass, field, replace

from agent.core import memory
from agent.core.commands import Command, Keep, NoteEvent
from agent.core.contract import HistoryRow

AGAIN_S = 30.0
# In memory while the disk cannot be written; some 500 bytes each. The oldest go, are counted, and the log has them all.
HELD_MAX = 500
# A plan may change as often as somebody writes it, and each time costs a commit: the newest is kept, now and then.
PLAN_PACE_S = 5.0
PLAN = {memory.CONFERENCE, memory.SCHEDULED}


@dataclass(frozen=True, slots=True)
class Keeper:
    """``facts`` are those that are on disk; ``held`` are rows of the history that are not yet; ``order`` is under way.
    ``dropped`` is how many rows went unwritten since the history was last told of such. ``absent`` is what a fact is on
    disk that is not among ``facts``: nothing, or (empty) nobody knows.

    ``again_s`` is when a disk that failed is tried again, ``plan_s`` when the plan may be written again, ``deadline_s``
    when there will be something to write (monotonic). ``survives``: what was written last is on a disk.
    """

    facts: dict[str, str] = field(default_factory=dict)
    held: tuple[HistoryRow, ...] = ()
    order: Keep | None = None
    again_s: float | None = None
    plan_s: float = 0.0
    deadline_s: float | None = None
    survives: bool = True
    dropped: int = 0
    absent: str = memory.NOTHING

    @property
    def forgets(self) -> bool:
        """What must survive a power cut does not."""
        return self.again_s is not None or not self.survives


def keep(
    keeper: Keeper, facts: dict[str, str], rows: tuple[HistoryRow, ...], now_s: float
) -> tuple[Keeper, list[Command]]:
    """Order what is new, or hold it. Pure.

    Args:
        keeper: The state before.
        facts: The facts as they are now, by name.
        rows: What this step has for the history.
        now_s: Monotonic seconds.
    """
    held = (*keeper.held, *rows)
    keeper = replace(keeper, held=held[-HELD_MAX:], dropped=keeper.dropped + max(0, len(held) - HELD_MAX))
    new = {name: text for name, text in facts.items() if text != keeper.facts.get(name, keeper.absent)}
    is_early = now_s < keeper.plan_s and not keeper.held and set(new) <= PLAN
    is_failing = keeper.again_s is not None and now_s < keeper.again_s
    if keeper.order is not None or not (new or keeper.held):
        return replace(keeper, deadline_s=None), []
    if is_failing or is_early:
        return replace(keeper, deadline_s=keeper.again_s if is_failing else keeper.plan_s), []
    order = Keep(keeper.held, new)
    plan_s = now_s + PLAN_PACE_S if PLAN & set(new) else keeper.plan_s
    return replace(keeper, order=order, plan_s=plan_s, deadline_s=None), [order]


def answered(
    keeper: Keeper, is_on_disk: bool, now_s: float, survives: bool = True, lost_others: bool = False
) -> Keeper:
    """The disk has answered the order that was under way. Another file has none of the older facts, or older ones: all
    are written again, also those that are nothing now.
    """
    if lost_others:
        keeper = replace(keeper, facts={}, absent="")
    order = keeper.order
    if order is None:
        return keeper
    keeper = replace(keeper, survives=survives)
    if not is_on_disk:
        return replace(keeper, order=None, again_s=now_s + AGAIN_S)
    written = order.rows
    held = tuple(row for row in keeper.held if not any(row is each for each in written))
    return replace(keeper, facts={**keeper.facts, **order.facts}, held=held, order=None, again_s=None)


def told_dropped(keeper: Keeper) -> tuple[Keeper, list[Command]]:
    """Say how many rows went unwritten, once rows can be written again. They had no numbers."""
    if keeper.again_s is not None or not keeper.dropped:
        return keeper, []
    detail = {"from": 0, "to": 0, "count": keeper.dropped, "why": "disk_failed"}
    return replace(keeper, dropped=0), [NoteEvent("outbox.gap", "warning", None, detail)]
