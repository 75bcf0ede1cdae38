"""The centre's recorder, while the broker in the machine can be reached: it shows what of a box's history is lost."""

import json
import threading
from pathlib import Path
from typing import Any

from sqlalchemy import select

from agent.console.recorder import Recorder
from agent.console.recorder_tables import ROW
from agent.console.store import Store
from agent.core.identity import broker_at
from tests.conftest import wait_for
from tests.vm.box import PYTHON, STATE, Box

HISTORY = f"""
import json, sqlite3
with sqlite3.connect("file:{STATE}/agent.db?mode=ro", uri=True) as db:
    print(json.dumps([json.loads(payload) for (payload,) in db.execute("SELECT payload FROM row ORDER BY seq")]))
"""
Rows = dict[tuple[str, int], dict[str, Any]]


class Centre:
    """A database of its own, and a recorder that writes into it between ``begin`` and ``end``."""

    def __init__(self, folder: Path) -> None:
        self._store = Store(f"sqlite:///{folder / 'centre.db'}")
        self._store.start()
        self._recorder: Recorder | None = None
        self._thread = threading.Thread()
        self._epochs: set[str] = set()

    def begin(self, box: Box) -> None:
        """Record what comes from now on."""
        self._recorder = Recorder(broker_at(box.broker_url()), self._store, "recorder")
        self._thread = threading.Thread(target=self._recorder.run, daemon=True)
        self._thread.start()

    def end(self) -> None:
        """No longer; safe to call twice."""
        if self._recorder is not None:
            self._recorder.close()
            self._thread.join()
            self._recorder = None

    def close(self) -> None:
        self.end()
        self._store.close()

    def rows(self) -> Rows:
        """All that is committed, by epoch and number."""
        with self._store.engine.connect() as db:
            found = db.execute(select(ROW.c.epoch, ROW.c.seq, ROW.c.payload))
            return {(epoch, seq): json.loads(payload) for epoch, seq, payload in found}

    def has_all(self, box: Box) -> int:
        """Wait until all that the box has on its disk now is here too, word for word, and nothing is missing before it.

        Gives how many rows that are.
        """
        kept = history(box)
        wait_for(lambda: kept.keys() <= self.rows().keys(), "the recorder has all that the box had on its disk")
        here = self.rows()
        assert {key: words(here[key]) for key in kept} == {key: words(row) for key, row in kept.items()}
        epochs = {epoch for epoch, _ in kept}
        assert len(self._epochs | epochs) == 1, "a box that lost its file begins a new epoch"
        self._epochs = epochs
        # The broker may have had rows for this recorder of what the box was before.
        numbers = sorted(seq for epoch, seq in here if epoch in epochs)
        assert numbers == list(range(1, len(numbers) + 1)), "a number is missing"
        return len(numbers)


def words(row: dict[str, Any]) -> dict[str, Any]:
    """A row, less what its sending makes of it."""
    return {name: value for name, value in row.items() if name not in ("historical", "prev")}


def history(box: Box) -> Rows:
    """The rows in the box's own file."""
    rows = json.loads(box.run(f"{PYTHON} -I -", HISTORY))
    return {(row["epoch"], row["seq"]): row for row in rows}
