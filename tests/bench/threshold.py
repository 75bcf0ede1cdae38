"""Why the threshold is what it is: every network on pictures with known counts, at every threshold, side by side.

    python -m tests.bench.threshold ../shared/halls [OUT.json]

The folder holds pictures and a ``counts.csv`` (file, people). Prints one table; writes a JSON file where one is named.
Times are of this machine and this run: compare them with each other, not with another day's.
"""

import csv
import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from hw.eye.detector import open_detector
from hw.eye.models import KNOWN, search
from hw.eye.sources import read_still

THRESHOLDS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85)
REPEATS = 3


def measure(folder: Path) -> list[dict[str, Any]]:
    """A row for each network that is on this machine."""
    with (folder / "counts.csv").open(newline="") as file:
        truth = {row["file"]: int(row["people"]) for row in csv.DictReader(file)}
    pictures = {name: read_still(folder / name, 0.0).picture for name in truth}
    rows = []
    for known in KNOWN:
        model = search(known.file).model
        if model is None or model.known != known:
            continue
        detector = open_detector(model, min(THRESHOLDS))
        scores, times_ms = {}, []
        for name, picture in pictures.items():
            for _ in range(REPEATS):
                began_s = time.perf_counter()
                faces = detector.detect(picture) if picture is not None else ()
                times_ms.append((time.perf_counter() - began_s) * 1000)
            scores[name] = [face.score for face in faces]
        rows.append(_row(known.detector, truth, scores, times_ms))
    return rows


def _row(name: str, truth: dict[str, int], scores: dict[str, list[float]], times_ms: list[float]) -> dict[str, Any]:
    found = {
        threshold: {file: sum(score >= threshold for score in scores[file]) for file in truth}
        for threshold in THRESHOLDS
    }
    return {
        "network": name,
        "pictures": len(truth),
        "people": sum(truth.values()),
        "exact": {t: sum(found[t][file] == people for file, people in truth.items()) for t in THRESHOLDS},
        "error_people": {t: sum(abs(found[t][f] - people) for f, people in truth.items()) for t in THRESHOLDS},
        "median_ms": round(statistics.median(times_ms), 1),
    }


def main(folder: str, out: str | None = None) -> None:
    """Measure, print, and write where asked."""
    rows = measure(Path(folder))
    table = Table("network", *(f"≥ {t}" for t in THRESHOLDS), "median ms", title="pictures exact (people wrong)")
    for row in rows:
        cells = [f"{row['exact'][t]}/{row['pictures']} ({row['error_people'][t]})" for t in THRESHOLDS]
        table.add_row(row["network"], *cells, str(row["median_ms"]))
    Console(width=140).print(table)
    if out:
        Path(out).write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main(*sys.argv[1:3])
