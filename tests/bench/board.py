"""What the board costs, and how fast it is on a real screen: simulated sites behind it, chromium in front of it.

    python -m tests.bench.board [ready|latency|restart|soak …] [--sites N …] [--minutes M] [--out OUT.json]

ready: from the start of a navigation until the page is loaded and its first tile is painted, cold (a browser that has
never been here) and warm. latency: from a site's publish until the page has the number, all sites at their heartbeat,
with one open page and with ten. restart: the broker dies, all sites come back at once. soak: how long nothing goes
wrong. Memory and share of a core are the board process's own. Sites, broker, browser and board share this machine.
"""

import argparse
import json
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil

from tests.console.board.bed import Bed, standing
from tests.console.board.browser import Browser
from tests.console.board.places_bed import hour, places
from tests.console.board.sites_bed import SUMMONED

PROVINCE, COUNTRY, RESTARTED = 300, 3400, 1000
PAUSE_S = {PROVINCE: 10.0, COUNTRY: 30.0}  # between two messages of a site
COLD, WARM, PAGES = 3, 7, 10
WANTED = {PROVINCE: {"ready_s": 2.0, "shown_s": 1.0}, COUNTRY: {"ready_s": 4.0}}
BOARD_MB = 300

# In every page, before its own scripts: when there is a tile on the screen, and when the last of them is in the page.
FIRST = """
window.bench = {first: 0, all: 0};
new MutationObserver(() => {
  const tiles = document.getElementsByClassName("tile").length;
  if (tiles) requestAnimationFrame(() => setTimeout(() => { bench.first ||= performance.now(); }));
  if (tiles) bench.all = performance.now();
}).observe(document, {childList: true, subtree: true});
"""
READY = """
const [page] = performance.getEntriesByType("navigation");
return {load: page.loadEventEnd, bytes: page.transferSize, answer: page.responseEnd, ...bench,
        tiles: document.getElementsByClassName("tile").length};
"""
# Each tile that is put in, with its number and the time, by the clock that the sites' side has too.
SHOWN = """
window.benchShown = [];
const watch = new MutationObserver((changes) => {
  const now = performance.timeOrigin + performance.now();
  for (const {addedNodes} of changes) for (const each of addedNodes) {
    const number = each.nodeType === 1 && each.matches(".tile") && each.querySelector(".count b").textContent;
    if (number) benchShown.push([each.id.slice(2), number, now / 1000]);
  }
});
watch.observe(document.getElementById("sites"), {childList: true, subtree: true});
"""


class Cost:
    """What a process takes from now on."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._spent_s, self._began_s = self._cpu_s(), time.monotonic()

    def so_far(self) -> dict[str, float]:
        """Share of one core, and resident memory."""
        share = (self._cpu_s() - self._spent_s) / (time.monotonic() - self._began_s)
        return {"share_of_a_core": round(share, 3), "memory_mb": round(self._process.memory_info().rss / 1e6)}

    def _cpu_s(self) -> float:
        spent = self._process.cpu_times()
        return spent.user + spent.system


@contextmanager
def board(sites: int) -> Iterator[Bed]:
    """With an hour of history, signed in."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        made = places(sites)
        with standing(Path(name) / "bed", made, SUMMONED, before=lambda engine: hour(engine, made)) as bed:
            _sign_in(bed.browser)
            yield bed


def _sign_in(browser: Browser) -> None:
    browser.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": FIRST})
    browser.sign_in("operator")
    browser.wait(lambda: browser.all(".tile"), "a tile")


def ready(sites: int) -> dict[str, Any]:
    """While the sites go on reporting."""
    with board(sites) as bed:
        bed.crowd.counts_on(sites / PAUSE_S.get(sites, 30.0))
        time.sleep(2)
        cold = [_cold(bed, turn, sites) for turn in range(COLD)]
        warm = [_loaded(bed.browser, sites) for _ in range(WARM)]
        found: dict[str, Any] = {"page_kb": round(warm[-1]["bytes"] / 1e3), "nodes": _nodes(bed.browser)}
        for name, runs in (("cold", cold), ("warm", warm)):
            took_s = [max(each["load"], each["first"]) / 1e3 for each in runs]
            found |= {f"{name}_median_s": round(statistics.median(took_s), 2), f"{name}_worst_s": round(max(took_s), 2)}
        found["answer_median_s"] = round(statistics.median(each["answer"] for each in warm) / 1e3, 2)
        memory = Cost(bed.desk.pid).so_far()["memory_mb"]
        return {**found, "memory_mb": memory, "errors": bed.browser.errors()}


def _cold(bed: Bed, turn: int, sites: int) -> dict[str, float]:
    """A browser that was never here but for its sign-in, which comes back with an empty cache."""
    other = Browser(bed.folder / f"cold{turn}")
    try:
        other.url = bed.desk.url
        other.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": FIRST})
        other.driver.get(other.url + "login")
        other.driver.add_cookie(_cookie(bed.browser))
        other.driver.execute_cdp_cmd("Network.enable", {})
        other.driver.execute_cdp_cmd("Network.clearBrowserCache", {})
        return _loaded(other, sites)
    finally:
        other.close()


def _cookie(browser: Browser) -> dict[str, Any]:
    (cookie,) = browser.driver.get_cookies()
    return {name: cookie[name] for name in ("name", "value", "path")}


def _loaded(browser: Browser, sites: int) -> dict[str, float]:
    browser.driver.get("about:blank")
    browser.open("/")
    found: dict[str, float] = browser.wait(lambda: _is_ready(browser.js(READY), sites), "all tiles")
    return found


def _is_ready(found: dict[str, float], sites: int) -> dict[str, float] | None:
    return found if found["load"] and found["first"] and found["tiles"] >= sites else None


def latency(sites: int, for_s: float) -> dict[str, Any]:
    """With one page open, then with ten: the others are streams that are read and thrown away."""
    with board(sites) as bed:
        bed.crowd.counts_on(sites / PAUSE_S[sites])
        found = {"1_page": _shown(bed, for_s)}
        with streams(bed, PAGES - 1):
            found[f"{PAGES}_pages"] = _shown(bed, for_s)
        return {**found, "errors": bed.browser.errors()}


def _shown(bed: Bed, for_s: float) -> dict[str, Any]:
    bed.browser.open("/")
    bed.browser.one(".tile")
    bed.browser.js(SHOWN)
    time.sleep(2)  # the page's first moment is no measure of the others
    cost, began_s = Cost(bed.desk.pid), time.time()
    time.sleep(for_s)
    taken, ended_s = cost.so_far(), time.time()
    time.sleep(2)
    seen: dict[tuple[str, int], float] = {}
    for site, number, at_s in bed.browser.js("return benchShown"):
        seen.setdefault((site, int(number.replace(".", "").lstrip("≈"))), at_s)
    wanted = {key: at_s for key, at_s in tuple(bed.crowd.published.items()) if began_s <= at_s < ended_s}
    late_s = sorted(seen[key] - at_s for key, at_s in wanted.items() if key in seen)
    shares = {"p50_s": 0.5, "p95_s": 0.95, "p99_s": 0.99}
    figures = {name: round(late_s[int(len(late_s) * share)], 3) for name, share in shares.items()}
    numbers = {"published": len(wanted), "shown": len(late_s)}
    return {**numbers, **figures, "worst_s": round(late_s[-1], 3), **taken}


@contextmanager
def streams(bed: Bed, number: int) -> Iterator[None]:
    """So many more pages' streams."""
    cookie, end = _cookie(bed.browser), threading.Event()
    at = bed.browser.js("return document.body.dataset.at")

    def read() -> None:
        line = HTTPConnection(bed.desk.url.removeprefix("http://").rstrip("/"), timeout=30)
        line.request("GET", f"/live?at={quote(at)}", headers={"Cookie": f"{cookie['name']}={cookie['value']}"})
        answer = line.getresponse()
        while not end.is_set() and answer.read1():
            pass
        line.close()

    threads = [threading.Thread(target=read, daemon=True) for _ in range(number)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        end.set()
        for thread in threads:
            thread.join(15)


def restart(sites: int) -> dict[str, Any]:
    """All sites say everything again at once, each with another number: until the page shows all of them."""
    with board(sites) as bed:
        bed.broker.kill()
        bed.browser.shows("#lost", "broker")
        bed.crowd.change(777)
        bed.broker.start()
        began_s = time.monotonic()
        said_s: list[float] = []

        def arrive() -> None:
            bed.crowd.until_connected()
            bed.crowd.arrive()
            said_s.append(time.monotonic() - began_s)

        thread = threading.Thread(target=arrive)
        thread.start()
        count = "return [...document.querySelectorAll('.tile .count b')].filter(e => e.textContent === '777').length"
        bed.browser.wait(lambda: bed.browser.js(count) >= sites and not bed.browser.text("#lost"), "all sites again")
        shown_s = time.monotonic() - began_s
        thread.join()
        cost = Cost(bed.desk.pid).so_far()
        return {"said_again_s": round(said_s[0], 1), "shown_again_s": round(shown_s, 1), "memory_mb": cost["memory_mb"],
                "errors": bed.browser.errors()}  # fmt: skip


def soak(sites: int, minutes: float) -> dict[str, Any]:
    """At the usual pace, the page left open."""
    with board(sites) as bed:
        bed.crowd.counts_on(sites / PAUSE_S[sites])
        time.sleep(20)
        cost, begin = Cost(bed.desk.pid), _state(bed)
        time.sleep(minutes * 60)
        return {"minutes": minutes, "begin": begin, "end": _state(bed), **cost.so_far(), "errors": bed.browser.errors()}


def _state(bed: Bed) -> dict[str, Any]:
    bed.browser.js("if (window.gc) gc()")
    heap = bed.browser.js("return Math.round(performance.memory.usedJSHeapSize / 1e6)")
    memory = Cost(bed.desk.pid).so_far()["memory_mb"]
    return {"board_memory_mb": memory, "page_heap_mb": heap, "page_nodes": _nodes(bed.browser)}


def _nodes(browser: Browser) -> int:
    return int(browser.js("return document.getElementsByTagName('*').length"))


def _misses(found: dict[str, Any]) -> list[str]:
    """What falls short of what is wanted."""
    made = []
    for sites, wanted in WANTED.items():
        measured = found.get("ready", {}).get(str(sites), {})
        made += [f"ready at {sites}: {name} {value}" for name, value in measured.items()
                 if name.endswith(("median_s", "worst_s")) and value > wanted["ready_s"]]  # fmt: skip
        for name, pages in found.get("latency", {}).get(str(sites), {}).items():
            if name != "errors" and "shown_s" in wanted and pages["worst_s"] > wanted["shown_s"]:
                made.append(f"shown at {sites}, {name}: {pages['worst_s']} s")
    text = json.dumps(found)
    made += ["errors in the browser's console"] if '"errors": ["' in text else []
    memory = [int(each.split(",")[0].rstrip("}")) for each in text.split('memory_mb": ')[1:]]
    return made + ([f"memory {max(memory)} MB"] if memory and max(memory) > BOARD_MB else [])


def main() -> None:
    """Run what is asked for, and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", default=["ready", "latency", "restart", "soak"])
    parser.add_argument("--sites", type=int, nargs="+", default=[PROVINCE, COUNTRY])
    parser.add_argument("--minutes", type=float, default=10.0, help="of the soak")
    parser.add_argument("--seconds", type=float, default=60.0, help="of each latency")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    benches: dict[str, Callable[[], dict[str, Any]]] = {
        "ready": lambda: {str(sites): ready(sites) for sites in asked.sites},
        "latency": lambda: {str(sites): latency(sites, asked.seconds) for sites in asked.sites},
        "restart": lambda: restart(RESTARTED),
        "soak": lambda: soak(PROVINCE, asked.minutes),
    }
    began = os.getloadavg()[0]  # what else goes on here costs the browser first
    found: dict[str, Any] = {what: benches[what]() for what in asked.what}
    found["falls_short"] = _misses(found)
    found["load_average"] = [round(each, 1) for each in (began, os.getloadavg()[0])]
    print(json.dumps(found, indent=1, ensure_ascii=False))
    if asked.out:
        asked.out.write_text(json.dumps({**found, "cpus": os.cpu_count()}, indent=1))


if __name__ == "__main__":
    main()
