"""agent/core/recounts.py: what people counted, and the machine's record beside it."""

from datetime import timedelta

import pytest

from agent.core.events import Recount
from agent.core.recounts import COMPARED, KEPT, add, error, human, record, replaced_by
from tests.core.rig import UTC_AT_BEGIN


def recount(people: int = 50, value: int | None = 49, at_s: float = 0, by: str = "an", command: str = "") -> Recount:
    at = UTC_AT_BEGIN + timedelta(seconds=at_s)
    state = "unknown" if value is None else "ok"
    return Recount(command or f"id-{at_s}", at, by, people, value, state, value, value)


def hourly(*pairs: tuple[int, int | None]) -> tuple[Recount, ...]:
    recounts: tuple[Recount, ...] = ()
    for hour, (people, value) in enumerate(pairs):
        recounts = add(recounts, recount(people, value, 3600 * hour))
    return recounts


@pytest.mark.parametrize(
    ("people", "value", "share"),
    [(50, 49, 0.02), (50, 55, 0.1), (3, 1, 0.6667), (7, 7, 0), (50, None, None), (0, 0, 0), (0, 3, 3), (0, None, None)],
)
def test_the_error_is_a_share_of_what_the_person_counted(people: int, value: int | None, share: float | None) -> None:
    assert error(people, value) == share


def test_before_anybody_counted_there_is_no_human_and_no_record() -> None:
    assert human(()) is None
    assert record(()).model_dump() == {"recounts": 0, "mean_error": None, "worst_error": None}


def test_the_last_recount_is_the_humans_number_with_the_machines_beside_it() -> None:
    said = human(hourly((50, 49), (40, None)))
    assert said is not None
    assert said.model_dump() == {
        "people": 40, "at": "2012-11-20T08:30:00.000Z", "by": "an", "value": None,
    }  # fmt: skip


def test_the_record_is_over_recounts_at_which_the_machine_had_a_number() -> None:
    said = record(hourly((50, 49), (40, None), (10, 9)))
    assert said.model_dump() == {"recounts": 2, "mean_error": 0.06, "worst_error": 0.1}


def test_the_record_forgets_what_is_long_ago_and_unknown_ones_do_not_push_it_out() -> None:
    said = record(hourly((10, 0), *[(10, 9)] * COMPARED, *[(10, None)] * 30))
    assert said.model_dump() == {"recounts": COMPARED, "mean_error": 0.1, "worst_error": 0.1}


def test_recounts_are_bounded() -> None:
    assert len(hourly(*[(10, 9)] * (KEPT + 5))) == KEPT


@pytest.mark.parametrize(
    ("new", "takes_back"),
    [
        (recount(5, at_s=30), True),
        (recount(5, at_s=60), True),
        (recount(5, at_s=61), False),
        (recount(5, at_s=30, by="binh"), False),
        (recount(5, at_s=-1), False),  # the clock was set back: which one is the newer is not known
    ],
)
def test_a_typo_is_taken_back_by_the_same_person_within_a_minute(new: Recount, takes_back: bool) -> None:
    before = (recount(40, at_s=-7200), recount(500, at_s=0))
    assert replaced_by(before, new) == (before[1] if takes_back else None)
    assert len(add(before, new)) == (2 if takes_back else 3)


def test_only_the_last_one_is_taken_back() -> None:
    before = add((recount(500),), recount(40, at_s=10, by="binh"))
    assert replaced_by(before, recount(50, at_s=20)) is None
