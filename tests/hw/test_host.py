"""hw/host.py: the figures of the box that the tests run on."""

import os
import time
import uuid
from pathlib import Path
from types import SimpleNamespace

import pytest

from hw import host
from hw.host import PsutilHost, SyncWatch

FIGURES = {
    "cpu_share",
    "temperature_c",
    "throttled",
    "undervoltage",
    "memory_used_bytes",
    "memory_total_bytes",
    "disk_free_bytes",
    "disk_read_only",
    "uptime_s",
    "address",
}


def test_the_figures_are_those_of_the_contract_and_can_be_believed(tmp_path: Path) -> None:
    figures = PsutilHost(tmp_path).read()
    assert figures.keys() == FIGURES
    share, uptime_s = figures["cpu_share"], figures["uptime_s"]
    used, total, free = (figures[key] for key in ("memory_used_bytes", "memory_total_bytes", "disk_free_bytes"))
    assert isinstance(share, float)
    assert 0 <= share <= 1
    assert isinstance(uptime_s, float)
    assert uptime_s == pytest.approx(time.clock_gettime(time.CLOCK_BOOTTIME), abs=60)
    assert isinstance(used, int)
    assert isinstance(total, int)
    assert 0 < used < total
    assert total == os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert isinstance(free, int)
    assert free >= 0
    assert figures["disk_read_only"] is False
    assert figures["temperature_c"] is None or -40 < float(str(figures["temperature_c"])) < 130
    assert figures["address"] is None or str(figures["address"]).count(".") == 3


def test_a_disk_that_is_not_there_is_not_known(tmp_path: Path) -> None:
    figures = PsutilHost(tmp_path / "gone").read()
    assert (figures["disk_free_bytes"], figures["disk_read_only"]) == (None, None)


@pytest.mark.parametrize(
    ("sensors", "expected"),
    [
        ({"nvme": [71.0], "rp1_adc": [52.0], "cpu_thermal": [48.0]}, 48.0),
        ({"rp1_adc": [52.0], "cpu-thermal": [48.0]}, 48.0),
        ({"acpitz": [27.8], "coretemp": [0.0, 61.04, 60.0]}, 61.0),
        ({"k10temp": [55.0], "drivetemp": [33.0], "acpitz": [27.8]}, 55.0),
        ({"gpu_thermal": [50.0], "soc_thermal": [49.0], "bigcore0_thermal": [51.0]}, 49.0),
        ({"gpu_thermal": [50.0], "bigcore0_thermal": [51.0]}, 51.0),
        ({"nvme": [71.0], "iwlwifi_1": [40.0], "rp1_adc": [52.0]}, None),
        ({}, None),
    ],
)
def test_the_temperature_is_the_processors_whatever_order_the_sensors_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sensors: dict[str, list[float]], expected: float | None
) -> None:
    for names in (list(sensors), list(reversed(sensors))):
        seen = {name: [SimpleNamespace(current=each) for each in sensors[name]] for name in names}
        monkeypatch.setattr(host.psutil, "sensors_temperatures", lambda seen=seen: seen)
        assert PsutilHost(tmp_path).read()["temperature_c"] == expected


def test_reading_takes_a_few_milliseconds(tmp_path: Path) -> None:
    box = PsutilHost(tmp_path)
    took_s = []
    for _ in range(20):
        began_s = time.perf_counter()
        box.read()
        took_s.append(time.perf_counter() - began_s)
    assert sorted(took_s)[len(took_s) // 2] < 0.01


def test_what_the_firmware_says_of_the_supply_is_among_the_figures(tmp_path: Path) -> None:
    word = tmp_path / "devices/platform/soc@107c000000/soc@107c000000:firmware/get_throttled"
    word.parent.mkdir(parents=True)
    word.write_text("5\n")
    figures = PsutilHost(tmp_path, sysfs=tmp_path).read()
    assert (figures["throttled"], figures["undervoltage"]) == (True, True)
    figures = PsutilHost(tmp_path, sysfs=tmp_path / "none").read()
    assert (figures["throttled"], figures["undervoltage"]) == (None, None)


def test_what_the_box_is_comes_from_the_first_file_that_says_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = tmp_path / "model", tmp_path / "product_name"
    monkeypatch.setattr(host, "MODEL_FILES", files)
    monkeypatch.setattr(host, "SERIAL_FILE", tmp_path / "serial-number")
    assert (host.hardware(), host.serial()) == (None, None)
    files[1].write_text("NUC\n")
    assert host.hardware() == "NUC"
    # The device tree ends its words with a zero byte.
    files[0].write_bytes(b"Raspberry Pi 4 Model B Rev 1.5\0")
    (tmp_path / "serial-number").write_bytes(b"10000000abcdef01\0")
    assert (host.hardware(), host.serial()) == ("Raspberry Pi 4 Model B Rev 1.5", "10000000abcdef01")


def test_the_boot_has_a_number_that_stays() -> None:
    assert uuid.UUID(host.boot_id())
    assert host.boot_id() == host.boot_id()


def test_whether_the_clock_is_synchronised_is_asked_now_and_then_only(monkeypatch: pytest.MonkeyPatch) -> None:
    watch = SyncWatch()
    answers = [True, False]
    monkeypatch.setattr(watch, "_ask", lambda: answers.pop(0))
    assert [watch(), watch(), watch()] == [True] * 3
    monkeypatch.setattr(SyncWatch, "KEEP_S", -1.0)
    assert watch() is False
    assert answers == []


def test_the_kernel_can_be_asked() -> None:
    assert SyncWatch()() in (True, False)
