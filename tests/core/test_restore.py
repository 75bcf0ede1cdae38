"""agent/core/restore.py: a restart moves nothing, a cut-off walk goes on, a power cut is answered as config says."""

from typing import Any

import pytest

from agent.core import memory, restore
from agent.core.commands import SetRelay
from agent.core.config import PowerSection
from agent.core.events import LoadState, Memory, Started, Stopping
from agent.core.memory import PowerMemory
from agent.core.parse import build
from agent.core.power import Power
from tests.core.rig import LONGEST_OFF_S, Rig, only, room_config

NOW_S = 5000.0
NAMES = ("codec", "display", "amplifier")
ALL: dict[str, dict[str, LoadState]] = {
    "on": dict.fromkeys(NAMES, "on"),
    "off": dict.fromkeys(NAMES, "off"),
    "half": {"codec": "on", "display": "off", "amplifier": "off"},
    "unread": {"codec": "on", "display": "unknown", "amplifier": "on"},
}


def config(how: str) -> PowerSection:
    loads = [{"name": name, "pin": 5 + place, "settle_s": 1} for place, name in enumerate(NAMES)]
    return build(PowerSection, {"restore": how, "loads": loads})


def kept(state: str, wanted: bool | None = None, boot_id: str = "boot-1", **rest: Any) -> PowerMemory:
    wanted = state in ("on", "starting", "fault") if wanted is None else wanted
    return PowerMemory(boot_id, state, wanted, "button", **rest)  # type: ignore[arg-type]


def begin(
    found: str,
    before: PowerMemory | None,
    how: str = "last",
    boot_id: str = "boot-1",
    held: tuple[str, ...] = (),
    now_s: float = NOW_S,
    alive_s: float | None = None,
    locked: bool = False,
) -> tuple[Power, str]:
    """The state, and the first order as a word."""
    started = Started(ALL[found], held=frozenset(held), alive_s=alive_s)
    power, commands = restore.begin(started, before, boot_id, now_s, config(how), locked)
    moves = only(SetRelay, commands)
    assert len(moves) <= 1, "loads go one after the other"
    return power, f"{moves[0].load} {'on' if moves[0].on else 'off'}" if moves else ""


@pytest.mark.parametrize("how", ["last", "off", "on"])
@pytest.mark.parametrize(
    ("before", "found", "state"),
    [("on", "on", "on"), ("off", "off", "off"), ("off", "on", "on"), ("on", "unread", "fault")],
)
def test_a_restart_of_the_agent_moves_nothing(before: str, found: str, state: str, how: str) -> None:
    power, move = begin(found, kept(before), how)
    assert (power.state, move) == (state, "")


@pytest.mark.parametrize("how", ["last", "off", "on"])
def test_a_walk_that_the_agents_end_cut_short_goes_on(how: str) -> None:
    power, move = begin("half", kept("starting"), how)
    assert (power.state, power.step, power.phase, power.by, move) == ("starting", 0, "settling", "button", "")
    power, move = begin("half", kept("stopping"), how)
    assert (power.state, power.by, move) == ("stopping", "button", "codec off")


@pytest.mark.parametrize(("how", "state", "order"), [("last", "starting", "codec on"), ("off", "off", "")])
def test_a_room_whose_lines_dropped_with_the_agent_is_brought_back(how: str, state: str, order: str) -> None:
    power, move = begin("off", kept("on"), how)
    assert (power.state, move) == (state, order)


@pytest.mark.parametrize(
    ("before", "how", "state"),
    [
        ("on", "last", "starting"),
        ("starting", "last", "starting"),
        ("off", "last", "off"),
        ("stopping", "last", "off"),
        ("on", "off", "off"),
        ("off", "on", "starting"),
        ("fault", "last", "starting"),
    ],
)
def test_after_a_power_cut_the_room_is_as_the_config_says(before: str, how: str, state: str) -> None:
    rest = {"step": "display", "reason": "stuck"} if before == "fault" else {}
    power, move = begin("off", kept(before, **rest), how, "boot-2")
    assert (power.state, move) == (state, "codec on" if state == "starting" else "")
    assert power.by == "restore"


def test_after_a_power_cut_a_room_that_firmware_left_on_goes_off_where_that_is_asked() -> None:
    assert begin("on", kept("on"), "off", "boot-2")[1] == "amplifier off"
    assert begin("on", kept("on"), "last", "boot-2")[1] == ""


@pytest.mark.parametrize("how", ["last", "off", "on"])
@pytest.mark.parametrize("sign", [{"alive_s": NOW_S - 2}, {"held": NAMES}])
@pytest.mark.parametrize(("found", "state"), [("on", "on"), ("off", "off")])
def test_a_restart_moves_nothing_where_the_disk_still_tells_of_an_earlier_boot(
    found: str, state: str, sign: dict[str, Any], how: str
) -> None:
    """A card that failed before this boot: what it says of the power is long over."""
    power, move = begin(found, kept("off" if found == "on" else "on", boot_id="boot-0"), how, **sign)
    assert (power.state, move) == (state, "")


@pytest.mark.parametrize("how", ["last", "off"])
def test_a_start_never_cuts_a_locked_room(how: str) -> None:
    power, move = begin("on", kept("off", boot_id="boot-0"), how, locked=True)
    assert (power.state, move) == ("on", "")


def test_a_fault_at_a_room_that_was_off_is_no_wish_to_be_on() -> None:
    before = kept("fault", wanted=False, step="codec", reason="unknown_level")
    assert begin("off", before, "last", "boot-2")[0].state == "off"


def test_a_fault_stays_one_over_a_restart_and_names_its_step() -> None:
    power, move = begin("half", kept("fault", step="display", reason="stuck"))
    assert (power.state, power.step, power.reason, move) == ("fault", 1, "stuck", "")


@pytest.mark.parametrize("reason", ["unknown_level", "level_changed", "interrupted"])
def test_a_fault_about_levels_is_over_when_they_can_be_read(reason: str) -> None:
    assert begin("on", kept("fault", step="display", reason=reason))[0].state == "on"


@pytest.mark.parametrize("how", ["last", "off", "on"])
def test_without_a_memory_half_a_room_is_for_a_person_to_decide(how: str) -> None:
    power, move = begin("half", None, how)
    assert (power.state, power.reason, move) == ("fault", "interrupted", "")


@pytest.mark.parametrize(("uptime_s", "state"), [(299.0, "starting"), (301.0, "off")])
def test_without_a_memory_only_a_machine_that_has_just_booted_has_its_power_back(uptime_s: float, state: str) -> None:
    assert begin("off", None, "on", now_s=uptime_s)[0].state == state


def test_a_room_whose_chip_had_vanished_is_brought_back_when_that_is_there_again() -> None:
    lost = kept("fault", step="codec", reason="unknown_level")
    assert begin("off", lost)[0].state == "starting"
    assert begin("off", lost, how="off")[0].state == "off"
    assert begin("off", lost, held=NAMES)[0].state == "off"
    assert begin("unread", lost)[0].state == "fault"


def test_a_line_that_was_held_all_the_time_is_off_on_purpose() -> None:
    assert begin("off", kept("on"), held=NAMES)[0].state == "off"
    power, move = begin("half", kept("on"), held=("amplifier",))
    assert (power.state, power.reason, move) == ("fault", "interrupted", "")
    assert begin("half", kept("on"))[0].state == "starting"


def test_an_old_memory_of_a_stop_does_not_cut_a_room_that_is_on() -> None:
    assert begin("on", kept("stopping"))[0].state == "on"


@pytest.mark.parametrize("how", ["last", "off", "on"])
def test_an_old_memory_of_a_stop_does_not_cut_a_locked_room_of_which_one_load_is_off(how: str) -> None:
    """The card fails since last evening's stop; today one load was switched off by itself."""
    assert begin("half", kept("stopping"), how)[1] == "codec off"
    power, move = begin("half", kept("stopping"), how, locked=True)
    assert (power.state, power.reason, move) == ("fault", "interrupted", "")


def test_a_load_that_was_switched_by_itself_is_no_half_room() -> None:
    power, move = begin("half", kept("on", apart=("amplifier", "display")))
    assert (power.state, power.apart, move) == ("on", {"display", "amplifier"}, "")


def test_a_memory_that_cannot_be_read_is_none() -> None:
    for text in ("", "{", "[]", '{"boot_id": 7}', "null", '{"boot_id": "b", "state": "dancing", "wanted": true}'):
        assert memory.power_of({"power": text}) is None
        assert memory.conference_of({"conference": text}) is None
    assert memory.scheduled_of({"scheduled": "7"}) == ()


def test_what_was_written_down_is_read_again() -> None:
    before = kept("fault", step="display", reason="stuck", apart=("codec",), who="an")
    assert memory.power_of({"power": memory.text_of(before)}) == before


@pytest.mark.parametrize(("found", "step"), [("half", 0), ("on", 2)])
def test_a_start_that_goes_on_proves_the_load_at_which_it_was_cut_once_more(found: str, step: int) -> None:
    power, move = begin(found, kept("starting"))
    assert (power.state, power.step, power.phase, move) == ("starting", step, "settling", "")


def again(rig: Rig, boot_id: str = "boot-1", **loads: LoadState) -> Rig:
    """The same box after its agent ended, with what its disk kept."""
    after = Rig(rig.config, boot_id=boot_id)
    after.now_s = after.zero_s = rig.now_s
    after.start(Memory(facts=dict(rig.facts)), **loads)
    return after


PLAIN = {"loads": [{"name": name, "pin": 5 + i, "settle_s": 2} for i, name in enumerate(NAMES)]}


def test_the_room_of_before_a_power_cut_comes_up_in_order() -> None:
    rig = Rig(room_config(power=PLAIN))
    rig.start()
    rig.tap()
    rig.wait(30)
    assert rig.room.power.state == "on"
    after = again(rig, "boot-2")
    after.wait(LONGEST_OFF_S)
    assert after.orders == [(0, "codec", True), (2, "display", True), (4, "amplifier", True)]
    assert after.said["power"]["by"] == "restore"
    changes = [each["detail"]["state"] for each in after.history if each["kind"] == "power.changed"]
    assert changes == ["starting", "on"]


@pytest.mark.parametrize(
    ("boot_id", "version", "in_order", "alive_ago_s", "cause"),
    [
        ("boot-2", "0.1.0", False, None, "power"),
        ("boot-1", "0.2.0", True, 1.0, "upgrade"),
        ("boot-1", "0.1.0", True, 1.0, "stop"),
        ("boot-1", "0.1.0", False, 2.0, "crash"),
        ("boot-1", "0.1.0", False, 22.0, "watchdog"),
    ],
)
def test_restarts_are_counted_by_cause_and_said(
    boot_id: str, version: str, in_order: bool, alive_ago_s: float | None, cause: str
) -> None:
    rig = Rig(room_config(power=PLAIN))
    rig.start()
    if in_order:
        rig.do(Stopping())
    facts = dict(rig.facts)
    for times in (1, 2):
        after = Rig(rig.config, boot_id=boot_id, version=version)
        after.now_s = 9000.0
        alive_s = None if alive_ago_s is None else after.now_s - alive_ago_s
        loads = dict.fromkeys(NAMES, "off")
        after.do(Started(loads, memory=Memory(facts=facts), alive_s=alive_s, watchdog_s=20.0))  # type: ignore[arg-type]
        assert after.said["health"]["restarts"] == {cause: times}
        assert (after.history[0]["kind"], after.history[0]["detail"]) == ("agent.restarted", {"cause": cause})
        facts = {**after.facts, "run": facts["run"]}


def test_a_cut_in_the_middle_of_a_stop_leaves_the_room_off() -> None:
    rig = Rig(room_config(power=PLAIN))
    rig.start()
    rig.tap()
    rig.wait(30)
    rig.hold()
    assert rig.room.power.state == "stopping"
    after = again(rig, "boot-2")
    after.wait(60)
    assert (after.orders, after.room.power.state) == ([], "off")


def test_a_boot_that_began_with_a_broken_room_file_is_a_return_of_power_for_the_agent_after_it() -> None:
    rig = Rig(room_config(power=PLAIN))
    rig.start()
    rig.tap()
    rig.wait(30)
    stand_in = Rig(room_config(power={}, checks=[], camera={}), boot_id="boot-2", stands_in=True)
    stand_in.facts = dict(rig.facts)
    stand_in.start(Memory(facts=dict(rig.facts)))
    mended = Rig(rig.config, boot_id="boot-2")
    mended.start(Memory(facts=dict(stand_in.facts)), alive_s=mended.now_s - 2)
    mended.wait(60)
    assert mended.room.power.state == "on"


def test_a_room_file_that_is_broken_at_one_start_costs_no_memory() -> None:
    rig = Rig(room_config(power=PLAIN))
    rig.start()
    rig.tap()
    rig.wait(30)
    broken = Rig(room_config(power={}, checks=[], camera={}), stands_in=True)
    broken.start(Memory(facts=dict(rig.facts)))
    broken.wait(100)
    assert broken.facts.get("power", rig.facts["power"]) == rig.facts["power"]
    assert [each["kind"] for each in broken.history] == ["agent.restarted"]
