"""FAULTS 13, 15, 16, 23: whatever is killed, whenever: what a site has on disk is at the centre in the end, once."""

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
from agent.adapters.history_rows import newest
from agent.adapters.mosquitto import Mosquitto
from agent.console.recorder import Recorder
from agent.console.store import Store
from agent.core.identity import broker_at
from tests.conftest import wait_for
from tests.console.test_store import rows
from tests.faults.line import Line, line

KILLS = 1000 if os.environ.get("DIEMCAU_FULL") else 20
DRAIN_S = 120
ROOT = Path(__file__).resolve().parents[2]


class Killed:
    """A writing site that is started again and again."""

    def __init__(self, state: Path, url: str, acknowledge: str = "centre") -> None:
        self._state, self._url, self._acknowledge = state, url, acknowledge
        self.committed = 0

    def live_for(self, seconds: float) -> None:
        """One life, ended by SIGKILL; what it said is on disk by then."""
        argv = [sys.executable, "-m", "tests.faults.writing_site", str(self._state), self._url, self._acknowledge]
        with subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            first = process.stdout.readline()  # it has begun to write
            time.sleep(seconds)
            process.send_signal(signal.SIGKILL)
            said = (first + process.stdout.read()).rpartition("\n")[0].splitlines()
        self.committed = max([self.committed, *map(int, said)])

    @property
    def damaged(self) -> list[str]:
        """What was moved aside."""
        return [each.name for each in self._state.glob("*damaged*")]

    @property
    def newest(self) -> int:
        db = AgentDb(self._state / "agent.db")
        db.start()
        try:
            assert not db.is_volatile
            return int(db.read(newest, 0))
        finally:
            db.close()


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
            site.live_for(chance.uniform(0, 0.4))
        wanted = _drained(site, way, store)
    recording.end()
    assert site.newest >= site.committed > KILLS
    there = {seq for (seq,) in rows(store, "seq")}
    lost = set(range(1, wanted + 1)) - there  # what came after that is on its way still
    twice = recording.written - len(there)
    print(f"{KILLS} kills, {wanted} committed rows, {len(lost)} lost, {twice} sent twice, {site.damaged} damaged")
    assert (lost, site.damaged) == (set(), [])


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
    assert site.newest >= site.committed > 0


def _drained(site: Killed, way: Line, store: Store) -> int:
    """Let the site live until the centre has all that was on disk when it began, and look that each is there once.
    Returns the newest number of then.
    """
    way.is_hole = False
    wanted = site.newest
    until_s = time.monotonic() + DRAIN_S

    def lacking() -> set[int]:
        return set(range(1, wanted + 1)) - {seq for (seq,) in rows(store, "seq")}

    while lacking() and time.monotonic() < until_s:
        site.live_for(2)
    wait_for(lambda: not lacking(), f"rows that the centre lacks of {wanted}", 5)
    assert {epoch for (epoch,) in rows(store, "epoch")} == {rows(store, "epoch")[0][0]}
    return wanted
