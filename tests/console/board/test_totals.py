"""Sums over tiles."""

from agent.console.board.tile import tile
from agent.console.board.totals import totals
from tests.console.board.test_issues import AT, conference, site
from tests.console.test_sites import headcount, status


def test_the_rate_is_over_those_whose_number_is_known() -> None:
    there = tile(site(conference(summoned=50), headcount(value=49)), AT)
    away = tile(site(conference(summoned=40), headcount(value=30), status("lost", 1)), AT)
    uninvited = tile(site(headcount(value=1)), AT)
    sums = totals((there, away, uninvited))
    assert (sums.sites, sums.known, sums.present, sums.summoned, sums.summoned_known) == (3, 2, 50, 90, 50)
    assert sums.by_state == {"ready": 2, "offline": 1}
    assert sums.rate == 1.0


def test_of_nobody_there_is_no_rate() -> None:
    assert totals(()).rate is None
