"""How long the estimator takes for one look, without any picture: ``python -m tests.bench.estimator``."""

import random
import statistics
import time

from agent.core.looking import look
from agent.core.places import Places, Spot

LOOKS = 200


def milliseconds_a_frame(people: int, width: float = 1920, height: float = 1080, face_px: float = 24) -> float:
    """Median over the looks at a room with so many seats, scattered at random, half of whose faces show."""
    chance = random.Random(1)
    seats = [(chance.uniform(0, width), chance.uniform(0, height)) for _ in range(people)]
    shown = [chance.random() < 0.5 for _ in seats]
    places, took_s = Places(), []
    for _ in range(LOOKS):
        shown = [is_shown != (chance.random() < 2 / 15) for is_shown in shown]
        spots = [
            Spot(
                x + chance.uniform(-1, 1), y + chance.uniform(-1, 1), face_px, face_px * 1.2, chance.uniform(0.85, 0.93)
            )
            for (x, y), is_shown in zip(seats, shown, strict=True)
            if is_shown
        ]
        began_s = time.perf_counter()
        places = look(places, spots, 2.0, 90.0)
        took_s.append(time.perf_counter() - began_s)
    return statistics.median(took_s) * 1000


if __name__ == "__main__":
    for count in (30, 100, 300, 1000):
        print(f"{count:5d} people: {milliseconds_a_frame(count):.2f} ms a look")
