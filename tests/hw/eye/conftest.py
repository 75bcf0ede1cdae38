"""What the tests of the eye share: a network or a skip by name, a small drawn hall, an inbox that one can wait on."""

import queue
import time
from pathlib import Path
from typing import Any, TypeVar

import pytest

from agent.core.commands import WatchCamera
from agent.core.events import Event
from hw.eye import models
from hw.eye.models import Model
from hw.eye.view import Picture
from hw.simulated.hall import DrawnHall, Person

T = TypeVar("T")
ROOT = Path(__file__).resolve().parents[3]
PATIENCE_S = 30.0
SEATS, WIDTH, HEIGHT = 6, 320, 240


class Heard:
    """An inbox: remembers events and hands them out, waiting for those that have not come yet. Thread: any."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[Event] = queue.SimpleQueue()

    def __call__(self, event: Event) -> None:
        self._queue.put(event)

    def next(self, timeout_s: float = PATIENCE_S) -> Event | None:
        """The next event, or None where none came in time."""
        try:
            return self._queue.get(timeout=timeout_s)
        except queue.Empty:
            return None

    def wait(self, kind: type[T]) -> T:
        """The next event of a kind; those before it are dropped."""
        until_s = time.monotonic() + PATIENCE_S
        dropped: list[Event] = []
        while (left_s := until_s - time.monotonic()) > 0:
            event = self.next(left_s)
            if isinstance(event, kind):
                return event
            if event is not None:
                dropped.append(event)
        raise AssertionError(f"no {kind.__name__} came, but {dropped[-5:]}")


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture(scope="session")
def yunet() -> Model:
    """The preferred network, in a file whose digest is right."""
    found = models.search(models.KNOWN[0].file).model
    if found is None or found.known != models.KNOWN[0]:
        pytest.skip(f"no face network: {models.KNOWN[0].file} is in none of the model folders")
    return found


@pytest.fixture(scope="session")
def network() -> Model:
    """The network that is taken here where nobody names one."""
    found = models.search().model
    if found is None:
        pytest.skip("no face network on this machine")
    return found


def drawn(seats: int = SEATS, width: int = WIDTH, height: int = HEIGHT, seed: int = 1, at_s: float = 1.0) -> Picture:
    """A hall where every seat is taken."""
    people = [Person(seat, 40 * seed + seat) for seat in range(seats)]
    return DrawnHall(seats, width, height, seed).draw(people, at_s)


def film(cues: list[dict[str, Any]], boxes_only: bool = True) -> dict[str, Any]:
    """A film that began a moment ago, with everybody there, and the cues after that."""
    everybody = {"at_s": 0, "do": "arrive", "people": SEATS}
    script = {
        "seed": 1,
        "seats": SEATS,
        "width": WIDTH,
        "height": HEIGHT,
        "look_down_share": 0,
        "lean_share": 0,
        "cues": [everybody, *cues],
    }
    return {"script": script, "started_s": time.monotonic(), "boxes_only": boxes_only}


def order(node: str = "camera-main", watch: int = 1, interval_s: float = 0.2, cpu_share: float = 1.0) -> WatchCamera:
    """An order to look at a camera."""
    return WatchCamera(watch, node, WIDTH, HEIGHT, "", 0.6, interval_s, cpu_share)
