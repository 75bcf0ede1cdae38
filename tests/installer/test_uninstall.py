"""``--uninstall``: what the installer has made goes, and what belongs to others stays."""

from pathlib import Path

import pytest

from agent.installer import accounts, boot_text, identity_files, made, unit_links
from agent.installer.options import parse
from agent.installer.steps import InstallError, Step, carry_out
from agent.installer.uninstall import uninstall
from agent.installer.world import World
from tests.installer.root import machine, needs_root, tree

CHECKOUT = Path(__file__).resolve().parents[2]
ROOM = CHECKOUT / "firmware-config/room.default.toml"


def remove(world: World, *words: str) -> list[str]:
    said: list[str] = []
    uninstall(world, parse(["--uninstall", *words]), said.append)
    return said


@pytest.fixture
def world(tmp_path: Path) -> World:
    return machine(tmp_path / "root")


def install(world: World, with_user: bool) -> None:
    steps: list[Step] = [
        *(accounts.steps(world) if with_user else []),
        made.Roles(world, frozenset({"box"})),
        *identity_files.steps(world, None, ROOM),
        *boot_text.steps(world, CHECKOUT, ROOM),
        *unit_links.steps(world, frozenset({"box"})),
    ]
    carry_out(steps, print)
    units = world.path(unit_links.UNITS)
    (units / "multi-user.target.wants").mkdir()
    for name in ("diemcau-agent.service", "diemcau-trial.service"):
        (units / "multi-user.target.wants" / name).symlink_to(f"{unit_links.UNITS}/{name}")
    world.write(f"{unit_links.UNITS}/diemcau-trial.service", b"[Unit]\n")
    world.write("/opt/diemcau/releases/0.1.0/bin/diemcau", b"")
    world.path("/opt/diemcau/current").symlink_to("releases/0.1.0")
    world.write("/var/lib/diemcau/agent.db", b"rows")


@needs_root
def test_a_purge_leaves_nothing_of_it(world: World) -> None:
    before = tree(world)
    install(world, with_user=True)
    said = remove(world, "--purge")
    assert tree(world) == before | {"/boot/firmware/config.txt": tree(world)["/boot/firmware/config.txt"]}
    config, was = (trees["/boot/firmware/config.txt"] for trees in (tree(world), before))
    assert config[2] == bytes(was[2]) + b"\n" if isinstance(was[2], bytes) else False
    assert "data too" in said[-1]


@needs_root
def test_the_user_stays_as_long_as_its_files_do_and_goes_with_them_later(world: World) -> None:
    install(world, with_user=True)
    assert "the user diemcau" in remove(world)[-1]
    assert accounts.is_user(world)
    assert world.path("/var/lib/diemcau/agent.db").exists()
    assert world.path("/etc/diemcau/room.toml").exists()
    remove(world, "--purge")
    assert not accounts.is_user(world)
    assert not world.path("/opt/diemcau").exists()


def test_twice_is_harmless(world: World) -> None:
    install(world, with_user=False)
    remove(world)
    once = tree(world)
    assert remove(world) == ["Không có gì phải gỡ / nothing to remove."]
    assert tree(world) == once


def test_what_others_have_put_there_stays(world: World) -> None:
    install(world, with_user=False)
    agent = world.path(f"{unit_links.UNITS}/diemcau-agent.service")
    agent.unlink()
    agent.write_text("[Service]\n")
    world.path(boot_text.TMP_MOUNT).write_text("[Mount]\n")
    world.write("/etc/systemd/system/diemcau-agent.service.d/mine.conf", b"[Service]\n")
    remove(world, "--purge")
    assert agent.read_text() == "[Service]\n"
    assert world.path(boot_text.TMP_MOUNT).exists()
    assert world.path("/etc/systemd/system/diemcau-agent.service.d/mine.conf").exists()


def test_a_dry_run_names_what_would_go_and_changes_nothing(world: World) -> None:
    install(world, with_user=False)
    before = tree(world)
    said = remove(world, "--purge", "--dry-run")
    assert tree(world) == before
    assert {"+ rm -r /var/lib/diemcau", "+ rm -r /etc/diemcau", "+ rm /usr/local/bin/diemcau"} <= set(said)
    assert "relay" in said[0]
    assert "the user diemcau and the data stay" in remove(world, "--dry-run")[-1]


def test_a_centre_s_authority_is_not_purged(world: World) -> None:
    install(world, with_user=False)
    world.write("/etc/diemcau/ca/ca.key", b"key")
    before = tree(world)
    with pytest.raises(InstallError, match="authority"):
        remove(world, "--purge")
    assert tree(world) == before


def test_what_is_in_the_way_is_named_and_the_rest_goes(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(world, with_user=False)
    (tmp_path / "userdel").write_text("#!/bin/sh\necho user diemcau is used by process 1 >&2; exit 8\n")
    (tmp_path / "userdel").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    made.note(world, "users", ["diemcau"])
    world.path("/etc/passwd").write_text("diemcau:x:999:999::/var/lib/diemcau:/usr/sbin/nologin\n")
    with pytest.raises(InstallError, match=r"still there: userdel .* is used by process 1"):
        remove(world, "--purge")
    assert not world.path("/usr/local/bin/diemcau").is_symlink()
    assert not world.path("/opt/diemcau").exists()


def test_what_a_person_keeps_beside_the_releases_stays_without_purge(world: World) -> None:
    install(world, with_user=False)
    world.write("/opt/diemcau/notes.txt", b"the TV's pin is 5")
    remove(world)
    assert [path.name for path in world.path("/opt/diemcau").iterdir()] == ["notes.txt"]
    remove(world, "--purge")
    assert not world.path("/opt/diemcau").exists()


def test_a_unit_that_was_there_before_ours_is_there_again(world: World) -> None:
    agent = world.path(f"{unit_links.UNITS}/diemcau-agent.service")
    agent.write_text("[Service]\n")
    install(world, with_user=False)
    assert f"+ mv {unit_links.UNITS}/{agent.name}.diemcau-before {unit_links.UNITS}/{agent.name}" in remove(
        world, "--dry-run"
    )
    remove(world)
    assert agent.read_text() == "[Service]\n"
    assert not agent.with_name(agent.name + ".diemcau-before").exists()
