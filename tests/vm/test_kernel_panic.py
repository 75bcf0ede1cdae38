"""A kernel that has stopped for good: the hardware watchdog, which systemd feeds on a box, resets the machine."""

import pytest

from tests.vm.box import AGENT, Box
from tests.vm.conftest import note
from tests.vm.rooms import LOADS
from tests.vm.trace import levels_set

pytestmark = [pytest.mark.vm, pytest.mark.thorough]


def test_a_kernel_that_panics_is_reset_and_the_room_is_as_it_was(room_on: Box) -> None:
    fed = room_on.run("systemctl show -P RuntimeWatchdogUSec").strip()
    assert fed == "12s", "firmware-config/diemcau.watchdog.conf counts"
    boot = room_on.machine.boot_id()
    # Debian's kernel would wait for ever too, and the machine's own command line says otherwise.
    room_on.run("sync; sysctl -q kernel.panic=0; (sleep 0.5; echo c >/proc/sysrq-trigger) >/dev/null 2>&1 &")
    note(f"from a kernel panic to ssh again, by the watchdog: {room_on.machine.comes_back(boot):.0f} s")
    room_on.run(f"systemctl start mosquitto {AGENT}")
    room_on.comes_up()
    driven = [(pin, level) for _, pin, level in levels_set(room_on.trace(), LOADS) if level == LOADS[pin]]
    assert driven == list(LOADS.items())
