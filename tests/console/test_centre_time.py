"""agent/console/centre_time.py: 08:00 is the morning in Vietnam, unless somebody says otherwise."""

import os
import subprocess
import sys

import pytest

SAYS = "import time; from agent.console.centre_time import keep_local_time as k; k(); print(time.strftime('%z'))"


@pytest.mark.parametrize(("zone", "offset"), [(None, "+0700"), ("UTC", "+0000"), ("Europe/Paris", None)])
def test_a_machine_that_nobody_has_told_where_it_stands_is_in_vietnam(zone: str | None, offset: str | None) -> None:
    """A machine of ours may stand anywhere, so that it is at UTC is told by its clock alone."""
    if zone is None and subprocess.check_output(["date", "+%z"], env={"PATH": os.defpath}, text=True) != "+0000\n":
        pytest.skip("this machine has a time zone")
    env = {"PATH": os.defpath} | ({} if zone is None else {"TZ": zone})
    said = subprocess.run([sys.executable, "-c", SAYS], env=env, capture_output=True, text=True, check=True).stdout
    assert said.strip() != "+0700" if offset is None else said.strip() == offset
