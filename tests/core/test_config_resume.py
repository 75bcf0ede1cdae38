"""What a start makes of what the disk kept of configs."""

from typing import Any

import pytest

from agent.core.events import UsbChanged
from tests.core.config_bed import ConfigRig, PowerCut, document, on, with_pin, with_window
from tests.core.rig import room_config


def test_a_restart_during_the_trial_goes_back_and_is_told(rig: ConfigRig) -> None:
    rig.push(with_window(30))
    rig.begin()
    assert rig.report == ("rolled_back", "restarted")
    assert rig.said["config/reported"]["id"] == "push-1"
    rig.push(with_window(30))
    assert rig.parts.headcount.window_s == 20
    assert rig.disk["rejected"]
    rig.is_consistent()


@pytest.mark.parametrize("cut_at", range(1, 7))
@pytest.mark.parametrize("is_confirmed", [True, False])
def test_a_power_cut_before_any_order_leaves_the_old_or_the_new_one(cut_at: int, is_confirmed: bool) -> None:
    rig = ConfigRig()
    rig.begin()
    rig.cut_at = cut_at
    try:
        rig.push(with_window(30), confirm_within_s=30)
        rig.confirm() if is_confirmed else rig.wait(60)
    except PowerCut:
        pass
    rig.cut_at = 0
    rig.begin()
    runs = rig.parts.headcount.window_s
    assert runs in (20, 30)
    assert rig.disk["room.json"]["headcount"]["window_s"] == runs
    assert rig.report[0] in (("applied",) if runs == 30 else ("applied", "rolled_back"))
    assert "candidate" not in rig.disk
    rig.is_consistent()


def test_one_that_was_promoted_when_the_power_went_is_applied(rig: ConfigRig) -> None:
    facts = dict(rig.facts)
    rig.push(with_window(30))
    staged = rig.disk["candidate"]
    rig.confirm()
    rig.facts, rig.disk["candidate"] = facts, staged  # neither was written any more
    rig.begin()
    assert rig.report == ("applied", None)
    assert rig.said["config/running"]["revision"] == 1
    assert "candidate" not in rig.disk


def test_what_was_confirmed_while_the_memory_could_not_be_written_is_applied_after_a_start(rig: ConfigRig) -> None:
    rig.disk_works = False
    rig.push(with_window(30))
    rig.confirm()
    assert rig.report == ("applied", None)
    assert "candidate" in rig.disk  # which knows its revision
    rig.disk_works = True
    rig.begin()
    assert rig.report == ("applied", None)
    assert rig.said["config/running"]["revision"] == 1
    assert "candidate" not in rig.disk
    rig.push(with_window(30), 1, base_revision=0)  # as it is stored at the broker
    assert rig.report == ("applied", None)


def test_a_way_back_that_is_cut_off_is_told_after_the_start(rig: ConfigRig) -> None:
    rig.wait(60)
    rig.push(with_pin(19), confirm_within_s=200)
    on(rig)
    rig.wait(200)
    assert rig.report == ("deferred", "going_back: room_on")
    rig.begin()
    assert rig.report == ("rolled_back", "restarted")
    assert [each["kind"] for each in rig.history if each["kind"].startswith("config")] == ["config.rolled_back"]


@pytest.mark.parametrize(("source", "why"), [("kept", "damaged"), ("built_in", "safe_start")])
def test_a_start_with_another_config_than_the_last_one_says_so(rig: ConfigRig, source: Any, why: str) -> None:
    rig.push(with_window(30))
    rig.confirm()
    rig.disk["room.json"] = document() if source == "kept" else {}
    rig.source = source
    rig.begin()
    assert rig.report == ("rolled_back", why)
    sent = len(rig.sent)
    rig.push(with_window(30))  # stored, it comes again
    assert rig.report == ("rolled_back", why)
    assert [each["state"] for each in rig.sent[sent:]] == ["rolled_back"]


def test_a_new_memory_takes_the_revision_from_what_was_set_aside(rig: ConfigRig) -> None:
    rig.facts, rig.disk["highest"] = {}, 9
    rig.begin()
    rig.push(with_window(30), 9)
    assert rig.told("push-9") == [("rejected", "old_revision")]


def test_what_runs_is_known_again_after_a_restart(rig: ConfigRig) -> None:
    rig.push(with_window(30), 4)
    rig.confirm("push-4")
    rig.begin()
    running = rig.said["config/running"]
    assert (running["revision"], running["source"], running["issued_by"]) == (4, "push", "nam")
    assert running["config"] == with_window(30)
    assert rig.report == ("applied", None)


def test_a_safe_start_takes_a_config_and_keeps_what_was_known_of_the_rooms_own() -> None:
    rig = ConfigRig()
    rig.begin()
    rig.push(with_window(30), 4)
    rig.confirm("push-4")
    own, rig.disk["room.json"] = rig.disk["room.json"], {}
    rig.source = "built_in"
    rig.begin()
    assert rig.said["config/running"]["source"] == "built_in"
    (files,) = [each for each in rig.said["readiness"]["checks"] if each["name"] == "box.files"]
    assert (files["state"], files["reason"], files["required"]) == ("failed", "crash_loop", True)
    rig.levels = dict.fromkeys((5, 6, 13), True)  # the room is on, and its lines are held
    rig.push(own, 5)
    assert rig.room.power.state == "on"
    assert rig.report == ("pending_confirm", None)
    rig.begin()
    assert rig.report == ("rolled_back", "restarted")
    rig.source, rig.disk["room.json"] = "kept", own
    rig.begin()
    assert rig.said["config/running"]["revision"] == 4


def test_an_agent_without_any_config_of_its_own_says_so() -> None:
    rig = ConfigRig(room_config())
    rig.disk["room.json"] = {}
    rig.begin()
    assert rig.said["config/running"]["config"] == {}
    assert rig.said["config/reported"]["id"] is None


def test_a_box_in_the_place_of_another_takes_what_was_stored_for_good() -> None:
    rig = ConfigRig()
    rig.disk["room.json"], rig.source = {}, "built_in"
    rig.begin()
    rig.do(UsbChanged(()))  # its camera is fed by the room, which is off
    rig.push(with_window(30), 17, confirm_within_s=0, base_revision=None)
    assert rig.report == ("applied", None)
    assert rig.disk["room.json"] == with_window(30)
