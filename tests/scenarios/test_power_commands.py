"""Power from a desk and from the plan, end to end: the real command line, a real broker, a simulated room."""

import json
import signal
import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agent.adapters.mosquitto import Mosquitto
from agent.core.contract import Conference
from tests.conftest import Site, wait_for
from tests.console.test_cli import diemcau
from tests.scenarios.test_commands import Centre

MakeSite = Callable[..., Site]


@pytest.fixture
def centre(broker: Mosquitto) -> Iterator[Centre]:
    hearing = Centre(broker, "diemcau/v1/+/history/event")
    yield hearing
    hearing.close()


@pytest.fixture
def room(broker: Mosquitto, centre: Centre, site: MakeSite) -> Site:
    """A room that nobody has switched on yet."""
    made = site(broker.url, [])
    made.start()
    centre.wait("/power", lambda d: d["state"] == "off", "off")
    return made


def power(broker: Mosquitto, *words: str) -> Any:
    return diemcau("power", "chi-linh", *words, "--broker", broker.url, "--by", "ông An")


def plan(centre: Centre, lock: bool, starts_in_s: float, **changes: Any) -> None:
    starts_at = datetime.now(UTC) + timedelta(seconds=starts_in_s)
    facts = {"id": "giao-ban", "starts_at": starts_at, "ends_at": starts_at + timedelta(hours=1), "lock": lock}
    centre.listener.publish_to("chi-linh", "conference", Conference(**{**facts, **changes}), retain=True)


def test_a_room_comes_up_and_goes_down_from_a_desk(broker: Mosquitto, centre: Centre, room: Site) -> None:
    done = power(broker, "on")
    assert (done.returncode, done.stdout) == (0, "Thị xã Chí Linh: phòng / room: bật / on\n")
    said = centre.wait("/power", lambda d: d["state"] == "on", "on")
    assert (said["by"], said["who"], said["loads"]) == ("command", "ông An", {"codec": "on", "display": "on"})
    wait_for(lambda: power(broker, "off", "--load", "codec").returncode == 0, "a moment after the last switching")
    centre.wait("/power", lambda d: d["loads"] == {"codec": "off", "display": "on"} and d["state"] == "on", "apart")
    assert power(broker, "off").returncode == 0
    centre.wait("/power", lambda d: d["state"] == "off", "off")


def test_every_change_is_an_event_on_disk_and_at_the_broker(broker: Mosquitto, centre: Centre, room: Site) -> None:
    assert power(broker, "on").returncode == 0
    event = centre.wait("/history/event", lambda d: d["detail"].get("state") == "on", "of the room that is on")
    assert (event["kind"], event["by"], event["detail"]["who"]) == ("power.changed", "command", "ông An")
    assert {"epoch", "seq", "boot_id", "uptime_s", "historical", "severity", "session", "at"} <= event.keys()
    with sqlite3.connect(room.folder / "state/agent.db") as db:
        rows = [json.loads(payload) for (payload,) in db.execute("SELECT payload FROM row ORDER BY seq")]
    db.close()
    assert [row["detail"]["state"] for row in rows] == ["starting", "on"]
    assert {**rows[-1], "prev": 1, "historical": event["historical"]} == event


def test_a_live_conference_is_not_cut_from_afar(broker: Mosquitto, centre: Centre, room: Site) -> None:
    assert power(broker, "on").returncode == 0
    plan(centre, lock=True, starts_in_s=-60)
    centre.wait("/power", lambda d: d["locked"], "locked")
    refused = power(broker, "off")
    assert refused.returncode == 1
    assert "a conference is live" in refused.stderr
    assert centre.wait("/power", lambda d: d["locked"], "locked")["state"] == "on"
    room.write(b"h\n")
    wait_for(lambda: "lamp: locked" in room.log, "the first hold says that it is locked")
    room.write(b"h\n")
    centre.wait("/power", lambda d: d["state"] == "off", "off, after the second hold")
    event = centre.wait("/history/event", lambda d: d["kind"] == "button.refused", "about the first hold")
    assert event["detail"]["reason"] == "hold_again"


def test_the_plan_brings_the_room_up(centre: Centre, room: Site) -> None:
    known = centre.wait("/power", lambda d: True, "any")
    plan(centre, lock=False, starts_in_s=1800, power_on_minutes=60)
    if known["clock"] != "synced":
        pytest.skip("needs a synchronised clock on this machine: a plan needs one")
    said = centre.wait("/power", lambda d: d["state"] == "on", "on, half an hour before")
    assert (said["by"], said["who"]) == ("schedule", "giao-ban")


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_the_room_of_before_comes_back_after_the_agent(
    broker: Mosquitto, centre: Centre, room: Site, how: signal.Signals
) -> None:
    """A simulated room's pins are gone with their agent, as the lines of a kernel that does not keep them."""
    assert power(broker, "on").returncode == 0
    assert room.process is not None
    room.process.send_signal(how)
    room.process.wait()
    centre.forget()
    room.start()
    centre.wait("/power", lambda d: d["state"] == "on", "on again")


def test_the_lamp_helps_to_find_the_box(broker: Mosquitto, room: Site) -> None:
    done = diemcau("identify", "chi-linh", "--for", "1", "--broker", broker.url)
    assert (done.returncode, done.stderr) == (0, "")
    wait_for(lambda: "lamp: identify" in room.log, "the lamp flickers")
    wait_for(lambda: "lamp: off" in room.log.split("identify")[-1], "and stops by itself")
