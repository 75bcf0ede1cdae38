"""agent/core/power.py under random fingers, random relays and random answers: what may never happen."""

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from agent.core import checks as checks_core
from agent.core import power as core
from agent.core import restore
from agent.core.checks import Checks
from agent.core.commands import SetRelay
from agent.core.config import RoomConfig
from agent.core.events import (
    ButtonHeld,
    ButtonPressed,
    ButtonReleased,
    Event,
    HealthRead,
    LinkUp,
    LoadState,
    Probed,
    RelayFailed,
    RelaySet,
    Started,
    Stopping,
    Tick,
    UsbChanged,
)
from agent.core.parse import build
from tests.core.rig import BEGIN_S, examples, only

LOAD = st.fixed_dictionaries(
    {
        "settle_s": st.sampled_from([0, 0.3, 5]),
        "proof": st.sampled_from(["", "", "answers"]),
        "prove_within_s": st.sampled_from([0.5, 30]),
        "min_off_s": st.sampled_from([0, 4, 60]),
    }
)


class Fingers(RuleBasedStateMachine):
    """The power machine between a random finger, relays that may stick, and a check that comes and goes.

    Relays answer at once, as the runtime has it; every deadline gets its tick, and a button that stays down its hold.
    """

    JAMS = (True, False)  # the orders that a stuck relay refuses

    @initialize(
        loads=st.lists(LOAD, min_size=1, max_size=4),
        levels=st.lists(st.sampled_from(["on", "off"]), min_size=4, max_size=4),
        unread=st.sets(st.integers(0, 3), max_size=4),
    )
    def begin(self, loads: list[dict[str, Any]], levels: list[LoadState], unread: set[int]) -> None:
        named = [{"name": f"load-{i}", "pin": 2 + i, **load} for i, load in enumerate(loads)]
        check = {"name": "answers", "kind": "tcp", "address": "192.0.2.1:80"}
        self.config = build(RoomConfig, {"power": {"loads": named}, "checks": [check]})
        self.names = [load.name for load in self.config.power.loads]
        self.contacts: dict[str, LoadState] = dict(zip(self.names, levels, strict=False))
        read = {name: "unknown" if i in unread else self.contacts[name] for i, name in enumerate(self.names)}
        self.driven: dict[str, str] = dict(read)
        self.checks, self.now_s = Checks(), BEGIN_S
        self.stuck: set[str] = set()
        self.walked: list[int] = []
        self.pressed_at: str | None = None  # the state that the button was pressed at; None while it is up
        self.hold_at_s = float("inf")
        # A load that was not seen on may have gone off just before the start.
        self.went_off_s = {name: BEGIN_S for name, level in read.items() if level != "on"}
        self.power, moves = restore.begin(Started(read), None, "boot-1", BEGIN_S, self.config.power)  # type: ignore[arg-type]
        assert only(SetRelay, moves) == [], "nothing is known, so nothing moves"

    @precondition(lambda self: self.pressed_at is None)
    @rule()
    def press(self) -> None:
        self.pressed_at, self.hold_at_s = self.power.state, self.now_s + self.config.power.button.hold_s
        self.handle(ButtonPressed())

    @precondition(lambda self: self.pressed_at is not None)
    @rule()
    def release(self) -> None:
        self.pressed_at, self.hold_at_s = None, float("inf")
        self.handle(ButtonReleased())

    @precondition(lambda self: self.hold_at_s < float("inf"))
    @rule()
    def hold(self) -> None:
        self.pass_time(self.hold_at_s - self.now_s)

    @rule(seconds=st.sampled_from([0.1, 0.5, 1, 5, 31, 600]))
    def pass_time(self, seconds: float) -> None:
        until_s = self.now_s + seconds
        for _ in range(100):
            deadline_s = float("inf") if self.power.deadline_s is None else self.power.deadline_s
            due_s = min(deadline_s, self.hold_at_s)
            if due_s > until_s:
                self.now_s = until_s
                return
            self.now_s = max(self.now_s, due_s)
            if self.hold_at_s <= self.now_s:
                self.hold_at_s = float("inf")
                self.handle(ButtonHeld())
            else:
                self.handle(Tick())
        raise AssertionError("deadlines that never end")

    @rule(ok=st.booleans())
    def probe(self, ok: bool) -> None:
        self.handle(Probed("answers", ok))

    @rule(event=st.sampled_from([Stopping(), LinkUp(1), UsbChanged(()), Tick(), HealthRead({})]))
    def hear_of_something_else(self, event: Event) -> None:
        self.handle(event)

    @rule(number=st.integers(0, 3))
    def jam(self, number: int) -> None:
        self.stuck = {self.names[number % len(self.names)]}

    @rule()
    def free(self) -> None:
        self.stuck = set()

    @precondition(lambda self: self.pressed_at is None)
    @rule()
    def want_everything_off(self) -> None:
        """With relays that obey, a hold does it from wherever the room is."""
        self.free()
        self.pass_time(1000)
        if self.power.state != "off":
            self.press()
            self.pass_time(1000)
            self.release()
        assert set(self.contacts.values()) == {"off"}

    def handle(self, event: Event) -> None:
        before = self.power
        self.checks = checks_core.handle(self.checks, event, self.now_s, self.config)
        self.power, commands = core.handle(self.power, event, self.now_s, self.config.power, self.checks)
        if self.power.state != before.state:
            self.walked = []
        if isinstance(event, ButtonHeld) and self.pressed_at == "off":
            assert self.power == before, "the press that switches on grew into a hold"
        for order in only(SetRelay, commands):
            self.handle(self.switch(order))

    def switch(self, order: SetRelay) -> Event:
        place = self.names.index(order.load)
        assert self.power.state == ("starting" if order.on else "stopping")
        ahead = [each < place for each in self.walked] if order.on else [each > place for each in self.walked]
        assert all(ahead), f"{order} after {self.walked}"
        self.walked.append(place)
        if order.on:
            assert self.driven[order.load] != "on", f"{order.load} is switched on twice"
            assert self.pressed_at != "fault", "a press at a fault acts when the button comes up"
            least_s = self.config.power.loads[place].min_off_s
            assert self.now_s >= self.went_off_s.get(order.load, float("-inf")) + least_s
        else:
            self.driven[order.load] = "off"
            self.went_off_s[order.load] = self.now_s
        if order.on in self.JAMS and order.load in self.stuck:
            return RelayFailed(order.load, order.on, "stuck")
        self.contacts[order.load] = self.driven[order.load] = "on" if order.on else "off"
        return RelaySet(order.load, order.on)

    @invariant()
    def on_means_all_on_and_off_means_all_off(self) -> None:
        if self.power.state in ("on", "off"):
            assert set(self.contacts.values()) == {self.power.state}

    @invariant()
    def what_walks_has_a_deadline_and_what_rests_has_none(self) -> None:
        assert (self.power.deadline_s is not None) == (self.power.state in ("starting", "stopping"))
        assert (self.power.step is None) == (self.power.state in ("on", "off"))
        assert (self.power.reason is None) or self.power.state in ("fault", "stopping")

    @invariant()
    def no_load_is_thought_on_that_is_off(self) -> None:
        known = {name: state for name, state in self.power.loads.items() if state != "unknown"}
        assert known == {name: self.contacts[name] for name in known}

    @invariant()
    def a_button_that_is_up_cannot_grow_into_a_hold(self) -> None:
        if self.pressed_at is None:
            assert not self.power.finger.hold_counts
            assert not self.power.finger.tap_retries


TestFingers = Fingers.TestCase
TestFingers.settings = settings(examples(50), stateful_step_count=40)
