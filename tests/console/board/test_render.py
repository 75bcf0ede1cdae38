from datetime import UTC, datetime

from agent.console.board.render import PAGES, asset, both, number, percent, shown


def test_both_languages_are_marked_and_escaped():
    assert both("<b>", "a & b") == '<span lang="vi">&lt;b&gt;</span> <span class="en" lang="en">a &amp; b</span>'
    assert both("bật", "") == '<span lang="vi">bật</span>'


def test_text_from_outside_loses_what_is_not_to_be_seen():
    assert shown("a\x1b[31m\u202eb\u0000") == "a�[31m�b�"
    assert shown("Hải Dương") == "Hải Dương"
    assert shown("x" * 300) == "x" * 199 + "…"
    assert shown("Ha\u0309i") == "Ha\u0309i"  # a mark of its own is a letter's


def test_numbers_are_as_vietnamese_write_them():
    assert (number(12345), number(0), percent(0.978), percent(1.2)) == ("12.345", "0", "97,8 %", "120,0 %")


def test_an_address_of_a_file_holds_its_digest():
    assert asset("board.css").startswith("/static/board.css?v=")
    assert asset("board.css") != asset("live.js")


def test_times_of_a_page_are_read_by_the_browser():
    moment = datetime(2026, 5, 4, 1, 2, 3, tzinfo=UTC)
    assert PAGES.from_string("{{ at|iso }}").render(at=moment) == "2026-05-04T01:02:03Z"
