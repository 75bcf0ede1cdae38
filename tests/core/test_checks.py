"""agent/core/checks.py: what the bus and the probes say about the checks of a room."""

import pytest

from agent.core import checks as core
from agent.core.checks import Checks, CheckState
from agent.core.config import CheckSection
from agent.core.events import ButtonPressed, Event, Probed, Tick, UsbChanged, UsbDevice
from tests.core.rig import CAMERA, room_config

CONFIG = room_config()
SPARE = UsbDevice("camera", "1d6b:0001", "", "1-1.3", "/dev/video2")
MICROPHONE = UsbDevice("microphone", "046d:085e", "A1", "1-1.2", "hw:1")


def after(*events: tuple[float, Event]) -> Checks:
    checks = Checks()
    for at_s, event in events:
        checks = core.handle(checks, event, at_s, CONFIG)
    return checks


def section(kind: str = "usb-camera", **keys: str) -> CheckSection:
    return CheckSection.model_validate({"name": "it", "kind": kind, **keys})


@pytest.mark.parametrize(
    ("keys", "fits"),
    [
        ({"usb": "046d:085e"}, True),
        ({"usb": "046D:085E"}, True),
        ({"usb": "046d:085f"}, False),
        ({"serial": "A1"}, True),
        ({"serial": "A"}, False),
        ({"port": "1-1.2"}, True),
        ({"port": "1-1"}, False),
        ({"usb": "046d:085e", "serial": "A1", "port": "1-1.2"}, True),
        ({"usb": "046d:085e", "serial": "A2", "port": "1-1.2"}, False),
        ({"usb": "046d:085e", "port": "1-1.3"}, False),
    ],
)
def test_a_device_is_the_one_that_every_given_key_fits(keys: dict[str, str], fits: bool) -> None:
    assert core.matches(section(**keys), CAMERA) == fits


@pytest.mark.parametrize(("kind", "fits"), [("usb-camera", False), ("usb-microphone", True), ("tcp", False)])
def test_the_microphone_of_a_webcam_is_not_its_camera(kind: str, fits: bool) -> None:
    assert core.matches(section(kind, usb="046d:085e"), MICROPHONE) == fits


def test_a_check_that_has_not_answered_is_unknown_and_not_ok() -> None:
    assert Checks().of("camera-main").state == "unknown"
    assert not Checks().is_ok("camera-main")


def test_a_look_at_the_bus_answers_every_usb_check_and_no_other() -> None:
    checks = after((5, UsbChanged((CAMERA, MICROPHONE))))
    assert checks.by_name == {
        "camera-main": CheckState("ok", None, 5, 5, "/dev/video0", is_live=True, node_s=5),
        "camera-spare": CheckState("failed", "missing", 5, 5, is_live=True),
    }


def test_of_two_devices_that_fit_the_first_is_taken() -> None:
    twin = UsbDevice("camera", "046d:085e", "B2", "1-1.4", "/dev/video4")
    assert after((5, UsbChanged((CAMERA, twin)))).of("camera-main").node == "/dev/video0"
    assert after((5, UsbChanged((twin, CAMERA)))).of("camera-main").node == "/dev/video4"


def test_no_device_answers_for_two_checks_and_who_names_a_port_comes_first() -> None:
    """Two cameras of one make, the spare known by its port: with the main one pulled the spare is not both."""
    main, spare = section(name="main", usb="046d:085e"), section(name="spare", port="1-1")
    one, other = (UsbDevice("camera", "046d:085e", "", port, f"/dev/video{port[-1]}") for port in ("1-1", "1-2"))
    for checks in ((main, spare), (spare, main)):
        both = core.assigned(checks, (one, other))
        assert both == {"main": other, "spare": one}
        assert core.assigned(checks, (other, one)) == both
        assert core.assigned(checks, (one,)) == {"main": None, "spare": one}
        assert core.assigned(checks, (other,)) == {"main": other, "spare": None}
    serial = section(name="serial", serial="A1")
    assert core.assigned((main, serial), (CAMERA,)) == {"main": None, "serial": CAMERA}
    twins = (section(name="a", usb="046d:085e"), section(name="b", usb="046d:085e"))
    assert core.assigned(twins, (one,)) == {"a": one, "b": None}


def test_since_is_kept_while_a_check_says_the_same_and_seen_is_not() -> None:
    checks = after((5, Probed("codec-answers", True)), (9, Probed("codec-answers", True)))
    assert checks.of("codec-answers") == CheckState("ok", None, since_s=5, seen_s=9)


@pytest.mark.parametrize(
    ("second", "since_s"),
    [
        (Probed("codec-answers", False, "unreachable"), 5),
        (Probed("codec-answers", False, "name_unknown"), 9),
        (Probed("codec-answers", True), 9),
    ],
)
def test_another_answer_or_another_reason_begins_anew(second: Probed, since_s: float) -> None:
    checks = after((5, Probed("codec-answers", False, "unreachable")), (9, second))
    assert checks.of("codec-answers").since_s == since_s


def test_a_camera_on_another_node_is_the_same_camera_for_since() -> None:
    moved = UsbDevice("camera", "046d:085e", "A1", "1-1.2", "/dev/video7")
    checks = after((5, UsbChanged((CAMERA,))), (9, UsbChanged((moved,))))
    assert checks.of("camera-main") == CheckState("ok", None, 5, 9, "/dev/video7", is_live=True, node_s=9)


def test_since_when_a_device_is_at_its_node_begins_anew_with_each_plug_and_with_nothing_else() -> None:
    stays = after((5, UsbChanged((CAMERA,))), (9, UsbChanged((CAMERA, SPARE))), (11, UsbChanged((CAMERA,))))
    assert stays.of("camera-main").node_s == 5
    again = after((5, UsbChanged((CAMERA,))), (9, UsbChanged(())), (11, UsbChanged((CAMERA,))))
    assert again.of("camera-main").node_s == 11


def test_a_pulled_camera_keeps_no_node() -> None:
    pulled = after((5, UsbChanged((CAMERA,))), (9, UsbChanged((SPARE,)))).of("camera-main")
    assert pulled == CheckState("failed", "missing", 9, 9, is_live=True, node_s=9)


@pytest.mark.parametrize("event", [Probed("somebody-else", True), ButtonPressed(), Tick()])
def test_what_is_no_answer_to_a_check_of_this_room_changes_nothing(event: Event) -> None:
    before = after((5, UsbChanged((CAMERA,))))
    assert core.handle(before, event, 9, CONFIG) == before


@pytest.mark.parametrize(("since_s", "ok"), [(0, True), (5, True), (5.001, False)])
def test_an_answer_of_the_network_proves_nothing_that_happened_after_it(since_s: float, ok: bool) -> None:
    assert after((5, Probed("codec-answers", True))).is_ok("codec-answers", since_s) == ok


def test_a_camera_on_the_bus_is_there_until_the_bus_says_otherwise() -> None:
    """The bus speaks only when something changes: silence is no old answer."""
    plugged = after((5, UsbChanged((CAMERA,))))
    assert plugged.is_ok("camera-main", since_s=5000)
    assert not core.handle(plugged, UsbChanged(()), 5001, CONFIG).is_ok("camera-main", since_s=5000)


# A device that the room feeds


def gone(*looks: tuple[float, bool, bool]) -> bool:
    """Whether the camera counts as gone with the room's power, after looks: when, is it there, does the power go."""
    checks = Checks()
    for at_s, is_there, power_goes in looks:
        checks = core.handle(checks, UsbChanged((CAMERA,) if is_there else ()), at_s, CONFIG, power_goes)
    return checks.of("camera-main").went_with_room


@pytest.mark.parametrize(
    ("looks", "with_room"),
    [
        ([(1, True, False), (2, False, True)], True),
        ([(1, True, False), (2, False, False)], False),
        ([(1, True, False), (2, False, False), (3, False, True)], False),
        ([(1, False, True)], False),
        ([(1, True, False), (2, False, True), (3, False, False)], True),
        ([(1, True, False), (2, False, True), (3, True, False)], False),
        ([(1, True, False), (2, False, True), (3, True, False), (4, False, False)], False),
    ],
)
def test_a_device_went_with_the_room_when_it_was_there_until_the_power_went(
    looks: list[tuple[float, bool, bool]], with_room: bool
) -> None:
    assert gone(*looks) == with_room


def test_once_the_power_is_back_no_device_is_away_for_want_of_it() -> None:
    checks = after((5, UsbChanged((CAMERA,))))
    assert core.power_is_back(checks) is checks
    checks = core.handle(checks, UsbChanged(()), 6, CONFIG, power_goes=True)
    assert not core.power_is_back(checks).of("camera-main").went_with_room


def test_a_silent_device_on_the_network_has_not_gone() -> None:
    checks = after((5, Probed("codec-answers", True)))
    checks = core.handle(checks, Probed("codec-answers", False, "timeout"), 6, CONFIG, power_goes=True)
    assert not checks.of("codec-answers").went_with_room


# Keyboards


def test_nothing_is_said_of_keyboards_before_somebody_looked_at_the_bus() -> None:
    assert after((5, Probed("codec-answers", True))).keyboards is None
    assert after((5, UsbChanged(()))).keyboards == ()


STRANGER = UsbDevice("microphone", "1234:5678", "", "1-1.4", "hw:2", is_keyboard=True)
TYPING = UsbDevice("camera", "046d:085e", "A1", "1-1.2", "/dev/video0", is_keyboard=True)


@pytest.mark.parametrize(
    ("devices", "ports"),
    [
        ((CAMERA, MICROPHONE), []),
        ((CAMERA, STRANGER), ["1-1.4"]),
        ((TYPING, UsbDevice("microphone", "046d:085e", "A1", "1-1.2", "hw:1", is_keyboard=True)), []),
        ((CAMERA, UsbDevice("camera", "046d:085e", "B2", "1-1.5", "/dev/video4", is_keyboard=True)), ["1-1.5"]),
    ],
    ids=["none", "fits no check", "the camera's check says it", "a twin that no check speaks of"],
)
def test_a_keyboard_that_no_check_speaks_of_is_known(devices: tuple[UsbDevice, ...], ports: list[str]) -> None:
    assert [each.port for each in after((5, UsbChanged(devices))).keyboards or ()] == ports


def test_a_keyboard_that_was_unplugged_is_none_any_more() -> None:
    assert after((5, UsbChanged((STRANGER,))), (6, UsbChanged((CAMERA,)))).keyboards == ()
