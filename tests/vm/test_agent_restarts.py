"""Whatever becomes of the agent, no relay of a room that is on moves: 0 changes in the kernel's trace."""

import tomllib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from agent.adapters.quick_crashes import SAFE_AFTER
from tests.conftest import Ear
from tests.vm.box import AGENT, Box
from tests.vm.conftest import Counts, note
from tests.vm.desk import Desk, checks_of
from tests.vm.rooms import LOADS, ROOM
from tests.vm.trace import changes

pytestmark = pytest.mark.vm


def repeat(box: Box, times: int, what: str, once: Callable[[], None]) -> None:
    """Do it so often with a new agent each time, and have the trace judge."""
    pids = {box.pid()}
    with box.watched() as entries:
        for _ in range(times):
            once()
            pids.add(box.pid())
    assert len(pids) == times + 1, "not every time was another agent started"
    moved = changes(entries, LOADS)
    note(f"{times} × {what}: {len(moved)} changes of a relay line")
    assert moved == []
    # A line that was let go and taken again could not be where it is: it falls to the other level.
    assert box.levels(tuple(LOADS)) == LOADS


def goes_on(ear: Ear, since: str) -> None:
    """The agent of now knows that the room is on."""
    said = ear.wait("/power", lambda document: document["session"] != since, "of the new agent")
    assert whole(said)


def whole(power: dict[str, Any]) -> bool:
    """Whether this says that the room is on, with all its loads."""
    return bool(power["state"] == "on" and len(power["loads"]) == len(LOADS) and set(power["loads"].values()) == {"on"})


@pytest.fixture
def session(ear: Ear, room_on: Box) -> str:
    """The agent that runs before the test."""
    before: str = ear.wait("/power", lambda document: document["state"] == "on", "before the test")["session"]
    ear.forget()
    return before


@pytest.fixture
def desk(room_on: Box) -> Iterator[Desk]:
    """A technician who looks on while the room is on."""
    desk = Desk(room_on)
    yield desk
    desk.close()


def test_the_trace_sees_a_relay_that_moves(box: Box) -> None:
    box.forget()
    with box.watched() as entries:
        box.run("timeout 1 gpioset -c gpiochip0 6=1 || true")
    moved = changes(entries, {6: 0})
    assert [(entry.kind, entry.level) for entry in moved] == [("set", 1), ("released", None)]


@pytest.mark.thorough
def test_no_relay_moves_at_sigterm_and_restart(room_on: Box, ear: Ear, session: str, counts: Counts) -> None:
    repeat(room_on, counts.restarts, "SIGTERM and restart", room_on.restart)
    goes_on(ear, session)


def test_no_relay_moves_at_kill_9(room_on: Box, ear: Ear, session: str, counts: Counts) -> None:
    repeat(room_on, counts.restarts, "kill -9", room_on.kill)
    goes_on(ear, session)


@pytest.mark.thorough
def test_no_relay_moves_at_a_watchdog_abort(room_on: Box, ear: Ear, session: str, counts: Counts) -> None:
    before = watchdog_aborts(room_on)
    repeat(room_on, counts.hangs, "watchdog abort", room_on.hang)
    assert watchdog_aborts(room_on) - before == counts.hangs
    goes_on(ear, session)


@pytest.mark.thorough
def test_no_relay_moves_at_stop_and_start(room_on: Box, ear: Ear, session: str, counts: Counts) -> None:
    repeat(room_on, counts.stops, "stop and start", room_on.stop_and_start)
    goes_on(ear, session)


@pytest.mark.thorough
def test_no_relay_moves_in_a_crash_loop_and_an_end_in_order_brings_the_whole_room_back(
    room_on: Box, desk: Desk
) -> None:
    room_on.restart()  # whatever was before is no crash
    with room_on.watched() as entries:
        for _ in range(SAFE_AFTER):
            room_on.kill(is_alone=False)
        said = desk.wait("/readiness", lambda said: checks_of(said).get("box.files") == "failed", "of a safe start")
        safe = said["session"]
        desk.wait("/status", lambda said: (said["session"], said["state"]) == (safe, "running"), "of a safe start")
        assert any("safe start" in line for line in room_on.journal())
        assert room_on.levels(tuple(LOADS)) == LOADS
        assert room_on.kept() == len(LOADS), "without an agent that has them, systemd has the lines"
        # What a technician would do: a push has the parts back at once, or a restart with the room's own config.
        tried = desk.push({**tomllib.loads(ROOM), "headcount": {"threshold": 0.7}})
        desk.becomes(tried, "pending_confirm")
        desk.wait("/power", lambda said: said["session"] == safe and whole(said), "of a safe start with a config")
        desk.restart()
        desk.forget()
        desk.becomes(tried, "rolled_back", "restarted")
        back = desk.wait("/power", lambda said: said["session"] != safe, "of the start after it")
    assert whole(back)
    moved = changes(entries, LOADS)
    note(f"{SAFE_AFTER} × kill -9 in a row, a push to the safe start, a restart: {len(moved)} changes of a relay line")
    assert moved == []
    assert room_on.levels(tuple(LOADS)) == LOADS


def watchdog_aborts(box: Box) -> int:
    return int(box.run(f"journalctl -u {AGENT} | grep -c 'Watchdog timeout' || true"))
