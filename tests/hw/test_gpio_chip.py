"""hw/gpio_chip.py: which pins of the header a bus uses, told by the device nodes. The rest is in test_lines.py."""

from pathlib import Path

import pytest

from hw.gpio_chip import pins_in_use


@pytest.mark.parametrize(
    ("nodes", "pins"),
    [
        ([], set()),
        (["i2c-1"], {2, 3}),
        (
            ["i2c-0", "i2c-10", "i2c-20", "spidev10.0", "serial1"],
            set(),
        ),  # displays, the flash, Bluetooth: not the header's
        (["spidev0.0", "spidev0.1"], {7, 8, 9, 10, 11}),
        (["i2c-1", "spidev0.0"], {2, 3, 7, 8, 9, 10, 11}),
    ],
)
def test_a_bus_that_has_its_device_node_has_its_pins(tmp_path: Path, nodes: list[str], pins: set[int]) -> None:
    for node in nodes:
        (tmp_path / node).touch()
    assert set(pins_in_use(tmp_path)) == pins


@pytest.mark.parametrize(
    ("uarts", "primary", "pins"),
    [
        (["ttyAMA0"], "ttyAMA0", {14, 15}),
        (["ttyAMA0", "ttyS0"], "ttyS0", {14, 15}),  # ttyAMA0 has the Bluetooth
        (["ttyAMA0"], None, set()),  # the same, and the header's is off
        (["ttyAMA10"], "ttyAMA10", set()),  # a Raspberry Pi 5: a connector of its own
        (["ttyAMA0", "ttyAMA10"], "ttyAMA10", {14, 15}),
    ],
)
def test_the_uart_is_the_headers_one(tmp_path: Path, uarts: list[str], primary: str | None, pins: set[int]) -> None:
    for node in uarts:
        (tmp_path / node).touch()
    if primary:
        (tmp_path / "serial0").symlink_to(primary)
    assert set(pins_in_use(tmp_path)) == pins


def test_the_reason_says_what_uses_the_pin_how_it_shows_and_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "i2c-1").touch()
    reason = pins_in_use(tmp_path)[2]
    assert reason == f"used by I²C ({tmp_path}/i2c-1 is there): choose another pin, or switch I²C off"


def test_a_machine_without_device_nodes_has_no_pins_in_use(tmp_path: Path) -> None:
    assert pins_in_use(tmp_path / "nowhere") == {}
