"""What a finger on the one button means: a press, a tap, a hold, or nothing.

::

                       the room is off   coming up   on        fault            going down
    press              on                -           -         -                -
    tap (let go early) -                 -           -         on, once let go  -
    hold               -                 off         off       off              -
    hold, live         -                 the second hold that begins within HOLD_AGAIN_WITHIN_S: off

A press at off acts when the button goes down; at a fault a tap acts when it comes up, because a hold begins with one
too, and somebody who wants everything off must not switch it on first. *Live* is a conference with a lock: then the
first hold only shows the lamp's ``locked``, and a press on a room that is on does the same.

A switched load induces presses on a button line. Those that come within ``ignore_after_switch_s`` after one are not a
person's and are counted; so are bounces of the press that began a start.
"""

from dataclasses import dataclass, field, replace
from typing import Literal

from agent.core.commands import Command, Log, NoteEvent
from agent.core.config import ButtonSection
from agent.core.events import ButtonHeld, ButtonPressed, ButtonReleased, Event, RoomState

# Time to let go, read the lamp, and hold again.
HOLD_AGAIN_WITHIN_S = 10.0
LOCKED_NOTICE_S = 2.0
# A contactor that chatters makes ghost presses by the hundred; the history needs to know, once in a while.
REFUSALS_EVERY_S = 60.0


@dataclass(frozen=True, slots=True)
class Refusals:
    """Presses of one kind that did nothing: how many since the history was told, and when that was."""

    unsaid: int = 0
    said_s: float | None = None


@dataclass(frozen=True, slots=True)
class Finger:
    """The button as it is now.

    ``hold_counts`` is True while the button is down from a press that found the room powered, so that the press that
    switches on can never grow into the hold that switches off; ``tap_retries`` while it is down from one at a fault,
    ``tap_says`` from one at a room that is on (letting go early then only makes the lamp say that it is locked).
    ``again_until_s``: until then a second hold switches a locked room off. ``notice_until_s``: until then the lamp says
    ``locked``. ``presses`` and ``ghosts`` count from the agent's start.
    """

    is_down: bool = False
    hold_counts: bool = False
    tap_retries: bool = False
    tap_says: bool = False
    again_until_s: float | None = None
    notice_until_s: float | None = None
    presses: int = 0
    ghosts: int = 0
    refusals: dict[str, Refusals] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Situation:
    """What a finger finds: the room's state, whether a conference is live, and what was switched when (monotonic)."""

    state: RoomState
    locked: bool = False
    begun_s: float | None = None
    switched_s: float | None = None


@dataclass(frozen=True, slots=True)
class Touch:
    """The finger after an event, and what it wishes of the room."""

    finger: Finger
    wish: Literal["on", "off"] | None = None
    remarks: tuple[Command, ...] = ()


def handle(finger: Finger, event: Event, found: Situation, now_s: float, section: ButtonSection) -> Touch:
    """One step. Pure; events that are no finger's only let a notice run out."""
    finger = _current(finger, now_s)
    match event:
        case ButtonPressed():
            down = replace(_up(finger), is_down=True, presses=finger.presses + 1)
            return _pressed(down, found, now_s, section)
        case ButtonReleased():
            return _released(finger, found, now_s)
        case ButtonHeld():
            return _held(finger, found, now_s, section)
    return Touch(finger)


def _current(finger: Finger, now_s: float) -> Finger:
    if finger.again_until_s is not None and now_s >= finger.again_until_s:
        finger = replace(finger, again_until_s=None)
    if finger.notice_until_s is not None and now_s >= finger.notice_until_s:
        finger = replace(finger, notice_until_s=None)
    return finger


def _pressed(finger: Finger, found: Situation, now_s: float, section: ButtonSection) -> Touch:
    # The press that began the start may bounce, also while its first load still waits out its least time off.
    is_bounce = _is_within(found.begun_s, now_s, section)
    if is_bounce or _is_within(found.switched_s, now_s, section):
        # No spike lasts as long as a hold.
        finger = replace(finger, hold_counts=not is_bounce, ghosts=finger.ghosts + 1)
        return _refused(finger, "ghost", "too soon after a load was switched or a start began", now_s)
    if found.state == "off":
        return Touch(finger, "on")
    finger = replace(finger, hold_counts=True, tap_retries=found.state == "fault", tap_says=found.state == "on")
    if found.state == "fault":
        return Touch(finger)
    return Touch(finger, None, (Log("info", f"button: pressed while {found.state}; only a hold changes that"),))


def _is_within(since_s: float | None, now_s: float, section: ButtonSection) -> bool:
    return since_s is not None and now_s - since_s < section.ignore_after_switch_s


def _released(finger: Finger, found: Situation, now_s: float) -> Touch:
    up = _up(finger)
    if found.state == "fault" and finger.tap_retries:
        return Touch(up, "on")
    if found.state == "on" and finger.tap_says and found.locked:
        return _locked(up, now_s, LOCKED_NOTICE_S, "locked", "a conference is live; only two holds switch off")
    return Touch(up)


def _up(finger: Finger) -> Finger:
    return replace(finger, is_down=False, hold_counts=False, tap_retries=False, tap_says=False)


def _held(finger: Finger, found: Situation, now_s: float, section: ButtonSection) -> Touch:
    if not finger.hold_counts or found.state in ("off", "stopping"):
        return Touch(finger)
    finger = replace(_up(finger), is_down=True)
    if found.locked and finger.again_until_s is None:
        # The second hold has to begin within that time, and is noticed when it has been long enough.
        again_s = HOLD_AGAIN_WITHIN_S + section.hold_s
        finger = replace(finger, again_until_s=now_s + again_s)
        return _locked(finger, now_s, again_s, "hold_again", "a conference is live: let go, then hold once more")
    return Touch(replace(finger, again_until_s=None, notice_until_s=None), "off")


def _locked(finger: Finger, now_s: float, notice_s: float, reason: str, sentence: str) -> Touch:
    # A tap between the two holds must not shorten the time that the lamp shows for the second.
    notice_until_s = max(now_s + notice_s, finger.notice_until_s or 0.0)
    finger = replace(finger, notice_until_s=notice_until_s)
    return _refused(finger, reason, sentence, now_s)


def _refused(finger: Finger, reason: str, sentence: str, now_s: float) -> Touch:
    """Say so in the log, and in the history: the first time at once, then with how many there were in between."""
    before = finger.refusals.get(reason, Refusals())
    after = replace(before, unsaid=before.unsaid + 1)
    remarks: tuple[Command, ...] = ()
    if before.said_s is None or now_s - before.said_s >= REFUSALS_EVERY_S:
        detail = {"reason": reason, "count": after.unsaid}
        remarks = (
            Log("info", f"button: ignored ({after.unsaid} times), {sentence}"),
            NoteEvent("button.refused", "info", "button", detail),
        )
        after = Refusals(0, now_s)
    return Touch(replace(finger, refusals={**finger.refusals, reason: after}), None, remarks)


def let_go(finger: Finger) -> Finger:
    """Another button, or this one anew: whether it is down is seen once it comes up."""
    return replace(finger, is_down=False, hold_counts=False, tap_retries=False, tap_says=False)
