"""hw/eye/counting.py: an eye that a person started."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import pytest

from agent.core.errors import EyeError
from agent.core.events import Detection, FrameSeen, FrameUnreadable
from hw.eye import models
from hw.eye.counting import open_counting
from hw.eye.models import Model
from tests.hw.eye.conftest import HEIGHT, SEATS, WIDTH, drawn


def every_face(frame: FrameSeen) -> tuple[Detection, ...]:
    """Without zones all faces count."""
    return frame.detections


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    """Counting sets how many threads OpenCV may use in this process, which is ours here."""
    before = cv2.getNumThreads()
    yield
    cv2.setNumThreads(before)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Three pictures of the drawn hall, of which the second is none."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in (0, 2):
        cv2.imwrite(str(folder / f"{number}.png"), drawn(at_s=float(number)))
    (folder / "1.png").write_bytes(b"none")
    return folder


def test_a_picture_is_counted(network: Model, pictures: Path) -> None:
    counting = open_counting(str(pictures / "0.png"), None, 0.6, None, every_face)
    assert counting.is_single
    assert (counting.detector, counting.model_sha256) == (network.known.detector, network.known.sha256)
    (frame,) = counting.frames
    assert isinstance(frame, FrameSeen)
    assert (frame.captured_s, frame.width, frame.height, len(frame.detections)) == (0.0, WIDTH, HEIGHT, SEATS)


def test_a_sequence_goes_on_after_a_picture_that_is_none(network: Model, pictures: Path) -> None:
    counting = open_counting(str(pictures), 2.0, 0.6, None, every_face)
    assert not counting.is_single
    first, none, last = counting.frames
    assert isinstance(first, FrameSeen)
    assert isinstance(last, FrameSeen)
    assert (first.captured_s, last.captured_s) == (0.0, 1.0)
    assert none == FrameUnreadable(0.5, "unreadable", f"{pictures / '1.png'} is not a picture that can be read")


def test_nothing_is_written_that_nobody_asked_for(
    network: Model, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    before = sorted(tmp_path.rglob("*"))
    assert len(list(open_counting(str(pictures), None, 0.6, None, every_face).frames)) == 3
    assert sorted(tmp_path.rglob("*")) == before


def test_what_is_asked_for_is_written_under_the_frames_own_number(
    network: Model, pictures: Path, tmp_path: Path
) -> None:
    list(open_counting(str(pictures), None, 0.6, tmp_path / "out", every_face).frames)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["frame-000000.jpg", "frame-000002.jpg"]
    (again,) = open_counting(str(tmp_path / "out" / "frame-000000.jpg"), None, 0.6, None, every_face).frames
    assert isinstance(again, FrameSeen)
    assert again.detections == ()


def test_a_network_with_a_wrong_digest_ends_a_tool(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / models.KNOWN[0].file).write_bytes(b"forged")
    monkeypatch.setenv("DIEMCAU_MODEL_DIR", str(tmp_path / "models"))
    with pytest.raises(EyeError, match="SHA-256 differs") as caught:
        open_counting(str(pictures), None, 0.6, None, every_face)
    assert caught.value.reason == "model_refused"


def test_no_network_at_all_ends_a_tool(pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "places", lambda: [tmp_path / "models"])
    monkeypatch.setattr(models, "_fallback_file", lambda: None)
    with pytest.raises(EyeError, match="there is no face network on this machine") as caught:
        open_counting(str(pictures), None, 0.6, None, every_face)
    assert caught.value.reason == "no_model"
