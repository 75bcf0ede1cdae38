"""agent/core/config_schema.py against a validator that knows nothing of our models."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from agent.core.config import RoomConfig
from agent.core.config_document import merged, parse_document, read_document
from agent.core.config_schema import WORDS, schema, schema_digest
from agent.core.errors import ConfigError

ROOT = Path(__file__).resolve().parents[2]
ROOM = (ROOT / "firmware-config" / "room.default.toml").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
IN_README = [each for each in re.findall(r"```toml\n(.*?)```", README, re.DOTALL) if "[headcount]" in each]
GOOD = read_document(ROOM, "room", json_document=False)
LOAD = {"name": "codec", "pin": 5}
POLYGON = [[0.1, 0.1], [0.9, 0.1], [0.5, 1]]


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    Draft202012Validator.check_schema(schema())
    return Draft202012Validator(schema())


def is_taken(document: Any) -> bool:
    try:
        parse_document(document, "room")
    except ConfigError:
        return False
    return True


@pytest.mark.parametrize("text", [ROOM, *IN_README])
def test_the_examples_are_valid(validator: Draft202012Validator, text: str) -> None:
    assert list(validator.iter_errors(read_document(text, "room", json_document=False))) == []


@pytest.mark.parametrize(
    "patch",
    [
        {},
        {"sites": {}},
        {"site": []},
        {"site": {"nam": "x"}},
        {"site": {"name": "x" * 200}},
        {"site": {"name": "x" * 201}},
        {"site": {"path": ["a"] * 9}},
        {"site": {"language": "fr"}},
        {"power": {"restore": True}},
        {"power": {"button": {"pin": 1}}},
        {"power": {"button": {"pin": 28}}},
        {"power": {"button": {"pin": "17"}}},
        {"power": {"button": {"pin": 17.5}}},
        {"power": {"button": {"hold_s": 0.5}}},
        {"power": {"button": {"hold_s": 31}}},
        {"power": {"button": {"hold_s": "3"}}},
        {"power": {"loads": [LOAD]}, "checks": [], "camera": {"check": ""}},
        {"power": {"loads": [{"name": "codec"}]}},
        {"power": {"loads": [{**LOAD, "name": "Codec"}]}},
        {"power": {"loads": [{**LOAD, "prove_within_s": 0}]}},
        {"power": {"loads": [{**LOAD, "active_high": 1}]}},
        {"power": {"loads": [{"name": f"l{i}", "pin": 2 + i} for i in range(17)]}},
        {"checks": [{"name": "a", "kind": "icmp"}]},
        {"headcount": {"threshold": 1}},
        {"headcount": {"threshold": 0.1}},
        {"headcount": {"cpu_share": 0}},
        {"headcount": {"include": [POLYGON]}},
        {"headcount": {"include": [POLYGON[:2]]}},
        {"headcount": {"include": [[*POLYGON, [1.1, 0]]]}},
        {"headcount": {"include": [[*POLYGON, [1]]]}},
        {"reporting": {"outbox_max_bytes": 1}},
        {"reporting": None},
    ],
    ids=json.dumps,
)
def test_it_takes_what_the_models_take(validator: Draft202012Validator, patch: dict[str, Any]) -> None:
    document = {**GOOD, **patch} if "reporting" in patch else merged(GOOD, patch)
    assert validator.is_valid(document) == is_taken(document)


def test_every_key_has_a_sentence_and_no_sentence_is_without_its_key() -> None:
    made = schema()
    tables = {"RoomConfig": made, **made["$defs"]}
    assert {name: set(table["properties"]) for name, table in tables.items()} == {
        name: set(words) for name, words in WORDS.items()
    }
    for name, words in WORDS.items():
        for key, sentence in words.items():
            assert sentence.endswith("."), f"{name}.{key}"
            assert ("econds" in sentence) == key.endswith("_s"), f"{name}.{key} says its unit"


def test_what_has_a_default_need_not_be_there(validator: Draft202012Validator) -> None:
    assert validator.is_valid({})
    assert made_default(schema(), "ReportingSection", "heartbeat_s") == RoomConfig().reporting.heartbeat_s


def made_default(made: dict[str, Any], section: str, key: str) -> Any:
    return made["$defs"][section]["properties"][key]["default"]


def test_the_digest_is_the_same_again_and_is_of_the_schema() -> None:
    assert schema_digest() == schema_digest()
    assert re.fullmatch(r"[0-9a-f]{64}", schema_digest())
    assert json.loads(json.dumps(schema())) == schema()
