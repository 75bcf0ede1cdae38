"""hw/eye/governor.py with a clock of ours: a box that takes a known time for each pixel."""

import pytest

from hw.eye.governor import LONGEST_INTERVAL_S, LONGEST_REST_S, MINUTE_S, Governor

START_S = 1.5  # of processor time, before the first look


class Box:
    """One core. ``look`` takes ``look_s`` of it; between looks a camera's thread takes ``idle_share``."""

    def __init__(self, cpu_share: float, interval_s: float = 2.0, idle_share: float = 0.0) -> None:
        self.now_s, self.cpu_s, self.idle_share = 1000.0, START_S, idle_share
        self.governor = Governor(cpu_share, interval_s, self.now_s, self.cpu_s)
        self.readings = [(self.now_s - START_S, 0.0), (self.now_s, self.cpu_s)]

    def look(self, look_s: float, pixels: int = 1_000_000) -> float:
        self.governor.begin(self.now_s, self.cpu_s)
        self._pass(look_s, 1.0)
        due_s = self.governor.end(self.now_s, self.cpu_s, pixels)
        while due_s > self.now_s + 0.01:
            self._pass(due_s - self.now_s, self.idle_share)
            due_s = self.governor.due_s(self.now_s, self.cpu_s)
        return self.governor.interval_s

    def _pass(self, for_s: float, share: float) -> None:
        for _ in range(10):
            self.now_s += for_s / 10
            self.cpu_s += for_s / 10 * share
            self.readings.append((self.now_s, self.cpu_s))

    def worst_minute(self) -> float:
        worst = 0.0
        for at_s, used_s in self.readings:
            until = [cpu_s for then_s, cpu_s in self.readings if then_s <= at_s + MINUTE_S]
            worst = max(worst, until[-1] - used_s)
        return worst / MINUTE_S


def test_a_quick_box_looks_as_often_as_it_is_asked_to() -> None:
    box = Box(cpu_share=0.5)
    box.look(0.02)
    assert [box.look(0.02) for _ in range(5)] == [pytest.approx(2.0)] * 5


@pytest.mark.parametrize("cpu_share", [0.05, 0.2, 0.5, 1.0])
@pytest.mark.parametrize("look_s", [0.2, 1.0, 3.0])
@pytest.mark.parametrize("idle_share", [0.0, 0.02])
def test_no_minute_takes_more_than_its_share(cpu_share: float, look_s: float, idle_share: float) -> None:
    box = Box(cpu_share, interval_s=0.2, idle_share=idle_share)
    # A look that is larger than half of a minute's whole share cannot be helped; it is then made smaller (most_px).
    if look_s > 0.5 * cpu_share * MINUTE_S:
        pytest.skip("a box like this is given a smaller picture")
    for number in range(200):
        box.look(look_s if number % 30 else 1.5 * look_s)
        if number == 0:
            del box.readings[:-1]  # starting and the first look wait for nothing
        if box.now_s > 1300:
            break
    assert box.worst_minute() <= cpu_share * 1.02
    assert box.worst_minute() >= 0.5 * min(cpu_share, look_s / 0.2), "and it is used"


def test_starting_is_paid_back_after_the_first_look() -> None:
    box = Box(cpu_share=0.1)
    assert box.look(0.1) > (START_S + 0.1) / 0.1 - 1
    assert box.look(0.1) == pytest.approx(2.0)


def test_a_driver_that_takes_the_whole_share_does_not_end_the_counting() -> None:
    box = Box(cpu_share=0.1, idle_share=0.5)
    assert [box.look(0.1) <= LONGEST_REST_S + 1 for _ in range(5)] == [True] * 5


def test_the_working_picture_is_what_the_box_manages_every_ten_seconds() -> None:
    box = Box(cpu_share=0.5)
    assert box.governor.most_px == float("inf")
    box.look(2.0, pixels=1_000_000)
    share = box.governor.pay_share
    assert box.governor.most_px == pytest.approx(share * LONGEST_INTERVAL_S / 2.0 * 1_000_000)
    box.look(0.0, pixels=0)
    assert box.governor.most_px > 0, "a film of boxes has no pixels"


def test_the_share_said_is_that_of_the_last_minute() -> None:
    box = Box(cpu_share=1.0)
    for _ in range(100):
        box.look(0.5)
    assert box.governor.share() == pytest.approx(0.25, abs=0.02)
    for _ in range(40):
        box.look(0.1)
    assert box.governor.share() == pytest.approx(0.05, abs=0.01)


def test_another_interval_counts_from_the_look_that_is_over() -> None:
    box = Box(cpu_share=0.5, interval_s=20.0)
    box.look(0.02)
    began_s = box.now_s
    box.governor.begin(box.now_s, box.cpu_s)
    assert box.governor.end(box.now_s, box.cpu_s, 1) == began_s + 20
    box.governor.look_every(4.0)
    assert box.governor.due_s(box.now_s, box.cpu_s) == began_s + 4
    box.governor.look_every(30.0)
    assert box.governor.due_s(box.now_s, box.cpu_s) == began_s + 30
