"""Every parser of ours, with bytes that nobody would send and with documents that are nearly good."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.rig import examples
from tests.fuzz.seeds import ODD
from tests.fuzz.targets import TARGETS, Target

LONE = "\\ud800"
BAD = {
    "empty": b"",
    "no json": b"hello",
    "100 kB": b"[" + b" " * 100_000 + b"]",
    "10 MB": b'{"a": "' + b"x" * 10_000_000 + b'"}',
    "deep": b"[" * 10_000 + b"]" * 10_000,
    "deep object": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "nan": b'{"id": NaN}',
    "infinity": b"-Infinity",
    "nul": b"\0",
    "nul inside": b'{"id": "a\0b"}',
    "bad utf-8": b'{"id": "\xff\xfe"}',
    "surrogate": b'{"' + LONE.encode() + b'": "' + LONE.encode() + b'"}',
    "list": b"[]",
    "text": b'"a"',
    "number": b"1" * 5000,
}
MOST_OF_SLOW = 50  # of each document; the others are for run.py
NAMES = pytest.mark.parametrize("target", TARGETS.values(), ids=list(TARGETS))


@NAMES
def test_what_is_good_is_read(target: Target) -> None:
    for seed in target.seeds:
        target.check(seed)


@NAMES
def test_what_is_bad_in_a_known_way_is_refused(target: Target) -> None:
    for raw in BAD.values():
        target.check(raw)
    for seed in target.seeds:
        target.check(b"\xef\xbb\xbf" + seed)
        target.check(seed.replace(b"a", b"\0"))
        target.check(seed.replace(b'"', b'"' + LONE.encode(), 3))


@NAMES
@settings(examples(25), derandomize=True)  # the same ones each time; run.py looks for new ones
@given(data=st.data())
def test_damaged_documents_and_any_bytes(target: Target, data: st.DataObject) -> None:
    seed = data.draw(st.sampled_from(target.seeds))
    place = data.draw(st.integers(0, len(seed)))
    new, gone = data.draw(st.binary(max_size=4)), data.draw(st.integers(0, 4))
    target.check(seed[:place] + new + seed[place + gone :])
    target.check(data.draw(st.binary(max_size=60)))


JSON_TARGETS = [each for each in TARGETS.values() if each.seeds[0].startswith(b"{")]


@pytest.mark.parametrize("target", JSON_TARGETS, ids=[each.name for each in JSON_TARGETS])
def test_every_value_of_a_good_document_in_every_odd_way(target: Target) -> None:
    for seed in target.seeds:
        spoilt = list(_spoilt(json.loads(seed)))
        step = -(-len(spoilt) // MOST_OF_SLOW) if target.is_slow else 1
        for document in spoilt[::step]:
            target.check(json.dumps(document).encode())


def _spoilt(document: Any) -> Any:
    """The document with one value of it, at any depth, replaced by each odd one; with one more key; with one fewer."""
    yield from ODD
    inside = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    for key, value in inside:
        for odd in _spoilt(value):
            copy = dict(document) if isinstance(document, dict) else list(document)
            copy[key] = odd
            yield copy
    if isinstance(document, dict):
        for odd in ODD:
            yield {**document, "colour": odd}
        for gone in document:
            yield {key: value for key, value in document.items() if key != gone}
