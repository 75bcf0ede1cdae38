#!/usr/bin/python3
"""In the machine: frames for the camera of usb.py, from the kernel's own test driver (vivid), and what spoils them.

frames.py up                 from now on whoever opens the node of a USB camera that is plugged in gets vivid's frames
frames.py down               no longer
frames.py disconnect         vivid's "Disconnect": it is gone for whoever streams from it, and back when he has let go
frames.py drop PERCENT       so many of its frames are lost

The camera is found, named and lost as a USB camera; only what its node leads to is another driver.
"""

import fcntl
import struct
import subprocess
import sys
from pathlib import Path

NODE = Path("/dev/diemcau-frames")
RULES = Path("/run/udev/rules.d/99-diemcau-frames.rules")
RULE = """
SUBSYSTEM=="video4linux", ATTR{name}=="vivid-*-vid-cap", SYMLINK+="diemcau-frames"
ACTION=="add", SUBSYSTEM=="video4linux", DRIVERS=="uvcvideo", ATTR{index}=="0", \\
  RUN+="/bin/ln -sf /dev/diemcau-frames $devnode"
ACTION=="remove", SUBSYSTEM=="video4linux", RUN+="/bin/rm -f $devnode"
"""
# One camera, nothing else that vivid can be, and with the controls that spoil things. A television's, since that gives
# frames as small as they are asked for.
OPTIONS = ("n_devs=1", "node_types=0x1", "num_inputs=1", "input_types=0x1", "no_error_inj=0")
# Source: videodev2.h of the kernel.
QUERY_CONTROL, SET_CONTROL, NEXT_CONTROL = 0xC0445624, 0xC008561C, 0x80000000
DISCONNECT, DROPPED = b"Disconnect", b"Percentage of Dropped Buffers"


def up() -> None:
    """Load the driver, and have udev lead cameras to it."""
    RULES.parent.mkdir(parents=True, exist_ok=True)
    RULES.write_text(RULE)
    subprocess.run(["udevadm", "control", "--reload"], check=True)
    subprocess.run(["modprobe", "vivid", *OPTIONS], check=True)
    subprocess.run(["udevadm", "settle"], check=True)


def down() -> None:
    """Nothing is led anywhere any more."""
    RULES.unlink()
    subprocess.run(["udevadm", "control", "--reload"], check=True)
    subprocess.run(["modprobe", "-r", "vivid"], check=True)


def turn(name: bytes, value: int) -> None:
    """Set the control of that name."""
    with NODE.open("rb", buffering=0) as end:
        fcntl.ioctl(end, SET_CONTROL, struct.pack("=Ii", number(end.fileno(), name), value))


def number(end: int, name: bytes) -> int:
    """The number of a control."""
    at = 0
    while True:
        control = bytearray(struct.pack("=I64x", at | NEXT_CONTROL))
        try:
            fcntl.ioctl(end, QUERY_CONTROL, control, True)
        except OSError as error:
            raise SystemExit(f"vivid has no control {name!r}") from error
        at = int.from_bytes(control[:4], sys.byteorder)
        if control[8:40].rstrip(b"\0") == name[:31]:
            return at


def main(order: str, *words: str) -> None:
    """The command line."""
    match order:
        case "up":
            up()
        case "down":
            down()
        case "disconnect":
            turn(DISCONNECT, 1)
        case "drop":
            turn(DROPPED, int(words[0]))
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main(*sys.argv[1:])
