"""firmware-config/diemcau.config.txt: before Linux runs every load of the default room is released, and nothing else is
driven; every line holds on the boards that it is meant for."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.core.boot_levels import boot_lines
from agent.core.config import RoomConfig, parse_room
from hw.gpio_chip import BUSES

FOLDER = Path(__file__).resolve().parents[2] / "firmware-config"
FRAGMENT = FOLDER / "diemcau.config.txt"
PULLED_UP_AT_RESET = range(9)  # GPIO 0 to 8; BCM2835 ARM Peripherals, section 6.2


@pytest.fixture
def room() -> RoomConfig:
    return parse_room((FOLDER / "room.default.toml").read_text(encoding="utf-8"), "room.default.toml", False)


def read_by(board: str, text: str) -> list[str]:
    """The settings that the firmware of a board takes: ``[pi5]`` holds until another filter."""
    taken, wanted = [], True
    for line in text.splitlines():
        if line.startswith("["):
            wanted = line in ("[all]", f"[{board}]")
        elif wanted and line and line[0] != "#":
            taken.append(line)
    return taken


def gpio_lines(text: str) -> Iterator[tuple[int, set[str]]]:
    """Pin and attributes of each ``gpio=`` line that the firmware reads, in order."""
    for line in text.splitlines():
        match = re.fullmatch(r"gpio=([0-9,-]+)=([a-z0-9,]+)", line)
        for part in match[1].split(",") if match else ():
            first, _, last = part.partition("-")
            yield from ((pin, set(match[2].split(","))) for pin in range(int(first), int(last or first) + 1))


def test_every_load_of_the_default_room_is_released_before_linux_runs(room: RoomConfig) -> None:
    set_to = dict(gpio_lines(FRAGMENT.read_text(encoding="ascii")))
    assert room.power.loads
    for load in room.power.loads:
        assert set_to[load.pin] == ({"op", "dl"} if load.active_high else {"op", "dh"}), load.name


def test_nothing_but_loads_is_driven_and_the_button_is_pulled_up(room: RoomConfig) -> None:
    set_to = dict(gpio_lines(FRAGMENT.read_text(encoding="ascii")))
    assert {pin for pin, words in set_to.items() if "op" in words} == {load.pin for load in room.power.loads}
    assert set_to[room.power.button.pin] == {"ip", "pu"}


def test_it_is_what_is_made_for_the_default_room(room: RoomConfig) -> None:
    made = boot_lines(((load.pin, load.active_high) for load in room.power.loads), room.power.button.pin)
    assert [line for line in read_by("pi4", FRAGMENT.read_text(encoding="ascii")) if line.startswith("gpio=")] == made


def test_the_other_kind_of_board_only_needs_its_line_uncommented(room: RoomConfig) -> None:
    text = FRAGMENT.read_text(encoding="ascii").replace("#gpio=", "gpio=")
    driven_low = {pin for pin, words in gpio_lines(text) if words == {"op", "dl"}}
    assert driven_low
    assert driven_low.isdisjoint({*PULLED_UP_AT_RESET, room.power.button.pin, room.power.led.pin})


def test_the_default_rooms_loads_are_on_pins_whose_reset_pull_releases_them(room: RoomConfig) -> None:
    for load in room.power.loads:
        assert (load.pin in PULLED_UP_AT_RESET) is not load.active_high, load.name


def test_the_default_room_uses_no_pin_of_a_bus(room: RoomConfig) -> None:
    used = {room.power.button.pin, room.power.led.pin, *(load.pin for load in room.power.loads)}
    assert used.isdisjoint({2, 3, 14, 15}.union(*(pins for _, _, pins in BUSES)))


@pytest.mark.parametrize(("board", "has_more_current"), [("pi3", False), ("pi4", False), ("pi5", True)])
def test_pins_and_watchdog_are_every_boards_and_the_current_is_a_pi_5s(board: str, has_more_current: bool) -> None:
    taken = read_by(board, FRAGMENT.read_text(encoding="ascii"))
    assert "dtparam=watchdog=on" in taken
    assert "gpio=5,6=op,dh" in taken
    assert ("usb_max_current_enable=1" in taken) is has_more_current


def test_no_filter_reaches_out_of_the_block_or_into_it() -> None:
    lines = FRAGMENT.read_text(encoding="ascii").splitlines()
    assert lines[0].startswith("# BEGIN diemcau")
    assert lines[-1] == "# END diemcau"
    settings = [line for line in lines if line[0] != "#"]
    assert settings[0] == "[all]"
    assert [line for line in settings if line[0] == "["][-1] == "[all]"


def test_the_firmware_can_read_it_all() -> None:
    text = FRAGMENT.read_text(encoding="ascii")
    assert len(text) < 1024, "a Raspberry Pi 5 may not start with a long config.txt"
    assert max(map(len, text.splitlines())) <= 98, "the rest of a line is not read"
    known = re.compile(r"#.*|\[(all|pi5)\]|gpio=[0-9,-]+=[a-z0-9,]+|dtparam=watchdog=on|usb_max_current_enable=1")
    assert [line for line in text.splitlines() if not known.fullmatch(line)] == []
    assert "dtparam=strict_gpiod" in text, "who reads it is warned"
