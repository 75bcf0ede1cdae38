"""hw/README.md and hw/wiring.svg: every pin that they name is the pin that it is, and the default room's."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from agent.core.config import PowerSection, RoomConfig, parse_room

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "hw/README.md").read_text(encoding="utf-8")
SVG = ET.parse(ROOT / "hw/wiring.svg").getroot()
NS = "{http://www.w3.org/2000/svg}"
# The 40-pin header, left and right, from the end with the card. Source: raspberrypi/documentation, GPIO.
HEADER = """
3V3 5V | GPIO2 5V | GPIO3 GND | GPIO4 GPIO14 | GND GPIO15 | GPIO17 GPIO18 | GPIO27 GND | GPIO22 GPIO23 | 3V3 GPIO24
| GPIO10 GND | GPIO9 GPIO25 | GPIO11 GPIO8 | GND GPIO7 | GPIO0 GPIO1 | GPIO5 GND | GPIO6 GPIO12 | GPIO13 GND
| GPIO19 GPIO16 | GPIO26 GPIO20 | GND GPIO21
"""
NAMES = dict(enumerate(HEADER.replace("|", " ").split(), 1))
PIN_OF = {int(name[4:]): pin for pin, name in NAMES.items() if name.startswith("GPIO")}


@pytest.fixture
def room() -> RoomConfig:
    text = (ROOT / "firmware-config/room.default.toml").read_text(encoding="utf-8")
    return parse_room(text, "room.default.toml", False)


def group(pin: int) -> ET.Element:
    found = SVG.find(f".//{NS}g[@id='pin-{pin}']")
    assert found is not None, f"pin {pin} is not drawn"
    return found


def wires() -> dict[int, ET.Element]:
    """The wires that begin at the header, by pin."""
    found = ((re.fullmatch(r"wire-(\d+)", path.get("id", "")), path) for path in SVG.iter(f"{NS}path"))
    return {int(match[1]): path for match, path in found if match}


@pytest.mark.parametrize("pin", range(1, 41))
def test_every_pin_is_drawn_with_its_name_in_its_place(pin: int) -> None:
    drawn = group(pin)
    assert [text.text for text in drawn.iter(f"{NS}text")] == [str(pin), NAMES[pin]]
    circle, other = drawn.find(f"{NS}circle"), group(pin + 1 if pin % 2 else pin - 1).find(f"{NS}circle")
    assert circle is not None
    assert other is not None
    assert circle.get("cy") == other.get("cy"), "two pins make a row"
    assert (float(circle.get("cx", 0)) < float(other.get("cx", 0))) == bool(pin % 2), "odd ones are left"


def test_a_wire_begins_beside_its_pin_and_only_those_pins_stand_out() -> None:
    for pin, wire in wires().items():
        circle = group(pin).find(f"{NS}circle")
        assert circle is not None
        start = re.match(r"M(\d+) (\d+) ", wire.get("d", ""))
        assert start is not None
        assert start[2] == circle.get("cy"), f"the wire of pin {pin} begins elsewhere"
    used = {pin for pin in NAMES if "used" in group(pin).get("class", "")}
    assert used == set(wires())


def test_the_default_rooms_pins_are_the_ones_that_are_wired(room: RoomConfig) -> None:
    kinds = {pin: wire.get("class", "").split()[-1] for pin, wire in wires().items()}
    power = room.power
    assert kinds[PIN_OF[power.button.pin]] == "button"
    assert kinds[PIN_OF[power.led.pin]] == "lamp"
    left = {pin for pin, kind in kinds.items() if kind == "load" and pin % 2}  # the active-low board's side
    assert left == {PIN_OF[load.pin] for load in power.loads if not load.active_high}
    assert {NAMES[pin] for pin, kind in kinds.items() if kind == "v33"} == {"3V3"}
    assert {NAMES[pin] for pin, kind in kinds.items() if kind == "gnd"} == {"GND"}


def test_the_other_boards_pins_are_those_of_the_example_for_the_firmware() -> None:
    fragment = (ROOT / "firmware-config/diemcau.config.txt").read_text(encoding="ascii")
    example = re.search(r"#gpio=([0-9,]+)=op,dl", fragment)
    assert example is not None
    right = {pin for pin, wire in wires().items() if "load" in wire.get("class", "") and pin % 2 == 0}
    assert right == {PIN_OF[int(gpio)] for gpio in example[1].split(",")}


def test_every_pin_in_the_text_is_right(room: RoomConfig) -> None:
    rows = dict(re.findall(r"^\| [^|]+ \| (\d+) \| (\d+) \| ", README, re.MULTILINE))
    named = re.findall(r"(?:GPIO )?\b(\d+) \(pin (\d+)\)", README)
    assert len(named) >= 10
    for gpio, pin in [*rows.items(), *named]:
        assert PIN_OF[int(gpio)] == int(pin), f"GPIO {gpio} is not on pin {pin}"
    wired = {room.power.button.pin, room.power.led.pin, *(load.pin for load in room.power.loads)}
    assert wired <= {int(gpio) for gpio in rows}


def test_the_pins_of_supply_and_ground_are_all_named() -> None:
    def pins(name: str) -> str:
        *others, last = (str(pin) for pin in NAMES if NAMES[pin] == name)
        return f"{', '.join(others)} and {last}"

    assert f"3.3 V is on pins {pins('3V3')}, 5 V on pins {pins('5V')}, GND on pins {pins('GND')} " in README


def test_what_is_offered_for_more_loads_is_free_and_released_by_its_own_pull() -> None:
    low, high = (re.search(r"More loads.*?;", README, re.DOTALL), re.search(r"; GPIO 12.*?ones", README, re.DOTALL))
    assert low is not None
    assert high is not None
    wired = {5, 6, 17, 27, 20, 21}
    for words, pulled_up in ((low[0], True), (high[0], False)):
        for gpio in (int(gpio) for gpio, _ in re.findall(r"(\d+) \(pin (\d+)\)", words)):
            assert (gpio <= 8) is pulled_up, gpio
            assert gpio not in {0, 1, 2, 3, 14, 15} | wired, gpio


def test_the_values_in_the_drawing_are_the_ones_that_are_explained() -> None:
    drawn = {text.text for text in SVG.iter(f"{NS}text") if re.fullmatch(r"[\d.]+ (k?Ω|nF)", text.text or "")}
    assert drawn == {"10 kΩ", "1 kΩ", "330 Ω", "100 nF"}
    for value in drawn:
        assert re.search(rf"^\| [^|]+ \| {value}[^|]*\| ", README, re.MULTILINE), f"{value} is not explained"


def test_as_many_loads_as_the_config_takes() -> None:
    most = next(meta.max_length for meta in PowerSection.model_fields["loads"].metadata if hasattr(meta, "max_length"))
    assert f"More loads, up to {most}:" in README
