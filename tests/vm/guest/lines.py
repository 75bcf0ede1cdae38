#!/usr/bin/python3
"""In the machine: a GPIO chip that passes for a Raspberry Pi's, and the kernel's trace of its lines.

lines.py up [LINES]       make the chip and start the trace; done by diemcau-test-lines.service before the agent
lines.py down             the chip vanishes, as if its driver were unbound; `up` brings another one
lines.py level PIN…       what is on these lines now: 0 or 1 each
lines.py clear            forget the trace so far
lines.py trace            since it was cleared, or since the boot; first line: number of the chip's first line
"""

import subprocess
import sys
from pathlib import Path

CHIP = Path("/sys/kernel/config/gpio-sim/room")
TRACING = Path("/sys/kernel/tracing")
LABEL = "pinctrl-bcm2835"
HEADER = 28

# Where a line goes that nobody drives: a button to ground has its pull-up, and a load is released (the codec's relay
# energises at low). gpio-sim lets a line fall to this when its last descriptor is closed, as a mainline kernel does.
UP = (5, 17, 22)


def up(lines: int = HEADER) -> None:
    """Make the chip, with every line released."""
    if not CHIP.exists():
        subprocess.run(["modprobe", "gpio-sim"], check=True)
        (CHIP / "bank0").mkdir(parents=True)
    (CHIP / "bank0/num_lines").write_text(str(lines))
    (CHIP / "bank0/label").write_text(LABEL)
    (CHIP / "live").write_text("1")
    for pin in UP:
        if pin < lines:
            (sysfs() / f"sim_gpio{pin}/pull").write_text("pull-up")
    # Only for this one: udev has much else to do in a boot.
    subprocess.run(["udevadm", "wait", "--timeout=100", f"/dev/{sysfs().name}"], check=True)
    start_trace()


def down() -> None:
    """Take the chip away, whoever uses it."""
    (CHIP / "live").write_text("0")


def sysfs() -> Path:
    """Where gpio-sim shows and takes levels."""
    device, chip = ((CHIP / name).read_text().strip() for name in ("dev_name", "bank0/chip_name"))
    return Path("/sys/devices/platform") / device / chip


def level(pin: int) -> str:
    """What is on that line: "0" or "1"."""
    return (sysfs() / f"sim_gpio{pin}/value").read_text().strip()


def start_trace() -> None:
    """Once a boot: switching it on and off over and over has crashed an emulated machine with two processors."""
    if (TRACING / "events/room").exists():
        return
    (TRACING / "trace_clock").write_text("mono")  # the clock of the kernel's edge events, and of time.monotonic()
    (TRACING / "buffer_size_kb").write_text("8192")
    # A line that is let go falls to its pull without any event of the gpio subsystem: gpio-sim does that by itself.
    (TRACING / "kprobe_events").write_text("p:room/released gpio_sim:gpio_sim_free pin=%si:u32")
    for event in ("events/gpio/enable", "events/room/enable"):
        (TRACING / event).write_text("1")


def clear() -> None:
    """Forget the trace so far; it goes on."""
    (TRACING / "trace").write_text("")


def trace() -> None:
    """Print it. The buffer never overflows unseen: that would be a change of a relay which nobody saw."""
    for stats in TRACING.glob("per_cpu/cpu*/stats"):
        if "overrun: 0\n" not in stats.read_text():
            raise SystemExit("the trace has overflowed")
    print(first_line())
    sys.stdout.write((TRACING / "trace").read_text())


def first_line() -> int:
    """The number, among all chips' lines, which the trace has for this chip's first."""
    device = sysfs().parent.name
    for chip in Path("/sys/class/gpio").glob("gpiochip*"):
        if f"/{device}/" in f"{chip.resolve()}/":
            return int((chip / "base").read_text())
    raise SystemExit(f"no chip of {device} in /sys/class/gpio")


def main(order: str, *words: str) -> None:
    """The command line."""
    match order:
        case "up":
            up(*map(int, words))
        case "down":
            down()
        case "level":
            print(*map(level, map(int, words)))
        case "clear":
            clear()
        case "trace":
            trace()
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main(*sys.argv[1:])
