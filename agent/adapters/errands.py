"""Several slow questions asked at the same time, with one bound for all of them."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one errand: its value, or ``error``, the exception that ended it. ``is_late``: it still runs."""

    value: Any = None
    error: Exception | None = None
    is_late: bool = False


def run_all(errands: Mapping[str, Callable[[], Any]], within_s: float) -> dict[str, Outcome]:
    """Run all at once and wait for them, at most ``within_s``.

    An errand that is late goes on as a daemon thread and keeps nothing from ending: a name server that says nothing is
    waited for by the C library, which cannot be interrupted.
    """
    outcomes = dict.fromkeys(errands, Outcome(is_late=True))
    threads = [
        threading.Thread(target=_run, args=(name, errand, outcomes), name=name, daemon=True)
        for name, errand in errands.items()
    ]
    for thread in threads:
        thread.start()
    until_s = time.monotonic() + within_s
    for thread in threads:
        thread.join(max(0.0, until_s - time.monotonic()))
    return dict(outcomes)


def _run(name: str, errand: Callable[[], Any], outcomes: dict[str, Outcome]) -> None:
    try:
        outcomes[name] = Outcome(errand())
    except Exception as error:  # the loop's edge: one question that fails does not silence the others
        outcomes[name] = Outcome(error=error)
