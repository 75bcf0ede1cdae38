"""In which order sites are pushed to, and when that stops: one first, then a tenth, then all. Pure.

A wave has failed where a site refused, went back, may not be written to or did not answer: that may be the config's.
A site that could not begin in its time (``deferred``: its room is in use) says nothing against the config, but nothing
for it either, so a wave in which no site took it has failed as well.
"""

from collections.abc import Iterable, Sequence

from agent.console.config_push import Outcome

PART = 10  # the second wave is one of so many
NO_FAULT: tuple[Outcome, ...] = ("applied", "unchanged", "deferred")


def waves(sites: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """The sites in their order, in three waves at most; none of them is empty."""
    second = 1 + max(1, len(sites) // PART)
    cut = (sites[:1], sites[1:second], sites[second:])
    return tuple(tuple(each) for each in cut if each)


def has_failed(outcomes: Iterable[Outcome], is_unattended: bool = False) -> bool:
    """Whether nothing may begin after a wave that ended so. ``is_unattended``: it is known that sites take it later."""
    ended = list(outcomes)
    is_shown = is_unattended or "applied" in ended
    return not is_shown or any(each not in NO_FAULT for each in ended)
