"""hw/eye/v4l2_probe.py: what the kernel's answers mean. The kernel is one of ours; it refuses as its source says."""

import errno
import os
import struct
from pathlib import Path

import pytest

from agent.core.advice import advice
from agent.core.checkup import PICTURE
from agent.core.errors import EyeError
from hw.eye.v4l2_probe import QUERY_CAPABILITY, REQUEST, explain_refusal

CAPTURE, CAPTURE_PLANES, METADATA, STREAM, NODE_TELLS = 0x1, 0x1000, 0x800000, 0x4000000, 0x80000000


class Kernel:
    """Stands where ``fcntl.ioctl`` stands: a V4L2 device that can ``can``, and refuses codes with errors."""

    def __init__(self, can: int = CAPTURE | STREAM, device: int | None = None, **refuses: int) -> None:
        self._device, self._can = can | NODE_TELLS if device is None else device, can
        self._refuses = {QUERY_CAPABILITY: refuses.get("query", 0), REQUEST: refuses.get("request", 0)}
        self.requests: list[tuple[int, ...]] = []
        self.fd = -1

    def __call__(self, fd: int, code: int, data: bytearray) -> int:
        self.fd = fd
        if error := self._refuses[code]:
            raise OSError(error, os.strerror(error))
        if code == QUERY_CAPABILITY:
            struct.pack_into("=16s32s32sIII", data, 0, b"uvcvideo", b"Camera", b"usb", 6 << 16, self._device, self._can)
        else:
            self.requests.append(struct.unpack_from("=III", data))
        return 0

    def has_a_closed_descriptor(self) -> bool:
        try:
            os.fstat(self.fd)
        except OSError:
            return True
        return False


@pytest.fixture
def node(tmp_path: Path) -> str:
    (tmp_path / "video0").touch()
    return str(tmp_path / "video0")


def reason(node: str, kernel: Kernel) -> str:
    with pytest.raises(EyeError) as caught:
        explain_refusal(node, kernel)
    assert isinstance(caught.value.__cause__, OSError)
    assert str(caught.value)
    return caught.value.reason


def test_the_codes_are_the_kernels() -> None:
    """As a C program prints them that includes linux/videodev2.h."""
    assert (QUERY_CAPABILITY, REQUEST) == (0x80685600, 0xC0145608)


def test_a_camera_that_nobody_has_is_asked_for_no_buffer_and_left_alone(node: str) -> None:
    kernel = Kernel()
    explain_refusal(node, kernel)
    assert kernel.requests == [(0, 1, 1)]
    assert kernel.has_a_closed_descriptor()


def test_buffers_that_another_program_has_are_a_busy_camera(node: str) -> None:
    kernel = Kernel(request=errno.EBUSY)
    assert reason(node, kernel) == "busy"
    assert kernel.has_a_closed_descriptor()


@pytest.mark.parametrize(
    ("kernel", "expected"),
    [
        (Kernel(query=errno.ENOTTY), "no_frames"),
        (Kernel(query=errno.EIO), "no_frames"),
        (Kernel(query=errno.EPERM), "not_permitted"),
        (Kernel(query=errno.ENODEV), "missing"),
        (Kernel(request=errno.ENODEV), "missing"),
        (Kernel(request=errno.EIO), "no_frames"),
        (Kernel(request=errno.EINVAL), "no_frames"),
        (Kernel(request=errno.EPROTO), "no_frames"),
        (Kernel(request=errno.ENOMEM), "no_frames"),
        (Kernel(METADATA | STREAM, CAPTURE | METADATA | STREAM | NODE_TELLS, request=errno.EBUSY), "no_frames"),
        (Kernel(CAPTURE, request=errno.EBUSY), "no_frames"),
        (Kernel(0, CAPTURE | STREAM, request=errno.EBUSY), "busy"),
        (Kernel(CAPTURE_PLANES | STREAM, request=errno.EBUSY), "busy"),
    ],
    ids=[
        "no V4L2 device",
        "broken",
        "forbidden by a unit",
        "unplugged",
        "unplugged a moment later",
        "broken when asked for buffers",
        "without memory mapping",
        "a camera that does not answer",
        "a machine without memory",
        "a camera's other node",
        "one that does not stream",
        "an old driver, which does not tell of nodes",
        "planes",
    ],
)
def test_only_a_camera_that_is_in_use_is_busy(node: str, kernel: Kernel, expected: str) -> None:
    assert reason(node, kernel) == expected


def test_a_device_with_planes_is_asked_for_buffers_with_planes(node: str) -> None:
    kernel = Kernel(CAPTURE_PLANES | STREAM)
    explain_refusal(node, kernel)
    assert kernel.requests == [(0, 9, 1)]


def test_a_node_that_has_gone_is_missing(tmp_path: Path) -> None:
    assert reason(str(tmp_path / "video0"), Kernel()) == "missing"


def test_a_node_that_may_not_be_opened_is_not_permitted(node: str) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may open everything")
    Path(node).chmod(0)
    assert reason(node, Kernel()) == "not_permitted"


@pytest.mark.parametrize("device", ["/dev/null", "/dev/zero"])
def test_a_real_device_that_is_no_camera_does_not_work_as_one(device: str) -> None:
    with pytest.raises(EyeError, match=f"{device} is no camera: name another one") as caught:
        explain_refusal(device)
    assert caught.value.reason == "no_frames"


def test_a_camera_that_does_not_work_fails_the_picture_and_has_advice() -> None:
    assert (PICTURE["no_frames"], PICTURE["busy"]) == ("failed", "warning")
    assert advice("camera.picture", "no_frames", "vi")
