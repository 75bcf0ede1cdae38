"""udev's own socket, with us as udev: a program of its own, since it needs a network namespace and root.

Run as ``python -m tests.hw.udev_storm`` with the arguments of ``play`` as JSON; prints what the real watch made of it,
as JSON. Nothing of pyudev or libudev is patched: events come through the kernel's netlink socket, in the format of
libudev, filtered by the kernel; only what is on the bus is ours.
"""

import json
import os
import queue
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from tests.hw import own_network

NETLINK_KOBJECT_UEVENT, UDEV_GROUP = 15, 2  # source: netlink.h of the kernel, and libudev
PATIENCE_S = 20.0


def murmur2(text: bytes) -> int:
    """The number by which the kernel compares a word. Source: MurmurHash2 with seed 0, as in libudev."""
    m, mask = 0x5BD1E995, 0xFFFFFFFF
    h = len(text)
    whole = len(text) // 4 * 4
    for (k,) in struct.iter_unpack("<I", text[:whole]):
        k = k * m & mask
        h = (h * m & mask) ^ ((k ^ k >> 24) * m & mask)
    if rest := text[whole:]:
        h = (h ^ int.from_bytes(rest, "little")) * m & mask
    h = (h ^ h >> 13) * m & mask
    return h ^ h >> 15


def message(subsystem: bytes, action: bytes = b"change") -> bytes:
    """What udev sends to everybody who watches. Source: ``struct monitor_netlink_header`` of systemd."""
    words = b"ACTION=%b\0DEVPATH=/devices/bad-hub\0SUBSYSTEM=%b\0SEQNUM=1\0" % (action, subsystem)
    words += b"X=%b\0" % (b"x" * 600)  # a usual length
    header = struct.pack("=8sIIII", b"libudev\0", socket.htonl(0xFEEDCAFE), 40, 40, len(words))
    return header + struct.pack("!IIII", murmur2(subsystem), 0, 0, 0) + words


class Udev:
    """Speaks to whoever watches in this network namespace."""

    def __init__(self) -> None:
        self._end = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_KOBJECT_UEVENT)
        self._message = message(b"video4linux")

    def say(self) -> None:
        self._end.sendto(self._message, (0, UDEV_GROUP))

    def storm(self, events: int, over_s: float, at_each: Callable[[int], None]) -> None:
        began_s = time.monotonic()
        for number in range(events):
            if number % 20 == 0:
                time.sleep(max(0.0, began_s + over_s * number / events - time.monotonic()))
            at_each(number)
            self.say()


def apart() -> None:
    """Into a network of our own, where nobody else's events are, with a udev that is said to run."""
    own_network.enter()
    if not Path("/run/udev/control").exists():  # libudev hears nothing where no udev runs
        Path("/run/udev").mkdir(exist_ok=True)
        own_network.mount("tmpfs", "/run/udev", "tmpfs")
        Path("/run/udev/control").touch()


def dropped() -> int:
    """How many messages the kernel threw away since our sockets were full."""
    lines = Path("/proc/net/netlink").read_text().splitlines()[1:]
    return sum(int(line.split()[8]) for line in lines if line.split()[1] == str(NETLINK_KOBJECT_UEVENT))


def watching_socket() -> int:
    """The descriptor of the socket on which the watch listens."""
    for fd in (int(entry.name) for entry in Path("/proc/self/fd").iterdir()):
        try:
            with socket.socket(fileno=os.dup(fd)) as end:
                if end.family == socket.AF_NETLINK and end.getsockname()[1] & UDEV_GROUP:
                    return fd
        except OSError:
            continue
    raise AssertionError("nobody watches")


class Bus:
    """What is on the bus, as this program says; looking costs what a look costs."""

    def __init__(self) -> None:
        from agent.core.events import UsbDevice
        from hw.usb_scan import scan
        from hw.usb_watch import UdevWatch

        self._scan = scan
        self.there = (UsbDevice("camera", "046d:085e", "", "1-1", "/dev/video0"),)
        self.devices: tuple[UsbDevice, ...] = ()
        self.looks = 0
        self.said: queue.SimpleQueue[tuple[float, bool]] = queue.SimpleQueue()
        self.watch = UdevWatch(
            lambda event: self.said.put((time.monotonic(), bool(event.devices))), rescan_s=3600, look=self._look
        )

    def _look(self, context: object) -> object:
        self.looks += 1
        self._scan(context)
        return self.devices

    def turn(self) -> None:
        """Plug the camera in, or pull it."""
        self.devices = () if self.devices else self.there

    def until(self, present: bool) -> float:
        """When it was said last that the camera is there, or is not."""
        deadline_s = time.monotonic() + PATIENCE_S
        while True:
            said_s, seen = self.said.get(timeout=max(0.0, deadline_s - time.monotonic()))
            if seen is present and self.said.empty():
                return said_s


def play(events: int, over_s: float, flap: int = 0, break_it: bool = False) -> dict[str, object]:
    """A storm, and with its last event the camera is plugged in.

    Args:
        events: How many.
        over_s: In how many seconds.
        flap: The camera is plugged in or pulled every so many events; 0: never.
        break_it: The watch's socket is broken first.
    """
    udev, bus = Udev(), Bus()
    bus.watch.start()
    bus.until(present=False)
    time.sleep(0.5)
    threads = {thread.name for thread in threading.enumerate()}
    if break_it:
        with Path(os.devnull).open("rb") as nothing:
            os.dup2(nothing.fileno(), watching_socket())
        time.sleep(1.0)
    looks, cpu_s, began_s = bus.looks, time.process_time(), time.monotonic()
    sending_cpu_s = time.thread_time()
    udev.storm(events, over_s, lambda number: bus.turn() if flap and number % flap == 0 else None)
    took_s = time.monotonic() - began_s
    said = bus.said.qsize()
    bus.devices = bus.there
    last_s = time.monotonic()
    udev.say()
    late_s = bus.until(present=True) - last_s
    cpu_s = time.process_time() - cpu_s - (time.thread_time() - sending_cpu_s)
    result = {
        "looks": bus.looks - looks,
        "said": said,
        "took_s": round(took_s, 3),
        "late_s": round(late_s, 3),
        "cpu_s": round(cpu_s, 3),
        "dropped": dropped(),
        "same_threads": threads == {thread.name for thread in threading.enumerate()},
    }
    time.sleep(1.0)
    result["wrong_later"] = any(not seen for seen in (bus.said.get()[1] for _ in range(bus.said.qsize())))
    bus.watch.close()
    result["ended"] = "usb" not in {thread.name for thread in threading.enumerate()}
    return result


if __name__ == "__main__":
    apart()
    print(json.dumps(play(**json.loads(sys.argv[1]))))
