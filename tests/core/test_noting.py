"""agent/core/noting.py: what of the link becomes a row of the history, and what does not."""

from agent.core.events import DuplicateSeen, LinkRefused
from tests.core.rig import Rig, room_config


def test_what_the_broker_refuses_and_a_second_box_are_events() -> None:
    rig = Rig(room_config())
    rig.start()
    rig.do(LinkRefused("diemcau/v1/nam-sach/power: Not authorized"))
    rig.do(DuplicateSeen("another box speaks as this site"))
    told = {each["kind"]: (each["severity"], each["detail"]) for each in rig.history}
    assert told["link.refused"] == ("fault", {"what": "diemcau/v1/nam-sach/power: Not authorized"})
    assert told["site.duplicate"] == ("fault", {"why": "another box speaks as this site"})


def test_a_simulations_truth_that_a_real_broker_does_not_want_is_no_fault_of_the_site() -> None:
    rig = Rig(room_config())
    rig.start()
    rig.do(LinkRefused("diemcau/v1/nam-sach/simulated/truth: Not authorized"))
    assert "link.refused" not in [each["kind"] for each in rig.history]
