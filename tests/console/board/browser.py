"""A real browser: Debian's chromium without a screen."""

import shutil
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from selenium.common.exceptions import JavascriptException, StaleElementReferenceException
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from agent.console.board import board_tables  # noqa: F401 # its tables are made with the others
from tests.conftest import PATIENCE_S, wait_for

PROGRAMS = ("chromium", "chromedriver")
NEEDS = "needs a browser: sudo apt-get install chromium chromium-driver"
FLAGS = (
    "--headless=new",
    "--no-sandbox",  # as root there is none
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--force-color-profile=srgb",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # what a page would fetch from elsewhere is an error
)
PASSWORD = "mật khẩu của cuộc thử"
ROLES = ("viewer", "operator", "technician")  # each the name of a user, too
DESK, WALL, PHONE = (1440, 900), (1920, 1080), (360, 740)
AXE_IS_SERIOUS = ("serious", "critical")
RUN_AXE = """
const done = arguments[arguments.length - 1];
axe.run(document, {resultTypes: ["violations"]}).then((found) => done(found.violations), (why) => done(String(why)));
"""


def need_browser() -> None:
    """Skips the test by name where there is none."""
    if not all(map(shutil.which, PROGRAMS)):
        pytest.skip(NEEDS)


class Browser:
    """One chromium with a profile of its own; whoever signs in stays so."""

    def __init__(self, folder: Path) -> None:
        options = ChromeOptions()
        options.binary_location = shutil.which("chromium") or ""
        for flag in (*FLAGS, f"--user-data-dir={folder / 'profile'}", f"--window-size={DESK[0]},{DESK[1]}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = Chrome(options, Service(shutil.which("chromedriver")))
        self.driver.set_page_load_timeout(PATIENCE_S)
        self.folder, self.url = folder, ""

    def open(self, path: str) -> None:
        """Load a page of the board."""
        self.driver.get(self.url.rstrip("/") + path)

    def sign_in(self, name: str) -> None:
        """As the user of this name, whoever it was before."""
        self.driver.delete_all_cookies()
        self.open("/login")
        self.one("#name").send_keys(name)
        self.one("#password").send_keys(PASSWORD, Keys.ENTER)
        self.wait(lambda: "/login" not in self.driver.current_url, "signed in")

    def one(self, selector: str) -> WebElement:
        """The element of this selector, once it is there."""
        return self.wait(lambda: self.all(selector), f"{selector} in {self.driver.current_url}")[0]  # type: ignore[no-any-return]

    def all(self, selector: str) -> list[WebElement]:
        """All of them that are there."""
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def text(self, selector: str) -> str:
        """What is read there; empty: it is not there (any more)."""
        said = self.js("const at = document.querySelector(arguments[0]); return at ? at.innerText : ''", selector)
        return str(said)

    def js(self, script: str, *arguments: Any) -> Any:
        """What a script in the page returns."""
        return self.driver.execute_script(script, *arguments)

    def wait(self, what: Callable[[], Any], why: str) -> Any:
        """Look until it is so; elements that were replaced meanwhile are looked for again."""

        def look() -> Any:
            try:
                return what()
            except (StaleElementReferenceException, JavascriptException):
                return None

        return wait_for(look, why)

    def shows(self, selector: str, words: str) -> None:
        """Wait until this is read there."""
        try:
            self.wait(lambda: words in self.text(selector), f"{words!r} in {selector}")
        except AssertionError as error:
            self.shot("in-vain")
            raise AssertionError(f"{error}, only {self.text(selector)!r}") from None

    def size(self, size: tuple[int, int]) -> None:
        """The page's width and height, in pixels."""
        metrics = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def scheme(self, name: str) -> None:
        """``light`` or ``dark``, as the system's owner would prefer."""
        feature = {"name": "prefers-color-scheme", "value": name}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})

    def overflow_px(self) -> int:
        """By how much the page is wider than the window."""
        return int(self.js("const e = document.documentElement; return e.scrollWidth - e.clientWidth"))

    def shot(self, name: str) -> None:
        """A screenshot in this browser's folder."""
        self.driver.save_screenshot(str(self.folder / f"{name}.png"))

    def errors(self) -> list[str]:
        """What the console has said since it was last asked."""
        said = self.driver.get_log("browser")  # type: ignore[no-untyped-call]
        return [each["message"] for each in said if each["level"] == "SEVERE"]

    def axe(self) -> list[str]:
        """What axe finds serious on this page: rule, and where."""
        # By the protocol: the page's own policy lets no script in that is not its own.
        if not self.js("return typeof axe === 'object'"):
            self.js(axe_source())
        found = self.driver.execute_async_script(RUN_AXE)
        assert isinstance(found, list), found
        return [
            f"{each['id']}: {node['target']} {node['html'][:120]} {node['failureSummary'][:300]}"
            for each in found
            if each["impact"] in AXE_IS_SERIOUS
            for node in each["nodes"]
        ]

    def close(self) -> None:
        """End it, and its driver."""
        self.driver.quit()


def axe_source() -> str:
    """axe-core, from the package that brings it."""
    spec = find_spec("axe_core_python")
    assert spec is not None
    assert spec.origin is not None
    return (Path(spec.origin).parent / "axe.min.js").read_text()
