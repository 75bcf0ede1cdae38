"""hw/usb_watch.py and hw/usb_scan.py on a bus of umockdev: what devices do, by real events and a sysfs of files."""

import time
from collections.abc import Callable, Iterator

import pytest

from agent.core.events import UsbDevice
from tests.hw import umockdev
from tests.hw.umockdev import Bed, Watch

if reason := umockdev.why_not():
    pytest.skip(reason, allow_module_level=True)

WITHIN_S = 1.0
RARELY_S = 3600.0  # without the clock, so that only events can have told


@pytest.fixture
def bed() -> Iterator[Bed]:
    bed = Bed()
    yield bed
    bed.close()


@pytest.fixture
def watching(bed: Bed) -> Iterator[Callable[..., Watch]]:
    made: list[Watch] = []

    def make(**options: float) -> Watch:
        made.append(Watch(bed, **({"rescan_s": RARELY_S} | options)))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_plug_and_unplug_are_seen_within_a_second(bed: Bed, watching: Callable[..., Watch]) -> None:
    watch = watching()
    assert watch.next() == ()
    for _ in range(5):
        began_s = time.monotonic()
        bed.plug_camera("camera", "1-1.2", (0, 1), "ABC1")
        devices, said_s = watch.until("/dev/video0")
        assert devices == (UsbDevice("camera", "046d:085e", "ABC1", "1-1.2", "/dev/video0"),)
        assert said_s - began_s < WITHIN_S
        began_s = time.monotonic()
        bed.unplug_camera("camera")
        assert watch.until()[1] - began_s < WITHIN_S


def test_of_two_equal_cameras_without_serials_the_port_tells_which_is_which(
    bed: Bed, watching: Callable[..., Watch]
) -> None:
    bed.plug_camera("left", "1-1.2", (0, 1))
    bed.plug_camera("right", "1-1.3", (2, 3))
    watch = watching()
    left, right = watch.next()
    assert (left.port, left.node, right.port, right.node) == ("1-1.2", "/dev/video0", "1-1.3", "/dev/video2")
    assert left.serial == right.serial == ""  # not the port, which udev puts there
    bed.unplug_camera("left")
    assert watch.until("/dev/video2")[0] == (right,)


def test_a_camera_that_comes_back_under_another_number_is_the_same_camera(
    bed: Bed, watching: Callable[..., Watch]
) -> None:
    bed.plug_camera("camera", "1-1.2", (0, 1), "ABC1")
    watch = watching()
    (before,) = watch.next()
    bed.unplug_camera("camera")
    watch.until()
    bed.plug_camera("camera", "1-1.2", (2, 3), "ABC1")
    (after,), _ = watch.until("/dev/video2")
    assert (after.usb, after.serial, after.port) == (before.usb, before.serial, before.port)


def test_a_sound_card_is_there_when_it_can_record_and_its_change_says_nothing_new(
    bed: Bed, watching: Callable[..., Watch]
) -> None:
    watch = watching()
    assert watch.next() == ()
    attributes = {"idVendor": "0b0e", "idProduct": "0412"}
    bed.do("add", "usb", "usb", "1-1.4", None, attributes, {"DEVTYPE": "usb_device"})
    bed.do("add", "card", "sound", "card1", "usb", {"number": "1"}, {})  # no ids yet
    assert watch.says_nothing_for(1.0)
    bed.do("add", "pcm", "sound", "pcmC1D0c", "card", {}, {"DEVNAME": "/dev/snd/pcmC1D0c"})
    devices, _ = watch.until("hw:1")
    assert devices == (UsbDevice("microphone", "0b0e:0412", "", "1-1.4", "hw:1"),)
    bed.do("uevent", "card", "change")
    assert watch.says_nothing_for(1.0)


def test_a_plug_whose_event_was_lost_is_seen_by_the_clock(bed: Bed, watching: Callable[..., Watch]) -> None:
    watch = watching(rescan_s=1.5)
    assert watch.next() == ()
    bed.plug_camera("camera", "1-1.2", (0, 1))
    watch.until("/dev/video0")
    # A serial that is there later makes no event at all.
    bed.do("attribute", "camera", "serial", b"LATE\n".hex())
    assert watch.next()[0].serial == "LATE"


@pytest.fixture(scope="module")
def talker() -> Iterator[tuple[Bed, Watch]]:
    """A camera that says one thing after the other."""
    bed = Bed()
    bed.plug_camera("camera", "1-1.2", (0, 1), "nothing yet")
    watch = Watch(bed)
    watch.next()
    yield bed, watch
    watch.close()
    bed.close()


@pytest.mark.parametrize(
    ("raw", "serial"),
    [
        (b"ABC 12/3#\n", "ABC 12/3#"),
        ("máy quay phòng họp\n".encode(), "máy quay phòng họp"),
        (b"A" * 255 + b"\n", "A" * 125 + "…"),
        (b"A" * 126 + b"\n", "A" * 126),
        (b"X\nERROR: everything is fine\n", "X\ufffdERROR: everything is fine"),
        (b"\x1b[2J\x1b]0;owned\x07\n", "\ufffd[2J\ufffd]0;owned\ufffd"),
        ("🎥📷\n".encode(), "🎥📷"),
        (b"<script>alert(1)</script>\n", "<script>alert(1)</script>"),
        (b"\xff\xfe\xc3X\n", "\ufffd\ufffd\ufffdX"),
        ("abc\u202etxt.exe\u2028".encode(), "abc\ufffdtxt.exe"),
    ],
    ids=[
        "clean",
        "vietnamese",
        "255 bytes",
        "longest",
        "newline",
        "ansi",
        "emoji",
        "html",
        "no utf-8",
        "right to left",
    ],
)
def test_what_a_device_says_of_itself_is_one_clean_line(talker: tuple[Bed, Watch], raw: bytes, serial: str) -> None:
    bed, watch = talker
    bed.do("attribute", "camera", "serial", raw.hex())
    bed.do("uevent", "camera", "change")
    assert watch.next()[0].serial == serial


INTERFACES = {
    "camera": ("0e", "01", "00"),
    "keys": ("03", "01", "01"),
    "mouse": ("03", "01", "02"),
    "volume": ("03", "00", "00"),
}


@pytest.mark.parametrize(
    ("interfaces", "is_keyboard"),
    [(["camera"], False), (["camera", "keys"], True), (["camera", "mouse"], False), (["camera", "volume"], False)],
    ids=lambda value: "+".join(value) if isinstance(value, list) else "",
)
def test_a_camera_that_is_also_a_keyboard_is_told(
    bed: Bed, watching: Callable[..., Watch], interfaces: list[str], is_keyboard: bool
) -> None:
    bed.plug_camera("camera", "1-1.2", (0, 1))
    for number, interface in enumerate(interfaces):
        words = ("bInterfaceClass", "bInterfaceSubClass", "bInterfaceProtocol")
        attributes = dict(zip(words, INTERFACES[interface], strict=True))
        sys_name = f"1-1.2:1.{number}"
        bed.do("add", sys_name, "usb", sys_name, "camera", attributes, {"DEVTYPE": "usb_interface"})
    assert [device.is_keyboard for device in watching().next()] == [is_keyboard]


def test_a_device_that_becomes_a_keyboard_is_told_by_the_keyboards_event(
    bed: Bed, watching: Callable[..., Watch]
) -> None:
    """One without the boot protocol: udev has looked at its keys. What is only a remote control has other ones."""
    bed.plug_camera("camera", "1-1.2", (0, 1))
    watch = watching()
    assert [device.is_keyboard for device in watch.next()] == [False]
    bed.do("add", "remote", "input", "input6", "camera", {}, {"ID_INPUT": "1", "ID_INPUT_KEY": "1"})
    assert watch.says_nothing_for(1.0)
    bed.do("add", "keys", "input", "input7", "camera", {}, {"ID_INPUT": "1", "ID_INPUT_KEYBOARD": "1"})
    assert [device.is_keyboard for device in watch.next(WITHIN_S)] == [True]
