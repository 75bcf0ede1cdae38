"""What is refused before anything is touched."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from agent.installer import checks
from agent.installer.steps import InstallError
from agent.installer.world import World
from tests.installer.root import machine, needs_root

RASPBERRY_PI_OS = {"ID": "debian", "VERSION_ID": "12", "PRETTY_NAME": "Debian GNU/Linux 12 (bookworm)"}
RASPBIAN = {"ID": "raspbian", "ID_LIKE": "debian", "VERSION_ID": "13"}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return machine(tmp_path)


@pytest.mark.parametrize("release", [RASPBERRY_PI_OS, RASPBIAN])
def test_debian_and_what_is_made_of_it_is_taken(release: dict[str, str]) -> None:
    checks.need_system(release)


@pytest.mark.parametrize(
    "release",
    [
        {},
        {"ID": "debian", "VERSION_ID": "11", "PRETTY_NAME": "Debian GNU/Linux 11 (bullseye)"},
        {"ID": "debian", "PRETTY_NAME": "Debian GNU/Linux trixie/sid"},
        {"ID": "ubuntu", "ID_LIKE": "debian", "VERSION_ID": "24.04"},
        {"ID": "fedora", "VERSION_ID": "13"},
    ],
)
def test_any_other_system_is_named(release: dict[str, str]) -> None:
    with pytest.raises(InstallError, match="Debian 12 or 13"):
        checks.need_system(release)


@pytest.mark.parametrize("name", ["aarch64", "x86_64"])
def test_both_processors_are_taken_with_programs_of_64_bits(name: str) -> None:
    checks.need_processor(name, is_64_bit=True)
    with pytest.raises(InstallError, match="32-bit"):
        checks.need_processor(name, is_64_bit=False)


def test_another_processor_is_named() -> None:
    with pytest.raises(InstallError, match="armv7l"):
        checks.need_processor("armv7l", is_64_bit=False)


def test_a_system_says_what_it_is(world: World) -> None:
    world.write("/etc/os-release", b"# no=1\nID=debian\nVERSION_ID=\"12\"\nPRETTY_NAME='It is'\n")
    assert checks.os_release(world) == {"ID": "debian", "VERSION_ID": "12", "PRETTY_NAME": "It is"}
    world.path("/etc/os-release").unlink()
    assert checks.os_release(world) == {}


def test_this_kind_of_machine_passes(world: World) -> None:
    checks.machine(world)


def test_without_systemd_nothing_is_begun(world: World) -> None:
    world.path("/usr/bin/systemctl").unlink()
    with pytest.raises(InstallError, match="systemd"):
        checks.machine(world)


def test_a_full_card_is_named_with_both_figures(world: World) -> None:
    checks.need_room(world, 1)
    with pytest.raises(InstallError, match=r"free are \d+ MB, cần / needed are 1000000000000 MB"):
        checks.need_room(world, 10**18)


@pytest.mark.parametrize("mode", [0o775, 0o757])
def test_a_folder_that_others_write_is_not_trusted(world: World, mode: int) -> None:
    world.path("/opt/diemcau").mkdir(mode=0o755)
    checks.machine(world)
    world.path("/opt/diemcau").chmod(mode)
    with pytest.raises(InstallError, match="others than root can write there"):
        checks.machine(world)


@needs_root
def test_a_folder_of_somebody_elses_is_not_trusted(world: World) -> None:
    world.path("/opt/diemcau").mkdir(mode=0o755)
    os.chown(world.path("/opt/diemcau"), 1000, 1000)
    with pytest.raises(InstallError, match="others than root can write there"):
        checks.machine(world)


@pytest.mark.parametrize("place", ["/opt/diemcau", "/opt"])
def test_releases_are_where_systemd_finds_them_at_boot(world: World, place: str) -> None:
    other = Path("/dev/shm")
    if not other.is_dir() or other.stat().st_dev == world.root.stat().st_dev:
        pytest.skip("there is no second file system")
    if place == "/opt":
        world.path(place).rmdir()
    world.path(place).symlink_to(other)
    with pytest.raises(InstallError, match="on another file system"):
        checks.machine(world)


def test_a_folder_in_the_place_of_the_link_is_refused(world: World) -> None:
    (world.path("/opt/diemcau/releases/1.0")).mkdir(parents=True)
    world.path("/opt/diemcau/current").symlink_to("releases/1.0")
    checks.machine(world)
    world.path("/opt/diemcau/current").unlink()
    world.path("/opt/diemcau/current").mkdir()
    with pytest.raises(InstallError, match="is no link"):
        checks.machine(world)


@pytest.mark.parametrize("name", ["", "python3_3.13_all.deb", "yunet_n_640_640.onnx"])
def test_a_folder_that_nobody_filled_is_named_with_what_fills_it(tmp_path: Path, name: str) -> None:
    checks.need_wheels(None)
    if name:
        (tmp_path / name).touch()
    with pytest.raises(InstallError, match=f"{tmp_path}: .* --prepare FOLDER"):
        checks.need_wheels(tmp_path)
    (tmp_path / "tiny-1.0-py3-none-any.whl").touch()
    checks.need_wheels(tmp_path)


@needs_root
@pytest.mark.parametrize("place", ["/boot/firmware", "/usr/share", "/var/log"])
def test_a_read_only_file_system_is_named(world: World, place: str) -> None:
    """Root may write everywhere else, so there is a mount of one in a namespace of its own."""
    program = f"""
from pathlib import Path
from agent.installer import checks, world
checks.need_writable(world.World(Path({str(world.root)!r})))
"""
    mount = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs -o ro none "$1" || exit 77; shift; exec "$@"', "sh"]
    world.path(place).mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [*mount, world.path(place), sys.executable, "-c", program],
        capture_output=True,
        text=True,
        cwd=Path(__file__).resolve().parents[2],
    )
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip(f"nothing can be mounted here: {done.stderr}")
    assert f"{place}: chỉ đọc / is read-only" in done.stderr


def test_a_file_that_is_not_there_is_named_with_its_option(tmp_path: Path) -> None:
    checks.need_file("--room", None)
    with pytest.raises(InstallError, match=r"--room .*room\.toml"):
        checks.need_file("--room", tmp_path / "room.toml")
