"""agent/core/actions.py: what a command does to the room, and what is on disk before it."""

import json
from typing import Any

import pytest

from agent.core.commands import Command, KeepResult, Publish, Restart, Send, SetRelay
from agent.core.contract import ALL_COMMAND
from agent.core.events import LinkUp, Memory, MessageReceived, ResultKept, UsbChanged
from tests.core.rig import CAMERA, Rig, frame, now_at, only, room_config, topics

OURS = "diemcau/v1/chi-linh/command"
ZONE = [[0.5, 0], [1, 0], [1, 1], [0.5, 1]]


class Site:
    """A room that is on, with a centre that sends commands."""

    def __init__(self, memory: Memory = Memory(), **sections: Any) -> None:
        self.rig = Rig(room_config(**sections))
        self.rig.start(memory, codec="on", display="on", lamp="on")
        self.rig.do(LinkUp(1))
        self.rig.do(UsbChanged((CAMERA,)))
        self.rig.said.clear()

    def count(self, people: int) -> None:
        """The eye sees so many for a while."""
        for _ in range(4):
            self.rig.wait(2)
            self.rig.do(frame(self.rig.now_s, people))

    def order(self, action: str, id_: str = "c-1", by: str = "an", topic: str = OURS, **args: Any) -> list[Command]:
        issued_at = now_at(self.rig.now_s).utc.isoformat()
        document = {"id": id_, "action": action, "args": args, "issued_by": by, "issued_at": issued_at}
        return self.rig.do(MessageReceived(topic, json.dumps(document).encode(), False, 30, self.rig.now_s))

    @property
    def answers(self) -> list[dict[str, Any]]:
        """Results so far, without what every message carries."""
        assert all(each["topic"] == "command/result" for each in self.rig.sent)
        return [{key: each[key] for key in ("id", "state", "reason", "result")} for each in self.rig.sent]

    @property
    def headcount(self) -> dict[str, Any]:
        return self.rig.said["headcount"]

    def after_a_restart(self) -> "Site":
        """The same box with what its disk kept."""
        kept = self.rig.kept
        gone = {each.instead_of for each in kept}
        recounts = tuple(each.recount for each in kept if each.recount and each.recount.command not in gone)
        return Site(Memory(tuple(each.settled for each in kept), recounts))


def done(id_: str, result: dict[str, Any]) -> dict[str, Any]:
    return {"id": id_, "state": "done", "reason": None, "result": result}


def test_a_recount_stands_beside_the_machines_number_in_the_next_headcount() -> None:
    site = Site()
    site.count(8)
    at = now_at(site.rig.now_s).utc.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    site.order("recount", people=10)
    assert site.answers == [done("c-1", {"people": 10, "value": 8, "error": 0.2})]
    site.rig.wait(0)
    assert site.rig.do(LinkUp(2))
    assert site.headcount["human"] == {"people": 10, "at": at, "by": "an", "value": 8}
    assert site.headcount["record"] == {"recounts": 1, "mean_error": 0.2, "worst_error": 0.2}
    kept = site.rig.kept[0].recount
    assert kept is not None
    assert (kept.people, kept.value, kept.state, kept.min, kept.max) == (10, 8, "ok", 8, 8)


def test_a_recount_is_a_line_of_the_history_once_it_is_on_disk() -> None:
    site = Site()
    site.count(8)
    site.order("recount", people=10)
    site.order("recount", "c-2", people=9)  # a typo is taken back within the minute
    lines = [each for each in site.rig.history if each["kind"] == "recount"]
    assert [(each["by"], each["severity"], each["detail"]) for each in lines] == [
        ("an", "info", {"people": 10, "value": 8, "error": 0.2}),
        ("an", "info", {"people": 9, "value": 8, "error": 0.1111, "replaced": 10}),
    ]


def test_a_recount_is_news_at_once() -> None:
    site = Site()
    site.count(8)
    commands = site.order("recount", people=10)
    assert topics(commands) == ["headcount"]
    assert site.headcount["human"]["people"] == 10


def test_the_answer_comes_after_the_disk_and_before_that_nothing_has_changed() -> None:
    site = Site()
    site.count(8)
    commands = site.order("recount", people=10)
    order = [type(each) for each in commands if isinstance(each, KeepResult | Publish | Send)]
    assert order == [KeepResult, Send, Publish]
    assert only(KeepResult, commands)[0].settled.result == {"people": 10, "value": 8, "error": 0.2}


def test_a_recount_while_the_machine_knows_nothing_is_kept_and_not_in_the_record() -> None:
    site = Site()
    site.order("recount", people=10)
    assert site.answers == [done("c-1", {"people": 10, "value": None, "error": None})]
    assert site.headcount["human"]["value"] is None
    assert site.headcount["record"] == {"recounts": 0, "mean_error": None, "worst_error": None}


def test_a_typo_is_taken_back_and_that_is_said() -> None:
    site = Site()
    site.count(8)
    site.order("recount", "c-1", people=100)
    site.count(8)
    site.order("recount", "c-2", people=10)
    assert site.answers[-1] == done("c-2", {"people": 10, "value": 8, "error": 0.2, "replaced": 100})
    assert site.headcount["record"] == {"recounts": 1, "mean_error": 0.2, "worst_error": 0.2}
    assert site.rig.kept[-1].instead_of == "c-1"
    assert site.after_a_restart().rig.room.recounts == site.rig.room.recounts


def test_the_record_is_there_again_after_a_restart() -> None:
    site = Site()
    site.count(8)
    site.order("recount", people=10)
    record = site.headcount["human"], site.headcount["record"]
    again = site.after_a_restart()
    again.rig.do(LinkUp(2))
    assert (again.headcount["human"], again.headcount["record"]) == record


def test_before_anybody_counted_the_fields_are_absent() -> None:
    site = Site()
    site.count(8)
    assert {"human", "record"}.isdisjoint(site.headcount)


@pytest.mark.parametrize("restart", [False, True])
def test_the_same_id_is_carried_out_once_and_answered_again(restart: bool) -> None:
    site = Site()
    site.count(8)
    site.order("recount", people=10)
    first = site.answers
    site = site.after_a_restart() if restart else site
    kept = len(site.rig.kept)
    site.order("recount", people=99)
    assert site.answers[-1:] == first
    assert len(site.rig.kept) == kept
    assert [each.people for each in site.rig.room.recounts] == [10]


def test_a_recount_that_cannot_be_written_has_failed_and_counts_for_nothing() -> None:
    site = Site()
    site.rig.disk_works = False
    site.order("recount", people=10)
    failed = {"id": "c-1", "state": "failed", "reason": "not_stored", "result": None}
    assert site.answers == [failed]
    assert site.rig.room.recounts == ()
    site.rig.disk_works = True
    site.order("recount", people=10)
    assert site.answers == [failed, failed]


def test_report_says_everything_again_at_once() -> None:
    site = Site()
    commands = site.order("report")
    assert {"status", "about", "power", "headcount", "health"} <= set(topics(commands))
    assert site.answers == [done("c-1", {})]


def test_report_works_with_a_disk_that_does_not() -> None:
    site = Site()
    site.rig.disk_works = False
    assert "power" in topics(site.order("report"))
    assert site.answers == [done("c-1", {})]


def test_everybody_can_be_asked_to_report_and_nothing_else() -> None:
    site = Site()
    assert "power" in topics(site.order("report", topic=ALL_COMMAND))
    site.order("recount", "c-2", topic=ALL_COMMAND, people=5)
    assert [each["state"] for each in site.answers] == ["done", "refused"]
    assert site.answers[-1]["reason"] == "not_for_all"


def test_aim_answers_with_geometry_and_changes_nothing() -> None:
    site = Site()
    site.count(3)
    commands = site.order("aim")
    result = site.answers[0]["result"]
    assert (site.answers[0]["state"], topics(commands)) == ("done", [])
    assert result.keys() == {"width", "height", "places", "include", "exclude", "set_aside"}
    assert (result["width"], result["height"], result["include"], result["set_aside"]) == (1920, 1080, [], [])
    assert result["exclude"] == [[[float(x), float(y)] for x, y in ZONE]]
    assert all(place.keys() == {"x", "y", "w", "h", "seen_share"} for place in result["places"])


def test_aim_before_the_first_frame_does_not_know_the_frame() -> None:
    site = Site()
    site.order("aim")
    result = site.answers[0]["result"]
    assert (result["width"], result["height"]) == (None, None)


def test_no_other_command_moves_a_relay() -> None:
    site = Site()
    actions = ["recount", "report", "aim", "identify", "restart"]
    commands = [each for number, action in enumerate(actions) for each in site.order(action, f"c-{number}", people=5)]
    assert only(SetRelay, commands) == []
    assert [each["state"] for each in site.answers] == ["done"] * 5


def test_each_answer_carries_what_every_message_does() -> None:
    site = Site()
    site.order("report")
    assert {"at", "session", "clock"} <= set(site.rig.sent[0])


@pytest.mark.parametrize("topic", ["diemcau/v1/nam-sach/command", "diemcau/v1/chi-linh/command/result"])
def test_a_command_for_somebody_else_is_none_for_us(topic: str) -> None:
    site = Site()
    site.order("recount", topic=topic, people=5)
    assert site.answers == []


@pytest.mark.parametrize("topic", [OURS, ALL_COMMAND])
def test_an_empty_payload_clears_what_was_never_stored_and_does_nothing(topic: str) -> None:
    site = Site()
    assert site.rig.do(MessageReceived(topic, b"", retain=True)) == []


def test_an_answer_of_the_disk_that_nobody_waits_for_changes_nothing() -> None:
    site = Site()
    before = site.rig.room
    site.rig.do(ResultKept("c-9", is_on_disk=True))
    assert site.rig.room == before


def test_a_thousand_commands_at_once_are_each_answered_once_and_few_reach_the_disk() -> None:
    site = Site()
    for number in range(1000):
        site.order("recount", f"c-{number}", people=5)
    assert [each["id"] for each in site.answers] == [f"c-{number}" for number in range(1000)]
    assert len(site.rig.kept) < 100
    assert {each["reason"] for each in site.answers} == {None, "too_many"}


def test_a_restart_is_ordered_once_its_result_is_on_disk_and_only_once() -> None:
    site = Site()
    commands = site.order("restart")
    assert only(Restart, commands) == [Restart()]
    assert site.answers == [done("c-1", {})]
    assert only(SetRelay, commands) == []
    again = site.after_a_restart()
    assert only(Restart, again.order("restart")) == []
    assert again.answers == [done("c-1", {})]
