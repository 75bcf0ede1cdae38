"""What a room's agent takes when the room is off, and how soon a room counts again after its eye was hurt.

    python -m tests.bench.room [--for S] [--times N] [--out OUT.json]

Off: a real agent (no simulation: udev's events, the box's own figures, a real broker) is left alone; printed are what
its process took of one core, its memory, its threads, and its children. Hurt: a simulated hall at its own pace with the
real network; the eye is killed, or stopped as if it hung, and the times are those from the signal to the message that
says why there is no number, and from the signal to the next number.
"""

import argparse
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

from agent.adapters.mosquitto import Mosquitto
from tests.conftest import ROOM, Ear, Site

WARM_UP_S = 15.0  # imports, first scan, first heartbeat
QUIET = (
    ROOM.replace("heartbeat_s = 1", "heartbeat_s = 30")
    + """
[[checks]]
name = "codec-answers"
kind = "tcp"
address = "127.0.0.1:9"
group = "connect"
[[checks]]
name = "switch"
kind = "ping"
address = "127.0.0.1"
group = "connect"
"""
)


@contextmanager
def broker() -> Iterator[tuple[Path, Mosquitto]]:
    """A folder, and a broker in it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "broker").mkdir()
        running = Mosquitto(folder / "broker")
        running.start()
        try:
            yield folder, running
        finally:
            running.close()


def idle(for_s: float) -> dict[str, Any]:
    """A room that is off, for so long."""
    with broker() as (folder, running):
        (folder / "agent.toml").write_text(f'site = "chi-linh"\n[broker]\nurl = "{running.url}"\n')
        (folder / "room.toml").write_text(QUIET)
        argv = [
            sys.executable,
            "-m",
            "agent",
            "run",
            "--config",
            "agent.toml",
            "--state",
            "state",
            "--room",
            "room.toml",
        ]
        with (folder / "log").open("ab") as log:
            process = subprocess.Popen(argv, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            return _idle(psutil.Process(process.pid), for_s)
        finally:
            process.terminate()
            process.wait()


def _idle(agent: psutil.Process, for_s: float) -> dict[str, Any]:
    time.sleep(WARM_UP_S)
    before, began_s = sum(agent.cpu_times()[:2]), time.monotonic()
    time.sleep(for_s)
    share = (sum(agent.cpu_times()[:2]) - before) / (time.monotonic() - began_s)
    memory = agent.memory_full_info()
    return {
        "what": f"off for {for_s:.0f} s",
        "cpu_share": round(share, 4),
        "rss_mb": round(memory.rss / 1e6, 1),
        "uss_mb": round(memory.uss / 1e6, 1),
        "threads": agent.num_threads(),
        "children": len(agent.children()),
    }


def hurt(number: signal.Signals, times: int) -> dict[str, Any]:
    """The eye gets this signal so often."""
    told: list[float] = []
    back: list[float] = []
    cues = [{"at_s": 1, "do": "press"}, {"at_s": 2, "do": "arrive", "people": 12}]
    with broker() as (folder, running):
        ear = Ear(running.url)
        room = Site(folder / "site", running.url, {"seed": 7, "cues": cues, "look_down_share": 0}, speed=1)
        try:
            agent = psutil.Process(room.start().pid)
            for _ in range(times):
                ear.forget()
                ear.wait("/headcount", lambda said: said["state"] == "ok", "with people in it")
                time.sleep(65)  # a run that was good forgets the failure before it
                ear.forget()
                began_s = time.monotonic()
                agent.children()[0].send_signal(number)
                ear.wait("/headcount", lambda said: said["value"] is None, "without a number")
                told.append(time.monotonic() - began_s)
                ear.forget()
                ear.wait("/headcount", lambda said: said["state"] == "ok", "with people in it again")
                back.append(time.monotonic() - began_s)
        finally:
            room.close()
            ear.listener.close()
    return {
        "what": f"{number.name}, {times} times",
        "told_s_worst": round(max(told), 2),
        "back_s_worst": round(max(back), 2),
        "told_s": [round(each, 2) for each in told],
        "back_s": [round(each, 2) for each in back],
    }


def main() -> None:
    """Measure, print, and write where asked."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--for", dest="for_s", type=float, default=120.0)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--out", type=Path, default=None)
    options = parser.parse_args()
    rows = [idle(options.for_s), *(hurt(each, options.times) for each in (signal.SIGKILL, signal.SIGSTOP))]
    for row in rows:
        table = Table(*row, title=row["what"])
        table.add_row(*(str(value) for value in row.values()))
        Console(width=140).print(table)
    if options.out:
        options.out.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
