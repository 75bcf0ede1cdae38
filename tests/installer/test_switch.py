"""From one release to another and back: real files, a systemd of our own."""

import errno
from pathlib import Path

import pytest

from agent.adapters.quick_crashes import FILE as QUICK_CRASHES_FILE
from agent.installer import plan, switch, trial
from agent.installer.live_agent import AGENT, EYE_SOCKET
from agent.installer.moving import PREVIOUS, QUICK_CRASHES, pointed
from agent.installer.steps import InstallError, carry_out, rehearse
from agent.installer.unit_links import CURRENT, UNITS, point, target_of
from agent.installer.unit_links import steps as link_steps
from agent.installer.world import World
from tests.installer.releases_bed import NEW, TRIAL_S, Release, blank_box, box, made, refused, running, stands, upgrade
from tests.installer.simulated_units import WELL, Manner, SimulatedUnits

CENTRE = plan.UNITS["centre"]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return box(tmp_path)


@pytest.fixture
def blank(tmp_path: Path) -> World:
    return blank_box(tmp_path)


# Passing


def test_a_good_release_stays_and_the_one_before_is_kept(world: World) -> None:
    systemd = running(world)
    assert "thử bản 2.0 / try release 2.0" not in upgrade(world, systemd), "another root's programs are not run"
    assert stands(world) == ("2.0", "1.0", None)
    assert systemd.done == ["reload", f"restart {AGENT}"], "one order: the relays' lines are kept"
    assert systemd.releases == {"2.0"}


def test_twice_is_the_same_as_once(world: World) -> None:
    systemd = running(world)
    upgrade(world, systemd)
    systemd.done.clear()
    assert upgrade(world, systemd) == []
    assert systemd.done == []


def test_what_was_stopped_by_hand_is_started(world: World) -> None:
    point(world.path(CURRENT), "releases/2.0")
    systemd = running(world, EYE_SOCKET)
    upgrade(world, systemd)
    assert AGENT in systemd.running
    assert stands(world) == ("2.0", "0.9", None)


def test_units_come_up_at_boot_by_links_that_outlive_a_release(world: World) -> None:
    upgrade(world, running(world))
    wanted = [f"multi-user.target.wants/{AGENT}", f"sockets.target.wants/{EYE_SOCKET}"]
    for unit in (*wanted, f"multi-user.target.wants/{switch.TRIAL_UNIT}"):
        assert target_of(world.path(f"{UNITS}/{unit}")) == f"{UNITS}/{Path(unit).name}"
    assert not world.path(f"{UNITS}/{switch.TRIAL_UNIT}").is_symlink(), "it must not depend on what it guards against"


def test_a_centre_is_watched_without_a_status_line(world: World) -> None:
    systemd = running(world, *CENTRE)
    upgrade(world, systemd, *CENTRE)
    assert stands(world) == ("2.0", "1.0", None)
    falls = Manner(lives_s=3)
    point(world.path(CURRENT), "releases/1.0")
    point(world.path(PREVIOUS), "releases/0.9")
    assert "did not stay up" in refused(world, running(world, *CENTRE, v2_0=falls), *CENTRE)


def test_a_socket_that_is_another_one_is_made_anew_with_the_eye_behind_it(world: World) -> None:
    made(world, "2.0", "[Socket]\nBacklog=1\n")
    systemd = running(world)
    upgrade(world, systemd)
    assert systemd.done == ["reload", f"stop {EYE_SOCKET}", f"restart {AGENT}"]


def test_an_image_gets_the_links_and_nothing_is_started(blank: World) -> None:
    carry_out(switch.steps(blank, NEW, (AGENT,), TRIAL_S, True), lambda _: None)
    assert stands(blank) == ("2.0", None, None)
    assert blank.path(f"{UNITS}/multi-user.target.wants/{AGENT}").is_symlink()


def test_a_dry_run_changes_nothing(world: World) -> None:
    systemd, said = running(world), list[str]()
    rehearse(switch.steps(world, NEW, (AGENT,), TRIAL_S, True, False, systemd), said.append)
    assert "+ systemctl restart diemcau-agent.service" in said
    assert (stands(world), systemd.done) == (("1.0", "0.9", None), [])


# Going back


def test_one_that_does_not_start_is_taken_back(world: World) -> None:
    systemd = running(world, v2_0=Manner(starts=False))
    why = refused(world, systemd)
    assert "release 2.0 was not kept: diemcau-agent.service failed; back to 1.0" in why
    assert systemd.done == ["reload", f"restart {AGENT}", f"journal {AGENT}", "reload", f"restart {AGENT}"]


def test_one_that_falls_within_its_trial_is_taken_back(world: World) -> None:
    assert "did not stay up" in refused(world, running(world, v2_0=Manner(lives_s=TRIAL_S - 1)))


def test_the_old_one_does_not_begin_with_the_new_ones_crashes(world: World) -> None:
    assert Path(QUICK_CRASHES).name == QUICK_CRASHES_FILE
    world.write(QUICK_CRASHES, b"boot 007\n")
    refused(world, running(world, v2_0=Manner(starts=False)))
    assert not world.path(QUICK_CRASHES).exists()


@pytest.mark.parametrize(
    ("word", "why"),
    [
        ("link=down", "the broker is not reached"),
        ("link=off", "the broker is not reached"),
        ("power=off", "the room was on, and is off"),
        ("power=fault", "the room was on, and is fault"),
        ("headcount=unknown:no_opencv", "nothing is counted (no_opencv)"),
        ("headcount=unknown:starting", "nothing is counted (starting)"),
        ("files=crash_loop", "files is crash_loop"),
        ("disk=forgets", "disk is forgets"),
    ],
)
def test_one_with_which_the_room_is_worse_is_taken_back(world: World, word: str, why: str) -> None:
    assert why in refused(world, running(world, v2_0=Manner(lines={0: "", 0.5: f"{WELL} {word}"})))


@pytest.mark.parametrize("word", ["headcount=unknown:dark", "headcount=degraded:few_faces", "locked=yes", "new=thing"])
def test_what_is_not_the_releases_doing_is_no_reason(world: World, word: str) -> None:
    upgrade(world, running(world, v2_0=Manner(lines={0: f"{WELL} {word}"})))
    assert stands(world) == ("2.0", "1.0", None)


@pytest.mark.parametrize(
    "lines",
    [
        {0: f"{WELL} link=down headcount=unknown:starting", 60: WELL},
        {0: WELL, 3: f"{WELL} link=down"},  # it was reached with this release: the rest is the line's
        {0: WELL, 3: f"{WELL} power=off"},  # somebody's finger
    ],
)
def test_what_comes_late_or_goes_later_is_no_reason(world: World, lines: dict[float, str]) -> None:
    upgrade(world, running(world, v2_0=Manner(lines=lines)))
    assert stands(world) == ("2.0", "1.0", None)


@pytest.mark.parametrize("line", ["", "power=off link=down headcount=unknown:no_model files=no_room disk=forgets"])
def test_what_was_not_well_before_is_not_asked_for(world: World, line: str) -> None:
    upgrade(world, running(world, v1_0=Manner(lines={0: line}), v2_0=Manner(lines={0: line})))
    assert stands(world) == ("2.0", "1.0", None)


def test_a_release_that_has_no_line_is_not_compared(world: World) -> None:
    upgrade(world, running(world, v2_0=Manner(lines={})))
    assert stands(world) == ("2.0", "1.0", None)


def test_what_did_not_run_before_does_not_run_after(world: World) -> None:
    systemd = running(world, EYE_SOCKET, v2_0=Manner(lives_s=1))
    with pytest.raises(InstallError):
        upgrade(world, systemd)
    assert AGENT not in systemd.running
    assert stands(world) == ("1.0", "0.9", None)


def test_a_first_release_that_does_not_hold_leaves_nothing(blank: World) -> None:
    systemd = SimulatedUnits(blank, v2_0=Manner(starts=False))
    with pytest.raises(InstallError, match=r"2\.0 was not kept"):
        upgrade(blank, systemd)
    assert stands(blank) == (None, None, None)
    assert systemd.running == {}
    assert [path for path in blank.path(UNITS).rglob("*") if not path.is_dir()] == []


def test_a_first_release_needs_no_broker(blank: World) -> None:
    upgrade(blank, SimulatedUnits(blank, v2_0=Manner(lines={0: "power=off link=off files=no_room"})))
    assert stands(blank) == ("2.0", None, None)


def test_one_that_cannot_be_brought_back_does_not_keep_the_others_away(world: World) -> None:
    systemd = running(world, *CENTRE, v2_0=Manner(starts=False))
    systemd.on_wait = lambda: None
    systemd.manners["1.0"] = Manner(starts=False)
    with pytest.raises(InstallError):
        upgrade(world, systemd, *CENTRE)
    assert [order for order in systemd.done if order.startswith("restart")][1:] == [f"restart {u}" for u in CENTRE]
    assert stands(world) == ("1.0", "0.9", None)


class FillingWorld(World):
    """Its disk is full at some time: no file can be written any more."""

    is_full = False

    def write(self, absolute: str, data: bytes, mode: int = 0o644, owner: tuple[int, int] | None = None) -> None:
        if self.is_full:
            raise OSError(errno.ENOSPC, "No space left on device")
        super().write(absolute, data, mode, owner)


@pytest.mark.parametrize("is_tried", [True, False])
def test_a_full_disk_keeps_nobody_from_going_back(world: World, is_tried: bool) -> None:
    """``is_tried``: the trial's file is there already. The crashes' file cannot go either: it is a folder."""
    filling = FillingWorld(world.root)
    world.path(QUICK_CRASHES).mkdir(parents=True)
    systemd = running(filling, v2_0=Manner(lives_s=1))

    def fill() -> None:
        filling.is_full = True
        if not is_tried:
            trial.end(world)

    systemd.on_wait = fill
    refused(filling, systemd)


def test_what_cannot_be_told_of_the_release_before_does_not_stay_in_the_way_back(world: World) -> None:
    systemd = running(world, v2_0=Manner(lives_s=1))
    systemd.on_wait = lambda: world.path("/opt/diemcau/.previous.new").mkdir(exist_ok=True)
    with pytest.raises(InstallError):
        upgrade(world, systemd)
    assert pointed(world, CURRENT) == "1.0"
    assert systemd.releases == {"1.0"}


def by_hand(blank: World) -> tuple[SimulatedUnits, Path]:
    """A box that somebody has set up without the installer: its agent runs by a unit file of its own."""
    unit = f"{UNITS}/{AGENT}"
    blank.write(unit, b"[Service]\nExecStart=/home/pi/diemcau\n")
    return running(blank, AGENT, v2_0=Manner(lives_s=1)), blank.path(unit)


def test_an_agent_that_was_set_up_by_hand_runs_on_where_the_first_release_does_not_hold(blank: World) -> None:
    systemd, unit = by_hand(blank)
    plan_of_it = switch.steps(blank, NEW, (AGENT,), TRIAL_S, True, False, systemd)
    with pytest.raises(InstallError, match=r"2\.0 was not kept"):
        carry_out([*link_steps(blank, frozenset({"box"}), systemd), *plan_of_it], lambda _: None)
    assert f"stop {AGENT}" not in systemd.done, "a stop lets go of the relays' lines"
    assert systemd.done[-2:] == ["reload", f"restart {AGENT}"], "by its own file again"
    assert not unit.is_symlink()
    assert systemd.releases == {"None"}
    assert stands(blank) == (None, None, None)


def test_a_folder_in_the_links_place_ends_nothing_that_runs(blank: World) -> None:
    blank.path(CURRENT).mkdir()
    systemd, _ = by_hand(blank)
    with pytest.raises(InstallError):
        upgrade(blank, systemd)
    assert systemd.done == [f"journal {AGENT}"]


def test_nothing_changes_below_what_runs_without_a_restart(world: World) -> None:
    systemd = running(world)
    with pytest.raises(InstallError, match=r"--no-start: diemcau-agent\.service .* is running"):
        switch.steps(world, NEW, (AGENT,), TRIAL_S, False, False, systemd)
    assert switch.steps(world, NEW, (AGENT,), TRIAL_S, False, False, SimulatedUnits(world)), "nothing runs"
    assert switch.steps(world, Release("1.0"), (AGENT,), TRIAL_S, False, False, systemd), "nothing changes"


# Conferences


def test_no_restart_in_a_conference(world: World) -> None:
    live = Manner(lines={0: f"{WELL} locked=yes"})
    systemd = running(world, v1_0=live, v2_0=live)
    with pytest.raises(InstallError, match="in a conference"):
        upgrade(world, systemd)
    assert systemd.done == []
    upgrade(world, systemd, during_conference=True)
    assert stands(world) == ("2.0", "1.0", None)


def test_an_agent_that_has_ended_is_in_no_conference(world: World) -> None:
    systemd = running(world, EYE_SOCKET)
    assert systemd.look(AGENT).status == {}, "systemd shows the last line of what has ended"
