"""FAULTS 14, 17, 25: a full outbox and a centre that lost its database: what there is arrives, and delivery goes on."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.adapters import delivery, history_rows, outbox
from agent.adapters.mosquitto import Mosquitto
from agent.adapters.mqtt_link import MqttLink
from agent.console import recorder as recorder_module
from agent.console.store import Store
from agent.core.commands import Keep
from agent.core.identity import BrokerSection
from tests.adapters.test_history_rows import window
from tests.adapters.test_mqtt_link import lost
from tests.adapters.test_outbox import Box
from tests.conftest import wait_for
from tests.console.test_recorder import recording
from tests.console.test_store import rows

Link = Callable[[Box], MqttLink]


@pytest.fixture(autouse=True)
def _in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "PROBE_S", 1.0)
    monkeypatch.setattr(delivery, "PATIENCE_S", 5.0)
    monkeypatch.setattr(recorder_module, "HOLE_AFTER_S", 1.0)
    monkeypatch.setattr(recorder_module, "SAY_AGAIN_S", 3.0)
    monkeypatch.setattr(outbox, "LOOK_EVERY_S", 0.05)


@pytest.fixture
def link(broker: Mosquitto) -> Iterator[Link]:
    made: list[MqttLink] = []
    numbers = iter(range(1, 1000))

    def make(box: Box) -> MqttLink:
        broker_section = BrokerSection(url=broker.url)
        made.append(
            MqttLink(broker_section, "nam-sach", lambda: next(numbers), lost, (), lambda event: None, outbox=box.out)
        )
        made[-1].start()
        return made[-1]

    yield make
    for each in made:
        each.close()


def store_at(path: Path) -> Store:
    made = Store(f"sqlite:///{path}")
    made.start()
    return made


def on_disk(box: Box) -> list[int]:
    return [row.seq for row in box.db.read(lambda db: history_rows.following(db, 0, 10**9), [])]


def at_centre(store: Store) -> list[int]:
    return [seq for (seq,) in rows(store, "seq")]


def test_after_an_overflow_all_that_is_left_arrives_and_delivery_goes_on(
    broker: Mosquitto, tmp_path: Path, link: Link
) -> None:
    box, store = Box(tmp_path / "agent.db", time.time(), outbox_max_bytes=1_048_576), store_at(tmp_path / "centre.db")
    for _ in range(150):
        assert box.db.keep(Keep(tuple(window(value) for value in range(100))))
        box.write()
    wait_for(lambda: box.db.read(history_rows.used_bytes, 10**9) <= 1_048_576, "room", 60)
    time.sleep(0.3)
    left = on_disk(box)
    assert len(left) < 10_000
    assert len(set(range(1, left[-1] + 1)) - set(left)) > 5000
    with recording(broker, store):
        link(box)
        wait_for(lambda: box.out.figures().rows == 0, "all that is left at the centre", 60)
        assert set(left) <= set(at_centre(store))
        box.write(5)
        wait_for(lambda: box.out.figures().rows == 0, "new rows too", 60)
    box.close()
    store.close()


def test_a_centre_that_lost_everything_gets_what_is_kept_and_delivery_goes_on(
    broker: Mosquitto, tmp_path: Path, link: Link
) -> None:
    box, first = Box(tmp_path / "agent.db", time.time()), store_at(tmp_path / "first.db")
    box.write(400)
    with recording(broker, first):
        link(box)
        wait_for(lambda: box.out.figures().rows == 0, "all at the centre", 60)
    # The older half has been kept for its days.
    box.db.write(lambda db: db.execute("DELETE FROM row WHERE seq <= 200").rowcount)
    box.write(300)
    second = store_at(tmp_path / "second.db")
    with recording(broker, second):
        wait_for(lambda: at_centre(second) == list(range(201, 701)), "all that is kept, and what is new", 90)
        wait_for(lambda: box.out.figures().rows == 0, "acknowledged", 60)
        box.write(5)
        wait_for(lambda: box.out.figures().rows == 0, "new rows too", 60)
    box.close()
    first.close()
    second.close()
