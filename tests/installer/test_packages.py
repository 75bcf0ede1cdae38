"""Debian's packages: what an install has brought goes again, and nothing else.

With stand-ins for apt-get and dpkg, which keep their packages in a file: a test may not install any here.
"""

from pathlib import Path

import pytest

from agent.installer import packages
from agent.installer.steps import InstallError, Step, carry_out
from agent.installer.world import World
from tests.installer.test_steps import Boom

# "name state" lines. What a removal takes along stands in the file "along".
TOOL = """#!/bin/sh
cd "${0%/*}"
echo "${0##*/} $*" >>calls
state() { sed -i "/^$1 /d" packages; echo "$1 $2" >>packages; }
case "${0##*/} $*" in
    dpkg-query*) cat packages ;;
    *" update"*) ;;
    *--simulate*) for name in mosquitto $(cat along); do echo "Remv $name [1.0]"; done ;;
    apt-get*install*) state mosquitto installed; state libdlt2 installed ;;
    apt-get*remove*) state mosquitto config-files; state libdlt2 config-files ;;
    "dpkg --purge "*) shift; for name; do sed -i "/^$name /d" packages; done ;;
esac
"""
HAD = {"sed installed", "libdlt2 config-files"}


@pytest.fixture
def debian(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("apt-get", "dpkg", "dpkg-query"):
        (tmp_path / name).write_text(TOOL)
        (tmp_path / name).chmod(0o755)
    (tmp_path / "packages").write_text("".join(f"{line}\n" for line in HAD))
    (tmp_path / "along").write_text("libdlt2")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return tmp_path


def state(debian: Path) -> set[str]:
    return set((debian / "packages").read_text().splitlines())


def begun() -> Step:
    (step,) = packages.steps(World(), ["mosquitto"], None)
    step.do()
    assert step.is_done()
    return step


def test_what_it_brought_goes_with_its_settings_but_for_those_that_were_there(debian: Path) -> None:
    with pytest.raises(InstallError, match="boom"):
        carry_out([*packages.steps(World(), ["mosquitto"], None), Boom(InstallError("boom"))], print)
    assert state(debian) == HAD


def test_what_somebody_else_has_installed_meanwhile_stays(debian: Path) -> None:
    step = begun()
    with (debian / "packages").open("a") as file:
        file.write("htop installed\n")
    step.undo()
    assert state(debian) == HAD | {"htop installed"}


def test_what_somebody_else_needs_by_now_stays_and_is_named(debian: Path) -> None:
    step = begun()
    (debian / "along").write_text("libdlt2 their-bridge")
    before = state(debian)
    with pytest.raises(InstallError, match="their-bridge"):
        step.undo()
    assert state(debian) == before
