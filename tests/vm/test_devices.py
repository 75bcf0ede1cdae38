"""A real USB camera and a real USB microphone come and go: the right state, in time, also in a storm of events."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from agent.core.contract import topic
from tests.conftest import Ear
from tests.vm.box import PYTHON, SITE, TEST, Box
from tests.vm.conftest import Counts, note
from tests.vm.machine import NO_SOUND
from tests.vm.rooms import CAMERA, MICROPHONE, ROOM_WITH_DEVICES
from tests.vm.test_button import share
from tests.vm.usb import plug, unplug

pytestmark = [pytest.mark.vm, pytest.mark.thorough]

# A look at the bus, and what an emulated processor that others use too adds to it; measured numbers are printed.
GENEROUS_S = 5.0
# A time is judged where there are enough of them and nobody else is at work.
TOLD_WITHIN_S, ENOUGH_PLUGS = 1.0, 20
STORM_EVENTS, STORM_S = 10_000, 5
STORM = f"{PYTHON} {TEST}/storm.py {STORM_EVENTS} {STORM_S}"


@pytest.fixture(scope="module")
def usb(box: Box) -> Iterator[Box]:
    """The machine with a bus on which nothing is plugged in yet; left without devices."""
    box.run(f"systemctl start diemcau-test-usb; {unplug('camera')} || true")
    yield box
    box.run("systemctl stop diemcau-agent")
    for what in ("camera", "microphone", "typing-microphone"):
        box.run(f"{unplug(what)} || true")  # it is not plugged in where the test was good


@pytest.fixture
def room(usb: Box) -> Box:
    """A room that has just begun and is off: nothing has changed in it yet, and no eye runs."""
    return begun(usb)


def begun(box: Box) -> Box:
    """Off, new, and with nothing left on the broker of what an agent before it has said."""
    box.forget()
    box.run(f"mosquitto_pub -r -n -t {topic(SITE, 'readiness')}")
    box.begin(ROOM_WITH_DEVICES)
    return box


def parts(times: tuple[float, ...]) -> str:
    return f"p50 {share(list(times), 0.5):.2f}, p95 {share(list(times), 0.95):.2f} s"


def hears(ear: Ear, name: str, state: str, reason: str | None = None) -> dict[str, Any]:
    """Wait until that is what is said of the check; returns all that is said of it."""

    def found(document: dict[str, Any]) -> list[dict[str, Any]]:
        wanted = (name, state, reason)
        return [each for each in document.get("checks", ()) if (each["name"], each["state"], each["reason"]) == wanted]

    said = ear.wait("/readiness", lambda document: bool(found(document)), f"with {name} {state} {reason}")
    return found(said)[0]


@pytest.mark.parametrize(("what", "check"), [("microphone", MICROPHONE), ("camera", CAMERA)])
def test_a_device_that_comes_and_goes_is_told_in_time(
    room: Box, ear: Ear, counts: Counts, what: str, check: str
) -> None:
    hears(ear, check, "failed", "missing")
    program = f"{PYTHON} {TEST}/plugging.py {what} {check} {counts.plugs}"
    measured = json.loads(room.run(program, timeout_s=60 + 30 * counts.plugs))
    for turn, times in measured.items():
        whole, own = zip(*times, strict=True)
        note(f"{turn} of a {what} to MQTT, {len(times)} times: {parts(whole)}; from udev's event {parts(own)}")
        assert len(times) == counts.plugs
        assert share(list(whole), 0.95) < (TOLD_WITHIN_S if counts.plugs >= ENOUGH_PLUGS else GENEROUS_S)


def test_a_cable_that_is_pulled_so_often_is_loose(room: Box, ear: Ear) -> None:
    hears(ear, MICROPHONE, "failed", "missing")
    room.run("; ".join([plug("microphone"), "sleep 2", unplug("microphone"), "sleep 2"] * 2))
    said = hears(ear, MICROPHONE, "failed", "flapping")
    assert said["changes"] >= 4


def test_a_microphone_that_could_type_is_a_warning(room: Box, ear: Ear) -> None:
    hears(ear, MICROPHONE, "failed", "missing")
    room.run(plug("typing-microphone"))
    hears(ear, MICROPHONE, "warning", "also_a_keyboard")
    room.run(unplug("typing-microphone"))


@pytest.fixture(scope="module")
def settled(usb: Box) -> Box:
    """A room that began with both devices plugged in. The tests with it pull each once: more would be flapping."""
    usb.run(f"{plug('camera')}; {plug('microphone')}; udevadm settle")
    return begun(usb)


def test_what_is_there_when_the_agent_starts_is_found(settled: Box, ear: Ear) -> None:
    hears(ear, CAMERA, "ok")
    hears(ear, MICROPHONE, "ok")


def test_a_loudspeaker_that_qemu_plugs_in_is_no_microphone(settled: Box, ear: Ear) -> None:
    """QEMU's sound card only plays."""
    ear.forget()
    settled.run(unplug("microphone"))
    before = hears(ear, MICROPHONE, "failed", "missing")
    with settled.machine.plugged("usb-audio", audiodev=NO_SOUND):
        settled.run("until grep -q QEMU /proc/asound/cards; do sleep 0.1; done; udevadm settle")
        ear.forget()
        settled.run(plug("microphone"))
        after = hears(ear, MICROPHONE, "ok")
    assert after["changes"] == before["changes"] + 1  # the one that was real


def test_10_000_events_leave_the_right_state_and_every_thread(settled: Box, ear: Ear) -> None:
    hears(ear, CAMERA, "ok")
    before = settled.threads()
    for turn, state in (("unplug", ("failed", "missing")), ("plug", ("ok", None))):
        ear.forget()
        took_s = float(settled.run(f"{STORM} {turn} camera"))
        hears(ear, CAMERA, *state)
        note(f"{STORM_EVENTS} udev events in {took_s:.0f} s with the {turn} of a camera among them: it is {state[0]}")
    assert settled.threads() == before
    assert not [line for line in settled.journal() if "the USB watch failed" in line]
