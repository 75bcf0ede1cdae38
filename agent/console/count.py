"""``diemcau count``: what the agent would report, from a picture, a folder, a video or a camera."""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from agent.core import headcount
from agent.core.config import HeadcountSection, Zones
from agent.core.contract import compact
from agent.core.errors import EyeError
from agent.core.events import FrameSeen, FrameUnreadable
from agent.core.headcount import Estimate, Estimator


class Counting(Protocol):
    """A source that is being counted (``hw.eye.counting``)."""

    @property
    def is_single(self) -> bool:
        """One picture."""

    @property
    def detector(self) -> str:
        """Name of the network."""

    @property
    def model_sha256(self) -> str:
        """Digest of the network."""

    @property
    def frames(self) -> Iterable[FrameSeen | FrameUnreadable]:
        """The frames' numbers, one after the other."""


class Count:
    """Folds frames into lines. ``window_s`` 0: each frame by itself."""

    def __init__(self, counting: Counting, window_s: float, threshold: float, zones: Zones) -> None:
        self._counting = counting
        self._window_s = window_s
        self._section = HeadcountSection(
            window_s=max(1.0, window_s), threshold=threshold, include=zones.include, exclude=zones.exclude
        )
        self._estimator = Estimator()
        self._last: Estimate = Estimate(None, "unknown", "starting")
        self._size: tuple[int | None, int | None] = (None, None)
        self.frames = 0
        self.unreadable: list[str] = []

    def lines(self) -> Iterable[dict[str, Any]]:
        """One document for each frame, as the contract has them. Raises EyeError where the source fails on the way."""
        for frame in self._counting.frames:
            number, self.frames = self.frames, self.frames + 1
            if isinstance(frame, FrameUnreadable):
                self.unreadable.append(frame.message)
                if self._window_s == 0:
                    self._last = Estimate(None, "unknown", frame.reason)
                yield _line(number, frame.captured_s, Estimate(None, "unknown", frame.reason), None)
            else:
                self._size = (frame.width, frame.height)
                self._last = self._estimate(frame)
                yield _line(number, frame.captured_s, self._last, frame)

    def summary(self) -> dict[str, Any]:
        """The last line."""
        return {
            "frames": self.frames,
            "value": self._last.value,
            "state": self._last.state,
            "detector": self._counting.detector,
            "model_sha256": self._counting.model_sha256,
            "width": self._size[0],
            "height": self._size[1],
        }

    def _estimate(self, frame: FrameSeen) -> Estimate:
        if self._window_s == 0:
            return headcount.single(frame, self._section)
        self._estimator = headcount.add_frame(self._estimator, frame, self._section)
        return headcount.estimate(self._estimator, frame.captured_s, self._section, stale_after_s=self._window_s)


def _line(number: int, t_s: float, found: Estimate, frame: FrameSeen | None) -> dict[str, Any]:
    return {
        "frame": number,
        "t_s": round(t_s, 3),
        "seen": found.seen,
        "value": found.value,
        "state": found.state,
        "reason": found.reason,
        "detect_ms": None if frame is None else frame.detect_ms,
    }


def for_people(line: dict[str, Any]) -> str:
    """A frame's line on a terminal."""
    value = "không rõ / unknown" if line["value"] is None else f"{line['value']} người / people"
    seen = "" if line["seen"] is None else f"  (thấy / seen {line['seen']}, {line['detect_ms']:.0f} ms)"
    reason = f"  [{line['reason']}]" if line["reason"] else ""
    return f"{line['t_s']:8.1f} s  {value}{seen}{reason}"


def would_write_over(source: Path, out: Path) -> bool:
    """Whether what is written to ``out``, a file or a folder, could take the place of a picture that is counted.

    Asked of the files themselves: links lead to the same photo under many names.
    """
    return not _files_of(source).isdisjoint(_files_of(out))


def _files_of(path: Path) -> set[tuple[int, int]]:
    """A file or folder, and the files in it, each by device and inode; what cannot be looked at is left out."""
    found = set()
    with suppress(OSError):
        found.add(_identity(path.stat()))
        for inside in path.iterdir() if path.is_dir() else ():
            with suppress(OSError):
                if inside.is_file():
                    found.add(_identity(inside.stat()))
    return found


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def print_count(count: Count, as_json: bool, warn: Any) -> int:
    """Print every line and the last one; returns the exit code.

    Args:
        count: What is being counted.
        as_json: A document for each line, for programs.
        warn: Told one sentence for each thing that went wrong.
    """
    code = 0
    try:
        for line in count.lines():
            print(compact(line) if as_json else for_people(line), flush=True)
    except KeyboardInterrupt:
        pass  # how one ends a camera
    except EyeError as error:
        warn(str(error))
        code = 1
    for message in count.unreadable:
        warn(message)
    summary = count.summary()
    if as_json:
        print(compact(summary), flush=True)
    else:
        value = "không rõ / unknown" if summary["value"] is None else summary["value"]
        print(f"{value}  ({summary['frames']} khung hình / frames, {summary['detector']})")
    return 1 if count.frames == len(count.unreadable) else code
