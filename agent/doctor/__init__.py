"""The composition root of ``diemcau doctor``: joins what ``hw`` and ``adapters`` see with what the core makes of it.

It is safe beside a running agent and in a live conference: no GPIO line is requested, no camera and no microphone is
opened, no CONNECT is sent to the broker (``adapters/broker_check.py`` says why), nothing is written. What cannot be
looked at on this machine is a warning with the reason, never an exception.

``scene`` is for whom one looks, ``link`` the way to the centre, ``wires`` what hangs on the box, ``box`` the box,
``upkeep`` what keeps it well.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agent.adapters.broker_check import knock
from agent.adapters.errands import run_all
from agent.adapters.room_reading import read_room
from agent.core.config import RoomConfig
from agent.core.diagnosis import Diagnosis, Report, in_order
from agent.core.identity import Identity
from agent.doctor import box, link, upkeep, wires
from agent.doctor.scene import Part, look_around

# A resolver with two dead name servers takes twenty seconds a question (resolv.conf(5)); the rest is done in ten.
WITHIN_S = 30.0


def examine(config: Path, state: Path, room_file: Path | None, is_tried: bool = False) -> Report:
    """Make every check.

    Args:
        config: The identity file to try; the running agent may have been started with another one.
        state: The state folder.
        room_file: The room config of the very first start; None: there is none.
        is_tried: This room config is to be tried, whatever the agent would start with.

    Thread: the main one; takes a few seconds, half a minute at most where a name server is silent.
    """
    sys.dont_write_bytecode = True
    scene = look_around(state)
    identity, identity_found = box.identity(scene, config)
    room = read_room(state, room_file, is_tried)
    outcomes = run_all(_errands(identity, room.config), WITHIN_S)
    parts: list[Part] = [
        ("broker", "connect", lambda: link.broker(scene, identity, outcomes.get("broker"))),
        ("room.checks", "display", lambda: wires.checks_and_box(scene, room.config, outcomes)),
        ("power.chip", "power", lambda: wires.pins(scene, room.config.power)),
        ("box.running", "box", lambda: box.running(state, config)),
        ("box.room", "box", lambda: [box.room(scene, room)]),
        ("box.state", "box", lambda: [box.state(scene)]),
        ("box.service", "box", lambda: box.services(scene, room.config)),
        ("box.user", "box", lambda: box.user(scene)),
        ("box.release", "box", upkeep.release),
        ("box.boot_levels", "box", lambda: upkeep.levels(room.config.power)),
        ("box.watchdog", "box", lambda: upkeep.hardware_watchdog(scene)),
    ]
    found = [identity_found]
    for part in parts:
        found += _guarded(part)
    return Report(identity.site if identity else None, scene.who.name, in_order(found))


def _errands(identity: Identity | None, config: RoomConfig) -> dict[str, Callable[[], Any]]:
    """What takes seconds."""
    errands: dict[str, Callable[[], Any]] = {"usb": wires.bus}
    if identity is not None:
        broker = identity.broker
        errands["broker"] = lambda: knock(broker)
    if config.check(config.camera.check) is not None:
        errands["opencv"] = wires.opencv_trial
    return errands | wires.probes(config.checks)


def _guarded(part: Part) -> list[Diagnosis]:
    """The edge: a check that stumbles on this machine is a warning that says over what."""
    name, group, look = part
    try:
        return look()
    except Exception as error:
        return [Diagnosis(name, name, group, "warning", "not_examined", f"{type(error).__name__}: {error}")]
