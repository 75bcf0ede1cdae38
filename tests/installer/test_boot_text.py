"""What the system reads beside the program, and our block in ``config.txt``."""

import json
from pathlib import Path

import pytest

from agent.installer import boot_text, config_txt
from agent.installer.config_txt import with_block, without_block
from agent.installer.steps import InstallError, carry_out
from agent.installer.world import World
from tests.installer.root import machine, tree

CHECKOUT = Path(__file__).resolve().parents[2]
FRAGMENT = (CHECKOUT / "firmware-config/diemcau.config.txt").read_bytes()
ROOM = CHECKOUT / "firmware-config/room.default.toml"
CONFIG = "/boot/firmware/config.txt"
OTHERS = [b"", b"a=1\n", b"a=1", b"a=1\r\n\r\n[pi5]\r\nb=2\r\n", b"\xff\xfe not UTF-8\n"]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return machine(tmp_path)


def install(world: World, room: Path | None = ROOM) -> int:
    return carry_out(boot_text.steps(world, CHECKOUT, room), print)


def block_of(world: World) -> list[str]:
    found = config_txt.BLOCK.search(world.path(CONFIG).read_bytes())
    return found[0].decode().splitlines() if found else []


@pytest.mark.parametrize("before", OTHERS)
def test_all_that_is_not_ours_stays_byte_for_byte(before: bytes) -> None:
    after = with_block(before, FRAGMENT, ["gpio=5=op,dh"])
    assert after.startswith(before)
    assert without_block(after).removesuffix(b"\n") == before.removesuffix(b"\n")
    assert with_block(after, FRAGMENT, ["gpio=5=op,dh"]) == after
    later = with_block(after + b"c=3\n", FRAGMENT, ["gpio=6=op,dl"])
    assert later == after.replace(b"gpio=5=op,dh", b"gpio=6=op,dl") + b"c=3\n"


def test_the_block_is_short_and_has_the_rooms_pins_in_front() -> None:
    block = with_block(b"", FRAGMENT, ["gpio=5,6=op,dh", "gpio=17=ip,pu"]).decode().splitlines()
    assert block[0].startswith("# BEGIN diemcau")
    assert block[1:4] == ["[all]", "gpio=5,6=op,dh", "gpio=17=ip,pu"]
    assert {"dtparam=watchdog=on", "usb_max_current_enable=1"} <= set(block)
    assert block[-1] == "# END diemcau"
    assert sum(line.startswith("gpio=") for line in block) == 2, "the example's own lines are not among them"


@pytest.mark.parametrize(
    "before", [b"# BEGIN diemcau\n", b"# END diemcau\n", FRAGMENT * 2, b"# END diemcau\n# BEGIN diemcau\n"]
)
def test_damaged_marks_are_left_to_a_person(before: bytes) -> None:
    with pytest.raises(InstallError, match="mend it"):
        with_block(before, FRAGMENT, [])


def test_the_pins_are_those_of_the_room_that_will_run(world: World, tmp_path: Path) -> None:
    given = tmp_path / "room.toml"
    given.write_text("[[power.loads]]\nname = 'a'\npin = 20\n")
    world.write("/etc/diemcau/room.toml", b"[[power.loads]]\nname = 'a'\npin = 21\n[power.button]\npin = 4\n")
    assert config_txt.wiring(world, None) == ([(21, True)], 4)
    assert config_txt.wiring(world, given) == ([(20, True)], 17)
    kept = {"power": {"loads": [{"name": "a", "pin": 6, "active_high": False}]}}
    world.write("/var/lib/diemcau/room.json", json.dumps(kept).encode())
    assert config_txt.wiring(world, given) == ([(6, False)], 17), "a pushed one goes before"
    world.write("/var/lib/diemcau/room.json", b"{")
    assert config_txt.wiring(world, given) == ([(20, True)], 17), "one that cannot be read does not"


@pytest.mark.parametrize("pin", ["1", "28", "-1", "'5'", "true", "[]", "1e3"])
def test_a_pin_that_is_none_is_not_written(world: World, tmp_path: Path, pin: str) -> None:
    (tmp_path / "room.toml").write_text(f"[[power.loads]]\nname = 'a'\npin = {pin}\n")
    assert config_txt.wiring(world, tmp_path / "room.toml") is None


def test_without_a_room_no_pin_is_driven_and_known_ones_stay(world: World) -> None:
    install(world, None)
    assert not [line for line in block_of(world) if line.startswith("gpio=")]
    install(world, ROOM)
    assert "gpio=5,6=op,dh" in block_of(world)
    install(world, None)
    assert "gpio=5,6=op,dh" in block_of(world), "a room file that has gone is no reason to let go of its pins"


def test_twice_is_as_good_as_once_and_the_first_text_is_kept(world: World) -> None:
    before = world.path(CONFIG).read_bytes()
    assert install(world)
    once = tree(world)
    assert install(world) == 0
    assert tree(world) == once
    assert world.path(f"{CONFIG}.diemcau-before").read_bytes() == before
    install(world, None)
    assert world.path(f"{CONFIG}.diemcau-before").read_bytes() == before


def test_every_text_is_where_the_system_looks_for_it(world: World) -> None:
    install(world)
    for name, (absolute, _) in boot_text.TEXTS.items():
        assert world.path(absolute).read_bytes() == (CHECKOUT / "firmware-config" / name).read_bytes()
        assert absolute in (CHECKOUT / "firmware-config" / name).read_text(), "the text says the same place"
        assert world.path(absolute).stat().st_mode & 0o777 == 0o644
    assert world.path(boot_text.TMP_WANTED).readlink() == Path(boot_text.TMP_MOUNT)


def test_taken_back_it_is_as_it_was(world: World) -> None:
    before = tree(world)
    steps = boot_text.steps(world, CHECKOUT, ROOM)
    for step in steps:
        step.do()
    for step in reversed(steps):
        step.undo()
    assert tree(world) == before


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/usr/lib/systemd/system/tmp.mount", "[Mount]"),
        ("/etc/systemd/system/tmp.mount", "[Mount]"),
        ("/etc/fstab", "# /tmp\ntmpfs\t/tmp tmpfs rw 0 0\n"),
    ],
)
def test_who_has_decided_about_temporary_files_is_left_alone(world: World, path: str, text: str) -> None:
    world.write(path, text.encode())
    install(world)
    assert not world.path(boot_text.TMP_WANTED).is_symlink()
    assert world.path(path).read_text() == text


def test_a_machine_without_a_config_txt_gets_none(world: World) -> None:
    world.path(CONFIG).unlink()
    install(world)
    assert not world.path(CONFIG).exists()


def test_the_file_of_older_systems_is_taken_where_there_is_no_other(world: World) -> None:
    world.path(CONFIG).rename(world.path("/boot/config.txt"))
    install(world)
    assert b"# BEGIN diemcau" in world.path("/boot/config.txt").read_bytes()


def test_a_folder_that_cannot_be_written_is_named(world: World) -> None:
    world.path(boot_text.SYSCTL).mkdir(parents=True)
    with pytest.raises(InstallError, match=boot_text.SYSCTL):
        install(world)


def test_a_file_that_says_where_it_has_moved_to_is_not_written(world: World) -> None:
    stub = b"DO NOT EDIT THIS FILE\n\nThe file you are looking for has moved to /boot/firmware/config.txt\n"
    world.path(CONFIG).unlink()
    world.write("/boot/config.txt", stub)
    with pytest.raises(InstallError, match="not mounted"):
        install(world)
    assert world.path("/boot/config.txt").read_bytes() == stub
