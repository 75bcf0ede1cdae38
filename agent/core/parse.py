"""From a document that a person wrote to a frozen model, or to *all* of its problems with a suggestion each.

Everything is validated in pydantic's strict JSON mode, whether it was written in TOML or JSON: one wire form, one set
of rules. Problems name their place the way people write it (``power.loads[0].pin``).
"""

import difflib
import json
import tomllib
import typing
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from agent.core.errors import ConfigError, Problem


class Section(BaseModel):
    """Base of everything that a person may write: frozen, strict, unknown keys refused."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)


M = TypeVar("M", bound=Section)
# What a pattern asks for, in words: whoever writes a config need not read a regular expression.
NAME = r"^[a-z0-9][a-z0-9-]*$"
USB = r"^([0-9a-fA-F]{4}:[0-9a-fA-F]{4})?$"
PATTERNS = {
    NAME: "a-z, 0-9 and -, not beginning with -",
    USB: "vendor:product, four hexadecimal digits each, as lsusb shows it",
}
Location = tuple[int | str, ...]


def decode(text: str, source: str, json_document: bool) -> dict[str, Any]:
    """Read TOML or JSON text into plain data.

    Raises:
        ConfigError: The text is neither; the sentence names line and column.
    """
    try:
        data = json.loads(text) if json_document else tomllib.loads(text)
        # What cannot be written as JSON (too deep, a number of thousands of digits, half a letter) cannot be looked at
        # either, and a complaint that quotes it could not be shown.
        json.dumps([[[data]]], default=str, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        kind = "JSON" if json_document else "TOML"
        raise ConfigError(source, (Problem("", f"this is not {kind}: {error}"),)) from error
    if not isinstance(data, dict):
        raise ConfigError(source, (Problem("", "an object with sections is expected"),))
    return data


def problems_of(model: type[Section], data: dict[str, Any]) -> tuple[Problem, ...]:
    """Every problem that ``data`` has as a ``model``; empty when it is one. Pure."""
    try:
        model.model_validate_json(_as_json(data))
    except ValidationError as error:
        return tuple(_problem(model, item["loc"], item) for item in error.errors(include_url=False))
    return ()


def build(model: type[M], data: dict[str, Any]) -> M:
    """The model that ``data`` is; call only after :func:`problems_of` found none."""
    return model.model_validate_json(_as_json(data))


def _as_json(data: dict[str, Any]) -> str:
    # TOML knows dates, JSON does not: as text they meet the ordinary "should be a string/number" complaint.
    return json.dumps(data, default=str)


def _problem(model: type[Section], location: Location, item: Any) -> Problem:
    path = dotted(location)
    if item["type"] == "extra_forbidden":
        keys = _keys_at(model, location[:-1])
        return Problem(path, "this key does not exist", _did_you_mean(str(location[-1]), keys))
    if item["type"] == "string_pattern_mismatch" and item["ctx"]["pattern"] in PATTERNS:
        return Problem(path, f"should be {PATTERNS[item['ctx']['pattern']]}, not {_short(item['input'])}")
    if item["type"] == "missing":
        return Problem(path, "this key is needed and is not there")
    if item["type"] == "literal_error":
        expected = item["ctx"]["expected"]
        words = [word.strip("' ") for word in expected.replace(" or ", ",").split(",")]
        return Problem(
            path, f"should be {expected}, not {_short(item['input'])}", _did_you_mean(str(item["input"]), words)
        )
    return Problem(path, _sentence(item["msg"]) + f", not {_short(item['input'])}")


def dotted(location: Location) -> str:
    """``("power", "loads", 0, "pin")`` as ``power.loads[0].pin``."""
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path


def _sentence(message: str) -> str:
    message = message.removeprefix("Value error, ").removeprefix("Input ")
    return message[:1].lower() + message[1:]


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"


def _did_you_mean(word: str, known: list[str]) -> str | None:
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f"did you mean {close[0]}?" if close else None


def _keys_at(model: type[Section], location: Location) -> list[str]:
    """The keys that exist where an unknown one was written; empty where the way leads through something else."""
    current: Any = model
    for part in location:
        current = _element(current) if isinstance(part, int) else _field(current, part)
    return list(current.model_fields) if _is_section(current) else []


def _field(current: Any, name: str) -> Any:
    return current.model_fields[name].annotation if _is_section(current) and name in current.model_fields else None


def _element(current: Any) -> Any:
    return next((arg for arg in typing.get_args(current) if _is_section(arg)), None)


def _is_section(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, Section)
