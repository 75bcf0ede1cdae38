"""agent/core/parse.py: from a document to a model, or to all of its problems in words a person can act on."""

from typing import Any, Literal

import pytest
from pydantic import Field

from agent.core.errors import ConfigError, Problem
from agent.core.parse import Section, build, decode, dotted, problems_of


class Leg(Section):
    length_m: float = Field(gt=0)
    wood: Literal["oak", "pine", "bamboo"] = "oak"


class Table(Section):
    name: str = ""
    legs: tuple[Leg, ...] = ()
    spare: Leg | None = None
    size: tuple[float, float] = (1, 1)


def problems(data: dict[str, Any]) -> list[str]:
    return [str(problem) for problem in problems_of(Table, data)]


@pytest.mark.parametrize(
    ("text", "json_document"),
    [('name = "x"\nsize = [1, 2]\n', False), ('{"name": "x", "size": [1, 2]}', True)],
)
def test_toml_and_json_are_read_alike(text: str, json_document: bool) -> None:
    assert decode(text, "file", json_document) == {"name": "x", "size": [1, 2]}


@pytest.mark.parametrize(
    ("text", "json_document", "sentence"),
    [
        ("a = 1\nname = \n", False, r"file: this is not TOML: .*line 2"),
        ('{"name": \n}', True, r"file: this is not JSON: .*line 2"),
        ("", True, r"file: this is not JSON: "),
        ("[]", True, r"file: an object with sections is expected"),
        ("7", True, r"file: an object with sections is expected"),
        ("[" * 50_000, True, r"file: this is not JSON: .*recursion"),
        ("a = " + "[" * 50_000, False, r"file: this is not TOML: "),
        ("9" * 5000, True, r"file: this is not JSON: .*4300 digits"),
        ("size = [0x" + "f" * 5000 + "]", False, r"file: this is not TOML: .*4300 digits"),
    ],
    ids=["toml", "json", "empty", "list", "number", "deep json", "deep toml", "long number", "long hex number"],
)
def test_a_text_that_is_none_is_one_problem_with_its_place(text: str, json_document: bool, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence) as refusal:
        decode(text, "file", json_document)
    assert len(refusal.value.problems) == 1


def test_every_problem_is_found_at_once() -> None:
    found = problems({"name": 7, "legs": [{"length_m": 0}, {"lenght_m": 1}], "size": [1], "colour": "red"})
    assert len(found) == 6
    assert [each.partition(":")[0] for each in found] == [
        "name",
        "legs[0].length_m",
        "legs[1].length_m",
        "legs[1].lenght_m",
        "size[1]",
        "colour",
    ]


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({"nane": "x"}, "nane: this key does not exist (did you mean name?)"),
        ({"zzz": "x"}, "zzz: this key does not exist"),
        (
            {"legs": [{"length_m": 1, "lenght_m": 1}]},
            "legs[0].lenght_m: this key does not exist (did you mean length_m?)",
        ),
        ({"legs": [{}]}, "legs[0].length_m: this key is needed and is not there"),
        (
            {"legs": [{"length_m": 1, "wood": "oack"}]},
            "legs[0].wood: should be 'oak', 'pine' or 'bamboo', not 'oack' (did you mean oak?)",
        ),
        (
            {"legs": [{"length_m": 1, "wood": "steel"}]},
            "legs[0].wood: should be 'oak', 'pine' or 'bamboo', not 'steel'",
        ),
        (
            {"legs": [{"length_m": 1, "wood": "z" * 100}]},
            "legs[0].wood: should be 'oak', 'pine' or 'bamboo', not '" + "z" * 56 + "…",
        ),
        ({"legs": [{"length_m": -1}]}, "legs[0].length_m: should be greater than 0, not -1"),
        ({"legs": [{"length_m": "1"}]}, "legs[0].length_m: should be a valid number, not '1'"),
        ({"legs": [{"length_m": float("nan")}]}, "legs[0].length_m: should be a finite number, not nan"),
        ({"name": "x" * 5, "size": "y" * 100}, "size: should be a valid array, not '" + "y" * 56 + "…"),
    ],
)
def test_a_problem_says_where_what_and_what_was_probably_meant(data: dict[str, Any], sentence: str) -> None:
    assert problems(data) == [sentence]


@pytest.mark.parametrize("value", ["7", True, None, [7], {}])
def test_types_are_taken_strictly(value: object) -> None:
    assert len(problems({"legs": [{"length_m": value}]})) == 1


def test_a_date_of_toml_is_no_text_and_no_crash() -> None:
    data = decode("legs = [{ length_m = 2012-11-20 }]", "file", json_document=False)
    assert problems(data) == ["legs[0].length_m: should be a valid number, not '2012-11-20'"]


def test_a_document_without_problems_is_a_frozen_model() -> None:
    data = {"legs": [{"length_m": 1}], "size": [2, 3.5]}
    assert problems(data) == []
    table = build(Table, data)
    assert table == Table(legs=(Leg(length_m=1),), size=(2, 3.5))
    with pytest.raises(ValueError, match="frozen"):
        table.name = "other"


@pytest.mark.parametrize(
    ("location", "path"),
    [
        ((), ""),
        (("power",), "power"),
        (("power", "loads", 0, "pin"), "power.loads[0].pin"),
        (("headcount", "include", 1, 2, 0), "headcount.include[1][2][0]"),
    ],
)
def test_places_are_named_the_way_people_write_them(location: tuple[int | str, ...], path: str) -> None:
    assert dotted(location) == path


@pytest.mark.parametrize(
    ("problem", "sentence"),
    [
        (Problem("", "no file"), "no file"),
        (Problem("a.b", "is wrong"), "a.b: is wrong"),
        (Problem("a.b", "is wrong", "try c"), "a.b: is wrong (try c)"),
        (Problem("", "is wrong", "try c"), "is wrong (try c)"),
    ],
)
def test_a_problem_is_a_sentence(problem: Problem, sentence: str) -> None:
    assert str(problem) == sentence


def test_a_config_error_says_all_of_its_problems_and_whose_they_are() -> None:
    error = ConfigError("room.toml", (Problem("a", "is wrong"), Problem("b", "too", "drop it")))
    assert str(error) == "room.toml: a: is wrong; b: too (drop it)"
