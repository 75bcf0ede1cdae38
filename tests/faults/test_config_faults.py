"""On real agents: a config that cuts off its own site, lines that drop at the wrong moment, spoilt files, crash loops.

The numbers are those of the list of faults that every version has to withstand.
"""

import json
import tomllib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from agent.adapters.generations import KEPT_BEFORE, LAST_GOOD, kept_configs
from agent.adapters.mosquitto import Mosquitto
from agent.adapters.quick_crashes import FILE, SAFE_AFTER
from agent.core.config_messages import REVISION_MAX
from agent.core.wire import MAX_PAYLOAD_BYTES
from tests.conftest import wait_for
from tests.faults.config_bed import LIGHT, Agent, Desk
from tests.faults.line import PUBACK, Line, line

SITE = "chi-linh"
MakeAgent = Callable[..., Agent]


@pytest.fixture
def desk(broker: Mosquitto) -> Iterator[Desk]:
    made = Desk(broker.port)
    yield made
    made.close()


@pytest.fixture
def agent(broker: Mosquitto, tmp_path: Path) -> Iterator[MakeAgent]:
    made: list[Agent] = []

    def make(url: str | None = None, **script: Any) -> Agent:
        made.append(Agent(tmp_path / "site", url or broker.url, SITE, **script))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def far(broker: Mosquitto) -> Iterator[Line]:
    """The line between the site and the broker; the desk stands at the broker."""
    with line(broker.port) as made:
        yield made


def named(name: str, **sections: Any) -> dict[str, Any]:
    """The room's config under another name, by which one sees which one runs."""
    config = tomllib.loads(LIGHT)
    return {**config, "site": {"name": name}, **sections}


def on_disk(agent: Agent) -> Any:
    """The last good config's name."""
    return json.loads((agent.state / LAST_GOOD).read_bytes())["site"]["name"]


# Lines


def test_a_push_that_cuts_off_the_broker_is_undone_with_no_hand_on_the_box(
    desk: Desk, far: Line, agent: MakeAgent
) -> None:
    """The line is black from the moment on that the config is tried, and nothing that is said of it is ever taken."""
    room = agent(far.url)
    room.start()
    desk.wait(SITE, "config/running")
    desk.round_trip(SITE)
    far.eats = frozenset({PUBACK})
    desk.push(SITE, named("cut off"), 1, confirm_within_s=4)
    wait_for(lambda: "trying it" in room.log, "it is on trial")
    far.is_hole = True
    wait_for(lambda: "going back: broker_lost" in room.log, "it goes back by itself")
    wait_for(lambda: not room.has_candidate, "the candidate is set aside")
    assert (room.rejected.revision, on_disk(room)) == (1, "Thị xã Chí Linh")
    far.eats, far.is_hole, now = frozenset(), False, desk.mark()
    far.reset()
    desk.wait(SITE, "config/reported", now, state="rolled_back", reason="broker_lost", revision=1)
    assert desk.wait(SITE, "config/running", now)["config"] == tomllib.loads(LIGHT)
    assert ("applying", None) not in desk.reports(SITE, now), "the retained message came again, and is settled"


def test_a_line_that_drops_after_the_report_was_taken_is_no_reason_to_go_back(
    desk: Desk, far: Line, agent: MakeAgent
) -> None:
    """43, a line that is seen to be down: away for longer than there was time to confirm."""
    room = agent(far.url)
    room.start()
    desk.wait(SITE, "config/running")
    id_ = desk.push(SITE, named("stays"), 1, confirm_within_s=4)
    desk.wait(SITE, "config/reported", state="pending_confirm", checks_worse=[])
    desk.round_trip(SITE)
    far.is_hole = True
    far.reset()
    with pytest.raises(AssertionError):  # nothing but time goes by
        wait_for(lambda: "going back" in room.log, "it must not", patience_s=6)
    far.is_hole, now = False, desk.mark()
    desk.wait(SITE, "config/reported", now, state="pending_confirm", revision=1)
    desk.confirm(SITE, id_)
    desk.wait(SITE, "config/reported", now, state="applied", revision=1)
    assert on_disk(room) == "stays"


def test_a_confirmation_that_waits_in_a_dead_line_nobody_has_noticed_counts(
    desk: Desk, far: Line, agent: MakeAgent
) -> None:
    """43, a line that looks alive: the time is over in between, and the last report is still under way."""
    room = agent(far.url)
    room.start()
    desk.wait(SITE, "config/running")
    id_ = desk.push(SITE, named("stays"), 1, confirm_within_s=3)
    desk.wait(SITE, "config/reported", state="pending_confirm", checks_worse=[])
    desk.round_trip(SITE)
    far.is_hole = True
    desk.confirm(SITE, id_)
    with pytest.raises(AssertionError):
        wait_for(lambda: "going back" in room.log, "it must not", patience_s=5)
    far.is_hole = False
    desk.wait(SITE, "config/reported", state="applied", revision=1)


# Ends of the agent


def test_an_agent_that_ends_during_the_trial_starts_with_what_ran_before_and_tries_it_once(
    desk: Desk, agent: MakeAgent
) -> None:
    """42 and 44: the power goes during the trial; what is retained comes again at each start and each connect."""
    room = agent()
    room.start()
    desk.wait(SITE, "config/running")
    desk.push(SITE, named("tried"), 1)
    desk.wait(SITE, "config/reported", state="pending_confirm")
    for _ in range(2):
        room.close()  # a kill
        now = desk.mark()
        room.start()
        desk.wait(SITE, "config/reported", now, state="rolled_back", reason="restarted", revision=1)
        desk.wait(SITE, "config/running", now, revision=None)
        desk.round_trip(SITE)
    assert set(desk.reports(SITE, now)) == {("rolled_back", "restarted")}
    assert (room.has_candidate, room.rejected.config["site"]) == (False, {"name": "tried"})


def test_five_quick_crashes_are_followed_by_a_start_with_a_link_and_nothing_else(desk: Desk, agent: MakeAgent) -> None:
    """A crash loop ends in a room that can be reached, and a push brings its parts back."""
    room = agent()
    for crash in range(1, 1 + SAFE_AFTER):
        room.start()
        wait_for(partial(is_counted, room, crash), "this run is counted")
        room.close()  # a kill
    now = desk.mark()
    room.start()
    assert desk.wait(SITE, "power", now)["loads"] == {}
    desk.wait(SITE, "readiness", now, fits=partial(files_are, "failed"))
    assert "quick crashes" in room.log
    assert on_disk(room) == "Thị xã Chí Linh", "the room's own config is as it was"
    desk.wait(SITE, "config/running", now, source="built_in")
    id_ = desk.push(SITE, named("mended"), 1)
    desk.wait(SITE, "config/reported", now, state="pending_confirm", checks_worse=[])
    desk.confirm(SITE, id_)
    desk.wait(SITE, "config/reported", now, state="applied", revision=1)
    room.write(b"\n")
    assert desk.wait(SITE, "power", now, state="on")["loads"] == {"codec": "on", "display": "on"}


def is_counted(room: Agent, crashes: int) -> bool:
    """Whether the next start would find so many quick crashes."""
    path = room.state / FILE
    return path.exists() and path.read_text().endswith(f" {crashes:03}\n")


def files_are(state: str, readiness: dict[str, Any]) -> bool:
    """Whether the check of the box's files says so. Where there is no room at all it is required."""
    found = {each["name"]: (each["state"], each["required"]) for each in readiness["checks"]}
    return found.get("box.files") == (state, state == "failed")


# Files


def test_a_damaged_last_good_config_leaves_the_one_before_and_then_the_built_in_one(
    desk: Desk, agent: MakeAgent
) -> None:
    """47: of three configs one after the other is spoilt."""
    room = agent()
    room.start()
    desk.wait(SITE, "config/running")
    for revision in (1, 2):
        id_ = desk.push(SITE, named(f"revision {revision}"), revision)
        desk.wait(SITE, "config/reported", state="pending_confirm", revision=revision)
        desk.confirm(SITE, id_)
        desk.wait(SITE, "config/reported", state="applied", revision=revision)
    (room.folder / "room.toml").write_text("[power")
    for place, name in enumerate(("revision 1", "Thị xã Chí Linh")):
        spoilt = spoil(room, desk, place)
        assert desk.wait(SITE, "config/running", spoilt)["config"]["site"]["name"] == name
        assert desk.wait(SITE, "power", spoilt)["loads"].keys() == {"codec", "display"}
        desk.wait(SITE, "readiness", spoilt, fits=partial(files_are, "warning"))
    last = spoil(room, desk, 2)
    assert desk.wait(SITE, "config/running", last, source="built_in")["config"] == {}
    assert desk.wait(SITE, "power", last)["loads"] == {}
    desk.wait(SITE, "readiness", last, fits=partial(files_are, "failed"))
    desk.wait(SITE, "health", last)


def spoil(room: Agent, desk: Desk, place: int) -> int:
    """Have one of the configs spoilt (0 is the newest), and start again. Returns the moment before."""
    room.stop()
    kept_configs(room.state)[place].write_bytes(b"\0")
    now = desk.mark()
    room.start()
    return now


def test_no_more_than_ten_are_kept_before_the_last_good_one(desk: Desk, agent: MakeAgent) -> None:
    room = agent()
    room.start()
    desk.wait(SITE, "config/running")
    for revision in range(1, KEPT_BEFORE + 3):
        desk.push(SITE, named(f"revision {revision}"), revision, confirm_within_s=0)
        desk.wait(SITE, "config/reported", state="applied", revision=revision)
    assert len(kept_configs(room.state)) == 1 + KEPT_BEFORE


# Messages

MALFORMED = {
    "not JSON": b"[site]",
    "too large": b'{"id": "raw-1", "x": "' + b"x" * MAX_PAYLOAD_BYTES + b'"}',
    "ten thousand levels": b'{"id": ' + b"[" * 10_000 + b"]" * 10_000 + b"}",
    "a key twice": b'{"id": "a", "id": "b"}',
    "NaN": b'{"id": "a", "revision": NaN}',
    "a byte order mark": b"\xef\xbb\xbf{}",
    "bad UTF-8": b'{"id": "\xff"}',
    "NUL": b'{"id": "\\u0000"}',
    "no number": b'{"id": "a", "revision": "1"}',
}


def test_one_agent_lives_through_every_bad_message_and_takes_the_good_one(desk: Desk, agent: MakeAgent) -> None:
    """36, 37, 38, 44, 45 and 46, one after the other, on the same agent."""
    agent().start()
    desk.wait(SITE, "config/running")
    for why, raw in MALFORMED.items():
        now = desk.mark()
        desk.say(SITE, "config/desired", raw, retain=True)
        said = desk.wait(SITE, "config/reported", now, state="rejected", reason="malformed")
        assert said["errors"], why
    wrong = named("wrong", nothing={}, headcount={"window_s": "90"})
    wrong["power"]["loads"][0]["pin"] = 99
    wrong["power"]["loads"][1]["pin"] = wrong["power"]["button"]["pin"]
    desk.push(SITE, wrong, 1)
    said = desk.wait(SITE, "config/reported", state="rejected", reason="invalid", revision=1)
    paths = {each["path"] for each in said["errors"]}
    assert {"nothing", "headcount.window_s", "power.loads[0].pin"} <= paths
    assert any("17" in each["message"] for each in said["errors"]), "the pin of button and load"

    gone = named("gone")
    gone["checks"].append({"name": "second", "kind": "usb-camera", "usb": "046d:0001"})
    now = desk.mark()
    desk.push(SITE, gone, 2, confirm_within_s=0)
    said = desk.wait(SITE, "config/reported", now, state="rolled_back", reason="checks_worse")
    assert said["checks_worse"] == ["second"]  # 38: a camera that is absent is no mistake, and costs the push

    now, good = desk.mark(), named("good")
    id_ = desk.push(SITE, good, 3, base_revision=0)
    desk.say(SITE, "config/confirm", json.dumps({"id": id_}).encode(), retain=True)
    desk.wait(SITE, "config/reported", now, state="pending_confirm", checks_worse=[])
    desk.round_trip(SITE)
    assert ("applied", None) not in desk.reports(SITE, now), "45: a confirmation with the retain flag is none"
    desk.say(SITE, "config/desired", b"", retain=True)
    desk.confirm(SITE, id_)
    desk.wait(SITE, "config/reported", now, state="applied", revision=3)

    now = desk.mark()
    desk.say(SITE, "config/desired", b"", retain=True)
    desk.push(SITE, good, 4)
    desk.wait(SITE, "config/reported", now, state="applied", revision=4)
    assert set(desk.reports(SITE, now)) == {("applied", None)}, "44 and 45: nothing was tried for either"
    desk.push(SITE, named("older"), 3, id="older")
    desk.wait(SITE, "config/reported", now, state="rejected", reason="old_revision", id="older")
    desk.push(SITE, named("second technician"), REVISION_MAX, base_revision=3)
    desk.wait(SITE, "config/reported", now, state="rejected", reason="stale_base")
    assert desk.wait(SITE, "config/running", now, revision=4)["config"] == good
