"""hw/supply.py: the firmware's words in a sysfs of files, laid out as on each model."""

import time
from pathlib import Path

import pytest

from hw import supply
from hw.supply import Supplied, Supply

PI_4 = "devices/platform/soc/soc:firmware"
PI_5 = "devices/platform/soc@107c000000/soc@107c000000:firmware"


class Sysfs:
    """A folder with what a kernel may have in it."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, path: str, text: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def word(self, word: str, where: str = PI_4) -> None:
        self.write(f"{where}/get_throttled", word)

    def sensor(self, number: int, name: str, **files: str) -> None:
        """As the kernel has them: the class only has links to where the devices are."""
        device = f"devices/platform/{name}/hwmon/hwmon{number}"
        for file, text in {"name": f"{name}\n", **files}.items():
            self.write(f"{device}/{file}", text)
        link = self.root / f"class/hwmon/hwmon{number}"
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(self.root / device)

    def alarm(self, up: str, number: int = 1) -> None:
        self.sensor(number, "rpi_volt", in0_lcrit_alarm=f"{up}\n")

    def remove(self, path: str) -> None:
        (self.root / path).unlink()


@pytest.fixture
def sysfs(tmp_path: Path) -> Sysfs:
    return Sysfs(tmp_path)


@pytest.mark.parametrize(
    ("word", "throttled", "undervoltage"),
    [
        ("0\n", False, False),
        ("1\n", False, True),
        ("2\n", True, False),
        ("4\n", True, False),
        ("5\n", True, True),
        ("8\n", False, False),  # warm, and not slow for it
        ("50000\n", False, False),  # it happened, but it is over
        ("0x50005\n", True, True),
        ("", None, None),
        ("what\n", None, None),
        ("ngưỡng\n", None, None),
    ],
)
def test_the_firmwares_word_is_read_bit_by_bit(
    sysfs: Sysfs, word: str, throttled: bool | None, undervoltage: bool | None
) -> None:
    sysfs.word(word)
    assert Supply(sysfs.root).read() == Supplied(throttled, undervoltage)


@pytest.mark.parametrize("where", [PI_4, PI_5, "devices/platform/soc@7e000000/7e000000.firmware"])
def test_the_word_is_found_on_every_model(sysfs: Sysfs, where: str) -> None:
    sysfs.write("devices/platform/gpu/power/control", "auto\n")
    sysfs.write("devices/platform/soc/uevent", "")
    sysfs.word("5\n", where)
    assert Supply(sysfs.root).read() == Supplied(True, True)


def test_the_alarm_is_known_by_its_name_and_says_nothing_of_throttling(sysfs: Sysfs) -> None:
    sysfs.sensor(0, "cpu_thermal", temp1_input="48000\n")
    sysfs.sensor(1, "nct6775", in0_lcrit_alarm="1\n")
    sysfs.alarm("0", number=3)
    box = Supply(sysfs.root)
    assert box.read() == Supplied(None, False)
    sysfs.write("class/hwmon/hwmon3/in0_lcrit_alarm", "1\n")
    assert box.read() == Supplied(None, True)


@pytest.mark.parametrize(
    ("alarm", "expected"), [("1", Supplied(True, True)), ("0", Supplied(True, False)), ("?", Supplied(True, False))]
)
def test_of_undervoltage_the_alarm_is_believed_first(sysfs: Sysfs, alarm: str, expected: Supplied) -> None:
    """It was low a second ago and is not in this moment, or the other way round: a supply is weak either way."""
    sysfs.word("2\n")
    sysfs.alarm(alarm)
    assert Supply(sysfs.root).read() == expected


def test_of_another_box_nothing_is_known(sysfs: Sysfs) -> None:
    assert Supply(sysfs.root).read() == Supplied(None, None)
    sysfs.sensor(0, "coretemp", temp1_input="48000\n")
    assert Supply(sysfs.root / "none").read() == Supplied(None, None)


def test_it_is_looked_for_once_and_again_only_a_while_later(sysfs: Sysfs, monkeypatch: pytest.MonkeyPatch) -> None:
    box = Supply(sysfs.root)
    assert box.read() == Supplied()
    sysfs.word("1\n")  # the module was late
    sysfs.alarm("1")
    assert box.read() == Supplied()
    monkeypatch.setattr(supply, "SEARCH_AGAIN_S", 0.0)
    assert box.read() == Supplied(False, True)


def test_a_file_that_goes_is_not_known_and_is_found_again_elsewhere(
    sysfs: Sysfs, monkeypatch: pytest.MonkeyPatch
) -> None:
    sysfs.word("1\n")
    sysfs.alarm("1", number=1)
    box = Supply(sysfs.root)
    assert box.read() == Supplied(False, True)
    sysfs.remove(f"{PI_4}/get_throttled")
    sysfs.remove("class/hwmon/hwmon1")
    assert box.read() == Supplied()
    sysfs.word("4\n", PI_5)
    sysfs.alarm("0", number=2)
    monkeypatch.setattr(supply, "SEARCH_AGAIN_S", 0.0)
    assert box.read() == Supplied(True, False)


def test_what_leaves_while_it_is_listed_is_no_error(sysfs: Sysfs) -> None:
    sysfs.alarm("1")
    for number in (0, *range(2, 9)):
        (sysfs.root / f"class/hwmon/hwmon{number}/name").mkdir(parents=True)  # whatever it is, it cannot be read
    assert Supply(sysfs.root).read() == Supplied(None, True)


def test_looking_takes_some_milliseconds_and_reading_next_to_nothing(sysfs: Sysfs) -> None:
    """A Raspberry Pi has some hundred platform devices."""
    for number in range(150):
        for child in range(5):
            sysfs.write(f"devices/platform/soc/{number:x}.device/{child}/uevent", "")
        sysfs.write(f"devices/platform/{number:x}.device/uevent", "")
    sysfs.word("0\n")
    box, took_s = Supply(sysfs.root), list[float]()
    for _ in range(20):
        began_s = time.perf_counter()
        box.read()
        took_s.append(time.perf_counter() - began_s)
    assert took_s[0] < 0.1
    assert sorted(took_s)[len(took_s) // 2] < 0.001


def test_this_machine_can_be_asked() -> None:
    found = Supply().read()
    if not Path("/proc/device-tree/model").exists():
        assert found == Supplied()
