"""hw/eye/decode.py: a picture that is damaged inside is not counted, and the libraries under us print nothing."""

import os
import threading

import cv2
import numpy as np
import pytest

from hw.eye.decode import MOST_EXTRANEOUS, decode
from tests.hw.eye.conftest import drawn

PICTURE = drawn(6, 320, 240)
RESTARTS = [cv2.IMWRITE_JPEG_RST_INTERVAL, 4]


def jpeg(*flags: int) -> bytes:
    return cv2.imencode(".jpg", PICTURE, list(flags))[1].tobytes()


def with_bytes(raw: bytes, share: float, bad: bytes) -> bytes:
    """``raw`` with something else in it, from a share of its length on."""
    at = int(len(raw) * share)
    return raw[:at] + bad + raw[at + len(bad) :]


def garbage(number: int) -> bytes:
    return np.random.default_rng(number).integers(0, 255, number, dtype=np.uint8).tobytes()


@pytest.mark.parametrize("flags", [[], [cv2.IMWRITE_JPEG_PROGRESSIVE, 1], RESTARTS, [cv2.IMWRITE_JPEG_QUALITY, 20]])
def test_a_whole_picture_is_not_damaged(flags: list[int]) -> None:
    picture, is_damaged = decode(jpeg(*flags))
    assert picture is not None
    assert (picture.shape, is_damaged) == (PICTURE.shape, False)


@pytest.mark.parametrize("share", [0.2, 0.35])
@pytest.mark.parametrize("bad", [bytes(400), garbage(400), b"\x13\x37" * 300], ids=["zeros", "noise", "pattern"])
@pytest.mark.parametrize("flags", [[], RESTARTS], ids=["plain", "restarts"])
def test_a_jpeg_with_garbage_in_the_middle_is_damaged(
    share: float, bad: bytes, flags: list[int], capfd: pytest.CaptureFixture[str]
) -> None:
    picture, is_damaged = decode(with_bytes(jpeg(*flags), share, bad))
    assert is_damaged or picture is None
    assert capfd.readouterr() == ("", "")


def test_a_webcams_few_bytes_at_the_end_harm_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    raw = jpeg()
    for number, is_damaged in ((1, False), (MOST_EXTRANEOUS, False), (100, True), (500, True)):
        assert decode(raw[:-2] + bytes(number) + raw[-2:])[1] is is_damaged, number
    assert capfd.readouterr().err == ""


def test_a_png_with_garbage_in_the_middle_is_no_picture_and_nothing_is_printed(
    capfd: pytest.CaptureFixture[str],
) -> None:
    raw = cv2.imencode(".png", PICTURE)[1].tobytes()
    assert decode(with_bytes(raw, 0.5, bytes(100)))[0] is None
    assert capfd.readouterr() == ("", "")


def test_standard_error_is_as_before_also_while_several_threads_decode(capfd: pytest.CaptureFixture[str]) -> None:
    broken, before = with_bytes(jpeg(), 0.5, garbage(400)), len(os.listdir("/proc/self/fd"))  # noqa: PTH208 # a count
    results: list[bool] = []
    threads = [threading.Thread(target=lambda: results.append(decode(broken)[1])) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 8
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208 # a count
    os.write(2, b"heard\n")
    assert capfd.readouterr().err == "heard\n"


def test_without_a_standard_error_pictures_are_decoded_all_the_same() -> None:
    kept = os.dup(2)
    os.close(2)
    try:
        assert decode(jpeg())[0] is not None
    finally:
        os.dup2(kept, 2)
        os.close(kept)
