"""``diemcau demo``: a whole small conference on this machine: a real broker, simulated rooms, the live table.

Each room is the agent itself, ``diemcau run --simulate``, in a process of its own with its counting process beside it;
only pins, USB bus and camera are simulated. All of it lies in one temporary folder and goes with it.
"""

import os
import signal
import subprocess
import sys
import tempfile
import threading
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from agent.adapters.mosquitto import Mosquitto
from agent.adapters.processes import spawn, stop
from agent.console.conference import LASTS_S, DemoSite, demo_sites
from agent.console.keys import Keys
from agent.console.listener import Listener
from agent.console.sites import SiteView
from agent.console.watch import Watch
from agent.core.contract import Conference, Headcount
from agent.core.identity import broker_at

TITLE = "diemcau — hội nghị thử / demo\n↑↓ chọn / choose · Enter nhấn nút / press · h giữ / hold · q thoát / quit"

ROOMS_A_CORE = 8  # drawing and counting one room takes some 6 % of a core


@dataclass(slots=True)
class Room:
    """A running room and its button: a line on its agent's standard input is a press, ``h`` a hold."""

    site: DemoSite
    folder: Path
    process: "subprocess.Popen[bytes]"
    is_reported: bool = False

    def press(self, hold: bool) -> None:
        """Press the button."""
        if self.process.poll() is None and self.process.stdin is not None:
            with suppress(BrokenPipeError):  # it ended just now; the table will say so
                self.process.stdin.write(b"h\n" if hold else b"\n")
                self.process.stdin.flush()


@dataclass(slots=True)
class Score:
    """How far the counts are off, by the newest report of each site: ``(value, truth, detector)``."""

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
            f"Sai số {wrong}/{people} người / {wrong} of {people} people wrong{share}."
        )


def run_demo(sites: int, speed: float, for_s: float | None, port: int, as_json: bool) -> int:
    """Run the demo until ``for_s`` seconds are over or somebody ends it. Returns the exit code.

    Raises:
        DemoError: No broker program, or the port is taken.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    with ExitStack() as parts:
        folder = Path(parts.enter_context(tempfile.TemporaryDirectory(prefix="diemcau-demo-")))
        broker = Mosquitto(folder, port)
        parts.callback(broker.close)
        try:
            broker.start()
            rooms: list[Room] = []
            parts.callback(lambda: stop([room.process for room in rooms]))
            for site in demo_sites(sites, speed, broker.url):
                rooms.append(_start(site, folder, speed))
            _say(f"Xem ở cửa sổ khác / in another window:\n  {_program()} watch --broker {broker.url}")
            if speed == 1 and sites > ROOMS_A_CORE * (os.cpu_count() or 1):
                _say(f"{sites} phòng là nhiều cho máy này / rooms are many for this machine: --speed 10 is lighter")
            _conduct(rooms, broker.url, for_s, as_json, parts)
        except KeyboardInterrupt:
            pass  # Ctrl-C is how a demo ends; everything is stopped all the same
        finally:
            # A second Ctrl-C must not leave half of the rooms running.
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)
        return 1 if all(room.is_reported for room in rooms) else 0


def _program() -> str:
    """How one starts us from here: the script in the environment's own folder, which need not be in PATH."""
    script = Path(sys.executable).parent / "diemcau"
    here = Path.cwd()
    return str(script.relative_to(here) if script.is_relative_to(here) else script)


def _interrupt(*_: Any) -> None:
    raise KeyboardInterrupt


def _start(site: DemoSite, folder: Path, speed: float) -> Room:
    home = folder / site.site
    home.mkdir()
    files = {"agent.toml": site.identity, "room.toml": site.room, "script.json": site.script}
    for name, text in files.items():
        (home / name).write_text(text, encoding="utf-8")
    argv = [
        sys.executable,
        "-P",
        "-m",
        "agent",
        "run",
        "--config",
        str(home / "agent.toml"),
        "--state",
        str(home / "state"),
    ]
    argv += ["--room", str(home / "room.toml"), "--simulate", str(home / "script.json"), "--speed", str(speed)]
    with (home / "agent.log").open("ab") as output:
        return Room(site, home, spawn(argv, subprocess.PIPE, output))


def _conduct(rooms: list[Room], url: str, for_s: float | None, as_json: bool, parts: ExitStack) -> None:
    listener = Listener(broker_at(url))
    parts.callback(listener.close)
    listener.start()
    _summon(rooms, listener)
    score = Score()
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

    watch = Watch(listener, as_json, TITLE, lambda: chosen[0] if sys.stdin.isatty() else None)
    watch.on_report = score.add
    with Keys(on_key):
        watch.run(for_s, lambda: done.is_set() or _look_after(rooms))


def _summon(rooms: list[Room], listener: Listener) -> None:
    now = datetime.now(UTC)
    for room in rooms:
        conference = Conference(
            id="demo",
            title="Hội nghị trực tuyến",
            starts_at=now,
            ends_at=now + timedelta(seconds=LASTS_S),
            summoned=room.site.summoned,
            lock=False,
        )
        listener.publish_to(room.site.site, "conference", conference, retain=True)


def _look_after(rooms: list[Room]) -> bool:
    """Say once when a room's agent ended by itself; the others go on. True when none is left."""
    for room in rooms:
        code = room.process.poll()
        if code is not None and not room.is_reported:
            room.is_reported = True
            lines = (room.folder / "agent.log").read_text(errors="replace").strip().splitlines() or ["(no log)"]
            _say(f"{room.site.site}: its agent ended with code {code}: {lines[-1]}")
    return all(room.is_reported for room in rooms)


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)
