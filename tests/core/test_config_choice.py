"""Whatever is broken, there is always a config to run, and it is the best one that can be read."""

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.config import RoomConfig
from agent.core.config_choice import EVERY_PIN, Choice, Source, choose
from agent.core.config_document import digest
from agent.core.errors import ConfigError, Problem

TOML = '[site]\nname = "phòng"\n[[power.loads]]\nname = "a"\npin = 5\n'
KEPT = '{"site": {"name": "kept"}}'
BEFORE = '{"site": {"name": "before"}}'
UNKNOWN_KEY = '{"sit": {}, "power": {"loads": [{"name": "a", "pin": 22}]}}'


def gone(name: str) -> Callable[[], str]:
    def read() -> str:
        raise ConfigError(name, (Problem("", "this file cannot be read"),))

    return read


def kept(name: str, text: str) -> Source:
    return Source(name, "kept", lambda: text)


def file(text: str, json_document: bool = False) -> Source:
    return Source("room.toml", "file", lambda: text, json_document)


def test_without_any_source_the_built_in_one_runs() -> None:
    assert choose([]) == Choice(RoomConfig(), {}, "built_in", (), (), (), frozenset())


@pytest.mark.parametrize(
    ("sources", "name", "kind"),
    [
        ([kept("1", KEPT), kept("2", BEFORE), file(TOML)], "1", "kept"),
        ([kept("1", "{"), kept("2", BEFORE), file(TOML)], "2", "kept"),
        ([kept("1", ""), kept("2", UNKNOWN_KEY), kept("3", KEPT)], "3", "kept"),
        ([kept("1", "{"), kept("2", "[]"), file(TOML)], "room.toml", "file"),
        ([Source("1", "kept", gone("1")), file(TOML)], "room.toml", "file"),
        ([file(TOML)], "room.toml", "file"),
        ([file(KEPT, json_document=True)], "room.toml", "file"),
    ],
)
def test_the_first_that_can_be_used_runs(sources: list[Source], name: str, kind: str) -> None:
    choice = choose(sources)
    assert (choice.looked_at[-1], choice.kind) == (name, kind)
    assert {problem.path.split(":")[0] for problem in choice.problems} == set(choice.looked_at[:-1])
    assert choice.spared_pins == frozenset()


def test_those_after_it_are_not_read() -> None:
    def read() -> str:
        raise AssertionError

    assert choose([kept("1", KEPT), Source("2", "kept", read)]).looked_at == ("1",)


def test_the_document_is_as_written_whatever_it_was_written_in() -> None:
    written = {"site": {"name": "phòng"}, "power": {"loads": [{"name": "a", "pin": 5}]}}
    for choice in (choose([file(TOML)]), choose([kept("1", json.dumps(written))])):
        assert choice.document == written
        assert digest(choice.document) == digest(written)
        assert choice.config.site.language == "vi"


def test_a_kept_one_is_read_leniently_and_a_file_strictly() -> None:
    twice = json.dumps({"checks": [{"name": "a", "kind": "ping", "address": "h"}] * 2})
    choice = choose([kept("1", twice)])
    assert (choice.kind, len(choice.doubts), choice.problems) == ("kept", 1, ())
    choice = choose([file(twice, json_document=True)])
    assert (choice.kind, choice.doubts) == ("built_in", ())
    assert "check a is already used" in str(choice.problems[0])


@pytest.mark.parametrize(
    ("sources", "spared"),
    [
        ([kept("1", UNKNOWN_KEY)], {22}),
        ([kept("1", UNKNOWN_KEY), file(TOML.replace("site", "sit"))], {5, 22}),
        ([kept("1", "{"), file("[sit]\n")], EVERY_PIN),
        ([Source("1", "kept", gone("1"))], EVERY_PIN),
        ([Source("room.toml", "file", gone("room.toml"), is_there=False)], frozenset()),
    ],
)
def test_the_built_in_one_spares_every_pin_that_a_document_may_have_a_load_on(
    sources: list[Source], spared: set[int]
) -> None:
    choice = choose(sources)
    assert (choice.kind, choice.spared_pins) == ("built_in", spared)
    assert choice.problems


TEXTS = st.sampled_from([KEPT, BEFORE, TOML, UNKNOWN_KEY, "", "{", "[]", "null", "[" * 9999, "\0"]) | st.text()


@given(st.lists(TEXTS), st.none() | TEXTS)
def test_there_is_always_one_and_what_was_passed_over_is_told(before: list[str], last: str | None) -> None:
    sources = [kept(str(number), text) for number, text in enumerate(before)]
    sources += [] if last is None else [file(last)]
    choice = choose(sources)
    assert isinstance(choice.config, RoomConfig)
    passed = choice.looked_at if choice.kind == "built_in" else choice.looked_at[:-1]
    assert len(choice.looked_at) <= len(sources)
    assert {problem.path.split(":")[0] for problem in choice.problems} == set(passed)
    assert not choice.spared_pins or choice.kind == "built_in"
