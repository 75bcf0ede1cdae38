"""The box itself: the figures of the topic ``health``, and whether its clock can be believed."""

import ctypes
import logging
import socket
import time
from pathlib import Path

import psutil

from hw.disk import is_read_only
from hw.supply import SYSFS, Supply

log = logging.getLogger("diemcau.host")

Figures = dict[str, float | int | bool | str | None]

# Source: adjtimex(2): the kernel's own word on whether something disciplines the clock.
STA_UNSYNC = 0x40
# Source: systemd-timesyncd(8): there since the clock was synchronised.
TIMESYNC_FILE = Path("/run/systemd/timesync/synchronized")
MODEL_FILES = (Path("/proc/device-tree/model"), Path("/sys/class/dmi/id/product_name"))
SERIAL_FILE = Path("/proc/device-tree/serial-number")
# The processor's own sensors: a Raspberry Pi's (its thermal zone, with "_" for "-"), Intel's, AMD's, other boards'.
# Source: the kernel's drivers/thermal/thermal_hwmon.c, bcm2711.dtsi and bcm2712.dtsi, Documentation/hwmon.
PROCESSOR_SENSORS = ("cpu_thermal", "coretemp", "k10temp", "soc_thermal")
# What has limits of its own and says nothing of the processor: disks, the Pi 5's I/O chip, memory modules, network
# cards. Source: the drivers of these names in the kernel (raspberrypi/linux for rp1-adc).
OTHER_PARTS = ("nvme", "drivetemp", "rp1_adc", "jc42", "spd5118", "iwlwifi", "r8169")


class PsutilHost:
    """Reads the box through psutil and sysfs.

    Args:
        disk: The folder where the agent keeps its state.
        sysfs: Where sysfs is mounted.
    """

    def __init__(self, disk: Path, sysfs: Path = SYSFS) -> None:
        self._disk = disk
        self._supply = Supply(sysfs)
        psutil.cpu_percent(None)  # the first call only sets the mark from which the next one measures

    def read(self) -> Figures:
        """All figures; None where one is not known. Thread: agent thread; a few milliseconds."""
        memory = psutil.virtual_memory()
        supplied = self._supply.read()
        return {
            "cpu_share": round(psutil.cpu_percent(None) / 100, 3),
            "temperature_c": _temperature_c(),
            "throttled": supplied.throttled,
            "undervoltage": supplied.undervoltage,
            "memory_used_bytes": memory.total - memory.available,
            "memory_total_bytes": memory.total,
            "disk_free_bytes": _disk_free(self._disk),
            "disk_read_only": is_read_only(self._disk),
            "uptime_s": round(time.clock_gettime(time.CLOCK_BOOTTIME), 1),
            "address": _address(),
        }


def hardware() -> str | None:
    """What the box is (``Raspberry Pi 4 Model B Rev 1.5``), or None."""
    return next(filter(None, map(_line, MODEL_FILES)), None)


def serial() -> str | None:
    """The board's serial number, or None."""
    return _line(SERIAL_FILE)


def boot_id() -> str:
    """The kernel's UUID of this boot; empty where there is none."""
    return _line(Path("/proc/sys/kernel/random/boot_id")) or ""


class _Timex(ctypes.Structure):
    # Larger than the kernel's struct timex on every architecture; only `modes` and `status` are read here.
    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_char * 256),
    )


class SyncWatch:
    """Whether the kernel's clock is synchronised. Asked often, so the answer is kept for a moment. Thread: any."""

    KEEP_S = 5.0

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._asked_s = float("-inf")
        self._synced = False

    def __call__(self) -> bool:
        """True when wall-clock time can be believed."""
        now_s = time.monotonic()
        if now_s - self._asked_s > self.KEEP_S:
            self._asked_s = now_s
            self._synced = self._ask()
        return self._synced

    def _ask(self) -> bool:
        timex = _Timex()  # modes = 0: read only
        if self._libc.adjtimex(ctypes.byref(timex)) < 0:
            # A hardened unit (ProtectClock=) forbids even the reading.
            return TIMESYNC_FILE.exists()
        return not timex.status & STA_UNSYNC


def _line(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip("\0\n ") or None
    except OSError:
        return None


def _temperature_c() -> float | None:
    """The processor's temperature. Sensors are chosen by name: the kernel numbers them anew at each boot."""
    sensors = psutil.sensors_temperatures()
    for name in sorted(filter(_is_of_box, sensors), key=_preference):
        for reading in sensors[name]:
            if reading.current:
                return round(float(reading.current), 1)
    return None


def _is_of_box(sensor: str) -> bool:
    return not sensor.replace("-", "_").startswith(OTHER_PARTS)


def _preference(sensor: str) -> tuple[int, str]:
    name = sensor.replace("-", "_")  # without hwmon psutil names the thermal zones, which have their "-" still
    return (PROCESSOR_SENSORS.index(name) if name in PROCESSOR_SENSORS else len(PROCESSOR_SENSORS), name)


def _disk_free(folder: Path) -> int | None:
    try:
        return int(psutil.disk_usage(str(folder)).free)
    except OSError:
        return None


def _address() -> str | None:
    """The address that a packet to the outside would carry. Nothing is sent: connecting a datagram socket only routes.

    192.0.2.1 is reserved for documents (RFC 5737), so nobody is meant by it.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
        try:
            end.connect(("192.0.2.1", 9))
            return str(end.getsockname()[0])
        except OSError:
            return None
