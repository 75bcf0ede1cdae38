#!/opt/diemcau/current/bin/python
"""In the machine: how long it takes from a plug to the message about it, on the machine's own monotonic clock.

plugging.py WHAT CHECK TIMES      plug and unplug so often; prints JSON: {"plug": [[seconds, of them], …], "unplug": …}

The first number begins before the hub is told, so the kernel's enumeration is in it; the second begins with udev's
first event about a camera or a sound card, and is 0 where the agent was faster than that. Both end when the message
arrives at a subscriber of the broker. A check that comes and goes so often would soon be reported as flapping, and its
next changes would be no news: the agent begins anew before each turn.
"""

import json
import queue
import subprocess
import sys
import time
from collections.abc import Callable

import paho.mqtt.client as mqtt
import pyudev
import usb  # type: ignore[import-not-found,unused-ignore]  # beside it, in the machine
from paho.mqtt.enums import CallbackAPIVersion

PATIENCE_S = 20.0


class Readiness:
    """What the agent says of one check, and when that arrived here."""

    def __init__(self, check: str) -> None:
        self._check = check
        self._said: queue.SimpleQueue[tuple[float, str, str]] = queue.SimpleQueue()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        self._client.on_message = self._hear
        self._client.connect("localhost")
        self._client.subscribe("diemcau/v1/+/readiness", qos=1)
        self._client.loop_start()
        self._session = self._said.get(timeout=PATIENCE_S)[1]

    def _hear(self, client: object, userdata: object, message: mqtt.MQTTMessage) -> None:
        arrived_s, document = time.monotonic(), json.loads(message.payload)
        for each in document["checks"]:
            if each["name"] == self._check:
                self._said.put((arrived_s, document["session"], each["state"]))

    def begin_anew(self) -> None:
        """Restart the agent, and wait until it has looked at the bus, on which the device is not."""
        before = self._session
        subprocess.run(["systemctl", "restart", "diemcau-agent"], check=True)
        state = ""
        while self._session == before or state != "failed":
            _, self._session, state = self._said.get(timeout=PATIENCE_S)

    def after(self, what: Callable[[], None], wanted: str, bus: "Bus") -> tuple[float, float]:
        """Do it: the seconds until the check is said to be as wanted, from the beginning and from the bus's event."""
        bus.first_s, began_s, state, arrived_s = None, time.monotonic(), "", 0.0
        what()
        while state != wanted:
            arrived_s, _, state = self._said.get(timeout=PATIENCE_S)
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
        readiness.begin_anew()
        found["plug"].append(readiness.after(lambda: usb.plug(what), "ok", bus))
        found["unplug"].append(readiness.after(lambda: usb.unplug(what), "failed", bus))
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
