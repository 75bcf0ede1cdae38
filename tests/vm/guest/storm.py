#!/opt/diemcau/current/bin/python
"""In the machine: a storm of udev's events on its socket, in the middle of which a device is plugged in or pulled.

storm.py EVENTS SECONDS ORDER WHAT      ORDER WHAT as usb.py has them
"""

import sys
import time

import pyudev
import usb  # type: ignore[import-not-found,unused-ignore]  # beside it, in the machine

from tests.hw.udev_storm import Udev


def main(events: str, over_s: str, order: str, what: str) -> None:
    """Send them; prints how long it took. What nobody could hear would be no storm, so this one listens too."""
    monitor = pyudev.Monitor.from_netlink(pyudev.Context())
    monitor.filter_by("video4linux")
    monitor.start()
    middle, began_s = int(events) // 2, time.monotonic()
    turn = {"plug": usb.plug, "unplug": usb.unplug}[order]
    Udev().storm(int(events), float(over_s), lambda number: turn(what) if number == middle else None)
    took_s = time.monotonic() - began_s
    heard = monitor.poll(1)
    if heard is None or heard.device_path != "/devices/bad-hub":
        raise SystemExit(f"the storm was not heard, but {heard}")
    print(round(took_s, 2))


if __name__ == "__main__":
    main(*sys.argv[1:])
