"""Which camera counts: the main one, or the one that stands in for it while it is missing or another program has it.

A camera that was found busy is left alone until it was unplugged or the room was off: trying it again would end the
count of the other one each time, and the conference may be what uses it.
"""

from agent.core.checks import Checks
from agent.core.config import CameraSection


def chosen(camera: CameraSection, checks: Checks, busy: frozenset[str]) -> str | None:
    """The check whose camera is to be watched; None: none is there."""
    there = [name for name in (camera.check, camera.fallback) if name and checks.of(name).state == "ok"]
    return next((name for name in there if name not in busy), there[0] if there else None)


def still_busy(busy: frozenset[str], checks: Checks, is_counted: bool) -> frozenset[str]:
    """Those that are to be left alone as before."""
    return frozenset(name for name in busy if checks.of(name).state == "ok") if is_counted else frozenset()
