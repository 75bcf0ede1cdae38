"""FAULTS 2 to 7 and 10: a line that breaks in every way, between a site's outbox and the centre's recorder."""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.adapters import mqtt_link
from agent.adapters.mosquitto import Mosquitto
from agent.adapters.mqtt_link import MqttLink
from agent.console.recorder import Recorder
from agent.console.store import Store
from agent.core.events import LinkUp
from agent.core.identity import BrokerSection, broker_at
from tests.adapters.test_link_rows import FakeCentre
from tests.adapters.test_mqtt_link import Events, lost, truth
from tests.adapters.test_outbox import Box
from tests.conftest import wait_for
from tests.console.test_store import rows
from tests.faults.line import Line, line


@dataclass
class Far:
    """A site whose line to the broker can be made to fail, and a recorder beside the broker."""

    box: Box
    link: MqttLink
    way: Line
    store: Store
    recorder: Recorder
    events: Events

    @property
    def seqs(self) -> list[int]:
        return [seq for (seq,) in rows(self.store, "seq")]

    def all_there(self, count: int) -> None:
        wait_for(lambda: self.box.out.figures().rows == 0, f"{count} rows at the centre", 90)
        assert self.seqs == list(range(1, count + 1))


@pytest.fixture
def far(broker: Mosquitto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Far]:
    monkeypatch.setattr(mqtt_link, "KEEPALIVE_S", 2)  # 20 s on a box; it is found dead after one and a half of it
    store = Store(f"sqlite:///{tmp_path}/centre.db")
    store.start()
    recorder = Recorder(broker_at(broker.url), store, "recorder")
    thread = threading.Thread(target=recorder.run, daemon=True)
    thread.start()
    wait_for(lambda: recorder._client is not None, "the recorder listens")
    box, events = Box(tmp_path / "agent.db", time.time()), Events()
    numbers = iter(range(1, 10_000))
    with line(broker.port) as way:
        link = MqttLink(
            BrokerSection(url=way.url), "nam-sach", lambda: next(numbers), lost, (), events.put, outbox=box.out
        )
        link.start()
        yield Far(box, link, way, store, recorder, events)
        link.close()
    box.close()
    recorder.close()
    thread.join(10)
    store.close()


def test_a_black_hole_in_the_middle_is_noticed_and_nothing_is_lost(far: Far) -> None:
    far.box.write(2000)
    wait_for(lambda: far.recorder.counts["rows"] > 200, "rows under way")
    far.way.is_hole = True
    wait_for(lambda: far.way.accepted > 1, "a new attempt", 30)
    far.way.is_hole = False
    far.all_there(2000)


def test_resets_cost_no_row_and_no_row_is_there_twice(far: Far) -> None:
    for step in range(10):
        far.box.write(100)
        wait_for(lambda step=step: far.recorder.counts["rows"] > step * 20, "rows under way")
        far.way.reset()
    far.all_there(1000)


def test_a_line_that_flaps_drains_all_the_same(far: Far) -> None:
    far.box.write(3000)
    until_s = time.monotonic() + 8
    while time.monotonic() < until_s:
        time.sleep(0.7)
        far.way.reset()
    far.all_there(3000)


def test_on_a_slow_line_what_is_live_is_late_by_seconds_while_the_backlog_drains(far: Far, broker: Mosquitto) -> None:
    """2 kB a second may be 60 s late; this line is ten times as fast, so that it need not take so long."""
    centre = FakeCentre(broker.port)
    far.events.wait(LinkUp)
    far.way.bytes_per_s = 20_000
    far.box.write(1500)
    try:
        for people in range(3):
            time.sleep(2)
            began_s, before = time.monotonic(), len(centre.topics)
            far.link.publish("simulated/truth", truth(people))
            wait_for(
                lambda before=before: any(each.endswith("truth") for each in centre.topics[before:]), "the live value"
            )
            assert time.monotonic() - began_s < 6
        assert far.box.out.figures().rows > 0, "the backlog was to be under way meanwhile"
    finally:
        centre.close()
    far.way.bytes_per_s = 0
    far.all_there(1500)


def test_bytes_one_by_one_are_a_line_too(far: Far) -> None:
    far.events.wait(LinkUp)
    far.way.slice_bytes = 1
    far.box.write(20)
    far.all_there(20)


def test_a_half_open_line_is_left(far: Far) -> None:
    far.events.wait(LinkUp)
    far.way.half_open()
    far.box.write(50)
    far.all_there(50)
    assert far.way.accepted > 1
