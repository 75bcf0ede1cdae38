"""``diemcau count``: the folding of frames into lines, and the real command on real pictures and on broken ones."""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import pytest

from agent.__main__ import main
from agent.console.count import Count, print_count
from agent.core.config import Zones
from agent.core.errors import EyeError
from agent.core.events import Detection, FrameSeen, FrameUnreadable
from hw.eye import models
from hw.simulated.hall import DrawnHall, Person

ROOT = Path(__file__).resolve().parents[2]
HALLS = ROOT.parent / "shared" / "halls"
SEATS = 6
EVERYWHERE = Zones()

Frame = FrameSeen | FrameUnreadable


# Folding: frames that we make up


@dataclass
class Counted:
    """A source that is being counted: what we say it shows."""

    frames: Iterable[Frame]
    is_single: bool = False
    detector: str = "told"
    model_sha256: str = "00"


def seen(t_s: float, people: int, luma: float = 90.0, score: float = 0.9) -> FrameSeen:
    """A frame of 100 by 100 pixels with people in a row from the left, ten pixels apart."""
    faces = tuple(Detection(10.0 * number, 40, 8, 10, score) for number in range(people))
    return FrameSeen(0, t_s, 100, 100, faces, 5.04, luma, 0.0)


def broken(t_s: float) -> FrameUnreadable:
    return FrameUnreadable(t_s, "unreadable", f"{t_s:.0f}.jpg is not a picture that can be read")


def values(window_s: float, *frames: Frame, zones: Zones = EVERYWHERE, threshold: float = 0.6) -> list[int | None]:
    return [line["value"] for line in Count(Counted(frames), window_s, threshold, zones).lines()]


def test_without_a_window_each_frame_stands_for_itself() -> None:
    frames = seen(0, 5), broken(1), seen(2, 7), seen(3, 0)
    assert values(0, *frames) == [5, None, 7, 0]


def test_with_a_window_the_value_is_what_the_agent_would_report() -> None:
    frames = seen(0, 5), seen(1, 1), seen(2, 5), seen(3, 9), seen(4, 5)
    count = Count(Counted(frames), 90, 0.6, EVERYWHERE)
    lines = list(count.lines())
    assert [line["value"] for line in lines[2:]] == [5, 5, 5], "who looks down stays, who is seen once is nobody yet"
    assert [line["reason"] for line in lines] == ["few_samples", "few_samples", "settling", "settling", "settling"]
    assert [line["seen"] for line in lines] == [5, 1, 5, 9, 5]


def test_a_room_where_everybody_shows_is_sure_after_three_looks() -> None:
    lines = list(Count(Counted([seen(t_s, 5) for t_s in range(4)]), 90, 0.6, EVERYWHERE).lines())
    assert [line["value"] for line in lines] == [5, 5, 5, 5]
    assert [line["state"] for line in lines] == ["degraded", "degraded", "ok", "ok"]


def test_what_is_older_than_the_window_is_forgotten() -> None:
    assert values(2, *(seen(t_s, 3) for t_s in range(5)), *(seen(t_s, 8) for t_s in range(10, 14)))[-1] == 8


def test_a_line_has_the_fields_of_the_contract() -> None:
    (line,) = Count(Counted([seen(34.0, 49)]), 0, 0.6, EVERYWHERE).lines()
    assert line == {
        "frame": 0,
        "t_s": 34.0,
        "seen": 49,
        "value": 49,
        "state": "ok",
        "reason": None,
        "detect_ms": 5.04,
    }


def test_a_frame_that_cannot_be_read_is_unknown_with_the_reason_and_the_rest_goes_on() -> None:
    count = Count(Counted([seen(0, 4), broken(1), seen(2, 4)]), 90, 0.6, EVERYWHERE)
    lines = list(count.lines())
    assert [line["frame"] for line in lines] == [0, 1, 2]
    assert {**lines[1], "t_s": 1} == {
        "frame": 1,
        "t_s": 1,
        "seen": None,
        "value": None,
        "state": "unknown",
        "reason": "unreadable",
        "detect_ms": None,
    }
    assert lines[2]["value"] == 4
    assert count.unreadable == ["1.jpg is not a picture that can be read"]


def test_a_dark_frame_is_unknown_and_never_0() -> None:
    (line,) = Count(Counted([seen(0, 0, luma=2.0)]), 0, 0.6, EVERYWHERE).lines()
    assert (line["value"], line["seen"], line["state"], line["reason"]) == (None, None, "unknown", "dark")


def test_zones_and_threshold_leave_faces_out() -> None:
    left = ((0.0, 0.0), (0.3, 0.0), (0.3, 1.0), (0.0, 1.0))
    assert values(0, seen(0, 10), zones=Zones(include=(left,))) == [3]
    assert values(0, seen(0, 10), zones=Zones(exclude=(left,))) == [7]
    assert values(0, seen(0, 10, score=0.7), threshold=0.8) == [0]


@pytest.mark.parametrize(
    ("window_s", "frames", "value", "state"),
    [
        (0, [seen(0, 5), seen(1, 7)], 7, "ok"),
        (0, [seen(0, 5), broken(1)], None, "unknown"),
        (90, [seen(0, 5), seen(1, 5), seen(2, 5), broken(3)], 5, "ok"),
        (90, [], None, "unknown"),
    ],
)
def test_the_last_line_is_the_last_frames_or_the_windows(
    window_s: float, frames: list[Frame], value: int | None, state: str
) -> None:
    count = Count(Counted(frames), window_s, 0.6, EVERYWHERE)
    list(count.lines())
    size = 100 if frames else None
    assert count.summary() == {
        "frames": len(frames),
        "value": value,
        "state": state,
        "detector": "told",
        "model_sha256": "00",
        "width": size,
        "height": size,
    }


@dataclass
class Warned:
    """Told one sentence for each thing that went wrong."""

    sentences: list[str] = field(default_factory=list)

    def __call__(self, sentence: str) -> None:
        self.sentences.append(sentence)


@pytest.mark.parametrize(
    ("frames", "code", "sentences"),
    [
        ([seen(0, 5)], 0, 0),
        ([seen(0, 5), broken(1)], 0, 1),
        ([broken(0)], 1, 1),
        ([broken(0), broken(1)], 1, 2),
        ([], 1, 0),
    ],
)
def test_a_count_has_failed_when_nothing_could_be_counted(frames: list[Frame], code: int, sentences: int) -> None:
    warned = Warned()
    assert print_count(Count(Counted(frames), 0, 0.6, EVERYWHERE), True, warned) == code
    assert len(warned.sentences) == sentences


def test_a_source_that_fails_on_the_way_keeps_what_was_counted_and_has_failed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def frames() -> Iterator[Frame]:
        yield seen(0, 5)
        yield seen(1, 6)
        raise EyeError("cut_off", "a.avi ends in the middle")

    warned = Warned()
    assert print_count(Count(Counted(frames()), 0, 0.6, EVERYWHERE), True, warned) == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["value"] for line in lines] == [5, 6, 6]
    assert lines[-1]["frames"] == 2
    assert warned.sentences == ["a.avi ends in the middle"]


def test_who_ends_a_camera_gets_the_last_line(capsys: pytest.CaptureFixture[str]) -> None:
    def frames() -> Iterator[Frame]:
        yield seen(0, 5)
        raise KeyboardInterrupt

    assert print_count(Count(Counted(frames()), 0, 0.6, EVERYWHERE), True, Warned()) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["value"] == 5


def test_people_read_sentences_not_json(capsys: pytest.CaptureFixture[str]) -> None:
    print_count(Count(Counted([seen(0, 5), broken(1)]), 0, 0.6, EVERYWHERE), False, Warned())
    first, second, last = capsys.readouterr().out.splitlines()
    assert "5 người / people" in first
    assert "không rõ / unknown" in second
    assert "[unreadable]" in second
    assert last.startswith("không rõ / unknown  (2 khung hình / frames, told)")


# Wrong use: before anything is opened


@pytest.mark.parametrize(
    "arguments",
    [
        ["count"],
        ["count", "a.jpg", "b.jpg"],
        ["count", "a.jpg", "--fps", "0"],
        ["count", "a.jpg", "--fps", "many"],
        ["count", "a.jpg", "--window", "-1"],
        ["count", "a.jpg", "--window", "4000"],
        ["count", "a.jpg", "--threshold", "0"],
        ["count", "a.jpg", "--threshold", "1"],
        ["count", "a.jpg", "--zones"],
        ["count", "a.jpg", "--anotate", "out.jpg"],
        ["counts", "a.jpg"],
    ],
    ids=" ".join,
)
def test_wrong_flags_exit_2_with_one_sentence_on_standard_error(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    said = capsys.readouterr()
    assert caught.value.code == 2
    assert said.out == ""
    assert said.err.startswith("diemcau: ")
    assert said.err.count("\n") == 1
    assert "--help" in said.err


def test_help_goes_to_standard_output_and_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["count", "--help"])
    said = capsys.readouterr()
    assert caught.value.code == 0
    assert "Count the people in SOURCE" in said.out
    assert said.err == ""


ZONES_WITH_MISTAKES = """
inclde = []
include = [[[0.1, 0.1], [0.5, 1.2], [0.3, 0.3]], [[0, 0], [1, 1]]]
exclude = "everything"
"""


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        (None, ["this file is not there"]),
        (
            ZONES_WITH_MISTAKES,
            ["inclde: this key does not exist (did you mean include?)", "include[0]", "include[1]", "exclude: "],
        ),
        ("include = [[", ["this is not TOML"]),
    ],
    ids=["missing", "four mistakes", "no TOML"],
)
def test_a_zones_file_that_cannot_be_used_is_one_sentence_with_every_mistake(
    tmp_path: Path, text: str | None, sentences: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "zones.toml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(SystemExit) as caught:
        main(["count", str(tmp_path / "a.jpg"), "--zones", str(path)])
    said = capsys.readouterr()
    assert caught.value.code == 1
    assert said.out == ""
    assert said.err.startswith(f"diemcau: tệp cấu hình chưa đúng / {path}: ")
    assert said.err.count("\n") == 1
    for sentence in sentences:
        assert sentence in said.err


# The real command


@dataclass
class Ran:
    """A command that ended."""

    code: int
    lines: list[dict[str, Any]]
    out: str
    err: str

    @property
    def sentences(self) -> list[str]:
        """What we complained about: all of standard error, since libraries under us are to keep quiet."""
        return [line.removeprefix("diemcau: ") for line in self.err.splitlines()]


def count(*arguments: object, **environment: str) -> Ran:
    """``python -m agent count … --json``."""
    done = subprocess.run(
        [sys.executable, "-m", "agent", "count", *map(str, arguments), "--json"],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "Traceback" not in done.stderr
    return Ran(done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stdout, done.stderr)


@pytest.fixture(scope="session")
def network() -> models.Model:
    """Any network: the preferred one, or what there is."""
    found = models.search().model
    if found is None:
        pytest.skip("no face network on this machine")
    return found


@pytest.fixture(scope="session")
def halls(network: models.Model) -> Path:
    """Real group photos, each with the number of its people."""
    if not (HALLS / "counts.csv").is_file():
        pytest.skip("no group photos: ../shared/halls is not there")
    return HALLS


def draw(path: Path, at_s: float = 1.0) -> Path:
    """A picture of a hall where every seat is taken."""
    people = [Person(seat, seat) for seat in range(SEATS)]
    assert cv2.imwrite(str(path), DrawnHall(SEATS, 320, 240, 1).draw(people, at_s))
    return path


def test_at_least_nine_of_ten_group_photos_are_exact_at_the_default_threshold(halls: Path) -> None:
    with (halls / "counts.csv").open(newline="") as file:
        people = {row["file"]: int(row["people"]) for row in csv.DictReader(file)}
    ran = count(halls, "--window", 0)
    assert ran.code == 0
    counted = dict(zip(sorted(people), [line["value"] for line in ran.lines[:-1]], strict=True))
    wrong = {file: (counted[file], people[file]) for file in people if counted[file] != people[file]}
    assert len(wrong) <= len(people) // 10, wrong


def test_group_26_is_77_people(halls: Path, network: models.Model) -> None:
    ran = count(halls / "group-26.jpg")
    frame, last = ran.lines
    assert ran.code == 0
    assert ran.sentences == []
    assert frame.pop("detect_ms") > 0
    assert frame == {"frame": 0, "t_s": 0.0, "seen": 77, "value": 77, "state": "ok", "reason": None}
    assert last == {
        "frames": 1,
        "value": 77,
        "state": "ok",
        "detector": network.known.detector,
        "model_sha256": network.known.sha256,
        "width": 1024,
        "height": 559,
    }


@pytest.mark.usefixtures("network")
def test_a_folder_of_the_drawn_hall_goes_on_after_a_broken_picture(tmp_path: Path) -> None:
    for number in range(4):
        draw(tmp_path / f"{number}.jpg", float(number))
    whole = (tmp_path / "2.jpg").read_bytes()
    (tmp_path / "2.jpg").write_bytes(whole[: len(whole) // 2])
    ran = count(tmp_path, "--fps", 2)
    assert ran.code == 0
    assert [line["t_s"] for line in ran.lines[:-1]] == [0.0, 0.5, 1.0, 1.5]
    assert [line["seen"] for line in ran.lines[:-1]] == [SEATS, SEATS, None, SEATS]
    assert (ran.lines[2]["state"], ran.lines[2]["reason"]) == ("unknown", "unreadable")
    assert (ran.lines[-1]["frames"], ran.lines[-1]["value"], ran.lines[-1]["state"]) == (4, SEATS, "ok")
    assert ran.sentences == [f"{tmp_path / '2.jpg'} ends in the middle: copy it again"]


@pytest.mark.usefixtures("network")
def test_zones_leave_out_the_screen_with_the_other_sites(tmp_path: Path) -> None:
    (tmp_path / "zones.toml").write_text("exclude = [[[0, 0], [0.5, 0], [0.5, 1], [0, 1]]]")
    ran = count(draw(tmp_path / "a.png"), "--zones", tmp_path / "zones.toml")
    hall = DrawnHall(SEATS, 320, 240, 1)
    assert ran.lines[-1]["value"] == sum(seat.x >= 160 for seat in hall.seats)
    assert 0 < ran.lines[-1]["value"] < SEATS


@pytest.mark.usefixtures("network")
def test_what_is_written_on_request_has_nobody_in_it_that_could_be_counted(tmp_path: Path) -> None:
    picture = draw(tmp_path / "a.png")
    assert count(picture, "--annotate", tmp_path / "out.png").lines[-1]["value"] == SEATS
    assert count(tmp_path / "out.png").lines[-1]["value"] == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "out.png"]


@pytest.mark.usefixtures("network")
def test_an_annotated_picture_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    ran = count(draw(tmp_path / "a.png"), "--annotate", tmp_path / "out.xyz")
    assert ran.code == 1
    assert ran.sentences == [f"{tmp_path / 'out.xyz'} cannot be written: name a .jpg or .png file in a folder of yours"]


@pytest.mark.usefixtures("network")
def test_a_missing_source_is_one_sentence_and_nothing_on_standard_output(tmp_path: Path) -> None:
    ran = count(tmp_path / "none.jpg")
    assert (ran.code, ran.out) == (1, "")
    assert ran.sentences == [
        f"{tmp_path / 'none.jpg'} is not there: name a picture, a folder of pictures, a video or a camera"
    ]


@pytest.mark.usefixtures("network")
@pytest.mark.parametrize("raw", [b"", b"no picture"], ids=["empty", "text"])
def test_a_broken_picture_is_one_sentence_and_an_unknown_number(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "a.jpg").write_bytes(raw)
    ran = count(tmp_path / "a.jpg")
    assert ran.code == 1
    assert ran.sentences == [f"{tmp_path / 'a.jpg'} is not a picture that can be read"]
    assert [(line["value"], line["state"]) for line in ran.lines] == [(None, "unknown")] * 2


@pytest.mark.usefixtures("network")
def test_a_video_that_ends_in_the_middle_gives_the_frames_before_that_and_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "a.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 5, (320, 240))
    for number in range(12):
        writer.write(cv2.imread(str(draw(tmp_path / "frame.png", number / 5))))
    writer.release()
    raw = path.read_bytes()
    path.write_bytes(raw[: len(raw) // 2])
    ran = count(path, "--window", 0)
    assert ran.code == 1
    assert 3 <= ran.lines[-1]["frames"] == len(ran.lines) - 1 <= 8
    assert [line["t_s"] for line in ran.lines[:3]] == [0.0, 0.2, 0.4]
    assert [line["value"] for line in ran.lines[:3]] == [SEATS] * 3
    (sentence,) = ran.sentences
    assert sentence == f"{path} ends in the middle: {ran.lines[-1]['frames']} of 12 frames could be read"


def test_a_network_with_a_wrong_digest_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / models.KNOWN[0].file).write_bytes(b"forged")
    ran = count(draw(tmp_path / "a.png"), DIEMCAU_MODEL_DIR=str(tmp_path))
    assert (ran.code, ran.out) == (1, "")
    (sentence,) = ran.sentences
    assert str(tmp_path / models.KNOWN[0].file) in sentence
    assert sentence.endswith("(its SHA-256 differs): delete it and install it again")


@pytest.mark.parametrize("option", ["--threshold", "--fps", "--window"])
def test_a_number_that_is_none_is_wrong_use(option: str) -> None:
    ran = count("x.jpg", option, "nan")
    assert ran.code == 2
    assert len(ran.sentences) == 1
