"""Good documents of every kind, from which bad ones are made."""

import json
from typing import Any

AT = "2012-11-20T07:30:00.000Z"
COMMON: dict[str, Any] = {"at": AT, "session": "s-1", "clock": "synced"}
ROW: dict[str, Any] = {**COMMON, "epoch": "e-1", "seq": 7, "boot_id": "b-1", "uptime_s": 12.5, "prev": 6}
COUNT: dict[str, Any] = {
    **COMMON, "value": 40, "state": "ok", "reason": None, "seen": 38, "min": 36, "max": 41, "samples": 45,
    "window_s": 90, "frame_age_s": 0.4, "interval_s": 2, "summoned": 50, "rate": 0.8,
    "human": {"people": 41, "at": AT, "by": "an@tinh"}, "set_aside": [{"reason": "portrait", "count": 1}],
}  # fmt: skip
CHECK: dict[str, Any] = {
    "name": "camera-main", "group": "display", "required": True, "state": "failed", "reason": "missing",
    "since": AT, "advice": "Cắm lại camera",
}  # fmt: skip
AIM: dict[str, Any] = {
    "width": 1920, "height": 1080, "places": [{"x": 0.1, "y": 0.2, "w": 0.02, "h": 0.03, "seen_share": 0.9}],
    "include": [], "exclude": [[[0.7, 0.0], [1.0, 0.0], [1.0, 0.3]]],
    "set_aside": [{"reason": "portrait", "x": 0.5, "y": 0.1, "w": 0.02, "h": 0.03}],
}  # fmt: skip
COMMAND: dict[str, Any] = {"id": "c-1", "action": "recount", "args": {"people": 50}, "issued_by": "an", "issued_at": AT}

_ROOM: dict[str, Any] = {
    "site": {"name": "Chí Linh", "language": "vi"},
    "power": {
        "button": {"pin": 17},
        "loads": [{"name": "codec", "pin": 5, "proof": "codec-answers"}, {"name": "lamp", "pin": 6}],
    },
    "checks": [
        {"name": "codec-answers", "kind": "tcp", "address": "192.168.1.20:5060"},
        {"name": "camera-main", "kind": "usb-camera", "usb": "046d:085e"},
    ],
    "camera": {"check": "camera-main"},
    "headcount": {"exclude": [[[0.7, 0.0], [1.0, 0.0], [1.0, 0.3]]]},
    "reporting": {"history_s": 60},
}
CONFIG: dict[str, Any] = {
    "id": "push-1", "revision": 1, "base_revision": 0, "issued_by": "nam", "issued_at": AT, "confirm_within_s": 60,
    "config": _ROOM,
}  # fmt: skip
DIGEST = "0" * 64

# By topic name.
PAYLOADS: dict[str, dict[str, Any]] = {
    "status": {**COMMON, "state": "running", "connection": 3, "boot_id": "b-1", "version": "0.1.0"},
    "about": {**COMMON, "name": "Thị xã Chí Linh", "path": ["Hải Dương"], "timezone": "Asia/Ho_Chi_Minh"},
    "power": {**COMMON, "state": "fault", "loads": {"codec": "on"}, "step": "codec", "reason": "not_proven: x"},
    "headcount": COUNT,
    "readiness": {**COMMON, "ready": False, "checks": [CHECK]},
    "health": {**COMMON, "cpu_share": 0.2, "disk_free_bytes": 1, "restarts": {"power": 1}},
    "history/headcount": {
        **ROW, "from": AT, "to": AT, "value": 7, "min": 6, "max": 8, "people_minutes": 7.0, "samples": 30,
        "unknown_s": 0.0, "unknown_reasons": {"dark": 3.5}, "conference": "hn-1",
    },
    "history/event": {**ROW, "kind": "power.changed", "severity": "info", "by": "button", "detail": {"to": "on"}},
    "history/ack": {"epoch": "e-1", "upto": 5, "missing": [2, 3], "resend_from": 1},
    "simulated/truth": {"at": AT, "people": 4},
    "conference": {
        "id": "hn-1", "title": "Hội nghị", "starts_at": AT, "ends_at": "2012-11-20T08:30:00Z", "summoned": 50,
        "power_on_minutes": 10, "lock": True,
    },
    "command": COMMAND,
    "command/result": {**COMMON, "id": "c-1", "state": "done", "reason": None, "result": AIM},
    "config/desired": CONFIG,
    "config/confirm": {"id": "push-1"},
    "config/reported": {
        **COMMON, "id": "push-1", "revision": 1, "digest": DIGEST, "state": "rejected", "reason": "invalid",
        "errors": [{"path": "site.nmae", "message": "this key does not exist", "suggestion": "did you mean name?"}],
        "effective_digest": DIGEST, "checks_worse": ["camera-main"],
    },
    "config/running": {
        **COMMON, "id": None, "revision": None, "digest": DIGEST, "effective_digest": DIGEST, "source": "file",
        "issued_by": None, "config": _ROOM,
    },
}  # fmt: skip


# What a good document is spoilt with: in the place of any value, and beside the keys that it has.
ODD = [
    None, True, False, [], {}, "", "a", -1, 0, 10**400, -(10**400), 1e308, 5e-324, [[[]]], {"": {}}, [None] * 3,
    float("nan"), float("inf"), "\ud800", "\0", "\x1b[31m", "é" * 300,
    "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59Z",
]  # fmt: skip


def dumped(*documents: Any) -> tuple[bytes, ...]:
    """As JSON."""
    return tuple(json.dumps(document, ensure_ascii=False).encode() for document in documents)


ROOM_JSON = dumped(_ROOM, {})
ROOM_TOML = (
    b"""[power]
button = { pin = 17, hold_s = 3 }
[[power.loads]]
name = "codec"
pin = 5
[[checks]]
name = "camera-main"
kind = "usb-camera"
usb = "046d:085e"
[camera]
check = "camera-main"
[headcount]
exclude = [[[0.7, 0.0], [1.0, 0.0], [1.0, 0.3]]]
""",
    b"",
)
ZONES = (b"include = [[[0.0, 0.0], [1.0, 0.0], [1, 1]]]\nexclude = []\n",)
IDENTITY = (
    b'site = "chi-linh"\n[broker]\nurl = "mqtts://broker.example:8883"\nca = "/a"\ncertificate = "/b"\nkey = "/c"\n',
    b'database = "sqlite:///x"\n[broker]\nurl = "mqtt://[::1]:1883"\nusername = "a"\npassword_file = "/b"\n',
)
ADDRESS = (b"mqtt://localhost", b"mqtts://broker.example:8883", b"mqtt://[::1]:1883")
_SCRIPT = {"seed": 7, "seats": 9, "cues": [{"at_s": 2, "do": "arrive", "people": 5, "over_s": 9}]}
SCRIPT_JSON = dumped(_SCRIPT)
SCRIPT_TOML = (b'seed = 7\nseats = 9\n[[cues]]\nat_s = 2\ndo = "arrive"\npeople = 5\n',)
_CREDENTIAL = {"serial": "1f", "issued_at": AT, "expires": AT, "revoked_at": None}
REGISTER = dumped(
    {"version": 1, "broker": "b", "hosts": [], "members": [{"id": "a", "role": "site", "credentials": [_CREDENTIAL]}]}
)
CSV = ("id,name\nchi-linh,Chí Linh\n".encode(), b'\xef\xbb\xbfid;name\r\na;"b\r\nc"\r\n', b"name\tid\nx\ty\n")
_FRAME = {
    "kind": "FrameSeen", "watch": 1, "captured_s": 5.0, "width": 960, "height": 540,
    "detections": [{"x": 1.0, "y": 2.0, "w": 3.0, "h": 4.0, "score": 0.9}], "detect_ms": 20.0, "luma_mean": 90.0,
    "same_s": 0.0, "work_width": 960, "work_height": 540, "tiles": 1, "cpu_share": 0.4, "interval_s": 2.0,
}  # fmt: skip
EYE_EVENT = dumped(
    _FRAME,
    {"kind": "EyeAlive", "watch": 1},
    {"kind": "EyeReady", "watch": 1, "detector": "yunet_n", "model_sha256": None},
    {"kind": "EyeTrouble", "watch": 1, "reason": "busy", "message": "x"},
)
_ORDER = {
    "watch": 1, "node": "/dev/video0", "width": 960, "height": 540, "model": "", "threshold": 0.6, "interval_s": 2.0,
    "cpu_share": 0.5,
}  # fmt: skip
EYE_ORDER = dumped(
    {"order": _ORDER, "film": None},
    {"order": _ORDER, "film": {"script": _SCRIPT, "started_s": 1.0, "speed": 2, "boxes_only": True}},
)
FACTS = dumped(
    {"boot_id": "b", "state": "on", "wanted": True, "by": "command", "who": "an", "orders": [{"id": "c", "on": True}]},
    PAYLOADS["conference"],
    ["hn-1 2012"],
    {"boot_id": "b", "version": "0.1.0", "in_order": True},
    {"crash": 2},
)
# CONNACK, PUBLISH, SUBACK, DISCONNECT.
PACKETS = (
    b"\x20\x06\x00\x00\x03\x21\x00\x14",
    b"\x32\x0a\x00\x03a/b\x00\x07\x00{}",
    b"\x90\x06\x00\x01\x00\x01\x01\x87",
    b"\xe0\x01\x8e\xd0\x00",
)
# For its form; whose it was is gone.
CERTIFICATE = b"""-----BEGIN CERTIFICATE-----
MIIBUzCB+aADAgECAhQSgVsQ4IOrOvSkWqXciH+wthIHBzAKBggqhkjOPQQDAjAN
MQswCQYDVQQDDAJjYTAeFw0yNjExMjUwNjUyNDZaFw0yNzExMjYwNjUyNDZaMAwx
CjAIBgNVBAMMAWEwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAATtqHxWbkNrP6kQ
aEUA+vRaENg3rxK5N95z1f13kv8bFjDbhg8+DYEqDo/UN5oacSYugRNrOn9y36Q2
ekAuAVjhozgwNjAfBgNVHSMEGDAWgBRuMj8L1OB60omc362EAQoFmEb1+jATBgNV
HSUEDDAKBggrBgEFBQcDAjAKBggqhkjOPQQDAgNJADBGAiEA9y//CeR6blCq1KXl
K1zwrTMldV6MMoc16xG2kz2nkV8CIQCdUlDFBtZjCwbUWjt+4gTxiNRRlAThapVR
/LgQ6QgHYg==
-----END CERTIFICATE-----
"""


def files() -> tuple[bytes, ...]:
    """A certificate, and a sign of life."""
    return (CERTIFICATE, b"b-1 0000000000012345.678\n")
