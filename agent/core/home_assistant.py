"""What Home Assistant is told of a site: one device discovery document, read only.

Every component reads a live topic of the contract by a template; nothing is published for Home Assistant alone, and
there is no command topic: a room is not switched from there.

Source: home-assistant.io documentation, "MQTT" (device discovery payload, abbreviations, availability), "MQTT Sensor",
"MQTT binary sensor"; ``default_entity_id`` took the place of ``object_id`` in 2025.10.
"""

import json
from typing import Any, Literal

from agent.core.checkup import NETWORK_KINDS
from agent.core.config import CheckSection, RoomConfig
from agent.core.contract import topic as live_topic
from agent.core.identity import is_site_id
from agent.core.reports import EXPIRY_BEATS, Self

Platform = Literal["sensor", "binary_sensor"]
Components = dict[str, dict[str, Any]]

STATUS_TOPIC, ONLINE = "homeassistant/status", "online"  # Home Assistant's birth message, as it is by default
ORIGIN = "diemcau"
RASPBERRY_PI = "Raspberry Pi"
QOS = 1  # said for each component: many versions of Home Assistant do not hand one for the document down
MOST_READ = "readiness"  # the topic that stands in the document once, since a room may have 64 checks

# Vietnamese and English; loads and checks add their own name.
NAMES = {
    "headcount": ("Số người có mặt", "Headcount"),
    "summoned": ("Số người được triệu tập", "Summoned"),
    "rate": ("Tỷ lệ có mặt", "Attendance"),
    "power": ("Nguồn phòng", "Room power"),
    "ready": ("Sẵn sàng", "Ready"),
    "temperature": ("Nhiệt độ hộp", "Box temperature"),
    "cpu": ("Tải bộ xử lý", "Processor load"),
    "outbox": ("Số dòng chờ gửi", "Rows waiting to be sent"),
    "undervoltage": ("Điện áp thấp", "Undervoltage"),
    "load": ("Thiết bị", "Load"),
    "check": ("Kiểm tra", "Check"),
}
PEOPLE = ("người", "people")

# As the document is sent: with 16 loads and 64 checks of the longest names it would not fit into a message otherwise.
SHORT = {
    "platform": "p",
    "unique_id": "uniq_id",
    "default_entity_id": "def_ent_id",
    "state_topic": "stat_t",
    "value_template": "val_tpl",
    "expire_after": "exp_aft",
    "device_class": "dev_cla",
    "entity_category": "ent_cat",
}

# Templates. What they render as None is a state that is not known; nothing at all would leave it as it was. A field
# that may be absent is got by ``get``, or Home Assistant logs a warning each time. A name that is put in for <name> is
# safe in its quotes: the config takes a-z, 0-9 and "-" only.
RUNNING = "{{ 'online' if value_json.state == 'running' else 'offline' }}"
SEEING = (
    "{{ 'online' if value_json.checks | selectattr('name', 'in', <names>)"
    " | selectattr('state', 'in', ['ok', 'warning']) | list else 'offline' }}"
)
FIELD = "{{ value_json.get('<name>') }}"
PERCENT = "{% set share = value_json.get('<name>') %}{{ none if share is none else (share * 100) | round(1) }}"
YES_OR_NO = "{{ {true: 'ON', false: 'OFF'}.get(value_json.get('<name>'), 'None') }}"
LOAD = "{{ {'on': 'ON', 'off': 'OFF'}.get(value_json.loads.get('<name>'), 'None') }}"
# A device that warns is there: a camera that is busy may be so with the conference itself.
CHECK = (
    "{% for c in value_json.checks if c.name == '<name>' %}"
    "{{ {'ok': '<fine>', 'warning': '<fine>', 'failed': '<bad>'}.get(c.state, 'None') }}"
    "{% else %}None{% endfor %}"
)
ANSWERS = CHECK.replace("<fine>", "ON").replace("<bad>", "OFF")
IS_A_PROBLEM = CHECK.replace("<fine>", "OFF").replace("<bad>", "ON")

# Attributes: only fields that are news when they change, since Home Assistant keeps a row of each change. One that is
# called ``state`` it would leave out.
HEADCOUNT_ATTRIBUTES = (
    "{{ {'headcount_state': value_json.state, 'reason': value_json.reason,"
    " 'summoned': value_json.get('summoned'), 'rate': value_json.get('rate')} | tojson }}"
)
POWER_ATTRIBUTES = (
    "{{ {'step': value_json.get('step'), 'by': value_json.get('by'), 'reason': value_json.get('reason'),"
    " 'locked': value_json.get('locked')} | tojson }}"
)
# Of all checks, also those that have no component. With reasons at each check the document of a large room would not
# fit into a message.
READY_ATTRIBUTES = (
    "{% set out = namespace(failed={}, warning={}, unknown={}) %}"
    "{% for c in value_json.checks %}{% set it = {c.name: c.get('reason')} %}"
    "{% if c.state == 'failed' %}{% set out.failed = dict(out.failed, **it) %}"
    "{% elif c.state == 'warning' %}{% set out.warning = dict(out.warning, **it) %}"
    "{% elif c.state == 'unknown' %}{% set out.unknown = dict(out.unknown, **it) %}{% endif %}{% endfor %}"
    "{{ {'failed': out.failed, 'warning': out.warning, 'unknown': out.unknown,"
    " 'advice': value_json.checks | map(attribute='advice', default='') | select | unique | list} | tojson }}"
)


def topic(site: str) -> str:
    """Where the document goes, retained. Raises ValueError for a site id that could not be one."""
    if not is_site_id(site):
        raise ValueError(f"not a site id: {site!r}")
    return f"homeassistant/device/{ORIGIN}-{site}/config"


def document(self: Self) -> dict[str, Any]:
    """The discovery document, to be retained. Pure."""
    return {
        **_head(self),
        # Both go to each component that has none of its own.
        "availability": [_running(self)],
        "availability_mode": "all",
        "state_topic": live_topic(self.site, MOST_READ),
        "components": _components(self, self.config),
    }


def removal(self: Self, former: RoomConfig) -> dict[str, Any] | None:
    """What makes Home Assistant forget the loads and checks of ``former`` that are gone; None where none is. Pure.

    It is published before the new document and not retained. What a document only leaves out Home Assistant keeps, and
    shows as no longer available.
    """
    there = {} if self.stands_in else _components(self, former)
    now = _components(self, self.config)
    gone = {key: {"platform": each["platform"]} for key, each in there.items() if key not in now}
    return {**_head(self), "components": gone} if gone else None


def encode(document: dict[str, Any]) -> bytes:
    """A document as it is published: no spaces, and what stands in it many times by its documented abbreviation."""
    components = {
        key: {SHORT.get(option, option): value for option, value in each.items()}
        for key, each in document["components"].items()
    }
    return json.dumps(document | {"components": components}, ensure_ascii=False, separators=(",", ":")).encode()


def _head(self: Self) -> dict[str, Any]:
    return {"device": _device(self), "origin": {"name": ORIGIN, "sw_version": self.version}}


def _device(self: Self) -> dict[str, Any]:
    known = {
        "model": self.hardware,
        "manufacturer": RASPBERRY_PI if (self.hardware or "").startswith(RASPBERRY_PI) else None,
        "serial_number": self.serial,
    }
    return {
        "identifiers": [f"{ORIGIN}_{self.site}"],
        "name": self.config.site.name or self.site,
        "sw_version": self.version,
        **{key: value for key, value in known.items() if value is not None},
    }


def _components(self: Self, config: RoomConfig) -> Components:
    """By their ids. Those of loads and checks begin with what they are, so that no name can be taken for another's."""
    loads = {f"load_{load.name}": _load(self, load.name) for load in config.power.loads}
    checks = {f"check_{check.name}": _check(self, check) for check in config.checks}
    return {**_counting(self, config), **_room(self), **loads, **checks, **_box(self)}


def _counting(self: Self, config: RoomConfig) -> Components:
    people = {"state_class": "measurement", "unit_of_measurement": _in_language(self, PEOPLE)}
    share = {"state_class": "measurement", "unit_of_measurement": "%", "suggested_display_precision": 0}
    seeing = _while_seeing(self, config)
    return {
        "headcount": {
            **_component(self, "sensor", "headcount", "headcount", _of(FIELD, "value")),
            **people,
            **seeing,
            **_attributes(self, "headcount", HEADCOUNT_ATTRIBUTES),
            "icon": "mdi:account-group",
        },
        "summoned": {
            **_component(self, "sensor", "summoned", "headcount", _of(FIELD, "summoned")),
            **people,
            "icon": "mdi:email-multiple-outline",
        },
        "rate": {
            **_component(self, "sensor", "rate", "headcount", _of(PERCENT, "rate")),
            **share,
            **seeing,
            "icon": "mdi:account-check",
        },
    }


def _room(self: Self) -> Components:
    return {
        "power": {
            **_component(self, "sensor", "power", "power", "{{ value_json.state }}"),
            **_attributes(self, "power", POWER_ATTRIBUTES),
            "device_class": "enum",
            "options": ["off", "starting", "on", "stopping", "fault"],
        },
        "ready": {
            **_component(self, "binary_sensor", "ready", "readiness", _of(YES_OR_NO, "ready")),
            **_attributes(self, "readiness", READY_ATTRIBUTES),
            "icon": "mdi:clipboard-check-outline",
        },
    }


def _load(self: Self, name: str) -> dict[str, Any]:
    return {
        **_component(self, "binary_sensor", f"load_{name}", "power", _of(LOAD, name)),
        "device_class": "power",
    }


def _check(self: Self, check: CheckSection) -> dict[str, Any]:
    """What is asked on the network is connected or not; a device that is plugged in is a problem or none."""
    is_asked = check.kind in NETWORK_KINDS
    template = ANSWERS if is_asked else IS_A_PROBLEM
    return {
        **_component(self, "binary_sensor", f"check_{check.name}", "readiness", _of(template, check.name)),
        "device_class": "connectivity" if is_asked else "problem",
        "entity_category": "diagnostic",
    }


def _box(self: Self) -> Components:
    of_the_box = {"entity_category": "diagnostic"}
    measured = {**of_the_box, "state_class": "measurement"}
    percent = {"unit_of_measurement": "%", "suggested_display_precision": 0}
    return {
        "temperature": {
            **_component(self, "sensor", "temperature", "health", _of(FIELD, "temperature_c")),
            **measured,
            "device_class": "temperature",
            "unit_of_measurement": "°C",
            "suggested_display_precision": 0,
        },
        "cpu": {
            **_component(self, "sensor", "cpu", "health", _of(PERCENT, "cpu_share")),
            **measured,
            **percent,
            "icon": "mdi:chip",
        },
        "outbox": {
            **_component(self, "sensor", "outbox", "health", _of(FIELD, "outbox_rows")),
            **measured,
            "icon": "mdi:tray-full",
        },
        "undervoltage": {
            **_component(self, "binary_sensor", "undervoltage", "health", _of(YES_OR_NO, "undervoltage")),
            **of_the_box,
            "device_class": "problem",
        },
    }


def _component(self: Self, platform: Platform, key: str, name: str, template: str) -> dict[str, Any]:
    """What all have. ``name`` is the live topic's."""
    return {
        "platform": platform,
        "name": _name(self, key),
        "unique_id": f"{ORIGIN}_{self.site}_{key}",
        "default_entity_id": f"{platform}.{ORIGIN}_{self.site}_{key}".replace("-", "_"),
        **({} if name == MOST_READ else {"state_topic": live_topic(self.site, name)}),
        "value_template": template,
        "expire_after": round(EXPIRY_BEATS * self.config.reporting.heartbeat_s),
        "qos": QOS,
    }


def _attributes(self: Self, name: str, template: str) -> dict[str, Any]:
    return {"json_attributes_topic": live_topic(self.site, name), "json_attributes_template": template}


def _running(self: Self) -> dict[str, Any]:
    return {"topic": live_topic(self.site, "status"), "value_template": RUNNING}


def _while_seeing(self: Self, config: RoomConfig) -> dict[str, Any]:
    """A count is there while the agent runs and one of the cameras that may count is. Nothing where there is none."""
    if config.check(config.camera.check) is None:
        return {}
    names = [name for name in (config.camera.check, config.camera.fallback) if name]
    camera = {"topic": live_topic(self.site, "readiness"), "value_template": SEEING.replace("<names>", str(names))}
    return {"availability": [_running(self), camera], "availability_mode": "all"}


def _of(template: str, name: str) -> str:
    return template.replace("<name>", name)


def _name(self: Self, key: str) -> str:
    """``load_codec`` is the load called codec: a key with more after its first word ends in the config's own name."""
    kind, _, own = key.partition("_")
    return f"{_in_language(self, NAMES[kind])} {own}".rstrip()


def _in_language(self: Self, both: tuple[str, str]) -> str:
    return both[self.config.site.language == "en"]
