"""A folder for machines without internet, for each kind of machine; from an index of our own, over real pip."""

import hashlib
from pathlib import Path

import pytest

from agent.installer import locks, prepare
from agent.installer.steps import InstallError
from agent.installer.wheels import PYTHON, pip_wheel
from agent.installer.world import World
from hw.eye import models
from tests.installer import mini_checkout

pytestmark = pytest.mark.skipif(
    not PYTHON.exists() or pip_wheel(None) is None, reason="needs Debian's python3 and python3-pip-whl"
)
ARM, INTEL = "cp313-cp313-manylinux_2_28_aarch64", "cp311-abi3-manylinux_2_17_x86_64"


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout whose one package has a wheel for one Arm and for all Intel machines, in an index."""
    made = mini_checkout.make(tmp_path / "checkout", tmp_path / "unused")
    pages = tmp_path / "index/tiny"
    pages.mkdir(parents=True)
    wheels = [mini_checkout.write(pages, "tiny", "1.0", {"tiny.py": ""}, tag=tag) for tag in (ARM, INTEL)]
    (pages / "index.html").write_text("".join(f'<a href="{each.name}">{each.name}</a>' for each in wheels))
    digests = [f"    --hash=sha256:{hashlib.sha256(each.read_bytes()).hexdigest()}" for each in wheels]
    for name in ("box", "build"):
        (made / locks.PLACE / f"{name}.txt").write_text(" \\\n".join(["tiny==1.0", *digests]) + "\n")
    monkeypatch.setenv("PIP_INDEX_URL", (tmp_path / "index").as_uri())
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "")
    return made


def fill(checkout: Path, folder: Path, python: str, processor: str) -> list[str]:
    """Prepare for one kind of machine; what was said."""
    said: list[str] = []
    prepare.prepare(World(), folder, frozenset({"box"}), said.append, [python], [processor], checkout)
    return said


def test_each_machine_s_own_wheels_and_the_network_lie_there(checkout: Path, tmp_path: Path) -> None:
    found = models.search().model
    if found is None or found.known != models.KNOWN[0]:
        pytest.skip(f"no {models.KNOWN[0].file} on this machine")
    folder = tmp_path / "a stick"
    fill(checkout, folder, "3.13", "aarch64")
    said = fill(checkout, folder, "3.13", "x86_64")
    names = {path.name for path in folder.iterdir()}
    assert names == {f"tiny-1.0-{ARM}.whl", f"tiny-1.0-{INTEL}.whl", found.known.file}
    assert "2 wheels" in said[-1]
    assert "--wheels 'a stick'" in said[-1]


def test_a_machine_for_which_there_is_no_wheel_is_refused(checkout: Path, tmp_path: Path) -> None:
    with pytest.raises(InstallError, match="tiny"):
        fill(checkout, tmp_path / "stick", "3.11", "aarch64")
    assert [path.name for path in (tmp_path / "stick").iterdir()] == []


def test_a_folder_that_cannot_be_written_is_named(checkout: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InstallError, match="file/stick"):
        fill(checkout, tmp_path / "file/stick", "3.11", "x86_64")
