"""agent/core/power.py: tables of (state, event) → (state, orders), timelines, and random fingers."""

from dataclasses import replace
from typing import Any

import pytest

from agent.core import power as core
from agent.core import restore
from agent.core.button import Finger
from agent.core.checks import Checks, CheckState
from agent.core.commands import Command, SetRelay
from agent.core.config import PowerSection
from agent.core.events import (
    ButtonHeld,
    ButtonPressed,
    ButtonReleased,
    Event,
    HealthRead,
    LinkDown,
    LinkUp,
    LoadState,
    Probed,
    RelayFailed,
    RelaySet,
    Started,
    Stopping,
    Tick,
    UsbChanged,
)
from agent.core.power import OFF_PACE_S, Power
from tests.core.rig import BEGIN_S, CAMERA, Rig, frame, logs, only, room_config

CONFIG = room_config().power
NAMES = [load.name for load in CONFIG.loads]
ALL_OFF: dict[str, LoadState] = dict.fromkeys(NAMES, "off")
ALL_ON: dict[str, LoadState] = dict.fromkeys(NAMES, "on")
CODEC_ON: dict[str, LoadState] = {**ALL_OFF, "codec": "on"}
NOW_S = BEGIN_S

OFF = Power(loads=ALL_OFF)
ON = Power("on", True, ALL_ON)
SWITCHING = Power("starting", True, ALL_OFF, 0, "switching", by="button", switched_s=NOW_S)
SETTLING = Power("starting", True, CODEC_ON, 0, "settling", NOW_S + 20, "button", proven_after_s=NOW_S)
PROVING = Power("starting", True, CODEC_ON, 0, "proving", NOW_S + 90, "button", proven_after_s=NOW_S)
STOPPING = Power("stopping", False, {**ALL_ON, "lamp": "off"}, 2, "settling", NOW_S + OFF_PACE_S, "button")
FAULT = Power("fault", True, {**CODEC_ON, "display": "unknown"}, 1, reason="stuck")
HOLDING = Finger(is_down=True, hold_counts=True)
STATES = {
    "off": OFF,
    "switching": SWITCHING,
    "settling": SETTLING,
    "proving": PROVING,
    "on": ON,
    "on, pressed": replace(ON, finger=HOLDING),
    "stopping": STOPPING,
    "stopping, pressed": replace(STOPPING, finger=HOLDING),
    "fault": FAULT,
    "fault, pressed": replace(FAULT, finger=replace(HOLDING, tap_retries=True)),
}


def step(
    power: Power, event: Event, now_s: float = NOW_S + 1, checks: Checks = Checks()
) -> tuple[Power, list[SetRelay]]:
    after, commands = core.handle(power, event, now_s, CONFIG, checks)
    return after, only(SetRelay, commands)


def found_at_start(loads: dict[str, LoadState]) -> tuple[Power, list[SetRelay]]:
    after, commands = restore.begin(Started(loads), None, "boot-1", NOW_S, CONFIG)
    return after, only(SetRelay, commands)


def answers_at(seen_s: float, state: Any = "ok") -> Checks:
    return Checks({"codec-answers": CheckState(state, seen_s=seen_s)})


@pytest.mark.parametrize(
    ("before", "event", "after", "orders"),
    [
        ("off", ButtonPressed(), {"state": "starting", "step": 0, "by": "button"}, [SetRelay("codec", True)]),
        ("off", ButtonHeld(), {"state": "off"}, []),
        ("switching", RelaySet("codec", True), {"phase": "settling", "deadline_s": NOW_S + 21}, []),
        ("switching", RelayFailed("codec", True, "stuck"), {"state": "fault", "step": 0, "reason": "stuck"}, []),
        ("switching", RelaySet("display", True), {"state": "starting", "phase": "switching"}, []),
        ("settling", ButtonPressed(), {"state": "starting", "phase": "settling", "hold_counts": True}, []),
        ("settling", ButtonHeld(), {"state": "starting", "phase": "settling"}, []),
        ("proving", ButtonPressed(), {"state": "starting", "phase": "proving", "hold_counts": True}, []),
        ("on", ButtonPressed(), {"state": "on", "hold_counts": True}, []),
        ("on", ButtonHeld(), {"state": "on"}, []),
        ("on, pressed", ButtonReleased(), {"state": "on", "hold_counts": False}, []),
        ("on, pressed", ButtonHeld(), {"state": "stopping", "step": 2}, [SetRelay("lamp", False)]),
        ("stopping", ButtonPressed(), {"state": "stopping", "step": 2}, []),
        ("stopping", ButtonHeld(), {"state": "stopping", "step": 2}, []),
        ("stopping, pressed", ButtonHeld(), {"state": "stopping", "step": 2}, []),
        ("off", ButtonReleased(), {"state": "off"}, []),
        ("settling", ButtonReleased(), {"state": "starting", "phase": "settling"}, []),
        ("stopping, pressed", ButtonReleased(), {"state": "stopping", "hold_counts": False}, []),
        ("fault", ButtonPressed(), {"state": "fault", "hold_counts": True, "tap_retries": True}, []),
        ("fault", ButtonHeld(), {"state": "fault", "step": 1}, []),
        ("fault", ButtonReleased(), {"state": "fault", "step": 1}, []),
        (
            "fault, pressed",
            ButtonReleased(),
            {"state": "starting", "step": 1, "reason": None, "hold_counts": False, "tap_retries": False},
            [SetRelay("display", True)],
        ),
        ("fault, pressed", ButtonHeld(), {"state": "stopping", "tap_retries": False}, [SetRelay("display", False)]),
    ],
)
def test_each_state_answers_a_finger_and_a_relay(
    before: str, event: Event, after: dict[str, Any], orders: list[Command]
) -> None:
    power, moves = step(STATES[before], event)
    found = {name: getattr(power.finger if hasattr(power.finger, name) else power, name) for name in after}
    assert found == after
    assert moves == orders


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize(
    "event",
    [Stopping(), LinkUp(3), LinkDown("gone"), UsbChanged(()), HealthRead({}), frame(NOW_S), Probed("other", True)],
    ids=lambda event: type(event).__name__,
)
def test_nothing_but_fingers_relays_proofs_and_deadlines_moves_a_relay(state: str, event: Event) -> None:
    assert step(STATES[state], event, now_s=NOW_S + 1000) == (STATES[state], [])


@pytest.mark.parametrize("state", STATES)
def test_a_tick_before_the_deadline_changes_nothing(state: str) -> None:
    assert step(STATES[state], Tick(), now_s=NOW_S + 0.999, checks=answers_at(NOW_S + 0.5)) == (STATES[state], [])


@pytest.mark.parametrize(
    ("loads", "state", "at", "reason"),
    [
        (ALL_OFF, "off", None, None),
        (ALL_ON, "on", None, None),
        (CODEC_ON, "fault", 1, "interrupted"),
        ({**ALL_ON, "codec": "off"}, "fault", 0, "interrupted"),
        ({**ALL_ON, "lamp": "unknown"}, "fault", 2, "interrupted"),
        ({"codec": "on"}, "fault", 1, "interrupted"),
        ({}, "fault", 0, "unknown_level"),
        (dict.fromkeys(NAMES, "unknown"), "fault", 0, "unknown_level"),
        ({**ALL_OFF, "display": "unknown"}, "fault", 1, "unknown_level"),
    ],
)
def test_what_the_relays_read_back_at_start_is_where_the_room_is(
    loads: dict[str, LoadState], state: str, at: int | None, reason: str | None
) -> None:
    power, orders = found_at_start(loads)
    assert (power.state, power.step, power.reason, power.deadline_s) == (state, at, reason, None)
    assert list(power.loads) == NAMES
    assert orders == []


def test_a_room_found_on_says_that_it_was_restored() -> None:
    assert found_at_start(ALL_ON)[0].by == "restore"


@pytest.mark.parametrize(("pause_s", "switched_at_s"), [(0.0, 10.0), (9.0, 10.0), (10.0, 10.0), (25.0, 25.0)])
@pytest.mark.parametrize("found", ["off", "unknown"])
def test_for_how_long_a_load_was_off_before_the_start_nobody_knows(
    found: LoadState, pause_s: float, switched_at_s: float
) -> None:
    rig = Rig()
    rig.start(**dict.fromkeys(NAMES, found))
    rig.wait(pause_s)
    rig.tap()
    rig.wait(max(0.0, switched_at_s - pause_s - 0.001))
    assert rig.orders == ([] if pause_s < switched_at_s else [(pause_s, "codec", True)])
    rig.wait(5)
    assert rig.orders == [(switched_at_s, "codec", True)]


def codec_answers(rig: Rig, ok: bool = True) -> None:
    rig.do(Probed("codec-answers", ok, None if ok else "unreachable"))


def switched_on() -> Rig:
    """A rig whose room is on, long after it was switched."""
    rig = Rig()
    rig.start_long_ago()
    rig.do(ButtonPressed())
    rig.wait(5)
    codec_answers(rig)
    rig.wait(120)
    assert rig.room.power.state == "on"
    rig.orders.clear()
    return rig


def test_loads_come_up_in_order_each_after_the_settle_time_and_proof_of_the_one_before() -> None:
    rig = Rig()
    rig.start_long_ago()
    rig.do(ButtonPressed())
    rig.wait(25)
    codec_answers(rig)
    rig.wait(60)
    assert rig.orders == [(0, "codec", True), (25, "display", True), (27, "lamp", True)]
    assert rig.room.power.state == "on"
    assert set(rig.room.power.loads.values()) == {"on"}


def test_a_proof_during_the_settle_time_counts_but_shortens_nothing() -> None:
    rig = Rig()
    rig.start_long_ago()
    rig.do(ButtonPressed())
    rig.wait(3)
    codec_answers(rig)
    rig.wait(30)
    assert rig.orders[1] == (20, "display", True)


def test_a_proof_that_was_lost_again_while_settling_is_none() -> None:
    rig = Rig()
    rig.start_long_ago()
    rig.do(ButtonPressed())
    rig.wait(3)
    codec_answers(rig)
    rig.wait(3)
    codec_answers(rig, ok=False)
    rig.wait(30)
    assert [load for _, load, _ in rig.orders] == ["codec"]


def test_an_answer_from_before_the_load_was_switched_proves_nothing() -> None:
    rig = Rig()
    rig.start_long_ago()
    codec_answers(rig)
    rig.wait(0.5)
    rig.do(ButtonPressed())
    rig.wait(100)
    assert [load for _, load, _ in rig.orders] == ["codec"]
    assert rig.room.power.phase == "proving"


def test_a_camera_that_was_there_all_along_proves_a_load_at_once() -> None:
    loads = [{"name": "light", "pin": 5, "settle_s": 1, "proof": "camera-main"}]
    rig = Rig(room_config(power={"loads": loads}))
    rig.start()
    rig.do(UsbChanged((CAMERA,)))
    rig.wait(60)
    rig.do(ButtonPressed())
    rig.wait(1)
    assert rig.room.power.state == "on"


def test_a_camera_that_comes_up_with_its_load_proves_it_also_after_the_fault() -> None:
    loads = [{"name": "light", "pin": 5, "settle_s": 1, "proof": "camera-main", "prove_within_s": 20}]
    rig = Rig(room_config(power={"loads": loads}))
    rig.start()
    rig.do(UsbChanged(()))
    rig.do(ButtonPressed())
    rig.wait(60)
    assert rig.room.power.reason == "not_proven: camera-main"
    rig.do(UsbChanged((CAMERA,)))
    rig.tap()
    rig.wait(5)
    assert rig.room.power.state == "on"
    assert [load for _, load, _ in rig.orders] == ["light"]


def test_a_step_not_proven_in_time_is_a_fault_that_names_the_proof() -> None:
    rig = Rig()
    rig.start_long_ago()
    rig.do(ButtonPressed())
    rig.wait(109.9)
    assert rig.room.power.state == "starting"
    remarks = logs(rig.wait(0.2))
    power = rig.room.power
    assert (power.state, power.step, power.reason) == ("fault", 0, "not_proven: codec-answers")
    assert "error: power: fault at load codec: not_proven: codec-answers" in remarks
    assert power.loads == CODEC_ON


def test_a_tap_at_a_step_not_proven_waits_again_and_wears_no_contact() -> None:
    rig = Rig()
    rig.start_long_ago()
    rig.do(ButtonPressed())
    rig.wait(120)
    rig.tap()
    codec_answers(rig)
    rig.wait(60)
    assert rig.orders == [(0, "codec", True), (140, "display", True), (142, "lamp", True)]
    assert rig.room.power.state == "on"


def test_a_tap_at_a_relay_that_failed_tries_that_step_again() -> None:
    rig = Rig()
    rig.stuck = {"display"}
    rig.start_long_ago()
    rig.do(ButtonPressed())
    rig.wait(1)
    codec_answers(rig)
    rig.wait(60)
    assert (rig.room.power.state, rig.room.power.reason) == ("fault", "stuck")
    assert rig.room.power.loads["display"] == "unknown"
    rig.stuck.clear()
    rig.orders.clear()
    rig.tap()
    rig.wait(10)
    assert [load for _, load, _ in rig.orders] == ["display", "lamp"]
    assert rig.room.power.state == "on"


def test_a_half_switched_room_goes_on_from_the_first_load_that_is_off() -> None:
    rig = Rig()
    rig.start(codec="on", lamp="on")
    assert (rig.room.power.state, rig.room.power.reason) == ("fault", "interrupted")
    rig.tap()
    rig.wait(10)
    assert rig.orders == [(0, "display", True)]
    assert rig.room.power.state == "on"


def test_switching_off_walks_the_loads_backwards() -> None:
    rig = switched_on()
    began_s = rig.now_s - rig.zero_s
    rig.do(ButtonPressed())
    rig.do(ButtonHeld())
    rig.wait(10)
    assert rig.orders == [(began_s, "lamp", False), (began_s + 1, "display", False), (began_s + 2, "codec", False)]
    assert (rig.room.power.state, rig.room.power.by) == ("off", "button")


def test_the_press_that_switches_on_never_grows_into_the_hold_that_switches_off() -> None:
    rig = Rig()
    rig.start_long_ago()
    rig.do(ButtonPressed())
    rig.wait(3)
    rig.do(ButtonHeld())
    assert rig.room.power.state == "starting"
    assert rig.orders == [(0, "codec", True)]


def test_a_hold_while_starting_takes_back_what_is_on() -> None:
    rig = Rig()
    rig.start_long_ago()
    rig.do(ButtonPressed())
    rig.wait(10)
    rig.do(ButtonPressed())
    rig.wait(3)
    rig.do(ButtonHeld())
    codec_answers(rig)
    rig.wait(60)
    assert rig.orders == [(0, "codec", True), (13, "codec", False)]
    assert rig.room.power.state == "off"


def test_a_hold_at_a_fault_switches_off_and_energises_nothing_first() -> None:
    rig = Rig()
    rig.start_long_ago(codec="on", display="on")
    rig.do(ButtonPressed())
    rig.wait(3)
    assert (rig.orders, rig.room.power.state) == ([], "fault")
    rig.do(ButtonHeld())
    rig.wait(1)
    rig.do(ButtonReleased())
    rig.wait(10)
    assert rig.orders == [(3, "display", False), (4, "codec", False)]
    assert rig.room.power.state == "off"


@pytest.mark.parametrize("loads", [{}, {"codec": "unknown"}])
def test_a_hold_at_levels_that_cannot_be_read_makes_sure_that_all_is_off(loads: dict[str, LoadState]) -> None:
    power, _ = found_at_start(loads)
    power, _ = step(power, ButtonPressed())
    power, orders = step(power, ButtonHeld(), now_s=NOW_S + 4)
    assert orders == [SetRelay("lamp", False)]
    assert power.state == "stopping"


def test_a_tap_after_a_stop_that_failed_brings_up_every_load() -> None:
    rig = switched_on()
    rig.stuck = {"display"}
    rig.do(ButtonPressed())
    rig.do(ButtonHeld())
    rig.do(ButtonReleased())
    rig.wait(100)
    assert (rig.room.power.state, rig.room.power.step) == ("fault", 1)
    rig.stuck.clear()
    rig.orders.clear()
    rig.tap()
    rig.wait(1)
    codec_answers(rig)
    rig.wait(60)
    assert [(load, on) for _, load, on in rig.orders] == [("codec", True), ("display", True), ("lamp", True)]
    assert (rig.room.power.state, rig.room.power.loads) == ("on", ALL_ON)


def test_the_release_after_a_hold_that_could_not_switch_off_is_no_tap() -> None:
    rig = switched_on()
    rig.stuck = set(NAMES)
    rig.do(ButtonPressed())
    rig.do(ButtonHeld())
    assert rig.room.power.state == "fault"
    rig.orders.clear()
    rig.wait(60)
    rig.do(ButtonReleased())
    rig.wait(60)
    assert (rig.orders, rig.room.power.state) == ([], "fault")


def test_the_release_of_the_press_that_began_a_start_which_failed_is_no_tap() -> None:
    rig = Rig()
    rig.stuck = {"codec"}
    rig.start_long_ago()
    rig.do(ButtonPressed())
    rig.wait(2)
    rig.do(ButtonReleased())
    rig.wait(60)
    assert rig.orders == [(0, "codec", True)]
    assert rig.room.power.state == "fault"


@pytest.mark.parametrize(
    ("found", "released"),
    [
        (("codec", "display"), ["display", "codec"]),
        (("codec",), ["codec"]),
        (("display",), ["display"]),
        (("codec", "lamp"), ["lamp", "codec"]),
    ],
)
def test_switching_off_passes_over_what_is_off_already(found: tuple[str, ...], released: list[str]) -> None:
    loads: dict[str, LoadState] = {**ALL_OFF, **dict.fromkeys(found, "on")}
    power, orders = step(Power("fault", True, loads, 1, finger=HOLDING), ButtonHeld())
    names = []
    for _ in range(9):
        names += [order.load for order in orders]
        answer = RelaySet(orders[0].load, False) if orders else Tick()
        power, orders = step(power, answer, now_s=power.deadline_s or NOW_S + 1)
    assert (names, power.state) == (released, "off")


def test_a_stuck_relay_does_not_keep_the_rest_of_the_room_energised() -> None:
    rig = switched_on()
    rig.stuck = {"display"}
    rig.do(ButtonPressed())
    rig.do(ButtonHeld())
    rig.wait(10)
    power = rig.room.power
    assert [load for _, load, _ in rig.orders] == ["lamp", "display", "codec"]
    assert power.loads == {"codec": "off", "display": "unknown", "lamp": "off"}
    assert (power.state, power.step, power.reason) == ("fault", 1, "stuck")


@pytest.mark.parametrize(("pause_s", "switched_at_s"), [(2.0, 10.0), (9.9, 10.0), (10.0, 10.0), (25.0, 25.0)])
def test_a_load_stays_off_for_its_least_time_before_it_comes_back(pause_s: float, switched_at_s: float) -> None:
    rig = switched_on()
    rig.do(ButtonPressed())
    rig.do(ButtonHeld())
    rig.wait(2)
    went_off_s, load, _ = rig.orders[-1]
    assert load == "codec"
    rig.orders.clear()
    rig.wait(pause_s)
    rig.do(ButtonPressed())
    rig.wait(20)
    assert rig.orders == [(went_off_s + switched_at_s, "codec", True)]


def test_a_load_whose_release_failed_may_be_off_and_waits_out_its_least_time() -> None:
    rig = Rig(room_config(power={"loads": [{"name": "lamp", "pin": 5, "min_off_s": 30, "settle_s": 0}]}))
    rig.start_long_ago(lamp="on")
    rig.stuck = {"lamp"}
    rig.do(ButtonPressed())
    rig.do(ButtonHeld())
    rig.do(ButtonReleased())
    rig.wait(2)
    assert (rig.room.power.state, rig.room.power.reason) == ("fault", "stuck")
    rig.stuck.clear()
    rig.tap()
    rig.wait(60)
    assert rig.orders == [(0, "lamp", False), (30, "lamp", True)]


def test_a_hold_while_a_load_waits_out_its_least_time_switches_nothing_on() -> None:
    rig = switched_on()
    rig.do(ButtonPressed())
    rig.do(ButtonHeld())
    rig.wait(4)
    rig.do(ButtonPressed())
    rig.orders.clear()
    rig.wait(1)
    rig.do(ButtonPressed())
    rig.wait(3)
    rig.do(ButtonHeld())
    rig.wait(60)
    assert rig.orders == []
    assert rig.room.power.state == "off"


@pytest.mark.parametrize(("later_s", "state"), [(0.0, "fault"), (0.49, "fault"), (0.5, "starting"), (60.0, "starting")])
def test_a_press_just_after_a_load_was_switched_is_no_person(later_s: float, state: str) -> None:
    failed = replace(FAULT, switched_s=NOW_S)
    power, pressed = step(failed, ButtonPressed(), now_s=NOW_S + later_s)
    power, released = step(power, ButtonReleased(), now_s=NOW_S + later_s + 0.1)
    assert power.state == state
    assert (pressed, released) == ([], [SetRelay("display", True)] if state == "starting" else [])


def test_a_hold_that_grows_from_a_press_just_after_a_switching_counts() -> None:
    rig = Rig()
    rig.start_long_ago()
    rig.tap()
    codec_answers(rig)
    rig.wait(20.4)
    assert rig.orders[-1] == (20, "display", True)
    assert "ignored" in logs(rig.do(ButtonPressed()))
    rig.wait(3)
    rig.do(ButtonHeld())
    assert rig.room.power.state == "stopping"


@pytest.mark.parametrize(("later_s", "goes_on"), [(0.05, True), (0.49, True), (0.5, False)])
@pytest.mark.parametrize("rested", [True, False], ids=["switched at once", "waits out its least time"])
def test_a_press_that_bounces_as_it_switches_on_does_not_grow_into_a_hold(
    rested: bool, later_s: float, goes_on: bool
) -> None:
    rig = Rig()
    if rested:
        rig.start_long_ago()
    else:
        rig.start()
    rig.tap()
    assert rig.room.power.phase == ("settling" if rested else "resting")
    rig.wait(later_s)
    rig.do(ButtonPressed())
    rig.wait(3)
    rig.do(ButtonHeld())
    assert (rig.room.power.state == "starting") == goes_on


def test_a_room_without_loads_is_on_and_off_at_once() -> None:
    config = PowerSection()
    power, _ = restore.begin(Started({}), None, "boot-1", NOW_S, config)
    assert power.state == "off"
    power, orders = core.handle(power, ButtonPressed(), NOW_S, config, Checks())
    assert (power.state, only(SetRelay, orders)) == ("on", [])
    power, _ = core.handle(power, ButtonPressed(), NOW_S + 1, config, Checks())
    power, orders = core.handle(power, ButtonHeld(), NOW_S + 4, config, Checks())
    assert (power.state, only(SetRelay, orders)) == ("off", [])


def test_a_tick_that_comes_an_hour_late_makes_one_step() -> None:
    power, orders = step(SETTLING, Tick(), now_s=NOW_S + 3600, checks=answers_at(NOW_S + 10))
    assert orders == [SetRelay("display", True)]
    assert (power.step, power.phase) == (1, "switching")


@pytest.mark.parametrize(
    ("checks", "proven"),
    [
        (answers_at(NOW_S), True),
        (answers_at(NOW_S - 0.001), False),
        (answers_at(NOW_S + 5, "failed"), False),
        (answers_at(NOW_S + 5, "unknown"), False),
        (Checks(), False),
    ],
)
def test_a_proof_is_an_ok_that_is_not_older_than_the_switching(checks: Checks, proven: bool) -> None:
    power, orders = step(PROVING, Probed("codec-answers", True), now_s=NOW_S + 30, checks=checks)
    assert (orders == [SetRelay("display", True)]) == proven
    assert power.step == (1 if proven else 0)


def test_ending_moves_no_relay_although_the_next_load_could_come() -> None:
    proof = CONFIG.loads[0].proof
    assert proof
    checks = Checks({proof: CheckState("ok", seen_s=NOW_S + 1)})
    assert core.handle(PROVING, LinkUp(1), NOW_S + 2, CONFIG, checks)[1] == [SetRelay(NAMES[1], True)]
    assert core.handle(PROVING, Stopping(), NOW_S + 2, CONFIG, checks) == (PROVING, [])
