"""The JSON Schema of the room config, for editors and for whoever makes such documents by program.

It is made of the models, and says what they take: types, ranges, words and keys. What only the whole document shows (a
pin twice, a proof that names no check) is said by ``diemcau config check``.
"""

from functools import lru_cache
from typing import Any

from agent.core.config import RoomConfig
from agent.core.config_document import digest

DIALECT = "https://json-schema.org/draft/2020-12/schema"
ID = "urn:diemcau:room-config:1"
TITLE = "Room config of a diemcau site"

# A sentence for every key, with its unit: what an editor shows beside it. A test finds the one that is missing.
WORDS: dict[str, dict[str, str]] = {
    "RoomConfig": {
        "site": "Who this is, for people.",
        "power": "The button, its lamp, and the loads that it switches.",
        "checks": "Devices and services that are looked at, each with a name of its own.",
        "camera": "Which camera counts.",
        "headcount": "How people are counted.",
        "reporting": "What is reported, how often, and how long it is kept.",
    },
    "SiteSection": {
        "name": "What people call the room; empty: the site's id.",
        "path": "Where it belongs, from the top, for grouping: province, district.",
        "timezone": "Its time zone by the name of the tz database.",
        "language": "Language of the advice that the site gives.",
    },
    "ButtonSection": {
        "pin": "GPIO of the button, which connects it to ground.",
        "hold_s": "Seconds that the button is held to switch off.",
        "debounce_s": "Seconds that a level must last to be believed.",
        "ignore_after_switch_s": "Seconds after a load has switched in which a press is not a person.",
    },
    "LedSection": {"pin": "GPIO of the lamp at the button."},
    "LoadSection": {
        "name": "Its name: a-z, 0-9 and -.",
        "pin": "GPIO of its relay.",
        "active_high": "Whether the relay energises at a high level; most cheap boards do so at a low one.",
        "settle_s": "Seconds until the next step: as long as the device needs to wake up.",
        "proof": "Name of a check that must be ok before the next load; empty: none.",
        "prove_within_s": "Seconds that the proof may take after settle_s; then there is a fault at this step.",
        "min_off_s": "Seconds that it stays off at least, for lamps, compressors and amplifiers.",
    },
    "PowerSection": {
        "button": "The one button.",
        "led": "The lamp in or beside the button.",
        "restore": "After power returns: last, as the room was; off, until somebody presses; on, whatever it was.",
        "loads": "Switched on in this order, off in reverse.",
    },
    "CheckSection": {
        "name": "Its name: a-z, 0-9 and -.",
        "kind": "What is looked at: a device on USB, a TCP port that takes connections, a host that answers a ping.",
        "address": "For tcp host:port, for ping a host.",
        "usb": "For a device on USB: vendor:product, as lsusb shows it.",
        "serial": "For a device on USB: its serial number.",
        "port": "For a device on USB: the port that it is plugged into, such as 1-1.2.",
        "group": "Under which heading it is shown. Without one: display for a usb-camera, audio for a usb-microphone, "
        "else connect.",
        "required": "Whether the room is not ready without it; false: it is a hint.",
    },
    "CameraSection": {
        "check": "Name of the usb-camera check whose camera counts; empty: nothing is counted.",
        "fallback": "Name of another usb-camera check, used while the first is missing; empty: none.",
        "width": "Width in pixels that the camera is asked for; it may choose something near it.",
        "height": "Height in pixels that the camera is asked for.",
    },
    "HeadcountSection": {
        "include": "Polygons in 0..1 of the frame where people are; empty: everywhere.",
        "exclude": "Polygons in 0..1 of the frame that do not count, such as the screen that shows the other sites.",
        "model": "A file name among the model files that goes before the others; empty: the best that is there.",
        "interval_s": "Seconds between two looks; longer where the box cannot keep cpu_share otherwise.",
        "conference_interval_s": "Seconds between two looks while a conference goes on, where that is shorter.",
        "window_s": "Seconds that one headcount is made from.",
        "cpu_share": "Share of one core that counting may take, at most.",
        "threshold": "Least score of a face, from 0.1 to 1.",
    },
    "ReportingSection": {
        "acknowledge": "Whose word lets a row of the history go: the centre's, or the broker's where there is none.",
        "heartbeat_s": "Seconds between two reports when nothing changes.",
        "history_s": "Seconds that one row of the history speaks of; shorter ones wear out the card.",
        "keep_days": "Days that rows are kept which the centre has.",
        "outbox_max_bytes": "Bytes that waiting rows may take; past this headcounts are thinned, then the oldest go.",
    },
}


@lru_cache(maxsize=1)
def schema_digest() -> str:
    """SHA-256 (hex) of the schema: what a site says in ``about.config_schema_digest``."""
    return digest(schema())


def schema() -> dict[str, Any]:
    """The schema, draft 2020-12."""
    made = RoomConfig.model_json_schema(mode="validation")
    tables = made["$defs"]
    for name, table in {"RoomConfig": made, **tables}.items():
        words = WORDS.get(name, {})
        table["properties"] = {key: _explained(words.get(key, ""), each) for key, each in table["properties"].items()}
    for key in ("include", "exclude"):
        tables["HeadcountSection"]["properties"][key]["items"] = _polygon()
    return {"$schema": DIALECT, "$id": ID, **made, "title": TITLE}


def _explained(words: str, key: dict[str, Any]) -> dict[str, Any]:
    """A key with its sentence; without a title that is its name once more, or a whole section for a default."""
    kept = {name: value for name, value in key.items() if name != "title" and not ("$ref" in key and name == "default")}
    return {**kept, "description": words}


def _polygon() -> dict[str, Any]:
    """The models take any points; the whole document is then asked for this."""
    share = {"type": "number", "minimum": 0, "maximum": 1}
    point = {"type": "array", "prefixItems": [share, share], "minItems": 2, "maxItems": 2}
    return {"type": "array", "items": point, "minItems": 3}
