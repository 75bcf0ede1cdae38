"""Sums over tiles."""

import re

from agent.console.board.render import PAGES
from agent.console.board.shown import SHAPE, STATE
from agent.console.board.tile import tile
from agent.console.board.totals import totals
from tests.console.board.test_issues import AT, conference, site
from tests.console.test_sites import headcount, status


def test_the_rate_is_over_those_whose_number_is_known() -> None:
    there = tile(site(conference(summoned=50), headcount(value=49)), AT)
    away = tile(site(conference(summoned=40), headcount(value=30), status("lost", 1)), AT)
    sums = totals((there, away))
    assert (sums.sites, sums.known, sums.present, sums.summoned, sums.summoned_known) == (2, 1, 49, 90, 50)
    assert (sums.there, sums.waiting, sums.others) == (49, 1, 0)
    assert sums.by_state == {"ready": 1, "offline": 1}
    assert sums.rate == 0.98


def test_people_where_nobody_was_summoned_are_no_part_of_the_rate() -> None:
    there = tile(site(conference(summoned=20), headcount(value=18)), AT)
    uninvited, nobody = (tile(site(*more, headcount(value=30)), AT) for more in ((), (conference(summoned=0),)))
    sums = totals((there, uninvited, nobody))
    assert (sums.present, sums.present_summoned, sums.summoned_known, sums.others) == (78, 18, 20, 60)
    assert (sums.there, sums.rate) == (18, 0.9)
    unknown = tile(site(conference(summoned=20), headcount(value=None, state="unknown", reason="dark")), AT)
    sums = totals((unknown, uninvited))
    assert (sums.there, sums.rate, sums.others) == (None, None, 30)
    assert totals((uninvited,)).there == 30


def test_what_is_shown_is_present_of_summoned_at_the_same_sites_and_the_rest_beside() -> None:
    there = tile(site(conference(summoned=20), headcount(value=18)), AT)
    away = tile(site(conference(summoned=25), status("lost", 1)), AT)
    sums = totals((there, away, tile(site(headcount(value=30)), AT)))
    for template, name in (("totals.html", "sums"), ("group.html", "totals")):
        values = {name: sums, "id": "a", "path": ("Hải Dương",), "words": STATE, "shapes": SHAPE}
        text = re.sub("<[^>]+>", "", PAGES.get_template(template).render(values))
        assert all(word in text for word in ("18", "20", "90,0 %", "+25", "1 điểm cầu chưa rõ", "+30", "not summoned"))
        assert "48" not in text
        assert "45" not in text


def test_of_nobody_there_is_no_rate() -> None:
    sums = totals(())
    assert (sums.rate, sums.there) == (None, None)
