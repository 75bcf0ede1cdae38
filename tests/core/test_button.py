"""agent/core/button.py: what a finger means, as a table; two holds while a conference is live; ghosts are counted."""

from dataclasses import replace
from typing import Any

import pytest

from agent.core import button
from agent.core.button import HOLD_AGAIN_WITHIN_S, LOCKED_NOTICE_S, REFUSALS_EVERY_S, Finger, Situation, Touch
from agent.core.commands import NoteEvent
from agent.core.config import ButtonSection
from agent.core.events import ButtonHeld, ButtonPressed, ButtonReleased, Event, RoomState, Tick

SECTION = ButtonSection()
NOW_S = 5000.0
POWERED: list[RoomState] = ["starting", "on", "fault"]


class Hand:
    """A finger on the button of a room that stands as it is told."""

    def __init__(self, state: RoomState, locked: bool = False, **found: Any) -> None:
        self.found = Situation(state, locked, **found)
        self.finger, self.now_s = Finger(), NOW_S
        self.events: list[NoteEvent] = []

    def do(self, event: Event) -> str | None:
        touch = button.handle(self.finger, event, self.found, self.now_s, SECTION)
        self.finger = touch.finger
        self.events += [each for each in touch.remarks if isinstance(each, NoteEvent)]
        return touch.wish

    def hold(self) -> list[str | None]:
        """Press, wait until it counts, let go."""
        wishes = [self.do(ButtonPressed())]
        self.now_s += SECTION.hold_s
        return [*wishes, self.do(ButtonHeld()), self.do(ButtonReleased())]

    def tap(self) -> list[str | None]:
        wishes = [self.do(ButtonPressed())]
        self.now_s += 0.2
        return [*wishes, self.do(ButtonReleased())]


@pytest.mark.parametrize("locked", [False, True])
@pytest.mark.parametrize(
    ("state", "tap", "hold"),
    [
        ("off", ["on", None], ["on", None, None]),
        ("starting", [None, None], [None, "off", None]),
        ("on", [None, None], [None, "off", None]),
        ("stopping", [None, None], [None, None, None]),
        ("fault", [None, "on"], [None, "off", None]),
    ],
)
def test_what_a_tap_and_a_hold_wish(state: RoomState, tap: list[Any], hold: list[Any], locked: bool) -> None:
    assert Hand(state, locked).tap() == tap
    expected = [None if locked and wish == "off" else wish for wish in hold]
    assert Hand(state, locked).hold() == expected


@pytest.mark.parametrize("state", POWERED)
def test_a_locked_room_goes_off_at_the_second_hold(state: RoomState) -> None:
    hand = Hand(state, locked=True)
    assert hand.hold() == [None, None, None]
    hand.now_s += 2
    assert hand.hold() == [None, "off", None]


@pytest.mark.parametrize("state", POWERED)
def test_one_long_hold_of_a_locked_room_is_one_hold(state: RoomState) -> None:
    hand = Hand(state, locked=True)
    hand.do(ButtonPressed())
    for _ in range(5):
        hand.now_s += SECTION.hold_s
        assert hand.do(ButtonHeld()) is None


@pytest.mark.parametrize(("later_s", "wish"), [(HOLD_AGAIN_WITHIN_S - 0.1, "off"), (HOLD_AGAIN_WITHIN_S, None)])
def test_the_second_hold_comes_within_ten_seconds_or_is_a_first_one(later_s: float, wish: str | None) -> None:
    hand = Hand("on", locked=True)
    hand.hold()
    hand.now_s += later_s
    assert hand.hold()[1] == wish
    if wish is None:
        assert hand.hold()[1] == "off"


def test_the_longest_hold_that_a_config_may_ask_for_can_be_done_twice() -> None:
    section = ButtonSection(hold_s=30)
    finger, now_s, wishes = Finger(), NOW_S, []
    for _ in range(2):
        for event, pause_s in ((ButtonPressed(), 30.0), (ButtonHeld(), 1.0), (ButtonReleased(), 1.0)):
            touch = button.handle(finger, event, Situation("on", locked=True), now_s, section)
            finger, now_s = touch.finger, now_s + pause_s
            wishes.append(touch.wish)
    assert wishes == [None, None, None, None, "off", None]


def test_a_conference_that_ends_between_the_holds_leaves_nothing_armed() -> None:
    hand = Hand("on", locked=True)
    hand.hold()
    hand.found = replace(hand.found, locked=False)
    assert hand.hold()[1] == "off"
    hand.found = replace(hand.found, locked=True)
    assert hand.hold()[1] is None


@pytest.mark.parametrize(
    ("held", "shown_s"), [(False, LOCKED_NOTICE_S), (True, HOLD_AGAIN_WITHIN_S + SECTION.hold_s)], ids=["press", "hold"]
)
def test_the_lamp_is_told_for_how_long_to_say_that_the_room_is_locked(held: bool, shown_s: float) -> None:
    hand = Hand("on", locked=True)
    hand.hold() if held else hand.tap()
    shown_since_s = hand.now_s
    assert hand.finger.notice_until_s == shown_since_s + shown_s
    hand.now_s += shown_s
    hand.do(Tick())
    assert hand.finger.notice_until_s is None


def test_a_press_in_a_locked_room_is_said_in_the_history() -> None:
    hand = Hand("on", locked=True)
    hand.tap()
    assert hand.events == [NoteEvent("button.refused", "info", "button", {"reason": "locked", "count": 1})]


@pytest.mark.parametrize(("since_s", "is_ghost"), [(0.0, True), (0.49, True), (0.5, False), (60.0, False)])
@pytest.mark.parametrize("what", ["switched_s", "begun_s"])
def test_a_press_just_after_a_load_was_switched_is_a_ghost(what: str, since_s: float, is_ghost: bool) -> None:
    hand = Hand("off", **{what: NOW_S - since_s})
    assert hand.do(ButtonPressed()) == (None if is_ghost else "on")
    assert (hand.finger.presses, hand.finger.ghosts) == (1, int(is_ghost))


def test_a_thousand_ghosts_are_counted_and_make_a_line_a_minute() -> None:
    hand = Hand("on")
    for number in range(1000):
        hand.now_s = NOW_S + number * 0.1
        hand.found = Situation("on", switched_s=hand.now_s)
        hand.do(ButtonPressed())
        hand.do(ButtonReleased())
    assert (hand.finger.presses, hand.finger.ghosts) == (1000, 1000)
    assert [each.detail["count"] for each in hand.events] == [1, round(REFUSALS_EVERY_S * 10)]


def test_a_ghost_in_a_locked_room_does_not_light_the_lamp() -> None:
    hand = Hand("on", locked=True, switched_s=NOW_S)
    hand.tap()
    assert hand.finger.notice_until_s is None


def test_a_bounce_of_the_press_that_switched_on_never_grows_into_a_hold() -> None:
    hand = Hand("starting", begun_s=NOW_S)
    assert hand.hold() == [None, None, None]


@pytest.mark.parametrize("event", [ButtonReleased(), ButtonHeld(), Tick()])
def test_what_no_press_came_before_means_nothing(event: Event) -> None:
    for state in (*POWERED, "off", "stopping"):
        touch = button.handle(Finger(), event, Situation(state), NOW_S, SECTION)  # type: ignore[arg-type]
        assert touch == Touch(Finger())
