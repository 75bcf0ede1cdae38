"""Databases of the centre, both kinds, for whoever wants them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.console.store import Store
from tests.console.postgresql import Postgresql, program


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgresql]:
    """One server for all tests; it is slow to begin."""
    if program("initdb") is None:
        pytest.skip("needs PostgreSQL: sudo apt-get install postgresql")
    server = Postgresql(tmp_path_factory.mktemp("postgresql"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database of each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/centre.db"
        return
    server: Postgresql = request.getfixturevalue("postgresql")
    yield server.url
    from sqlalchemy import create_engine

    from agent.console.store import META

    engine = create_engine(server.url)
    META.drop_all(engine)
    engine.dispose()


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    """An open one."""
    made = Store(url)
    made.start()
    yield made
    made.close()
