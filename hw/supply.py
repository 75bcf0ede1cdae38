"""Whether the box gets enough power, as far as a Raspberry Pi's firmware tells; nothing is known of any other box.

Two files of sysfs tell, and a kernel may have either, both or none. The alarm of the driver ``raspberrypi-hwmon`` is in
every kernel and knows of undervoltage alone. ``get_throttled`` knows more, but is in Raspberry Pi's own kernels only,
not in all of those for the 5, and its path is another one on each model (``soc/soc:firmware`` up to the 4,
``soc@107c000000/soc@107c000000:firmware`` on the 5), so it is looked for. Both say what that driver heard from the
firmware last; it asks every two seconds. The alarm comes first: it is up if the voltage was low at any time since the
question before, and whoever reads the other one is referred to it by the kernel itself (once a start, in its log).

Source: ``drivers/firmware/raspberrypi.c`` of raspberrypi/linux, ``drivers/hwmon/raspberrypi-hwmon.c`` of Linux.
"""

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

SYSFS = Path("/sys")
# Bits of the firmware's word; those from 16 on are history. Source: raspberrypi.com documentation, "get_throttled".
UNDERVOLTAGE_NOW, FREQUENCY_CAPPED, THROTTLED_NOW = 1 << 0, 1 << 1, 1 << 2
WORD = "devices/platform/*/*firmware*/get_throttled"
# A sensor's number is another one at each start: it is known by its name.
SENSORS, SENSOR, ALARM = "class/hwmon/hwmon*/name", "rpi_volt", "in0_lcrit_alarm"
# A module that is loaded late is found a while later; looking takes some milliseconds on a small box.
SEARCH_AGAIN_S = 300.0


@dataclass(frozen=True, slots=True)
class Supplied:
    """``throttled``: the processor is slowed down, for heat or a weak supply. None where that is not known."""

    throttled: bool | None = None
    undervoltage: bool | None = None


class Supply:
    """Looks where the firmware's words are and reads them. Thread: agent thread; a few microseconds, as a rule.

    Args:
        sysfs: Where sysfs is mounted.
    """

    def __init__(self, sysfs: Path = SYSFS) -> None:
        self._word = _Figure(lambda: next(sysfs.glob(WORD), None), base=16)
        self._alarm = _Figure(lambda: _sensor(sysfs), base=10)

    def read(self) -> Supplied:
        """What is known now. Never raises."""
        word, alarm = self._word.read(), self._alarm.read()
        low = alarm if alarm is not None or word is None else word & UNDERVOLTAGE_NOW
        slow = None if word is None else word & (FREQUENCY_CAPPED | THROTTLED_NOW)
        return Supplied(None if slow is None else bool(slow), None if low is None else bool(low))


class _Figure:
    """A number in a file that has to be found first, and is looked for again once it has gone."""

    def __init__(self, find: Callable[[], Path | None], base: int) -> None:
        self._find, self._base = find, base
        self._path: Path | None = None
        self._searched_s = float("-inf")

    def read(self) -> int | None:
        """The number; None where there is no such file, or no number in it."""
        if self._path is None and time.monotonic() - self._searched_s >= SEARCH_AGAIN_S:
            self._searched_s = time.monotonic()
            self._path = self._found()
        try:
            return None if self._path is None else int(self._path.read_text(encoding="ascii"), self._base)
        except OSError:
            self._path = None
        except ValueError:
            pass  # a word of another kernel
        return None

    def _found(self) -> Path | None:
        try:
            return self._find()
        except OSError:
            return None  # a folder left while it was listed


def _sensor(sysfs: Path) -> Path | None:
    for name in sysfs.glob(SENSORS):
        with contextlib.suppress(OSError):  # it left while it was listed
            if name.read_text(encoding="utf-8", errors="replace").strip() == SENSOR:
                return name.with_name(ALARM)
    return None
