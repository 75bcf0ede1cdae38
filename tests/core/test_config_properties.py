"""The whole core under a random life of its config: pushes good and bad, technicians, outages, fingers, power cuts.

Whatever the sequence, the last good config is one that somebody has confirmed (or that its checks have), what is said
to run does run, an update is tried once, no wiring changes under a room that is on, and nothing stays open at the end.
"""

import json
import os
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from agent.core.commands import Command, PromoteCandidate, SetRelay, StageCandidate
from agent.core.config_document import digest
from agent.core.events import ButtonHeld, ButtonPressed, ButtonReleased, ConfigConfirmed, ConfigOffered, Event
from tests.core.config_bed import ConfigRig, PowerCut, desired, document, with_pin, with_window
from tests.core.rig import examples

GOOD = [document(), with_window(30), with_window(40), with_pin(19), with_pin(20)]
WORSE = document()
WORSE["checks"][1]["usb"] = "dead:beef"
ANOTHER = document()
ANOTHER["checks"][0]["address"] = "192.0.2.99:5060"
BAD: list[Any] = [document(site={"nmae": "x"}), with_pin(5), with_pin(99), {"power": 7}, []]
INVERTED = document()
INVERTED["power"]["loads"][2]["active_high"] = False
SWAPPED = document()
SWAPPED["power"]["loads"].reverse()
CONFIGS = st.sampled_from([*GOOD, WORSE, ANOTHER, INVERTED, SWAPPED, *BAD])


class Box(ConfigRig):
    """A rig that knows which updates were tried and what may be the last good one, and that no config moves a line."""

    def __init__(self) -> None:
        super().__init__()
        self.tried: list[str] = []
        self.approved = {digest(document())}

    def _answer(self, command: Command) -> Event | None:
        levels = dict(self.levels)
        if isinstance(command, PromoteCandidate):
            self._approves_itself()
        answer = super()._answer(command)
        if isinstance(command, StageCandidate) and self.folder_works:
            self.tried.append(json.loads(command.text)["id"])
        assert isinstance(command, SetRelay) or self.levels == levels
        return answer

    def _approves_itself(self) -> None:
        """With nobody to confirm, its checks have to be known, and none of them worse."""
        candidate, trial = self.room.update.candidate, self.room.update.trial
        if candidate is not None and trial is not None and not candidate.desired.confirm_within_s:
            self.approved |= {digest(candidate.desired.config)} if trial.worse == () else set()


class Life(RuleBasedStateMachine):
    """One box and its technicians."""

    @initialize()
    def begin(self) -> None:
        self.box = Box()
        self.ids = self.revision = 0
        self.box.begin()

    @property
    def _candidate(self) -> Any:
        return self.box.room.update.candidate

    def _approve(self) -> None:
        if self._candidate is not None:
            self.box.approved.add(digest(self._candidate.desired.config))

    def _guarded(self, act: Any, cut_at: int = 0) -> None:
        """Do something; with ``cut_at`` the plug is pulled before the order of that number, and the box boots."""
        self.box.wrote, self.box.cut_at = 0, cut_at
        try:
            act()
        except PowerCut:
            self.box.cut_at = 0
            self.box.begin()
        self.box.cut_at = 0

    @rule(
        config=CONFIGS, step=st.sampled_from([1, 1, 1, 0, -1, 5]), base=st.sampled_from([None, None, "runs", 0, 99]),
        within_s=st.sampled_from([0, 20, 120]), cut_at=st.sampled_from([0, 0, 0, 1, 2, 3, 4]), is_local=st.booleans(),
    )  # fmt: skip
    def push(self, config: Any, step: int, base: Any, within_s: int, cut_at: int, is_local: bool) -> None:
        self.ids += 1
        self.revision = max(1, self.revision + step)
        fields: dict[str, Any] = {"id": f"u{self.ids}", "confirm_within_s": within_s}
        if base is not None:
            running = self.box.room.update.running
            fields["base_revision"] = (running.revision or 0 if running else 0) if base == "runs" else base
        message = desired(config, self.revision, **fields)
        raw = json.dumps(message).encode()
        offer = (lambda: self.box.do(ConfigOffered(raw))) if is_local else (lambda: self.box.raw(raw))
        self._guarded(offer, cut_at)

    @rule(raw=st.one_of(st.binary(max_size=40), st.sampled_from([b"", b"[" * 5000, b'{"id": 1}', b"\xef\xbb\xbf{}"])))
    def push_nonsense(self, raw: bytes) -> None:
        self.box.raw(raw)

    @rule(is_right=st.booleans(), cut_at=st.sampled_from([0, 0, 1]), is_local=st.booleans())
    def confirm(self, is_right: bool, cut_at: int, is_local: bool) -> None:
        id_ = self._candidate.desired.id if is_right and self._candidate is not None else "nobody"
        if is_right:
            self._approve()
        self._guarded(
            (lambda: self.box.do(ConfigConfirmed(id_))) if is_local else (lambda: self.box.confirm(id_)), cut_at
        )

    @rule(seconds=st.sampled_from([0.5, 5, 25, 70, 400]), cut_at=st.sampled_from([0, 0, 0, 1, 2]))
    def pass_time(self, seconds: float, cut_at: int) -> None:
        self._guarded(lambda: self.box.wait(seconds), cut_at)

    @rule(up=st.booleans(), acks=st.sampled_from([True, True, False]))
    def change_line(self, up: bool, acks: bool) -> None:
        self.box.acks = acks
        if up != self.box.is_up:
            self.box.up() if up else self.box.down()

    @rule(ok=st.booleans())
    def answer(self, ok: bool) -> None:
        self.box.answers(ok=ok)

    @rule(
        works=st.sampled_from([True, True, False]), writes=st.sampled_from([True, True, False]),
        refused=st.sampled_from([(), (), ("power.button",)]),
    )  # fmt: skip
    def change_box(self, works: bool, writes: bool, refused: tuple[str, ...]) -> None:
        self.box.folder_works, self.box.disk_works, self.box.refused = works, writes, refused

    @rule()
    def come_up(self) -> None:
        if self.box.room.power.state in ("off", "fault"):
            self.box.tap()
        self.box.wait(30)
        self.box.answers()
        self.box.wait(45)

    @rule()
    def go_down(self) -> None:
        if self.box.room.power.state == "off":
            return  # a press would be a start
        self.box.do(ButtonPressed())
        self.box.wait(4)
        self.box.do(ButtonHeld())
        self.box.do(ButtonReleased())
        self.box.wait(30)

    @rule()
    def restart(self) -> None:
        self.box.begin()

    @invariant()
    def what_is_said_to_run_runs(self) -> None:
        if hasattr(self, "box"):
            self.box.is_consistent()

    @invariant()
    def the_last_good_one_was_confirmed(self) -> None:
        if hasattr(self, "box"):
            assert digest(self.box.disk["room.json"]) in self.box.approved

    @invariant()
    def an_update_is_tried_once(self) -> None:
        if hasattr(self, "box"):
            assert len(self.box.tried) == len(set(self.box.tried))

    @invariant()
    def at_rest_the_last_good_one_runs(self) -> None:
        if hasattr(self, "box") and self.box.room.update.phase == "resting" and self.box.room.update.running:
            assert self.box.room.update.running.document == self.box.disk["room.json"]

    def teardown(self) -> None:
        """With everything at work and the room off, nothing stays open."""
        if not hasattr(self, "box"):
            return
        self.box.folder_works, self.box.disk_works, self.box.refused, self.box.acks = True, True, (), True
        if not self.box.is_up:
            self.box.up()
        self.box.wait(130)  # the longest time to confirm
        if self.box.driven_on:  # somebody has; nobody comes for a room that only reads on
            self.go_down()
        self.box.answers()
        self.box.wait(600)
        update = self.box.room.update
        assert (update.phase, update.waiting, update.candidate) == ("resting", None, None)


TestLife = Life.TestCase
TestLife.settings = settings(examples(60 if os.environ.get("DIEMCAU_FULL") else 25), stateful_step_count=30)
