import json
from contextlib import ExitStack

from agent.console.board.live import Change, Picture
from agent.console.board.shown import Shown, fold, newer
from agent.console.board.totals import totals
from tests.console.board.page_bed import served
from tests.console.board.stand_in import StandIn, tile


def picture(number, *tiles):
    return Picture(number, {each.site: each for each in tiles}, totals(tiles), True)


def change(picture, changed, gone=""):
    return Change(picture, frozenset(changed), frozenset(gone), frozenset(changed))


def told(shown, since):
    news = newer(shown, since)
    return [site for site, _ in news["tiles"]], news["gone"]


def test_a_page_is_told_what_it_does_not_show_yet_and_no_more():
    shown = fold(Shown(), change(picture(3, tile("a"), tile("b")), "ab"))
    shown = fold(shown, change(picture(4, tile("a", present=1), tile("b")), "a"))
    shown = fold(shown, change(picture(5, tile("a", present=1), tile("c")), "c", "b"))
    assert told(shown, 5) == ([], [])
    assert told(shown, 4) == (["c"], ["b"])
    assert told(shown, 3) == (["a", "c"], ["b"])


def test_the_first_change_brings_what_was_there_before():
    shown = fold(Shown(), change(picture(7, tile("a"), tile("b")), "b"))
    assert list(shown.cells) == ["a", "b"]


def test_an_older_change_takes_nothing_back():
    shown = fold(Shown(), change(picture(7, tile("a", present=2)), "a"))
    assert fold(shown, change(picture(6, tile("a", present=1)), "a")) is shown


def test_a_site_that_comes_back_is_not_gone_any_more():
    shown = fold(Shown(), change(picture(1, tile("a")), "a"))
    shown = fold(shown, change(picture(2), "", "a"))
    assert told(shown, 1) == ([], ["a"])
    shown = fold(shown, change(picture(3, tile("a")), "a"))
    assert told(shown, 1) == (["a"], [])


def test_a_group_that_lost_its_last_site_is_no_more_and_the_others_keep_their_head():
    one, other = tile("a", path=("X",)), tile("b", path=("Y",))
    shown = fold(Shown(), change(picture(1, one, other), "ab"))
    moved = tile("a", path=("Z",))
    shown = fold(shown, change(picture(2, moved, other), "a"))
    assert sorted(each.path for each in shown.groups.values()) == [("Y",), ("Z",)]
    assert [group[0] for group in newer(shown, 1)["groups"]] == list(shown.cells["a"].groups)


def test_a_page_is_told_of_a_change_as_it_was_rendered():
    live = StandIn([tile("a"), tile("b")])
    with served(live) as board, board.stream("/live", board.at()) as stream:
        assert stream.next()["event"] == "beat"
        live.show(tile("b", "offline", None, name="<b>"))
        news = stream.news()
        assert [site for site, _ in news["tiles"]] == ["b"]
        assert "&lt;b&gt;" in news["tiles"][0][1]
        assert news["panels"]["n-offline"] == "1"
        assert news["up"] is True


def test_what_changed_between_the_page_and_its_stream_is_told():
    live = StandIn([tile("a"), tile("b")])
    with served(live) as board:
        at = board.at()
        live.show(tile("a", "fault"))
        live.show(tile("c"), gone=["b"])
        with board.stream("/live", at) as stream:
            news = stream.news()
            assert sorted(site for site, _ in news["tiles"]) == ["a", "c"]
            assert news["gone"] == ["b"]


def test_a_browser_that_comes_back_says_what_it_shows_by_itself():
    live = StandIn([tile("a"), tile("b")])
    with served(live) as board:
        at = board.at()
        live.show(tile("a", "fault"))
        with board.stream("/live", at) as stream:
            last = stream.news()["id"]
        live.show(tile("b", "fault"))
        with board.stream("/live", at, **{"last-event-id": last}) as stream:
            assert [site for site, _ in stream.news()["tiles"]] == ["b"]


def test_a_page_of_an_earlier_start_or_of_nonsense_is_loaded_again():
    with served(StandIn([tile("a")])) as board:
        for at in ("00000000:1", "", "x", f"{board.at().partition(':')[0]}:²"):
            with board.stream("/live", at) as stream:
                assert stream.next()["event"] == "reload"


def test_a_broker_that_is_away_is_said():
    live = StandIn([tile("a")])
    with served(live) as board, board.stream("/live", board.at()) as stream:
        live.show(is_connected=False)
        assert stream.news()["up"] is False
        live.show()
        assert stream.news()["up"] is True


def test_a_thousand_sites_at_once_are_one_event():
    live = StandIn(tile(f"site-{number}") for number in range(1000))
    with served(live) as board, board.stream("/live", board.at()) as stream:
        live.show(*(tile(f"site-{number}", "offline", None) for number in range(1000)))
        assert len(stream.news()["tiles"]) == 1000


def test_a_page_that_reads_slowly_gets_the_newest_in_one_piece():
    live = StandIn(tile(f"site-{number}") for number in range(300))
    with served(live) as board, board.stream("/live", board.at()) as stream:
        for present in range(40):
            last = live.show(*(tile(f"site-{number}", present=present) for number in range(300))).number
        numbers = [0]
        while numbers[-1] < last:
            numbers.append(int(stream.news()["id"].partition(":")[2]))
        assert numbers == sorted(set(numbers))


def test_letters_that_cannot_be_written_do_not_end_the_stream():
    live = StandIn([tile("a")])
    with served(live) as board, board.stream("/live", board.at()) as stream:
        live.show(tile("a", name="\ud800"))
        assert json.dumps(stream.news())
        live.show(tile("a", "fault"))
        assert stream.news()["tiles"]


def test_the_wall_and_a_site_are_told_too():
    live = StandIn([tile("a"), tile("b")])
    with ExitStack() as stack:
        board = stack.enter_context(served(live))
        wall = stack.enter_context(board.stream("/live/wall", board.at("/wall")))
        site = stack.enter_context(board.stream("/live/site/a", board.at("/site/a")))
        live.show(tile("a", "fault"))
        assert "t-a" in wall.news()["panels"]["worst"]
        assert "sự cố" in site.news()["panels"]["p-now"]
        live.show(tile("b", "fault"))
        assert site.news()["panels"] == {}
