"""agent/core/checkup.py: what each fact means for a room's fitness, as tables."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from agent.core import checkup
from agent.core.advice import SENTENCES, Language, advice
from agent.core.checks import Checks, CheckState
from agent.core.checkup import COUNTING, NOT_LOOKING, PICTURE, Facts, Finding
from agent.core.config import RoomConfig
from agent.core.events import UsbDevice
from agent.core.headcount import FORGETS
from agent.core.parse import build
from agent.core.power import Power

NOW_S = 5000.0
CONFIG = build(
    RoomConfig,
    {
        "checks": [
            {"name": "codec", "kind": "tcp", "address": "192.0.2.20:5060"},
            {"name": "gateway", "kind": "ping", "address": "192.0.2.1", "required": False},
            {"name": "camera-main", "kind": "usb-camera", "usb": "046d:085e", "group": "display"},
            {"name": "mic-table", "kind": "usb-microphone", "usb": "046d:0a44", "group": "audio"},
        ],
        "camera": {"check": "camera-main"},
    },
)
ON = Power("on", loads={"codec": "on"})
ALL_WELL = {"disk_free_bytes": 8e9, "temperature_c": 50.0, "undervoltage": False, "throttled": False}
ALL_WELL |= {"memory_used_bytes": 3e8, "memory_total_bytes": 1e9, "disk_read_only": False}


def seen(state: Any = "ok", reason: str | None = None, ago_s: float = 1.0, is_live: bool = True) -> CheckState:
    return CheckState(state, reason, NOW_S - 100, NOW_S - ago_s, is_live=is_live)


def found(
    power: Power = ON,
    count_reason: str | None = None,
    health: dict[str, Any] | None = None,
    broken: bool = False,
    synced: bool = True,
    config: RoomConfig = CONFIG,
    **checks: CheckState,
) -> dict[str, Finding]:
    by_name = {name.replace("_", "-"): state for name, state in checks.items()}
    why = "files_broken" if broken else None
    facts = Facts(power, Checks(by_name), count_reason, ALL_WELL if health is None else health, why, synced)
    return {each.name: each for each in checkup.findings(facts, config, NOW_S)}


def test_the_configs_checks_come_first_and_in_its_order_with_its_groups() -> None:
    every = list(found().values())
    assert [(each.name, each.group, each.required) for each in every] == [
        ("codec", "connect", True),
        ("gateway", "connect", False),
        ("camera-main", "display", True),
        ("mic-table", "audio", True),
        ("room.power", "power", True),
        ("camera.picture", "display", True),
        ("camera.counting", "box", False),
        ("box.clock", "box", False),
        ("box.files", "box", False),
        ("box.disk", "box", False),
        ("box.temperature", "box", False),
        ("box.supply", "power", False),
        ("box.memory", "box", False),
    ]


def test_the_bus_of_the_box_comes_last_once_somebody_has_looked_at_it() -> None:
    def usb(keyboards: tuple[UsbDevice, ...] | None) -> list[Finding]:
        facts = Facts(ON, Checks(keyboards=keyboards), None, ALL_WELL, False, True)
        return [each for each in checkup.findings(facts, CONFIG, NOW_S)[-1:] if each.name == "box.usb"]

    stranger = UsbDevice("microphone", "1234:5678", "", "1-1.4", "hw:2", is_keyboard=True)
    assert usb(None) == []
    assert usb(()) == [Finding("box.usb", "box.usb", "box", False, "ok")]
    assert usb((stranger,)) == [Finding("box.usb", "box.usb", "box", False, "warning", "also_a_keyboard")]
    languages: list[Language] = ["vi", "en"]
    for language in languages:
        sentence = advice("box.usb", "also_a_keyboard", language)
        assert sentence not in (None, advice("usb-camera", "also_a_keyboard", language))


def test_no_check_of_a_config_can_have_the_name_of_a_built_in_one() -> None:
    check = {"kind": "ping", "address": "192.0.2.1"}
    for name in set(found()) - {check.name for check in CONFIG.checks}:
        with pytest.raises(ValueError, match="name"):
            build(RoomConfig, {"checks": [{**check, "name": name}]})


@pytest.mark.parametrize(
    ("state", "power", "ago_s", "expected"),
    [
        (seen(), ON, 1, ("ok", None)),
        (seen("failed", "unreachable"), ON, 1, ("failed", "unreachable")),
        (seen("failed", "unreachable"), Power("off"), 1, ("unknown", "room_off")),
        (seen("failed", "unreachable"), Power("starting"), 1, ("unknown", "room_off")),
        (seen(), Power("off"), 1, ("ok", None)),
        (seen(), ON, 61, ("unknown", "no_answer")),
        (CheckState(), ON, 1, ("unknown", None)),
    ],
)
def test_what_a_network_check_says(state: CheckState, power: Power, ago_s: float, expected: Any) -> None:
    from dataclasses import replace

    state = state if state == CheckState() else replace(state, seen_s=NOW_S - ago_s)
    codec = found(power, codec=state)["codec"]
    assert (codec.state, codec.reason) == expected


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (seen("failed", "missing", ago_s=9999), ("failed", "missing")),
        (seen(ago_s=9999), ("ok", None)),
        (seen("ok", "muted"), ("warning", "muted")),
        (seen("ok", "also_a_keyboard"), ("warning", "also_a_keyboard")),
    ],
)
@pytest.mark.parametrize("power", [ON, Power("off")])
def test_what_the_bus_says_holds_also_while_the_room_is_off(state: CheckState, expected: Any, power: Power) -> None:
    microphone = found(power, mic_table=state)["mic-table"]
    assert (microphone.state, microphone.reason) == expected


@pytest.mark.parametrize("state", ["stopping", "off", "starting"])
def test_a_device_that_went_with_the_rooms_power_is_unknown_while_that_is_away(state: Any) -> None:
    went = CheckState("failed", "missing", NOW_S - 5, NOW_S - 5, is_live=True, went_with_room=True)
    microphone = found(Power(state), mic_table=went)["mic-table"]
    assert (microphone.state, microphone.reason) == ("unknown", "room_off")
    microphone = found(Power("fault", reason="not_proven"), mic_table=went)["mic-table"]
    assert (microphone.state, microphone.reason) == ("failed", "missing")


@pytest.mark.parametrize(
    ("power", "expected"),
    [
        (Power("off"), ("failed", "room_off")),
        (Power("stopping"), ("failed", "room_off")),
        (Power("starting"), ("unknown", "starting")),
        (ON, ("ok", None)),
        (Power("on", apart=frozenset({"codec"})), ("warning", "load_off")),
        (Power("fault", reason="not_proven: codec"), ("failed", "not_proven")),
        (Power("fault", reason="relay_failed"), ("failed", "relay_failed")),
    ],
)
def test_what_the_power_says(power: Power, expected: Any) -> None:
    finding = found(power)["room.power"]
    assert (finding.state, finding.reason) == expected


@pytest.mark.parametrize(
    ("why", "picture", "counting"),
    [
        (None, ("ok", None), ("ok", None)),
        ("few_samples", ("ok", None), ("ok", None)),
        ("settling", ("ok", None), ("ok", None)),
        ("dark", ("failed", "dark"), ("ok", None)),
        ("frozen", ("failed", "frozen"), ("ok", None)),
        ("busy", ("warning", "busy"), ("ok", None)),
        ("missing", ("unknown", "missing"), ("unknown", "missing")),
        ("room_off", ("unknown", "room_off"), ("unknown", "room_off")),
        ("starting", ("unknown", "starting"), ("unknown", "starting")),
        ("no_model", ("unknown", "no_model"), ("failed", "no_model")),
        ("eye_silent", ("unknown", "eye_silent"), ("failed", "eye_silent")),
    ],
)
def test_what_the_picture_says(why: str | None, picture: Any, counting: Any) -> None:
    every = found(count_reason=why)
    assert (every["camera.picture"].state, every["camera.picture"].reason) == picture
    assert (every["camera.counting"].state, every["camera.counting"].reason) == counting


def test_a_room_without_a_camera_has_no_picture() -> None:
    every = found(config=RoomConfig(), count_reason="no_camera")
    assert not [name for name in every if name.startswith("camera")]


@pytest.mark.parametrize(
    ("changes", "name", "expected"),
    [
        ({"disk_free_bytes": 4e8}, "box.disk", ("warning", "disk_low")),
        ({"disk_free_bytes": 4e7}, "box.disk", ("failed", "disk_full")),
        ({"disk_read_only": True}, "box.disk", ("failed", "read_only")),
        ({"disk_read_only": True, "disk_free_bytes": None}, "box.disk", ("failed", "read_only")),
        ({"temperature_c": 80.0}, "box.temperature", ("warning", "hot")),
        ({"undervoltage": True}, "box.supply", ("warning", "undervoltage")),
        ({"throttled": True}, "box.supply", ("warning", "throttled")),
        ({"memory_used_bytes": 9.5e8}, "box.memory", ("warning", "memory_low")),
    ],
)
def test_what_the_box_says(changes: dict[str, Any], name: str, expected: Any) -> None:
    finding = found(health={**ALL_WELL, **changes})[name]
    assert (finding.state, finding.reason) == expected
    assert found()[name].state == "ok"


def test_what_a_box_does_not_tell_is_left_out() -> None:
    every = found(health={"disk_free_bytes": None, "temperature_c": None, "undervoltage": None})
    assert {name for name in every if name.startswith("box")} == {"box.clock", "box.files"}


def test_the_clock_and_the_files_warn() -> None:
    every = found(broken=True, synced=False)
    assert (every["box.clock"].reason, every["box.files"].reason) == ("clock_unsynced", "files_broken")


def test_a_room_that_a_broken_file_leaves_with_nothing_is_not_fit() -> None:
    """The safe config: no loads to switch and nothing to look at, which would otherwise all be well."""
    empty = build(RoomConfig, {})
    facts = Facts(Power(state="on"), Checks(), None, {}, file_trouble="files_broken", is_synced=True)
    broken = next(each for each in checkup.findings(facts, empty, NOW_S) if each.name == "box.files")
    assert (broken.state, broken.reason, broken.required) == ("failed", "files_broken", True)
    assert found(broken=True)["box.files"].required is False


def test_a_box_without_a_room_config_is_not_fit() -> None:
    facts = Facts(Power(state="on"), Checks(), None, {}, file_trouble=None, is_synced=True)
    (files,) = (each for each in checkup.findings(facts, build(RoomConfig, {}), NOW_S) if each.name == "box.files")
    assert (files.state, files.reason, files.required) == ("failed", "no_room", True)
    assert found()["box.files"].state == "ok"


def test_a_box_that_cannot_write_down_how_the_room_stands_says_so() -> None:
    facts = Facts(ON, Checks(), None, {}, False, True, forgets=True)
    (disk,) = (each for each in checkup.findings(facts, CONFIG, NOW_S) if each.name == "box.disk")
    assert (disk.state, disk.reason, disk.required) == ("failed", "not_stored", False)
    assert advice("box.disk", "not_stored", "vi")


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (31, ("ok", None)),
        (29, ("warning", "expires_soon")),
        (6, ("warning", "expires_within_week")),
        (0.5, ("warning", "expires_within_day")),
        (-1, ("failed", "expired")),
    ],
)
def test_a_certificate_that_ends_is_told_in_time(days: float, expected: tuple[str, str | None]) -> None:
    facts = Facts(ON, Checks(), None, {}, False, True, certificate_left=timedelta(days=days))
    (found,) = (each for each in checkup.findings(facts, CONFIG, NOW_S) if each.name == "box.certificate")
    assert (found.state, found.reason) == expected
    assert not found.required
    assert expected[1] is None or advice("box.certificate", expected[1], "vi")


def test_a_box_that_may_not_ping_knows_nothing_of_the_device() -> None:
    silent = CheckState("failed", "not_permitted", seen_s=NOW_S)
    assert found(gateway=silent)["gateway"].state == "unknown"
    assert found(gateway=replace(silent, reason="timeout"))["gateway"].state == "failed"


def test_while_the_room_comes_up_nobody_is_told_to_bring_it_up() -> None:
    for power, reason in (("off", "room_off"), ("starting", "starting"), ("stopping", "room_off")):
        picture = found(power=Power(state=power), count_reason="room_off")["camera.picture"]
        assert (picture.state, picture.reason) == ("unknown", reason)


def test_every_reason_that_is_looked_for_has_advice_in_both_languages() -> None:
    reasons = [("camera.picture", each) for each in PICTURE] + [("camera.counting", each) for each in COUNTING]
    for kind, reason in reasons:
        assert advice(kind, reason, "vi") != advice(kind, reason, "en")
    assert all(vi and en and vi != en and vi.endswith(".") and en.endswith(".") for vi, en in SENTENCES.values())
    assert advice("tcp", None, "vi") is None
    assert advice("tcp", "<b>", "vi") is None


def test_why_nobody_looks_is_known_by_the_headcounts_own_words() -> None:
    assert FORGETS - {"no_camera"} <= NOT_LOOKING
