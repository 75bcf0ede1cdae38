"""A plan: done once, taken back whole, whatever fails."""

from pathlib import Path

import pytest

from agent.installer import accounts, boot_text, identity_files, made, unit_links
from agent.installer.steps import InstallError, Step, carry_out, rehearse
from agent.installer.world import World
from tests.installer.root import machine, needs_root, tree

CHECKOUT = Path(__file__).resolve().parents[2]
IDENTITY = 'site = "chi-linh"\n[broker]\nurl = "mqtts://broker.example:8883"\nca = "/etc/diemcau/ca.pem"\n'


class Boom:
    """A step that stops halfway."""

    title = "boom"

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def is_done(self) -> bool:
        return False

    def lines(self) -> list[str]:
        return []

    def do(self) -> None:
        raise self._error

    def undo(self) -> None:
        raise InstallError("this one cannot be taken back")


@pytest.fixture
def world(tmp_path: Path) -> World:
    return machine(tmp_path / "root")


def everything(world: World, tmp_path: Path) -> list[Step]:
    (tmp_path / "agent.toml").write_text(IDENTITY)
    (tmp_path / "ca.pem").write_text("the CA")
    room = CHECKOUT / "firmware-config/room.default.toml"
    return [
        *accounts.steps(world),
        made.Roles(world, frozenset({"box"})),
        *identity_files.steps(world, tmp_path / "agent.toml", room),
        *boot_text.steps(world, CHECKOUT, room),
        *unit_links.steps(world, frozenset({"box"})),
    ]


@needs_root
def test_whatever_fails_wherever_the_machine_is_as_it_was(world: World, tmp_path: Path) -> None:
    before = tree(world)
    count = len(everything(world, tmp_path))
    for place in range(count, -1, -3):
        steps = everything(world, tmp_path)
        error = KeyboardInterrupt() if place == count else InstallError("boom")
        with pytest.raises(type(error)):
            carry_out([*steps[:place], Boom(error), *steps[place:]], print)
        assert tree(world) == before, f"after {place} steps"


def test_what_cannot_be_taken_back_is_named_and_the_others_are_all_the_same(world: World) -> None:
    said: list[str] = []
    before = tree(world)
    with pytest.raises(OSError, match="boom"):
        carry_out([*unit_links.steps(world, frozenset({"box"})), Boom(OSError("boom"))], said.append)
    assert said[-1].endswith("boom: this one cannot be taken back")
    assert tree(world) == before


@needs_root
def test_all_of_it_twice_is_as_good_as_once(world: World, tmp_path: Path) -> None:
    assert carry_out(everything(world, tmp_path), print) > 10
    once = tree(world)
    assert carry_out(everything(world, tmp_path), print) == 0
    assert tree(world) == once


def test_a_dry_run_names_every_step_and_changes_nothing(world: World, tmp_path: Path) -> None:
    before, said = tree(world), list[str]()
    rehearse(everything(world, tmp_path), said.append)
    assert tree(world) == before
    wanted = [step.title for step in everything(world, tmp_path) if not step.is_done()]
    assert [line[2:] for line in said if line[0] == "#" and line[2:] in wanted] == wanted
    assert "+ gpio=5,6=op,dh" in said


def test_a_mistake_in_one_undo_does_not_keep_the_others_away(world: World) -> None:
    class Mistaken(Boom):
        def undo(self) -> None:
            raise KeyError("a mistake")

    before, said = tree(world), list[str]()
    with pytest.raises(InstallError, match="boom"):
        carry_out([*unit_links.steps(world, frozenset({"box"})), Mistaken(InstallError("boom"))], said.append)
    assert "a mistake" in said[-1]
    assert tree(world) == before
