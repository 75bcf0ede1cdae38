"""A card that is full, and one that takes no more writes, as worn-out cards do: the room is switched all the same."""

from typing import Any

import pytest

from tests.vm.box import AGENT, Box
from tests.vm.conftest import note
from tests.vm.desk import Desk
from tests.vm.rooms import HOLD_S, LOADS, ROOM
from tests.vm.test_upgrade import checkout, refused
from tests.vm.trace import changes

pytestmark = [pytest.mark.vm, pytest.mark.thorough]

SAYS_SOON = "[reporting]\nheartbeat_s = 5\n"
# Every block, also those that ext4 keeps back for root: nearly all at once, and the rest drop by drop.
FILL = "fallocate -l $(($(stat -f -c '%f * %S' /) - 2000000)) /full; cat /dev/zero >/full.too 2>/dev/null || true; sync"


@pytest.fixture
def room(box: Box) -> Box:
    """A room that is on and tells soon how it is."""
    box.begin(ROOM + SAYS_SOON)
    desk = Desk(box)
    desk.switch("on")
    desk.close()
    return box


def disk(desk: Desk, reason: str | None) -> None:
    """Wait until that is what is said of the disk."""

    def fits(said: dict[str, Any]) -> bool:
        found = [check for check in said["checks"] if check["name"] == "box.disk"]
        return bool(found) and found[0]["reason"] == reason

    desk.wait("/readiness", fits, f"with box.disk {reason}")


def can_be_switched(desk: Desk) -> None:
    desk.switch("off", HOLD_S + 0.5)
    desk.switch("on")


def comes_back_after_a_kill(box: Box, desk: Desk, what: str) -> None:
    """And its relays have not moved."""
    with box.watched() as entries:
        before = desk.wait("/power", lambda said: said["state"] == "on", "before")["session"]
        box.kill(is_alone=False)
        desk.wait("/power", lambda said: said["session"] != before and said["state"] == "on", f"of a start on {what}")
    assert changes(entries, LOADS) == []
    assert box.levels(tuple(LOADS)) == LOADS


def test_a_full_card(room: Box) -> None:
    desk, other = Desk(room), checkout(room, "9.4.0")
    try:
        room.run(FILL)
        disk(desk, "disk_full")
        can_be_switched(desk)
        comes_back_after_a_kill(room, desk, "a full card")
        assert "make room" in refused(room, other)
    finally:
        room.run("rm -f /full /full.too")
    room.run(f"until systemctl show -P StatusText {AGENT} | grep -q disk=ok; do sleep 1; done", timeout_s=90)
    desk.forget()
    disk(desk, None)
    desk.close()
    note("root full: switched off and on, the agent killed and back, no relay moved; well again when there is room")


def test_a_card_that_is_read_only_in_use_and_at_the_next_boot(room: Box) -> None:
    desk, other = Desk(room), checkout(room, "9.5.0")
    room.run("sync; echo u >/proc/sysrq-trigger; until grep -q ' / ext4 ro' /proc/mounts; do sleep 0.2; done")
    disk(desk, "read_only")
    can_be_switched(desk)
    comes_back_after_a_kill(room, desk, "a read-only card")
    assert "read-only" in refused(room, other).lower()
    desk.close()
    room.machine.power_cut()

    note(f"boot on a read-only card to ssh: {room.machine.boot(is_locked=True):.0f} s")
    # The centre's broker is on the same card here, and Debian's unit makes folders first.
    room.run(f"systemctl stop mosquitto; systemd-run -q --unit broker mosquitto -p 1883; systemctl start {AGENT}")
    room.comes_up()
    desk = Desk(room)
    disk(desk, "read_only")
    can_be_switched(desk)
    failed = room.run("systemctl list-units --failed --no-legend --plain 'diemcau*'")
    assert failed == ""
    desk.close()
    room.machine.power_cut()

    room.machine.boot()
    room.run(f"systemctl start mosquitto {AGENT}")
    room.comes_up()
    desk = Desk(room)
    disk(desk, None)
    desk.close()
    note(
        "root read-only, in use and at boot: switched off and on, the agent killed and back; well again when it is not"
    )
