"""What comes from outside, in a real browser: names that are no names, nonsense, a thousand sites at once, no data."""

import time
from collections.abc import Iterator

import pytest

from agent.console.recorder_conferences import ConferenceLog, Summons
from tests.console.board.bed import Bed, standing
from tests.console.board.browser import DESK, PHONE, WALL, Browser, need_browser
from tests.console.board.places_bed import Place, places
from tests.console.board.sites_bed import nonsense

NAMES = {
    "html": "<b>đậm</b><script>window.hit = 1</script>",
    "image": '<img src=x onerror="window.hit = 1">',
    "quotes": "\"'></h3><style>*{display:none}</style>{{ 7 * 7 }}",
    "right-to-left": "\u202eקהילה\u202e مركز",
    "long": "Xã" + "w" * 198,
    "controls": "Nam\x00\x1b[31m\x7f Sách\u2028\r\n",
    "nothing": "   ",
    "marks": "Z" + "\u0351" * 150,  # letters that grow into the rows above
}
ODD = [Place(site, name, (name, "Hải Dương")) for site, name in NAMES.items()]
THOUSAND = places(1000)
NONSENSE, QUIET = "nonsense", "quiet"
STATES = {"offline": "✕", "fault": "■", "warning": "▲", "unknown": "?", "ready": "●"}
EMPTY = "khong/co gì"


@pytest.fixture(scope="module")
def bed(tmp_path_factory: pytest.TempPathFactory, mosquitto_program: str) -> Iterator[Bed]:
    need_browser()
    plain = [Place(site, site, ("Hải Dương", site)) for site in (NONSENSE, QUIET, *STATES)]
    with standing(tmp_path_factory.mktemp("board"), [*ODD, *plain]) as made:
        made.browser.sign_in("operator")
        yield made


@pytest.fixture(autouse=True)
def browser(bed: Bed) -> Iterator[Browser]:
    """Whatever a test does, the console stays empty, and no name was ever run."""
    bed.browser.size(DESK)
    yield bed.browser
    assert bed.browser.js("return window.hit") is None
    assert bed.browser.errors() == []


@pytest.mark.parametrize("size", [DESK, PHONE])
def test_a_name_is_text_whatever_is_in_it(browser: Browser, size: tuple[int, int]) -> None:
    browser.size(size)
    for path in ("/", "/?by=0", "/?as=rows"):
        browser.open(path)
        browser.one("#t-image")
        assert "<b>đậm</b><script>" in browser.text("#t-html h3")
        assert "<img src=x" in browser.text("#t-image h3")
        assert "{{ 7 * 7 }}" in browser.text("#t-quotes h3")
        assert browser.overflow_px() <= 0
        browser.shot(f"names{size[0]}{path[2:]}")


def test_no_name_breaks_the_row_that_it_stands_in(browser: Browser) -> None:
    browser.open("/")
    browser.one("#t-long")
    tall = "return [...document.querySelectorAll('.tile h3')].map(e => e.getBoundingClientRect().height)"
    heights = browser.js(tall)
    assert max(heights) <= 2.5 * min(each for each in heights if each)
    assert browser.text("#t-nothing h3").strip()  # something to click on
    assert "\x1b" not in browser.text("#t-controls h3")
    direction = "return getComputedStyle(document.querySelector('#t-right-to-left .count')).direction"
    assert browser.js(direction) == "ltr"
    assert "45" in browser.text("#t-right-to-left .count")


@pytest.mark.parametrize("site", NAMES)
def test_the_page_of_a_site_with_such_a_name_is_a_page(browser: Browser, site: str) -> None:
    browser.size(PHONE)
    browser.open(f"/site/{site}")
    browser.shows("h1", site)
    assert browser.overflow_px() <= 0


def test_the_wall_stands_such_names(browser: Browser) -> None:
    browser.size(WALL)
    browser.open("/wall")
    browser.one(".tile")
    assert browser.overflow_px() <= 0
    browser.shot("names-wall")


def test_a_site_that_sends_nonsense_is_a_site_that_sends_nonsense(bed: Bed, browser: Browser) -> None:
    browser.open("/")
    browser.one(f"#t-{QUIET}")
    nonsense(bed.crowd, NONSENSE)
    bed.crowd.settle()
    bed.crowd.count(QUIET, 17)
    browser.shows(f"#t-{QUIET} .count", "17")
    browser.open(f"/site/{NONSENSE}")
    browser.shows("h1", NONSENSE)
    assert browser.overflow_px() <= 0
    browser.shot("nonsense")


def test_no_state_is_told_by_its_colour_alone(bed: Bed, browser: Browser) -> None:
    crowd = bed.crowd
    crowd.muted.add("offline")
    crowd.status("offline", "lost")
    crowd.switch("fault", "fault", step="codec", reason="not_proven")
    crowd.checks("warning", failed="camera-main")
    crowd.switch("unknown", "off")
    browser.open("/")
    for site, shape in STATES.items():
        browser.shows(f"#t-{site} .state", site)  # the word, of the same name
        browser.shows(f"#t-{site} .state", shape)
    browser.open("/wall")
    for site, shape in STATES.items():
        browser.shows(f"#t-{site}", shape)


def test_a_report_of_a_conference_without_any_data_says_so(bed: Bed, browser: Browser) -> None:
    now_s = time.time()
    told = [Summons(site, EMPTY, NAMES["image"], now_s - 7200, now_s - 3600, 50, (), now_s) for site in NAMES]
    ConferenceLog(bed.engine).keep_summons(told)
    browser.open("/report/khong%2Fco%20g%C3%AC")
    browser.shows("main", "<img src=x")
    assert "NaN" not in browser.text("main")
    assert browser.axe() == []
    browser.shot("report-empty")
    browser.size(PHONE)
    assert browser.overflow_px() <= 0


def test_a_thousand_sites_at_once_after_the_brokers_restart(bed: Bed, browser: Browser) -> None:
    browser.open("/")
    browser.one(".tile")
    bed.broker.kill()
    browser.shows("#lost", "broker")
    bed.broker.start()
    bed.crowd.sites |= {each.site: each for each in THOUSAND}
    bed.crowd.change(46)
    bed.crowd.until_connected()
    bed.crowd.arrive()
    number = "return [...document.querySelectorAll('.tile .count b')].filter(e => e.textContent === '46').length"
    browser.wait(lambda: browser.js(number) >= len(THOUSAND), "all of them")
    browser.wait(lambda: not browser.text("#lost"), "the broker is there again")
