"""The line for ``systemctl status``: said when it changes, and only then."""

from agent.core.commands import ShowStatus
from agent.core.config import RoomConfig
from agent.core.errors import Problem
from agent.core.events import LinkDown, LinkUp
from tests.core.rig import Rig, only


def test_it_is_said_at_the_start_and_when_something_of_it_changes() -> None:
    rig = Rig()
    started = only(ShowStatus, rig.start(codec="on", display="on", lamp="on"))
    assert started[0].text.startswith("power=on locked=no link=down headcount=unknown:")
    assert [each.text.split()[2] for each in only(ShowStatus, rig.do(LinkUp(1)))] == ["link=up"]
    assert [each.text.split()[2] for each in only(ShowStatus, rig.do(LinkDown("gone")))] == ["link=down"]


def test_nothing_is_said_while_nothing_changes() -> None:
    rig = Rig()
    rig.start()
    rig.wait(60)
    assert only(ShowStatus, rig.wait(600)) == []


def test_without_an_identity_there_is_no_link_to_wait_for() -> None:
    rig = Rig()
    (said, *_) = only(ShowStatus, rig.start(problems=(Problem("agent.toml", "is not there"),)))
    assert "link=off" in said.text


def test_what_stands_in_for_the_rooms_own_config_knows_nothing_of_its_power() -> None:
    (said, *_) = only(ShowStatus, Rig(RoomConfig(), stands_in=True).start())
    assert said.text.startswith("power=unknown ")


def test_a_disk_that_cannot_be_written_shows() -> None:
    rig = Rig()
    rig.disk_works = False
    assert only(ShowStatus, rig.start())[-1].text.endswith("disk=forgets")
