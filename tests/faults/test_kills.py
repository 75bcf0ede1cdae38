"""FAULTS 13, 15, 16, 23: whatever is killed, whenever: what a site has on disk is at the centre in the end, once."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.adapters.agent_db import AgentDb
from agent.adapters.history_rows import following
from agent.adapters.mosquitto import Mosquitto
from agent.console.recorder import Recorder
from agent.console.store import Store
from agent.core.identity import broker_at
from tests.conftest import wait_for
from tests.console.test_store import rows
from tests.faults.line import Line, line

KILLS = 1000 if os.environ.get("DIEMCAU_FULL") else 20
EARLY = 0.4  # the share of the kills that come while the site starts
DRAIN_S = 120
ROOT = Path(__file__).resolve().parents[2]


class Killed:
    """A writing site that is started again and again."""

    def __init__(self, state: Path, url: str, acknowledge: str = "centre") -> None:
        self._state, self._url, self._acknowledge = state, url, acknowledge
        self.committed: dict[int, str] = {}  # each row's number, and its mark
        self.barren = 0  # lives that ended before they had written anything

    def live_for(self, seconds: float, is_early: bool = False) -> None:
        """One life, ended by SIGKILL so long after its first row, or after it began to start where ``is_early``; what
        it said is on disk by then.
        """
        argv = [sys.executable, "-m", "tests.faults.writing_site", str(self._state), self._url, self._acknowledge]
        with subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "up\n"
            first = "" if is_early else process.stdout.readline()  # it has begun to write
            time.sleep(seconds)
            process.send_signal(signal.SIGKILL)
            said = (first + process.stdout.read()).rpartition("\n")[0].splitlines()
        self.barren += not said
        for newest, *marks in map(str.split, said):
            new = dict(enumerate(marks, int(newest) - len(marks) + 1))
            assert not new.keys() & self.committed.keys(), "a number was given twice"
            self.committed |= new

    @property
    def damaged(self) -> list[str]:
        """What was moved aside."""
        return [each.name for each in self._state.glob("*damaged*")]

    @property
    def on_disk(self) -> dict[int, str]:
        """Each row's number and mark: none goes before its days are over."""
        db = AgentDb(self._state / "agent.db")
        db.start()
        try:
            assert not db.is_volatile
            return {row.seq: mark(row.payload) for row in db.read(lambda real: following(real, 0, 10**9), [])}
        finally:
            db.close()


def mark(payload: str) -> str:
    return str(json.loads(payload)["detail"]["mark"])


def at_centre(store: Store) -> dict[int, str]:
    return {seq: mark(payload) for seq, payload in rows(store, "seq", "payload")}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(f"sqlite:///{tmp_path}/centre.db")
    made.start()
    yield made
    made.close()


class Recording:
    """A recorder that can be ended in the middle of everything and begun again."""

    def __init__(self, broker: Mosquitto, store: Store) -> None:
        self._broker, self._store = broker, store
        self.begin()

    def begin(self) -> None:
        # Without a share the broker queues for it while it is away, and loses that when it is killed.
        self._recorder = Recorder(broker_at(self._broker.url), self._store, "recorder", share=None)
        self._thread = threading.Thread(target=self._recorder.run, daemon=True)
        self._thread.start()

    def wait(self) -> None:
        wait_for(lambda: self._recorder._client is not None, "the recorder listens")

    @property
    def written(self) -> int:
        """How many rows have come, those that came twice too."""
        return self._recorder.counts["rows"]

    def end(self) -> None:
        self._recorder.close()
        self._thread.join(10)


def test_a_site_that_is_killed_again_and_again_loses_nothing_through_outages(
    broker: Mosquitto, store: Store, tmp_path: Path
) -> None:
    chance = random.Random(7)
    recording = Recording(broker, store)
    with line(broker.port) as way:
        site = Killed(tmp_path / "state", way.url)
        for _ in range(KILLS):
            way.is_hole = chance.random() < 0.5
            if chance.random() < 0.2:
                way.reset()
            is_early = chance.random() < EARLY
            site.live_for(chance.uniform(0, 0.05 if is_early else 0.4), is_early)
        wanted = _drained(site, way, store)
    recording.end()
    there = at_centre(store)
    twice = recording.written - len(there)
    print(
        f"{KILLS} kills, {site.barren} before a row was written, {len(wanted)} committed rows, {twice} sent twice, "
        f"{site.damaged} damaged"
    )
    assert len(wanted) > KILLS
    assert site.barren > 0
    assert site.committed.items() <= site.on_disk.items()
    assert site.damaged == []


@pytest.mark.parametrize("acknowledge", ["centre", "broker"])
def test_a_broker_and_a_recorder_that_die_with_a_backlog_lose_nothing(
    broker: Mosquitto, store: Store, tmp_path: Path, acknowledge: str
) -> None:
    """Also of a site that believes the broker: it keeps its rows, and a recorder that lacks some asks for them."""
    recording = Recording(broker, store)
    with line(broker.port) as way:
        site = Killed(tmp_path / "state", way.url, acknowledge)
        for _ in range(4):
            recording.wait()
            site.live_for(0.4)
            recording.end()
            site.live_for(0.8)  # the broker takes this for the recorder that is away
            broker.kill()  # it keeps nothing: what it had acknowledged is gone
            site.live_for(0.3)
            broker.start()
            recording.begin()
        _drained(site, way, store)
    recording.end()
    assert site.committed
    assert site.committed.items() <= site.on_disk.items()


def _drained(site: Killed, way: Line, store: Store) -> dict[int, str]:
    """Let the site live until the centre has all that was on disk when it began, and look that each row is the one that
    was committed under its number. Returns what was on disk then.
    """
    way.is_hole = False
    wanted = site.on_disk
    assert site.committed.items() <= wanted.items()
    assert set(wanted) == set(range(1, len(wanted) + 1))
    until_s = time.monotonic() + DRAIN_S

    def lacking() -> set[int]:
        return wanted.keys() - at_centre(store).keys()

    while lacking() and time.monotonic() < until_s:
        site.live_for(2)
    wait_for(lambda: not lacking(), f"rows that the centre lacks of {len(wanted)}", 5)
    assert wanted.items() <= at_centre(store).items()
    assert {epoch for (epoch,) in rows(store, "epoch")} == {rows(store, "epoch")[0][0]}
    return wanted
