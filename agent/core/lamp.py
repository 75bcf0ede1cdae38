"""What the lamp at the button says: one pattern for one state, the most urgent first. README has the table."""

from agent.core.commands import LedPattern, ShowLed
from agent.core.events import RoomState
from agent.core.power import Power

PATTERNS: dict[RoomState, LedPattern] = {"off": "off", "starting": "starting", "on": "ready", "stopping": "stopping"}


def show(power: Power, is_well: bool, files_are_broken: bool, identify: bool) -> ShowLed:
    """What to show now. Pure.

    Who stands at the button comes first (a hold that would count, then a lock), then who looks for the room, then what
    is wrong with it. A broken file never hides that loads are on their way.
    """
    finger = power.finger
    if finger.is_down and finger.hold_counts and power.state in ("starting", "on", "fault"):
        return ShowLed("holding")
    if finger.notice_until_s is not None:
        return ShowLed("locked")
    if identify:
        return ShowLed("identify")
    if files_are_broken and power.state in ("off", "on"):
        return ShowLed("broken")
    if power.state == "fault":
        return ShowLed("fault", (power.step or 0) + 1)
    if power.state == "on" and not is_well:
        return ShowLed("warning")
    return ShowLed(PATTERNS[power.state])
