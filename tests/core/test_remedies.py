"""Every finding has a sentence in both languages."""

import ast
from pathlib import Path

import pytest

from agent.core.remedies import SENTENCES, URGENCY, remedy

ROOT = Path(__file__).resolve().parents[2]
# Where the reasons of the doctor's own checks come from.
SPEAKERS = (
    "agent/core/diagnosis.py",
    "agent/adapters/broker_check.py",
    "agent/adapters/certificates.py",
    "agent/doctor/link.py",
    "agent/doctor/box.py",
    "agent/doctor/scene.py",
    "agent/doctor/upkeep.py",
    "agent/doctor/wires.py",
    "agent/doctor/__init__.py",
    "hw/probes.py",
)
KINDS = {kind for kind, _ in SENTENCES} | {"tcp", "ping", "usb-camera", "usb-microphone", "box.clock"}
REASONS = {reason for _, reason in SENTENCES}


def said(path: str) -> set[str]:
    """All words of a file that some sentence answers to."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def test_no_sentence_is_for_a_reason_that_nobody_gives() -> None:
    given = set[str]().union(*map(said, SPEAKERS))
    assert not REASONS - given


@pytest.mark.parametrize(
    "judged",
    [
        ("broker.name", "name_unknown"),
        ("broker.port", "refused"),
        ("broker.port", "unreachable"),
        *(("broker.tls", reason) for reason in ("no_tls", "tls_silent", "tls_failed", "server_unknown", "server_name")),
        *(("broker.tls", reason) for reason in ("server_expired", "server_not_yet_valid", "expires_soon")),
        *(
            (kind, reason)
            for kind in ("broker.ca", "broker.certificate")
            for reason in ("no_file", "not_pem", "not_readable", "hidden", "run_as_root")
        ),
        *(("broker.certificate", reason) for reason in ("expired", "expires_soon", "not_yet_valid", "closed")),
        *(("tcp", reason) for reason in ("refused", "timeout", "unreachable", "name_unknown")),
        *(("ping", reason) for reason in ("timeout", "unreachable", "name_unknown", "not_permitted")),
        *((kind, "too_slow") for kind in ("tcp", "usb-camera", "broker.name")),
        *((kind, reason) for kind in ("box.service", "box.eye") for reason in ("crashed", "masked", "not_running")),
        *(("usb-camera", reason) for reason in ("missing", "not_permitted", "also_a_keyboard")),
        *(("usb-microphone", reason) for reason in ("missing", "not_permitted", "also_a_keyboard", "muted")),
        *(("camera.counting", reason) for reason in ("no_model", "model_refused", "no_opencv", "unreadable")),
        ("box.supply", "undervoltage"),
        *(("box.boot_levels", reason) for reason in ("levels_missing", "levels_wrong")),
        *(("box.watchdog", reason) for reason in ("no_watchdog", "watchdog_off", "watchdog_long")),
        ("box.release", "on_trial"),
        *(("box.state", reason) for reason in ("no_state", "not_makeable")),
        ("box.temperature", "hot"),
        ("box.disk", "disk_full"),
        ("room.checks", "not_examined"),
    ],
)
def test_each_finding_has_a_sentence(judged: tuple[str, str]) -> None:
    sentence = remedy(*judged)
    assert sentence is not None
    assert all(each.strip() for each in sentence)
    assert sentence[0] != sentence[1]


@pytest.mark.parametrize("kind", ["broker.tls", "broker.ca", "broker.certificate"])
def test_each_grade_of_an_end_says_the_days_and_who_renews_it(kind: str) -> None:
    sentences = {remedy(kind, f"{word}: 6") for word in URGENCY}
    assert len(sentences) == 3
    for sentence in sentences:
        assert sentence is not None
        assert "6 ngày" in sentence[0]
        assert "6" in sentence[1]
        assert "trung tâm" in sentence[0]
        assert "centre" in sentence[1]


def test_what_is_ok_needs_none() -> None:
    assert remedy("broker.port", None) is None
    assert remedy("box.room", "no_such_reason") is None


def test_every_sentence_is_one_and_ends_as_one() -> None:
    for vietnamese, english in (*SENTENCES.values(), *URGENCY.values()):
        assert vietnamese.endswith(".")
        assert english.endswith(".")
        assert "\n" not in vietnamese + english
