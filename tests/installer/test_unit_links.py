"""The links into the running release."""

from pathlib import Path

import pytest

from agent.installer import unit_links
from agent.installer.steps import InstallError, carry_out
from agent.installer.unit_links import CURRENT, UNITS, Link
from agent.installer.world import World
from tests.installer.root import machine, tree

SYSTEMD = Path(__file__).resolve().parents[2] / "systemd"
AGENT = f"{UNITS}/diemcau-agent.service"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return machine(tmp_path)


@pytest.mark.parametrize("roles", [{"box"}, {"centre"}, {"box", "centre"}])
def test_every_unit_of_a_role_is_one_that_a_release_has(world: World, roles: set[str]) -> None:
    carry_out(unit_links.steps(world, frozenset(roles)), print)
    links = {path: path.readlink() for path in world.path(UNITS).iterdir()}
    assert {path.name for path in links} == {unit for role in roles for unit in unit_links.OF_ROLE[role]}
    assert all(target == Path(f"{CURRENT}/share/diemcau/systemd/{path.name}") for path, target in links.items())
    assert all((SYSTEMD / path.name).exists() for path in links)
    assert world.path("/usr/local/bin/diemcau").readlink() == Path("/opt/diemcau/current/bin/diemcau")
    assert carry_out(unit_links.steps(world, frozenset(roles)), print) == 0, "twice is as good as once"


@pytest.mark.parametrize("before", ["nothing", "a link", "a file"])
def test_taken_back_there_is_what_was_there(world: World, before: str) -> None:
    if before == "a link":
        world.path(AGENT).symlink_to("/lib/systemd/system/diemcau-agent.service")
    if before == "a file":
        world.path(AGENT).write_text("[Service]\nExecStart=/home/pi/diemcau\n")
    was = tree(world)
    link = Link(world, AGENT, f"{CURRENT}/share/diemcau/systemd/diemcau-agent.service")
    link.do()
    assert link.is_done()
    link.undo()
    assert tree(world) == was


def test_somebody_elses_file_is_kept_beside_it(world: World) -> None:
    world.path(AGENT).write_text("[Service]\n")
    carry_out(unit_links.steps(world, frozenset({"box"})), print)
    assert world.path(f"{AGENT}.diemcau-before").read_text() == "[Service]\n"


def test_where_no_link_can_be_made_there_is_a_sentence(world: World) -> None:
    world.path("/usr/local/bin").rmdir()
    world.path("/usr/local/bin").write_text("a file")
    with pytest.raises(InstallError, match="/usr/local/bin/diemcau"):
        carry_out(unit_links.steps(world, frozenset({"box"})), print)


def test_the_first_file_of_somebody_else_is_kept_and_the_second_too(world: World) -> None:
    for text in ("first", "second"):
        world.path(AGENT).unlink(missing_ok=True)
        world.path(AGENT).write_text(text)
        link = Link(world, AGENT, f"{CURRENT}/share/diemcau/systemd/diemcau-agent.service")
        link.do()
    assert world.path(f"{AGENT}.diemcau-before").read_text() == "first"
    link.undo()
    assert world.path(AGENT).read_text() == "second"
