"""The counting process is stopped, killed, starved and robbed of its camera: the count says so and comes back, and the
room takes no notice.

A real eye under its unit, and a USB camera whose frames are those of the kernel's test driver (guest/frames.py). Nobody
is in its pictures: the headcount is 0, which is not the same as none.
"""

import re
import time
from collections.abc import Iterator

import pytest

from tests.conftest import Ear, wait_for
from tests.vm.box import PYTHON, TEST, Box
from tests.vm.conftest import NETWORK, note
from tests.vm.rooms import LOADS, ROOM_WITH_DEVICES
from tests.vm.trace import changes
from tests.vm.usb import frames, plug, unplug

pytestmark = [pytest.mark.vm, pytest.mark.thorough]

EYE = "diemcau-eye.service"
STREAMS = "diemcau-test-streams"
# Emulated, a look takes a second or two, and the start of an eye ten; the numbers are printed.
GENEROUS_S = 20.0


def streams(node: str) -> str:
    """Have another program stream from a camera; waits until it does."""
    program = f"{PYTHON} {TEST}/streams.py {node}"
    has_begun = f"journalctl -q -o cat -u {STREAMS} | grep -qx streaming"
    return f"systemd-run -q --collect -u {STREAMS} {program} && until {has_begun}; do sleep 0.5; done"


@pytest.fixture(scope="module")
def counting(box: Box, network: bytes | None) -> Iterator[Box]:
    """A room that is on and has a camera to count from."""
    if network is None:
        pytest.skip(f"needs the face network {NETWORK} on this machine")
    box.run(f"systemctl start diemcau-test-usb; {frames('up')} && {unplug('camera')} || true; {plug('camera')}")
    box.begin(ROOM_WITH_DEVICES)
    box.press()
    box.comes_up()
    yield box
    box.run(f"systemctl stop diemcau-agent {EYE}; {unplug('camera')}")


class Count:
    """What becomes of the headcount, and how long it takes."""

    def __init__(self, box: Box, ear: Ear) -> None:
        self._box, self._ear = box, ear

    def is_there(self) -> None:
        """Wait for it."""
        self._ear.wait("/headcount", lambda said: said["state"] == "ok" and said["value"] == 0, "that is 0")

    def ends(self, what: str, by: str, *reasons: str) -> None:
        """Do it, and there is no headcount any more, for one of these reasons."""
        self._ear.forget()
        began_s = time.monotonic()
        self._box.run(by)
        said = self._ear.wait("/headcount", lambda said: said["value"] is None, what)
        took_s = time.monotonic() - began_s
        self._ear.forget()
        note(f"{what}: no headcount ({said['reason']}) after {took_s:.1f} s")
        assert said["reason"] in reasons
        assert took_s < GENEROUS_S

    def stays_away(self, what: str, by: str, reason: str) -> None:
        """Do it: there was no headcount before, there is none after it, and now for this reason."""
        self._ear.forget()
        began_s = time.monotonic()
        self._box.run(by)
        self._ear.wait("/headcount", lambda said: said["value"] is None and said["reason"] == reason, what)
        self._ear.forget()
        note(f"{what}: {reason} after {time.monotonic() - began_s:.1f} s")

    def comes_back(self, what: str, by: str = "true") -> None:
        """Do it, and there is one again. How long the agent waits before it tries again grows with each failure."""
        began_s = time.monotonic()
        self._box.run(by)
        self.is_there()
        took_s = time.monotonic() - began_s
        pauses = re.findall(r"; again in (\d+) s", "\n".join(self._box.journal()))
        note(f"{what}: counting again after {took_s:.1f} s (the last pause before a start: {[0, *pauses][-1]} s)")


@pytest.fixture
def count(counting: Box, ear: Ear) -> Iterator[Count]:
    """The headcount, which is there; what is done to the eye moves no relay and does not disturb the agent."""
    watched = Count(counting, ear)
    watched.is_there()
    agent, threads = counting.pid(), counting.threads()
    with counting.watched() as entries:
        yield watched
    assert changes(entries, LOADS) == []
    assert (counting.pid(), counting.threads()) == (agent, threads)


def test_an_eye_that_is_killed(count: Count) -> None:
    count.ends("the eye is killed", f"systemctl kill -s KILL {EYE}", "eye_ended")
    count.comes_back("the eye was killed")


def test_an_eye_that_hangs(count: Count, counting: Box) -> None:
    # Its last frame may be older than its last sign of life: whichever is noticed first is told first.
    count.ends("the eye hangs", f"systemctl kill -s STOP {EYE}", "eye_silent", "no_frames")
    count.comes_back("the eye hung")
    assert "Watchdog timeout" in counting.run(f"journalctl -u {EYE} -n 20")


def test_a_camera_that_gives_no_frames(count: Count, counting: Box) -> None:
    try:
        count.ends("the camera gives no frames", frames("drop 100"), "no_frames")
    finally:
        counting.run(frames("drop 0"))
    count.comes_back("the camera gives frames again")


def test_a_camera_that_its_driver_loses(count: Count) -> None:
    count.ends("the driver loses the camera", frames("disconnect"), "no_frames", "missing")
    count.comes_back("the driver lost the camera")


def test_a_camera_that_is_unplugged(count: Count, counting: Box) -> None:
    count.ends("the camera is unplugged", unplug("camera"), "missing")
    wait_for(lambda: counting.run(f"systemctl is-active {EYE} || true").strip() == "inactive", "the eye ends")
    count.comes_back("the camera is plugged in", plug("camera"))


def test_a_camera_that_another_program_streams_from(count: Count, counting: Box) -> None:
    """It was faster when the camera came back. Once it has let go the camera is plugged in anew: busy ones are left
    alone for a while.
    """
    count.ends("the camera is unplugged", unplug("camera"), "missing")
    wait_for(lambda: counting.run(f"systemctl is-active {EYE} || true").strip() == "inactive", "the eye ends")
    counting.run(streams("/dev/diemcau-frames"), timeout_s=60)
    try:
        count.stays_away("another program has the camera", plug("camera"), "busy")
    finally:
        counting.run(f"systemctl stop {STREAMS}")
    count.stays_away("the camera is unplugged again", unplug("camera"), "missing")
    count.comes_back("the other program has let go of the camera", plug("camera"))
