"""Pictures as they come from people and from broken disks, through the real command: no crash, a clear reason."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from hw.eye.models import search
from hw.simulated.hall import DrawnHall, Person
from tests.hw.eye.conftest import ROOT

SEATS, WIDTH, HEIGHT, RATE = 6, 320, 240, 5


@pytest.fixture(autouse=True)
def _network() -> None:
    if search().model is None:
        pytest.skip("no face network on this machine: without one nothing is counted")


@dataclass
class Ran:
    """A command that ended: its lines, and its sentences on standard error, which are all that is there."""

    code: int
    lines: list[dict[str, Any]]
    sentences: list[str]

    @property
    def seen(self) -> list[int | None]:
        return [line["seen"] for line in self.lines[:-1]]


def count(*arguments: object) -> Ran:
    done = subprocess.run(
        [sys.executable, "-m", "agent", "count", *map(str, arguments), "--json"],
        cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    said = done.stderr.splitlines()
    assert all(line.startswith("diemcau: ") for line in said), f"libraries under us are to keep quiet: {said}"
    sentences = [line.removeprefix("diemcau: ") for line in said]
    return Ran(done.returncode, [json.loads(line) for line in done.stdout.splitlines()], sentences)


def hall(at_s: float = 1.0, scale: float = 1.0) -> Any:
    picture = DrawnHall(SEATS, WIDTH, HEIGHT, 1).draw([Person(seat, seat) for seat in range(SEATS)], at_s)
    return picture if scale == 1 else cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


def encoded(suffix: str, picture: Any = None) -> bytes:
    return cv2.imencode(suffix, hall() if picture is None else picture)[1].tobytes()


def flat(width: int, height: int) -> Any:
    return np.full((height, width, 3), 120, np.uint8)


def broken_inside(raw: bytes) -> bytes:
    noise = np.random.default_rng(0).integers(0, 255, 1500, dtype=np.uint8).tobytes()
    at = len(raw) // 3
    return raw[:at] + noise + raw[at + len(noise) :]


def grey(picture: Any) -> Any:
    return cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)


# Uncommon, and good


@pytest.mark.parametrize(
    ("name", "picture"),
    [
        ("grey.png", lambda: grey(hall())),
        ("grey.jpg", lambda: grey(hall())),
        ("grey16.png", lambda: grey(hall()).astype(np.uint16) * 257),
        ("deep.png", lambda: hall().astype(np.uint16) * 257),
        ("deep.tif", lambda: hall().astype(np.uint16) * 257),
        ("clear.png", lambda: np.dstack([hall(), np.full((HEIGHT, WIDTH), 255, np.uint8)])),
    ],
)
def test_grey_16_bit_and_transparent_pictures_are_counted(
    tmp_path: Path, name: str, picture: Callable[[], Any]
) -> None:
    (tmp_path / name).write_bytes(encoded(Path(name).suffix, picture()))
    ran = count(tmp_path / name)
    assert (ran.code, ran.seen, ran.sentences) == (0, [SEATS], [])
    assert (ran.lines[-1]["width"], ran.lines[-1]["height"]) == (WIDTH, HEIGHT)


# Too small to say anything


@pytest.mark.parametrize("size", [(1, 1), (5000, 1), (1, 5000), (15, 15)])
def test_a_picture_too_small_for_a_face_is_unknown_and_never_0(tmp_path: Path, size: tuple[int, int]) -> None:
    (tmp_path / "a.png").write_bytes(encoded(".png", flat(*size)))
    ran = count(tmp_path / "a.png")
    assert (ran.code, ran.seen, ran.sentences) == (0, [None], [])
    assert [(line["value"], line["state"]) for line in ran.lines] == [(None, "unknown")] * 2
    assert ran.lines[0]["reason"] == "bad_frame"


# Broken


BROKEN = {
    "empty.jpg": (lambda: b"", "is not a picture that can be read"),
    "text.png": (lambda: b"I am no picture\n" * 100, "is not a picture that can be read"),
    "cut.jpg": (lambda: encoded(".jpg")[:-3000], "ends in the middle: copy it again"),
    "cut.png": (lambda: encoded(".png")[:-3000], "ends in the middle: copy it again"),
    "noise.jpg": (lambda: broken_inside(encoded(".jpg")), "is damaged inside: copy it again"),
    "noise.png": (lambda: broken_inside(encoded(".png")), "is not a picture that can be read"),
    "floats.tif": (lambda: encoded(".tif", hall().astype(np.float32) / 255), "is not a picture that can be read"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_picture_is_one_sentence_unknown_and_failed(tmp_path: Path, name: str) -> None:
    raw, sentence = BROKEN[name]
    (tmp_path / name).write_bytes(raw())
    ran = count(tmp_path / name)
    assert (ran.code, ran.seen) == (1, [None])
    assert (ran.lines[0]["state"], ran.lines[0]["reason"]) == ("unknown", "unreadable")
    assert ran.sentences == [f"{tmp_path / name} {sentence}"]


def test_in_a_folder_of_good_and_broken_pictures_every_good_one_is_counted(tmp_path: Path) -> None:
    for number, (name, (raw, _)) in enumerate(BROKEN.items()):
        (tmp_path / f"{number}-a.jpg").write_bytes(encoded(".jpg", hall(float(number))))
        (tmp_path / f"{number}-{name}").write_bytes(raw())
    ran = count(tmp_path, "--window", 0)
    assert ran.code == 0
    assert ran.seen == [SEATS, None] * len(BROKEN)
    assert [line["t_s"] for line in ran.lines[:-1]] == [float(number) for number in range(2 * len(BROKEN))]
    said = [f"{tmp_path / f'{number}-{name}'} {said}" for number, (name, (_, said)) in enumerate(BROKEN.items())]
    assert ran.sentences == said


def test_over_a_window_broken_pictures_in_a_folder_change_nothing(tmp_path: Path) -> None:
    for number in range(6):
        whole = encoded(".jpg", hall(float(number)))
        (tmp_path / f"{number}.jpg").write_bytes(broken_inside(whole) if number == 3 else whole)
    ran = count(tmp_path)
    assert (ran.code, len(ran.sentences)) == (0, 1)
    assert [line["value"] for line in ran.lines] == [SEATS] * 3 + [None] + [SEATS] * 3
    assert ran.lines[-1]["state"] == "ok"


# Frames that do not fit


@pytest.mark.parametrize("odd", [hall(scale=0.5), flat(1, 1), flat(2000, 30)], ids=["half", "one pixel", "a strip"])
def test_a_frame_of_another_size_in_the_middle_is_left_out_with_the_reason(tmp_path: Path, odd: Any) -> None:
    for number in range(6):
        picture = odd if number == 3 else hall(float(number))
        (tmp_path / f"{number}.png").write_bytes(encoded(".png", picture))
    ran = count(tmp_path)
    assert (ran.code, ran.sentences) == (0, [])
    assert ran.lines[3]["state"] != "ok"
    assert ran.lines[3]["reason"] == ("bad_frame" if odd.shape[0] == 1 else "frame_size")
    assert [line["value"] for line in ran.lines[:3] + ran.lines[4:]] == [SEATS] * 6
    assert ran.lines[-1]["width"] == WIDTH
    assert count(tmp_path, "--window", 0).seen[:3] == [SEATS] * 3


def video(path: Path, codec: str, frames: int = 10) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*codec), RATE, (WIDTH, HEIGHT))
    if not writer.isOpened():
        pytest.skip(f"OpenCV here cannot write {codec}")
    for number in range(frames):
        writer.write(hall(number / RATE))
    writer.release()
    return path


@pytest.fixture
def backwards(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Path:
    """Two recordings of two seconds in one file: the times begin anew in the middle."""
    raw = video(tmp_path / "one.ts", "mpg2").read_bytes()
    path = tmp_path / "two.ts"
    path.write_bytes(raw + raw)
    return path


def test_a_video_whose_times_run_backwards_is_counted_to_its_end(backwards: Path) -> None:
    ran = count(backwards, "--window", 0)
    assert (ran.code, ran.seen, ran.sentences) == (0, [SEATS] * 20, [])
    times = [line["t_s"] for line in ran.lines[:-1]]
    assert times == pytest.approx([number / RATE for number in range(10)] * 2, abs=0.01)


def test_a_video_whose_times_run_backwards_is_looked_at_as_often_in_its_second_half(backwards: Path) -> None:
    ran = count(backwards, "--window", 0, "--fps", 2)
    assert ran.seen == [SEATS] * 8
    assert [line["t_s"] for line in ran.lines[:4]] == [line["t_s"] for line in ran.lines[4:8]]


def test_over_a_window_times_that_run_backwards_are_said_so_and_the_value_stays(backwards: Path) -> None:
    ran = count(backwards)
    assert ran.code == 0
    assert [line["value"] for line in ran.lines] == [SEATS] * 21
    assert ran.lines[10]["reason"] == "clock_backwards"
    assert {line["state"] for line in ran.lines[10:]} <= {"degraded", "ok"}


def test_a_video_whose_frames_change_their_size_is_counted(tmp_path: Path) -> None:
    whole, small = encoded(".jpg"), encoded(".jpg", hall(scale=0.75))
    (tmp_path / "a.mjpeg").write_bytes(whole * 3 + small + whole * 3)
    ran = count(tmp_path / "a.mjpeg", "--window", 0)
    assert (ran.code, ran.sentences) == (0, [])
    assert len(ran.seen) == 7
    assert ran.seen.count(SEATS) >= 6


@pytest.mark.parametrize(("name", "codec", "share"), [("a.mkv", "MJPG", 0.5), ("a.mp4", "mp4v", 0.9)])
def test_a_video_that_is_cut_off_keeps_its_frames_and_says_one_sentence_or_only_the_sentence(
    tmp_path: Path, name: str, codec: str, share: float
) -> None:
    path = video(tmp_path / name, codec)
    raw = path.read_bytes()
    path.write_bytes(raw[: int(len(raw) * share)])
    ran = count(path, "--window", 0)
    assert ran.code == (1 if ran.sentences else 0)
    assert set(ran.seen) <= {SEATS}
    if name.endswith("mp4"):  # its index stands at the end
        (sentence,) = ran.sentences
        assert sentence.startswith(f"{path} ")
    else:
        assert 3 <= len(ran.seen) < 10


def test_a_folder_that_nobody_may_look_into_is_one_sentence(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may look everywhere")
    closed = tmp_path / "closed"
    closed.mkdir(mode=0)
    ran = count(closed)
    assert (ran.code, ran.lines, len(ran.sentences)) == (1, [], 1)
