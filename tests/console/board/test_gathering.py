from datetime import UTC, datetime, timedelta

from agent.console.board.gathering import gathering
from agent.console.board.live import Change
from agent.console.board.shown import Shown, fold
from agent.console.board.summary import Summary
from agent.console.sites import SiteView
from agent.core.contract import Conference
from tests.console.board.stand_in import StandIn, tile

NOW = datetime.now(UTC).replace(microsecond=0)


def told(id_, starts_min, lasts_min=60, calls=()):
    starts = NOW + timedelta(minutes=starts_min)
    roll_calls = tuple(NOW + timedelta(minutes=each) for each in calls)
    return Conference(id=id_, starts_at=starts, ends_at=starts + timedelta(minutes=lasts_min), roll_calls=roll_calls)


def test_the_one_that_is_on_comes_before_the_next():
    found = gathering([told("later", 30), told("now", -10), told("now", -10), told("over", -120)], NOW)
    assert (found.told.id, found.sites, found.is_live) == ("now", 2, True)


def test_of_two_that_are_on_that_of_the_most_sites():
    assert gathering([told("a", -10), told("b", -20), told("b", -20)], NOW).told.id == "b"


def test_the_next_one_and_its_first_roll_call():
    found = gathering([told("b", 60), told("a", 30, calls=(-5, 40, 35))], NOW)
    assert (found.told.id, found.is_live) == ("a", False)
    assert found.next_call == NOW + timedelta(minutes=35)


def test_neither():
    assert gathering([told("over", -120)], NOW) is None
    assert gathering([], NOW) is None


def test_a_site_is_asked_again_when_it_was_heard_or_has_gone():
    live = StandIn([tile("a")], {"a": SiteView("a", conference=told("now", -10))})
    summary, shown = Summary(live), Shown()
    live.subscribe(lambda change: seen.append(change))
    seen = [Change(live.picture, frozenset("a"), frozenset(), frozenset("a"))]
    shown = fold(shown, seen[-1])
    assert summary.now(shown).told.id == "now"
    live.views["a"] = SiteView("a")
    assert summary.now(shown).told.id == "now"
    live.show(tile("a"))
    assert summary.now(fold(shown, seen[-1])) is None
