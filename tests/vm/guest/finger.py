#!/usr/bin/python3
"""In the machine: presses buttons by their lines' pull, as a contact to ground would. Standard library only.

finger.py press [SECONDS]         the button, once
finger.py bounce PRESSES SEED     bouncing presses; prints the longest pause within a bounce, in milliseconds
finger.py compare TURNS HOLD_S    by turns, in the trace as "agent" and "bare": the agent's button, which the room
                                  comes up on and a hold of HOLD_S takes down again, and the bare loop's
"""

import os
import random
import sys
import time

import lines  # type: ignore[import-not-found]  # beside it, in the machine

BUTTON, BARE_BUTTON = 17, 22
LAST_LOAD = 5  # in the room of the comparison it is the only one, energised at low
# A level lasts at least this long, four times the debounce time; less would be a bounce to the kernel.
STEADY_S = 0.12
LONGEST_BOUNCE_S = 0.002
PATIENCE_S = 20.0
# After its last load the room takes a second (agent/core/power.py) before it is off; a press before that is nothing.
OFF_PACE_S = 1.5


class Button:
    """One button; down connects its line to ground."""

    def __init__(self, pin: int) -> None:
        self._pull = os.open(lines.sysfs() / f"sim_gpio{pin}/pull", os.O_WRONLY)

    def is_down(self, down: bool) -> None:
        os.write(self._pull, b"pull-down" if down else b"pull-up")

    def press(self, for_s: float) -> None:
        self.is_down(True)
        time.sleep(for_s)
        self.is_down(False)
        time.sleep(STEADY_S)


def bounce(presses: int, seed: int) -> None:
    """Each press and each release as 3 to 9 changes within a few milliseconds, the last of which stays."""
    button, chance, longest_s = Button(BUTTON), random.Random(seed), 0.0
    for _ in range(presses):
        for down in (True, False):
            level = down
            for left in reversed(range(1 + 2 * chance.randint(1, 4))):
                button.is_down(level)
                began_s, level = time.monotonic(), not level
                time.sleep(chance.uniform(0, LONGEST_BOUNCE_S) if left else STEADY_S)
                if left:
                    longest_s = max(longest_s, time.monotonic() - began_s)
    print(round(longest_s * 1000, 1))


def compare(turns: int, hold_s: float) -> None:
    """What a press takes to its relay, with the agent and with the bare loop."""
    agent, bare = Button(BUTTON), Button(BARE_BUTTON)
    marker = os.open(lines.TRACING / "trace_marker", os.O_WRONLY)
    for _ in range(turns):
        os.write(marker, b"agent")
        agent.press(STEADY_S)
        wait_for_level("0")
        agent.press(hold_s)
        wait_for_level("1")
        off_s = time.monotonic() + OFF_PACE_S
        os.write(marker, b"bare")
        bare.press(STEADY_S)
        time.sleep(max(0.0, off_s - time.monotonic()))


def wait_for_level(level: str) -> None:
    until_s = time.monotonic() + PATIENCE_S
    while lines.level(LAST_LOAD) != level:
        if time.monotonic() > until_s:
            raise SystemExit(f"load on pin {LAST_LOAD} does not become {level}")
        time.sleep(0.02)


def main(order: str, *words: str) -> None:
    """The command line. Nothing else may take the processor in the middle of a bounce."""
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))
    match order:
        case "press":
            Button(BUTTON).press(float(words[0]) if words else STEADY_S)
        case "bounce":
            bounce(int(words[0]), int(words[1]))
        case "compare":
            compare(int(words[0]), float(words[1]))
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main(*sys.argv[1:])
