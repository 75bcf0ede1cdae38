"""From a blank machine to a box in one command, and what a box is then: first of all the tests in the machine.

It has no way out: what it wants comes from the stick. Nobody is in its camera's pictures, so its headcount is 0, which
is not the same as none.
"""

import json
import time
from datetime import datetime
from pathlib import Path

import pytest

from agent.adapters.delivery import PROBE_S
from tests.conftest import Ear, wait_for
from tests.vm.box import AGENT, GIVEN_IDENTITY, GIVEN_ROOM, STICK, Box
from tests.vm.centre import Centre
from tests.vm.conftest import NETWORK, Installed, note
from tests.vm.rooms import CAMERA, HOLD_S, LOADS, MICROPHONE, RELEASED
from tests.vm.trace import levels_set

pytestmark = pytest.mark.vm

MULTI_USER = "multi-user.target"
READY_WITHIN_S = 5.0
# What listens on a box is Debian's and the technician's; the broker is the centre's, which this machine is as well.
OTHERS = {"sshd", "systemd", "mosquitto"}


def test_one_command_makes_a_box_that_counts(box: Box, installed: Installed, ear: Ear, network: bytes | None) -> None:
    assert box.levels(tuple(LOADS)) == RELEASED, "nobody has pressed the button yet"
    note(f"./install.sh on the blank machine: {installed.took_s:.0f} s")
    assert "diemcau" in installed.said
    box.press()
    box.comes_up()
    ear.wait("/status", lambda said: said["state"] == "running", "of the new box")
    if network is None:
        pytest.skip(f"needs the face network {NETWORK} on this machine")
    said = ear.wait("/headcount", lambda said: said["state"] == "ok", "that is known")
    note(f"from the one command to the first headcount on the broker: {time.monotonic() - installed.began_s:.0f} s")
    assert said["value"] == 0


@pytest.mark.thorough
def test_twice_is_the_same_as_once(box: Box) -> None:
    before = box.pid(), box.current()
    with box.watched() as entries:
        said = box.install("--identity", GIVEN_IDENTITY, "--room", GIVEN_ROOM, "--wheels", f"{STICK}/wheels")
    assert "nothing to do" in said
    assert (box.pid(), box.current()) == before
    assert levels_set(entries, LOADS) == []


def test_the_doctor_finds_a_box_in_order(box: Box, network: bytes | None) -> None:
    """But for what this machine lacks: a microphone, a clock that somebody sets, here and there a face network."""
    report = json.loads(box.run("diemcau doctor --json || true"))
    failed = {check["name"] for check in report["checks"] if check["state"] == "failed"}
    note(f"diemcau doctor: {report['ok']} ok, {report['warning']} warnings, failed: {sorted(failed) or 'none'}")
    assert failed <= {MICROPHONE, "room.ready"} | (set() if network else {CAMERA, "model"}), report


def test_the_box_listens_to_nobody(box: Box) -> None:
    lines = box.run("ss -H -ltnup").splitlines()
    note("ss -ltnup: " + "; ".join(" ".join(line.split()) for line in lines))
    who = [line.partition('users:(("')[2].partition('"')[0] for line in lines]
    assert set(who) <= OTHERS, lines


@pytest.mark.thorough
def test_after_a_reboot_in_1970_the_room_is_as_it_was_and_the_agent_ready_in_time(box: Box) -> None:
    """Without a clock of its own, and no network to set it from: the box says that it does not know the time."""
    before = float(box.run("date +%s"))
    box.machine.shut_down()
    note(f"reboot in 1970 to ssh: {box.machine.boot(clock='1970-01-01T00:00:30'):.0f} s")
    box.run(f"systemctl start mosquitto {AGENT} {MULTI_USER}")  # under way since the boot; this waits for them
    ready_s, others_s = started(box, AGENT), max(started(box, unit) for unit in ("ssh", "mosquitto"))
    note(
        f"after the kernel's start: {AGENT} ready {ready_s:.1f} s, {MULTI_USER} {started(box, MULTI_USER):.1f} s, "
        f"the last of its other services {others_s:.1f} s"
    )
    assert ready_s - started(box, MULTI_USER) < READY_WITHIN_S
    box.comes_up()
    ear = Ear(box.broker_url())
    said = ear.wait("/power", lambda said: said["clock"] == "unsynced", "in 1970")
    ear.listener.close()
    at = datetime.fromisoformat(str(said["at"])).timestamp()
    note(f"clock: {at - before:.0f} s after the time before the reboot, though the machine began in 1970")
    assert 0 <= at - before < 3600, "a certificate of today is valid today"


@pytest.mark.thorough
def test_in_1970_itself_button_and_history_work(box: Box, tmp_path: Path) -> None:
    """A clock that somebody sets to nonsense while the agent runs, and a start in that year."""
    ear, centre = Ear(box.broker_url()), Centre(tmp_path)
    centre.begin(box)
    # Nobody has listened until now, so one row a minute asks whether somebody does.
    wait_for(centre.rows, "the agent has found the centre", 2 * PROBE_S)
    now = box.run("date +%s").strip()
    in_1970 = "date -s @5000"  # no kernel lets the time since its own start be more
    for how in (in_1970, f"{in_1970} && systemctl restart {AGENT}"):
        ear.forget()
        box.run(how)
        box.press(HOLD_S + 0.5)
        ear.wait("/power", lambda said: said["state"] == "off", "after a hold in 1970")
        ear.wait("/history/event", lambda said: said["kind"] == "power.changed", "of the hold")
        box.press()
        ear.wait("/power", lambda said: said["state"] == "on", "after a press in 1970")
    box.run(f"date -s @{now}")
    note(f"the button and {centre.has_all(box)} rows of history in 1970: none lost")
    ear.listener.close()
    centre.close()


def started(box: Box, unit: str) -> float:
    """When it became active, in seconds after the kernel's start."""
    return int(box.run(f"systemctl show -P ActiveEnterTimestampMonotonic {unit}")) / 1e6
