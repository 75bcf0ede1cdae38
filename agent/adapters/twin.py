"""Whether another box has this site's name: a copied card, or a replaced box that still runs.

The broker lets only the newest of them stay, so each throws the other out. It may say so (reason 0x8E); older ones only
close, in an orderly way, where a line that flaps resets or goes silent. And while both are between two connections,
each may hear the other on the site's own status.
"""

import random
from collections import deque

from agent.core.contract import Status, decode

# Source: the contract; three orderly closes of the broker's, each so soon after it had accepted us.
SOON_S, CLOSES = 10.0, 3
# Two boxes that both wait so long change places once a minute at most.
BACK_OFF_S = (60.0, 120.0)
TOLD_EVERY_S = 3600.0


class Twin:
    """What speaks for a second box. Thread: the link's own.

    Args:
        boot_id: This machine's boot.
        session: This run of the agent.
    """

    def __init__(self, boot_id: str, session: str) -> None:
        self._own = (boot_id, session)
        self._closes: deque[bool] = deque(maxlen=CLOSES)
        self._told_s: float | None = None
        self.is_there = False

    def ended(self, taken_over: bool, by_broker: bool, lasted_s: float) -> str | None:
        """A connection that was accepted has ended. Returns what speaks for a second box, None: nothing."""
        if lasted_s > SOON_S and not taken_over:
            self._closes.clear()
            self.is_there = False
            return None
        self._closes.append(by_broker)
        if taken_over:
            return self._found("the broker says that another client has taken over (0x8E)")
        if len(self._closes) == CLOSES and all(self._closes):
            return self._found(f"the broker closed {CLOSES} connections within {SOON_S:.0f} s each")
        return None

    def heard(self, raw: bytes) -> str | None:
        """Somebody spoke on our own status. Returns what speaks for a second box, None: nothing."""
        try:
            status = decode(Status, raw)
        except ValueError:
            return None  # whoever may write there and writes nonsense is no box
        if status.state == "lost" or (status.boot_id, status.session) == self._own:
            return None  # a will is nobody's word, and it may be our own of an earlier boot
        return self._found(f"another box (boot {status.boot_id}) speaks as this site")

    def is_news(self, now_s: float) -> bool:
        """Whether it is to be told (again)."""
        if self._told_s is not None and now_s - self._told_s < TOLD_EVERY_S:
            return False
        self._told_s = now_s
        return True

    def back_off_s(self) -> float:
        """How long to wait before the next attempt, while there is another box."""
        return random.uniform(*BACK_OFF_S)  # noqa: S311 # no secret

    def _found(self, why: str) -> str:
        self.is_there = True
        return why
