"""agent/core/keeping.py: what could not be written is held and tried again, and nothing else waits for it."""

from pathlib import Path
from typing import Any

from agent.core import keeping
from agent.core.config import parse_room
from agent.core.contract import HistoryEvent
from agent.core.events import EyeReady, Kept, LinkRefused, LinkUp, Memory, Probed, UsbChanged
from agent.core.keeping import AGAIN_S, HELD_MAX, Keeper
from tests.core.rig import CAMERA, LONGEST_OFF_S, Rig, frame, room_config

MINUTES, LOOK_S = 10, 3

NOW_S = 5000.0
PLAIN = {"loads": [{"name": "codec", "pin": 5, "settle_s": 2}]}


def event(number: int = 0) -> HistoryEvent:
    facts: dict[str, Any] = {"at": "2012-11-20T07:30:00Z", "session": "s", "clock": "synced", "boot_id": "b"}
    return HistoryEvent.model_validate({**facts, "uptime_s": number, "kind": "power.changed", "severity": "info"})


def test_what_is_new_is_ordered_once_and_known_when_it_is_on_disk() -> None:
    keeper, (order,) = keeping.keep(Keeper(), {"power": "1"}, (event(),), NOW_S)
    assert keeping.keep(keeper, {"power": "1"}, (), NOW_S)[1] == []
    keeper = keeping.answered(keeper, is_on_disk=True, now_s=NOW_S)
    assert (keeper.facts, keeper.held) == ({"power": "1"}, ())
    assert keeping.keep(keeper, {"power": "1"}, (), NOW_S)[1] == []
    assert order.facts == {"power": "1"}  # type: ignore[attr-defined]


def test_what_happens_while_an_order_is_under_way_comes_with_the_next() -> None:
    keeper, _ = keeping.keep(Keeper(), {"power": "1"}, (event(1),), NOW_S)
    keeper, orders = keeping.keep(keeper, {"power": "2"}, (event(2),), NOW_S)
    assert orders == []
    keeper = keeping.answered(keeper, is_on_disk=True, now_s=NOW_S)
    _, (order,) = keeping.keep(keeper, {"power": "2"}, (), NOW_S)
    assert order.facts == {"power": "2"}  # type: ignore[attr-defined]
    assert [each.uptime_s for each in order.rows] == [2]  # type: ignore[attr-defined]


def test_a_disk_that_fails_is_tried_again_later_with_all_of_it() -> None:
    keeper, _ = keeping.keep(Keeper(), {"power": "1"}, (event(1),), NOW_S)
    keeper = keeping.answered(keeper, is_on_disk=False, now_s=NOW_S)
    keeper, orders = keeping.keep(keeper, {"power": "2"}, (event(2),), NOW_S + 1)
    assert (orders, keeper.deadline_s) == ([], NOW_S + AGAIN_S)
    _, (order,) = keeping.keep(keeper, {"power": "2"}, (), NOW_S + AGAIN_S)
    assert order.facts == {"power": "2"}  # type: ignore[attr-defined]
    assert [each.uptime_s for each in order.rows] == [1, 2]  # type: ignore[attr-defined]


def test_another_file_gets_all_that_is_known_also_what_is_nothing_now() -> None:
    keeper = Keeper({"power": "1"}, survives=False)  # the file has more, which could not be read
    keeper = keeping.answered(keeper, is_on_disk=True, now_s=NOW_S, lost_others=True)  # the disk is back
    keeper, (order,) = keeping.keep(keeper, {"power": "1", "conference": "null"}, (), NOW_S)
    assert order.facts == {"power": "1", "conference": "null"}  # type: ignore[attr-defined]
    keeper = keeping.answered(keeper, is_on_disk=True, now_s=NOW_S)
    assert not keeper.forgets
    assert keeping.keep(keeper, {"power": "1", "conference": "null"}, (), NOW_S)[1] == []


def test_a_room_whose_disk_is_back_writes_all_of_it_at_once_and_warns_no_more() -> None:
    rig = Rig(room_config(power=PLAIN))
    rig.start()
    rig.do(Kept(is_on_disk=True, survives=False, lost_others=True))
    known = dict(rig.facts)
    rig.facts.clear()
    rig.do(Kept(is_on_disk=True, lost_others=True))
    assert rig.facts == known != {}
    assert not rig.room.keeper.forgets


def test_what_is_held_is_bounded_and_the_newest_stay() -> None:
    keeper = keeping.answered(keeping.keep(Keeper(), {}, (event(),), NOW_S)[0], is_on_disk=False, now_s=NOW_S)
    for number in range(2 * HELD_MAX):
        keeper, _ = keeping.keep(keeper, {}, (event(number),), NOW_S)
    assert len(keeper.held) == HELD_MAX
    assert keeper.held[-1].uptime_s == 2 * HELD_MAX - 1
    assert keeper.dropped == HELD_MAX + 1


def test_what_went_unwritten_is_told_once_when_the_disk_works_again() -> None:
    rig = Rig(room_config(power=PLAIN))
    rig.start()
    rig.disk_works = False
    for number in range(HELD_MAX + 20):
        rig.do(LinkRefused(f"topic {number}"))
    rig.disk_works = True
    rig.wait(2 * AGAIN_S)
    gaps = [each["detail"] for each in rig.history if each["kind"] == "outbox.gap"]
    assert [(gap["from"], gap["to"], gap["why"]) for gap in gaps] == [(0, 0, "disk_failed")]
    told = [each["detail"]["what"] for each in rig.history if each["kind"] == "link.refused"]
    assert told == [f"topic {number}" for number in range(HELD_MAX + 20 - len(told), HELD_MAX + 20)]
    assert gaps[0]["count"] >= HELD_MAX + 20 - len(told) > 0


def switched(disk_works_at_on: bool) -> Rig:
    rig = Rig(room_config(power=PLAIN))
    rig.start()
    rig.wait(LONGEST_OFF_S)
    rig.disk_works = disk_works_at_on
    rig.tap()
    rig.wait(10)
    return rig


def test_a_room_that_was_switched_on_while_the_disk_failed_is_remembered_when_it_works_again() -> None:
    rig = switched(disk_works_at_on=False)
    assert "starting" not in rig.facts["power"]
    rig.disk_works = True
    rig.wait(AGAIN_S + 1)
    assert [each["detail"]["state"] for each in rig.history] == ["starting", "on"]
    after = Rig(rig.config, boot_id="boot-2")
    after.start(Memory(facts=dict(rig.facts)))
    assert after.room.power.state == "starting"


def test_a_failing_disk_is_asked_twice_a_minute_and_not_at_every_event() -> None:
    rig = switched(disk_works_at_on=False)
    asked: list[float] = []
    rig.on_keep = lambda: asked.append(rig.now_s)
    for _ in range(600):
        rig.tap()
        rig.wait(0.1)
    assert len(asked) <= 4


def test_a_conference_at_the_default_settings_is_a_commit_a_minute() -> None:
    """FAULTS 29: what a commit costs the card is measured by ``tests/bench/wear.py``; how many there are is ours."""
    text = (Path(__file__).resolve().parents[2] / "firmware-config" / "room.default.toml").read_text(encoding="utf-8")
    rig = Rig(parse_room(text, "room.default.toml", json_document=False))
    rig.start_long_ago()
    rig.do(LinkUp(1))
    rig.do(UsbChanged((CAMERA,)))
    rig.tap()
    rig.wait(30)
    rig.do(Probed("codec-answers", ok=True, address="192.168.1.20:5060"))
    rig.wait(30)
    watch = rig.room.eye.watch
    rig.do(EyeReady(watch, "yunet_n", "ab12"))
    commits: list[float] = []
    rig.on_keep = lambda: commits.append(rig.now_s)
    told = set()
    for look in range(60 * MINUTES // LOOK_S):
        rig.do(frame(rig.now_s, faces=10 + look // 25, watch=watch))
        rig.wait(LOOK_S)
        told.add(rig.said["headcount"]["value"])
    assert len(told) > 5  # people came and went
    assert MINUTES - 1 <= len(commits) <= MINUTES + 2
    assert rig.kept == []
