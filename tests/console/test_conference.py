"""The demo's rooms: every file that it makes is one that the agent takes."""

import json

import pytest

from agent.console.conference import LASTS_S, demo_sites
from agent.core.config import parse_room
from agent.core.identity import parse_identity
from hw.simulated.script import Attendance, parse_script


@pytest.mark.parametrize("speed", [1.0, 20.0])
def test_every_room_of_a_large_demo_has_files_that_are_taken(speed: float) -> None:
    for site in demo_sites(60, speed, "mqtt://127.0.0.1:1883"):
        assert parse_identity(site.identity, "agent.toml").site == site.site
        assert parse_room(site.room, "room.toml", json_document=False).site.name == site.name
        assert parse_script(site.script, "script.json", json_document=True).seats >= site.summoned


def test_the_first_fourteen_are_those_of_the_province() -> None:
    names = [site.name for site in demo_sites(14, 1, "mqtt://127.0.0.1:1883")]
    assert "Thị xã Chí Linh" in names
    assert len(set(names)) == 14


def test_nobody_comes_who_was_not_summoned_and_people_come_and_go() -> None:
    for site in demo_sites(14, 1, "mqtt://127.0.0.1:1883"):
        attendance = Attendance(parse_script(json.dumps(json.loads(site.script)), "s", json_document=True))
        numbers = [attendance.people(at_s) for at_s in range(0, LASTS_S, 10)]
        assert numbers[0] == 0
        assert 0.85 * site.summoned <= max(numbers) <= site.summoned
        assert len(set(numbers[20:])) > 1
