"""hw/simulated/world.py: the board and the bus as the start's config has them, and what goes wrong with another."""

import subprocess
import sys
import time

import pytest

from agent.core.config import RoomConfig
from agent.core.events import Event, UsbChanged
from hw.simulated.script import Film, Script
from hw.simulated.world import World
from tests.conftest import wait_for

CAMERA = {"name": "camera-main", "kind": "usb-camera", "usb": "046d:085e"}
CODEC = {"name": "codec", "pin": 5, "active_high": False}
LAMP = {"name": "lamp", "pin": 13, "active_high": False}
APPLY = """
import time
from agent.core.config import RoomConfig
from hw.simulated.script import Film, Script
from hw.simulated.world import World
film = Film(script=Script(on_apply="{}"), started_s=time.monotonic())
print("begin", flush=True)
print(World(film, RoomConfig(), print).meet_mishap(), flush=True)
"""


def room(loads: list[dict[str, object]], **rest: object) -> RoomConfig:
    return RoomConfig.model_validate({"power": {"loads": loads}, **rest}, strict=False)


def world(config: RoomConfig, said: list[Event], **script: object) -> World:
    film = Film(script=Script.model_validate(script, strict=False), started_s=time.monotonic())
    return World(film, config, said.append)


def test_a_load_that_nobody_switched_is_released_and_a_switched_one_is_left_alone() -> None:
    made = world(room([CODEC]), [])
    made.wire(room([CODEC]).power)
    assert made.factory.pin(5).state
    made.factory.pin(5).state = False
    made.wire(room([CODEC, LAMP]).power)
    assert (made.factory.pin(5).state, made.factory.pin(13).state) == (False, True)
    made.close()


def test_a_device_that_only_another_config_speaks_of_is_not_there() -> None:
    said: list[Event] = []
    made = world(room([], checks=[CAMERA]), said)
    made.wire(room([], checks=[{**CAMERA, "name": "camera-two"}]).power)
    made.usb.start()
    assert isinstance(said[0], UsbChanged)
    assert [device.node for device in said[0].devices] == ["camera-main"]
    made.close()


def test_a_part_is_refused_once() -> None:
    made = world(RoomConfig(), [], on_apply="refuse")
    assert [made.meet_mishap() for _ in range(3)] == [("power.led",), (), ()]
    made.close()


def test_without_a_mishap_nothing_goes_wrong() -> None:
    made = world(RoomConfig(), [])
    assert made.meet_mishap() == ()
    made.close()


def run(mishap: str) -> "subprocess.Popen[str]":
    return subprocess.Popen([sys.executable, "-c", APPLY.format(mishap)], stdout=subprocess.PIPE, text=True)


def test_a_crash_ends_the_process_at_once_with_an_error() -> None:
    process = run("crash")
    assert process.communicate(timeout=30)[0] == "begin\n"
    assert process.returncode == 1


def test_a_hang_never_returns() -> None:
    with run("hang") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begin\n"
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.5)
        process.kill()
        assert process.stdout.read() == ""
    wait_for(lambda: process.poll() is not None, "it is killed")
