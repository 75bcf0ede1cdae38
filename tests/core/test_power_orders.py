"""agent/core/power_orders.py through the whole core: what a command does to the power, and how it ends."""

import json
from datetime import timedelta
from typing import Any

import pytest

from agent.core.commands import SetRelay, ShowLed
from agent.core.contract import Conference
from agent.core.events import LinkUp, Memory, MessageReceived, Settled
from tests.core.rig import LONGEST_OFF_S, Rig, now_at, only, room_config

TOPIC = "diemcau/v1/chi-linh/"
PLAIN = {
    "loads": [
        {"name": "codec", "pin": 5, "settle_s": 2},
        {"name": "display", "pin": 6, "settle_s": 2},
        {"name": "lamp", "pin": 13, "settle_s": 0, "min_off_s": 30},
    ]
}


class Site(Rig):
    """A box that hears commands."""

    def __init__(self, memory: Memory = Memory(), on: bool = False, **about: Any) -> None:
        super().__init__(room_config(power=PLAIN), **about)
        self.start(memory, **dict.fromkeys(("codec", "display", "lamp"), "on" if on else "off"))  # type: ignore[arg-type]
        self.do(LinkUp(1))
        self.wait(LONGEST_OFF_S)
        self.zero_s = self.now_s

    def order(self, action: str, id_: str, **args: Any) -> list[dict[str, Any]]:
        """Send a command; the answers that it has at once."""
        issued_at = now_at(self.now_s).utc.isoformat()
        document = {"id": id_, "action": action, "args": args, "issued_by": "an@tinh", "issued_at": issued_at}
        self.do(MessageReceived(TOPIC + "command", json.dumps(document).encode(), False, 30, self.now_s))
        return self.answers(id_)

    def answers(self, id_: str) -> list[tuple[str, str | None]]:
        return [(each["state"], each["reason"]) for each in self.sent if each["id"] == id_]

    def lock(self) -> None:
        now = now_at(self.now_s).utc
        live = Conference(id="c", starts_at=now - timedelta(hours=1), ends_at=now + timedelta(hours=1), lock=True)
        self.do(MessageReceived(TOPIC + "conference", live.model_dump_json(exclude_unset=True).encode(), True))


def test_the_room_comes_up_by_command_and_the_command_is_done_when_it_is() -> None:
    site = Site()
    assert site.order("power", "1", on=True) == [("accepted", None)]
    site.wait(1.9)
    assert (site.said["power"]["by"], site.said["power"]["who"]) == ("command", "an@tinh")
    site.wait(60)
    assert site.orders == [(0, "codec", True), (2, "display", True), (4, "lamp", True)]
    assert site.answers("1") == [("accepted", None), ("done", None)]
    assert [each["by"] for each in site.history] == ["command", "command"]


def test_and_goes_down_by_command_in_reverse() -> None:
    site = Site(on=True)
    site.order("power", "1", on=False)
    site.wait(60)
    assert [load for _, load, _ in site.orders] == ["lamp", "display", "codec"]
    assert site.answers("1")[-1] == ("done", None)


@pytest.mark.parametrize("on", [True, False])
def test_what_is_so_already_is_done_at_once(on: bool) -> None:
    site = Site(on=on)
    assert site.order("power", "1", on=on) == [("done", None)]
    assert site.order("load", "2", name="codec", on=on) == [("done", None)]
    assert site.orders == []


def test_a_fault_fails_the_command_and_names_the_step() -> None:
    site = Site()
    site.stuck = {"display"}
    site.order("power", "1", on=True)
    site.wait(60)
    assert site.answers("1") == [("accepted", None), ("failed", "display: stuck")]
    site.stuck.clear()
    site.order("power", "2", on=True)
    site.wait(60)
    assert site.answers("2")[-1] == ("done", None)


def test_a_wish_to_the_contrary_ends_the_one_before() -> None:
    site = Site()
    site.order("power", "1", on=True)
    site.wait(0.6)
    site.hold()
    assert site.answers("1") == [("accepted", None), ("failed", "superseded")]
    assert site.order("power", "2", on=True) == [("refused", "stopping")]


def test_two_who_want_the_same_both_get_it() -> None:
    site = Site()
    site.order("power", "1", on=True)
    site.wait(1)
    assert site.order("power", "2", on=True) == [("accepted", None)]
    site.wait(60)
    assert site.answers("1")[-1] == site.answers("2")[-1] == ("done", None)
    assert [load for _, load, _ in site.orders] == ["codec", "display", "lamp"]


def test_a_live_conference_is_not_switched_off_from_afar() -> None:
    site = Site(on=True)
    site.lock()
    assert site.order("power", "1", on=False) == [("refused", "locked")]
    assert site.order("load", "2", name="codec", on=False) == [("refused", "locked")]
    assert site.orders == []
    assert site.room.power.state == "on"


def test_one_load_by_itself_and_back() -> None:
    site = Site(on=True)
    assert site.order("load", "1", name="codec", on=False) == [("accepted", None), ("done", None)]
    assert site.said["power"]["state"] == "on"
    assert site.said["power"]["loads"] == {"codec": "off", "display": "on", "lamp": "on"}
    assert site.room.power.apart == {"codec"}
    site.wait(5)
    assert site.order("load", "2", name="codec", on=True)[-1] == ("done", None)
    assert (site.orders, site.room.power.apart) == ([(0, "codec", False), (5, "codec", True)], frozenset())
    assert [each["detail"]["loads"]["codec"] for each in site.history[1:]] == ["off", "on"]


def test_all_loads_come_on_again_when_the_room_is_asked_for() -> None:
    site = Site(on=True)
    site.order("load", "1", name="display", on=False)
    site.wait(5)
    assert site.order("power", "2", on=True) == [("accepted", None)]
    site.wait(10)
    assert site.answers("2")[-1] == ("done", None)
    assert site.orders == [(0, "display", False), (5, "display", True)]


def test_a_load_that_was_switched_on_in_a_dark_room_goes_off_with_the_room() -> None:
    site = Site()
    site.order("load", "1", name="display", on=True)
    assert site.room.power.state == "off"
    site.wait(5)
    assert site.order("power", "2", on=False) == [("accepted", None), ("done", None)]
    assert site.orders == [(0, "display", True), (5, "display", False)]


@pytest.mark.parametrize(
    ("prepare", "name", "on", "why"),
    [
        ((), "projector", True, "unknown_load"),
        ((("load", {"name": "lamp", "on": False}), 10), "lamp", True, "min_off: 20 s"),
        ((("load", {"name": "codec", "on": False}), 0.5), "codec", True, "too_soon"),
        ((("power", {"on": False}), 0.5), "codec", True, "stopping"),
    ],
)
def test_why_a_load_may_not_be_switched(prepare: Any, name: str, on: bool, why: str) -> None:
    site = Site(on=True)
    if prepare:
        (action, args), pause_s = prepare
        site.order(action, "0", **args)
        site.wait(pause_s)
    before = len(site.orders)
    assert site.order("load", "1", name=name, on=on) == [("refused", why)]
    assert len(site.orders) == before


def test_a_load_that_cannot_be_driven_fails_and_the_room_shows_a_fault() -> None:
    site = Site(on=True)
    site.stuck = {"display"}
    assert site.order("load", "1", name="display", on=False) == [("accepted", None), ("failed", "stuck")]
    assert (site.room.power.state, site.said["power"]["loads"]["display"]) == ("fault", "unknown")


def test_a_flood_of_toggles_does_not_wear_the_relay() -> None:
    site = Site(on=True)
    for number in range(1000):
        site.order("load", str(number), name="codec", on=bool(number % 2))
        site.wait(1.2)
    assert len(site.orders) <= 10 + 1200 / 30 + 1
    assert site.answers("999") == [("refused", "too_many")]


def test_a_flood_of_the_same_wish_is_bounded() -> None:
    site = Site()
    for number in range(100):
        site.order("power", str(number), on=True)
        site.wait(0.2)
        assert len(site.facts["power"]) < 4000
    assert site.answers("99") == [("done", None)]
    assert len(site.orders) == 3


def test_who_switched_a_load_is_who_did_it_and_a_line_that_drops_is_nobodys() -> None:
    site = Site()
    site.tap()
    site.wait(60)
    site.order("load", "1", name="display", on=False)
    assert (site.history[-1]["by"], site.history[-1]["detail"]["who"]) == ("command", "an@tinh")
    site.wait(5)
    site.contacts["codec"] = "off"
    site.wait(60)
    last = site.history[-1]
    assert (last["by"], last["detail"]["reason"], last["detail"]["step"]) == (None, "level_changed", "codec")
    assert "who" not in last["detail"]


def kept_by(site: Site) -> Memory:
    settled = {each.settled.id: each.settled for each in site.kept}
    return Memory(tuple(settled.values()), facts=dict(site.facts))


@pytest.mark.parametrize(
    ("boot_id", "codec", "end"),
    [("boot-1", "on", ("done", None)), ("boot-2", "off", ("done", None))],
    ids=["restart", "power cut"],
)
def test_a_command_that_a_restart_cut_short_still_gets_its_end(boot_id: str, codec: Any, end: Any) -> None:
    before = Site()
    before.order("power", "1", on=True)
    after = Rig(before.config, boot_id=boot_id)
    after.now_s = before.now_s
    after.start(kept_by(before), codec=codec)
    after.wait(100)
    assert [(each["state"], each["reason"]) for each in after.sent] == [end]
    assert after.room.power.orders == ()


def test_a_command_that_was_accepted_and_lost_has_failed() -> None:
    before = Site()
    before.order("power", "1", on=True)
    lost = Memory(kept_by(before).settled)
    after = Rig(before.config)
    after.start(lost)
    assert [(each["id"], each["state"], each["reason"]) for each in after.sent] == [("1", "failed", "interrupted")]
    assert after.orders == []


def test_a_stand_in_config_ends_no_command_and_a_final_state_is_the_last() -> None:
    before = Site()
    before.order("power", "1", on=True)
    stand_in = Rig(room_config(power={}, checks=[], camera={}), stands_in=True)
    stand_in.now_s = before.now_s
    stand_in.start(kept_by(before))
    stand_in.wait(100)
    assert stand_in.sent == []
    # The power went just after the final result was written and before the power's own fact was.
    finished = [Settled(each.id, each.at, "done", None, {}) for each in kept_by(before).settled]
    after = Rig(before.config)
    after.start(Memory(tuple(finished), facts=dict(before.facts)), codec="on")
    after.wait(200)
    assert after.sent == []


def test_where_no_loads_are_known_a_command_that_switches_is_refused_and_every_other_has_its_end() -> None:
    site = Site(stands_in=True)
    site.orders.clear()
    for number, (action, args) in enumerate(
        (("power", {"on": True}), ("power", {"on": False}), ("load", {"name": "codec", "on": True}))
    ):
        assert site.order(action, str(number), **args) == [("refused", "files_broken")]
    assert site.order("report", "r") == [("done", None)]
    assert only(SetRelay, site.orders) == []


def test_the_same_command_twice_moves_once() -> None:
    site = Site()
    site.order("power", "1", on=True)
    site.wait(60)
    site.hold()
    site.wait(60)
    site.orders.clear()
    assert site.order("power", "1", on=True)[-1] == ("done", None)
    site.wait(60)
    assert site.orders == []


def test_a_disk_that_cannot_be_written_keeps_nobody_from_the_power() -> None:
    site = Site()
    site.disk_works = False
    site.order("power", "1", on=True)
    site.wait(60)
    assert site.answers("1")[-1] == ("done", None)


def test_identify_shows_on_the_lamp_and_ends_by_itself() -> None:
    site = Site()
    site.order("identify", "1", for_s=20)
    assert site.answers("1") == [("done", None)]
    assert site.room.led == ShowLed("identify")
    site.wait(19.9)
    assert site.room.led == ShowLed("identify")
    site.wait(0.1)
    assert site.room.led == ShowLed("off")
    assert only(SetRelay, site.wait(60)) == []


@pytest.mark.parametrize(
    ("action", "args"),
    [
        ("power", {}),
        ("power", {"on": "yes"}),
        ("power", {"on": 1}),
        ("load", {"on": True}),
        ("load", {"name": "codec"}),
        ("load", {"name": "", "on": True}),
        ("identify", {"for_s": 0}),
        ("identify", {"for_s": 1e9}),
        ("identify", {"for_s": "long"}),
    ],
)
def test_args_that_are_none_are_refused(action: str, args: dict[str, Any]) -> None:
    site = Site()
    ((state, reason),) = site.order(action, "1", **args)
    assert state == "refused"
    assert reason.startswith("malformed: args.")
    assert site.orders == []
