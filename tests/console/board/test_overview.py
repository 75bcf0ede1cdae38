import re
from datetime import UTC, datetime

import pytest

from agent.console.board.overview import View, folded, is_in
from agent.console.sites import SiteView
from tests.console.board.page_bed import client
from tests.console.board.stand_in import StandIn, conference, tile

NASTY = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "\u202egnort\u200f",
    "x" * 200,
    "{{ 7*7 }}",
    "'&amp;",
)


def sites(text):
    """In the order of the page, those that can be seen."""
    return re.findall(r'<article class="tile [^>]* id="t-([a-z0-9-]+)"', text)


def test_all_sites_stand_there_the_worst_first():
    live = StandIn([tile("a"), tile("b", "offline", None), tile("c", "warning"), tile("d", "fault")])
    with client(live) as board:
        assert sites(board.get("/").text) == ["b", "d", "c", "a"]


def test_totals_say_over_how_many_sites_they_are():
    with client(StandIn([tile("a"), tile("b", "offline", None)])) as board:
        text = board.get("/").text
        assert "<b>40</b>" in text
        assert "<b>50</b>" in text  # summoned where the count is known, and the rest beside it
        assert "<small>+50 " in text
        assert "80,0 %" in text
        assert re.search(r"<b>1</b> <small>/ 2", text)


def test_unknown_is_never_a_number():
    with client(StandIn([tile("a", "warning", None)])) as board:
        text = board.get("/").text
        assert "<b>?</b>" in text
        assert "tối hoặc bị che" in text
        assert "<b>0</b>" not in text.partition("<article")[2].partition("</article>")[0]


def test_the_conference_is_told_as_the_sites_were():
    live = StandIn([tile("a")], {"a": SiteView("a", conference=conference(datetime.now(UTC), "Giao <b>ban</b>"))})
    with client(live) as board:
        text = board.get("/").text
        assert "Giao &lt;b&gt;ban&lt;/b&gt;" in text
        assert "điểm danh lúc" in text


@pytest.mark.parametrize("name", NASTY)
def test_a_name_from_outside_is_text_on_every_page(name):
    live = StandIn([tile("a", "fault", name=name, path=(name, name))], {"a": SiteView("a")})
    with client(live) as board:
        for path in ("/", "/?by=0", "/?as=rows&by=1", "/wall", "/site/a"):
            text = board.get(path).text
            assert "<script>alert" not in text
            assert "<img" not in text
            assert "\u202e" not in text
            assert ">49<" not in text


def test_groups_have_sums_of_their_own_and_that_with_the_worst_site_comes_first():
    live = StandIn(
        [tile("a", path=("Bắc Ninh",)), tile("b", "fault", path=("Hải Dương",)), tile("c", path=("Hải Dương",))]
    )
    with client(live) as board:
        text = board.get("/?by=0").text
        assert re.findall(r"<h2><a [^>]*><bdi>([^<]+)", text) == ["Hải Dương", "Bắc Ninh"]
        assert sites(text) == ["b", "c", "a"]
        only = re.findall(r'href="(/\?group=[0-9a-f]{8})"', text)[1]
        assert sites(board.get(only).text) == ["a"]


def test_a_filter_without_javascript_hides_the_others():
    live = StandIn([tile("a", name="Hải Dương"), tile("b", "fault", name="Chí Linh", path=())])
    with client(live) as board:
        assert 'article hidden class="tile s-ready"' in board.get("/?state=fault").text
        assert 'article hidden class="tile s-fault"' in board.get("/?q=hai+duong").text


@pytest.mark.parametrize("query", ["by=9", "by=-1", "by=x", "group=zzz", "state=x", "as=x", "q=" + "%00" * 40])
def test_an_address_that_makes_no_sense_is_a_page_all_the_same(query):
    with client(StandIn([tile("a")])) as board:
        assert board.get(f"/?{query}").status_code == 200


def test_a_board_without_sites_says_so():
    with client(StandIn()) as board:
        assert "No site has been heard yet" in board.get("/").text
        assert board.get("/wall").status_code == 200


def test_names_are_found_without_their_marks():
    assert folded("ĐẮK LẮK, Hải Dương") == "dak lak, hai duong"
    assert is_in(View(text="duong hai"), tile("a", name="Hải Dương"))
    assert is_in(View(text="hải"), tile("a", name="Ha\u0309i Dương"))
    assert not is_in(View(text="hai phong"), tile("a", name="Hải Dương"))


def test_a_tile_is_small():
    live = StandIn([tile(f"site-{number}") for number in range(100)])
    with client(live) as board:
        tiles = board.get("/").text.partition('<div class="tiles">')[2]
        assert len(tiles.encode()) / 100 < 1000


def test_the_wall_shows_the_worst_and_counts_the_others():
    tiles = [tile("bad", "fault"), *(tile(f"site-{number}") for number in range(40))]
    with client(StandIn(tiles)) as board:
        text = board.get("/wall").text
        assert len(sites(text)) == 24
        assert sites(text)[0] == "bad"
        assert "<b>17</b>" in text
