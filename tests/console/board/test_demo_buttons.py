"""The button of a simulated room on its page."""

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from starlette.testclient import TestClient

from agent.console.board.app import create_app
from tests.console.board.access_bed import SITE, ToldLive, tile
from tests.console.board.page_bed import parts

REAL = "nam-sach"


@pytest.fixture
def pressed() -> list[bool]:
    """Each press of the one room's button that there is: whether it was held."""
    return []


@pytest.fixture
def browser(pressed: list[bool]) -> Iterator[TestClient]:
    live = ToldLive()
    live.tiles = {SITE: tile(), REAL: tile(REAL)}
    with TestClient(create_app(replace(parts(live), buttons={SITE: pressed.append})), follow_redirects=False) as made:
        yield made


def csrf(browser: TestClient) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', browser.get(f"/site/{SITE}").text)
    assert found is not None
    return found[1]


@pytest.mark.parametrize(("hold", "is_held"), [("0", False), ("1", True), ("", False)])
def test_pressing_moves_the_finger_in_the_room_and_leads_back_to_its_page(
    browser: TestClient, pressed: list[bool], hold: str, is_held: bool
) -> None:
    answer = browser.post(f"/demo/{SITE}/press", data={"csrf": csrf(browser), "hold": hold})
    assert (answer.status_code, answer.headers["location"]) == (303, f"/site/{SITE}")
    assert pressed == [is_held]


def test_only_the_page_of_a_simulated_room_has_the_button(browser: TestClient) -> None:
    assert f"/demo/{SITE}/press" in browser.get(f"/site/{SITE}").text
    assert "/demo/" not in browser.get(f"/site/{REAL}").text


@pytest.mark.parametrize("site", [REAL, "nobody", "%3Cscript%3E"])
def test_a_site_that_is_not_simulated_has_no_button(browser: TestClient, pressed: list[bool], site: str) -> None:
    answer = browser.post(f"/demo/{site}/press", data={"csrf": csrf(browser), "hold": "0"})
    assert answer.status_code == 404
    assert pressed == []


def test_a_press_that_is_not_from_our_page_moves_nothing(browser: TestClient, pressed: list[bool]) -> None:
    assert browser.post(f"/demo/{SITE}/press", data={"hold": "0"}).status_code == 403
    assert browser.get(f"/demo/{SITE}/press").status_code == 405
    assert pressed == []
