"""``diemcau demo``: a whole conference on this machine: a real broker, simulated rooms, recorder, board and live table.

Each room is the agent itself, ``diemcau run --simulate``, in a process of its own with its counting process beside it;
only pins, USB bus and camera are simulated. All of it lies in one temporary folder and goes with it.
"""

import os
import signal
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.adapters.mosquitto import Mosquitto
from agent.console.demo_centre import Centre
from agent.console.demo_conference import Clock, Course, summon
from agent.console.demo_rooms import Rooms
from agent.console.demo_sites import ENDS_S, demo_sites
from agent.console.keys import Keys
from agent.console.listener import Listener
from agent.console.sites import SiteView
from agent.console.watch import Watch
from agent.core.contract import Headcount
from agent.core.identity import broker_at

TITLE = "diemcau — hội nghị thử / demo\n↑↓ chọn / choose · Enter nhấn nút / press · h giữ / hold · q thoát / quit"

ROOMS_A_CORE = 8  # drawing and counting one room takes some 6 % of a core
SET_UP_S, START_S = 3.0, 1.2  # until the centre runs; and, of a core, until a room's two processes do


@dataclass(slots=True)
class Score:
    """How far the counts are off, by each site's newest report of the conference: ``(value, truth, detector)``."""

    last: dict[str, tuple[int, int, str]] = field(default_factory=dict)

    def add(self, view: SiteView, count: Headcount) -> None:
        """Take a report in."""
        if count.value is not None and view.truth is not None:
            self.last[view.site] = (count.value, view.truth.people, count.detector or "?")

    def sentence(self, sites: int) -> str:
        """For the end of the demo."""
        if not self.last:
            return "Chưa đếm được ai. Nothing was counted."
        wrong = sum(abs(value - truth) for value, truth, _ in self.last.values())
        people = sum(truth for _, truth, _ in self.last.values())
        detectors = ", ".join(sorted({detector for _, _, detector in self.last.values()}))
        share = f" ({wrong / people:.1%})" if people else ""
        return (
            f"Mô hình đếm / counted by: {detectors}. Điểm cầu / sites counted: {len(self.last)}/{sites}. "
            f"Theo số cuối cùng của từng điểm cầu trong hội nghị, sai số {wrong}/{people} người / by each site's last "
            f"number of the conference, {wrong} of {people} people wrong{share}."
        )


@dataclass(slots=True)
class Demo:
    """What runs."""

    centre: Centre
    rooms: Rooms
    clock: Clock
    listener: Listener

    def step(self, course: Course) -> bool:
        """Look after everything, a few times a second. True when no room is left."""
        self.centre.look_after(_say)
        self.rooms.look_after(self.clock.at(), _say)
        course.step()
        return self.rooms.are_gone


def run_demo(sites: int, speed: float, for_s: float | None, port: int, as_json: bool) -> int:
    """Run the demo until ``for_s`` seconds are over or somebody ends it. Returns the exit code.

    Raises:
        DemoError: No broker program, or the port is taken.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    clock = Clock(time.monotonic() + SET_UP_S + sites * START_S / _cores(), speed)
    with ExitStack() as parts:
        folder = Path(parts.enter_context(tempfile.TemporaryDirectory(prefix="diemcau-demo-")))
        broker = Mosquitto(folder, port)
        parts.callback(broker.close)
        rooms = Rooms(demo_sites(sites, speed, clock.begins_s), speed, folder)
        try:
            broker.start()
            demo = Demo(Centre(folder, broker, parts), rooms, clock, Listener(broker_at(broker.url)))
            _set_up(demo, broker, parts)
            if speed == 1 and sites > ROOMS_A_CORE * _cores():
                _say(f"{sites} phòng là nhiều cho máy này / rooms are many for this machine: --speed 10 is lighter")
            _conduct(demo, for_s, as_json, parts)
        except KeyboardInterrupt:
            pass  # Ctrl-C is how a demo ends; everything is stopped all the same
        finally:
            # A second Ctrl-C must not leave half of the rooms running.
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)
        return 1 if rooms.are_gone else 0


def _cores() -> int:
    return os.cpu_count() or 1


def _interrupt(*_: Any) -> None:
    raise KeyboardInterrupt


def _set_up(demo: Demo, broker: Mosquitto, parts: ExitStack) -> None:
    """The centre first, so that it sees the rooms come up."""
    demo.centre.start(demo.rooms.buttons, _say)
    if demo.centre.address is not None:
        _say(f"Mở trang / open: {demo.centre.address}")
    _say(f"Xem ở cửa sổ khác / in another window:\n  {_program()} watch --broker {broker.url}")
    parts.callback(demo.listener.close)
    demo.listener.start()
    summon([room.site for room in demo.rooms.rooms], demo.clock, demo.listener)
    demo.rooms.start(broker, parts)


def _program() -> str:
    """How one starts us from here: the script in the environment's own folder, which need not be in PATH."""
    script = Path(sys.executable).parent / "diemcau"
    here = Path.cwd()
    return str(script.relative_to(here) if script.is_relative_to(here) else script)


def _conduct(demo: Demo, for_s: float | None, as_json: bool, parts: ExitStack) -> None:
    score = Score()
    rooms = demo.rooms.rooms
    parts.callback(lambda: _say(score.sentence(len(rooms))))
    chosen = [0]
    done = threading.Event()
    order = sorted(rooms, key=lambda room: room.site.site)

    def on_key(key: str) -> None:
        if key == "quit":
            done.set()
        elif key in ("up", "down"):
            chosen[0] = (chosen[0] + (1 if key == "down" else -1)) % len(order)
        else:
            order[chosen[0]].press(hold=key == "hold")

    title = TITLE if demo.centre.address is None else f"{TITLE}\n{demo.centre.address}"
    watch = Watch(demo.listener, as_json, title, lambda: chosen[0] if sys.stdin.isatty() else None)
    watch.on_report = lambda view, count: score.add(view, count) if demo.clock.at() < ENDS_S else None
    course = Course(demo.clock, demo.centre.report, _say)
    with Keys(on_key):
        watch.run(for_s, lambda: done.is_set() or demo.step(course))


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)
