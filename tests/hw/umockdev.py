"""A make-believe bus, and the real watch in a process that sees it instead of this machine's.

umockdev keeps a ``/sys``, a ``/dev`` and udev's socket in a folder, and its preloaded library has a process look there.
Who makes the bus up needs Debian's ``python3-gi``, which no virtual environment has, so it is a process of its own
(``umockdev_bed.py``); the watch is a third one, with this environment's Python, and nothing in it is patched.
"""

import ctypes
import json
import os
import queue
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from agent.core.events import UsbDevice

ROOT = Path(__file__).parents[2]
PYTHON = "/usr/bin/python3"  # Debian's, for which python3-gi is made
PRELOAD = "libumockdev-preload.so.0"
PATIENCE_S = 20.0
# Each line: when it was put into the inbox, and the devices.
WATCH = """
import dataclasses, json, sys, time
from hw.usb_watch import UdevWatch
def say(event):
    print(json.dumps([time.monotonic(), [dataclasses.asdict(each) for each in event.devices]]), flush=True)
watch = UdevWatch(say, **json.loads(sys.argv[1]))
watch.start()
sys.stdin.read()
watch.close()
"""


def why_not() -> str | None:
    """What is missing for it on this machine."""
    if shutil.which("umockdev-wrapper") is None:
        return "needs umockdev (apt install umockdev gir1.2-umockdev-1.0 python3-gi)"
    asked = "import gi; gi.require_version('UMockdev', '1.0')"
    if subprocess.run([PYTHON, "-c", asked], capture_output=True, check=False).returncode:
        return "needs umockdev's words for Python (apt install gir1.2-umockdev-1.0 python3-gi)"
    try:
        ctypes.CDLL(PRELOAD)
    except OSError:
        return "needs umockdev's library to preload (apt install umockdev)"
    return None


class Bed:
    """The bus. Every method returns when it is done."""

    def __init__(self) -> None:
        command = ["umockdev-wrapper", PYTHON, str(Path(__file__).with_name("umockdev_bed.py"))]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.root = self._answer()

    def do(self, method: str, *arguments: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([method, *arguments]) + "\n")
        self._process.stdin.flush()
        assert (problem := json.loads(self._answer())) is None, problem

    def plug_camera(
        self, name: str, port: str, nodes: tuple[int, int], serial: str | None = None, **words: str
    ) -> None:
        """A UVC camera as the kernel brings it up: the device, then its two nodes, of which the first has frames."""
        ids = {"ID_VENDOR_ID": "046d", "ID_MODEL_ID": "085e", "ID_SERIAL_SHORT": serial or port.replace(".", "_")}
        attributes = {"idVendor": "046d", "idProduct": "085e"} | ({} if serial is None else {"serial": serial})
        self.do("add", name, "usb", port, None, attributes | words, {"DEVTYPE": "usb_device"} | ids)
        for index, number in enumerate(nodes):
            capability = {"ID_V4L_CAPABILITIES": ":capture:" if index == 0 else ":"}
            node = {"DEVNAME": f"/dev/video{number}"}
            attributes = {"index": str(index), "dev": f"81:{number}"}
            self.do(
                "add", f"{name} {index}", "video4linux", f"video{number}", name, attributes, ids | capability | node
            )

    def unplug_camera(self, name: str) -> None:
        """Its nodes go first; at the end not even its ids are known."""
        for index in (1, 0):
            self.do("remove", f"{name} {index}")
        self.do("without_ids", name)
        self.do("remove", name)

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(PATIENCE_S)

    def _answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


class Watch:
    """The watch on a bed's bus."""

    def __init__(self, bed: Bed, **options: float) -> None:
        # glibc names the library of each architecture by itself.
        environment = os.environ | {"LD_PRELOAD": PRELOAD, "UMOCKDEV_DIR": bed.root, "PYTHONPATH": str(ROOT)}
        self.process = subprocess.Popen(
            [sys.executable, "-c", WATCH, json.dumps(options)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        self._said: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    def next(self, patience_s: float = PATIENCE_S) -> tuple[UsbDevice, ...]:
        """What it says next."""
        _, devices = json.loads(self._said.get(timeout=patience_s))
        return tuple(UsbDevice(**each) for each in devices)

    def until(self, *nodes: str) -> tuple[tuple[UsbDevice, ...], float]:
        """Wait until the devices at these nodes are there and no other; returns them, and when that was said."""
        deadline_s = time.monotonic() + PATIENCE_S
        while True:
            said_s, devices = json.loads(self._said.get(timeout=max(0.0, deadline_s - time.monotonic())))
            if [each["node"] for each in devices] == list(nodes):
                return tuple(UsbDevice(**each) for each in devices), said_s

    def says_nothing_for(self, quiet_s: float) -> bool:
        """Whether it is quiet for so long."""
        try:
            self._said.get(timeout=quiet_s)
        except queue.Empty:
            return True
        return False

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        assert self.process.wait(PATIENCE_S) == 0

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._said.put(line)
