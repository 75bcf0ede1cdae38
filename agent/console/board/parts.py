"""What the pages are made from, handed from one file's routes to the next."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import Engine

from agent.console.board.access import Access
from agent.console.board.live import Live

Button = Callable[[bool], None]  # True: hold it


@dataclass(frozen=True, slots=True)
class Parts:
    """``engine`` is the centre's database, all tables made; ``buttons`` those of simulated rooms, by site."""

    live: Live
    engine: Engine
    access: Access
    buttons: Mapping[str, Button] = field(default_factory=dict)
