"""Times of a document as people at the conference read their clocks."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo


class Local:
    """By the conference's time zone. Takes what the document holds, ISO 8601 in UTC."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.zone = ZoneInfo(document["conference"]["timezone"])
        self._total_from, self._every_s = self.moment(document["total"]["from"]), document["total"]["every_s"]
        self._day = self.moment(document["conference"]["starts_at"]).date()

    def moment(self, at: str) -> datetime:
        """With the zone."""
        return datetime.fromisoformat(at).astimezone(self.zone)

    def clock(self, at: str | None) -> str:
        """``08:30``; with the day where it is not the conference's; nothing for None."""
        if at is None:
            return ""
        moment = self.moment(at)
        return moment.strftime("%H:%M" if moment.date() == self._day else "%d/%m %H:%M")

    def day(self, at: str) -> str:
        """``20/11/2026``."""
        return self.moment(at).strftime("%d/%m/%Y")

    def stamp(self, at: str | None) -> str:
        """``2026-11-20 08:30:00``, which a spreadsheet takes for a time in every language."""
        return "" if at is None else self.moment(at).strftime("%Y-%m-%d %H:%M:%S")

    def step(self, number: int) -> str:
        """The clock at a step of the curve over all sites."""
        return (self._total_from + timedelta(seconds=number * self._every_s)).strftime("%H:%M")
