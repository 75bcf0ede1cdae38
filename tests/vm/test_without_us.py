"""The box is given up, last of all the tests in the machine: nothing of ours is left on it."""

import pytest

from tests.vm.box import Box
from tests.vm.conftest import note

pytestmark = pytest.mark.vm

# What these tests have put there themselves; and the installer's log, which stays (README, `--uninstall`).
OURS_HERE = (
    "-path /proc -o -path /sys -o -path /root -o -path /media -o -name '*diemcau-test-*' -o -name 'diemcau-frames' "
    "-o -path /etc/initramfs-tools -o -name diemcau-install.log"
)
# One that another unit only names: the test's own that makes the lines is `Before=` the agent.
NAMED = "grep -v ' not-found *inactive ' || true"
FIND = f"find / \\( {OURS_HERE} \\) -prune -o -iname '*diemcau*' -print"


def test_an_uninstall_leaves_the_data_and_a_purge_leaves_nothing(box: Box) -> None:
    box.install("--uninstall")
    assert box.run("ls /etc/diemcau/agent.toml /var/lib/diemcau/agent.db").count("\n") == 2, (
        "what a new box goes on from"
    )
    box.install("--uninstall", "--purge")
    left = box.run(FIND).split()
    units = box.run(f"systemctl list-units --all --plain --no-legend 'diemcau-[!t]*' | {NAMED}").splitlines()
    names = box.run("getent passwd diemcau; getent group diemcau gpio; true").split()
    listeners = box.run("ss -H -ltnup | grep -E 'diemcau|python' || true")
    note(f"after --uninstall --purge: {len(left)} files of ours, {len(units)} units, user and groups {names or 'gone'}")
    for what in (left, units, names, listeners):
        assert not what
