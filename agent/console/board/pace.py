"""When what has come is shown: at once where it comes alone, together where it comes in a burst. Pure.

Times are monotonic seconds.
"""

SHOW_EVERY_S = 0.25
# What comes together is shown together: a burst of messages is one change, unless it lasts longer than that.
LINGER_S, LONGEST_S = 0.05, 0.5
# At the start the broker tells what it has stored topic by topic: with half of them every site would be called silent.
LEARN_PAUSE_S, LEARN_WITHIN_S = 0.5, 10.0


class Pace:
    """Thread: one."""

    def __init__(self) -> None:
        self._news_s: float | None = None  # since when something waits to be shown
        self._looked = self._learns = False
        self._shown_s = self._up_s = self._stored_s = -LEARN_WITHIN_S

    @property
    def wait_s(self) -> float:
        """How long to wait for the next message."""
        return SHOW_EVERY_S if self._news_s is None else LINGER_S

    def came(self, now_s: float, is_stored: bool = False) -> None:
        """Something has come. ``is_stored``: the broker had it before we listened."""
        self._news_s = now_s if self._news_s is None else self._news_s
        if is_stored:
            self._stored_s = now_s

    def connected(self, now_s: float) -> None:
        """The broker begins to tell what it has stored."""
        self._up_s = self._stored_s = now_s
        self._learns = True

    def has_learned(self, now_s: float) -> bool:
        """True once for each connection: what the broker had stored has come."""
        if not self._learns or self._is_learning(now_s):
            return False
        self._learns = False
        return True

    def looked(self) -> None:
        """Nothing has come, but something may have changed with time alone."""
        self._looked = True

    def is_due(self, now_s: float, is_quiet: bool, knows_some: bool) -> bool:
        """Whether to look now for what has changed; that is then under way.

        Args:
            is_quiet: Nothing more waits to be taken in.
            knows_some: There are sites on the screen already.
        """
        if now_s - self._shown_s < SHOW_EVERY_S or (not knows_some and self._is_learning(now_s)):
            return False
        if self._news_s is None:
            is_due = self._looked
        else:
            waits_s = now_s - self._news_s
            is_due = waits_s >= LONGEST_S or (waits_s >= LINGER_S and is_quiet)
        if is_due:
            self._news_s, self._looked = None, False
        return is_due

    def shown(self, now_s: float) -> None:
        """There is another picture."""
        self._shown_s = now_s

    def _is_learning(self, now_s: float) -> bool:
        return now_s - self._stored_s < LEARN_PAUSE_S and now_s - self._up_s < LEARN_WITHIN_S
