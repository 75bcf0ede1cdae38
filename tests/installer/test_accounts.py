"""The system user, its groups and folders, in a root folder of their own, with Debian's own programs."""

from pathlib import Path

import pytest

from agent.installer import accounts, made
from agent.installer.steps import InstallError, carry_out
from agent.installer.world import World
from tests.installer.root import machine, needs_root, tree


@pytest.fixture
def world(tmp_path: Path) -> World:
    return machine(tmp_path)


@needs_root
def test_the_user_is_one_of_the_systems_and_in_the_groups_of_its_devices(world: World) -> None:
    carry_out(accounts.steps(world), print)
    (line,) = (line for line in accounts.lines_of(world, "/etc/passwd") if line[0] == "diemcau")
    uid, gid = accounts.owner(world)()
    assert line[5:] == ["/var/lib/diemcau", "/usr/sbin/nologin"]
    assert 0 < uid < 1000
    assert all(accounts.members(world, name) == ["diemcau"] for name in ("gpio", "video", "audio"))
    home = world.path("/var/lib/diemcau").stat()
    assert (home.st_uid, home.st_gid, home.st_mode & 0o777) == (uid, gid, 0o755)
    assert made.noted(world, "groups") == {"gpio", "diemcau"}, "the others were there"


@needs_root
def test_twice_is_as_good_as_once(world: World) -> None:
    carry_out(accounts.steps(world), print)
    before = tree(world)
    assert carry_out(accounts.steps(world), print) == 0
    assert tree(world) == before


@needs_root
def test_a_user_who_is_there_only_joins_the_groups_and_stays_when_it_is_taken_back(world: World) -> None:
    carry_out(accounts.steps(world, ()), print)
    made.strike(world, "users", ["diemcau"])
    before = tree(world)
    user = accounts.User(world, ("video", "audio"))
    user.do()
    assert accounts.members(world, "audio") == ["diemcau"]
    assert made.noted(world, "users") == frozenset()
    user.undo()
    assert tree(world) == before


def test_without_the_user_nobody_knows_its_number(world: World) -> None:
    with pytest.raises(InstallError, match="no user"):
        accounts.owner(world)()


def test_a_folder_that_something_has_come_into_is_not_taken_away(world: World) -> None:
    folder = accounts.Folder(world, "/etc/diemcau", 0o755, None)
    folder.do()
    world.path("/etc/diemcau/agent.toml").write_text("")
    folder.undo()
    assert folder.is_done()


def test_notes_that_cannot_be_read_note_nothing(world: World) -> None:
    made.note(world, "groups", ["gpio"])
    world.path(made.NOTES).write_text("[")
    assert made.noted(world, "groups") == frozenset()
    made.note(world, "roles", ["box"])
    made.strike(world, "roles", ["box"])
    assert not world.path("/opt/diemcau").exists(), "with the last note everything of it goes"


def test_a_person_s_account_does_not_become_the_service_s(world: World) -> None:
    with world.path("/etc/passwd").open("a") as file:
        file.write("diemcau:x:1000:1000:Chị Hoa:/home/diemcau:/bin/bash\n")
    with pytest.raises(InstallError, match="person"):
        accounts.steps(world)
