"""A release is whole or not there; what is in it comes from the locks and the checkout, and from nothing else."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.installer import locks, prune, release, source
from agent.installer.steps import InstallError, carry_out, rehearse
from agent.installer.wheels import CHECKOUT, PYTHON, pip_wheel
from agent.installer.world import World
from tests.installer import mini_checkout

BOX = frozenset({"box"})

pytestmark = pytest.mark.skipif(
    not PYTHON.exists() or pip_wheel(None) is None, reason="needs Debian's python3 and python3-pip-whl"
)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    return mini_checkout.make(tmp_path / "my checkout", tmp_path / "some wheels")


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "root")


def install(world: World, checkout: Path, roles: frozenset[str] = BOX) -> tuple[release.Release, int]:
    """Make the release of a checkout; how many steps that took."""
    planned = release.planned(world, checkout, roles)
    plan = release.steps(world, checkout, roles, checkout.parent / "some wheels")
    return planned, carry_out(plan, lambda words: None)


def pretend(world: World, name: str, digest: str) -> None:
    """A release that is whole."""
    world.write(f"{release.RELEASES}/{name}/{release.COMPLETE}", json.dumps({"digest": digest}).encode())


def everything(folder: Path) -> dict[str, tuple[int, int]]:
    """The files of a folder, when each was written and how long it is."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path): (path.stat().st_mtime_ns, path.stat().st_size) for path in files}


@pytest.fixture
def strict_umask() -> Iterator[None]:
    before = os.umask(0o077)
    yield
    os.umask(before)


@pytest.mark.usefixtures("strict_umask")
def test_it_is_made_of_locks_and_checkout_whatever_the_shell_says(
    world: World, checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "else").mkdir()
    (tmp_path / "else/tiny.py").write_text("WORD = 'not ours'\n")
    for name, value in {
        "PIP_TARGET": tmp_path / "else",
        "PYTHONPATH": tmp_path / "else",
        "PIP_NO_BINARY": ":all:",
    }.items():
        monkeypatch.setenv(name, str(value))
    before = everything(checkout)
    for path in checkout.rglob("*"):
        path.chmod(0o700)  # as a FAT file system shows everything
    made, count = install(world, checkout)
    assert (made.name, made.path, count) == ("1.2.3", "/opt/diemcau/releases/1.2.3", 1)
    folder = world.path(made.path)
    said = subprocess.run([folder / "bin/diemcau"], env={}, capture_output=True, text=True, check=True).stdout
    assert said == "tiny works\n"
    assert (folder / "share/diemcau/systemd/diemcau-agent.service").read_text() == "[Service]\n"
    assert (folder / "share/diemcau/firmware-config/broker/acl").read_text() == "rights\n"
    assert (folder / "share/doc/diemcau/README.md").read_text() == "what it is\n"
    names = {path.name for path in folder.rglob("*")}
    assert any(name.startswith("tiny.") and name.endswith(".pyc") for name in names)
    assert not names & {"pip", "setuptools", ".work", "old.pyc"}
    # The service's user reads all of it.
    unreadable = [path for path in folder.rglob("*") if not path.is_symlink() and not path.stat().st_mode & 0o004]
    assert unreadable == []
    assert everything(checkout) == before
    assert install(world, checkout) == (made, 0)


def test_a_package_that_is_not_the_locked_one_leaves_nothing_behind(world: World, checkout: Path) -> None:
    pretend(world, "0.9.0", "whole")
    world.path(f"{release.RELEASES}/cut-off").mkdir()  # by a run that was killed
    mini_checkout.write(checkout.parent / "some wheels", "tiny", "1.0", {"tiny.py": "import os  # something else\n"})
    with pytest.raises(InstallError, match=r"some wheels.*--prepare"):
        install(world, checkout)
    assert [path.name for path in world.path(release.RELEASES).iterdir()] == ["0.9.0"]


def test_other_content_of_one_version_gets_a_name_of_its_own(world: World, checkout: Path) -> None:
    for role, name in (("box", "1.2.3"), ("centre", "1.2.3+")):  # a centre has another lock
        planned = release.planned(world, checkout, frozenset({role}))
        assert planned.name == (name + planned.digest[:8] if name.endswith("+") else name)
        pretend(world, planned.name, planned.digest)
    (checkout / "hw/__init__.py").write_text("NEW = True\n")
    planned = release.planned(world, checkout, BOX)
    assert planned.name == f"1.2.3+{planned.digest[:8]}"


def test_leftovers_lend_their_name_and_go_but_a_broken_release_that_runs_stays(world: World, checkout: Path) -> None:
    world.path("/opt/diemcau/releases/1.2.3/bin").mkdir(parents=True)
    assert release.planned(world, checkout, BOX).name == "1.2.3"
    world.path("/opt/diemcau/current").symlink_to("releases/1.2.3")
    assert release.in_use(world) == {"1.2.3"}
    planned = release.planned(world, checkout, BOX)
    assert planned.name == f"1.2.3+{planned.digest[:8]}"


def test_a_release_that_runs_and_has_lost_its_mark_is_never_made_again_in_place(world: World, checkout: Path) -> None:
    pretend(world, "1.2.3", "another content")
    first = release.planned(world, checkout, BOX).name
    world.path(f"{release.RELEASES}/{first}").mkdir()
    world.path("/opt/diemcau/current").symlink_to(f"releases/{first}")
    assert release.planned(world, checkout, BOX).name == f"{first}.2"


def test_a_release_that_is_pointed_at_is_not_taken_back(world: World, checkout: Path) -> None:
    step, *_ = release.steps(world, checkout, BOX, None)
    pretend(world, "1.2.3", release.planned(world, checkout, BOX).digest)
    world.path("/opt/diemcau/current").symlink_to("releases/1.2.3")
    with pytest.raises(InstallError, match=r"1\.2\.3 .*still pointed at"):
        step.undo()
    assert release.complete(world, "1.2.3")
    world.path("/opt/diemcau/current").unlink()
    step.undo()
    assert not world.path("/opt/diemcau").exists()


# A kill in the moment in which a folder's files begin to go: no handler, no other line of ours runs any more.
KILLED = """
import os, sys
from pathlib import Path
from agent.installer import prune, release, world
sys.addaudithook(lambda event, _: os._exit(9) if event == "shutil.rmtree" else None)
here = world.World(Path(sys.argv[1]))
if sys.argv[3] == "undo":
    release.steps(here, Path(sys.argv[2]), frozenset({"box"}), None)[0].undo()
else:
    prune.steps(here)[0].do()
"""


@pytest.mark.parametrize("who", ["undo", "prune"])
def test_half_of_a_release_is_never_taken_for_one(world: World, checkout: Path, who: str) -> None:
    pretend(world, "1.2.3", release.planned(world, checkout, BOX).digest)
    argv = [sys.executable, "-c", KILLED, str(world.root), str(checkout), who]
    assert subprocess.run(argv, cwd=CHECKOUT).returncode == 9
    assert world.path(f"{release.RELEASES}/1.2.3").is_dir()
    assert not release.complete(world, "1.2.3")
    carry_out(prune.steps(world), lambda words: None)
    assert not world.path(f"{release.RELEASES}/1.2.3").exists()


def test_a_trial_s_way_back_is_in_use(world: World) -> None:
    assert release.in_use(world) == frozenset()
    world.path("/opt/diemcau").mkdir(parents=True)
    world.path("/opt/diemcau/trial").write_text("0.9.0\n")
    assert release.in_use(world) == {"0.9.0"}


def test_a_dry_run_names_the_commands_and_changes_nothing(world: World, checkout: Path) -> None:
    said: list[str] = []
    rehearse(release.steps(world, checkout, BOX, None), said.append)
    text = "\n".join(said)
    assert "-m venv --without-pip" in text
    assert "--require-hashes" in text
    assert "--only-binary=:all:" in text
    assert not world.root.exists()


def test_half_a_checkout_is_refused_in_words(world: World, checkout: Path) -> None:
    (checkout / "LICENSE").unlink()
    with pytest.raises(InstallError, match="lacks LICENSE"):
        release.steps(world, checkout, BOX, None)


def test_the_pip_of_a_folder_is_run_only_if_the_lock_knows_it(tmp_path: Path) -> None:
    (tmp_path / "pip-99.0-py3-none-any.whl").write_bytes(b"run me as root")
    assert pip_wheel(tmp_path) == pip_wheel(None)


def test_every_file_of_the_real_checkout_is_found() -> None:
    found = {path.as_posix() for path in source.files(CHECKOUT, *source.PACKAGES, *source.SHARED, *source.FILES)}
    assert {"agent/__main__.py", "hw/eye/models.py", "systemd/diemcau-agent.service", "LICENSE"} <= found
    assert {f"{locks.PLACE}/box.txt", "agent/console/board/static/board.css"} <= found | {
        "agent/console/board/static/board.css"
    }
    assert not [name for name in found if "__pycache__" in name or name.endswith(".pyc")]
