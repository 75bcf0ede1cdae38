"""Upgrades of a room that is on, good and bad: the bad ones go by themselves, and no relay's line moves in any of them.

Each is another checkout, made of this one in the machine, and installed from the stick as every other. A bad release
that differs from a good one in what its program does at the start is that one, spoilt where it lies: to make it anew
each time would take an emulated processor minutes, and show nothing more.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.conftest import Ear
from tests.vm.box import HOME, SOURCE, STICK, TRIAL_S, Box
from tests.vm.conftest import note
from tests.vm.machine import MachineError
from tests.vm.rooms import LOADS
from tests.vm.trace import changes

pytestmark = [pytest.mark.vm, pytest.mark.thorough]

OTHER, WHEELS, NEXT = "/root/other", "/root/wheels", "9.1.0"
# What a bad release does as its program starts. Its parts can be loaded, which is what the installer tries first.
BAD = {
    "ends at once": "raise SystemExit('a bad release')",
    "has no way to the broker": "import socket; socket.create_connection = None",
    "never gets ready": "import time; time.sleep(3600)",
}
PROGRAM = f"{HOME}/releases/{NEXT}/lib/python3*/site-packages/agent/__main__.py"


def checkout(box: Box, version: str) -> str:
    """Another version of this checkout; gives its folder."""
    box.run(f"rm -rf {OTHER} && cp -r {SOURCE} {OTHER}")
    box.run(f"""sed -i 's/^version = .*/version = "{version}"/' {OTHER}/pyproject.toml""")
    return OTHER


@pytest.fixture
def following(room_on: Box) -> str:
    """The checkout of the next release, which was installed before; gives its folder."""
    folder = checkout(room_on, NEXT)
    if NEXT not in room_on.run(f"ls {HOME}/releases").split():
        room_on.upgrade(folder)
        room_on.install("--back", "--trial-s", str(TRIAL_S))
    return folder


@contextmanager
def spoilt(box: Box, what: str) -> Iterator[None]:
    """The release that was good is bad inside; it is whole, so the installer goes right to its trial."""
    program = box.run(f"ls {PROGRAM}").strip()
    box.run(f"cp -p {program} /root/good.py")
    box.run(f"cat >>{program}", f"\nif sys.argv[1:2] == ['run']:\n    {what}\n")
    try:
        yield
    finally:
        box.run(f"cp -p /root/good.py {program}")


@contextmanager
def unmoved(box: Box, what: str) -> Iterator[None]:
    """The trace judges what is done inside: no relay's line moves, and the room is on all the same."""
    began_s = time.monotonic()
    with box.watched() as entries:
        yield
    moved = changes(entries, LOADS)
    note(f"{what}: {time.monotonic() - began_s:.0f} s, {len(moved)} changes of a relay line")
    assert moved == []
    assert box.levels(tuple(LOADS)) == LOADS
    assert box.kept() == len(LOADS)


def runs(ear: Ear, version: str) -> None:
    """It is the agent that is heard of, and its room is on."""
    session = ear.wait("/status", lambda said: said.get("version") == version, f"of release {version}")["session"]
    ear.wait("/power", lambda said: (said["session"], said["state"]) == (session, "on"), f"of release {version}")


def previous(box: Box) -> str:
    """The release that --back would go to."""
    return box.run(f"basename $(readlink {HOME}/previous)").strip()


def test_a_good_release_takes_over_and_back_again(room_on: Box, ear: Ear) -> None:
    before = room_on.current()
    folder = checkout(room_on, NEXT)
    ear.forget()
    with unmoved(room_on, "upgrade to a good release"):
        room_on.upgrade(folder)
        runs(ear, NEXT)
    assert (room_on.current(), previous(room_on)) == (NEXT, before)
    ear.forget()
    with unmoved(room_on, "--back to the release before"):
        room_on.install("--back", "--trial-s", str(TRIAL_S))
        runs(ear, before)
    assert (room_on.current(), previous(room_on)) == (before, NEXT)


def refused(box: Box, folder: str, *options: str) -> str:
    """An upgrade that fails; gives the last thing it said. Nothing of it is left, and the agent of before runs."""
    before, releases, pid = box.current(), box.run(f"ls {HOME}/releases"), box.pid()
    with pytest.raises(MachineError) as failure:
        box.install("--trial-s", str(TRIAL_S), *options, folder=folder)
    said = str(failure.value).strip().splitlines()[-1]
    assert (box.current(), box.run(f"ls {HOME}/releases")) == (before, releases)
    assert not box.run(f"ls {HOME}/trial 2>/dev/null || true")
    assert box.is_active()
    note(f"what it said: {said}; {'another' if pid != box.pid() else 'the same'} agent runs")
    return said


def test_wheels_that_are_broken_change_nothing(room_on: Box) -> None:
    """A stick that was pulled too early."""
    room_on.run(f"rm -rf {WHEELS} && mkdir {WHEELS} && ln -s {STICK}/wheels/* {WHEELS}")
    room_on.run(f"cd {WHEELS} && for each in paho*; do head -c 40000 {STICK}/wheels/$each >x && mv x $each; done")
    pid = room_on.pid()
    with unmoved(room_on, "upgrade with a broken wheel"):
        refused(room_on, checkout(room_on, "9.2.0"), "--wheels", WHEELS)
    assert room_on.pid() == pid


@pytest.mark.parametrize("how", BAD)
def test_a_bad_release_is_given_up(room_on: Box, following: str, ear: Ear, how: str) -> None:
    before = room_on.current()
    ear.forget()
    with spoilt(room_on, BAD[how]), unmoved(room_on, f"upgrade to a release that {how}"):
        refused(room_on, following, "--wheels", f"{STICK}/wheels")
        runs(ear, before)


def test_a_power_cut_in_a_trial_goes_back_to_the_release_before(room_on: Box, following: str) -> None:
    before = room_on.current()
    order = f"{following}/install.sh --wheels {STICK}/wheels --trial-s 600"
    room_on.run(f"systemd-run -q --collect --unit upgrade {order}")
    room_on.run(f"until [ $(basename $(readlink {HOME}/current)) = {NEXT} ]; do sleep 1; done", timeout_s=600)
    room_on.machine.power_cut()
    assert room_on.machine.boot()
    room_on.run("systemctl start mosquitto diemcau-agent")
    room_on.comes_up()
    assert room_on.current() == before
    assert f"/releases/{before}/" in room_on.run(f"cat /proc/{room_on.pid()}/cmdline")
