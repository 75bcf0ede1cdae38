"""The button on a real line: order and times of the loads, bouncing presses, and what the agent adds to the kernel."""

from itertools import pairwise

import pytest

from agent.console.ask import Asking
from agent.core.identity import broker_at
from tests.conftest import Ear, wait_for
from tests.vm.box import SITE, TEST, Box
from tests.vm.conftest import Counts, note
from tests.vm.rooms import DEBOUNCE_S, HOLD_S, LOADS, OFF_PACE_S, ONE_LOAD, RELEASED, ROOM, SETTLE_S
from tests.vm.trace import Entry, levels_set

pytestmark = pytest.mark.vm

# How late the next load may be in an emulated machine whose processors others use too. Never early.
LATE_S = 0.5
BATCH = 50
# Within a bounce, half of the debounce time: after a longer pause the kernel may rightly take a bounce for a press.
LONGEST_PAUSE_MS = 15.0
MOST_MS_MORE, ENOUGH_TURNS = 10.0, 100
BARE_RELAY, BARE_BUTTON = 23, 22


def apart(entries: list[Entry]) -> list[float]:
    """The seconds between the loads' switching."""
    times = [at_s for at_s, _, _ in levels_set(entries, LOADS)]
    return [round(later - earlier, 3) for earlier, later in pairwise(times)]


def on_time(found: list[float], wanted: list[float]) -> bool:
    return len(found) == len(wanted) and all(
        at_least <= seconds <= at_least + LATE_S for seconds, at_least in zip(found, wanted, strict=True)
    )


def test_a_press_brings_the_loads_up_in_order_and_a_hold_down_in_reverse(box: Box) -> None:
    box.begin(ROOM)
    assert box.levels(tuple(LOADS)) == RELEASED
    with box.watched() as up:
        box.press()
        wait_for(lambda: box.levels(tuple(LOADS)) == LOADS, "the loads come up")
    assert [(pin, level) for _, pin, level in levels_set(up, LOADS)] == [(5, 0), (6, 1), (13, 1)]
    assert on_time(apart(up), [SETTLE_S[5], SETTLE_S[6]]), apart(up)
    with box.watched() as down:
        box.press(for_s=HOLD_S + 0.5)
        wait_for(lambda: box.levels(tuple(LOADS)) == RELEASED, "the loads go down")
    assert [(pin, level) for _, pin, level in levels_set(down, LOADS)] == [(13, 0), (6, 0), (5, 1)]
    assert on_time(apart(down), [OFF_PACE_S, OFF_PACE_S]), apart(down)
    note(f"a press: loads {apart(up)} s apart; a hold: {apart(down)} s apart")


def presses_counted(box: Box, ear: Ear) -> int:
    """What the agent has counted, asked for now."""
    ear.forget()
    answer = Asking(broker_at(box.broker_url()), SITE, lambda presence: None).ask("report", {}, "tests")
    assert answer.result is not None, answer
    health = ear.wait("/health", lambda document: "button_presses" in document, "after a report")
    count: int = health["button_presses"]
    return count


@pytest.mark.thorough
def test_every_bouncing_press_is_one_press(room_on: Box, ear: Ear, counts: Counts) -> None:
    before, done, seed, spoiled = presses_counted(room_on, ear), 0, 0, 0
    with room_on.watched() as entries:
        while done < counts.presses:
            seed += 1
            pause_ms = float(room_on.run(f"python3 {TEST}/finger.py bounce {BATCH} {seed}"))
            after = presses_counted(room_on, ear)
            if pause_ms < LONGEST_PAUSE_MS:
                assert after - before == BATCH, f"seed {seed}, longest pause within a bounce {pause_ms} ms"
                done += BATCH
            else:  # this machine stood still in the middle of a bounce: that was another press than was meant
                spoiled += 1
                assert spoiled <= 3 + counts.presses // BATCH, f"the machine stands still too often: {pause_ms} ms"
            before = after
    assert levels_set(entries, LOADS) == [], "a press in a room that is on moves nothing"
    note(f"{done} bouncing presses: {done} presses; {spoiled} batches of {BATCH} spoiled by the machine")


def delays_ms(entries: list[Entry]) -> dict[str, list[float]]:
    """From a mark to the next relay edge, less the debounce time, for each of the two, in milliseconds.

    All times are the trace's own. The mark is written by the finger just before it changes the button's pull; that
    moment is in both in the same way. A relay edge is the kernel's ``gpio_value`` event, written when the line is
    driven, so neither Python's clock nor a scheduling delay after it has a part in the number.
    """
    relay = {"agent": 5, "bare": BARE_RELAY}
    found: dict[str, list[float]] = {"agent": [], "bare": []}
    for place, entry in enumerate(entries):
        if entry.kind == "mark":
            later = levels_set(entries[place:], [relay[entry.words]])
            found[entry.words].append((later[0][0] - entry.at_s - DEBOUNCE_S) * 1000)
    return found


def share(values: list[float], part: float) -> float:
    """The smallest value that so many of them do not exceed."""
    return sorted(values)[max(0, -(-len(values) * int(part * 100) // 100) - 1)]


@pytest.mark.thorough
def test_a_press_reaches_the_relay_nearly_as_fast_as_a_bare_loop(box: Box, counts: Counts) -> None:
    box.begin(ONE_LOAD)
    bare = f"{TEST}/bare_loop.py /dev/gpiochip0 {BARE_BUTTON} {BARE_RELAY} {DEBOUNCE_S * 1e6:.0f}"
    box.run(f"systemd-run -q --unit bare-loop python3 {bare}")
    wait_for(lambda: "bare-loop" in box.run("gpioinfo"), "the bare loop listens")
    try:
        with box.watched() as entries:
            box.run(f"python3 {TEST}/finger.py compare {counts.turns} 0.8", timeout_s=60 + 10 * counts.turns)
    finally:
        box.run("systemctl stop bare-loop")
    found = delays_ms(entries)
    for who, delays in found.items():
        parts = ", ".join(f"p{part * 100:.0f} {share(delays, part):.1f}" for part in (0.5, 0.9, 0.99))
        note(f"button edge to relay edge after the debounce time, {who}, {len(delays)} presses: {parts} ms")
    more = {part: share(found["agent"], part) - share(found["bare"], part) for part in (0.5, 0.99)}
    note(f"the agent's p50 is {more[0.5]:.1f} ms, its p99 {more[0.99]:.1f} ms more than the bare loop's")
    assert len(found["agent"]) == len(found["bare"]) == counts.turns
    # A time is judged where there are enough of them; of a few presses the p99 is just the worst one, which is the
    # emulated machine's as often as the agent's.
    if counts.turns >= ENOUGH_TURNS:
        assert more[0.99] <= MOST_MS_MORE
