"""A switch that is cut off: by a power cut, a kill or Ctrl-C at each of its orders, and at a boot."""

from pathlib import Path

import pytest

from agent.installer import switch, trial
from agent.installer.release import RELEASES
from agent.installer.steps import InstallError
from agent.installer.unit_links import UNITS
from agent.installer.world import World
from tests.installer.releases_bed import SYSTEMD, boot_after_a_cut, box, cut, running, stands, upgrade
from tests.installer.simulated_units import WELL, Manner

# At each order, and at one look of the many: the second, which is before anything, the first and the last of the trial.
CUTS = (2, 3, 4, 5, 7, 16)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return box(tmp_path)


@pytest.mark.parametrize("at", CUTS)
def test_a_power_cut_in_a_trial_is_a_boot_with_the_release_before(world: World, at: int) -> None:
    systemd = cut(world, at)
    said = boot_after_a_cut(world, systemd)
    assert (stands(world)[0], stands(world)[2]) == ("1.0", None)
    assert systemd.releases == {"1.0"}
    if said:
        assert said.endswith("was on trial: 1.0 runs again\n")
    told = upgrade(world, systemd)
    assert any("went back to the release before" in sentence for sentence in told) == bool(said)
    assert not any("went back" in sentence for sentence in upgrade(world, systemd)), "told once"
    assert stands(world) == ("2.0", "1.0", None)


@pytest.mark.parametrize("at", CUTS)
def test_an_installer_that_was_killed_is_finished_by_the_next_one(world: World, at: int) -> None:
    systemd = cut(world, at)
    systemd.cut_at = 0
    was_on_trial = trial.name(world)
    said = upgrade(world, systemd)
    assert any("an upgrade was cut off" in sentence for sentence in said) == (was_on_trial is not None)
    assert stands(world) == ("2.0", "1.0", None)
    assert systemd.releases == {"2.0"}


@pytest.mark.parametrize(
    ("young", "bad"),
    [("link=down", "link=down"), ("headcount=unknown:starting", "headcount=unknown:no_opencv")],
)
def test_an_agent_that_has_just_come_back_is_compared_with_when_it_is_itself(
    world: World, young: str, bad: str
) -> None:
    systemd = cut(world, 6)
    systemd.cut_at = 0
    systemd.manners["1.0"] = Manner(lines={0: f"{WELL} {young}", 20: WELL})
    systemd.manners["2.0"] = Manner(lines={0: f"{WELL} {bad}"})
    with pytest.raises(InstallError, match="was not kept"):
        upgrade(world, systemd)
    assert stands(world)[0] == "1.0"


def test_an_agent_that_does_not_become_itself_is_not_waited_for_for_ever(world: World) -> None:
    systemd = cut(world, 6)
    systemd.cut_at = 0
    systemd.manners["1.0"] = systemd.manners["2.0"] = Manner(lines={0: f"{WELL} link=down"})
    upgrade(world, systemd)
    assert stands(world) == ("2.0", "1.0", None)


def test_the_cuts_above_reach_from_the_first_call_to_the_last(world: World) -> None:
    systemd = running(world)
    upgrade(world, systemd)
    assert systemd.calls == CUTS[-1]


def test_ctrl_c_in_a_trial_takes_it_back(world: World) -> None:
    systemd = running(world)

    def interrupt() -> None:
        systemd.on_wait = lambda: None
        raise KeyboardInterrupt

    systemd.on_wait = interrupt
    with pytest.raises(KeyboardInterrupt):
        upgrade(world, systemd)
    assert stands(world) == ("1.0", "0.9", None)
    assert systemd.releases == {"1.0"}


def test_a_boot_without_the_release_before_keeps_the_one_that_is_there(world: World) -> None:
    systemd = cut(world, 6)
    world.path(f"{RELEASES}/1.0/bin/diemcau").unlink()
    assert "it stays" in boot_after_a_cut(world, systemd)
    assert (stands(world)[0], stands(world)[2]) == ("2.0", None)


def test_a_boot_goes_back_on_a_full_disk_too(world: World) -> None:
    systemd = cut(world, 6)
    world.path(trial.WENT_BACK).symlink_to("/dev/full")
    assert "1.0 runs again" in boot_after_a_cut(world, systemd)
    assert (stands(world)[0], stands(world)[2]) == ("1.0", None)


def test_the_script_that_is_installed_is_the_one_that_the_unit_runs(world: World) -> None:
    upgrade(world, running(world))
    unit = world.path(f"{UNITS}/{switch.TRIAL_UNIT}").read_text()
    assert f"ExecStart=/bin/sh {switch.GO_BACK}\n" in unit
    assert f"ConditionPathExists={trial.FILE}\n" in unit
    assert world.path(switch.GO_BACK).read_bytes() == (SYSTEMD / "go-back.sh").read_bytes()
