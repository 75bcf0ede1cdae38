"""A room config as a document: how a pushed one is opened, what its digest is, and how a part of one is laid over it.

A pushed document comes from whoever may write to a topic, so it is read strictly: what two readers could read in two
ways (a key twice, NaN, a byte order mark) is refused, and so is what no reader here could show again.
"""

import hashlib
import json
import math
from dataclasses import dataclass
from typing import Any

from agent.core.config import RoomConfig, whole_problems
from agent.core.config_messages import REVISION_MAX, ConfigDesired
from agent.core.errors import ConfigError, Problem
from agent.core.parse import build, decode, dotted, problems_of
from agent.core.wire import MAX_PAYLOAD_BYTES
from agent.core.wire import decode as decode_payload

Document = dict[str, Any]
DEEPEST = 32  # a room config has 6 levels
PROBLEMS_MAX = 50  # what is wrong with the rest is told when these are mended; the report has to fit into a message
SOURCE = "config"
FILE_MAX_BYTES = 1024 * 1024  # with its spaces, which are not sent
# Marks that turn the direction of what follows: a sentence that holds one is not what it looks like.
BIDI = set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@dataclass(frozen=True, slots=True)
class Envelope:
    """A pushed message. ``desired`` is None where it cannot be used; ``id`` and ``revision`` are told where they can be
    read all the same.
    """

    desired: ConfigDesired | None
    id: str | None = None
    revision: int | None = None
    problems: tuple[Problem, ...] = ()


def open_envelope(raw: bytes) -> Envelope:
    """Open what came on ``config/desired``. Pure; never raises."""
    try:
        data = decode_strictly(raw)
    except ConfigError as error:
        return Envelope(None, problems=error.problems)
    id_, revision = data.get("id"), data.get("revision")
    known_id = id_ if isinstance(id_, str) and 0 < len(id_) <= 64 and id_.isascii() and id_.isprintable() else None
    is_number = isinstance(revision, int) and not isinstance(revision, bool) and 1 <= revision <= REVISION_MAX
    known_revision = revision if is_number else None
    try:
        return Envelope(decode_payload(ConfigDesired, raw), known_id, known_revision)
    except ValueError as error:
        return Envelope(None, known_id, known_revision, (Problem("", str(error)),))


def decode_strictly(raw: bytes, most_bytes: int = MAX_PAYLOAD_BYTES) -> Document:
    """Read a JSON object from somebody else.

    Raises:
        ConfigError: It is none, or one that could be read in two ways; one sentence.
    """
    if len(raw) > most_bytes:
        raise _refused(f"this is larger than {most_bytes} bytes")
    if raw.startswith(b"\xef\xbb\xbf"):
        raise _refused("this begins with a byte order mark: save it as UTF-8 without one")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _refused("this is not UTF-8 text") from error
    try:
        data = json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise _refused(f"this is not JSON: {_short(str(error))}") from error
    if not isinstance(data, dict):
        raise _refused("an object is expected")
    if problem := unfit(data):
        raise ConfigError(SOURCE, (problem,))
    return data


def parse_document(document: Document, source: str, reserved_pins: dict[int, str] | None = None) -> RoomConfig:
    """The room config that a document is.

    Args:
        document: Plain data, as JSON or TOML gives it.
        source: What people call it, for the error.
        reserved_pins: Pins of this box that something else uses, and the sentence's end that says what.

    Raises:
        ConfigError: With every problem of the document at once, ``PROBLEMS_MAX`` at most.
    """
    problems = (*problems_of(RoomConfig, document), *whole_problems(document))
    problems += tuple(_pin_problems(document, reserved_pins or {}))
    if problems:
        raise ConfigError(source, _bounded(problems))
    return build(RoomConfig, document)


def read_document(text: str, source: str, json_document: bool) -> Document:
    """Plain data of a TOML or JSON text, as it can go over the wire. Raises ConfigError."""
    if json_document:
        try:
            return decode_strictly(text.encode(errors="surrogatepass"), FILE_MAX_BYTES)
        except ConfigError as error:
            raise ConfigError(source, error.problems) from error
    data: Document = json.loads(json.dumps(decode(text, source, json_document=False), default=str))
    if problem := unfit(data):
        raise ConfigError(source, (problem,))
    return data


def canonical(document: Document) -> bytes:
    """JSON with sorted keys and no spaces, in UTF-8: what the digest is made of."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def digest(document: Document) -> str:
    """SHA-256 of a document, in hex."""
    return hashlib.sha256(canonical(document)).hexdigest()


def effective(config: RoomConfig) -> Document:
    """Everything that a config says, with its defaults."""
    return config.model_dump(mode="json")


def effective_digest(config: RoomConfig) -> str:
    """SHA-256 of a config with its defaults, in hex."""
    return digest(effective(config))


def merged(base: Document, patch: Document) -> Document:
    """``patch`` laid over ``base``, of which neither is changed: tables are merged key by key, everything else is
    replaced, None takes a key away. Source: RFC 7386.
    """
    result = dict(base)
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict):
            below = result.get(key)
            result[key] = merged(below if isinstance(below, dict) else {}, value)
        else:
            result[key] = value
    return result


def _once(pairs: list[tuple[str, Any]]) -> Document:
    data = dict(pairs)
    if len(data) != len(pairs):
        names = [key for key, _ in pairs]
        twice = next(key for key in names if names.count(key) > 1)
        raise ValueError(f"the key {_short(twice)!r} is there twice")
    return data


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def unfit(data: Document) -> Problem | None:
    """What no file and no message could hold, or nobody could read: too deep, a control character, half a letter, a
    number beyond all others. Without recursion: the data comes from anybody.
    """
    waiting: list[tuple[tuple[int | str, ...], Any]] = [((), data)]
    while waiting:
        location, value = waiting.pop()
        if len(location) > DEEPEST:
            return Problem("", f"this is nested more than {DEEPEST} levels deep")
        texts = [value] if isinstance(value, str) else list(value) if isinstance(value, dict) else []
        if any(not _is_text(text) for text in texts):
            return Problem(_path(location), "has a control character, a mark of direction or half a letter in it")
        if isinstance(value, float) and not math.isfinite(value):
            return Problem(_path(location), "is no number that can be sent")
        if isinstance(value, dict):
            waiting += [((*location, key), each) for key, each in value.items()]
        elif isinstance(value, list):
            waiting += [((*location, i), each) for i, each in enumerate(value)]
    return None


def _is_text(text: str) -> bool:
    if BIDI & set(text):
        return False
    return all(
        letter >= " " and not "\x7f" <= letter <= "\x9f" and not "\ud800" <= letter <= "\udfff" for letter in text
    )


def _path(location: tuple[int | str, ...]) -> str:
    return _short("".join(letter if letter.isprintable() else "�" for letter in dotted(location)))


def _pin_problems(document: Document, reserved: dict[int, str]) -> list[Problem]:
    power = document.get("power")
    if not reserved or not isinstance(power, dict):
        return []
    loads = power.get("loads")
    named = [(f"power.{key}.pin", power.get(key)) for key in ("button", "led")]
    named += [(f"power.loads[{i}].pin", load) for i, load in enumerate(loads if isinstance(loads, list) else [])]
    pins = [(path, table.get("pin")) for path, table in named if isinstance(table, dict)]
    return [
        Problem(path, f"GPIO{pin} is {reserved[pin]}") for path, pin in pins if isinstance(pin, int) and pin in reserved
    ]


def _bounded(problems: tuple[Problem, ...]) -> tuple[Problem, ...]:
    if len(problems) <= PROBLEMS_MAX:
        return problems
    more = len(problems) - PROBLEMS_MAX + 1
    return (*problems[: PROBLEMS_MAX - 1], Problem("", f"and {more} more: mend these first"))


def _refused(sentence: str) -> ConfigError:
    return ConfigError(SOURCE, (Problem("", sentence),))


def _short(text: str) -> str:
    return text if len(text) <= 120 else text[:119] + "…"
