"""Plays a script: presses the button, pulls devices, and says the truth. Lines of text press the button too."""

import logging
import queue
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, TextIO

from hw.simulated.script import Attendance, Cue, Film
from hw.simulated.usb_bus import SimulatedUsb

log = logging.getLogger("diemcau.simulated")

TAP_S = 0.15
TRUTH_EVERY_S = 5.0
HOLD_WORDS = {"h", "hold"}

SayTruth = Callable[[int], None]


class Finger:
    """A finger on a mock pin's button: a thread of its own, since pressing takes time. Source of the levels: the
    button lies between pin and ground, so pressed is low.
    """

    def __init__(self, pin: Any, hold_s: float) -> None:
        self._pin, self._hold_s = pin, hold_s
        self._wanted: queue.SimpleQueue[float | None] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="finger", daemon=True)

    def start(self) -> None:
        """Begin."""
        if not self._thread.ident:
            self._thread.start()

    def move(self, pin: Any, hold_s: float) -> None:
        """Another config has its button elsewhere, or asks for another hold. Thread: any."""
        self._pin, self._hold_s = pin, hold_s

    def press(self) -> None:
        """A tap. Thread: any."""
        self._wanted.put(TAP_S)

    def hold(self) -> None:
        """Down for a little longer than ``hold_s``. Thread: any."""
        self._wanted.put(self._hold_s + 2 * TAP_S)

    def close(self) -> None:
        """Let go."""
        self._stop.set()
        self._wanted.put(None)

    def _run(self) -> None:
        while (down_s := self._wanted.get()) is not None and not self._stop.is_set():
            pin = self._pin
            _pull(pin.drive_low, pin)
            self._stop.wait(down_s)
            _pull(pin.drive_high, pin)
            self._stop.wait(TAP_S)


def _pull(drive: Callable[[], None], pin: Any) -> None:
    """What a contact does to a pin; nothing where the pin has become an output meanwhile."""
    if pin.function == "input":
        drive()


class Stage:
    """Plays the cues of a film that are not pictures, and says how many people there are: on change, and now and then.

    Args:
        film: The running script.
        finger: Presses the button.
        usb: The bus.
        say_truth: Told the number of people. Called on the stage's thread.
        commands: Text whose lines press the button (empty line) or hold it (``h``); None: no such text.
    """

    def __init__(
        self, film: Film, finger: Finger, usb: SimulatedUsb, say_truth: SayTruth, commands: TextIO | None = None
    ) -> None:
        self._film, self._finger, self._usb, self._say_truth = film, finger, usb, say_truth
        self._commands = commands
        self._attendance = Attendance(film.script)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="stage", daemon=True)

    def start(self) -> None:
        """Begin to play."""
        if self._thread.ident:
            return
        self._finger.start()
        self._thread.start()
        if self._commands is not None:
            threading.Thread(target=self._listen, args=(self._commands,), name="stage input", daemon=True).start()

    def close(self) -> None:
        """Stop playing."""
        self._stop.set()
        self._finger.close()
        self._thread.join(1)

    def _run(self) -> None:
        cues = sorted(self._film.script.cues, key=lambda cue: cue.at_s)
        said: int | None = None
        said_s = 0.0
        while not self._stop.is_set():
            at_s, now_s = self._film.at(), time.monotonic()
            while cues and cues[0].at_s <= at_s:
                self._play(cues.pop(0))
            people = self._attendance.people(at_s)
            if people != said or now_s - said_s >= TRUTH_EVERY_S:
                said, said_s = people, now_s
                self._say_truth(people)
            self._stop.wait(0.1)

    def _play(self, cue: Cue) -> None:
        match cue.do:
            case "press":
                self._finger.press()
            case "hold":
                self._finger.hold()
            case "plug":
                self._usb.plug(cue.device)
            case "unplug":
                self._usb.unplug(cue.device)
            case "mute":
                self._usb.mute(cue.device)
            case "unmute":
                self._usb.unmute(cue.device)
            case _:
                return  # people and pictures are the film's

    def _listen(self, commands: TextIO) -> None:
        for line in commands:
            if self._stop.is_set():
                return
            (self._finger.hold if line.strip().lower() in HOLD_WORDS else self._finger.press)()


def standard_input() -> TextIO | None:
    """Standard input, or None where there is none."""
    return None if sys.stdin is None or sys.stdin.closed else sys.stdin
