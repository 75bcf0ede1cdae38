"""From a file's bytes to a picture, or to what is wrong with it.

The libraries under OpenCV fill up what is damaged with grey and print a line about it; OpenCV then says that all is
well, and a count of that picture would be a wrong number with the state ok. So the line is read here. A JPEG has no
checksum: what fits the code by chance nobody can tell.
"""

import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import cv2
import numpy as np

from hw.eye.view import Picture

STDERR = 2
MOST_SAID = 65536
# Source: libjpeg-turbo, jerror.h, JWRN_*. It prints the first warning of a picture only.
DAMAGED = re.compile(
    rb"Premature end of JPEG file|Corrupt JPEG data: "
    rb"(premature end of data segment|bad Huffman code|bad arithmetic code|found marker)"
)
EXTRANEOUS = re.compile(rb"Corrupt JPEG data: (\d+) extraneous bytes")
# Webcams fill up their frames by a few bytes, which harms nothing; more are left over where something is broken.
MOST_EXTRANEOUS = 16

_one_at_a_time = threading.Lock()  # there is one standard error


def decode(raw: bytes) -> tuple[Picture | None, bool]:
    """The picture in ordinary colour, or None; and True where its data is damaged, so that what it shows is in doubt.

    Nothing is printed. Thread: any.
    """
    if not raw:
        return None, False
    said = bytearray()
    try:
        with _one_at_a_time, _listening(said):
            picture = cv2.imdecode(np.frombuffer(raw, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        return None, False
    if picture is None:
        return None, False
    return np.asarray(picture, np.uint8), _is_damaged(bytes(said))


def _is_damaged(said: bytes) -> bool:
    left_over = EXTRANEOUS.search(said)
    return DAMAGED.search(said) is not None or (left_over is not None and int(left_over[1]) > MOST_EXTRANEOUS)


@contextmanager
def _listening(said: bytearray) -> Iterator[None]:
    """Take what the libraries print: they know no other way to tell it."""
    try:
        kept = os.dup(STDERR)
    except OSError:
        yield  # standard error is closed: nobody prints
        return
    ours, theirs = os.pipe()
    os.set_blocking(ours, False)
    os.set_blocking(theirs, False)  # who prints more than a pipe holds must not wait for us
    os.dup2(theirs, STDERR)
    os.close(theirs)
    try:
        yield
    finally:
        os.dup2(kept, STDERR)  # this also closes the pipe's end
        os.close(kept)
        said += os.read(ours, MOST_SAID)
        os.close(ours)
