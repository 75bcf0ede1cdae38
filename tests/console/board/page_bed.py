"""A board's pages over made-up sites: asked directly, and over a real port."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2 as httpx
from sqlalchemy import Engine, create_engine
from sqlalchemy.pool import StaticPool
from starlette.testclient import TestClient

from agent.console.board.access import Access, User
from agent.console.board.app import create_app
from agent.console.board.live import Live
from agent.console.board.parts import Parts
from agent.console.board.serve import Board
from agent.console.recorder_tables import META
from tests.conftest import PATIENCE_S

USER = User("local", "technician")


def database() -> Engine:
    made = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    META.create_all(made)
    return made


def parts(live: Live, engine: Engine | None = None) -> Parts:
    engine = engine or database()
    return Parts(live, engine, Access(engine, everybody=USER))


@contextmanager
def client(live: Live, engine: Engine | None = None) -> Iterator[TestClient]:
    with TestClient(create_app(parts(live, engine)), raise_server_exceptions=False) as made:
        yield made


class Stream:
    """Server-sent events, one after the other."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines

    def next(self) -> dict[str, str]:
        """``id``, ``event`` and ``data`` of the next event, as far as it has them."""
        event: dict[str, str] = {}
        for line in self._lines:
            if not line and event:
                return event
            name, _, value = line.partition(":")
            if name:
                event[name] = value.removeprefix(" ")
        raise AssertionError("the stream has ended")

    def news(self) -> dict[str, Any]:
        """The next that is none of the beats."""
        while (event := self.next()).get("event") == "beat":
            pass
        return {**json.loads(event["data"]), "id": event["id"]}


class Served:
    """A board on a port."""

    def __init__(self, url: str) -> None:
        self.url = url

    def at(self, path: str = "/") -> str:
        """What the page says that it shows."""
        return httpx.get(self.url + path).text.partition('data-at="')[2].partition('"')[0]

    @contextmanager
    def stream(self, path: str, at: str, **headers: str) -> Iterator[Stream]:
        with httpx.stream("GET", f"{self.url}{path}?at={at}", headers=headers, timeout=PATIENCE_S) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            yield Stream(answer.iter_lines())


@contextmanager
def served(live: Live) -> Iterator[Served]:
    with Board(live, database(), everybody=USER) as board:
        yield Served(board.url.rstrip("/"))
