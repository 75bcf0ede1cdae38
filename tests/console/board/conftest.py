"""What several of the board's tests need."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine

from agent.console.board import board_tables  # noqa: F401 # made with the others
from agent.console.recorder_tables import META


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """The centre's database, with all its tables."""
    made = create_engine(f"sqlite:///{tmp_path}/centre.db")
    META.create_all(made)
    yield made
    made.dispose()
