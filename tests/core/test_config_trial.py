"""A config on trial: its time, the line, and the checks."""

import pytest

from agent.core.events import Probed, UsbChanged
from tests.core.config_bed import CAMERA, ConfigRig, document, with_window


def test_a_push_that_cuts_off_the_broker_is_undone(rig: ConfigRig) -> None:
    rig.acks = False
    rig.push(with_window(30), confirm_within_s=40)
    rig.down()
    rig.wait(41)
    rig.acks = True
    rig.up()
    assert rig.report == ("rolled_back", "broker_lost")
    assert rig.parts.headcount.window_s == 20


def test_a_line_that_drops_later_stops_the_time(rig: ConfigRig) -> None:
    rig.push(with_window(30), confirm_within_s=40)
    rig.wait(10)
    rig.down()
    rig.wait(10_000)
    rig.up()
    assert rig.report == ("pending_confirm", None)
    rig.wait(29)
    assert rig.report == ("pending_confirm", None)
    rig.confirm()
    assert rig.report == ("applied", None)


def test_a_line_that_is_dead_without_anybody_knowing_is_not_taken_for_a_no(rig: ConfigRig) -> None:
    rig.push(with_window(30), confirm_within_s=40)
    rig.acks = False  # a black hole: the link is thought to be there
    rig.wait(45)
    assert rig.report == ("pending_confirm", None)
    rig.down()
    rig.wait(1000)
    rig.acks = True
    rig.up()
    rig.confirm()  # which waited at the broker
    assert rig.report == ("applied", None)


def test_after_the_outage_nobody_confirms(rig: ConfigRig) -> None:
    rig.push(with_window(30), confirm_within_s=40)
    rig.acks = False
    rig.wait(45)
    rig.down()
    rig.acks = True
    rig.up()
    rig.wait(11)
    assert rig.report == ("rolled_back", "not_confirmed")


def test_a_line_that_flaps_does_not_keep_what_nobody_confirms(rig: ConfigRig) -> None:
    rig.push(with_window(30), confirm_within_s=20)
    for _ in range(8):
        rig.wait(8)
        rig.down()
        rig.wait(1)
        rig.up()
    assert rig.report == ("rolled_back", "not_confirmed")


def test_the_last_report_is_made_again_where_no_answer_comes(rig: ConfigRig) -> None:
    rig.push(with_window(30), confirm_within_s=20)
    rig.acks = False
    rig.wait(45)
    rig.acks = True
    rig.wait(20)
    assert rig.report == ("rolled_back", "not_confirmed")


def test_a_required_check_that_is_worse_is_named(rig: ConfigRig) -> None:
    changed = document()
    changed["checks"][1]["usb"] = "dead:beef"
    rig.push(changed)
    assert rig.said["config/reported"]["checks_worse"] == ["camera-main"]
    assert rig.report == ("pending_confirm", None)  # whether it stays is for whoever pushed
    rig.confirm()
    assert rig.report == ("applied", None)


def test_a_check_that_has_not_answered_yet_is_not_known(rig: ConfigRig) -> None:
    changed = document()
    changed["checks"][0]["address"] = "192.0.2.99:5060"
    rig.push(changed)
    assert rig.said["config/reported"]["checks_worse"] is None
    rig.answers(ok=True)
    assert rig.said["config/reported"]["checks_worse"] == []


def test_a_check_that_failed_before_is_no_worse(rig: ConfigRig) -> None:
    rig.do(UsbChanged((CAMERA,)))
    rig.push(with_window(30))
    assert rig.said["config/reported"]["checks_worse"] == []


@pytest.mark.parametrize(
    ("usb", "end"), [("046d:085e", ("applied", None)), ("dead:beef", ("rolled_back", "checks_worse"))]
)
def test_without_a_person_the_checks_decide(rig: ConfigRig, usb: str, end: tuple[str, str | None]) -> None:
    changed = with_window(30)
    changed["checks"][1]["usb"] = usb
    rig.push(changed, confirm_within_s=0)
    assert rig.report == end
    rig.is_consistent()


def test_without_a_person_a_check_that_stays_unknown_goes_back(rig: ConfigRig) -> None:
    changed = document()
    changed["checks"][0]["address"] = "192.0.2.99:5060"
    rig.push(changed, confirm_within_s=0)
    assert rig.report == ("applying", None)
    rig.wait(61)
    assert rig.report == ("rolled_back", "checks_worse")


def test_an_answer_from_where_a_check_looked_before_proves_nothing(rig: ConfigRig) -> None:
    changed = document()
    changed["checks"][0]["address"] = "192.0.2.99:5060"
    rig.push(changed)
    rig.do(Probed("codec-answers", True, None, "192.0.2.20:5060"))
    assert rig.said["config/reported"]["checks_worse"] is None
    rig.do(Probed("codec-answers", True, None, "192.0.2.99:5060"))
    assert rig.said["config/reported"]["checks_worse"] == []
