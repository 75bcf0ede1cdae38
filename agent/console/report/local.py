"""Times of a document as people at the conference read their clocks."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from agent.console.report.attendance import LEAD_S, MINUTE_S

ABOUT_S = 10.0


class Local:
    """By the conference's time zone. Takes what the document holds, ISO 8601 in UTC."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.zone = ZoneInfo(document["conference"]["timezone"])
        self._total_from, self._every_s = self.moment(document["total"]["from"]), document["total"]["every_s"]
        self._day = self.moment(document["conference"]["starts_at"]).date()

    def moment(self, at: str) -> datetime:
        """With the zone; in UTC where a zone leaves the years that there are."""
        moment = datetime.fromisoformat(at)
        try:
            return moment.astimezone(self.zone)
        except (OverflowError, ValueError):
            return moment

    def clock(self, at: str | None) -> str:
        """``08:30``; with the day where it is not the conference's; nothing for None."""
        if at is None:
            return ""
        moment = self.moment(at)
        return moment.strftime("%H:%M" if moment.date() == self._day else "%d/%m %H:%M")

    def clock_beside(self, at: str, other: str) -> str:
        """The same with seconds, ``08:30:07``, where without them it would look like the other moment."""
        shown = self.clock(at)
        return shown if at == other or shown != self.clock(other) else f"{shown}:{self.moment(at):%S}"

    def is_about(self, at: str, other: str) -> bool:
        """They are so near that nobody need be told of the difference."""
        return abs(self.moment(at) - self.moment(other)) < timedelta(seconds=ABOUT_S)

    def reached(self, at: str, from_: str) -> str:
        """When so many were there, ``≤ 08:00`` where they were when one began to look, before ``from_``."""
        is_earlier = self.moment(from_) - self.moment(at) >= timedelta(seconds=LEAD_S)
        return f"{'≤ ' if is_earlier else ''}{self.clock(at)}"

    def day(self, at: str) -> str:
        """``20/11/2026``."""
        return self.moment(at).strftime("%d/%m/%Y")

    def stamp(self, at: str | None) -> str:
        """``2026-11-20 08:30:00``, which a spreadsheet takes for a time in every language."""
        return "" if at is None else self.moment(at).strftime("%Y-%m-%d %H:%M:%S")

    def step(self, number: int) -> str:
        """The clock at a step of the curve over all sites; with seconds where the steps are fine."""
        try:
            moment = self._total_from + timedelta(seconds=number * self._every_s)
            return moment.strftime("%H:%M" if self._every_s >= MINUTE_S else "%H:%M:%S")
        except OverflowError:
            return "?"
