"""The whole core under a random life: fingers, commands, conferences, restarts, power cuts, relays that stick.

Whatever the sequence, a load is never switched on twice, never before its least time off is over, and a room in a live
conference is never cut without two holds of the button. ``test_power_fingers.py`` is the same for the machine alone.
"""

import json
import os
from datetime import timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from agent.core import schedule
from agent.core.button import HOLD_AGAIN_WITHIN_S
from agent.core.commands import Command, SetRelay
from agent.core.contract import Conference
from agent.core.events import ButtonHeld, ButtonPressed, ButtonReleased, Event, LinkUp, Memory, MessageReceived, Probed
from tests.core.rig import Rig, examples, now_at, room_config

TOPIC = "diemcau/v1/chi-linh/"
NAMES = ("codec", "display", "lamp")
LOADS = [
    {"name": "codec", "pin": 5, "settle_s": 3, "proof": "codec-answers", "prove_within_s": 20, "min_off_s": 10},
    {"name": "display", "pin": 6, "settle_s": 0.5},
    {"name": "lamp", "pin": 13, "settle_s": 0, "min_off_s": 40},
]


class Box(Rig):
    """A rig whose relays look at each order before they obey."""

    def __init__(self, life: "Life", restore: str, boot: int) -> None:
        super().__init__(room_config(power={"loads": LOADS, "restore": restore}), boot_id=f"boot-{boot}")
        self.life = life

    def _answer(self, command: Command) -> Event | None:
        if isinstance(command, SetRelay):
            self.life.look_at(command)
        return super()._answer(command)


class Life(RuleBasedStateMachine):
    """One box over many starts of its agent and its machine."""

    @initialize(restore=st.sampled_from(["last", "off", "on"]), on=st.booleans(), live=st.booleans())
    def begin(self, restore: str, on: bool, live: bool) -> None:
        self.restore, self.boot, self.ids = restore, 1, 0
        self.hold_at_s, self.held_s, self.may_stop = float("inf"), float("-inf"), False
        self.is_down = self.is_restart = self.goes_on = False
        self.went_off_s: dict[str, float] = {}
        self.box = Box(self, restore, self.boot)
        self.started_s = self.box.now_s
        self.box.start(**dict.fromkeys(NAMES, "on" if on else "off"))  # type: ignore[arg-type]
        self.box.do(LinkUp(1))
        if live:
            self.plan(lock=True, begins_in_s=-100, minutes=None, number=1)

    @property
    def locked(self) -> bool:
        return schedule.is_live(self.box.room.conference, now_at(self.box.now_s, self.box.synced))

    def look_at(self, order: SetRelay) -> None:
        load = self.box.config.load(order.load)
        assert load is not None
        if order.on:
            assert self.box.contacts[order.load] != "on", f"{order.load} is switched on twice"
            off_since_s = self.went_off_s.get(order.load, self.started_s)
            assert self.box.now_s >= off_since_s + load.min_off_s, f"{order.load} was not off for long enough"
            return
        self.went_off_s[order.load] = self.box.now_s
        assert self.may_stop or not self.locked, f"{order.load} is cut in a live conference"
        assert self.may_stop or self.goes_on or not self.is_restart, f"{order.load} is cut by a restart of the agent"

    def do(self, event: Event) -> None:
        """Handle an event. A stop that has begun may end, also if a lock comes meanwhile."""
        self.may_stop = self.may_stop or not self.locked
        self.box.do(event)
        self.may_stop = self.box.room.power.state == "stopping"

    @precondition(lambda self: not self.is_down)
    @rule()
    def press(self) -> None:
        self.is_down, self.hold_at_s = True, self.box.now_s + self.box.config.power.button.hold_s
        self.do(ButtonPressed())

    @precondition(lambda self: self.is_down)
    @rule()
    def let_go(self) -> None:
        self.is_down, self.hold_at_s = False, float("inf")
        self.do(ButtonReleased())

    @precondition(lambda self: not self.is_down)
    @rule(times=st.integers(1, 3))
    def hold(self, times: int) -> None:
        for _ in range(times):
            self.press()
            self.pass_time(self.box.config.power.button.hold_s)
            self.let_go()

    @precondition(lambda self: not self.is_down)
    @rule(locks=st.booleans())
    def come_up(self, locks: bool) -> None:
        """What people do most: press, and wait until the room is on. Then perhaps the conference begins."""
        self.box.stuck = set()
        if self.box.room.power.state in ("off", "fault"):
            self.press()
            self.let_go()
        self.pass_time(45)
        self.probe(ok=True)
        self.pass_time(45)
        if locks:
            self.plan(lock=True, begins_in_s=-100, minutes=None, number=1)

    @rule(seconds=st.sampled_from([0.1, 0.6, 2, 8, 12, 45, 700]))
    def pass_time(self, seconds: float) -> None:
        until_s = self.box.now_s + seconds
        if self.hold_at_s <= until_s:
            self.box.wait(self.hold_at_s - self.box.now_s)
            self.hold_at_s = float("inf")
            # The second of two holds within the time that the lamp shows for it: it has to begin in time.
            again_s = HOLD_AGAIN_WITHIN_S + self.box.config.power.button.hold_s
            self.may_stop = self.may_stop or self.box.now_s - self.held_s < again_s
            self.held_s = self.box.now_s
            self.do(ButtonHeld())
        self.box.wait(until_s - self.box.now_s)
        self.may_stop = self.box.room.power.state == "stopping"

    @rule(on=st.booleans(), name=st.sampled_from([None, *NAMES]), again=st.sampled_from([False, False, False, True]))
    def command(self, on: bool, name: str | None, again: bool) -> None:
        self.ids += 0 if again else 1
        args: dict[str, Any] = {"on": on} if name is None else {"on": on, "name": name}
        issued_at = now_at(self.box.now_s).utc.isoformat()
        document = {"id": str(self.ids), "action": "load" if name else "power", "args": args, "issued_by": "an"}
        raw = json.dumps({**document, "issued_at": issued_at}).encode()
        self.do(MessageReceived(TOPIC + "command", raw, False, 30, self.box.now_s))

    @precondition(lambda self: self.box.room.power.state == "on")
    @rule(name=st.sampled_from([None, *NAMES]))
    def command_off(self, name: str | None) -> None:
        self.command(on=False, name=name, again=False)

    @rule(
        lock=st.booleans(),
        begins_in_s=st.sampled_from([-100, 5, 900]),
        minutes=st.sampled_from([None, 0, 10]),
        number=st.integers(1, 3),
    )
    def plan(self, lock: bool, begins_in_s: float, minutes: float | None, number: int) -> None:
        begins = now_at(self.box.now_s).utc + timedelta(seconds=begins_in_s)
        planned = Conference(
            id=f"c-{number}",
            starts_at=begins,
            ends_at=begins + timedelta(hours=1),
            lock=lock,
            power_on_minutes=minutes,
        )
        self.do(MessageReceived(TOPIC + "conference", planned.model_dump_json().encode(), True))

    @rule()
    def clear_the_plan(self) -> None:
        self.do(MessageReceived(TOPIC + "conference", b"", True))

    @rule(synced=st.booleans())
    def set_the_clock(self, synced: bool) -> None:
        self.box.synced = synced

    @rule(name=st.sampled_from(NAMES), ok=st.booleans())
    def jam_or_free(self, name: str, ok: bool) -> None:
        self.box.stuck = set() if ok else {name}

    @rule(works=st.sampled_from([True, True, False]))
    def wear_out_or_replace_the_card(self, works: bool) -> None:
        self.box.disk_works = works

    @precondition(lambda self: not self.is_down)
    @rule(locks=st.booleans())
    def boot_with_a_dead_card(self, locks: bool) -> None:
        """From then on the disk tells of an earlier boot, and by chance nobody would come to this."""
        self.box.disk_works = False
        self.cut_the_power()
        self.come_up(locks)

    @rule(ok=st.booleans())
    def probe(self, ok: bool) -> None:
        self.do(Probed("codec-answers", ok))

    @rule(dropped=st.booleans(), was_seen=st.sampled_from([True, True, False]))
    def restart_the_agent(self, dropped: bool, was_seen: bool) -> None:
        """``was_seen``: the run before has left a sign of its life, as it does on every box."""
        contacts = dict.fromkeys(NAMES, "off") if dropped else dict(self.box.contacts)
        self.is_restart = was_seen
        self.start_again(contacts, self.box.now_s if was_seen else None)
        self.is_restart = False

    @rule()
    def cut_the_power(self) -> None:
        self.boot += 1
        self.start_again(dict.fromkeys(NAMES, "off"))

    def start_again(self, contacts: dict[str, Any], alive_s: float | None = None) -> None:
        before = self.box
        self.is_down, self.hold_at_s, self.held_s = False, float("inf"), float("-inf")
        self.box = Box(self, self.restore, self.boot)
        self.box.synced, self.box.now_s = before.synced, before.now_s
        self.box.facts, self.box.disk_works = dict(before.facts), before.disk_works
        self.started_s, self.went_off_s = self.box.now_s, {}
        # A stop that the end of the agent cut short goes on, but for a room that is locked.
        kept = json.loads(before.facts.get("power", "{}")).get("state")
        self.goes_on = kept == "stopping"
        self.may_stop = False
        settled = {each.settled.id: each.settled for each in before.kept}
        self.box.kept = list(before.kept)
        memory = Memory(tuple(settled.values()), facts=dict(before.facts))
        self.box.start(memory, alive_s=alive_s, **contacts)
        self.may_stop = self.box.room.power.state == "stopping"
        self.box.do(LinkUp(1))

    @invariant()
    def what_the_disk_knows_is_what_is(self) -> None:
        if "power" in self.box.facts and self.box.room.keeper.deadline_s is None:
            kept = json.loads(self.box.facts["power"])
            assert (kept["state"], kept["boot_id"]) == (self.box.room.power.state, f"boot-{self.boot}")

    @invariant()
    def what_is_said_is_what_is(self) -> None:
        power = self.box.room.power
        assert power.state not in ("on", "off") or all(
            (level == power.state) != (name in power.apart) for name, level in power.loads.items()
        )
        for name, level in power.loads.items():
            assert level in ("unknown", self.box.contacts[name])

    @invariant()
    def an_order_waits_only_while_the_room_is_on_its_way(self) -> None:
        power = self.box.room.power
        assert power.orders == () or power.state in ("starting", "stopping")


TestLife = Life.TestCase
TestLife.settings = settings(examples(80 if os.environ.get("DIEMCAU_FULL") else 40), stateful_step_count=50)
