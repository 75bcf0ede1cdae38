"""hw/eye/sources.py: pictures, folders and videos as they come from people, whole and broken."""

import re
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from agent.core.errors import EyeError
from hw.eye.sources import Still, open_source, read_still
from tests.hw.eye.conftest import drawn

WIDTH, HEIGHT, FRAMES, RATE = 160, 120, 40, 10.0
BITS = 8  # of a frame's number
KINDS = (("a.avi", "MJPG"), ("a.mp4", "mp4v"))


def write(path: Path, picture: NDArray[np.generic]) -> Path:
    assert cv2.imwrite(str(path), picture)
    return path


def shade(level: int) -> NDArray[np.uint8]:
    """A picture that is nothing but its brightness."""
    return np.full((HEIGHT, WIDTH, 3), level, np.uint8)


def film(path: Path, codec: str) -> Path:
    """A video whose every frame shows its own number as black and white stripes, which any codec keeps."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), RATE, (WIDTH, HEIGHT))
    if not writer.isOpened():
        pytest.skip(f"OpenCV here cannot write {codec}")
    for number in range(FRAMES):
        writer.write(numbered(number))
    writer.release()
    return path


def numbered(number: int) -> NDArray[np.uint8]:
    stripes = [240 if number >> bit & 1 else 15 for bit in range(BITS)]
    row = np.repeat(np.array(stripes, np.uint8), WIDTH // BITS)
    return np.ascontiguousarray(np.broadcast_to(row[None, :, None], (HEIGHT, WIDTH, 3)))


def frame_number(still: Still) -> int:
    assert still.picture is not None
    stripes = still.picture.reshape(HEIGHT, BITS, WIDTH // BITS, 3).mean(axis=(0, 2, 3))
    return sum(1 << bit for bit, level in enumerate(stripes) if level > 128)


def stills(source: Path, fps: float | None = None) -> list[Still]:
    return list(open_source(str(source), fps).stills)


# One picture


@pytest.mark.parametrize("suffix", [".jpg", ".JPEG", ".png", ".bmp", ".webp", ".tif", ".ppm"])
def test_a_picture_is_one_still_at_second_0(tmp_path: Path, suffix: str) -> None:
    source = open_source(str(write(tmp_path / f"a{suffix}", shade(90))), fps=None)
    assert source.is_single
    (still,) = source.stills
    assert still.t_s == 0.0
    assert still.picture is not None
    assert still.picture.shape == (HEIGHT, WIDTH, 3)
    assert still.picture.mean() == pytest.approx(90, abs=2)


@pytest.mark.parametrize(
    "picture",
    [
        np.full((1, 1, 3), 200, np.uint8),
        np.full((5, 7), 200, np.uint8),
        np.full((5, 7), 200 * 257, np.uint16),
        np.full((5, 7, 3), 200 * 257, np.uint16),
        np.dstack([np.full((5, 7, 3), 200, np.uint8), np.zeros((5, 7), np.uint8)]),
    ],
    ids=["one pixel", "grey", "grey 16-bit", "16-bit", "transparent"],
)
def test_uncommon_pictures_become_ordinary_colour(tmp_path: Path, picture: NDArray[np.generic]) -> None:
    still = read_still(write(tmp_path / "a.png", picture), 3.5)
    assert still.t_s == 3.5
    assert still.picture is not None
    assert still.picture.dtype == np.uint8
    assert still.picture.shape == (*picture.shape[:2], 3)
    assert (still.picture == 200).all()


def with_thumbnail(jpeg: bytes, thumbnail: bytes) -> bytes:
    """What a camera writes: a small JPEG in a segment of the large one."""
    inside = b"Exif\0\0" + thumbnail
    return jpeg[:2] + b"\xff\xe1" + struct.pack("!H", len(inside) + 2) + inside + jpeg[2:]


def encoded(kind: str) -> bytes:
    picture = drawn(4, 160, 120)
    if kind == "png":
        return cv2.imencode(".png", picture)[1].tobytes()
    progressive = [cv2.IMWRITE_JPEG_PROGRESSIVE, int(kind == "progressive")]
    jpeg = cv2.imencode(".jpg", picture, progressive)[1].tobytes()
    small = cv2.imencode(".jpg", cv2.resize(picture, (40, 30)))[1].tobytes()
    return with_thumbnail(jpeg, small) if kind == "thumbnail" else jpeg


@pytest.mark.parametrize("kind", ["jpeg", "progressive", "thumbnail", "png"])
def test_a_picture_that_ends_anywhere_before_its_end_is_none(tmp_path: Path, kind: str) -> None:
    raw, path = encoded(kind), tmp_path / ("a.png" if kind == "png" else "a.jpg")
    path.write_bytes(raw)
    assert read_still(path, 0.0).picture is not None
    # A PNG is whole without the checksum of its empty last chunk.
    last = len(raw) - (8 if kind == "png" else 1)
    for length in [*range(0, last, 23), last]:
        path.write_bytes(raw[:length])
        still = read_still(path, 0.0)
        assert still.picture is None, length
        assert still.problem.startswith(str(path)), length
    assert still.problem == f"{path} ends in the middle: copy it again"


@pytest.mark.parametrize("raw", [b"", b"no picture", b"\xff\xd8", b"\x89PNG\r\n\x1a\n", b"\0" * 5000])
def test_what_is_no_picture_is_said_so_in_a_sentence(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(raw)
    (still,) = stills(path)
    assert still.picture is None
    assert str(path) in still.problem


def test_a_picture_with_more_pixels_than_anyone_has_is_refused_and_not_unpacked(tmp_path: Path) -> None:
    header = struct.pack("!IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 1000)), (b"IEND", b"")]
    path = tmp_path / "bomb.png"
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + b"".join(
            struct.pack("!I", len(data)) + name + data + struct.pack("!I", zlib.crc32(name + data))
            for name, data in chunks
        )
    )
    assert read_still(path, 0.0) == Still(0.0, None, f"{path} is not a picture that can be read")


def test_a_picture_that_is_not_there_is_an_error_that_says_what_may_be_named(tmp_path: Path) -> None:
    with pytest.raises(EyeError, match="name a picture, a folder of pictures, a video or a camera") as caught:
        open_source(str(tmp_path / "none.jpg"), None)
    assert caught.value.reason == "missing"


def test_a_picture_that_vanishes_before_it_is_read_is_a_still_with_the_reason(tmp_path: Path) -> None:
    still = read_still(tmp_path / "gone.jpg", 2.0)
    assert (still.t_s, still.picture) == (2.0, None)
    assert still.problem == f"{tmp_path / 'gone.jpg'} cannot be read: No such file or directory"


# A folder


def test_a_folder_is_read_in_name_order_at_its_frame_rate(tmp_path: Path) -> None:
    for number in (3, 0, 2, 1):
        write(tmp_path / f"frame-{number}.png", numbered(number))
    (tmp_path / "frame-1.txt").write_text("no picture")
    source = open_source(str(tmp_path), fps=4)
    assert not source.is_single
    read = list(source.stills)
    assert [frame_number(still) for still in read] == [0, 1, 2, 3]
    assert [still.t_s for still in read] == [0.0, 0.25, 0.5, 0.75]
    assert [still.t_s for still in stills(tmp_path)] == [0.0, 1.0, 2.0, 3.0]


def test_a_broken_picture_in_the_middle_of_a_folder_is_a_line_with_the_reason_and_the_rest_goes_on(
    tmp_path: Path,
) -> None:
    for number in range(4):
        write(tmp_path / f"{number}.jpg", numbered(number))
    (tmp_path / "1.jpg").write_bytes(b"\xff\xd8\xff rotten")
    (tmp_path / "2.jpg").write_bytes((tmp_path / "3.jpg").read_bytes()[:-100])
    first, rotten, cut, last = stills(tmp_path)
    assert (frame_number(first), frame_number(last)) == (0, 3)
    assert (rotten.t_s, cut.t_s) == (1.0, 2.0)
    assert rotten.problem == f"{tmp_path / '1.jpg'} is not a picture that can be read"
    assert cut.problem == f"{tmp_path / '2.jpg'} ends in the middle: copy it again"


def test_a_folder_that_calls_itself_a_picture_is_a_line_with_the_reason(tmp_path: Path) -> None:
    write(tmp_path / "0.png", shade(40))
    (tmp_path / "1.png").mkdir()
    good, folder = stills(tmp_path)
    assert good.picture is not None
    assert folder.problem == f"{tmp_path / '1.png'} cannot be read: Is a directory"


def test_a_folder_without_pictures_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(EyeError, match=f"there are no pictures in {tmp_path}") as caught:
        open_source(str(tmp_path), None)
    assert caught.value.reason == "missing"


# A video


@pytest.mark.parametrize(("name", "codec"), KINDS)
def test_a_video_has_its_own_times(tmp_path: Path, name: str, codec: str) -> None:
    source = open_source(str(film(tmp_path / name, codec)), None)
    assert not source.is_single
    read = list(source.stills)
    assert [frame_number(still) for still in read] == list(range(FRAMES))
    assert [still.t_s for still in read] == pytest.approx([number / RATE for number in range(FRAMES)], abs=0.001)


@pytest.mark.parametrize(("fps", "step"), [(2, 5), (1, 10), (100, 1), (5, 2), (RATE, 1)])
def test_a_video_is_looked_at_as_often_as_asked(tmp_path: Path, fps: float, step: int) -> None:
    read = stills(film(tmp_path / "a.avi", "MJPG"), fps)
    assert [frame_number(still) for still in read] == list(range(0, FRAMES, step))


@pytest.mark.parametrize("whole", [1, 20, 36])
def test_a_video_that_ends_in_the_middle_gives_its_frames_and_then_the_reason(tmp_path: Path, whole: int) -> None:
    path = film(tmp_path / "a.avi", "MJPG")
    raw = path.read_bytes()
    starts = [match.start() for match in re.finditer(b"00dc", raw[: raw.index(b"idx1")])][-FRAMES:]
    path.write_bytes(raw[: starts[whole] + 12])
    source = open_source(str(path), None).stills
    assert [frame_number(next(source)) for _ in range(whole)] == list(range(whole))
    with pytest.raises(EyeError, match=rf"a\.avi ends in the middle: {whole} of 40 frames could be read") as caught:
        next(source)
    assert caught.value.reason == "cut_off"


def test_an_mp4_without_its_index_at_the_end_cannot_be_read(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", "mp4v")
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(EyeError, match=str(path)) as caught:
        stills(path)
    assert caught.value.reason == "unreadable"


@pytest.mark.parametrize("raw", [b"", b"text\n" * 1000])
def test_a_file_that_is_neither_picture_nor_video_is_an_error(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "a.doc"
    path.write_bytes(raw)
    with pytest.raises(EyeError, match="neither a picture nor a video"):
        open_source(str(path), None)


# A camera


@pytest.mark.parametrize("name", ["97", "/dev/video97"])
def test_a_camera_is_named_by_its_node_or_its_number(name: str) -> None:
    source = open_source(name, None)
    assert not source.is_single
    with pytest.raises(EyeError, match="there is no camera at /dev/video97: plug it in") as caught:
        next(source.stills)
    assert caught.value.reason == "missing"


def test_a_name_that_no_file_system_takes_is_one_sentence() -> None:
    with pytest.raises(EyeError, match="cannot be read"):
        open_source("x" * 300 + ".jpg", None)
