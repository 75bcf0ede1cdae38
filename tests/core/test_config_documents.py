"""Thousands of pushed documents, valid, nearly valid and hostile: nothing falls, and only a valid one ever runs.

In full (10,000) where ``DIEMCAU_FULL`` says so; else a part of it, another one at each place of the sequence.
"""

import copy
import json
import os
import random
from collections import Counter
from typing import Any

import pytest

from agent.core.commands import SetRelay
from agent.core.config_document import (
    canonical,
    decode_strictly,
    digest,
    effective_digest,
    merged,
    open_envelope,
    parse_document,
    read_document,
)
from agent.core.errors import ConfigError
from tests.core.config_bed import ConfigRig, desired, document
from tests.core.rig import only
from tests.fuzz.seeds import ODD

DOCUMENTS = 10_000 if os.environ.get("DIEMCAU_FULL") else 600
PARTS = 5

VALID: list[tuple[tuple[str, ...], list[Any]]] = [
    (("site", "name"), ["Chí Linh", "", "x" * 200, "😀"]),
    (("site", "language"), ["vi", "en"]),
    (("power", "restore"), ["last", "off", "on"]),
    (("power", "button"), [{"pin": 17}, {"pin": 22, "hold_s": 5}, {}]),
    (("power", "loads"), [[], [{"name": "codec", "pin": 5}], [{"name": "lamp", "pin": 21, "settle_s": 5}]]),
    (("camera", "width"), [640, 1280, 7680]),
    (("headcount", "window_s"), [1, 30, 3600, 20.5]),
    (("headcount", "threshold"), [0.1, 0.9]),
    (("headcount", "include"), [[], [[[0, 0], [1, 0], [1, 1]]]]),
    (("reporting",), [{}, {"heartbeat_s": 10, "keep_days": 1}]),
]


def _valid(chance: random.Random) -> dict[str, Any]:
    config = document()
    for path, values in chance.sample(VALID, chance.randint(0, 4)):
        config = merged(config, _at(path, copy.deepcopy(chance.choice(values))))
    return config


def _at(path: tuple[str, ...], value: Any) -> dict[str, Any]:
    return {path[0]: value if len(path) == 1 else _at(path[1:], value)}


def _spoilt(chance: random.Random, value: Any) -> Any:
    """One thing in it replaced, added or taken away, at any depth."""
    inside = (
        list(value.items()) if isinstance(value, dict) else list(enumerate(value)) if isinstance(value, list) else []
    )
    if not inside or chance.random() < 0.15:
        return chance.choice([*ODD, {**value, "nmae": 1}, {}] if isinstance(value, dict) else ODD)
    key, below = chance.choice(inside)
    changed = copy.copy(value)
    changed[key] = _spoilt(chance, below)
    return changed


def _hostile(chance: random.Random, raw: bytes) -> bytes:
    match chance.randrange(8):
        case 0:
            return raw[: chance.randrange(len(raw))]
        case 1:
            place = chance.randrange(len(raw))
            return raw[:place] + chance.randbytes(3) + raw[place:]
        case 2:
            return b"\xef\xbb\xbf" + raw
        case 3:
            return raw.replace(b'"id"', b'"id": "x", "id"', 1)
        case 4:
            return b'{"config":' * chance.randrange(1, 12_000)
        case 5:
            return raw.replace(b"5", b"NaN", 1)
        case 6:
            return raw[:-1] + b"," + b" " * 70_000 + b"}"
        case _:
            return chance.randbytes(chance.randrange(200))


@pytest.mark.parametrize("part", range(PARTS))
def test_only_a_valid_document_ever_runs(part: int) -> None:
    chance = random.Random(part)
    rig = ConfigRig()
    rig.begin()
    ends = Counter[str]()
    for _ in range(DOCUMENTS // PARTS):
        before, good = rig.parts, rig.disk["room.json"]
        is_valid, raw = _document(chance, rig.room.update.highest + 1)
        commands = rig.raw(raw)
        ends[rig.report[0]] += 1
        assert not only(SetRelay, commands)
        if not is_valid and rig.room.update.phase == "resting":
            assert (rig.parts, rig.disk["room.json"]) == (before, good)
        if rig.room.update.phase == "trial":
            message = json.loads(raw)  # as it came, which a damaged one may too
            parse_document(message["config"], "what runs is valid")
            is_confirmed = chance.random() < 0.5
            rig.confirm(message["id"]) if is_confirmed else rig.wait(message["confirm_within_s"] + 1)
            assert rig.report in (("applied", None), ("rolled_back", "not_confirmed"))
        assert rig.room.update.phase == "resting"
        rig.is_consistent()
    assert min(ends["pending_confirm"], ends["rejected"]) > DOCUMENTS // PARTS // 5, ends


def _document(chance: random.Random, number: int) -> tuple[bool, bytes]:
    message = desired(_valid(chance), number, confirm_within_s=60)
    match chance.randrange(3):
        case 0:
            return True, json.dumps(message).encode()
        case 1:
            message["config"] = _spoilt(chance, message["config"])
            return False, json.dumps(message).encode()
        case _:
            return False, _hostile(chance, json.dumps(message).encode())


# The functions by themselves


def test_a_digest_is_that_of_sorted_keys_without_spaces() -> None:
    assert canonical({"b": 1, "a": {"d": "ă", "c": [1, 2]}}) == '{"a":{"c":[1,2],"d":"ă"},"b":1}'.encode()
    assert digest({"b": 1, "a": 2}) == digest({"a": 2, "b": 1})
    assert digest({}) == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


def test_the_effective_digest_is_that_of_all_defaults() -> None:
    written = parse_document({"headcount": {"window_s": 90}}, "f")
    assert effective_digest(written) == effective_digest(parse_document({}, "f"))


def test_a_patch_is_laid_over_table_by_table() -> None:
    base = {"site": {"name": "a", "language": "vi"}, "checks": [1, 2]}
    patch = {"site": {"name": "b", "language": None}, "checks": [3], "camera": {"width": 640}}
    assert merged(base, patch) == {"site": {"name": "b"}, "checks": [3], "camera": {"width": 640}}
    assert base == {"site": {"name": "a", "language": "vi"}, "checks": [1, 2]}


def test_toml_is_read_as_it_goes_over_the_wire() -> None:
    assert read_document('a = 1\n[b]\nc = 2012-11-20T07:30:00Z\nd = [1.5]', "f", False) == {
        "a": 1, "b": {"c": "2012-11-20 07:30:00+00:00", "d": [1.5]},
    }  # fmt: skip


@pytest.mark.parametrize("text", ['a = "\\u0000"', "a = [" * 40 + "]" * 40, "a = nan", "a = inf", "a = "])
def test_a_file_that_no_message_could_carry_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        read_document(text, "f", json_document=False)


def test_an_envelope_tells_whose_it_is_also_where_it_cannot_be_used() -> None:
    opened = open_envelope(b'{"id": "a", "revision": 7}')
    assert (opened.desired, opened.id, opened.revision) == (None, "a", 7)
    assert open_envelope(b'{"id": 7, "revision": true}').id is None
    assert open_envelope(b'{"id": 7, "revision": true}').revision is None


def test_problems_are_bounded() -> None:
    with pytest.raises(ConfigError) as refused:
        parse_document({"checks": [{"x": 1}] * 500}, "f")
    assert len(refused.value.problems) == 50
    assert "more" in str(refused.value.problems[-1])


def test_deep_documents_are_refused_without_recursion() -> None:
    for depth in (33, 900, 5000, 50_000 // 5):
        with pytest.raises(ConfigError):
            decode_strictly(b'{"a":' * depth + b"1" + b"}" * depth)


def test_a_json_file_is_read_as_strictly_as_a_message() -> None:
    with pytest.raises(ConfigError, match=r"^room\.json: .*'a' is there twice"):
        read_document('{"a": 1, "a": 2}', "room.json", json_document=True)


def test_a_pattern_is_told_in_words() -> None:
    with pytest.raises(ConfigError, match="four hexadecimal digits each, as lsusb shows it, not '046d:85e'"):
        parse_document({"checks": [{"name": "a", "kind": "usb-camera", "usb": "046d:85e"}]}, "f")
