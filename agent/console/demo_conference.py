"""The demo's conference: published to the rooms in our own time, and over when the script says so."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from agent.console.demo_sites import ENDS_S, ROLL_CALLS_S, STARTS_S, DemoSite
from agent.console.listener import Listener
from agent.core.contract import Conference

CONFERENCE, TITLE = "demo", "Hội nghị trực tuyến toàn tỉnh (thử)"


@dataclass(frozen=True, slots=True)
class Clock:
    """The script's clock: its second 0 on the monotonic one, and how many of its seconds pass in one of ours."""

    begins_s: float
    speed: float

    def at(self) -> float:
        """The second of the script that it is now; below 0 while the rooms start."""
        return (time.monotonic() - self.begins_s) * self.speed

    def moment(self, at_s: float) -> datetime:
        """When a second of the script is, was or will be."""
        return datetime.now(UTC) + timedelta(seconds=(at_s - self.at()) / self.speed)


def summon(sites: list[DemoSite], clock: Clock, listener: Listener) -> None:
    """Tell every room of the conference. The times are the same for all."""
    plan = Conference(
        id=CONFERENCE,
        title=TITLE,
        starts_at=clock.moment(STARTS_S),
        ends_at=clock.moment(ENDS_S),
        roll_calls=tuple(clock.moment(at_s) for at_s in ROLL_CALLS_S),
    )
    for site in sites:
        asked = plan.model_copy(update={"summoned": site.summoned})
        listener.publish_to(site.site, "conference", asked, retain=True)


class Course:
    """Says once each when the conference begins and when it is over."""

    def __init__(self, clock: Clock, report: str | None, say: Callable[[str], None]) -> None:
        self._clock, self._say = clock, say
        over = "Hội nghị đã kết thúc, các phòng vẫn chạy / the conference is over, the rooms go on."
        where = "" if report is None else f"\nBáo cáo / report: {report}"
        self._left = [(STARTS_S, "Hội nghị bắt đầu / the conference begins."), (ENDS_S, over + where)]

    def step(self) -> None:
        """Look at the clock."""
        while self._left and self._left[0][0] <= self._clock.at():
            self._say(self._left.pop(0)[1])
