"""Several questions at once."""

import threading
import time

from agent.adapters.errands import run_all


def test_all_run_at_once_and_each_outcome_is_kept() -> None:
    meeting = threading.Barrier(3, timeout=5)
    outcomes = run_all({name: lambda: meeting.wait() is not None for name in "abc"}, 5)
    assert [outcomes[name].value for name in "abc"] == [True, True, True]


def test_one_that_fails_does_not_silence_the_others() -> None:
    outcomes = run_all({"bad": lambda: 1 // 0, "good": lambda: 7}, 5)
    assert isinstance(outcomes["bad"].error, ZeroDivisionError)
    assert (outcomes["good"].value, outcomes["good"].error) == (7, None)


def test_one_that_hangs_is_late_and_waited_for_no_longer_than_agreed() -> None:
    hang = threading.Event()
    began_s = time.monotonic()
    outcomes = run_all({"hangs": hang.wait, "good": lambda: 7}, 0.2)
    assert time.monotonic() - began_s < 2
    assert outcomes["hangs"].is_late
    assert not outcomes["good"].is_late
    hang.set()
    assert outcomes["hangs"].is_late  # what comes later changes nothing any more
