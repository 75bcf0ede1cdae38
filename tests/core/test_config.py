"""agent/core/config.py: a room config, or everything that is wrong with it at once."""

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.config import RoomConfig, Zones, parse_room, parse_zones, whole_problems
from agent.core.errors import ConfigError
from agent.core.parse import Section
from tests.core.rig import ROOM, examples

CONTRACT = """
[site]
name = "Thị xã Chí Linh"
path = ["Hải Dương", "Chí Linh"]
timezone = "Asia/Ho_Chi_Minh"
language = "vi"
[power]
button = { pin = 17, hold_s = 3, debounce_s = 0.03, ignore_after_switch_s = 0.5 }
led = { pin = 27 }
restore = "last"
[[power.loads]]
name = "codec"
pin = 5
active_high = false
settle_s = 20
proof = "codec-answers"
prove_within_s = 90
min_off_s = 10
[[checks]]
name = "codec-answers"
kind = "tcp"
address = "192.168.1.20:5060"
group = "connect"
required = true
[[checks]]
name = "camera-main"
kind = "usb-camera"
usb = "046d:085e"
group = "display"
required = true
[camera]
check = "camera-main"
fallback = ""
width = 1920
height = 1080
[headcount]
model = ""
interval_s = 2
conference_interval_s = 2
window_s = 90
cpu_share = 0.5
threshold = 0.6
include = []
exclude = [[[0.7, 0.0], [1.0, 0.0], [1.0, 0.3], [0.7, 0.3]]]
[reporting]
acknowledge = "centre"
heartbeat_s = 30
history_s = 60
keep_days = 30
outbox_max_bytes = 67108864
"""


def problems(changes: dict[str, Any], base: dict[str, Any] | None = None) -> list[str]:
    """What is wrong with a good room after some sections were replaced."""
    try:
        parse_room(json.dumps({**(ROOM if base is None else base), **changes}), "room.json", json_document=True)
    except ConfigError as error:
        return [str(problem) for problem in error.problems]
    return []


def load(**keys: Any) -> dict[str, Any]:
    return {"power": {"loads": [{"name": "codec", "pin": 5, **keys}]}}


def check(kind: str, **keys: Any) -> dict[str, Any]:
    return {"checks": [{"name": "it", "kind": kind, **keys}]}


def test_the_room_of_the_contract_is_one() -> None:
    room = parse_room(CONTRACT, "room.toml", json_document=False)
    assert room.power.loads[0].proof == "codec-answers"
    assert room.headcount.exclude == (((0.7, 0.0), (1.0, 0.0), (1.0, 0.3), (0.7, 0.3)),)
    assert room.check("camera-main") == room.checks[1]
    assert room.load("codec") == room.power.loads[0]
    assert room.check("codec") is room.load("camera-main") is None


def test_an_empty_document_is_the_safe_room_that_only_reports() -> None:
    room = parse_room("", "room.toml", json_document=False)
    assert room == RoomConfig()
    assert (room.power.loads, room.checks, room.camera.check) == ((), (), "")


def test_the_example_of_the_contract_names_the_defaults() -> None:
    """Where the contract's example gives a default, an empty room has the same."""
    room, safe = parse_room(CONTRACT, "room.toml", json_document=False), RoomConfig()
    assert room.power.button == safe.power.button
    assert room.power.led == safe.power.led
    assert room.reporting == safe.reporting
    assert room.headcount.model_copy(update={"exclude": ()}) == safe.headcount
    assert room.camera.model_copy(update={"check": ""}) == safe.camera


def test_a_config_with_five_mistakes_is_told_all_five() -> None:
    text = """
    [power]
    restore = "lsat"
    button = { pin = 99 }
    [[power.loads]]
    name = "codec"
    pin = 27
    proof = "codec-answer"
    [[checks]]
    name = "codec-answers"
    kind = "tcp"
    adress = "192.0.2.20:5060"
    """
    with pytest.raises(ConfigError) as refusal:
        parse_room(text, "room.toml", json_document=False)
    assert [str(problem) for problem in refusal.value.problems] == [
        "power.button.pin: should be less than or equal to 27, not 99",
        "power.restore: should be 'last', 'off' or 'on', not 'lsat' (did you mean last?)",
        "checks[0].adress: this key does not exist (did you mean address?)",
        "power.loads[0].pin: pin 27 is already used at power.led.pin",
        "power.loads[0].proof: there is no check named 'codec-answer' (there are: codec-answers)",
        "checks[0].address: should be host:port with a port from 1 to 65535",
    ]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"power": {"button": {"pin": 4}, "led": {"pin": 4}}},
            "power.led.pin: pin 4 is already used at power.button.pin",
        ),
        (load(pin=17), "power.loads[0].pin: pin 17 is already used at power.button.pin"),
        (
            {"power": {"loads": [{"name": "a", "pin": 5}, {"name": "a", "pin": 6}]}},
            "power.loads[1].name: load a is already used at power.loads[0].name",
        ),
        (
            {"power": {"loads": [{"name": "a", "pin": 5}, {"name": "b", "pin": 5}]}},
            "power.loads[1].pin: pin 5 is already used at power.loads[0].pin",
        ),
        (
            {"checks": [*ROOM["checks"], {"name": "camera-main", "kind": "ping", "address": "h"}]},
            "checks[3].name: check camera-main is already used at checks[1].name",
        ),
        (
            {"camera": {"check": "codec-answers"}},
            "camera.check: there is no usb-camera check named 'codec-answers' (there are: camera-main, camera-spare)",
        ),
        (
            {"camera": {"check": "camera-main", "fallback": "camera-two"}},
            "camera.fallback: there is no usb-camera check named 'camera-two' (there are: camera-main, camera-spare)",
        ),
        (
            {"camera": {"check": "camera-main", "fallback": "camera-main"}},
            "camera.fallback: is the camera of camera.check (name another usb-camera check, or leave it out)",
        ),
        (
            {"headcount": {"include": [[[0, 0], [1, 0]]]}},
            "headcount.include[0]: should be three points or more, each [x, y] in 0..1 of the frame",
        ),
        (
            {"headcount": {"exclude": [[[0, 0], [1, 0], [1, 1.01]]]}},
            "headcount.exclude[0]: should be three points or more, each [x, y] in 0..1 of the frame",
        ),
        (load(min_off_s=-1), "power.loads[0].min_off_s: should be greater than or equal to 0, not -1"),
        ({"site": {"language": "vn", "name": "x"}}, "site.language: should be 'vi' or 'en', not 'vn'"),
        ({"headcout": {}}, "headcout: this key does not exist (did you mean headcount?)"),
    ],
)
def test_what_does_not_fit_together_is_told_with_its_place(changes: dict[str, Any], sentence: str) -> None:
    assert problems(changes) == [sentence]


@pytest.mark.parametrize("pin", [1, 0, -1, 28, 5.0, "5", True, None])
def test_only_pins_of_the_header_can_be_used(pin: object) -> None:
    assert len(problems(load(pin=pin))) >= 1


@pytest.mark.parametrize("name", ["", "Codec", "mã-hoá", "-a", "a b", "a" * 41, "a\n"])
def test_names_that_would_not_travel_are_refused(name: str) -> None:
    assert problems({"power": {"loads": [{"name": name, "pin": 5}]}})
    assert problems({"checks": [{"name": name, "kind": "ping", "address": "h"}], "power": {}, "camera": {}})


@pytest.mark.parametrize(
    ("changes", "is_fine"),
    [
        (check("tcp", address="192.0.2.1:5060"), True),
        (check("tcp", address="[2001:db8::1]:5060"), True),
        (check("tcp", address="codec.example:65535"), True),
        (check("tcp", address="192.0.2.1"), False),
        (check("tcp", address=":5060"), False),
        (check("tcp", address="h:0"), False),
        (check("tcp", address="h:65536"), False),
        (check("tcp", address="h:５"), False),
        (check("tcp", address="h:" + "9" * 5000), False),
        (check("tcp"), False),
        (check("ping", address="192.0.2.1"), True),
        (check("ping"), False),
        (check("usb-camera", usb="046d:085e"), True),
        (check("usb-camera", usb="046D:085E"), True),
        (check("usb-camera", usb="046d:085g"), False),
        (check("usb-camera", serial="A1"), True),
        (check("usb-microphone", port="1-1.2"), True),
        (check("usb-camera"), False),
        (check("usb-camera", address="192.0.2.1"), False),
        (check("usb-camera", usb="46d:85e"), False),
        (check("bluetooth", address="x"), False),
    ],
)
def test_a_check_names_what_it_looks_at(changes: dict[str, Any], is_fine: bool) -> None:
    assert (problems(changes, base={}) == []) == is_fine


@pytest.mark.parametrize("proof", ["codec-answers", "camera-main"])
def test_any_check_can_be_a_proof(proof: str) -> None:
    assert problems(load(proof=proof)) == []


def test_zones_are_read_from_a_file_of_their_own() -> None:
    zones = parse_zones("include = [[[0, 0], [1, 0], [0.5, 1]]]", "zones.toml")
    assert zones == Zones(include=(((0, 0), (1, 0), (0.5, 1)),))
    with pytest.raises(ConfigError, match=r"zones.toml: inclde: .*did you mean include\?.*; exclude\[0\]: should be"):
        parse_zones("inclde = []\nexclude = [[[0, 0]]]", "zones.toml")


@pytest.mark.parametrize("opened", ['{"x":', '{"site":{"path":', '{"headcount":{"include":'])
def test_a_document_of_any_depth_is_a_list_of_problems(opened: str) -> None:
    """Also where it is just not too deep to be read, but too deep for what is done with it then."""
    ends = "}" * opened.count("{")
    for depth in (*range(100, 850, 50), *range(850, 1000)):
        with pytest.raises(ConfigError):
            parse_room(opened + "[" * depth + "]" * depth + ends, "room", json_document=True)


# Anything at all

KEYS = sorted({name for section in (RoomConfig, *Section.__subclasses__()) for name in section.model_fields})
VALUE = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 70_000),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["tcp", "usb-camera", "codec", "h:80", "h:x", "046d:085e", "last", "\ud800", "a\nb"]),
)
JSON = st.recursive(
    VALUE,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.one_of(st.sampled_from(KEYS), st.text(max_size=5)), inner, max_size=5),
    ),
    max_leaves=20,
)
SECTIONS = st.dictionaries(st.sampled_from(sorted(RoomConfig.model_fields)), JSON, max_size=6)


def read(text: str, json_document: bool) -> RoomConfig | None:
    """The room, or None where there are problems. Any other end is an error."""
    try:
        return parse_room(text, "room", json_document)
    except ConfigError as error:
        told = error.problems
    assert told
    assert all(problem.message for problem in told)
    return None


def taken_or_told(text: str, json_document: bool) -> None:
    config = read(text, json_document)
    # Whatever was taken can be kept on disk and is then the same room.
    assert config is None or read(config.model_dump_json(), json_document=True) == config


@examples(120)
@given(document=st.one_of(SECTIONS, JSON))
def test_any_document_is_a_room_or_a_list_of_problems(document: Any) -> None:
    taken_or_told(json.dumps(document), json_document=True)


@examples(100)
@given(
    load=st.dictionaries(st.sampled_from(["name", "pin", "proof", "settle_s", "active_high"]), JSON),
    check=st.dictionaries(st.sampled_from(["name", "kind", "address", "usb", "port"]), JSON),
    camera=st.dictionaries(st.sampled_from(["check", "fallback"]), JSON),
    zone=JSON,
)
def test_any_load_check_camera_and_zone_is_taken_or_told(load: Any, check: Any, camera: Any, zone: Any) -> None:
    document = {
        "power": {"loads": [{"name": "codec", "pin": 5, **load}]},
        "checks": [{"name": "it", "kind": "tcp", "address": "h:80", **check}],
        "camera": camera,
        "headcount": {"include": [zone]},
    }
    taken_or_told(json.dumps(document), json_document=True)


@examples(100)
@given(text=st.text(max_size=60), json_document=st.booleans(), place=st.integers(0, len(CONTRACT)))
def test_any_text_is_a_room_or_a_list_of_problems(text: str, json_document: bool, place: int) -> None:
    taken_or_told(text, json_document)
    taken_or_told(CONTRACT[:place] + text + CONTRACT[place:], json_document=False)


def test_two_checks_of_one_device_are_refused_and_two_equal_devices_are_told_apart_by_port() -> None:
    camera = {"kind": "usb-camera", "usb": "046d:085e"}
    same = {"checks": [{**camera, "name": "a"}, {**camera, "name": "b", "usb": "046D:085E"}]}
    assert [str(problem) for problem in whole_problems(same)] == [
        "checks[1]: is the same device as checks[0] (tell them apart by port)"
    ]
    apart = {"checks": [{**camera, "name": "a", "port": "1-1.1"}, {**camera, "name": "b", "port": "1-1.2"}]}
    assert whole_problems(apart) == []


def test_a_check_that_names_no_group_is_in_its_kinds() -> None:
    kinds = {
        "usb-camera": ("display", {"port": "1-1.1"}),
        "usb-microphone": ("audio", {"port": "1-1.2"}),
        "tcp": ("connect", {"address": "codec:443"}),
        "ping": ("connect", {"address": "codec"}),
    }
    checks = [{"name": kind, "kind": kind, **given} for kind, (_, given) in kinds.items()]
    for text in (
        json.dumps({"checks": checks}),
        parse_room(json.dumps({"checks": checks}), "x", True).model_dump_json(),
    ):
        read = parse_room(text, "room.json", json_document=True)
        assert {check.name: check.group for check in read.checks} == {kind: group for kind, (group, _) in kinds.items()}
    own = parse_room(json.dumps({"checks": [{**checks[0], "group": "box"}]}), "room.json", json_document=True)
    assert own.checks[0].group == "box"
    schema = RoomConfig.model_json_schema()["$defs"]["CheckSection"]["properties"]["group"]
    assert "default" not in schema
    assert "display for a usb-camera" in schema["description"]


def test_a_list_of_checks_without_an_end_is_read_in_a_moment() -> None:
    """A message of the broker can carry some thousand of them."""
    many = {"checks": [{"kind": "usb-camera", "port": str(number)} for number in range(4000)]}
    began_s = time.perf_counter()
    whole_problems(many)
    assert time.perf_counter() - began_s < 2
