"""A whole centre for the browser: a broker, simulated sites, the database, ``python -m agent board``, a chromium."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from sqlalchemy import Engine

from agent.adapters.mosquitto import Mosquitto
from agent.adapters.processes import stop
from agent.console.board import board_tables  # noqa: F401 # its tables are made with the others
from agent.console.board.users import Users
from agent.console.store import Store
from tests.console.board.browser import PASSWORD, ROLES, Browser
from tests.console.board.places_bed import Place
from tests.console.board.sites_bed import Crowd


class Desk:
    """The board as a process of its own, beside a database with a user for each role; an address for all its lives."""

    def __init__(self, folder: Path, broker_url: str, database: str) -> None:
        self._argv = [sys.executable, "-m", "agent", "board", "--broker", broker_url, "--database", database]
        self._argv += ["--centre", str(folder / "none.toml"), "--json"]
        self._log = folder / "board.log"
        self.url = ""
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Of the process."""
        assert self.process is not None
        return self.process.pid

    def start(self) -> None:
        """Back when browsers can come."""
        listen = self.url.removeprefix("http://").rstrip("/") or "127.0.0.1:0"
        with self._log.open("ab") as log:
            argv = [*self._argv, "--listen", listen]
            self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self._log.read_text()
        self.url = json.loads(line)["url"]

    def close(self) -> None:
        """End it in order."""
        if self.process is not None:
            stop([self.process])
            assert self.process.stdout is not None
            self.process.stdout.close()
            self.process = None


class Bed:
    """Broker, sites, database and board, and a browser in front of it."""

    def __init__(self, folder: Path, broker: Mosquitto, crowd: Crowd, engine: Engine, desk: Desk, browser: Browser):
        self.folder, self.broker, self.crowd, self.engine = folder, broker, crowd, engine
        self.desk, self.browser = desk, browser


@contextmanager
def standing(
    folder: Path,
    sites: Sequence[Place],
    summoned: int | None = 50,
    answering: Iterable[str] = (),
    before: Callable[[Engine], None] = lambda engine: None,
    is_recorded: bool = False,
) -> Iterator[Bed]:
    """All of it, some of the sites answering what they are told, the database filled by ``before``, and a recorder
    beside it where one is wanted. Nothing is left running.
    """
    with ExitStack() as ends:
        (folder / "broker").mkdir(parents=True)
        broker = Mosquitto(folder / "broker")
        broker.start()
        ends.callback(broker.close)
        crowd = Crowd(broker.port, sites, summoned)
        ends.callback(crowd.close)
        database = f"sqlite:///{folder}/centre.db"
        store = Store(database)
        store.start()
        ends.callback(store.close)
        before(store._engine)
        for role in ROLES:
            Users(store._engine).add(role, role, PASSWORD)  # type: ignore[arg-type]
        crowd.answers |= set(answering)
        crowd.arrive()
        crowd.beats(20)
        if is_recorded:
            argv = [sys.executable, "-m", "agent", "record", "--broker", broker.url, "--database", database]
            with (folder / "recorder.log").open("ab") as log:
                recorder = subprocess.Popen([*argv, "--centre", str(folder / "none.toml")], stdout=log, stderr=log)
            ends.callback(stop, [recorder])
        desk = Desk(folder, broker.url, database)
        ends.callback(desk.close)
        desk.start()
        browser = Browser(folder)
        ends.callback(browser.close)
        browser.url = desk.url
        yield Bed(folder, broker, crowd, store._engine, desk, browser)
