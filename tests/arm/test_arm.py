"""What a Raspberry Pi installs counts as this checkout does: locked wheels, Python 3.13, 64-bit Arm, no network."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.installer import prepare, source
from agent.installer.wheels import CHECKOUT
from agent.installer.world import World
from hw.eye import models
from tests.arm.machine import Arm, ArmError, cache, provide

HALLS = CHECKOUT.parent / "shared" / "halls"
PHOTOS = ("group-1.jpg", "group-10.jpg", "group-12.jpg", "group-26.jpg")  # 52, 19, 5 and 77 people; a minute
COMMAND = "/opt/diemcau/releases/{version}/bin/diemcau"
# What the installer does with wheels, as root, with the system's own Python; main.py wants a systemd beside.
INSTALL = """
import os, sys
from pathlib import Path
sys.path.insert(0, "/srv/diemcau")
from agent.installer import model, packages, release, steps, wheels, world
here, checkout, folder = world.World(), Path("/srv/diemcau"), Path("/srv/wheels")
assert wheels.packages_needed(folder) == [], "the folder has a pip"
roles = frozenset({"box"})
plan = [*release.steps(here, checkout, roles, folder), *model.steps(here, None, folder)]
assert steps.carry_out(plan, print) == 2
assert steps.carry_out(release.steps(here, checkout, roles, folder), print) == 0
"""
PACKAGES = """
import subprocess, sys
from pathlib import Path
sys.path.insert(0, "/srv/diemcau")
from agent.installer import packages, steps, world
[step] = packages.steps(world.World(), ["diemcau-test-wanted"], Path("/srv/wheels"))
assert steps.carry_out([step], print) == 1 and step.is_done()
state = ["dpkg-query", "--show", "--showformat=${Package} ${db:Status-Status}\\n", "diemcau-test-*"]
print(subprocess.run(state, capture_output=True, text=True).stdout)
step.undo()
print("then", subprocess.run(state, capture_output=True, text=True).stdout)
"""

pytestmark = pytest.mark.arm


@pytest.fixture(scope="module")
def arm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arm]:
    """A fresh system with the checkout and a prepared folder; nothing is installed yet."""
    folder = tmp_path_factory.mktemp("arm") / "root"
    try:
        made = provide(folder)
        wheels = cache() / "wheels"
        prepare.prepare(World(), wheels, frozenset({"box"}), print, ["3.13"], ["aarch64"])
        source.copy(CHECKOUT, folder / "srv/diemcau", *source.PACKAGES, *source.SHARED, *source.FILES)
        shutil.copytree(wheels, folder / "srv/wheels")
        yield made
    except ArmError as error:
        pytest.fail(f"no Arm system: {error}", pytrace=False)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def diemcau(arm: Arm) -> str:
    """The command, installed."""
    arm.run("/usr/bin/python3", "-I", "-B", "-c", INSTALL)
    return COMMAND.format(version=source.version(CHECKOUT))


def test_packages_come_out_of_the_folder_with_what_they_need_and_go_again(arm: Arm) -> None:
    for name, needs in (("wanted", "diemcau-test-needed"), ("needed", ""), ("unwanted", "")):
        _write_deb(arm.root / "srv/wheels", f"diemcau-test-{name}", needs)
    said, _, then = arm.run("/usr/bin/python3", "-I", "-B", "-c", PACKAGES).partition("then")
    assert "diemcau-test-wanted installed" in said
    assert "diemcau-test-needed installed" in said
    assert "unwanted" not in said
    assert " installed" not in then


def test_the_locked_wheels_install_and_the_doctor_runs(arm: Arm, diemcau: str) -> None:
    # There are no pins in there, which is a failure; that it is said in words is the point.
    document = arm.run(diemcau, "doctor", "--json", codes=(1,))
    assert "power.chip" in document
    python = diemcau.removesuffix("diemcau") + "python"
    machine = arm.run(python, "-I", "-c", "import platform; print(platform.machine(), platform.python_version())")
    assert machine.startswith("aarch64 3.13")


def test_the_same_people_are_counted_as_on_this_machine(arm: Arm, diemcau: str) -> None:
    if not (HALLS / "counts.csv").is_file():
        pytest.skip("no group photos: ../shared/halls is not there")
    if models.search().model is None:
        pytest.skip("no face network on this machine")
    (arm.root / "srv/halls").mkdir()
    for name in PHOTOS:
        shutil.copyfile(HALLS / name, arm.root / "srv/halls" / name)
    here = subprocess.run(
        [sys.executable, "-m", "agent", "count", "--json", "--window", "0", arm.root / "srv/halls"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    there = arm.run(diemcau, "count", "--json", "--window", "0", "/srv/halls")
    assert len(_counts(here)) == len(PHOTOS) + 1
    assert _counts(there) == _counts(here)


def _counts(said: str) -> list[tuple[Any, ...]]:
    """What was counted in each picture, and at last by which network."""
    documents = [json.loads(line) for line in said.splitlines()]
    keys = ("seen", "value", "state", "detector", "model_sha256")
    return [tuple(document.get(key) for key in keys) for document in documents]


def _write_deb(folder: Path, name: str, needs: str) -> None:
    """An empty package."""
    tree = folder / name
    (tree / "DEBIAN").mkdir(parents=True)
    lines = [f"Package: {name}", "Version: 1.0", "Architecture: all", "Maintainer: nobody <nobody@example.org>"]
    lines += [f"Depends: {needs}"] * bool(needs) + ["Description: of a test"]
    (tree / "DEBIAN/control").write_text("\n".join(lines) + "\n")
    subprocess.run(
        ["dpkg-deb", "--build", "--root-owner-group", tree, folder / f"{name}.deb"], check=True, capture_output=True
    )
    shutil.rmtree(tree)
