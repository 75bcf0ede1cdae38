"""agent/room_parts.py: another config on parts that run, with all that is done to a line written down."""

import json
import queue
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gpiozero
import pytest
from gpiozero.pins.mock import MockFactory

from agent.adapters.agent_db import AgentDb
from agent.adapters.outbox import Outbox
from agent.core.commands import ApplyConfig, ReadRelays, SetRelay, ShowLed
from agent.core.config import RoomConfig
from agent.core.events import (
    ButtonPressed,
    ConfigApplied,
    Event,
    Probed,
    RelayFailed,
    RelaySet,
    RelaysRead,
    UsbChanged,
)
from agent.room_parts import RoomParts
from hw.simulated.usb_bus import SimulatedUsb
from tests.adapters.test_history_rows import gap_event
from tests.conftest import PATIENCE_S, wait_for
from tests.hw.conftest import RecordedPin, Shelf

BUTTON, LED, CODEC, DISPLAY, LAMP = 17, 27, 5, 6, 13
LOADS = ({"name": "codec", "pin": CODEC, "active_high": False}, {"name": "display", "pin": DISPLAY})
CAMERA = {"name": "camera-main", "kind": "usb-camera", "usb": "046d:085e"}


class Board(MockFactory):  # type: ignore[misc]  # gpiozero has no types
    """Mock lines that write down what is done to them, and for which a shelf can keep descriptors, of a file."""

    def __init__(self, folder: Path) -> None:
        super().__init__(pin_class=RecordedPin)
        self.file = (folder / "line").open("w+")

    def take(self, name: int, fd: int) -> None:
        raise AssertionError("no earlier run left anything")

    def descriptor(self, name: int) -> int:
        return self.file.fileno()

    def line_info(self, offset: int) -> Any:
        raise OSError

    def done(self) -> dict[int, list[str]]:
        """What was done to each line since this was asked last; only lines to which something was."""
        pins = {pin.info.name: pin for pin in self.pins.values()}
        done = {int(name.removeprefix("GPIO")): list(pin.done) for name, pin in pins.items() if pin.done}
        for pin in pins.values():
            pin.done.clear()
        return done

    def close(self) -> None:
        super().close()
        self.file.close()


class Bench:
    """What ``RoomParts`` runs on: a board, a bus and nothing else."""

    film = None
    debounce = False

    def __init__(self, folder: Path, inbox: Callable[[Event], None]) -> None:
        self.board = Board(folder)
        self.usb = SimulatedUsb(room().checks, inbox)
        self.is_opened = False

    @property
    def factory(self) -> Board:
        self.is_opened = True
        return self.board

    def wire(self, power: object) -> None:
        pass

    def meet_mishap(self) -> tuple[str, ...]:
        return ()


def room(loads: Any = LOADS, checks: Any = (CAMERA,), **power: Any) -> RoomConfig:
    text = json.dumps({"power": {"loads": list(loads), **power}, "checks": list(checks)})
    return RoomConfig.model_validate_json(text)


class Room:
    """Parts that run, with both loads on, and what they say."""

    def __init__(self, folder: Path) -> None:
        self.events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self.bench = Bench(folder, self.events.put)
        self.board = self.bench.board
        self.shelf = Shelf()
        self.db = AgentDb(folder / "agent.db")
        self.db.start()
        self.outbox = Outbox(self.db, RoomConfig().reporting, gap_event)
        self.parts: RoomParts | None = None

    def run(self, config: RoomConfig, **how: Any) -> RoomParts:
        self.board.pin(CODEC).drive_low()
        self.board.pin(DISPLAY).drive_high()
        self.board.done()
        parts = RoomParts(config, self.bench, self.outbox, self.events.put, self.shelf, **how)  # type: ignore[arg-type]
        self.parts = parts
        parts.start()
        if not how:
            assert parts.states() == {"codec": "on", "display": "on"}
            self.next(UsbChanged)
            self.board.done()
        return parts

    def next(self, kind: type[Event]) -> Event:
        while not isinstance(event := self.events.get(timeout=PATIENCE_S), kind):
            pass
        return event

    def press(self, pin: int) -> None:
        self.board.pin(pin).drive_low()
        self.board.pin(pin).drive_high()

    def close(self) -> None:
        if self.parts is not None:
            self.parts.close()
        self.db.close()
        self.shelf.close()
        self.board.close()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Room]:
    site = Room(tmp_path)
    yield site
    site.close()


def listening() -> socket.socket:
    end = socket.create_server(("127.0.0.1", 0))
    end.listen()
    return end


def probing() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name.startswith("probe ")}


@pytest.mark.parametrize(
    "other",
    [
        room(),
        room([{**LOADS[0], "settle_s": 9, "proof": "camera-main"}, LOADS[1]]),
        room(restore="off"),
        room(checks=[CAMERA, {"name": "camera-two", "kind": "usb-camera", "usb": "046d:0001"}]),
        room().model_copy(update={"reporting": RoomConfig().reporting.model_copy(update={"heartbeat_s": 5})}),
    ],
    ids=["the same", "settle and proof", "restore", "USB check", "reporting"],
)
def test_what_no_part_is_wired_by_touches_no_part(site: Room, other: RoomConfig) -> None:
    parts = site.run(room())
    assert parts.apply(other) == ConfigApplied((), None)
    assert site.board.done() == {}
    site.press(BUTTON)
    assert site.events.get(timeout=PATIENCE_S) == ButtonPressed(), "and nothing was said before, of the bus say"


def test_other_loads_leave_lamp_button_and_lines_that_stay_alone(site: Room) -> None:
    parts = site.run(room())
    applied = parts.apply(room([{"name": "lamp", "pin": LAMP}, {**LOADS[0], "name": "vc"}]))
    assert applied == ConfigApplied((), {"lamp": "off", "vc": "on"})
    assert site.board.done() == {DISPLAY: ["input", "closed"], LAMP: ["output"]}
    assert site.shelf.kept_names() == ["gpio5", "gpio13"]


def test_all_loads_called_otherwise_touch_no_line_at_all(site: Room) -> None:
    parts = site.run(room())
    other = room([{**LOADS[1], "name": "codec"}, {**LOADS[0], "name": "display"}])
    assert parts.apply(other) == ConfigApplied((), {"codec": "on", "display": "on"})
    assert site.board.done() == {}


def test_a_button_that_is_elsewhere_is_heard_there_and_not_where_it_was(site: Room) -> None:
    parts = site.run(room())
    assert parts.apply(room(button={"pin": 22})) == ConfigApplied((), None)
    assert set(site.board.done()) == {BUTTON, 22}
    site.press(BUTTON)
    assert site.events.empty()
    site.press(22)
    assert site.events.get(timeout=PATIENCE_S) == ButtonPressed()


def test_a_lamp_that_is_elsewhere_shows_there_what_it_showed(site: Room) -> None:
    parts = site.run(room())
    handlers = parts.handlers()
    handlers[ShowLed](ShowLed("ready"))
    wait_for(lambda: site.board.pin(LED).state, "the lamp is lit")
    handlers[ApplyConfig](ApplyConfig(room(led={"pin": 22})))
    wait_for(lambda: site.board.pin(22).state, "the lamp is lit at its new place")
    assert not site.board.pin(LED).state
    handlers[ShowLed](ShowLed("off"))
    wait_for(lambda: not site.board.pin(22).state, "and takes orders there")
    assert {CODEC, DISPLAY, BUTTON}.isdisjoint(site.board.done())


def test_button_lamp_and_loads_may_change_places(site: Room) -> None:
    """Everybody takes a pin that somebody else had."""
    parts = site.run(room([{"name": "codec", "pin": CODEC}]), spared_pins=frozenset())
    swapped = room([{"name": "codec", "pin": BUTTON}], button={"pin": LED}, led={"pin": CODEC})
    applied = parts.apply(swapped)
    assert applied.failed == ()
    assert applied.loads is not None
    site.press(LED)
    assert site.next(ButtonPressed) == ButtonPressed()
    assert parts.apply(room()).failed == ()
    assert site.shelf.kept_names() == ["gpio5", "gpio6"]


def test_a_part_that_cannot_be_had_and_could_before_is_told_and_the_others_run(site: Room) -> None:
    parts = site.run(room())
    taken = [gpiozero.LED(pin, pin_factory=site.board) for pin in (LAMP, 22, 23)]
    new = room([*LOADS, {"name": "lamp", "pin": LAMP}], button={"pin": 22}, led={"pin": 23})
    applied = parts.apply(new)
    assert set(applied.failed) == {"lamp", "power.led", "power.button"}
    assert applied.loads == {"codec": "on", "display": "on", "lamp": "unknown"}
    assert parts.apply(room([*LOADS, {"name": "lamp", "pin": LAMP}], led={"pin": 24})).failed == ()
    for device in taken:
        device.close()
    site.board.done()
    assert parts.apply(room()) == ConfigApplied((), {"codec": "on", "display": "on"})
    site.press(BUTTON)
    assert site.next(ButtonPressed) == ButtonPressed()
    assert {CODEC, DISPLAY}.isdisjoint(site.board.done())


def test_only_network_checks_that_are_new_or_others_are_made_anew(site: Room) -> None:
    with listening() as one, listening() as other:
        stays = {"name": "stays", "kind": "tcp", "address": f"127.0.0.1:{one.getsockname()[1]}"}
        moves = {**stays, "name": "moves"}
        parts = site.run(room(checks=[CAMERA, stays, moves]))
        before = {thread.name: thread for thread in probing()}
        moved = {**moves, "address": f"127.0.0.1:{other.getsockname()[1]}"}
        other.settimeout(PATIENCE_S)
        assert parts.apply(room(checks=[{**stays, "required": False}, moved])).failed == ()
        other.accept()[0].close()
        assert before["probe stays"] in probing()
        wait_for(lambda: before["probe moves"] not in probing(), "the old one ends")
        assert {thread.name for thread in probing()} == {"probe stays", "probe moves"}
        assert site.next(Probed)
    parts.close()
    wait_for(lambda: not probing(), "all end with the parts")


def test_orders_for_relays_are_carried_out_and_answered(site: Room) -> None:
    handlers = site.run(room()).handlers()
    assert handlers[SetRelay](SetRelay("codec", False)) == RelaySet("codec", False)
    assert handlers[ReadRelays](ReadRelays()) == RelaysRead({"codec": "off", "display": "on"})
    handlers[ApplyConfig](ApplyConfig(room([{"name": "lamp", "pin": LAMP}])))
    assert handlers[SetRelay](SetRelay("lamp", True)) == RelaySet("lamp", True)


# Where a config stands in for one that cannot be used


def test_spared_pins_are_nobodys_while_the_stand_in_runs_and_again_when_it_comes_back(site: Room) -> None:
    stand_in = RoomConfig()
    parts = site.run(stand_in, is_own=False, spared_pins=frozenset({BUTTON, LED}))
    assert site.board.done() == {}
    pushed = room([{"name": "codec", "pin": CODEC, "active_high": False}])
    assert parts.apply(pushed) == ConfigApplied((), {"codec": "on"})
    assert set(site.board.done()) == {CODEC, BUTTON, LED}
    parts.apply(stand_in)
    done = site.board.done()
    assert (set(done), parts.states()) == ({BUTTON, LED}, {}), "the load's line stays held"
    assert site.shelf.kept_names() == ["gpio5"]
    assert parts.apply(pushed) == ConfigApplied((), {"codec": "on"})
    assert CODEC not in site.board.done()


def test_after_a_trial_that_was_cut_off_lines_stay_but_button_and_lamp_get_theirs(site: Room) -> None:
    for pin in (LAMP, LED, BUTTON):  # of the trial's loads, and systemd still has them
        site.shelf.keep(f"gpio{pin}", site.board.file.fileno())
    site.shelf.next_run()
    parts = site.run(room(), lets_go=False)
    assert "gpio13" in site.shelf.kept_names(), "what may hold the room on stays"
    assert not {"gpio17", "gpio27"} & set(site.shelf.kept_names())
    site.next(UsbChanged)
    assert parts.apply(room([*LOADS, {"name": "lamp", "pin": 20}])).failed == ()
    assert parts.apply(room()).failed == ()
    assert "gpio20" not in site.shelf.kept_names(), "after that it is a room like any other"


# A safe start


def test_a_safe_start_opens_nothing_until_a_config_is_applied(site: Room) -> None:
    parts = site.run(room(), is_safe=True)
    handlers = parts.handlers()
    assert handlers[ReadRelays](ReadRelays()) == RelaysRead({"codec": "unknown", "display": "unknown"})
    assert handlers[SetRelay](SetRelay("codec", False)) == RelayFailed("codec", False, "relay_failed")
    handlers[ShowLed](ShowLed("ready"))
    assert (site.bench.is_opened, site.board.done(), site.events.empty()) == (False, {}, True)
    assert site.shelf.kept_names() == []
    assert parts.apply(room()) == ConfigApplied((), {"codec": "on", "display": "on"})
    assert isinstance(site.next(UsbChanged), UsbChanged)
    wait_for(lambda: site.board.pin(LED).state, "the lamp shows what it was to show")
    site.press(BUTTON)
    assert site.next(ButtonPressed) == ButtonPressed()
    done = site.board.done()
    assert (done[CODEC], done[DISPLAY]) == (["output"], ["output"]), "taken as they are"


def test_after_a_safe_start_every_part_that_cannot_be_had_is_told(site: Room) -> None:
    parts = site.run(room(), is_safe=True)
    taken = [gpiozero.LED(pin, initial_value=None, pin_factory=site.board) for pin in (CODEC, BUTTON, LED)]
    assert parts.apply(room()).failed == ("codec", "power.led", "power.button")
    for device in taken:
        device.close()
