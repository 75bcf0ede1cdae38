"""What tiles cost: the pieces of a plan against one piece at the same working size, taking turns in one process.

    python -m tests.bench.eye_tiles PICTURE [OUT.json]

Prints the medians of processor time, their ratio, and how many faces either finds.
"""

import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from hw.eye.detector import bound_threads, open_detector
from hw.eye.models import require, search
from hw.eye.sight import Sight
from hw.eye.sources import read_still
from hw.eye.view import Detector, Picture

SIZES = ((640, 480), (1280, 720), (1920, 1080))
TURNS = 15


def measure(picture: Picture, size: tuple[int, int], detector: Detector) -> dict[str, Any]:
    """One frame size: the whole way from frame to numbers, against the bare network."""
    frame = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
    sight = Sight(detector)
    for _ in range(3):  # the first looks try another size
        view = sight.look(frame, 0.0)
    times: dict[str, list[float]] = {"one_piece": [], "pipeline": []}
    for turn in range(TURNS):
        began_s = time.process_time()
        whole = detector.detect(frame)
        between_s = time.process_time()
        view = sight.look(frame, float(turn))
        times["pipeline"].append(time.process_time() - between_s)
        times["one_piece"].append(between_s - began_s)
    one_s, pieces_s = (statistics.median(times[name]) for name in ("one_piece", "pipeline"))
    return {
        "frame": list(size),
        "work": [view.work_width, view.work_height, view.tiles],
        "one_piece_ms": round(one_s * 1000, 1),
        "pipeline_ms": round(pieces_s * 1000, 1),
        "ratio": round(pieces_s / one_s, 3),
        "seen_in_one_piece": len(whole),
        "seen": len(view.detections),
    }


def main(path: str, out: str | None = None) -> None:
    """Measure, print, and write where asked."""
    picture = read_still(Path(path), 0.0).picture
    if picture is None:
        raise SystemExit(f"{path} is no picture")
    bound_threads(1)
    detector = open_detector(require(search()), 0.6)
    rows = [measure(picture, size, detector) for size in SIZES]
    table = Table(*rows[0])
    for row in rows:
        table.add_row(*(str(value) for value in row.values()))
    Console(width=140).print(table)
    if out:
        Path(out).write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main(*sys.argv[1:3])
