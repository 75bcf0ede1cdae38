"""What was taken back while no recorder listened: an empty message is not stored, so nobody says it again.

After a connection the broker gives all that it has stored. A site of which it has a ``status`` but no ``conference`` is
not summoned any more. It may also be that the broker has lost its store; so something has to show that it has not.
"""

from collections.abc import Iterable

from agent.console.recorder_conferences import Summons

QUIET_ROUNDS = 5  # seconds without anything that was stored: all of it has come
# A broker drops what is too much at once, mosquitto by default beyond a thousand: after so many some may be missing.
SURELY_ALL = 1000


class Stored:
    """What has come on one connection. Thread: the caller's."""

    def __init__(self) -> None:
        self._holds: dict[str, str] = {}
        self._there: set[str] = set()
        self._quiet = 0

    def status(self, site: str) -> None:
        """The broker has its ``status``."""
        self._there.add(site)
        self._quiet = 0

    def conference(self, site: str, id_: str) -> None:
        """The site holds this one; empty: none, or one that nobody can read, and somebody heard of it."""
        self._holds[site] = id_
        self._quiet = 0

    def is_complete(self) -> bool:
        """Whether all that is stored has come; asked once a second."""
        self._quiet += 1
        return self._quiet >= QUIET_ROUNDS and bool(self._there)

    def missed(self, known: Iterable[Summons], now_s: float) -> list[str]:
        """The sites whose conference was taken back. ``known`` are all summons that are not, also of what is over."""
        every = list(known)
        held = [each for each in every if self._holds.get(each.site) == each.conference]
        oldest_s = min((each.received_s for each in held), default=float("inf"))
        by_others, is_all = {each.conference for each in held}, len(self._holds) < SURELY_ALL
        # Either the broker has it for other sites, or it has what it was given before: so it has lost nothing.
        return [
            each.site
            for each in every
            if each.ends_at_s > now_s
            and each.site in self._there
            and each.site not in self._holds
            and (is_all if each.conference in by_others else oldest_s <= each.received_s)
        ]
