"""What Home Assistant is told of a site: one device discovery document, read only.

Every component reads a live topic of the contract by a template; nothing is published for Home Assistant alone, and
there is no command topic: a room is not switched from there.

Source: home-assistant.io documentation, "MQTT", section "MQTT Discovery"; "MQTT Sensor"; "MQTT binary sensor".
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

from agent.core.config import CheckSection, RoomConfig
from agent.core.contract import topic as live_topic
from agent.core.identity import is_site_id
from agent.core.reports import EXPIRY_BEATS, Self

STATUS_TOPIC, ONLINE = "homeassistant/status", "online"  # Home Assistant's own birth message, as it is by default
QOS = 1  # said for each component: before 2026 Home Assistant took no shared one
PEOPLE = ("người", "people")

# Vietnamese and English. The names of loads and checks are the config's own.
NAMES = {
    "headcount": ("Số người có mặt", "Headcount"),
    "summoned": ("Số người được triệu tập", "Summoned"),
    "rate": ("Tỷ lệ có mặt", "Attendance"),
    "power": ("Nguồn phòng họp", "Room power"),
    "ready": ("Sẵn sàng họp", "Ready"),
    "temperature": ("Nhiệt độ hộp", "Box temperature"),
    "cpu": ("Mức dùng bộ xử lý", "Processor use"),
    "outbox": ("Số dòng chờ gửi", "Rows to be sent"),
    "undervoltage": ("Điện áp thấp", "Undervoltage"),
    "load": ("Thiết bị {}", "Load {}"),
    "check": ("Kiểm tra {}", "Check {}"),
}

# In a template "None" is null: the state is then unknown. An empty text would leave it as it was. A name that is put
# into one has only a-z, 0-9 and "-": the config refuses any other.
RUNNING = "{{ 'online' if value_json.state == 'running' else 'offline' }}"
SEEING = (
    "{{{{ 'online' if value_json.checks | selectattr('name', 'in', {names})"
    " | selectattr('state', 'in', ['ok', 'warning']) | list else 'offline' }}}}"
)
LOAD = "{{{{ {{'on': 'ON', 'off': 'OFF'}}.get(value_json.loads.get('{name}'), 'None') }}}}"
CHECK = (
    "{{% for c in value_json.checks if c.name == '{name}' %}}"
    "{{{{ {{'ok': '{fine}', 'warning': '{fine}', 'failed': '{bad}'}}.get(c.state, 'None') }}}}"
    "{{% else %}}None{{% endfor %}}"
)
YES_OR_NO = "{{{{ {{true: 'ON', false: 'OFF'}}.get(value_json.get('{field}'), 'None') }}}}"
FIELD = "{{{{ value_json.get('{field}') }}}}"
PERCENT = (
    "{{{{ none if value_json.get('{field}') is none else (value_json.get('{field}') * 100) | round(1) }}}}"
)
# Only what is news when it changes: Home Assistant stores a row at each change of an attribute. None is called `state`,
# which Home Assistant leaves out.
HEADCOUNT_ATTRIBUTES = (
    "{{ {'headcount_state': value_json.state, 'reason': value_json.reason,"
    " 'summoned': value_json.get('summoned'), 'rate': value_json.get('rate')} | tojson }}"
)
POWER_ATTRIBUTES = (
    "{{ {'step': value_json.get('step'), 'by': value_json.get('by'), 'reason': value_json.get('reason'),"
    " 'locked': value_json.get('locked')} | tojson }}"
)
READY_ATTRIBUTES = (
    "{% set out = namespace(failed={}, warning={}, unknown={}) %}"
    "{% for c in value_json.checks %}"
    "{% if c.state == 'failed' %}{% set out.failed = dict(out.failed, **{c.name: c.get('reason')}) %}"
    "{% elif c.state == 'warning' %}{% set out.warning = dict(out.warning, **{c.name: c.get('reason')}) %}"
    "{% elif c.state == 'unknown' %}{% set out.unknown = dict(out.unknown, **{c.name: c.get('reason')}) %}"
    "{% endif %}{% endfor %}"
    "{{ {'failed': out.failed, 'warning': out.warning, 'unknown': out.unknown, 'advice':"
    " value_json.checks | map(attribute='advice', default='') | select | unique | list} | tojson }}"
)
