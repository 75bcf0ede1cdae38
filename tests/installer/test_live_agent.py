"""agent/installer/live_agent.py: what systemd says is read; the agent's line is the one that it makes."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.core import status_line
from agent.core.contract import Headcount
from agent.core.events import RoomState
from agent.installer.live_agent import AGENT, Seen, Units, is_in_conference, parse
from agent.installer.world import World
from tests.installer.simulated_units import SimulatedUnits


def count(state: str, reason: str | None) -> Headcount:
    return Headcount.model_validate(
        {
            "at": datetime(2012, 11, 20, tzinfo=UTC), "session": "s", "clock": "synced", "value": None, "state": state,
            "reason": reason, "seen": None, "min": None, "max": None, "samples": 0, "window_s": 90.0,
            "frame_age_s": None, "interval_s": 2.0,
        }
    )  # fmt: skip


@pytest.mark.parametrize(
    ("power", "locked", "link", "reason", "trouble", "forgets", "text"),
    [
        ("on", False, "up", None, None, False, "power=on locked=no link=up headcount=ok files=ok disk=ok"),
        ("off", True, "off", "dark", "no_room", True,
         "power=off locked=yes link=off headcount=unknown:dark files=no_room disk=forgets"),
    ],
)  # fmt: skip
def test_the_agents_line_is_read_as_it_was_made(
    power: RoomState, locked: bool, link: status_line.Link, reason: str | None, trouble: str | None, forgets: bool,
    text: str,
) -> None:  # fmt: skip
    counted = count("unknown" if reason else "ok", reason)
    made = status_line.line(power, locked, link, counted, trouble, forgets)
    assert made == text
    seen = parse(f"Result=success\nActiveState=active\nInvocationID=ab12\nStatusText={made}\n")
    assert (seen.active, seen.result, seen.invocation, seen.is_up) == ("active", "success", "ab12", True)
    assert " ".join(f"{key}={word}" for key, word in seen.status.items()) == text


def test_the_line_of_a_service_that_has_ended_is_not_believed() -> None:
    assert parse("ActiveState=failed\nResult=exit-code\nStatusText=power=on locked=yes\n").status == {}


@pytest.mark.parametrize("text", ["", "\n", "nonsense", "ActiveState\n=\n"])
def test_what_nobody_can_read_is_nothing(text: str) -> None:
    assert parse(text) == Seen(status={})


def test_a_unit_that_is_not_there_is_not_up() -> None:
    units = Units(World())
    assert not units.look("diemcau-not-there.service").is_up
    assert not is_in_conference(SimulatedUnits(World(Path("/nowhere"))))


def test_time_passes() -> None:
    units = Units(World())
    before_s = units.now_s()
    units.wait(0.01)
    assert units.now_s() > before_s
    assert not Units(World(Path("/nowhere"))).is_there, AGENT
