"""Back to the release before, and which old ones go."""

from collections.abc import Callable
from pathlib import Path

import pytest

from agent.installer import back, prune
from agent.installer.live_agent import AGENT
from agent.installer.moving import PREVIOUS
from agent.installer.release import RELEASES
from agent.installer.steps import InstallError, carry_out
from agent.installer.world import World
from tests.installer.releases_bed import TRIAL_S, box, cut, running, stands, upgrade
from tests.installer.simulated_units import Manner, SimulatedUnits


@pytest.fixture
def world(tmp_path: Path) -> World:
    return box(tmp_path)


def go(world: World, systemd: SimulatedUnits) -> Callable[[], None]:
    return lambda: carry_out(back.steps(world, (AGENT,), TRIAL_S, True, False, systemd), lambda _: None) and None


def test_back_and_back_again(world: World) -> None:
    systemd = running(world)
    go(world, systemd)()
    assert stands(world) == ("0.9", "1.0", None)
    assert systemd.releases == {"0.9"}
    go(world, systemd)()
    assert stands(world) == ("1.0", "0.9", None)


def test_back_to_one_that_does_not_hold_is_taken_back(world: World) -> None:
    systemd = running(world, v0_9=Manner(lives_s=1))
    with pytest.raises(InstallError, match=r"0\.9 was not kept"):
        go(world, systemd)()
    assert stands(world) == ("1.0", "0.9", None)


def test_back_from_a_trial_that_was_cut_off_is_to_the_release_before_it(world: World) -> None:
    systemd = cut(world, 6)
    systemd.cut_at = 0
    go(world, systemd)()
    assert stands(world) == ("1.0", "0.9", None)
    assert systemd.releases == {"1.0"}


@pytest.mark.parametrize("lacking", [PREVIOUS, f"{RELEASES}/0.9/.complete"])
def test_without_a_release_before_there_is_no_way_back(world: World, lacking: str) -> None:
    world.path(lacking).unlink()
    with pytest.raises(InstallError, match="no release before"):
        go(world, running(world))()


def test_old_releases_go_but_for_the_one_before(world: World) -> None:
    world.write(f"{RELEASES}/1.9.part/bin/python", b"half of one")
    upgrade(world, running(world))
    carry_out(prune.steps(world), lambda _: None)
    assert sorted(path.name for path in world.path(RELEASES).iterdir()) == ["1.0", "2.0"]
    assert carry_out(prune.steps(world), lambda _: None) == 0


def test_one_that_a_trial_goes_back_to_stays(world: World) -> None:
    cut(world, 6)
    carry_out(prune.steps(world), lambda _: None)
    assert world.path(f"{RELEASES}/1.0").is_dir()
