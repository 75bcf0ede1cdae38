"""When the counting process runs, and what happens when it crashes, hangs or cannot see.

::

            wanted                        trouble, ended, silent
    idle ────────────► watching ─────────────────────────────────► waiting
     ▲                    │  ▲                                        │
     └──── not wanted ────┘  └────────────── retry_s ─────────────────┘

The eye may hang inside a driver for ever, so it is never asked to stop: it is ended from outside (``StopEye``).
"""

from dataclasses import dataclass, replace

from agent.core.commands import Command, Log, LookEvery, StopEye, WatchCamera
from agent.core.config import RoomConfig
from agent.core.events import Event, EyeAlive, EyeEnded, EyeReady, EyeTrouble, FrameSeen

# Importing OpenCV and reading the network takes 1 s on a PC and several on a small box that is busy starting up.
START_WITHIN_S = 30.0
# The eye says that it is alive once a second and before each look; longer than this and it hangs. A wrong headcount may
# stand no longer. A box that is slow at looking gets three times what its last look took.
SILENT_AFTER_S = 4.0
SLOW_LOOKS = 3
# An agent that wakes later than it wanted was held up itself, by a card that took seconds for a write, say. What the
# eye said meanwhile waits behind that, and is heard first.
LATE_S, HEARD_OUT_S = 0.25, 1.0
# A start costs a second of one core, and a camera that is back is to be counted with soon.
RETRY_FIRST_S, RETRY_CAP_S = 1.0, 8.0
GOOD_AFTER_S = 60.0  # a run this long forgets the failures before it
# Another program has the camera, as a rule the conference itself. It may let go of it for a moment, and a try of ours
# in that moment would take the camera away from it: so there are few tries. A count that is back a minute late is the
# smaller harm.
BUSY_AGAIN_S = 60.0


@dataclass(frozen=True, slots=True)
class EyeWatch:
    """Where the eye stands. ``watch`` numbers the orders: what an earlier process still sends is not believed.

    ``asked`` is the newest order; with another config it is given anew. ``look_s`` is how long the last look took, and
    ``last`` what its frame said about the eye's work (without faces); None before the first one. ``patient_until_s``:
    until then it is not taken for silent; 0.0: it has spoken since.
    """

    watch: int = 0
    node: str | None = None
    running: bool = False
    started_s: float = 0.0
    heard_s: float = 0.0
    patient_until_s: float = 0.0
    failures: int = 0
    retry_s: float | None = None
    detector: str | None = None
    model_sha256: str | None = None
    look_s: float | None = None
    last: FrameSeen | None = None
    asked: WatchCamera | None = None

    @property
    def deadline_s(self) -> float | None:
        """When this machine wants to be looked at again."""
        if self.running:
            if self.look_s is None:  # how long a look takes here is not known before the first one
                return max(self.patient_until_s, self.heard_s + START_WITHIN_S)
            return max(self.patient_until_s, self.heard_s + max(SILENT_AFTER_S, SLOW_LOOKS * self.look_s))
        return self.retry_s if self.node is not None else None


@dataclass(frozen=True, slots=True)
class Outcome:
    """The machine after a step, its commands, and the word for why nothing is counted, where that is new."""

    eye: EyeWatch
    commands: list[Command]
    trouble: str | None = None


def handle(
    eye: EyeWatch,
    event: Event,
    node: str | None,
    now_s: float,
    config: RoomConfig,
    is_loose: bool = False,
    is_busy: bool = False,
) -> Outcome:
    """One step. ``node`` is the camera to watch now, None for none. Pure.

    Another interval between two looks is only told to the eye that runs: who sits where stays known.
    ``is_loose``: a camera comes and goes, so that another node is no reason to begin with short pauses again.
    ``is_busy``: another program was found to have that camera, so that turning back to it is one more try.
    """
    if node != eye.node:
        return _turn_to(eye, node, now_s, config, is_loose, is_busy)
    if node is None:
        return Outcome(eye, [])
    told: list[Command] = []
    if eye.asked is not None and eye.asked != (order := _order(eye, eye.asked.watch, config)) and not is_busy:
        if order != replace(eye.asked, interval_s=order.interval_s):
            return _start(replace(eye, failures=0), now_s, config)
        told = [LookEvery(order)] if eye.running else []
        eye = replace(eye, asked=order)
    if eye.running:
        heard = _heard(eye, event, now_s)
        return replace(heard, commands=[*told, *heard.commands])
    if eye.retry_s is not None and now_s >= eye.retry_s:
        return _start(eye, now_s, config)
    return Outcome(eye, [])


def _turn_to(
    eye: EyeWatch, node: str | None, now_s: float, config: RoomConfig, is_loose: bool, is_busy: bool
) -> Outcome:
    stop: list[Command] = [StopEye()] if eye.running else []
    failures = eye.failures if is_loose or node is None else 0  # with no camera nobody knows yet which one comes
    eye = replace(eye, node=node, running=False, failures=failures, retry_s=None)
    if node is None:
        return Outcome(eye, stop)
    if is_busy:
        return Outcome(replace(eye, retry_s=now_s + BUSY_AGAIN_S), stop, "busy")
    return _start(eye, now_s, config)


def _order(eye: EyeWatch, watch: int, config: RoomConfig) -> WatchCamera:
    camera, headcount = config.camera, config.headcount
    return WatchCamera(
        watch=watch,
        node=eye.node or "",
        width=camera.width,
        height=camera.height,
        model=headcount.model,
        threshold=headcount.threshold,
        interval_s=headcount.interval_s,
        cpu_share=headcount.cpu_share,
    )


def _start(eye: EyeWatch, now_s: float, config: RoomConfig) -> Outcome:
    order = _order(eye, eye.watch + 1, config)
    eye = replace(eye, watch=order.watch, asked=order, running=True, started_s=now_s, heard_s=now_s, patient_until_s=0)
    eye = replace(eye, retry_s=None, look_s=None, last=None)
    return Outcome(eye, [order], "starting")


def _heard(eye: EyeWatch, event: Event, now_s: float) -> Outcome:
    match event:
        case EyeReady(watch=eye.watch, detector=detector, model_sha256=digest):
            ready = replace(_spoken(eye, now_s), detector=detector, model_sha256=digest)
            return Outcome(ready, [Log("info", f"eye: counting with {detector}")])
        case FrameSeen(watch=eye.watch, detect_ms=detect_ms):
            last = replace(event, detections=())
            seen = replace(_spoken(eye, now_s), failures=_forgiven(eye, now_s), look_s=detect_ms / 1000, last=last)
            return Outcome(seen, [])
        case EyeAlive(watch=eye.watch):
            return Outcome(replace(_spoken(eye, now_s), failures=_forgiven(eye, now_s)), [])
        case EyeTrouble(watch=eye.watch, reason=reason, message=message):
            return _failed(eye, reason, message, now_s)
        case EyeEnded(watch=eye.watch, message=message):
            return _failed(eye, "eye_ended", message, now_s)
    if eye.deadline_s is not None and now_s >= eye.deadline_s:
        if now_s - eye.deadline_s > LATE_S and not eye.patient_until_s:
            return Outcome(replace(eye, patient_until_s=now_s + HEARD_OUT_S), [])
        return _failed(eye, "eye_silent", f"said nothing for {now_s - eye.heard_s:.0f} s", now_s)
    return Outcome(eye, [])


def _spoken(eye: EyeWatch, now_s: float) -> EyeWatch:
    return replace(eye, heard_s=now_s, patient_until_s=0.0)


def _forgiven(eye: EyeWatch, now_s: float) -> int:
    return 0 if now_s - eye.started_s > GOOD_AFTER_S else eye.failures


def _failed(eye: EyeWatch, reason: str, message: str, now_s: float) -> Outcome:
    pause_s = BUSY_AGAIN_S if reason == "busy" else min(RETRY_CAP_S, RETRY_FIRST_S * 2**eye.failures)
    # The exponent is bounded with the pause: a camera that is gone for a year must not make a large number.
    failures = min(eye.failures + 1, 10)
    eye = replace(eye, running=False, failures=failures, retry_s=now_s + pause_s)
    return Outcome(eye, [StopEye(), Log("warning", f"eye: {reason}: {message}; again in {pause_s:.0f} s")], reason)
