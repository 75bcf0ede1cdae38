"""Which camera counts: the main one, or the one that stands in for it while it is missing, another program has it, or
it gives no picture.

A camera that was found so is left alone until it was unplugged, the room was off, or the other one fails again and
again: trying it would end the count of the other one each time, and the conference may be what uses it. One that comes
and goes is held back until it has kept still for a while: starting the eye for every moment that it is there would take
a core of a small box.
"""

from collections.abc import Collection

from agent.core.checks import Checks
from agent.core.config import CameraSection
from agent.core.eye_watch import EyeWatch
from agent.core.readiness import Readiness

# A start takes a second of one core, so that a camera that comes and goes costs a fifth of one at most.
STEADY_AFTER_S = 5.0
LEFT_FOR = ("busy", "no_frames")  # why the eye gives a camera up for the other one at once
# In a row, of any kind, with the spare one: the main one may be fine again by now.
FAILURES_ENOUGH = 5


def chosen(
    camera: CameraSection, checks: Checks, left: Collection[str], held: Collection[str] = frozenset()
) -> str | None:
    """The check whose camera is to be watched; None: none is there. ``left`` only where there is no other."""
    there = [name for name in _named(camera) if checks.of(name).state == "ok" and name not in held]
    return next((name for name in there if name not in left), there[0] if there else None)


def is_given_up(trouble: str | None, eye: EyeWatch, left: Collection[str]) -> bool:
    """Whether the camera that the eye had ``trouble`` with makes way for the other one, where there is one."""
    fails_too = bool(left) and not eye.running and eye.failures >= FAILURES_ENOUGH
    return trouble in LEFT_FOR or (trouble is not None and fails_too)


def still_left(left: frozenset[str], checks: Checks, is_counted: bool) -> frozenset[str]:
    """Those that are to be left alone as before."""
    return frozenset(name for name in left if checks.of(name).state == "ok") if is_counted else frozenset()


def held(
    camera: CameraSection, checks: Checks, readiness: Readiness, tried: str | None, now_s: float
) -> dict[str, float]:
    """Cameras that come and go and have just come, and until when each is not to be started with.

    ``tried`` is the node that the eye looks at, or that another program was found to have; None: there is none. What
    works is not ended for this, and what is busy is left alone for longer.
    """
    seen = {name: checks.of(name) for name in _named(camera) if readiness.is_flapping(name)}
    until_s = {name: each.node_s + STEADY_AFTER_S for name, each in seen.items() if each.state == "ok"}
    return {name: at_s for name, at_s in until_s.items() if now_s < at_s and seen[name].node != tried}


def is_loose(camera: CameraSection, readiness: Readiness) -> bool:
    """Whether one of them comes and goes."""
    return any(readiness.is_flapping(name) for name in _named(camera))


def _named(camera: CameraSection) -> list[str]:
    return [name for name in (camera.check, camera.fallback) if name]
