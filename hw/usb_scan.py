"""Which cameras and microphones are on USB now, from sysfs and udev's notes.

Nothing is opened but a mixer's control device. What is looked up here stands in sysfs itself, so it is there from the
first event on and does not wait for a sound card's ``change``; a ``remove``, which carries no ids, needs none either:
what is not found any more is gone.
"""

import re
from dataclasses import replace
from pathlib import Path

import pyudev

from agent.core.events import UsbDevice
from hw.device_text import one_line
from hw.mixer import is_muted

CAPTURE = re.compile(r"pcmC(\d+)D\d+c")
CARD = re.compile(r"card(\d+)")
# HID, and the protocol of a keyboard that also a BIOS understands. Source: USB HID 1.11, sections 4.1 and 4.3.
HID_CLASS, KEYBOARD_PROTOCOL = "03", "01"


def scan(context: pyudev.Context) -> tuple[UsbDevice, ...]:
    """All cameras and microphones on USB now, in a stable order."""
    keyboards = _keyboards(context)
    found = [*_cameras(context, keyboards), *_microphones(context, keyboards)]
    return tuple(sorted(found, key=lambda device: (device.kind, device.port, device.node)))


def heard_anew(devices: tuple[UsbDevice, ...]) -> tuple[UsbDevice, ...]:
    """The same devices, with the microphones' mixers read again: a mute makes no event, and this is cheap."""
    return tuple(
        replace(device, muted=is_muted(_card(device.node))) if device.kind == "microphone" else device
        for device in devices
    )


def _cameras(context: pyudev.Context, keyboards: set[str]) -> list[UsbDevice]:
    cameras = []
    for node in context.list_devices(subsystem="video4linux"):
        # A UVC camera makes two nodes: frames come from the one with the capability (udev tells), or index 0.
        capabilities = node.get("ID_V4L_CAPABILITIES", "")
        captures = ":capture:" in capabilities if capabilities else _attribute(node, "index") in ("", "0")
        usb = node.find_parent("usb", "usb_device")
        if usb is not None and captures and node.device_node:
            cameras.append(_device("camera", usb, node.device_node, keyboards))
    return cameras


def _microphones(context: pyudev.Context, keyboards: set[str]) -> list[UsbDevice]:
    """USB sound cards that can record: those with a capture stream, ``pcmC0D0c``. A loudspeaker has none."""
    sound = list(context.list_devices(subsystem="sound"))
    recording = {match[1] for device in sound if (match := CAPTURE.fullmatch(device.sys_name))}
    microphones = []
    for card in sound:
        number = CARD.fullmatch(card.sys_name)
        if number is None or number[1] not in recording:
            continue
        usb = card.find_parent("usb", "usb_device")
        if usb is not None:
            microphone = _device("microphone", usb, f"hw:{number[1]}", keyboards)
            microphones.append(replace(microphone, muted=is_muted(int(number[1]))))
    return microphones


def _card(node: str) -> int:
    return int(node.removeprefix("hw:"))


def _keyboards(context: pyudev.Context) -> set[str]:
    """The USB devices of which udev says that they type letters, with or without the boot protocol."""
    parents = (
        device.find_parent("usb", "usb_device")
        for device in context.list_devices(subsystem="input", ID_INPUT_KEYBOARD=True)
    )
    return {usb.sys_path for usb in parents if usb is not None}


def _is_boot_keyboard(usb: pyudev.Device) -> bool:
    """Whether one of its interfaces is a keyboard's: known from the descriptors, before any driver has looked at it."""
    for interface in Path(usb.sys_path).glob(f"{usb.sys_name}:*"):
        try:
            words = [(interface / name).read_text().strip() for name in ("bInterfaceClass", "bInterfaceProtocol")]
        except (OSError, ValueError):
            continue  # it was unplugged while it was looked at
        if words == [HID_CLASS, KEYBOARD_PROTOCOL]:
            return True
    return False


def _device(kind: str, usb: pyudev.Device, node: str, keyboards: set[str]) -> UsbDevice:
    return UsbDevice(
        kind="camera" if kind == "camera" else "microphone",
        usb=f"{_attribute(usb, 'idVendor')}:{_attribute(usb, 'idProduct')}",
        serial=_attribute(usb, "serial"),
        port=usb.sys_name,
        node=node,
        is_keyboard=usb.sys_path in keyboards or _is_boot_keyboard(usb),
    )


def _attribute(device: pyudev.Device, name: str) -> str:
    """A sysfs attribute as one clean line; empty where it is not there (any more)."""
    value = device.attributes.get(name)
    return "" if value is None else one_line(bytes(value))
