"""Which working scale a camera's frames need: learned from the faces that were found. Pure: no clock, no picture.

::

    base ──► probe at twice that ──► what the smallest faces need ──► … a probe again after 30 looks, 60, 120, 240

The larger scale is kept while faces that need it were found within the last 30 looks, so it does not flap.
"""

import math
from dataclasses import dataclass, field

from agent.core.events import Detection
from hw.eye.plan import LARGEST_PX, Plan, plan_for

# A face of so many px is found without enlarging; a smaller one is brought up to GOOD_PX. Source: two group photos (52
# and 77 people) reduced so that faces have 4 to 14 px. At 8 px 39 and 61 are found as they are, at 10 px 46 and 74,
# from 12 on all; enlarged to 20 to 30 px all are from 5 px on. Enlarged beyond need one or two mistakes come with them.
ENOUGH_PX, GOOD_PX = 16.0, 20.0
STEPS = (0.25, 0.35, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 4.0)
PROBE = 2.0  # a step of 1.5 did not show faces of 4 px at all, one of 2 shows a third of them
PROBE_EVERY, HOLD_LOOKS, COARSE_EVERY = 30, 30, 10
# A probe costs four looks. Where it shows nothing new the next one waits twice as long, up to 8 minutes at 2 s a look.
MOST_PROBE_EVERY = 240
# A very large photo is reduced first: its faces are large too. Bounds the time, not the memory, which tiles bound.
BASE_PX = 4_000_000
MOST_PX = 16_000_000
# What is a little too dear is kept where it is in use, or the scale would flap with the noise of the clock.
GRACE = 1.25
# The smallest twentieth of the faces may be mistakes, and of several the smallest one: they decide nothing.
SMALL_RANK, SEVERAL = 0.05, 5


@dataclass(slots=True)
class Sizing:
    """What is known about the faces of one camera. Begins anew where the frame's size changes."""

    size: tuple[int, int] = (0, 0)
    looks: int = 0
    # The scale that each look's faces asked for; and the look that showed the last large face.
    _needs: list[tuple[int, float]] = field(default_factory=list)
    _large_at: int = -COARSE_EVERY
    _scale: float = 0.0
    _probed_at: int | None = None
    _probe_every: int = PROBE_EVERY

    def plan(self, width: int, height: int, most_px: float = MOST_PX) -> Plan:
        """How to look at the next frame.

        Args:
            width: Of the frame, in pixels.
            height: The same.
            most_px: What the working picture may have, for the box's speed; the scale goes below 1 for it.
        """
        if (width, height) != self.size:
            self.reset(width, height)
        bound = min(most_px, MOST_PX)
        self._scale = self._affordable(self.wanted, bound)
        probe = self._affordable(min(PROBE * self._scale, self._top()), bound)
        if self._is_probe_due() and probe > self._scale:
            return plan_for(width, height, probe)
        return plan_for(width, height, self._scale)

    def learn(self, faces: tuple[Detection, ...]) -> None:
        """Take in what the last look found."""
        if self._is_probe_due():
            # Also where there is nothing to probe with: the question has been asked.
            if self._probed_at is not None:
                is_new = self._need(faces) > self.wanted
                self._probe_every = PROBE_EVERY if is_new else min(2 * self._probe_every, MOST_PROBE_EVERY)
            self._probed_at = self.looks
        self.looks += 1
        self._needs.append((self.looks, self._need(faces)))
        self._needs = [(at, scale) for at, scale in self._needs if at > self.looks - HOLD_LOOKS]
        # So large that a tile may not have shown it at all. For the usual scale: a probe's tiles see less of the room.
        if any(max(face.w, face.h) * self._scale > 1.5 * LARGEST_PX for face in faces):
            self._large_at = self.looks

    @property
    def wanted(self) -> float:
        """The scale that the faces need, whatever it costs."""
        return max((scale for _, scale in self._needs), default=self._base())

    @property
    def is_settled(self) -> bool:
        """False while a larger scale has not been tried yet."""
        return self._probed_at is not None

    @property
    def is_coarse_due(self) -> bool:
        """True where the coarser levels are to be looked at even if the finest shows no large face."""
        return self.looks % COARSE_EVERY == 0 or self.looks - self._large_at < COARSE_EVERY

    def reset(self, width: int, height: int) -> None:
        """Forget everything: another camera, or another picture."""
        self.size, self.looks, self._needs = (width, height), 0, []
        self._large_at, self._scale = -COARSE_EVERY, 0.0
        self._probed_at, self._probe_every = None, PROBE_EVERY

    def _is_probe_due(self) -> bool:
        if self._probed_at is None:
            return self.looks > 0  # the first look shows what is there, the second what enlarging adds
        return self.looks - self._probed_at >= self._probe_every

    def _base(self) -> float:
        width, height = self.size
        return min(1.0, math.sqrt(BASE_PX / max(1, width * height)))

    def _top(self) -> float:
        return STEPS[-1] * self._base()

    def _need(self, faces: tuple[Detection, ...]) -> float:
        base = self._base()
        if not faces:
            return base
        sizes = sorted(max(face.w, face.h) for face in faces)
        small_px = max(1.0, sizes[max(int(SMALL_RANK * len(sizes)), len(sizes) >= SEVERAL)])
        if small_px * base >= ENOUGH_PX:
            return base
        return next((base * step for step in STEPS if step > 1 and small_px * base * step >= GOOD_PX), self._top())

    def _affordable(self, scale: float, most_px: float) -> float:
        """The scale, or the largest step below it that the bound allows."""
        pixels, base = max(1, self.size[0] * self.size[1]), self._base()
        steps = [scale, *(base * step for step in reversed(STEPS) if base * step < scale)]

        def is_affordable(step: float) -> bool:
            return pixels * step**2 <= most_px * (GRACE if step == self._scale else 1.0)

        return next(filter(is_affordable, steps), base * STEPS[0])
