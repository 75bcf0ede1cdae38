"""The locks are whole, fit pyproject.toml, and say nothing about a machine or a place."""

import re
import tomllib
from functools import cache
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from agent.installer import locks
from agent.installer.wheels import CHECKOUT

NAMES = ("box", "centre", "build")
PIN = re.compile(r"([a-z0-9.-]+)==([^ ]+) \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)")


def file_of(name: str) -> Path:
    return CHECKOUT / locks.PLACE / f"{name}.txt"


@cache
def pins(name: str) -> dict[str, str]:
    """The versions of a lock, by the packages' canonical names."""
    return {canonicalize_name(found[1]): found[2] for found in PIN.finditer(file_of(name).read_text())}


def project() -> dict[str, list[str]]:
    """What pyproject.toml asks for, by lock. On machines without a desktop OpenCV is the headless one."""
    ours = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())
    box, extras = ours["project"]["dependencies"], ours["project"]["optional-dependencies"]
    centre = [*box, *extras["centre"], *extras["postgresql"]]
    return {"box": box, "centre": centre, "build": ["pip", *ours["build-system"]["requires"]]}


@pytest.mark.parametrize("name", NAMES)
def test_every_line_is_a_pin_with_digests_and_nothing_else(name: str) -> None:
    text = file_of(name).read_text()
    left = PIN.sub("", text)
    assert left == "# python -m agent.installer.locks\n"


@pytest.mark.parametrize("name", NAMES)
def test_the_pins_are_what_pyproject_asks_for(name: str) -> None:
    for line in project()[name]:
        wanted = Requirement(re.sub(r"^opencv-python(?=\W)", "opencv-python-headless", line))
        version = pins(name).get(canonicalize_name(wanted.name))
        assert version is not None, f"{name}.txt lacks {line}: python -m agent.installer.locks"
        assert wanted.specifier.contains(version), (
            f"{name}.txt has {version}, not {line}: python -m agent.installer.locks"
        )


def test_a_box_has_a_centre_s_versions_and_neither_has_a_desktop_s_opencv() -> None:
    assert pins("box").items() <= pins("centre").items()
    assert len(pins("box")) > len(project()["box"])
    assert "opencv-python" not in pins("centre")


def test_a_role_knows_its_lock() -> None:
    assert locks.of_roles(CHECKOUT, frozenset({"box"})) == file_of("box")
    assert locks.of_roles(CHECKOUT, frozenset({"box", "centre"})) == file_of("centre")
    assert locks.of_build(CHECKOUT) == file_of("build")
