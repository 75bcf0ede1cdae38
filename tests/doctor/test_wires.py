"""Lines, devices and figures, from what was seen of them."""

from pathlib import Path

import pytest

from agent.adapters.errands import Outcome
from agent.core.config import CheckSection, PowerSection, RoomConfig, parse_room
from agent.core.diagnosis import Diagnosis
from agent.core.events import UsbDevice
from agent.doctor import wires
from hw.eye.models import KNOWN, Model, Search
from hw.gpio_chip import LineError
from hw.pin_survey import Line, Survey
from tests.conftest import ROOM
from tests.doctor.scenes import STRANGER, named, scene

CAMERA = UsbDevice("camera", "046d:085e", "ABC", "1-1.2", "/dev/null")
OTHER = UsbDevice("camera", "1234:5678", "", "1-1.3", "/dev/video9")
MICROPHONE = UsbDevice("microphone", "0d8c:0014", "", "1-1.4", "hw:99")
MIC_CHECK = CheckSection(name="mic-table", kind="usb-microphone", usb="0d8c:0014", group="audio")
CODEC = CheckSection(name="codec", kind="tcp", address="192.0.2.1:5060")


def config(*checks: CheckSection) -> RoomConfig:
    whole = parse_room(ROOM, "room", json_document=False)
    return whole.model_copy(update={"checks": (*whole.checks, *checks)})


def look(*devices: UsbDevice, checks: tuple[CheckSection, ...] = (), **outcomes: Outcome) -> list[Diagnosis]:
    given = {"usb": Outcome(devices), "opencv": Outcome(("5.0.0", "")), **outcomes}
    return wires.checks_and_box(scene(Path("/tmp")), config(*checks), given)


def test_a_camera_that_is_there_is_ok_and_says_where() -> None:
    found = named(look(CAMERA), "camera-main")
    assert (found.state, found.group, found.seen) == ("ok", "display", "046d:085e ABC (1-1.2, /dev/null)")


def test_a_camera_that_is_missing_names_what_is_there_instead() -> None:
    found = named(look(OTHER, MICROPHONE), "camera-main")
    assert (found.state, found.reason, found.seen) == (
        "failed", "missing", "046d:085e ∉ USB: 1234:5678 (1-1.3, /dev/video9)",
    )  # fmt: skip


def test_a_camera_that_may_not_be_opened_is_a_failure_where_one_can_tell() -> None:
    gone = UsbDevice("camera", "046d:085e", "", "1-1.2", "/dev/no-such-node")
    assert named(look(gone), "camera-main").reason == "not_permitted"
    found = wires.checks_and_box(scene(Path("/tmp"), who=STRANGER), config(), {"usb": Outcome((gone,))})
    assert named(found, "camera-main").state == "ok"


def test_a_keyboard_and_a_mute_are_warnings() -> None:
    typing = UsbDevice("camera", "046d:085e", "", "1-1.2", "/dev/null", is_keyboard=True)
    mute = UsbDevice("microphone", "0d8c:0014", "", "1-1.4", "hw:99", muted=True)
    found = look(typing, mute, checks=(MIC_CHECK,))
    assert (named(found, "camera-main").state, named(found, "camera-main").reason) == ("warning", "also_a_keyboard")
    assert named(found, "mic-table").state == "warning"


def test_a_bus_that_cannot_be_looked_at_is_a_warning_with_the_reason() -> None:
    found = named(look(usb=Outcome(error=ImportError("no libudev"))), "camera-main")
    assert (found.state, found.reason) == ("warning", "not_examined")
    assert "no libudev" in found.seen


@pytest.mark.parametrize(
    ("came", "state", "reason"),
    [
        (Outcome(None), "ok", None),
        (Outcome("unreachable"), "failed", "unreachable"),
        (Outcome(is_late=True), "warning", "too_slow"),
        (Outcome(error=RuntimeError("x")), "warning", "not_examined"),
    ],
)
def test_a_network_check_is_what_its_probe_said(came: Outcome, state: str, reason: str | None) -> None:
    found = named(look(checks=(CODEC,), **{"probe codec": came}), "codec")
    assert (found.state, found.reason) == (state, reason)


def test_what_the_doctor_does_not_see_is_not_told() -> None:
    assert not {"room.power", "camera.picture", "box.files"} & {each.name for each in look(CAMERA)}
    assert {"box.clock", "box.disk", "box.memory"} <= {each.name for each in look(CAMERA)}


def test_without_opencv_nothing_can_be_counted() -> None:
    found = named(look(CAMERA, opencv=Outcome((None, "libGL.so.1: cannot open"))), "camera.counting")
    if found.reason not in ("no_model", "model_refused"):  # a machine without a face network says that first
        assert (found.state, found.reason) == ("failed", "no_opencv")
        assert "libGL" in found.seen


@pytest.mark.parametrize(
    ("came", "reason", "seen"),
    [
        (Outcome(is_late=True), "too_slow", "OpenCV ?"),
        (Outcome(error=RuntimeError("cannot fork")), "not_examined", "OpenCV cannot fork"),
    ],
)
def test_an_opencv_whose_trial_came_to_no_end_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, came: Outcome, reason: str, seen: str
) -> None:
    model = tmp_path / "faces.onnx"
    model.touch()
    monkeypatch.setattr(wires.models, "search", lambda _: Search(Model(model, KNOWN[0])))
    found = named(look(CAMERA, opencv=came), "camera.counting")
    assert (found.state, found.reason) == ("warning", reason)
    assert seen in found.seen


def test_a_room_without_a_camera_counts_nothing_and_loads_nothing() -> None:
    found = wires.checks_and_box(scene(Path("/tmp")), RoomConfig(), {"usb": Outcome(())})
    assert "camera.counting" not in {each.name for each in found}


def lines(**seen: Line) -> Survey:
    return Survey("chip", Path("/dev/null"), {int(name[1:]): what for name, what in seen.items()})


def pins(monkeypatch: pytest.MonkeyPatch, seen: Survey | Exception) -> list[Diagnosis]:
    def survey(*_: object) -> Survey:
        if isinstance(seen, Exception):
            raise seen
        return seen

    monkeypatch.setattr(wires, "survey", survey)
    return wires.pins(scene(Path("/")), config().power)


def test_every_line_of_the_config_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = Line(is_used=True, owner="diemcau"), Line(is_used=True, owner="spi0 CS0")
    found = pins(monkeypatch, lines(_17=Line(), _27=Line(reserved="used by I²C"), _5=ours, _6=theirs))
    assert [(each.name, each.state, each.reason) for each in found] == [
        ("power.chip", "ok", None),
        ("power.button", "ok", None),
        ("power.lamp", "failed", "reserved"),
        ("power.load.codec", "ok", None),
        ("power.load.display", "failed", "taken"),
    ]
    assert found[-1].seen == "GPIO6: 'spi0 CS0'"
    assert found[3].seen == "GPIO5: 'diemcau'"


def test_a_line_of_which_the_kernel_says_nothing_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = lines(_17=Line(is_told=False), _27=Line(is_there=False), _5=Line(), _6=Line())
    assert [each.reason for each in pins(monkeypatch, seen)] == [None, "lost", "no_such_pin", None, None]


def test_without_a_chip_the_lines_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    (chip,) = pins(monkeypatch, LineError("there is no GPIO chip"))
    assert (chip.state, chip.reason) == ("failed", "no_chip")
    assert "button GPIO17, lamp GPIO27, load.codec GPIO5, load.display GPIO6" in chip.seen


def test_a_chip_that_this_user_may_not_open_says_nothing_of_the_services_user(monkeypatch: pytest.MonkeyPatch) -> None:
    error = LineError("no permission")
    error.__cause__ = PermissionError()
    assert [(each.state, each.reason) for each in pins(monkeypatch, error)] == [("failed", "not_permitted")]
    assert [(each.state, each.reason) for each in wires.pins(scene(Path("/"), who=STRANGER), PowerSection())] == [
        ("warning", "run_as_root")
    ]
