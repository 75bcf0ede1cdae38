"""Which of the room configs that a box has is to run. Pure.

The order: the last good one, those before it with the newest first, the room file of the very first start, and the
built-in safe one. Whatever is broken, there is always a config to run.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal

from agent.core.config import HIGHEST_PIN, RoomConfig, parse_kept, wired_pins
from agent.core.config_document import Document, parse_document, read_document
from agent.core.errors import ConfigError, Problem
from agent.core.parse import decode

EVERY_PIN = frozenset(range(HIGHEST_PIN + 1))


@dataclass(frozen=True, slots=True)
class Source:
    """One document that may run. ``kept`` has run here before, ``file`` is as a person wrote it.

    ``read`` gives its text, or raises ConfigError; ``name`` is what people call it.
    """

    name: str
    kind: Literal["kept", "file"]
    read: Callable[[], str]
    json_document: bool = True
    is_there: bool = True


@dataclass(frozen=True, slots=True)
class Choice:
    """The config to run and the document that it is of, as written.

    ``looked_at`` are the names of what was read for it, in order: the last one runs, unless it is the built-in one that
    does. ``problems`` are those of the documents that were passed over, ``doubts`` what a later rule has against the
    one that runs. ``spared_pins`` are not to be touched: a document that cannot be used may have loads there.
    """

    config: RoomConfig = field(default_factory=RoomConfig)
    document: Document = field(default_factory=dict)
    kind: Literal["kept", "file", "built_in"] = "built_in"
    looked_at: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    doubts: tuple[Problem, ...] = ()
    spared_pins: frozenset[int] = frozenset()


def choose(sources: Iterable[Source]) -> Choice:
    """Take the first one that can be used. Never raises."""
    looked_at: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    spared: frozenset[int] = frozenset()
    for source in sources:
        looked_at += (source.name,)
        try:
            text = source.read()
        except ConfigError as error:
            problems += _marked(error)
            spared |= EVERY_PIN if source.is_there else frozenset()
            continue
        try:
            config, document, doubts = _opened(source, text)
        except ConfigError as error:
            problems += _marked(error)
            spared |= wired_pins(text, source.json_document)
            continue
        return Choice(config, document, source.kind, looked_at, problems, doubts)
    return Choice(looked_at=looked_at, problems=problems, spared_pins=spared)


def _opened(source: Source, text: str) -> tuple[RoomConfig, Document, tuple[Problem, ...]]:
    if source.kind == "kept":
        config, doubts = parse_kept(text, source.name)
        return config, decode(text, source.name, json_document=True), doubts
    document = read_document(text, source.name, source.json_document)
    return parse_document(document, source.name), document, ()


def _marked(error: ConfigError) -> tuple[Problem, ...]:
    return tuple(
        Problem(f"{error.source}: {p.path}" if p.path else error.source, p.message, p.suggestion)
        for p in error.problems
    )
