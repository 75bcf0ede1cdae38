"""hw/usb_scan.py on a described bus, for what this machine's cannot have. A bus of files is in test_usb_umockdev.py."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from agent.core.events import UsbDevice

try:
    import pyudev
except ImportError:
    pytest.skip("pyudev does not run here: libudev is not installed", allow_module_level=True)

from hw.usb_scan import heard_anew, scan


@dataclass
class Described:
    """A device of a described bus, with the few things of a pyudev device that are asked for."""

    sys_name: str
    device_node: str | None = None
    attributes: dict[str, bytes] = field(default_factory=dict)
    properties: dict[str, str] = field(default_factory=dict)
    parent: "Described | None" = None

    @property
    def sys_path(self) -> str:
        return f"/sys/nowhere/{self.sys_name}"

    def get(self, name: str, default: str) -> str:
        return self.properties.get(name, default)

    def find_parent(self, subsystem: str, device_type: str) -> "Described | None":
        assert (subsystem, device_type) == ("usb", "usb_device")
        return self.parent


@dataclass
class Bus:
    """Stands where the udev context stands."""

    video4linux: list[Described] = field(default_factory=list)
    sound: list[Described] = field(default_factory=list)

    def list_devices(self, subsystem: str, **_properties: object) -> Iterator[Described]:
        return iter({"video4linux": self.video4linux, "sound": self.sound, "input": []}[subsystem])


def usb(port: str, ids: str = "046d:085e", serial: str | None = None) -> Described:
    vendor, product = ids.encode().split(b":")
    attributes = {"idVendor": vendor + b"\n", "idProduct": product + b"\n"}
    if serial is not None:
        attributes["serial"] = serial.encode() + b"\n"
    return Described(port, attributes=attributes)


def video(number: int, parent: Described | None, capabilities: str = "", index: str = "0") -> Described:
    properties = {"ID_V4L_CAPABILITIES": capabilities} if capabilities else {}
    return Described(
        f"video{number}", f"/dev/video{number}", {"index": index.encode() + b"\n"}, properties, parent=parent
    )


def look(bus: Any) -> tuple[UsbDevice, ...]:
    return scan(bus)


def test_a_camera_is_known_by_its_ids_its_serial_and_its_port() -> None:
    bus = Bus(video4linux=[video(0, usb("1-1.2", serial="ABC1"))])
    assert look(bus) == (UsbDevice("camera", "046d:085e", "ABC1", "1-1.2", "/dev/video0"),)


@pytest.mark.parametrize(
    ("frames", "metadata"),
    [((":capture:", "0"), (":", "1")), (("", "0"), ("", "1")), ((":capture:", "1"), (":video_output:", "0"))],
)
def test_of_the_two_nodes_of_a_camera_the_one_with_frames_counts(
    frames: tuple[str, str], metadata: tuple[str, str]
) -> None:
    device = usb("1-1")
    bus = Bus(video4linux=[video(0, device, *metadata), video(1, device, *frames)])
    assert [found.node for found in look(bus)] == ["/dev/video1"]


def test_a_camera_that_is_not_on_usb_is_not_ours() -> None:
    assert look(Bus(video4linux=[video(0, None)])) == ()


def test_a_sound_card_on_usb_is_a_microphone_and_its_controls_are_not_another_one() -> None:
    device = usb("1-1.4", "0b0e:0412")
    parts = [Described(name, f"/dev/snd/{name}", parent=device) for name in ("controlC2", "pcmC2D0c", "pcmC2D0p")]
    bus = Bus(sound=[Described("card2", parent=device), *parts])
    assert look(bus) == (UsbDevice("microphone", "0b0e:0412", "", "1-1.4", "hw:2"),)
    assert look(Bus(sound=[Described("card0", parent=None)])) == ()


def test_a_loudspeaker_is_no_microphone() -> None:
    device = usb("1-1.4")
    assert look(Bus(sound=[Described("card1", parent=device), Described("pcmC1D0p", parent=device)])) == ()


def test_the_order_is_that_of_kind_and_port_not_that_of_udev() -> None:
    cameras = [video(4, usb("1-2")), video(0, usb("1-1"))]
    microphone = [Described("card1", parent=usb("1-1")), Described("pcmC1D0c", parent=usb("1-1"))]
    ports = [("camera", "1-1"), ("camera", "1-2"), ("microphone", "1-1")]
    for order in (cameras, cameras[::-1]):
        assert [(found.kind, found.port) for found in look(Bus(order, microphone))] == ports


def test_a_device_that_leaves_while_it_is_looked_at_has_no_words_left() -> None:
    gone = Described("1-1")
    assert look(Bus(video4linux=[video(0, gone)])) == (UsbDevice("camera", ":", "", "1-1", "/dev/video0"),)


def test_only_microphones_are_heard_anew() -> None:
    camera = UsbDevice("camera", "046d:085e", "", "1-1", "/dev/video0", is_keyboard=True)
    gone = UsbDevice("microphone", "0b0e:0412", "", "1-2", "hw:31", muted=True)
    assert heard_anew((camera, gone)) == (camera, UsbDevice("microphone", "0b0e:0412", "", "1-2", "hw:31", muted=None))


def test_the_real_bus_can_be_looked_at() -> None:
    devices = scan(pyudev.Context())
    assert all(device.kind in ("camera", "microphone") and device.port and device.node for device in devices)
    assert devices == tuple(sorted(devices, key=lambda device: (device.kind, device.port, device.node)))
