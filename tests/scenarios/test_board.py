"""The board in a real browser: fourteen sites, somebody who looks, somebody who acts, and what the screen then says."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial

import pytest
from selenium.webdriver import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from agent.console.board.shown import group_id
from agent.console.recorder_conferences import ConferenceLog
from tests.conftest import wait_for
from tests.console.board.bed import Bed, standing
from tests.console.board.browser import DESK, PHONE, WALL, Browser, need_browser
from tests.console.board.places_bed import places

SITES = places(14)
LOST, FAULTY, WARNING, UNKNOWN, WATCHED, ACTED_ON, DRAWN_ON = (each.site for each in SITES[:7])


@pytest.fixture(scope="module")
def bed(tmp_path_factory: pytest.TempPathFactory, mosquitto_program: str) -> Iterator[Bed]:
    need_browser()
    with standing(
        tmp_path_factory.mktemp("board"), SITES, answering=[each.site for each in SITES], is_recorded=True
    ) as made:
        crowd = made.crowd
        crowd.muted.add(LOST)
        crowd.status(LOST, "lost")
        crowd.switch(FAULTY, "fault", step="codec", reason="not_proven")
        crowd.checks(WARNING, failed="camera-main")
        crowd.count(UNKNOWN, None, reason="dark")
        crowd.settle()
        yield made


@pytest.fixture(autouse=True)
def browser(bed: Bed) -> Iterator[Browser]:
    """Somebody at a desk, by daylight; whatever a test does, the console stays empty."""
    if not bed.browser.driver.get_cookies():
        bed.browser.sign_in("operator")
    bed.browser.size(DESK)
    bed.browser.scheme("light")
    yield bed.browser
    assert bed.browser.errors() == []


def tile(site: str) -> str:
    return f"#t-{site}"


def order(browser: Browser) -> list[str]:
    """The tiles that can be seen, from the upper left."""
    seen = "return [...document.querySelectorAll('.tile')].filter(e => e.offsetParent).map(e => e.id.slice(2))"
    return browser.js(seen)  # type: ignore[no-any-return]


def test_nobody_looks_without_signing_in(browser: Browser) -> None:
    browser.driver.delete_all_cookies()
    browser.open("/wall")
    assert "/login" in browser.driver.current_url
    for scheme in ("light", "dark"):
        browser.scheme(scheme)
        assert browser.axe() == [], scheme
    browser.one("#name").send_keys("viewer")
    browser.one("#password").send_keys("not the password", Keys.ENTER)
    browser.shows(".flash", "password")
    browser.errors()  # the refusal itself stands in the console


def test_one_glance_says_who_is_there_and_which_room_is_in_trouble(browser: Browser) -> None:
    browser.sign_in("viewer")
    browser.wait(lambda: order(browser)[:3] == [LOST, FAULTY, WARNING], "the worst first")
    browser.shows("#totals", "540")  # 12 of 14 are known, 45 each
    for words in ("600", "90,0", "12 / 14"):
        browser.shows("#totals", words)
    browser.shows(tile(LOST), "lost")
    assert browser.text(f"{tile(LOST)} .count b") == "?"
    browser.shows(tile(FAULTY), "45")
    browser.shows(tile(WARNING), "camera-main")
    assert browser.text(f"{tile(UNKNOWN)} .count b") == "?"
    browser.shows(tile(UNKNOWN), "dark")
    browser.shot("overview")
    browser.open(f"/site/{LOST}")
    browser.shows("#p-power", "unknown (last: on)")
    browser.shows("#p-devices", "as last told at")
    assert browser.all("#p-devices .s-ready") == []


def test_what_a_site_says_is_on_the_screen(bed: Bed, browser: Browser) -> None:
    browser.open("/")
    browser.one(tile(WATCHED))
    bed.crowd.count(WATCHED, 49)
    browser.shows(f"{tile(WATCHED)} .count", "49")
    browser.shows("#totals", "544")
    bed.crowd.checks(WATCHED, failed="microphone")
    browser.wait(lambda: WATCHED in order(browser)[:4], "it moves up")
    bed.crowd.checks(WATCHED)
    browser.wait(lambda: WATCHED not in order(browser)[:4], "it moves down again")
    assert len(order(browser)) == len(SITES)


def test_search_filter_and_group_by_keyboard(browser: Browser) -> None:
    browser.open("/")
    browser.one(tile(WATCHED))
    page = browser.one("body")
    page.send_keys("/")
    browser.driver.switch_to.active_element.send_keys("tan hoa")  # without marks
    browser.wait(lambda: order(browser) == ["tan-hoa-hai-duong"], "the one of this name")
    browser.driver.switch_to.active_element.send_keys(Keys.CONTROL, "a")
    browser.driver.switch_to.active_element.send_keys(Keys.DELETE)
    browser.wait(lambda: len(order(browser)) == len(SITES), "all again")
    browser.one("[name=state][value=offline]").send_keys(Keys.SPACE)
    browser.wait(lambda: order(browser) == [LOST], "the one that is offline")
    assert "state=offline" in browser.driver.current_url
    browser.one("[name=state][value=offline]").send_keys(Keys.SPACE)
    browser.one("#by").send_keys(Keys.ARROW_DOWN)
    browser.shows(".group .head", "Hải Dương")
    browser.shows(".group .head", "12/14")
    browser.one(f"{tile(LOST)} a").send_keys(Keys.ENTER)
    browser.shows("h1", "Xã Thanh Hòa")


def test_a_narrowed_list_gets_no_heads_of_other_groups(bed: Bed, browser: Browser) -> None:
    browser.open(f"/?by=1&group={group_id(bed.crowd.sites[WATCHED].path)}")
    browser.wait(lambda: order(browser) == [WATCHED], "the one of this group")
    before = browser.text("#totals")
    bed.crowd.count(ACTED_ON, 7)
    browser.wait(lambda: browser.text("#totals") != before, "another sum")
    low = int(browser.text("#totals b"))
    for people in (44, 45):
        bed.crowd.count(ACTED_ON, people)
        browser.shows("#totals", str(low - 7 + people))
        assert len(browser.all(".group")) == 1


def test_what_somebody_writes_is_not_taken_away(bed: Bed, browser: Browser) -> None:
    browser.open(f"/site/{WATCHED}")
    form = "<form method=post><input id=draft></form>"
    browser.js("document.getElementById('p-now').insertAdjacentHTML('beforeend', arguments[0])", form)
    browser.one("#draft").send_keys("4")
    bed.crowd.count(WATCHED, 46)
    bed.crowd.switch(WATCHED, "off")
    browser.shows("#p-power", "off")
    assert browser.one("#draft").get_attribute("value") == "4"
    browser.one("#draft").send_keys(Keys.BACKSPACE)
    browser.js("document.activeElement.blur()")
    browser.shows("#p-now", "46")
    bed.crowd.switch(WATCHED, "on")
    bed.crowd.count(WATCHED, 49)


def test_a_viewer_only_looks(browser: Browser) -> None:
    browser.sign_in("viewer")
    browser.open(f"/site/{WARNING}")
    for words in ("camera-main", "Cắm lại dây USB", "Hải Dương"):
        browser.shows("main", words)
    assert browser.all("main form") == []


def press(browser: Browser, words: str) -> None:
    """The button on which this is read."""
    button = browser.wait(lambda: [e for e in browser.all("main button") if words in e.text], f"a button {words}")[0]
    browser.js("arguments[0].scrollIntoView({block: 'center'})", button)
    button.click()


def test_an_operators_command_reaches_the_room_and_its_answer_is_shown(bed: Bed, browser: Browser) -> None:
    browser.sign_in("operator")
    browser.open(f"/site/{ACTED_ON}")
    press(browser, "Room off")
    browser.shows("main", "Xã")
    browser.one("[name=sure]")
    browser.driver.find_element(By.CSS_SELECTOR, "form:has([name=sure]) button").click()
    browser.shows("#actions .flash", "done")
    assert bed.crowd.power[ACTED_ON] == "off"
    (asked,) = bed.crowd.heard_by(ACTED_ON, "command")
    assert (asked["action"], asked["args"], asked["issued_by"]) == ("power", {"on": False}, "board:operator")
    browser.shows("#p-power", "off")
    browser.shot("site")
    browser.one("#people").send_keys("44", Keys.ENTER)
    browser.shows("#actions .flash", "44")
    bed.crowd.switch(ACTED_ON, "on")


def test_somebody_looks_after_an_incident_and_all_see_who(browser: Browser) -> None:
    browser.sign_in("operator")
    browser.open(f"/site/{WARNING}")
    press(browser, "I look after it")
    browser.shows("#actions .flash", "camera-main")
    browser.sign_in("viewer")
    browser.shows(tile(WARNING), "✓ operator")


def test_the_drill_lists_who_is_fit(bed: Bed, browser: Browser) -> None:
    browser.sign_in("operator")
    browser.open("/drill")
    press(browser, "Ask every site")
    browser.shows("main table", "Xã Thanh Hòa")
    browser.shows("main table", "camera-main")


def test_zones_drawn_with_the_mouse_become_the_rooms_config(bed: Bed, browser: Browser) -> None:
    browser.sign_in("technician")
    browser.open(f"/site/{DRAWN_ON}/geometry")
    press(browser, "Ask the room")
    room = browser.one("#room")
    browser.js("arguments[0].scrollIntoView({block: 'center'})", room)
    for share_x, share_y in ((-0.4, -0.45), (0.4, -0.45), (0.4, -0.2), (-0.4, -0.2)):
        at = int(share_x * room.size["width"]), int(share_y * room.size["height"])
        ActionChains(browser.driver).move_to_element_with_offset(room, *at).click().perform()
    browser.js("arguments[0].focus()", room)
    press(browser, "Close the zone")
    drawn = browser.one("#exclude").get_attribute("value") or ""
    assert len(drawn.split()) == 4, drawn
    browser.shot("zones")
    press(browser, "Preview")
    press(browser, "Push to the site")
    browser.wait(lambda: browser.text("#push .flash.good"), "applied")
    pushed = bed.crowd.heard_by(DRAWN_ON, "config/desired")[-1]
    assert [tuple(point) for point in pushed["config"]["headcount"]["exclude"][0]] == [
        tuple(map(float, corner.split(","))) for corner in drawn.split()
    ]


def test_a_conference_from_the_summons_to_the_report(bed: Bed, browser: Browser) -> None:
    browser.sign_in("operator")
    browser.open("/conference/new")
    now = datetime.now().astimezone()
    begin, end = (f"{now + timedelta(minutes=minutes):%Y-%m-%dT%H:%M}" for minutes in (-12, 120))
    browser.one("#title").send_keys("Giao ban <tháng> 5")
    for name, value in (("starts", begin), ("ends", end)):
        browser.js("document.getElementById(arguments[0]).value = arguments[1]", name, value)
    for site, people in ((WATCHED, 40), (ACTED_ON, 50)):
        browser.one(f"#p-{site}").send_keys(str(people))
    press(browser, "Preview")
    browser.shows("main", "Giao ban <tháng> 5")
    press(browser, "Send")
    for site, people in ((WATCHED, 40), (ACTED_ON, 50)):
        (told,) = wait_for(partial(bed.crowd.heard_by, site, "conference"), f"{site} is told")
        assert told["summoned"] == people
    assert not bed.crowd.heard_by(LOST, "conference")
    for site, counts in ((WATCHED, [30] * 3 + [36] * 9), (ACTED_ON, [25] * 12)):
        bed.crowd.record(site, counts, now, told["id"])
        bed.crowd.count(site, counts[-1])
    browser.open(f"/conference/{told['id']}")
    browser.shows("#ranking", "90,0")
    press(browser, "Roll-call now")
    wait_for(lambda: bed.crowd.heard_by(WATCHED, "conference")[-1].get("roll_calls"), "a moment to count at")
    browser.shot("conference")
    wait_for(lambda: len(ConferenceLog(bed.engine).summons(told["id"])) == 2, "the recorder has written it down")
    browser.open(f"/report/{told['id']}")
    for words in ("Giao ban <tháng> 5", "36", "25", "90"):
        browser.shows("main", words)
    for page in ("report", "conference"):
        is_for_everybody(browser, f"/{page}/{told['id']}")


def is_for_everybody(browser: Browser, path: str) -> None:
    """By light and in the dark, and as wide as a phone."""
    browser.open(path)
    browser.one("main")
    for scheme in ("light", "dark"):
        browser.scheme(scheme)
        assert browser.axe() == [], scheme
        browser.shot(f"{scheme}{path.replace('/', '-').replace('?', '-')}")
    browser.size(PHONE)
    assert browser.overflow_px() <= 0
    browser.shot(f"phone{path.replace('/', '-').replace('?', '-')}")
    browser.size(DESK)


PAGES = (
    "/",
    "/?by=0",
    "/?as=rows",
    f"/site/{WARNING}",
    f"/site/{WARNING}/geometry",
    "/conference",
    "/conference/new",
    "/drill",
)


@pytest.mark.parametrize("path", PAGES)
def test_whoever_hears_or_sees_otherwise_can_use_it(browser: Browser, path: str) -> None:
    if "technician" not in browser.text(".who"):
        browser.sign_in("technician")
    is_for_everybody(browser, path)


def test_the_wall_too(browser: Browser) -> None:
    browser.open("/wall")
    browser.one(tile(LOST))
    assert browser.axe() == []


def test_the_tool_that_finds_nothing_does_find_something(browser: Browser) -> None:
    browser.open("/drill")
    browser.js("document.querySelector('main').innerHTML += '<img src=/static/icon.svg>'")
    assert any("image-alt" in each for each in browser.axe())


def test_the_wall_shows_all_of_it_at_once(browser: Browser) -> None:
    browser.size(WALL)
    browser.open("/wall")
    browser.one(tile(LOST))
    assert order(browser)[:3] == [LOST, FAULTY, WARNING]
    tall = browser.js("const e = document.documentElement; return e.scrollHeight - e.clientHeight")
    assert (browser.overflow_px(), tall) == (0, 0)
    browser.shot("wall")


def test_a_broker_that_is_away_is_said_and_what_is_old_looks_old(bed: Bed, browser: Browser) -> None:
    browser.open("/")
    browser.one(tile(WATCHED))
    bed.broker.kill()
    browser.shows("#lost", "broker")
    assert "old" in (browser.one("body").get_attribute("class") or "")
    browser.shot("away")
    bed.broker.start()
    # The broker has forgotten everything; the sites say it all again.
    bed.crowd.until_connected()
    bed.crowd.arrive(site for site in bed.crowd.sites if site != LOST)
    browser.wait(lambda: not browser.text("#lost"), "the broker is there again")
    bed.crowd.count(WATCHED, 32)
    browser.shows(f"{tile(WATCHED)} .count", "32")
    assert "old" not in (browser.one("body").get_attribute("class") or "")


def test_a_page_comes_back_by_itself_when_the_board_was_restarted(bed: Bed, browser: Browser) -> None:
    browser.open("/")
    browser.one(tile(WATCHED))
    bed.desk.close()
    bed.desk.start()
    bed.crowd.count(WATCHED, 33)
    browser.shows(f"{tile(WATCHED)} .count", "33")
    browser.errors()  # that the stream was cut is in the console, as it should be
