"""Upgrades of a room that is on, good and bad: the bad ones go by themselves, and no relay's line moves in any of them.

Each is another checkout, made of this one in the machine, and installed from the stick as every other.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.conftest import Ear
from tests.vm.box import HOME, SOURCE, STICK, Box
from tests.vm.conftest import Counts, note
from tests.vm.machine import MachineError
from tests.vm.rooms import LOADS
from tests.vm.trace import changes

pytestmark = pytest.mark.vm

OTHER, WHEELS = "/root/other", "/root/wheels"
# What a bad release does as its program starts. Its parts can be loaded, which is what the installer tries first.
BAD = {
    "ends at once": "raise SystemExit('a bad release')",
    "has no way to the broker": "import socket; socket.create_connection = None",
    "never gets ready": "import time; time.sleep(3600)",
}


def checkout(box: Box, version: str, bad: str = "") -> str:
    """Another version of this checkout; gives its folder."""
    box.run(f"rm -rf {OTHER} && cp -r {SOURCE} {OTHER}")
    box.run(f"""sed -i 's/^version = .*/version = "{version}"/' {OTHER}/pyproject.toml""")
    if bad:
        words = f"\nif sys.argv[1:2] == ['run']:\n    {bad}\n"
        box.run(f"cat >>{OTHER}/agent/__main__.py", words)
    return OTHER


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


def test_a_good_release_takes_over_and_back_again(room_on: Box, ear: Ear) -> None:
    before = room_on.current()
    folder = checkout(room_on, "9.1.0")
    ear.forget()
    with unmoved(room_on, "upgrade to a good release"):
        room_on.upgrade(folder)
        runs(ear, "9.1.0")
    assert room_on.current() == "9.1.0"
    assert room_on.run(f"basename $(readlink {HOME}/previous)").strip() == before
    ear.forget()
    with unmoved(room_on, "--back to the release before"):
        room_on.install("--back", "--trial-s", "5")
        runs(ear, before)
    assert room_on.current() == before


def refused(box: Box, folder: str, *options: str) -> str:
    """An upgrade that fails; gives the last thing it said. Nothing of it is left, and the agent of before runs."""
    before, pid = box.current(), box.pid()
    with pytest.raises(MachineError) as failure:
        box.install("--trial-s", "5", *options, folder=folder)
    said = str(failure.value).strip().splitlines()[-1]
    assert box.current() == before
    assert box.run(f"ls {HOME}; ls {HOME}/releases").count("9.2.0") == 0
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
def test_a_bad_release_is_given_up(room_on: Box, ear: Ear, counts: Counts, how: str) -> None:
    if [*BAD].index(how) >= counts.bad_releases:
        pytest.skip("with --full only")
    before = room_on.current()
    ear.forget()
    with unmoved(room_on, f"upgrade to a release that {how}"):
        refused(room_on, checkout(room_on, "9.2.0", BAD[how]), "--wheels", f"{STICK}/wheels")
        runs(ear, before)


def test_a_power_cut_in_a_trial_goes_back_to_the_release_before(room_on: Box, counts: Counts) -> None:
    if counts.bad_releases < len(BAD):
        pytest.skip("with --full only")
    before = room_on.current()
    order = f"{checkout(room_on, '9.3.0')}/install.sh --wheels {STICK}/wheels --trial-s 600"
    room_on.run(f"systemd-run -q --collect --unit upgrade {order}")
    room_on.run(f"until [ $(basename $(readlink {HOME}/current)) = 9.3.0 ]; do sleep 1; done", timeout_s=600)
    room_on.machine.power_cut()
    assert room_on.machine.boot()
    room_on.run("systemctl start mosquitto diemcau-agent")
    assert room_on.current() == before
    ear = Ear(room_on.broker_url())
    runs(ear, before)
    ear.listener.close()
