"""The box itself: its files, its state folder, its units, and the user whom the agent runs as."""

import os
from dataclasses import replace
from pathlib import Path

from agent.adapters import running_agent, units
from agent.adapters.config_store import load_identity
from agent.adapters.files import is_there
from agent.adapters.rights import nearest_folder
from agent.adapters.room_reading import RoomRead
from agent.adapters.units import Unit
from agent.core.config import RoomConfig
from agent.core.diagnosis import Diagnosis, memory_of_room, missing_groups, service, worsened
from agent.core.errors import ConfigError
from agent.core.identity import Identity
from agent.doctor.scene import Scene

STATE_OF_UNIT = Path("/var/lib/diemcau")  # StateDirectory=diemcau


def identity(scene: Scene, path: Path) -> tuple[Identity | None, Diagnosis]:
    """The identity file, every problem at once; None where it cannot be used."""
    found = Diagnosis("box.identity", "box.identity", "box", seen=str(path))
    judged = scene.to_read(path)
    if judged[1] == "run_as_root":
        return None, worsened(found, judged)
    if not is_there(path):
        return None, worsened(found, ("failed", "no_file"))
    try:
        read = load_identity(path)
    except ConfigError as error:
        return None, worsened(found, ("failed", "broken"), "\n".join((str(path), *map(str, error.problems))))
    found = replace(found, seen=f"{path}: {read.site} · {read.broker.url}")
    return read, worsened(found, judged, str(path))


def running(state: Path, path: Path) -> list[Diagnosis]:
    """The identity file that the agent on this box was started with, where one runs: it reads it once.

    Whoever has changed it, or tries another one, is told that the service still runs with what it has read. The files
    that it names (ca, certificate, key, password) are read at each connect.
    """
    agent = running_agent.find(state)
    if agent is None:
        return []
    seen = f"{agent.identity} ({agent.since.astimezone():%Y-%m-%d %H:%M:%S})"
    found = Diagnosis("box.running", "box.running", "box", seen=seen)
    until = "cho đến khi khởi động lại / until it is restarted the service runs with"
    if not is_there(agent.identity) or (is_there(path) and not path.samefile(agent.identity)):
        return [worsened(found, ("warning", "other_file"), f"{seen}: dịch vụ vẫn chạy với tệp này {until} this file")]
    if running_agent.has_changed_since(agent.identity, agent.since):
        return [worsened(found, ("warning", "not_taken"), f"{seen}: dịch vụ vẫn chạy với bản cũ {until} the old one")]
    return [found]


def room(scene: Scene, read: RoomRead) -> Diagnosis:
    """The room config that would run, and what is wrong on the way to it. One that names nothing is as good as none."""
    found = Diagnosis("box.room", "box.room", "box", seen="—" if read.source is None else str(read.source))
    judged = [scene.to_read(path) for path in read.read]
    if ("warning", "run_as_root") in judged:
        return worsened(found, ("warning", "run_as_root"), ", ".join(map(str, read.read)))
    if read.problems:
        return worsened(found, ("failed", "broken"), "\n".join(map(str, read.problems)))
    if not read.config.power.loads and not read.config.checks:
        return worsened(found, ("failed", "no_room"))
    if read.doubts:
        return worsened(found, ("warning", "doubtful"), "\n".join(map(str, read.doubts)))
    return worsened(found, judged[-1])


def state(scene: Scene) -> Diagnosis:
    """The state folder, or the one that it will be made in."""
    folder = nearest_folder(scene.state)
    exists = folder == scene.state.absolute()
    is_systemds = scene.unit is not None and scene.unit.is_there and scene.state == STATE_OF_UNIT
    may_write = scene.may(folder, "w") if folder.is_dir() else False
    judged = memory_of_room(may_write, exists, is_systemds, folder.is_dir())
    seen = f"{scene.state}" if exists else f"{scene.state} (chưa có / not there)"
    return worsened(Diagnosis("box.state", "box.state", "box", seen=seen), judged)


def services(scene: Scene, config: RoomConfig) -> list[Diagnosis]:
    """The agent's unit, and the eye's socket where people are counted."""
    if not scene.is_booted:
        return [Diagnosis("box.service", "box.service", "box", "warning", "no_systemd")]
    found = [_service("box.service", scene.unit, units.AGENT)]
    if config.check(config.camera.check) is not None and scene.unit is not None:
        found.append(_service("box.eye", _wanted(units.ask(units.EYE)), units.EYE))
    return found


def _wanted(unit: Unit | None) -> Unit | None:
    """The agent's own unit wants the eye's socket (``Wants=``), so it need not be enabled by itself."""
    return replace(unit, enabled="enabled") if unit is not None and unit.enabled == "disabled" else unit


def _service(name: str, unit: Unit | None, unit_name: str) -> Diagnosis:
    found = Diagnosis(name, name, "box", seen=unit_name)
    if unit is None:
        return worsened(found, ("warning", "not_examined"), f"systemctl show {unit_name}")
    words = ", ".join(filter(None, (unit.load, unit.active, unit.sub, unit.enabled)))
    restarts = f", {unit.restarts} restarts" if unit.restarts.strip("0") else ""
    found = replace(found, seen=f"{unit_name}: {words}{restarts}")
    return worsened(found, service(unit.load, unit.active, unit.enabled))


def user(scene: Scene) -> list[Diagnosis]:
    """For whom the rights were checked, and the groups of that user."""
    who = scene.who
    found = Diagnosis("box.user", "box.user", "box", seen=who.name)
    if scene.missing_user:
        return [worsened(found, ("failed", "no_such_user"), scene.missing_user)]
    if who.origin == "self" and who.uid == 0:
        found = worsened(found, ("warning", "as_root"))
    elif os.geteuid() not in (0, who.uid):
        found = worsened(found, ("warning", "run_as_root"))
    missing = missing_groups(who.uid == 0, who.groups)
    groups = Diagnosis("box.groups", "box.groups", "box", seen=", ".join(who.groups))
    return [found, worsened(groups, ("failed", "not_in_group"), ", ".join(missing)) if missing else groups]
