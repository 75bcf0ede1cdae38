"""``diemcau count --annotate``: nobody can be recognised in what is written, and nothing is written unasked."""

import json
import os
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from agent.core.events import Detection
from hw.eye.annotate import CELLS, HIDE_THRESHOLD
from hw.eye.detector import open_detector
from hw.eye.models import Model, search
from hw.eye.sources import read_still
from hw.eye.view import Picture
from hw.simulated.hall import DrawnHall, Person
from tests.hw.eye.conftest import ROOT
from tests.scenarios.leaks import in_folders, snapshot

HALLS = ROOT.parent / "shared" / "halls"
THRESHOLD = 0.6
RECOGNISABLE = 0.6  # correlation of the fine detail of a face with its original; of another person's face it is 0.3


@pytest.fixture(scope="module")
def model() -> Model:
    found = search().model
    if found is None:
        pytest.skip("no face network on this machine: without one no face is found that could be hidden")
    return found


@pytest.fixture(scope="module", autouse=True)
def _needs(model: Model) -> None:
    """Every test here."""


def run(*arguments: object, cwd: Path = ROOT) -> tuple[int, list[dict[str, Any]], str]:
    done = subprocess.run(
        [sys.executable, "-B", "-m", "agent", "count", *map(str, arguments), "--json"],
        cwd=cwd, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdin=subprocess.DEVNULL, capture_output=True, text=True,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def read(path: Path) -> Picture:
    still = read_still(path, 0.0)
    assert still.picture is not None, still.problem
    return still.picture


def inside(picture: Picture, face: Detection) -> Picture:
    """What a face shows: without the outline of its box."""
    height, width = picture.shape[:2]
    left, top = max(0, int(face.x) + 3), max(0, int(face.y) + 3)
    return picture[top : min(height, int(face.y + face.h) - 3), left : min(width, int(face.x + face.w) - 3)]


def detail(part: Picture) -> NDArray[Any]:
    """What tells one face from another: all that is finer than a third of it."""
    grey = cv2.cvtColor(part, cv2.COLOR_BGR2GRAY).astype(float)
    side = max(3, part.shape[1] // 3 | 1)
    return np.asarray((grey - cv2.blur(grey, (side, side))).ravel())


def likeness(before: Picture, after: Picture) -> float:
    one, other = detail(before), detail(after)
    return float(np.corrcoef(one, other)[0, 1]) if one.std() and other.std() else 0.0


def assert_nobody_can_be_recognised(model: Model, before: Picture, after: Picture) -> int:
    """Of all that the network takes for a face, however doubtful; returns how many those are."""
    hidden = open_detector(model, HIDE_THRESHOLD).detect(before)
    assert open_detector(model, THRESHOLD).detect(after) == ()
    alike = []
    for face in hidden:
        was, part = inside(before, face), inside(after, face)
        if part.size == 0:
            continue
        # Squares of its own and of neighbours whose margins reach into it, and the green line; a face has hundreds.
        assert len(np.unique(part.reshape(-1, 3), axis=0)) <= 6 * CELLS**2 + 1
        if min(part.shape[:2]) >= 8:
            alike.append(likeness(was, part))
    if alike:
        assert max(alike) < RECOGNISABLE
        assert abs(float(np.mean(alike))) < 0.2
    return len(hidden)


def draw(path: Path, at_s: float = 1.0, seats: int = 6, width: int = 320, height: int = 240) -> Path:
    people = [Person(seat, seat) for seat in range(seats)]
    assert cv2.imwrite(str(path), DrawnHall(seats, width, height, 1).draw(people, at_s))
    return path


# Nobody can be recognised


@pytest.mark.parametrize("name", ["group-1.jpg", "group-15.jpg", "group-26.jpg", "group-6.jpg"])
def test_nobody_can_be_recognised_in_an_annotated_group_photo(model: Model, tmp_path: Path, name: str) -> None:
    """Real people, 16 to 77 of them, down to 17 pixels."""
    if not (HALLS / name).is_file():
        pytest.skip("no group photos: ../shared/halls is not there")
    code, lines, _ = run(HALLS / name, "--annotate", tmp_path / "out.png")
    assert code == 0
    hidden = assert_nobody_can_be_recognised(model, read(HALLS / name), read(tmp_path / "out.png"))
    assert hidden >= lines[-1]["value"] > 0


def test_the_measure_of_likeness_tells_a_face_from_a_hidden_one(model: Model) -> None:
    """A test that cannot fail proves nothing: a light blur leaves people recognisable, and is caught."""
    if not (HALLS / "group-15.jpg").is_file():
        pytest.skip("no group photos: ../shared/halls is not there")
    before = read(HALLS / "group-15.jpg")
    with pytest.raises(AssertionError):
        assert_nobody_can_be_recognised(model, before, np.asarray(cv2.GaussianBlur(before, (0, 0), 3), np.uint8))
    faces = open_detector(model, THRESHOLD).detect(before)
    blurred = np.asarray(cv2.GaussianBlur(before, (0, 0), 2), np.uint8)
    assert min(likeness(inside(before, face), inside(blurred, face)) for face in faces) > RECOGNISABLE


def test_faces_of_ten_pixels_are_hidden_too(model: Model, tmp_path: Path) -> None:
    draw(tmp_path / "a.png", seats=60, width=420, height=240)
    before = read(tmp_path / "a.png")
    faces = open_detector(model, THRESHOLD).detect(before)
    assert min(face.w for face in faces) < 10
    assert run(tmp_path / "a.png", "--annotate", tmp_path / "out.png")[0] == 0
    assert assert_nobody_can_be_recognised(model, before, read(tmp_path / "out.png")) >= len(faces)


def test_faces_at_the_pictures_edge_are_hidden_as_far_as_they_show(model: Model, tmp_path: Path) -> None:
    draw(tmp_path / "a.png", seats=6, width=640, height=480)
    whole = read(tmp_path / "a.png")
    face = max(open_detector(model, THRESHOLD).detect(whole), key=lambda face: face.w)
    left, top = int(face.x + face.w * 0.3), int(face.y + face.h * 0.2)
    assert cv2.imwrite(str(tmp_path / "a.png"), whole[top:, left:])
    assert run(tmp_path / "a.png", "--annotate", tmp_path / "out.png")[0] == 0
    before, after = whole[top:, left:], read(tmp_path / "out.png")
    assert_nobody_can_be_recognised(model, before, after)
    cut = open_detector(model, HIDE_THRESHOLD).detect(before)
    assert any(one.x < face.w * 0.3 and one.y < face.h * 0.3 for one in cut), "the cut face is still one to the network"


def test_faces_that_zones_exclude_are_hidden_and_have_no_box(model: Model, tmp_path: Path) -> None:
    draw(tmp_path / "a.png")
    (tmp_path / "zones.toml").write_text("exclude = [[[0, 0], [1, 0], [1, 1], [0, 1]]]")
    code, lines, _ = run(tmp_path / "a.png", "--annotate", tmp_path / "out.png", "--zones", tmp_path / "zones.toml")
    assert (code, lines[-1]["value"]) == (0, 0)
    before, after = read(tmp_path / "a.png"), read(tmp_path / "out.png")
    assert assert_nobody_can_be_recognised(model, before, after) == 6
    assert not (after.astype(int) == (80, 200, 60)).all(axis=2).any()


def test_in_every_frame_of_a_folder_everybody_is_hidden(model: Model, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for number in range(8):
        draw(tmp_path / "in" / f"{number}.png", at_s=number * 1.7)
    (tmp_path / "in" / "3.png").write_bytes(b"broken")
    assert run(tmp_path / "in", "--annotate", tmp_path / "out")[0] == 0
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == [f"frame-{number:06d}.jpg" for number in range(8) if number != 3]
    for number in (0, 1, 2, 4, 5, 6, 7):
        after = read(tmp_path / "out" / f"frame-{number:06d}.jpg")
        assert open_detector(model, THRESHOLD).detect(after) == ()
        for face in open_detector(model, HIDE_THRESHOLD).detect(read(tmp_path / "in" / f"{number}.png")):
            assert likeness(inside(read(tmp_path / "in" / f"{number}.png"), face), inside(after, face)) < RECOGNISABLE


# Nothing else is in it


def test_what_the_photo_knew_besides_its_pixels_is_not_in_what_is_written(tmp_path: Path) -> None:
    """Where and when it was taken, and a thumbnail with everybody's face in it."""
    draw(tmp_path / "a.png")
    raw = cv2.imencode(".jpg", read(tmp_path / "a.png"))[1].tobytes()
    thumbnail = cv2.imencode(".jpg", cv2.resize(read(tmp_path / "a.png"), (80, 60)))[1].tobytes()
    marks = [b"Exif\0\0MM\0*\0\0\0\x08\0\0 GPS 21.0285N 105.8542E" + thumbnail, b"http://ns.adobe.com/xap/1.0/\0Uy ban"]
    segments = b"".join(b"\xff\xe1" + struct.pack("!H", len(mark) + 2) + mark for mark in marks)
    comment = b"\xff\xfe" + struct.pack("!H", 2 + len(b"Tran Van An")) + b"Tran Van An"
    (tmp_path / "photo.jpg").write_bytes(raw[:2] + segments + comment + raw[2:])
    for name in ("out.jpg", "out.png"):
        assert run(tmp_path / "photo.jpg", "--annotate", tmp_path / name)[0] == 0
        written = (tmp_path / name).read_bytes()
        for trace in (b"Exif", b"eXIf", b"GPS", b"adobe", b"Uy ban", b"Tran", thumbnail[-400:-300]):
            assert trace not in written, (name, trace)
        assert written.count(b"\xff\xd8\xff") == (1 if name.endswith("jpg") else 0)


# Only where a person asked for it, and never over what they have


def test_without_the_option_nothing_is_written_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work = tmp_path / "work"
    (work / "in").mkdir(parents=True)
    for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(work))
    for number in range(3):
        draw(work / "in" / f"{number}.png", at_s=float(number))
    folders = [tmp_path, Path("/dev/shm")]
    before = snapshot(folders)
    assert run(work / "in", cwd=work)[0] == 0
    assert run(work / "in" / "1.png", cwd=work)[0] == 0
    assert in_folders(before, snapshot(folders)) == []
    assert run(work / "in" / "1.png", "--annotate", work / "out.png", cwd=work)[0] == 0
    assert in_folders(before, snapshot(folders)) == [f"{work / 'out.png'} was written"]


@pytest.mark.parametrize(
    ("source", "out"),
    [
        ("in/a.png", "in/a.png"),
        ("in/a.png", "in/../in/a.png"),
        ("in/a.png", "other/../in/a.png"),
        ("in/a.png", "soft.png"),
        ("in/a.png", "hard.png"),
        ("soft.png", "in/a.png"),
        ("in", "in"),
        ("in", "in/."),
        ("in", "in-too"),
        ("in-too", "in"),
        ("in", "in/a.png"),
        ("in", "hard.png"),
        ("links", "in"),
        ("in", "out-with-link"),
        ("in/a.png", "in"),
    ],
)
def test_the_pictures_that_are_counted_are_never_written_over(tmp_path: Path, source: str, out: str) -> None:
    for folder in ("in", "other", "links", "out-with-link"):
        (tmp_path / folder).mkdir()
    picture = draw(tmp_path / "in" / "a.png")
    (tmp_path / "soft.png").symlink_to(picture)
    (tmp_path / "hard.png").hardlink_to(picture)
    (tmp_path / "in-too").symlink_to(tmp_path / "in")
    (tmp_path / "links" / "b.png").symlink_to(picture)
    (tmp_path / "out-with-link" / "frame-000000.jpg").symlink_to(picture)
    raw = picture.read_bytes()
    code, lines, said = run(source, "--annotate", out, cwd=tmp_path)
    assert (code, lines) == (2, [])
    assert said.startswith("diemcau: --annotate would write over the pictures that are counted: name another place.")
    assert said.count("\n") == 1
    assert picture.read_bytes() == raw


@pytest.mark.parametrize(
    ("source", "out"), [("in", "in/marked"), ("in/a.png", "in/marked.png"), ("in", "other"), ("in/a.png", "new/b.jpg")]
)
def test_a_place_beside_the_pictures_is_a_good_one(tmp_path: Path, source: str, out: str) -> None:
    for folder in ("in", "other"):
        (tmp_path / folder).mkdir()
    draw(tmp_path / "in" / "a.png")
    draw(tmp_path / "other" / "unrelated.png", at_s=5)
    code, lines, said = run(source, "--annotate", out, cwd=tmp_path)
    assert (code, lines[-1]["value"], said) == (0, 6, "")
    assert (tmp_path / out).exists()
