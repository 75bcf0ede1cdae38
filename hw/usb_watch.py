"""Cameras and microphones on USB, through pyudev.

Events are hints: each one makes us look at the whole bus again, and so does a clock, because an event can be lost and a
``remove`` carries no ids. The monitor starts before the first look, so nothing falls between the two.
"""

import contextlib
import logging
import re
import threading
import time

import pyudev

from agent.core.events import UsbChanged, UsbDevice
from agent.core.ports import Inbox

log = logging.getLogger("diemcau.usb")

RESCAN_S = 30.0
RETRY_FIRST_S, RETRY_CAP_S = 1.0, 30.0
STEADY_S = 60.0  # a watch that lasted so long forgets the failures before it
STORM_S = 0.5
SETTLE_S = 0.1  # a plug makes a burst of events; one look after it is enough
RECEIVE_BUFFER_BYTES = 1 << 20
CAPTURE = re.compile(r"pcmC(\d+)D\d+c")


class UdevWatch:
    """Puts ``UsbChanged`` into the inbox: once at start, and whenever the bus is different from what was said last."""

    def __init__(self, inbox: Inbox, rescan_s: float = RESCAN_S) -> None:
        self._inbox = inbox
        self._rescan_s = rescan_s
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to watch. Returns at once; the first ``UsbChanged`` comes from the thread."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="usb", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Stop watching; no event is put after this."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(2)

    def _run(self) -> None:
        said, pause_s = "", RETRY_FIRST_S
        while not self._stop.is_set():
            began_s = time.monotonic()
            try:
                self._watch()
            except (OSError, ValueError, LookupError) as error:
                # Also an overflow of the socket, or a device that left while it was looked at (pyudev's LookupError):
                # begin anew, with a whole look at the bus.
                if time.monotonic() - began_s > STEADY_S:
                    said, pause_s = "", RETRY_FIRST_S
                if str(error) != said:
                    log.warning("the USB watch failed and begins anew: %s", error)
                said = str(error)
                self._stop.wait(pause_s)
                pause_s = min(RETRY_CAP_S, 2 * pause_s)

    def _watch(self) -> None:
        context = pyudev.Context()
        monitor = pyudev.Monitor.from_netlink(context)
        for subsystem in ("video4linux", "sound"):
            monitor.filter_by(subsystem)
        monitor.filter_by("usb", "usb_device")
        with contextlib.suppress(PermissionError):
            # More than net.core.rmem_max is for root only; what the kernel allows is set by then.
            monitor.set_receive_buffer_size(RECEIVE_BUFFER_BYTES)
        monitor.start()
        said: tuple[UsbDevice, ...] | None = None
        while not self._stop.is_set():
            devices = scan(context)
            if devices != said:
                said = devices
                self._inbox(UsbChanged(devices))
            self._wait(monitor)

    def _wait(self, monitor: pyudev.Monitor) -> None:
        waited_s = 0.0
        while not self._stop.is_set() and waited_s < self._rescan_s:
            if monitor.poll(timeout=1.0) is not None:
                # A bad hub never stops: look all the same.
                until_s = time.monotonic() + STORM_S
                while time.monotonic() < until_s and monitor.poll(timeout=SETTLE_S) is not None:
                    pass
                return
            waited_s += 1.0


def scan(context: pyudev.Context) -> tuple[UsbDevice, ...]:
    """All cameras and microphones on USB now, in a stable order."""
    found = [*_cameras(context), *_microphones(context)]
    return tuple(sorted(found, key=lambda device: (device.kind, device.port, device.node)))


def _cameras(context: pyudev.Context) -> list[UsbDevice]:
    cameras = []
    for node in context.list_devices(subsystem="video4linux"):
        # A UVC camera makes two nodes: frames come from the one with the capability (udev tells), or index 0.
        capabilities = node.get("ID_V4L_CAPABILITIES", "")
        captures = ":capture:" in capabilities if capabilities else _attribute(node, "index") in ("", "0")
        usb = node.find_parent("usb", "usb_device")
        if usb is not None and captures and node.device_node:
            cameras.append(_device("camera", usb, node.device_node))
    return cameras


def _microphones(context: pyudev.Context) -> list[UsbDevice]:
    """USB sound cards that can record: those with a capture stream, ``pcmC0D0c``. A loudspeaker has none."""
    sound = list(context.list_devices(subsystem="sound"))
    recording = {match[1] for device in sound if (match := CAPTURE.fullmatch(device.sys_name))}
    microphones = []
    for card in sound:
        number = card.sys_name.removeprefix("card")
        usb = card.find_parent("usb", "usb_device")
        if usb is not None and card.sys_name == f"card{number}" and number in recording:
            microphones.append(_device("microphone", usb, f"hw:{number}"))
    return microphones


def _device(kind: str, usb: pyudev.Device, node: str) -> UsbDevice:
    return UsbDevice(
        kind="camera" if kind == "camera" else "microphone",
        usb=f"{_attribute(usb, 'idVendor')}:{_attribute(usb, 'idProduct')}",
        serial=_attribute(usb, "serial"),
        port=usb.sys_name,
        node=node,
    )


def _attribute(device: pyudev.Device, name: str) -> str:
    """A sysfs attribute as text; empty where it is not there (any more)."""
    value = device.attributes.get(name)
    return "" if value is None else bytes(value).decode("utf-8", "replace").strip()
