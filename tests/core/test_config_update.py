"""The config machine as a table: what happens to a valid config, and where it ends."""

import copy
import json

from agent.core.commands import Announce, ApplyConfig, SetRelay, StageCandidate, WatchCamera
from agent.core.contract import Conference, encode
from agent.core.events import ButtonHeld, ButtonPressed, ConfigConfirmed, ConfigOffered
from tests.core.config_bed import ConfigRig, desired, document, on, with_pin, with_window
from tests.core.rig import frame, now_at, only


def test_a_config_that_is_confirmed_is_applied_and_is_the_last_good_one(rig: ConfigRig) -> None:
    before = rig.disk["room.json"]
    rig.push(with_window(30))
    assert rig.report == ("pending_confirm", None)
    assert rig.said["config/reported"]["checks_worse"] == []
    assert rig.disk["room.json"] == before  # not before somebody has confirmed
    rig.is_consistent()
    rig.confirm()
    assert rig.report == ("applied", None)
    assert rig.disk["room.json"] == with_window(30)
    assert rig.disk["before"] == [before]
    assert "candidate" not in rig.disk
    assert rig.said["config/running"]["revision"] == 1
    assert rig.said["config/running"]["source"] == "push"
    rig.is_consistent()
    assert [each["kind"] for each in rig.history if each["kind"].startswith("config")] == ["config.applied"]
    assert rig.history[-1]["detail"]["changed"] == ["headcount.window_s"]
    assert rig.history[-1]["by"] == "nam"


def test_a_config_that_nobody_confirms_goes_back_after_its_time(rig: ConfigRig) -> None:
    rig.push(with_window(30), confirm_within_s=40)
    rig.wait(39)
    assert rig.report == ("pending_confirm", None)
    rig.wait(2)
    assert rig.report == ("rolled_back", "not_confirmed")
    assert rig.disk["room.json"] == document()
    assert rig.parts == rig.config
    assert "rejected" in rig.disk
    rig.is_consistent()


def test_the_candidate_is_on_disk_before_anything_acts(rig: ConfigRig) -> None:
    orders = [type(each) for each in rig.push(with_window(30)) if isinstance(each, StageCandidate | ApplyConfig)]
    assert orders == [StageCandidate, ApplyConfig]
    assert json.loads(rig.disk["candidate"])["id"] == "push-1"


def test_a_candidate_that_cannot_be_stored_is_not_tried_and_comes_again(rig: ConfigRig) -> None:
    rig.folder_works = False
    assert not only(ApplyConfig, rig.push(with_window(30)))
    assert rig.report == ("rejected", "not_stored")
    rig.folder_works = True
    rig.push(with_window(30))
    assert rig.report == ("pending_confirm", None)


def test_one_that_cannot_be_made_the_last_good_one_goes_back(rig: ConfigRig) -> None:
    rig.push(with_window(30))
    rig.folder_works = False
    rig.confirm()
    assert rig.report == ("rolled_back", "not_stored")
    rig.is_consistent()


def test_a_part_that_is_not_to_be_had_brings_the_old_config_back(rig: ConfigRig) -> None:
    rig.refused = ("power.button",)
    rig.push(document(power={**document()["power"], "button": {"pin": 22}}))
    assert rig.report == ("rolled_back", "part_failed: power.button")
    rig.is_consistent()


def test_a_push_during_a_trial_waits_for_its_end(rig: ConfigRig) -> None:
    rig.push(with_window(30), 1)
    rig.push(with_window(40), 2)
    assert rig.told("push-2") == [("deferred", "trial")]
    rig.confirm("push-1")
    assert ("applied", None) in rig.told("push-1")
    assert rig.said["config/reported"]["id"] == "push-2"
    rig.confirm("push-2")
    assert rig.parts.headcount.window_s == 40


def test_another_wiring_waits_until_the_room_is_off(rig: ConfigRig) -> None:
    on(rig)
    rig.push(with_pin(19))
    assert rig.report == ("deferred", "room_on")
    assert not rig.applied
    rig.hold()
    rig.wait(30)
    assert rig.report[0] == "pending_confirm"
    rig.confirm()
    assert rig.report == ("applied", None)
    assert rig.room.power.state == "off"


def test_another_zone_does_not_wait_and_moves_no_relay(rig: ConfigRig) -> None:
    on(rig)
    commands = rig.push(with_window(30)) + rig.confirm()
    assert rig.report == ("applied", None)
    assert not only(SetRelay, commands)
    assert rig.room.power.state == "on"


def test_nothing_changes_while_relays_walk(rig: ConfigRig) -> None:
    rig.wait(60)
    rig.tap()
    assert rig.room.power.state == "starting"
    rig.push(with_window(30))
    assert rig.report == ("deferred", "switching")
    rig.wait(20)
    rig.answers()
    rig.wait(30)
    assert rig.report == ("pending_confirm", None)


def test_what_waits_is_withdrawn_by_an_empty_payload_and_replaced_by_a_newer_one(rig: ConfigRig) -> None:
    on(rig)
    rig.push(with_pin(19), 1)
    rig.push(with_pin(20), 2)
    assert rig.told("push-1") == [("rejected", "superseded")] or rig.history[-1]["detail"]["reason"] == "superseded"
    assert rig.report == ("deferred", "room_on")
    rig.raw(b"")
    assert rig.report == ("rejected", "withdrawn")
    rig.hold()
    rig.wait(60)
    assert not rig.applied


def test_new_wiring_that_was_switched_on_meanwhile_is_not_let_go_of_under_the_room(rig: ConfigRig) -> None:
    rig.wait(60)
    rig.push(with_pin(19), confirm_within_s=200)
    on(rig)
    rig.wait(200)
    assert rig.report == ("deferred", "going_back: room_on")
    rig.hold()
    rig.wait(30)
    assert rig.report == ("rolled_back", "not_confirmed")
    rig.is_consistent()


def counting(rig: ConfigRig) -> int:
    on(rig)
    watch = rig.room.eye.watch
    for number in range(3):
        rig.do(frame(rig.now_s, 4, watch=watch))
        rig.wait(1 + number)
    assert rig.said["headcount"]["value"] == 4
    return watch


WRONG = document()
WRONG["power"]["loads"][1]["active_high"] = False


def test_a_room_that_is_off_and_reads_on_is_worse_and_goes_back_untouched(rig: ConfigRig) -> None:
    rig.wait(60)
    power = rig.facts["power"]
    commands = rig.push(WRONG, confirm_within_s=60)
    assert rig.said["config/reported"]["checks_worse"] == ["room.power"]
    assert rig.facts["power"] == power  # a power cut now must not bring the room up
    commands += rig.wait(61)
    assert rig.report == ("rolled_back", "not_confirmed")
    assert rig.room.power.state == "off"
    assert rig.facts["power"] == power
    assert not only(SetRelay, commands)


def test_whoever_knows_better_confirms_another_polarity(rig: ConfigRig) -> None:
    wrong = copy.deepcopy(WRONG)
    for load in wrong["power"]["loads"]:
        load["active_high"] = False
    rig.push(wrong)
    rig.confirm()
    assert rig.report == ("applied", None)
    assert (rig.room.power.state, rig.room.power.wanted) == ("on", True)
    assert '"on"' in rig.facts["power"]


def test_a_press_that_waits_for_the_least_time_off_is_kept_by_a_confirmation(rig: ConfigRig) -> None:
    rig.wait(60)
    renamed = document()
    renamed["power"]["loads"][0] |= {"name": "codec-2", "min_off_s": 30}
    rig.push(renamed)
    rig.tap()
    assert (rig.room.power.state, rig.room.power.phase) == ("starting", "resting")
    rig.confirm()
    assert rig.room.power.wanted
    rig.wait(31)
    rig.wait(20)
    rig.answers()
    rig.wait(40)
    assert rig.room.power.state == "on"
    assert '"wanted":true' in rig.facts["power"]


def test_what_could_not_be_stored_wants_nothing(rig: ConfigRig) -> None:
    wrong = copy.deepcopy(WRONG)
    for load in wrong["power"]["loads"]:
        load["active_high"] = False
    rig.push(wrong)
    rig.folder_works = False
    rig.confirm()
    assert rig.report == ("rolled_back", "not_stored")
    assert (rig.room.power.state, rig.room.power.wanted) == ("off", False)


def test_a_plan_waits_until_the_room_reads_as_itself_again(rig: ConfigRig) -> None:
    rig.wait(60)
    rig.push(WRONG, confirm_within_s=60)
    plan = Conference(
        id="c-1", starts_at=now_at(rig.now_s + 120).utc, ends_at=now_at(rig.now_s + 9000).utc, power_on_minutes=1.5
    )
    rig.raw(encode(plan), "conference")
    rig.wait(40)
    assert rig.room.power.state != "off"
    assert rig.room.scheduled == ()
    rig.wait(30)
    assert rig.report == ("rolled_back", "not_confirmed")
    assert rig.room.power.state == "starting"


def test_a_room_that_was_pressed_in_vain_takes_the_pin_that_mends_it(rig: ConfigRig) -> None:
    rig.stuck, rig.has_lines = {"codec"}, False
    rig.wait(60)
    rig.tap()
    assert (rig.room.power.state, rig.room.power.wanted) == ("fault", True)
    rig.push(with_pin(19))
    assert rig.report == ("pending_confirm", None)


def test_a_room_that_is_worse_is_not_left_so_for_an_outage(rig: ConfigRig) -> None:
    rig.push(WRONG, confirm_within_s=60)
    rig.down()
    rig.wait(61)
    assert rig.report == ("rolled_back", "broker_lost")


def test_whoever_is_superseded_is_told(rig: ConfigRig) -> None:
    on(rig)
    rig.push(with_pin(19), 1)
    rig.push(with_pin(20), 2)
    assert rig.told("push-1") == [("rejected", "superseded")]


def test_lines_that_cannot_be_read_are_not_let_go_of_under_a_room_that_is_on(rig: ConfigRig) -> None:
    on(rig)
    rig.contacts = dict.fromkeys(rig.contacts, "unknown")
    rig.wait(31)
    assert rig.room.power.state == "fault"
    rig.push(with_pin(19))
    assert rig.report == ("deferred", "room_on")


def test_a_room_that_never_came_up_takes_the_pin_that_mends_it(rig: ConfigRig) -> None:
    rig.contacts["display"] = "unknown"
    rig.wait(31)
    assert rig.room.power.state == "fault"
    rig.push(with_pin(19))
    assert rig.report == ("pending_confirm", None)


def test_what_waits_is_given_up_for_what_runs(rig: ConfigRig) -> None:
    on(rig)
    rig.push(with_pin(19), 2)
    rig.push(document(), 3)
    assert rig.report == ("applied", None)
    rig.hold()
    rig.wait(60)
    assert not rig.applied
    assert rig.said["config/running"]["revision"] == 3


def test_what_runs_again_after_a_trial_is_not_tried(rig: ConfigRig) -> None:
    rig.push(with_window(30), 1, confirm_within_s=20)
    rig.push(document(), 2)
    rig.wait(21)
    assert rig.told("push-1")[-1] == ("rolled_back", "not_confirmed")
    assert rig.report == ("applied", None)
    assert rig.said["config/reported"]["id"] == "push-2"


def test_what_was_applied_once_is_not_called_applied_when_another_runs(rig: ConfigRig) -> None:
    rig.push(with_window(30), 1)
    rig.confirm("push-1")
    rig.push(with_window(40), 2)
    rig.confirm("push-2")
    rig.push(with_window(30), 1)
    assert rig.told("push-1") == []


def test_whoever_stands_at_the_box_does_not_wait_for_a_line_that_is_down(rig: ConfigRig) -> None:
    rig.push(with_window(30))
    rig.down()
    rig.do(ConfigOffered(json.dumps(desired(with_window(40), 1, id="here")).encode()))
    assert rig.said["config/reported"]["id"] == "here"
    assert rig.report == ("pending_confirm", None)
    rig.do(ConfigConfirmed("here"))
    assert rig.parts.headcount.window_s == 40


def test_other_zones_begin_the_count_anew_and_leave_the_eye_alone(rig: ConfigRig) -> None:
    watch = counting(rig)
    commands = rig.push(document(headcount={"window_s": 20, "exclude": [[[0, 0], [0.5, 0], [0.5, 1], [0, 1]]]}))
    assert not only(WatchCamera, commands)
    rig.do(frame(rig.now_s, 4, watch=watch))
    assert (rig.said["headcount"]["value"], rig.said["headcount"]["reason"]) == (0, "settings_changed")


def test_another_threshold_of_the_network_gives_the_eye_its_order_anew(rig: ConfigRig) -> None:
    counting(rig)
    (order,) = only(WatchCamera, rig.push(document(headcount={**document()["headcount"], "threshold": 0.8})))
    assert (order.threshold, order.node) == (0.8, "/dev/video0")
    assert rig.said["config/reported"]["checks_worse"] is None  # until there is a picture again
    rig.do(frame(rig.now_s, 4, watch=order.watch))
    assert rig.said["config/reported"]["checks_worse"] == []


def test_another_camera_is_looked_for_on_the_bus_as_it_is(rig: ConfigRig) -> None:
    changed = document(camera={"check": "camera-spare"})
    rig.push(changed)
    rig.confirm()
    on(rig)
    assert rig.room.eye.node == "/dev/video2"


def test_a_home_automation_is_told_what_is_gone_before_what_is_there(rig: ConfigRig) -> None:
    changed = document()
    changed["checks"].pop(0)
    changed["power"]["loads"][0].pop("proof")
    (removal,) = only(Announce, rig.push(changed))
    assert not removal.retain
    assert b"codec-answers" in removal.raw.replace(b"_", b"-")
    (announcement,) = only(Announce, rig.wait(5))
    assert announcement.retain
    assert b"codec-answers" not in announcement.raw.replace(b"_", b"-")


def test_a_button_that_is_replaced_under_a_finger_is_let_go_of(rig: ConfigRig) -> None:
    on(rig)
    rig.do(ButtonPressed())
    rig.push(document(power={**document()["power"], "button": {"hold_s": 5}}))
    rig.do(ButtonHeld())
    assert rig.room.power.state == "on"


def test_a_change_on_the_box_goes_the_same_way(rig: ConfigRig) -> None:
    rig.push(with_window(30), 7)
    rig.confirm("push-7")
    rig.down()
    rig.do(ConfigOffered(json.dumps(desired(with_window(40), 1, id="here", issued_by="local")).encode()))
    assert rig.said["config/reported"]["revision"] == 8
    assert rig.report == ("pending_confirm", None)
    rig.do(ConfigConfirmed("here"))
    assert rig.report == ("applied", None)
    assert rig.said["config/running"]["source"] == "local"


def test_a_change_on_the_box_is_undone_in_its_time_without_any_broker(rig: ConfigRig) -> None:
    rig.down()
    rig.do(ConfigOffered(json.dumps(desired(with_window(40), 1, id="here", confirm_within_s=30)).encode()))
    rig.wait(31)
    assert rig.report == ("rolled_back", "not_confirmed")


def test_a_change_on_the_box_goes_on_waiting_after_a_restart(rig: ConfigRig) -> None:
    on(rig)
    rig.do(ConfigOffered(json.dumps(desired(with_pin(19), 1, id="here")).encode()))
    assert rig.report == ("deferred", "room_on")
    rig.begin()
    assert rig.report == ("deferred", "room_on")
    rig.hold()
    rig.wait(30)
    assert rig.report == ("pending_confirm", None)
