"""How pip is run."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agent.installer.wheels import CHECKOUT, Pip
from agent.installer.world import World

# The installer, which runs "pip": a program that says who it is and then works on.
INSTALLER = """
import sys
from pathlib import Path
from agent.installer import wheels, world
here = world.World(Path("/"))
here.run(wheels.Pip(here, Path(sys.argv[1]), None, Path(sys.argv[2])).argv("install"))
"""


def is_running(pid: int) -> bool:
    """Also where nobody has asked for its exit code."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_pip_does_not_outlive_an_installer_that_was_killed(tmp_path: Path) -> None:
    program, who = tmp_path / "python", tmp_path / "who"
    program.write_text(f"#!/bin/sh\necho $$ > {who}.new; mv {who}.new {who}\nexec sleep 300\n")
    program.chmod(0o755)
    installer = subprocess.Popen([sys.executable, "-c", INSTALLER, program, tmp_path], cwd=CHECKOUT)
    until_s = time.monotonic() + 60
    while not who.exists() and time.monotonic() < until_s:
        time.sleep(0.05)
    pid = int(who.read_text())
    try:
        installer.kill()
        installer.wait()
        while is_running(pid) and time.monotonic() < until_s:
            time.sleep(0.05)
        assert not is_running(pid)
    finally:
        if is_running(pid):
            os.kill(pid, 9)


@pytest.mark.parametrize("wheels", [None, Path("/some wheels")])
def test_a_folder_is_the_only_place_that_packages_come_from(tmp_path: Path, wheels: Path | None) -> None:
    argv = Pip(World(tmp_path), tmp_path / "python", wheels, tmp_path).argv("install")
    assert ("--no-index" in argv) == (wheels is not None)
