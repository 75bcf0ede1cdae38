"""Why a camera cannot be opened: OpenCV has one no for everything, and here the kernel is asked.

A camera that another program streams from is told from one that does not work by asking for none of its buffers
(``VIDIOC_REQBUFS``): as long as another program has them the kernel refuses with EBUSY, for uvcvideo as for every
driver on videobuf2 (vivid, which the tests use, is one), and where it does not refuse, nothing has been taken. Setting
the format that the camera has already (``VIDIOC_S_FMT``) is refused too; but where it is not, uvcvideo has talked to
the camera and forgotten the frame rate.

Source: ``include/uapi/linux/videodev2.h`` of the kernel; its ``uvc_v4l2.c`` and ``videobuf2-v4l2.c``.
"""

import errno
import fcntl
import os
import struct
from collections.abc import Callable

from agent.core.errors import EyeError

# "=": the machine's byte order without gaps; both are the same on 32 and 64 bits.
CAPABILITY = struct.Struct("=16s32s32sIII12x")  # driver, card, bus; version, of the device, of this node
REQUEST_BUFFERS = struct.Struct("=IIIIB3x")  # how many, type, memory; what is possible, flags
CAN_CAPTURE, CAN_CAPTURE_PLANES, CAN_STREAM, NODE_TELLS = 1 << 0, 1 << 12, 1 << 26, 1 << 31
CAPTURE, CAPTURE_PLANES, MMAP = 1, 9, 1

Ioctl = Callable[[int, int, bytearray], object]


def _code(direction: int, number: int, size: int) -> int:
    """``_IOR`` (2) or ``_IOWR`` (3) of ``'V'``. Source: ``asm-generic/ioctl.h``; the same on x86 and ARM."""
    return direction << 30 | size << 16 | ord("V") << 8 | number


QUERY_CAPABILITY = _code(2, 0, CAPABILITY.size)
REQUEST = _code(3, 8, REQUEST_BUFFERS.size)


def explain_refusal(node: str, ioctl: Ioctl = fcntl.ioctl) -> None:
    """Say why OpenCV could not open a camera; returns if it is there and nobody has it.

    To be called while this process has it open nowhere else.

    Args:
        node: Device node, ``/dev/video0``.
        ioctl: Asks the kernel: descriptor, code, bytes that it reads and fills.

    Raises:
        EyeError: ``missing``: it has gone. ``not_permitted``. ``busy``: another program has it. ``no_frames``: it does
            not work, or is no camera.

    Thread: the camera's, since a driver may keep whoever asks for ever.
    """
    try:
        fd = os.open(node, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            _ask_for_nothing(fd, ioctl)
        finally:
            os.close(fd)
    except OSError as error:
        raise _in_words(node, error) from error


def _ask_for_nothing(fd: int, ioctl: Ioctl) -> None:
    """Raises OSError: EBUSY where another program has the buffers, ENOTTY where there are none to have."""
    about = bytearray(CAPABILITY.size)
    ioctl(fd, QUERY_CAPABILITY, about)
    _, _, _, _, device, node = CAPABILITY.unpack(about)
    can = node if device & NODE_TELLS else device  # of a camera's two nodes only one has pictures
    if not can & CAN_STREAM or not can & (CAN_CAPTURE | CAN_CAPTURE_PLANES):
        raise OSError(errno.ENOTTY, "it takes no pictures")
    kind = CAPTURE if can & CAN_CAPTURE else CAPTURE_PLANES
    ioctl(fd, REQUEST, bytearray(REQUEST_BUFFERS.pack(0, kind, MMAP, 0, 0)))


def _in_words(node: str, error: OSError) -> EyeError:
    match error.errno:
        case errno.EBUSY:
            return EyeError("busy", f"the camera at {node} is busy: another program is using it")
        case errno.ENOENT | errno.ENODEV | errno.ENXIO:
            return EyeError("missing", f"the camera at {node} has gone: plug it in again")
        case errno.EACCES | errno.EPERM:
            return EyeError("not_permitted", f"{node} may not be opened: add this user to the group video")
        case errno.ENOTTY:  # the kernel's word for "not that kind of device"
            return EyeError("no_frames", f"{node} is no camera: name another one")
    return EyeError("no_frames", f"the camera at {node} does not work ({error.strerror}): plug it in again")
