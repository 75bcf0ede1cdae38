#!/opt/diemcau/python/bin/python
"""In the machine: how long it takes from a plug to the message about it, on the machine's own monotonic clock.

plugging.py WHAT CHECK TIMES      plug and unplug so often; prints JSON: {"plug": [[seconds, of them], …], "unplug": …}

The first number begins before the hub is told, so the kernel's enumeration is in it; the second begins with udev's
first event about a camera or a sound card, and is 0 where the agent was faster than that. Both end when the message
arrives at a subscriber of the broker. A check that comes and goes is reported as flapping soon, so what is waited for
is that its count of changes goes up by one.
"""

import json
import queue
import sys
import time
from collections.abc import Callable

import paho.mqtt.client as mqtt
import pyudev
import usb  # type: ignore[import-not-found,unused-ignore]  # beside it, in the machine
from paho.mqtt.enums import CallbackAPIVersion

PATIENCE_S = 20.0


class Readiness:
    """What the agent says of one check: how often it has changed, and when that arrived here."""

    def __init__(self, check: str) -> None:
        self._check = check
        self._said: queue.SimpleQueue[tuple[float, int]] = queue.SimpleQueue()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        self._client.on_message = self._hear
        self._client.connect("localhost")
        self._client.subscribe("diemcau/v1/+/readiness", qos=1)
        self._client.loop_start()
        self.changes = self._said.get(timeout=PATIENCE_S)[1]

    def _hear(self, client: object, userdata: object, message: mqtt.MQTTMessage) -> None:
        arrived_s = time.monotonic()
        for each in json.loads(message.payload)["checks"]:
            if each["name"] == self._check:
                self._said.put((arrived_s, each["changes"]))

    def after(self, what: Callable[[], None], bus: "Bus") -> tuple[float, float]:
        """Do it: the seconds to the next change of the check, from the beginning and from the bus's first event."""
        bus.first_s, began_s, wanted = None, time.monotonic(), self.changes + 1
        what()
        while self.changes < wanted:
            arrived_s, self.changes = self._said.get(timeout=PATIENCE_S)
        return round(arrived_s - began_s, 4), round(max(0.0, arrived_s - (bus.first_s or arrived_s)), 4)


class Bus:
    """When udev has said something about cameras and sound cards, for the first time since ``first_s`` was None."""

    def __init__(self) -> None:
        self.first_s: float | None = None
        monitor = pyudev.Monitor.from_netlink(pyudev.Context())
        monitor.filter_by("video4linux")
        monitor.filter_by("sound")
        self._observer = pyudev.MonitorObserver(monitor, callback=self._hear)
        self._observer.start()

    def _hear(self, device: object) -> None:
        self.first_s = self.first_s or time.monotonic()


def main(what: str, check: str, times: str) -> None:
    """Measure. The device is not plugged in before and after."""
    readiness, bus = Readiness(check), Bus()
    found: dict[str, list[tuple[float, float]]] = {"plug": [], "unplug": []}
    for _ in range(int(times)):
        usb.wait_for(lambda: usb.is_free(what))
        found["plug"].append(readiness.after(lambda: usb.plug(what), bus))
        found["unplug"].append(readiness.after(lambda: usb.unplug(what), bus))
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
