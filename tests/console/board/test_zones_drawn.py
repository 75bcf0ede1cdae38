"""Zones drawn with a pointer in a real browser: what the script does with the form, and that nothing is against it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from agent.adapters.mosquitto import Mosquitto
from tests.console.board.browser import PHONE, Browser, need_browser
from tests.console.board.test_geometry import AIM, Person, board_at, camera
from tests.console.config_bed import FakeSite

SITE, SCREEN = "chi-linh", [[0.7, 0], [1, 0], [1, 0.3], [0.7, 0.3]]
SCREEN_LINE = "0.7,0 1,0 1,0.3 0.7,0.3"


@pytest.fixture
def chromium(tmp_path: Path) -> Iterator[Browser]:
    need_browser()
    made = Browser(tmp_path)
    yield made
    made.close()


class Pen:
    """A pointer on the drawing; places are in 0..1 of the frame."""

    def __init__(self, chromium: Browser) -> None:
        self._chromium, self._driver = chromium, chromium.driver

    def at(self, x: float, y: float) -> ActionChains:
        room = self._chromium.one("#room")
        self._chromium.js("arguments[0].scrollIntoView({block: 'center'})", room)  # offsets are from what is in view
        width, height = room.size["width"], room.size["height"]
        return ActionChains(self._driver).move_to_element_with_offset(
            room, round((x - 0.5) * width), round((y - 0.5) * height)
        )

    def click(self, *corners: tuple[float, float]) -> None:
        for corner in corners:
            self.at(*corner).click().perform()

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        self.at(*start).click_and_hold().perform()
        self.at(*end).release().perform()

    def press(self, key: str) -> None:
        ActionChains(self._driver).send_keys(key).perform()

    def zones(self, kind: str = "exclude") -> list[list[tuple[float, float]]]:
        """What the form holds now, to a hundredth of the frame."""
        lines = str(self._chromium.one(f"#{kind}").get_property("value")).splitlines()
        pairs = [[corner.split(",") for corner in line.split()] for line in lines]
        return [[(round(float(x), 2), round(float(y), 2)) for x, y in line] for line in pairs]

    def count(self, what: str) -> str:
        return self._chromium.text(f"#effect [data-count={what}]")


def test_zones_are_drawn_looked_at_and_pushed(broker: Mosquitto, tmp_path: Path, chromium: Browser) -> None:
    aside = [*AIM["set_aside"], {"reason": "excluded", "x": 0.9, "y": 0.1, "w": 0.02, "h": 0.02}]
    site = FakeSite(broker.port, SITE, room={"headcount": {"exclude": [SCREEN]}}, name="<b>Chí Linh</b>")
    with board_at(broker.url, tmp_path) as person:
        lan = Person(person, SITE)
        lan.wait()
        with camera(broker.port, SITE, result={**AIM, "exclude": [SCREEN], "set_aside": aside}):
            lan.ask()
        chromium.url = person.origin
        chromium.open(lan.page)
        pen = Pen(chromium)
        assert pen.zones() == [[(0.7, 0), (1, 0), (1, 0.3), (0.7, 0.3)]]
        assert (pen.count("aside"), pen.count("back")) == ("0", "0")
        pen.click((0.05, 0.3), (0.4, 0.3), (0.4, 0.6), (0.05, 0.6))
        pen.press(Keys.ENTER)
        assert pen.zones()[1] == [(0.05, 0.3), (0.4, 0.3), (0.4, 0.6), (0.05, 0.6)]
        assert (pen.count("aside"), pen.count("back")) == ("1", "0")
        pen.drag((0.05, 0.3), (0.3, 0.5))
        assert pen.zones()[1][0] == (0.3, 0.5)
        pen.press(Keys.DELETE)
        assert pen.zones()[1] == [(0.4, 0.3), (0.4, 0.6), (0.05, 0.6)]
        assert pen.count("aside") == "0"
        pen.click((0.6, 0.9), (0.7, 0.9), (0.7, 0.95))
        pen.press(Keys.ESCAPE)
        chromium.one("#done").click()
        assert len(pen.zones()) == 2, "what was cancelled is not there"
        box = chromium.one("#exclude")
        box.clear()
        box.send_keys("nonsense")
        assert (pen.count("aside"), pen.count("back")) == ("0", "1")
        box.clear()
        box.send_keys(SCREEN_LINE)
        chromium.one("input[value=include]").click()
        pen.click((0, 0), (0.95, 0.02), (0.5, 0.95), (0.02, 0.02))
        chromium.one("#done").click()
        assert len(pen.zones("include")) == 1
        assert chromium.axe() == []
        chromium.size(PHONE)
        assert (chromium.overflow_px(), chromium.axe()) == (0, [])
        chromium.one("button[value=preview]").click()
        chromium.shows("td code", "headcount.include")
        assert (chromium.overflow_px(), chromium.axe()) == (0, [])
        chromium.one("button[value=push]").click()
        chromium.shows("#push", "đã áp dụng")
        assert (chromium.overflow_px(), chromium.axe(), chromium.errors()) == (0, [], [])
    site.close()
    assert len(site.room["headcount"]["include"]) == 1
