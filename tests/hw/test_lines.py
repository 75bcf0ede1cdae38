"""hw/lines.py and hw/gpio_uapi.py: the bytes and the sentences everywhere, the lines themselves on a simulated chip of
a real kernel (gpio-sim), with the kernel's own trace as the judge of "it did not move"."""

import errno
import logging
import os
import re
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from gpiozero import LED, Button, GPIOPinInUse, OutputDevice, PinFixedPull, PinInvalidPin, PinInvalidState, PinSetInput

from hw import gpio_chip
from hw import gpio_uapi as uapi
from hw.gpio_uapi import ChipInfo, Edge, Flag
from hw.lines import LineBusyError, LineError, LineFactory, LineUnknownError
from tests.hw.conftest import LABEL, SimChip, Trace

RELAY, AMPLIFIER, BUTTON = 5, 6, 17


# Everywhere: bytes


@pytest.mark.parametrize(
    ("layout", "size"),
    [
        (uapi.CHIP_INFO, 68),
        (uapi.LINE_ATTRIBUTE_VALUES, 16),
        (uapi.LINE_ATTRIBUTE_DEBOUNCE, 16),
        (uapi.LINE_REQUEST, 592),
        (uapi.LINE_INFO, 256),
        (uapi.LINE_VALUES, 16),
        (uapi.LINE_EVENT, 48),
    ],
)
def test_structs_have_the_sizes_of_the_kernel_header(layout: struct.Struct, size: int) -> None:
    assert layout.size == size


def test_ioctl_numbers_are_those_of_the_kernel_header() -> None:
    assert uapi.LINE_CONFIG_SIZE == 272
    assert (uapi.GET_CHIPINFO, uapi.GET_LINEINFO, uapi.GET_LINE) == (0x8044B401, 0xC100B405, 0xC250B407)
    assert (uapi.SET_CONFIG, uapi.GET_VALUES, uapi.SET_VALUES) == (0xC110B40D, 0xC010B40E, 0xC010B40F)


def test_config_carries_level_or_debounce_as_its_one_attribute() -> None:
    output = uapi.pack_config(Flag.OUTPUT, level=1)
    assert uapi.LINE_CONFIG_HEAD.unpack_from(output) == (Flag.OUTPUT, 1)
    assert uapi.LINE_ATTRIBUTE_VALUES.unpack_from(output, 32) == (2, 0, 1)
    assert uapi.LINE_CONFIG_MASK.unpack_from(output, 48) == (1,)
    debounced = uapi.pack_config(Flag.INPUT, debounce_us=50_000)
    assert uapi.LINE_ATTRIBUTE_DEBOUNCE.unpack_from(debounced, 32) == (3, 0, 50_000)


def test_an_output_without_a_level_is_never_sent() -> None:
    with pytest.raises(ValueError, match="drop the load"):
        uapi.pack_config(Flag.OUTPUT)


class Listener:
    """Remembers what it heard; can close its reader while it listens."""

    def __init__(self) -> None:
        self.heard: list[Edge] = []
        self.errors: list[OSError] = []
        self.something = threading.Event()

    def deliver(self, edge: Edge) -> None:
        self.heard.append(edge)
        self.something.set()

    def lost(self, error: OSError) -> None:
        self.errors.append(error)
        self.something.set()


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    os.set_blocking(ends[0], False)
    yield ends
    for end in ends:
        os.close(end)


def test_the_reader_hands_over_edges_in_the_kernels_format(pipe: tuple[int, int]) -> None:
    reader, listener = uapi.EdgeReader(), Listener()
    reader.watch(pipe[0], listener)
    rising, falling = (2_500_000_000, 1, 17, 1, 1), (3_000_000_000, 2, 17, 2, 2)
    os.write(pipe[1], uapi.LINE_EVENT.pack(*rising) + uapi.LINE_EVENT.pack(*falling))
    assert listener.something.wait(5)
    reader.close()
    reader.close()
    assert listener.heard == [Edge(2.5, 1), Edge(3.0, 0)]
    assert "gpio-edges" not in [thread.name for thread in threading.enumerate()]


def test_a_line_that_cannot_be_read_any_more_is_said_once(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(fd: int) -> list[Edge]:
        raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))

    reader, listener = uapi.EdgeReader(), Listener()
    monkeypatch.setattr(uapi, "read_edges", gone)
    reader.watch(pipe[0], listener)
    os.write(pipe[1], b"x")  # stays readable for ever
    assert listener.something.wait(5)
    time.sleep(0.05)
    reader.close()
    assert len(listener.errors) == 1


# Everywhere: sentences


def test_a_machine_without_the_chip_is_told_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpio_chip, "DEVICES", tmp_path)
    with pytest.raises(LineError, match=r"no GPIO chip labelled pinctrl-bcm2835 or .*: run this on a Raspberry Pi"):
        LineFactory()


def test_a_user_without_permission_is_told_the_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str) -> int:
        raise PermissionError(errno.EACCES, "Permission denied", path)

    (tmp_path / "gpiochip0").touch()
    monkeypatch.setattr(gpio_chip, "DEVICES", tmp_path)
    monkeypatch.setattr(uapi, "open_chip", refuse)
    with pytest.raises(LineError, match=r"no permission for .*/gpiochip0: add this user to the group gpio"):
        LineFactory()


def test_a_path_that_is_no_chip_is_refused() -> None:
    with pytest.raises(LineError, match="/dev/null is not a GPIO chip"):
        LineFactory("/dev/null")
    with pytest.raises(LineError, match=r"/dev/no-such-chip cannot be opened.*No such file"):
        LineFactory("/dev/no-such-chip")


@pytest.fixture
def paper_factory(monkeypatch: pytest.MonkeyPatch) -> Iterator[LineFactory]:
    """A factory whose chip says no to everything."""
    chip = ChipInfo("gpiochip9", LABEL, 28)
    monkeypatch.setattr(gpio_chip, "open_chip", lambda path: (os.open("/dev/null", os.O_RDONLY), chip))
    with LineFactory("paper") as factory:
        yield factory


@pytest.mark.parametrize("name", [99, -1, "GPIO99", "relay", ""])
def test_a_pin_that_does_not_exist_is_refused_by_name(paper_factory: LineFactory, name: int | str) -> None:
    with pytest.raises(LineUnknownError, match=re.escape(f"{name!r} is no GPIO pin of {LABEL}: use a number up to 27")):
        LED(name, pin_factory=paper_factory)
    with pytest.raises(PinInvalidPin):
        paper_factory.take(name, 0)


def test_on_a_raspberry_pi_only_pins_of_the_header_are_offered(
    paper_factory: LineFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpio_chip, "get_pi_revision", lambda: 0xC03111)  # a Raspberry Pi 4
    with pytest.raises(LineUnknownError, match="up to 27"):
        paper_factory.pin(46)
    with pytest.raises(LineError, match=r"^GPIO17 of diemcau-test was refused by the kernel"):
        paper_factory.pin("BOARD11")


def test_a_reserved_pin_is_refused_with_its_reason_and_the_others_are_not(
    paper_factory: LineFactory,
) -> None:
    with LineFactory("paper", reserved={2: "used by I²C: choose another pin"}) as factory:
        with pytest.raises(LineError, match=r"^GPIO2 is used by I²C: choose another pin$"):
            LED("GPIO2", pin_factory=factory)
        with pytest.raises(LineError, match=r"^GPIO3 of diemcau-test was refused by the kernel"):
            LED(3, pin_factory=factory)
    with pytest.raises(LineError, match=r"^GPIO2 of diemcau-test was refused by the kernel"):
        paper_factory.pin(2)  # where nothing was said to be reserved, nothing is


def test_a_closed_factory_says_so(paper_factory: LineFactory) -> None:
    paper_factory.close()
    paper_factory.close()
    with pytest.raises(LineError, match="LineFactory is closed"):
        paper_factory.pin(RELAY)


def test_a_descriptor_that_is_no_line_is_not_taken(paper_factory: LineFactory, pipe: tuple[int, int]) -> None:
    with pytest.raises(LineError, match=f"descriptor {pipe[0]} for GPIO5 holds no usable line"):
        paper_factory.take(RELAY, pipe[0])
    with pytest.raises(LineError, match="GPIO5 is not held"):
        paper_factory.descriptor(RELAY)


# On a real kernel


@pytest.fixture
def factory(sim: SimChip) -> Iterator[LineFactory]:
    with LineFactory(sim.path, consumer="room-agent") as factory:
        yield factory


def wait_until(true: Callable[[], object], seconds: float = 5) -> None:
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.005)
    assert true()


def test_the_chip_is_found_by_its_label(sim: SimChip) -> None:
    with LineFactory(labels=["another", LABEL]) as factory:
        assert factory.chip == ChipInfo(sim.name, LABEL, 28)


@pytest.mark.parametrize("level", [0, 1])
def test_taking_and_leaving_an_output_moves_nothing(sim: SimChip, trace: Trace, level: int) -> None:
    sim.pull(RELAY, up=bool(level))  # where the kernel keeps the level of a free line, as Raspberry Pi OS does
    for _ in range(20):
        with LineFactory(sim.path) as factory:
            relay = OutputDevice(RELAY, initial_value=None, pin_factory=factory)
            assert (relay.value, sim.level(RELAY)) == (level, level)
            relay.close()
            assert sim.level(RELAY) == level
    assert set(trace.driven) == {level}


@pytest.mark.parametrize("before", [0, 1])
@pytest.mark.parametrize("wanted", [False, True])
@pytest.mark.parametrize("active_high", [False, True])
def test_an_initial_value_is_reached_without_a_pulse(
    sim: SimChip, trace: Trace, factory: LineFactory, before: int, wanted: bool, active_high: bool
) -> None:
    sim.pull(RELAY, up=bool(before))
    relay = OutputDevice(RELAY, active_high=active_high, initial_value=wanted, pin_factory=factory)
    level = int(wanted == active_high)
    assert (sim.level(RELAY), trace.driven, relay.value) == (level, [level], int(wanted))


def test_outputs_follow_on_off_and_toggle(sim: SimChip, factory: LineFactory) -> None:
    led = LED(RELAY, pin_factory=factory)
    relay = OutputDevice("GPIO6", active_high=False, pin_factory=factory)
    assert (sim.level(RELAY), sim.level(AMPLIFIER)) == (0, 1)
    led.on()
    relay.on()
    assert (sim.level(RELAY), sim.level(AMPLIFIER)) == (1, 0)
    led.toggle()
    relay.off()
    assert (sim.level(RELAY), sim.level(AMPLIFIER)) == (0, 1)
    with pytest.raises(PinInvalidState, match="no PWM"):
        led.pin.state = 0.5


def test_settings_of_an_input_do_not_drive_an_output(sim: SimChip, trace: Trace, factory: LineFactory) -> None:
    relay = OutputDevice(RELAY, initial_value=True, pin_factory=factory)
    trace.forget()
    relay.pin.bounce, relay.pin.edges, relay.pin.function = 0.1, "rising", "output"
    with pytest.raises(PinFixedPull):
        relay.pin.pull = "down"
    assert (sim.level(RELAY), trace.driven) == (1, [])


def test_a_busy_line_names_its_owner_and_is_free_for_the_next_try(sim: SimChip, factory: LineFactory) -> None:
    with LineFactory(sim.path, consumer="neighbour") as neighbour:
        taken = OutputDevice(RELAY, pin_factory=neighbour)
        with pytest.raises(LineBusyError, match="GPIO5 is in use by 'neighbour': stop that one") as refusal:
            OutputDevice(RELAY, pin_factory=factory)
    assert (refusal.value.consumer, taken.closed) == ("neighbour", False)
    relay = OutputDevice(RELAY, pin_factory=factory)  # although the refusal is still at hand
    with pytest.raises(GPIOPinInUse):
        LED(RELAY, pin_factory=factory)
    relay.close()
    LED(RELAY, pin_factory=factory).close()


def test_an_adopted_descriptor_keeps_its_level_through_the_change_of_hands(sim: SimChip, trace: Trace) -> None:
    with LineFactory(sim.path) as before:
        relay = OutputDevice(RELAY, initial_value=True, pin_factory=before)
        kept = os.dup(before.descriptor(RELAY))  # what systemd does with FDSTORE
        trace.forget()
        relay.close()
    assert sim.level(RELAY) == 1  # and its pull is down: a line that was let go would show 0
    with LineFactory(sim.path) as after:
        after.take(RELAY, kept)
        assert after.descriptor(RELAY) == kept
        relay = OutputDevice(RELAY, initial_value=None, pin_factory=after)
        assert (relay.value, sim.level(RELAY), trace.driven) == (1, 1, [])
        relay.off()
        assert (sim.level(RELAY), trace.driven) == (0, [0])
        assert not os.get_inheritable(kept)


def test_a_descriptor_of_another_line_is_not_taken(sim: SimChip, factory: LineFactory) -> None:
    with LineFactory(sim.path) as other:
        amplifier = OutputDevice(AMPLIFIER, initial_value=True, pin_factory=other)
        kept = os.dup(other.descriptor(amplifier.pin.info.name))
    with pytest.raises(LineError, match=r"is not GPIO5 of gpiochip\d+ but .*6.*: not taken"):
        factory.take(RELAY, kept)
    factory.take(AMPLIFIER, kept)
    with pytest.raises(LineError, match="GPIO6 is already held"):
        factory.take(AMPLIFIER, kept)
    assert sim.level(AMPLIFIER) == 1


@pytest.mark.parametrize("pull_up", [True, False])
def test_a_press_is_one_press(sim: SimChip, factory: LineFactory, pull_up: bool) -> None:
    calls: list[str] = []
    button = Button(BUTTON, pull_up=pull_up, pin_factory=factory)
    button.when_pressed, button.when_released = lambda: calls.append("press"), lambda: calls.append("release")
    assert (sim.level(BUTTON), button.is_pressed, button.pull_up) == (int(pull_up), False, pull_up)
    sim.pull(BUTTON, up=not pull_up)
    wait_until(lambda: calls)
    assert button.is_pressed
    assert 0 <= button.pressed_time < 5  # the kernel's clock and ours are one
    sim.pull(BUTTON, up=pull_up)
    wait_until(lambda: len(calls) > 1)
    assert calls == ["press", "release"]
    with pytest.raises(PinSetInput):
        button.pin.state = 1


def test_a_bouncing_press_is_one_press_when_debounced(sim: SimChip, factory: LineFactory) -> None:
    calls: dict[int, list[str]] = {BUTTON: [], BUTTON + 1: []}
    buttons = [
        Button(BUTTON, bounce_time=0.1, pin_factory=factory),
        Button(BUTTON + 1, pin_factory=factory),
    ]
    for line, button in zip(calls, buttons, strict=True):
        button.when_pressed = lambda line=line: calls[line].append("press")
        button.when_released = lambda line=line: calls[line].append("release")
    for line in calls:
        for pressed in (True, False):
            sim.bounce(line, to_up=not pressed)
            time.sleep(0.4)
    assert calls[BUTTON] == ["press", "release"]
    assert len(calls[BUTTON + 1]) > 10  # without debouncing: the bounces are real


def test_a_hold_is_noticed(sim: SimChip, factory: LineFactory) -> None:
    held = threading.Event()
    button = Button(BUTTON, hold_time=0.2, pin_factory=factory)
    button.when_held = held.set
    sim.pull(BUTTON, up=False)
    assert held.wait(5)


def test_a_callback_that_raises_does_not_cost_the_next_press(
    sim: SimChip, factory: LineFactory, caplog: pytest.LogCaptureFixture
) -> None:
    calls: list[str] = []

    def trip() -> None:
        calls.append("press")
        raise RuntimeError("tripped")

    button = Button(BUTTON, pin_factory=factory)
    button.when_pressed = trip
    for _ in range(2):
        sim.pull(BUTTON, up=False)
        wait_until(lambda: calls)
        calls.clear()
        sim.pull(BUTTON, up=True)
        assert button.wait_for_release(5)
    assert caplog.text.count("the callback for a change of GPIO17 failed") == 2


def test_a_callback_may_close_its_own_device_and_factory(sim: SimChip) -> None:
    factory = LineFactory(sim.path)
    button, closed = Button(BUTTON, pin_factory=factory), threading.Event()

    def close() -> None:
        button.close()
        factory.close()
        closed.set()

    button.when_pressed = close
    sim.pull(BUTTON, up=False)
    assert closed.wait(5)
    with LineFactory(sim.path) as next_factory:
        assert Button(BUTTON, pin_factory=next_factory).is_pressed is False  # its pull-up is new


def test_only_the_edges_that_were_asked_for_are_reported(sim: SimChip, factory: LineFactory) -> None:
    pin, levels = factory.pin(BUTTON), []

    def changed(ticks: float, state: int) -> None:
        levels.append(state)

    pin.function, pin.pull, pin.when_changed = "input", "up", changed
    for edges, expected in {"both": [0, 1], "falling": [0], "rising": [1], "none": []}.items():
        levels.clear()
        pin.edges = edges
        sim.pull(BUTTON, up=False)
        sim.pull(BUTTON, up=True)
        time.sleep(0.1)
        assert levels == expected


def test_changes_of_before_are_no_news_for_the_next_callback(sim: SimChip, factory: LineFactory) -> None:
    busy, go_on, levels = threading.Event(), threading.Event(), []
    slow, pin = Button(BUTTON + 1, pin_factory=factory), factory.pin(BUTTON)

    def block() -> None:
        busy.set()
        go_on.wait(5)

    def changed(ticks: float, state: int) -> None:
        levels.append(state)

    slow.when_pressed = block
    sim.pull(BUTTON, up=True)
    pin.function, pin.pull, pin.when_changed = "input", "floating", changed  # with a bias gpio-sim would pull it anew
    sim.pull(BUTTON + 1, up=False)
    assert busy.wait(5)  # from here on the edges wait in the kernel
    sim.pull(BUTTON, up=False)
    pin.when_changed = None
    pin.when_changed = changed
    sim.pull(BUTTON, up=True)
    go_on.set()
    wait_until(lambda: levels)
    assert levels == [1]


def test_a_chip_that_vanishes_is_said_in_one_sentence(
    sim: SimChip, factory: LineFactory, caplog: pytest.LogCaptureFixture
) -> None:
    relay, button = OutputDevice(RELAY, pin_factory=factory), Button(BUTTON, pin_factory=factory)
    button.when_pressed = lambda: None
    sim.vanish()
    with pytest.raises(LineError, match=f"GPIO5 is lost, its chip {LABEL} has vanished"):
        relay.on()
    with pytest.raises(LineError, match="GPIO6 is lost"):
        factory.pin(AMPLIFIER)
    wait_until(lambda: "GPIO17 reports no changes any more" in caplog.text)
    time.sleep(0.1)
    assert [record.levelno for record in caplog.records] == [logging.ERROR]  # once: the thread does not spin
    relay.close()
    button.close()


def test_a_user_outside_the_group_gpio_is_told_so(sim: SimChip) -> None:
    os.seteuid(65534)
    try:
        with pytest.raises(LineError, match=f"no permission for {sim.path}: add this user to the group gpio"):
            LineFactory(sim.path)
    finally:
        os.seteuid(0)
