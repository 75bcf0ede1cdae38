"""What hangs on the box: GPIO lines, cameras and microphones, devices on the network, and the figures of the box."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from agent.adapters.errands import Outcome
from agent.adapters.rights import nearest_folder
from agent.core import checks
from agent.core.checks import KINDS, Checks, assigned
from agent.core.checkup import Facts, Finding, findings
from agent.core.config import CheckSection, PowerSection, RoomConfig
from agent.core.diagnosis import Diagnosis, Judged, diagnosed, line, worsened
from agent.core.events import Probed, UsbChanged, UsbDevice
from agent.core.power import Power
from agent.doctor.scene import Scene
from hw import host
from hw.disk import look_at_disk
from hw.eye import models
from hw.gpio_chip import LineError, pins_in_use
from hw.opencv_trial import opencv_trial as opencv_trial
from hw.pin_survey import Line, Survey, survey
from hw.probes import probe

# What the doctor does not see (the room's power, the picture), or tells closer (the files).
NOT_OURS = ("room.power", "camera.picture", "box.files")
NOWHERE = Path("/proc/no-such-folder")
Outcomes = Mapping[str, Outcome]


def bus() -> tuple[UsbDevice, ...]:
    """What is on USB now."""
    import pyudev

    from hw.usb_scan import scan

    return scan(pyudev.Context())


def probes(sections: tuple[CheckSection, ...]) -> dict[str, Callable[[], Any]]:
    """An errand for each network check of the config."""

    def errand(check: CheckSection) -> Callable[[], Any]:
        return lambda: probe(check)

    return {f"probe {check.name}": errand(check) for check in sections if check.kind not in KINDS}


def checks_and_box(scene: Scene, config: RoomConfig, outcomes: Outcomes) -> list[Diagnosis]:
    """What the readiness asks too, judged as there, with the room taken for being on."""
    figures = _figures(scene.state)
    found = outcomes.get("usb", Outcome())
    devices: tuple[UsbDevice, ...] = found.value or ()
    search = models.search(config.headcount.model)
    facts = Facts(
        power=Power(state="on"),
        checks=_answers(config, outcomes, None if found.error or found.is_late else devices),
        count_reason=_why_not_counting(search, outcomes.get("opencv")),
        health=figures,
        file_trouble=None,
        is_synced=host.SyncWatch()(),
    )
    told = []
    for finding in findings(facts, config, 0.0):
        check = config.check(finding.name)
        if finding.name in NOT_OURS:
            continue
        if finding.name == "camera.counting":
            told.append(_counting(scene, finding, config, search, outcomes.get("opencv")))
        elif check is not None:
            told.append(_of_config(scene, config, finding, check, devices, outcomes))
        else:
            told.append(diagnosed(finding, _figure(finding.name, figures, scene)))
    return told


def _answers(config: RoomConfig, outcomes: Outcomes, devices: tuple[UsbDevice, ...] | None) -> Checks:
    answers = Checks()
    if devices is not None:
        answers = checks.handle(answers, UsbChanged(devices), 0.0, config)
    for check in config.checks:
        came = outcomes.get(f"probe {check.name}")
        if came is not None and not came.is_late and came.error is None:
            answers = checks.handle(answers, Probed(check.name, came.value is None, came.value), 0.0, config)
    return answers


def _of_config(
    scene: Scene,
    config: RoomConfig,
    finding: Finding,
    check: CheckSection,
    devices: tuple[UsbDevice, ...],
    outcomes: Outcomes,
) -> Diagnosis:
    if check.kind not in KINDS:
        return _told(finding, outcomes[f"probe {check.name}"], check.address)
    device = assigned(config.checks, devices)[check.name]
    if device is None:
        there = ", ".join(map(_shown, (each for each in devices if each.kind == KINDS[check.kind]))) or "—"
        wanted = " ".join(filter(None, (check.usb, check.serial, check.port)))
        return _told(finding, outcomes["usb"], f"{wanted} ∉ USB: {there}")
    return worsened(diagnosed(finding, _shown(device)), _to_use(scene, device))


def _told(finding: Finding, came: Outcome, seen: str) -> Diagnosis:
    found = diagnosed(finding, seen)
    if finding.state == "unknown":
        found = replace(found, reason="too_slow" if came.is_late else "not_examined")
        return replace(found, seen=f"{seen}: {came.error}" if came.error else seen)
    return found


def _shown(device: UsbDevice) -> str:
    serial = f" {device.serial}" if device.serial else ""
    return f"{device.usb}{serial} ({device.port}, {device.node})"


def _to_use(scene: Scene, device: UsbDevice) -> Judged:
    """Whether the agent's user may open the node; of a microphone only the mixer's, which is all that is asked."""
    number = device.node.removeprefix("hw:")
    node = Path(device.node) if device.kind == "camera" else Path(f"/dev/snd/controlC{number}")
    wanted = (scene.may(node, "r"), scene.may(node, "w")) if device.kind == "camera" else (scene.may(node, "r"),)
    return ("failed" if device.kind == "camera" else "warning", "not_permitted") if False in wanted else ("ok", None)


def _why_not_counting(search: models.Search, opencv: Outcome | None) -> str | None:
    if search.model is None:
        return "model_refused" if search.refused else "no_model"
    return "no_opencv" if opencv is not None and opencv.value is not None and opencv.value[0] is None else None


def _counting(
    scene: Scene, finding: Finding, config: RoomConfig, search: models.Search, opencv: Outcome | None
) -> Diagnosis:
    """Optional for a conference; for a technician as needed as the camera is."""
    camera = config.check(config.camera.check)
    found = diagnosed(replace(finding, required=camera is not None and camera.required))
    stumbled = str(opencv.error or "") if opencv is not None else ""
    version, complaint = opencv.value if opencv is not None and opencv.value else (None, stumbled)
    if search.model is None:
        return replace(found, seen="; ".join(search.refused) or str(models.places()[0]))
    found = replace(found, seen=f"{search.model.path} · OpenCV {version or complaint or '?'}")
    if scene.to_read(search.model.path)[0] == "failed":
        return worsened(found, ("failed", "unreadable"), str(search.model.path))
    found = worsened(found, _untried(opencv))
    # One that is refused on the way to another is no harm, but somebody meant it.
    return replace(found, seen="; ".join((found.seen, *search.refused)))


def _untried(opencv: Outcome | None) -> Judged:
    """An OpenCV whose trial came to no end: nobody knows whether it starts, and that is not fine."""
    if opencv is not None and opencv.is_late:
        return "warning", "too_slow"
    return ("warning", "not_examined") if opencv is not None and opencv.error is not None else ("ok", None)


def _figures(state: Path) -> dict[str, Any]:
    """The box's figures. The agent's own reading leaves a mark in the state folder, so it gets none to look at."""
    try:
        figures: dict[str, Any] = host.PsutilHost(NOWHERE).read()
    except OSError:
        figures = {}
    disk = look_at_disk(nearest_folder(state))
    if disk is not None:
        figures |= {"disk_free_bytes": disk.free_bytes, "disk_read_only": disk.is_read_only}
    return figures


def _figure(name: str, figures: dict[str, Any], scene: Scene) -> str:
    """The figure behind one of the box's own checks, for people."""
    match name:
        case "box.clock":
            return f"{scene.now:%Y-%m-%dT%H:%M:%SZ}"
        case "box.disk":
            free = figures.get("disk_free_bytes")
            return "" if free is None else f"{free // 1_000_000} MB"
        case "box.temperature":
            return f"{figures.get('temperature_c')} °C"
        case "box.memory":
            left = figures["memory_total_bytes"] - figures["memory_used_bytes"]
            return f"{left // 1_000_000} / {figures['memory_total_bytes'] // 1_000_000} MB"
    return ""


def pins(scene: Scene, power: PowerSection) -> list[Diagnosis]:
    """The chip, then each line of the config. Without the chip the lines are only named: there is nothing to ask."""
    wanted = {"power.button": power.button.pin, "power.lamp": power.led.pin}
    wanted |= {f"power.load.{load.name}": load.pin for load in power.loads}
    chip = Diagnosis("power.chip", "power.chip", "power")
    try:
        seen = survey(wanted.values(), pins_in_use())
    except LineError as error:
        reason = "not_permitted" if isinstance(error.__cause__, PermissionError) else "no_chip"
        if reason == "not_permitted" and scene.who.origin != "self":
            return [worsened(chip, ("warning", "run_as_root"), str(error))]
        named = ", ".join(f"{name.removeprefix('power.')} GPIO{pin}" for name, pin in wanted.items())
        return [worsened(chip, ("failed", reason), f"{error}; {named}")]
    chip = replace(chip, seen=f"{seen.label} ({seen.node})")
    refused: Judged = ("failed", "not_permitted") if scene.may(seen.node, "r") is False else ("ok", None)
    return [worsened(chip, refused), *(_line(name, pin, seen) for name, pin in wanted.items())]


def _line(name: str, pin: int, seen: Survey) -> Diagnosis:
    what: Line = seen.lines[pin]
    found = Diagnosis(name, "power.line", "power", seen=f"GPIO{pin}")
    if not what.is_told:
        return worsened(found, ("failed", "lost"))
    judged = line(what.is_there, what.is_used, what.owner, bool(what.reserved))
    if judged[1] == "reserved":
        return worsened(found, judged, f"GPIO{pin} is {what.reserved}")
    owner = f": {what.owner!r}" if what.is_used else ""
    return worsened(replace(found, seen=f"GPIO{pin}{owner}"), judged)
