"""agent/core/home_assistant.py: what Home Assistant is told of a site, and what it makes of what the site says."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from agent.core import home_assistant
from agent.core.config import CHECKS_MAX, CheckSection, LoadSection, RoomConfig
from agent.core.contract import MAX_PAYLOAD_BYTES
from agent.core.contract import topic as live_topic
from agent.core.identity import SITE_ID_MAX
from agent.core.parse import build
from agent.core.reports import Self
from tests.adapters.home_assistant_schema import ABBREVIATIONS, Document, Removal
from tests.core.rig import ROOM, Rig, face, frame, room_config, self_of

Render = Callable[[str, dict[str, Any]], str]

HEARTBEAT_S = 20
CHECKS = [*ROOM["checks"], {"name": "router", "kind": "ping", "address": "192.0.2.1"}]
CHECKS += [{"name": "mic", "kind": "usb-microphone", "usb": "046d:0001"}]
CONFIG = room_config(site={"name": "Thị xã Chí Linh"}, checks=CHECKS, reporting={"heartbeat_s": HEARTBEAT_S})
SELF = self_of(CONFIG, hardware="Raspberry Pi 4 Model B Rev 1.5", serial="10000000abcd")
DOCUMENT = home_assistant.document(SELF)
COMPONENTS = DOCUMENT["components"]
HEALTH = {"cpu_share": 0.256, "temperature_c": 48.3, "undervoltage": False, "outbox_rows": 12}


def biggest() -> Self:
    """As much as a config may hold, every name as long as it may be."""
    loads = [{"name": f"load-{i:02}-".ljust(40, "x"), "pin": 2 + i} for i in range(16)]
    checks = [
        {"name": f"check-{i:02}-".ljust(40, "x"), "kind": "usb-microphone", "usb": f"046d:{i:04}"}
        for i in range(CHECKS_MAX - 2)
    ]
    cameras = [{"name": name.ljust(40, "x"), "kind": "usb-camera", "port": name} for name in ("camera-1-", "camera-2-")]
    config = room_config(
        site={"name": "𝔛" * 200},
        power={"button": {"pin": 26}, "led": {"pin": 27}, "loads": loads},
        checks=checks + cameras,
        camera={"check": cameras[0]["name"], "fallback": cameras[1]["name"]},
        reporting={"heartbeat_s": 600},
    )
    return self_of(config, site="x" * SITE_ID_MAX, version="v" * 40, hardware="h" * 200, serial="s" * 64)


def check(name: str, state: str, **more: Any) -> dict[str, Any]:
    """A check as ``readiness`` has it."""
    return {"name": name, "state": state, "reason": None, **more}


def of_room(*checks: dict[str, Any], ready: bool | None = None) -> dict[str, Any]:
    """A message on ``readiness``."""
    return {"ready": ready, "checks": list(checks)}


def test_there_is_one_topic_for_each_site() -> None:
    assert home_assistant.topic("chi-linh") == "homeassistant/device/diemcau-chi-linh/config"


@pytest.mark.parametrize("site", ["", "_all", "a/b", "+", "#", "Chi-Linh", "a" * (SITE_ID_MAX + 1)])
def test_what_could_be_no_site_has_no_topic(site: str) -> None:
    with pytest.raises(ValueError, match="not a site id"):
        home_assistant.topic(site)


@pytest.mark.parametrize(
    "self",
    [SELF, self_of(RoomConfig()), self_of(room_config(), stands_in=True), biggest()],
    ids=["a-room", "an-empty-room", "a-room-that-is-not-known", "the-biggest-room"],
)
def test_only_what_is_documented_stands_in_it(self: Self) -> None:
    Document.model_validate(home_assistant.document(self))


def test_the_abbreviations_are_the_documented_ones() -> None:
    assert {short: full for full, short in home_assistant.SHORT.items()} == ABBREVIATIONS
    sent = json.loads(home_assistant.encode(DOCUMENT))
    for key, component in sent["components"].items():
        sent["components"][key] = {ABBREVIATIONS.get(option, option): value for option, value in component.items()}
    assert sent == DOCUMENT


def test_the_biggest_room_fits_into_a_message() -> None:
    self = biggest()
    components = home_assistant.document(self)["components"]
    assert len([key for key in components if key.startswith(("load_", "check_"))]) == 16 + CHECKS_MAX
    assert len(home_assistant.encode(home_assistant.document(self))) < MAX_PAYLOAD_BYTES


def test_the_device_is_the_site_by_its_own_name() -> None:
    assert DOCUMENT["device"] == {
        "identifiers": ["diemcau_chi-linh"],
        "name": "Thị xã Chí Linh",
        "manufacturer": "Raspberry Pi",
        "model": "Raspberry Pi 4 Model B Rev 1.5",
        "sw_version": "0.1.0",
        "serial_number": "10000000abcd",
    }
    assert DOCUMENT["origin"] == {"name": "diemcau", "sw_version": "0.1.0"}


def test_what_is_not_known_of_the_device_is_left_out_and_a_site_without_a_name_is_called_by_its_id() -> None:
    device = home_assistant.document(self_of(room_config()))["device"]
    assert device == {"identifiers": ["diemcau_chi-linh"], "name": "chi-linh", "sw_version": "0.1.0"}


def test_a_box_that_is_no_raspberry_pi_has_no_maker_that_one_would_have_to_guess() -> None:
    device = home_assistant.document(self_of(room_config(), hardware="ThinkCentre M70q"))["device"]
    assert device["model"] == "ThinkCentre M70q"
    assert "manufacturer" not in device


def test_the_room_has_these_components() -> None:
    platforms = {key: component["platform"] for key, component in COMPONENTS.items()}
    sensors = ("headcount", "summoned", "rate", "power", "temperature", "cpu", "outbox")
    loads = ("load_codec", "load_display", "load_lamp")
    checks = ("check_codec-answers", "check_camera-main", "check_camera-spare", "check_router", "check_mic")
    binary_sensors = ("ready", *loads, *checks, "undervoltage")
    assert platforms == dict.fromkeys(sensors, "sensor") | dict.fromkeys(binary_sensors, "binary_sensor")


def test_home_assistant_is_given_nothing_to_switch_with() -> None:
    assert "command" not in home_assistant.encode(DOCUMENT).decode()
    assert {component["platform"] for component in COMPONENTS.values()} == {"sensor", "binary_sensor"}


@pytest.mark.parametrize("key", COMPONENTS)
def test_every_component_has_its_ids_its_qos_and_its_expiry(key: str) -> None:
    component = COMPONENTS[key]
    assert component["unique_id"] == f"diemcau_chi-linh_{key}"
    assert component["default_entity_id"] == f"{component['platform']}.diemcau_chi_linh_{key.replace('-', '_')}"
    assert component["qos"] == 1
    assert component["expire_after"] == 3 * HEARTBEAT_S


def test_ids_are_those_of_no_other_component_whatever_loads_and_checks_are_called() -> None:
    names = ("power", "ready", "headcount", "a", "a-", "a--b", "load-a")
    loads = [{"name": name, "pin": 2 + i} for i, name in enumerate(names)]
    checks = [{"name": name, "kind": "ping", "address": "192.0.2.1"} for name in names]
    config = build(RoomConfig, {"power": {"loads": loads}, "checks": checks})
    components = home_assistant.document(self_of(config))["components"].values()
    assert len({component["unique_id"] for component in components}) == 9 + 2 * len(names)
    assert len({component["default_entity_id"] for component in components}) == 9 + 2 * len(names)


@pytest.mark.parametrize("name", ["a'b", 'a"b', "a}}b", "{{a", "a%}", "a\\b", "a\n", "a b", "A", "_", "é"])
def test_a_name_that_could_break_a_template_is_in_no_config(name: str) -> None:
    with pytest.raises(ValidationError):
        LoadSection(name=name, pin=5)
    with pytest.raises(ValidationError):
        CheckSection(name=name, kind="ping", address="192.0.2.1")


def test_every_template_is_whole() -> None:
    templates = [value for part in _dicts(DOCUMENT) for key, value in part.items() if key.endswith("_template")]
    assert len(templates) > len(COMPONENTS)
    for template in templates:
        assert template.count("{{") == template.count("}}"), template
        assert template.count("{%") == template.count("%}"), template
        assert "<" not in template, template


def _dicts(part: object) -> list[dict[str, Any]]:
    if isinstance(part, dict):
        return [part, *(inner for value in part.values() for inner in _dicts(value))]
    return [inner for value in part for inner in _dicts(value)] if isinstance(part, list) else []


@pytest.mark.parametrize("key", COMPONENTS)
def test_every_component_reads_a_live_topic_of_its_own_site(key: str) -> None:
    read = COMPONENTS[key].get("state_topic", DOCUMENT["state_topic"])
    live = ("power", "readiness", "headcount", "health")
    assert read in {live_topic("chi-linh", name) for name in live}
    assert COMPONENTS[key].get("json_attributes_topic", read) == read


def test_what_stands_in_the_language_of_the_site() -> None:
    in_english = room_config(site={"language": "en"})
    english = home_assistant.document(self_of(in_english))["components"]
    wanted = {
        "headcount": ("Số người có mặt", "Headcount"),
        "ready": ("Sẵn sàng", "Ready"),
        "load_codec": ("Thiết bị codec", "Load codec"),
        "check_camera-main": ("Kiểm tra camera-main", "Check camera-main"),
    }
    for key, names in wanted.items():
        assert (COMPONENTS[key]["name"], english[key]["name"]) == names
    units = [components["headcount"]["unit_of_measurement"] for components in (COMPONENTS, english)]
    assert units == ["người", "people"]
    assert len({component["name"] for component in COMPONENTS.values()}) == len(COMPONENTS)


def test_everything_is_available_while_the_agent_runs() -> None:
    assert [each["topic"] for each in DOCUMENT["availability"]] == ["diemcau/v1/chi-linh/status"]
    assert DOCUMENT["availability_mode"] == "all"
    own = {key for key, component in COMPONENTS.items() if "availability" in component}
    assert own == {"headcount", "rate"}


def test_the_headcount_is_available_while_a_camera_is_there_too() -> None:
    topics = [each["topic"] for each in COMPONENTS["headcount"]["availability"]]
    assert topics == ["diemcau/v1/chi-linh/status", "diemcau/v1/chi-linh/readiness"]
    assert COMPONENTS["headcount"]["availability_mode"] == "all"


def test_in_a_room_without_a_camera_no_check_is_asked_for_the_headcount() -> None:
    components = home_assistant.document(self_of(room_config(camera={})))["components"]
    assert not [key for key, component in components.items() if "availability" in component]


def test_a_device_that_is_plugged_in_is_a_problem_or_none_and_a_service_connected_or_not() -> None:
    kinds = {key: each["device_class"] for key, each in COMPONENTS.items() if key.startswith("check_")}
    assert kinds == {
        "check_codec-answers": "connectivity",
        "check_router": "connectivity",
        "check_camera-main": "problem",
        "check_camera-spare": "problem",
        "check_mic": "problem",
    }


def test_what_is_gone_from_the_config_is_forgotten() -> None:
    fewer = room_config(power={"loads": ROOM["power"]["loads"][:1]}, checks=CHECKS[:3])
    removal = home_assistant.removal(self_of(fewer), CONFIG)
    assert removal is not None
    Removal.model_validate(removal)
    gone = ("load_display", "load_lamp", "check_router", "check_mic")
    assert removal["components"] == {key: {"platform": "binary_sensor"} for key in gone}
    assert json.loads(home_assistant.encode(removal))["components"]["check_mic"] == {"p": "binary_sensor"}


def test_where_nothing_is_gone_nothing_is_to_be_forgotten() -> None:
    assert home_assistant.removal(SELF, CONFIG) is None
    assert home_assistant.removal(SELF, room_config()) is None


def test_what_a_room_has_is_not_forgotten_because_its_config_cannot_be_read() -> None:
    assert home_assistant.removal(self_of(RoomConfig(), stands_in=True), CONFIG) is None


# From here on: what Home Assistant makes of what the site says, by Jinja2 as Home Assistant has it.


@pytest.fixture
def render() -> Render:
    """Renders a template for a message; one that asks for what is not there fails."""
    jinja2, sandbox = pytest.importorskip("jinja2"), pytest.importorskip("jinja2.sandbox")
    environment = sandbox.ImmutableSandboxedEnvironment(undefined=jinja2.StrictUndefined)
    return lambda template, message: environment.from_string(template).render(value_json=message).strip()


@pytest.mark.parametrize(
    ("key", "message", "state"),
    [
        ("headcount", {"value": 41}, "41"),
        ("headcount", {"value": 0}, "0"),
        ("headcount", {"value": None}, "None"),
        ("summoned", {"value": 41, "summoned": 50}, "50"),
        ("summoned", {"value": 41}, "None"),
        ("rate", {"rate": 0.8246}, "82.5"),
        ("rate", {"rate": 0.0}, "0.0"),
        ("rate", {"rate": None}, "None"),
        ("rate", {}, "None"),
        ("power", {"state": "starting"}, "starting"),
        ("load_codec", {"loads": {"codec": "on"}}, "ON"),
        ("load_codec", {"loads": {"codec": "off"}}, "OFF"),
        ("load_codec", {"loads": {"codec": "unknown"}}, "None"),
        ("load_codec", {"loads": {}}, "None"),
        ("ready", of_room(ready=True), "ON"),
        ("ready", of_room(ready=False), "OFF"),
        ("ready", of_room(ready=None), "None"),
        ("check_camera-main", of_room(check("camera-main", "ok")), "OFF"),
        ("check_camera-main", of_room(check("mic", "failed"), check("camera-main", "warning")), "OFF"),
        ("check_camera-main", of_room(check("camera-main", "failed"), check("mic", "ok")), "ON"),
        ("check_camera-main", of_room(check("camera-main", "unknown")), "None"),
        ("check_camera-main", of_room(check("camera-spare", "failed")), "None"),
        ("check_router", of_room(check("router", "ok")), "ON"),
        ("check_router", of_room(check("router", "warning")), "ON"),
        ("check_router", of_room(check("router", "failed")), "OFF"),
        ("check_router", of_room(check("router", "unknown")), "None"),
        ("check_router", of_room(), "None"),
        ("temperature", {"temperature_c": 48.3}, "48.3"),
        ("temperature", {"temperature_c": None}, "None"),
        ("temperature", {}, "None"),
        ("cpu", HEALTH, "25.6"),
        ("cpu", {"cpu_share": None}, "None"),
        ("outbox", HEALTH, "12"),
        ("outbox", {}, "None"),
        ("undervoltage", HEALTH, "OFF"),
        ("undervoltage", {"undervoltage": True}, "ON"),
        ("undervoltage", {"undervoltage": None}, "None"),
        ("undervoltage", {}, "None"),
    ],
)
def test_a_message_gives_this_state(key: str, message: dict[str, Any], state: str, render: Render) -> None:
    assert render(COMPONENTS[key]["value_template"], message) == state


@pytest.mark.parametrize(("state", "is_there"), [("running", True), ("stopped", False), ("lost", False)])
def test_the_site_is_there_while_its_agent_runs(state: str, is_there: bool, render: Render) -> None:
    template = DOCUMENT["availability"][0]["value_template"]
    assert render(template, {"state": state}) == ("online" if is_there else "offline")


@pytest.mark.parametrize(
    ("checks", "is_there"),
    [
        ({"camera-main": "ok", "camera-spare": "ok"}, True),
        ({"camera-main": "warning", "camera-spare": "failed"}, True),
        ({"camera-main": "failed", "camera-spare": "ok"}, True),
        ({"camera-main": "failed", "camera-spare": "unknown", "mic": "ok"}, False),
        ({"camera-main": "unknown", "camera-spare": "failed"}, False),
        ({"mic": "ok"}, False),
        ({}, False),
    ],
)
def test_the_headcount_is_there_while_one_of_the_cameras_is(
    checks: dict[str, str], is_there: bool, render: Render
) -> None:
    template = COMPONENTS["headcount"]["availability"][1]["value_template"]
    message = of_room(*(check(name, state) for name, state in checks.items()))
    assert render(template, message) == ("online" if is_there else "offline")


def test_the_headcount_tells_why_it_is_what_it_is(render: Render) -> None:
    template = COMPONENTS["headcount"]["json_attributes_template"]
    message = {"value": None, "state": "unknown", "reason": "dark", "seen": 3}
    wanted = {"headcount_state": "unknown", "reason": "dark", "summoned": None, "rate": None}
    assert json.loads(render(template, message)) == wanted
    called: dict[str, Any] = {"reason": None, "summoned": 8, "rate": 0.5}
    assert json.loads(render(template, {"state": "ok", **called})) == {"headcount_state": "ok", **called}


def test_the_power_tells_by_whom_and_where_it_stands(render: Render) -> None:
    template = COMPONENTS["power"]["json_attributes_template"]
    message = {"state": "fault", "loads": {}, "step": "codec", "by": "button", "reason": "stuck", "who": "x"}
    wanted = {"step": "codec", "by": "button", "reason": "stuck", "locked": None}
    assert json.loads(render(template, message)) == wanted


def test_readiness_names_what_is_not_as_it_should_be_and_what_to_do(render: Render) -> None:
    message = of_room(
        check("camera-main", "failed", reason="missing", advice="Cắm lại “camera” <vào> cổng 'cũ'."),
        check("camera-spare", "failed", reason="missing", advice="Cắm lại “camera” <vào> cổng 'cũ'."),
        check("mic", "warning", reason="muted", advice="Mở tiếng."),
        check("router", "ok"),
        check("box.clock", "warning", reason="clock_unsynced"),
        check("room.power", "unknown", reason="starting"),
    )
    assert json.loads(render(COMPONENTS["ready"]["json_attributes_template"], message)) == {
        "failed": {"camera-main": "missing", "camera-spare": "missing"},
        "warning": {"mic": "muted", "box.clock": "clock_unsynced"},
        "unknown": {"room.power": "starting"},
        "advice": ["Cắm lại “camera” <vào> cổng 'cũ'.", "Mở tiếng."],
    }


def test_an_attribute_that_home_assistant_would_leave_out_is_called_otherwise(render: Render) -> None:
    # Source: home-assistant.io, "MQTT Sensor" and homeassistant/components/mqtt/entity.py, MQTT_ATTRIBUTES_BLOCKED.
    blocked = {"state", "available", "icon", "friendly_name", "device_class", "entity_id", "name", "unique_id"}
    messages = {"headcount": {"state": "ok", "reason": None}, "power": {}, "ready": of_room()}
    for key, message in messages.items():
        attributes = json.loads(render(COMPONENTS[key]["json_attributes_template"], message))
        assert not blocked & set(attributes)


def test_every_template_reads_what_a_site_really_says(render: Render) -> None:
    rig = Rig(CONFIG)
    rig.start_long_ago()
    rig.hold()
    rig.wait(600)
    rig.do(frame(rig.now_s, (face(10), face(60))))
    rig.wait(HEARTBEAT_S)
    for key, component in COMPONENTS.items():
        name = component.get("state_topic", DOCUMENT["state_topic"]).rpartition("/")[2]
        state = render(component["value_template"], rig.said[name])
        assert state in component.get("options", (state,))
        assert state, f"{key} renders nothing"
        for option in ("json_attributes_template",) if "json_attributes_template" in component else ():
            assert isinstance(json.loads(render(component[option], rig.said[name])), dict)
        for each in component.get("availability", DOCUMENT["availability"]):
            if (topic := each["topic"].rpartition("/")[2]) in rig.said:
                assert render(each["value_template"], rig.said[topic]) in ("online", "offline")


# With Home Assistant itself, where it is installed.


@pytest.mark.parametrize(
    "self", [SELF, self_of(RoomConfig()), biggest()], ids=["a-room", "an-empty-room", "the-biggest"]
)
def test_home_assistant_takes_every_key_of_the_document(self: Self, tmp_path: Path) -> None:
    asyncio.run(_validated(home_assistant.document(self), tmp_path, _discovery()))


def test_home_assistant_takes_what_makes_it_forget(tmp_path: Path) -> None:
    removal = home_assistant.removal(self_of(room_config(checks=ROOM["checks"])), CONFIG)
    assert removal is not None
    asyncio.run(_validated(removal, tmp_path, _discovery()))


def _installed(module: str) -> Any:
    why = "needs Home Assistant and paho-mqtt"
    return pytest.importorskip(f"homeassistant.components.mqtt.{module}", reason=why, exc_type=ImportError)


def _discovery() -> Any:
    discovery = _installed("discovery")
    if "def_ent_id" not in discovery.ABBREVIATIONS:
        pytest.skip("needs Home Assistant 2025.10 or later")
    return discovery


async def _validated(document: dict[str, Any], folder: Path, discovery: Any) -> None:
    hass = pytest.importorskip("homeassistant.core").HomeAssistant(str(folder))
    pytest.importorskip("homeassistant.helpers.frame").async_setup(hass)
    schemas = {name: _installed(name).DISCOVERY_SCHEMA for name in ("sensor", "binary_sensor")}
    sent = json.loads(home_assistant.encode(document))
    discovery._replace_all_abbreviations(sent)
    assert sent == document
    discovery.DEVICE_DISCOVERY_SCHEMA(sent)
    for key, component in document["components"].items():
        payload = discovery.MQTTDiscoveryPayload(component)
        platform = payload.pop("platform")
        if not payload:
            continue  # it is to be forgotten
        discovery._merge_common_device_options(payload, document)
        taken = schemas[platform](dict(payload))
        lost = set(payload) - set(taken)
        assert not lost, f"{key}: Home Assistant does not know {lost}"
    await hass.async_stop(force=True)
