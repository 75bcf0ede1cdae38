"""What the eye really takes: the whole process with the simulated hall, at several shares, one after the other.

    python -m tests.bench.eye_cpu [--for S] [--out OUT.json] [SHARE ...]

Prints, for each share and frame size: the share asked for, what the process took of one core over its worst minute
(read from outside, start-up included), what it said itself, its interval, its working size, and its memory. The
simulation draws its hall in the same process: some 50 MB and some 10 ms a frame at 1080p are not the eye's.
"""

import argparse
import json
import threading
import time
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

from agent.core.commands import WatchCamera
from agent.core.events import Event, EyeEnded, FrameSeen
from hw.eye.client import EyeClient

SIZES = ((1920, 1080), (640, 480))
SHARES = (0.05, 0.2, 0.5)
READ_EVERY_S, MINUTE_S = 0.25, 60.0


def measure(width: int, height: int, cpu_share: float, for_s: float) -> dict[str, Any]:
    """One run of a real eye."""
    frames: list[FrameSeen] = []
    ended = threading.Event()

    def hear(event: Event) -> None:
        if isinstance(event, FrameSeen):
            frames.append(event)
        elif isinstance(event, EyeEnded):
            ended.set()

    script = {"seed": 1, "seats": 60, "width": width, "height": height, "look_down_share": 0.1}
    script["cues"] = [{"at_s": 0, "do": "arrive", "people": 60}]
    client = EyeClient(hear, {"script": script, "started_s": time.monotonic(), "boxes_only": False})
    before = set(psutil.Process().children())
    began_s = time.monotonic()
    client.watch(WatchCamera(1, "camera-main", width, height, "", 0.6, 2.0, cpu_share))
    (child,) = set(psutil.Process().children()) - before
    readings, rss = [(began_s, 0.0)], 0
    while time.monotonic() - began_s < for_s and not ended.wait(READ_EVERY_S):
        times = child.cpu_times()
        readings.append((time.monotonic(), times.user + times.system))
        rss = child.memory_info().rss
    peak = int(Path(f"/proc/{child.pid}/status").read_text().partition("VmHWM:")[2].split()[0]) * 1024
    client.close()
    last = frames[-1]
    return {
        "frame": [width, height],
        "cpu_share_asked": cpu_share,
        "cpu_share_worst_minute": round(_worst(readings), 3),
        "cpu_share_said": last.cpu_share,
        "interval_s": last.interval_s,
        "looks": len(frames),
        "seen": len(last.detections),
        "work": [last.work_width, last.work_height, last.tiles],
        "detect_ms": last.detect_ms,
        "rss_mb": round(rss / 1e6, 1),
        "peak_mb": round(peak / 1e6, 1),
    }


def _worst(readings: list[tuple[float, float]]) -> float:
    """The largest share over any minute, or over the whole run where that is shorter."""
    span_s = min(MINUTE_S, readings[-1][0] - readings[0][0])
    worst = 0.0
    for at_s, cpu_s in readings:
        earlier = [(then_s, used_s) for then_s, used_s in readings if then_s <= at_s - span_s]
        if earlier:
            then_s, used_s = earlier[-1]
            worst = max(worst, (cpu_s - used_s) / (at_s - then_s))
    return worst


def main() -> None:
    """Measure, print, and write where asked."""
    parser = argparse.ArgumentParser()
    parser.add_argument("shares", nargs="*", type=float, default=list(SHARES))
    parser.add_argument("--for", dest="for_s", type=float, default=75.0)
    parser.add_argument("--out", type=Path, default=None)
    options = parser.parse_args()
    rows = [measure(w, h, share, options.for_s) for w, h in SIZES for share in options.shares]
    table = Table(*rows[0], title="the eye's processor time and memory")
    for row in rows:
        table.add_row(*(str(value) for value in row.values()))
    Console(width=180).print(table)
    if options.out:
        options.out.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
