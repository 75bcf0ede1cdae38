#!/usr/bin/python3
"""In the machine: a USB camera and a USB microphone that come and go. The host side is real: uvcvideo, snd-usb-audio.

usb.py serve              make them all and answer for the camera, for ever; diemcau-test-usb.service does that
usb.py plug WHAT          put it on the bus; returns when the kernel has been told
usb.py unplug WHAT        pull it

WHAT is `camera`, `microphone`, or `typing-microphone`, which passes for the microphone and is a keyboard besides.

Each is a gadget on a controller that exists in software (usbip-vudc), and a pair of sockets is its cable to a hub that
does so too (vhci-hcd). Neither carries isochronous transfers, so there are no frames and no sound: frames.py has some.
"""

import fcntl
import os
import select
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

GADGETS = Path("/sys/kernel/config/usb_gadget")
HUB = Path("/sys/devices/platform/vhci_hcd.0")
CONTROLLERS = Path("/sys/devices/platform")
# The number of each is that of its controller and of its socket in the hub.
WHAT = ("microphone", "camera", "typing-microphone")
IDS = {
    "microphone": ("0x0d8c", "0x0014"),
    "camera": ("0x046d", "0x085e"),
    "typing-microphone": ("0x0d8c", "0x0014"),
}
AVAILABLE, HIGH_SPEED = "1", 3  # source: usbip_common.h and usb/ch9.h of the kernel
PATIENCE_S = 20.0
Found = TypeVar("Found")

# Source: videodev2.h and g_uvc.h of the kernel.
SUBSCRIBE_EVENT, DEQUEUE_EVENT, SEND_RESPONSE = 0x4020565A, 0x80885659, 0x40405501
FIRST_EVENT, EVENTS, SETUP = 0x08000000, 6, 4
GET_LENGTH, GET_INFO, TO_HOST = 0x85, 0x86, 0x80
# What a video control answers when it is asked how it would stream: MJPEG, 640x480, 30 frames a second.
PROBE = struct.pack("<HBBI5HIII4B", 0, 1, 1, 333333, *[0] * 5, 614400, 1024, 48000000, 3, 0, 0, 0)
SOUND = {"p_chmask": "1", "c_chmask": "0", "p_srate": "48000", "p_ssize": "2"}
KEYBOARD = {"protocol": "1", "subclass": "1", "report_length": "8"}
# Eight modifiers, a byte for nobody, six keys. Source: USB HID 1.11, appendix B.1, without its lamps.
KEYS = bytes.fromhex(
    "05010906a101 0507 19e029e7 15002501 7501 9508 8102 9501 7508 8103 9506 7508 15002565 0507 19002965 8100 c0"
)


def serve() -> None:
    """Make the devices, say so to systemd, and answer the camera's control requests."""
    for module in ("libcomposite", "vhci-hcd", "snd-usb-audio", "uvcvideo"):
        subprocess.run(["modprobe", module], check=True)
    subprocess.run(["modprobe", "usbip-vudc", f"num={len(WHAT)}"], check=True)
    make("microphone", {"uac1.0": SOUND})
    make("typing-microphone", {"uac1.1": SOUND, "hid.0": KEYBOARD})
    make("camera", {"uvc.0": {}})
    node = wait_for(output_node)
    end = os.open(node, os.O_RDWR)  # the camera is on its controller from here on
    for number in range(EVENTS):
        fcntl.ioctl(end, SUBSCRIBE_EVENT, struct.pack("<8I", FIRST_EVENT + number, *[0] * 7))
    subprocess.run(["systemd-notify", "--ready"], check=True)
    waiting = select.poll()
    waiting.register(end, select.POLLPRI)
    while True:
        waiting.poll()
        answer(end)


def make(what: str, functions: dict[str, dict[str, str]]) -> None:
    """One device with what it can do, bound to its controller."""
    gadget = GADGETS / what
    (gadget / "strings/0x409").mkdir(parents=True)
    (gadget / "configs/c.1").mkdir(parents=True)
    for name, word in zip(("idVendor", "idProduct"), IDS[what], strict=True):
        (gadget / name).write_text(word)
    (gadget / "strings/0x409/serialnumber").write_text(f"SN-{what}")
    for name, options in functions.items():
        function = gadget / "functions" / name
        function.mkdir()
        for option, word in options.items():
            (function / option).write_text(word)
        if name.startswith("hid"):
            (function / "report_desc").write_bytes(KEYS)
        if name.startswith("uvc"):
            describe_video(function)
        (gadget / "configs/c.1" / name).symlink_to(function)
    (gadget / "UDC").write_text(f"usbip-vudc.{WHAT.index(what)}")


def describe_video(function: Path) -> None:
    """One format with one size, in the headers that a UVC camera has for every speed."""
    control, streaming = function / "control/header/h", function / "streaming/header/h"
    control.mkdir()
    frame = function / "streaming/mjpeg/m/480p"
    frame.mkdir(parents=True)
    sizes = {"wWidth": 640, "wHeight": 480, "dwFrameInterval": 333333, "dwMaxVideoFrameBufferSize": 614400}
    for name, number in sizes.items():
        (frame / name).write_text(str(number))
    streaming.mkdir()
    (streaming / "m").symlink_to(frame.parent)
    for header, speeds in ((control, ("fs", "ss")), (streaming, ("fs", "hs", "ss"))):
        for speed in speeds:
            (header.parents[1] / "class" / speed / "h").symlink_to(header)


def output_node() -> str | None:
    """The device node by which a program is the camera."""
    nodes = Path("/sys/class/video4linux").glob("video*")
    found = [node.name for node in nodes if "usbip-vudc" in str(node.resolve())]
    return f"/dev/{found[0]}" if found and Path(f"/dev/{found[0]}").exists() else None


def answer(end: int) -> None:
    """One event of the kernel's; a control request wants an answer."""
    event = bytearray(136)
    try:
        fcntl.ioctl(end, DEQUEUE_EVENT, event, True)
    except OSError:
        return
    if struct.unpack_from("<I", event)[0] != FIRST_EVENT + SETUP:
        return
    kind, request, _, _, length = struct.unpack_from("<BBHHH", event, 8)
    words, size = b"", length
    if kind & TO_HOST:
        words = {GET_INFO: b"\x03", GET_LENGTH: struct.pack("<H", len(PROBE))}.get(request, PROBE)[:length]
        size = len(words)
    fcntl.ioctl(end, SEND_RESPONSE, struct.pack("<i60s", size, words))


def plug(what: str) -> None:
    """Put its cable in. The kernel has taken the sockets when this returns; it enumerates the device after that."""
    wait_for(lambda: is_free(what))
    ours, theirs = socket.socketpair()
    with ours, theirs:
        number = WHAT.index(what)
        (controller(what) / "usbip_sockfd").write_text(str(ours.fileno()))
        (HUB / "attach").write_text(f"{number} {theirs.fileno()} {number + 2} {HIGH_SPEED}")


def unplug(what: str) -> None:
    """Pull its cable."""
    (HUB / "detach").write_text(str(WHAT.index(what)))


def is_free(what: str) -> bool:
    """Whether its controller has seen that the last cable was pulled."""
    return (controller(what) / "usbip_status").read_text().strip() == AVAILABLE


def controller(what: str) -> Path:
    """The software that stands for the device's own chip."""
    return CONTROLLERS / f"usbip-vudc.{WHAT.index(what)}"


def wait_for(what: Callable[[], Found | None]) -> Found:
    """Look until there is something."""
    until_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < until_s:
        if found := what():
            return found
        time.sleep(0.005)
    raise SystemExit(f"waited {PATIENCE_S:.0f} s in vain")


def main(order: str, *words: str) -> None:
    """The command line."""
    match order:
        case "serve":
            serve()
        case "plug":
            plug(*words)
        case "unplug":
            unplug(*words)
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main(*sys.argv[1:])
