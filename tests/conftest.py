"""What several tests need: a real broker, and the agent as a real process."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.adapters.mosquitto import Mosquitto, program
from agent.console.centre_time import VIETNAM
from agent.console.listener import Listener
from agent.core.errors import DemoError
from agent.core.identity import broker_at

PATIENCE_S = 60.0  # nothing waits so long but on a very busy machine

# The centre's commands go by Vietnam's time where a machine has none of its own. Tests do so everywhere, and what they
# start; else one that calls such a command in its own process would change the clock of those after it.
os.environ["TZ"] = VIETNAM
time.tzset()

# A shell that starts the tests in the background has them, and what they start, pass over the Ctrl-C that tests send.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("diemcau")
    group.addoption(
        "--vm", action="store_true", help="only the tests in a virtual machine, and all of them; they fail, not skip"
    )
    group.addoption("--arm", action="store_true", help="only the tests on 64-bit Arm, under emulation")
    group.addoption("--full", action="store_true", help="in the virtual machine: the full counts, some hours")


@pytest.hookimpl(tryfirst=True)  # before xdist looks at the groups
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for_arm = [item for item in items if item.get_closest_marker("arm") is not None]
    if config.getoption("--arm"):
        config.hook.pytest_deselected(items=[item for item in items if item not in for_arm])
        items[:] = for_arm
        return
    for item in for_arm:
        item.add_marker(pytest.mark.skip(reason="on 64-bit Arm: asked for with --arm; a quarter of an hour"))
    others = [item for item in items if item.get_closest_marker("vm") is None]
    in_vm = [item for item in items if item.get_closest_marker("vm") is not None]
    if not (config.getoption("--vm") or config.getoption("--full")):
        for item in in_vm:
            if item.get_closest_marker("thorough") is not None:
                item.add_marker(pytest.mark.skip(reason="half an hour in the machine: with --vm or --full"))
    if config.getoption("--vm"):
        config.hook.pytest_deselected(items=others)
        others = []
    # With several processes (-n 3 --dist loadgroup) a file's tests stay together; those in the machine share one of it,
    # and begin first because they take longest. The scenarios come next: a long file at the end would run alone.
    items[:] = in_vm + sorted(others, key=lambda item: not item.nodeid.startswith("tests/scenarios/"))
    for item in items:
        item.add_marker(pytest.mark.xdist_group("vm" if item in in_vm else item.nodeid.partition("::")[0]))


def wait_for(what: Callable[[], Any], why: str, patience_s: float = PATIENCE_S) -> Any:
    """Look again and again until ``what()`` is true, and return it; for what cannot wake us up by itself."""
    until_s = time.monotonic() + patience_s
    while time.monotonic() < until_s:
        found = what()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"waited {patience_s:.0f} s in vain: {why}")


@pytest.fixture(scope="session")
def mosquitto_program() -> str:
    try:
        return program()
    except DemoError:
        pytest.skip("needs mosquitto (Debian's package)")


@pytest.fixture
def broker(tmp_path: Path, mosquitto_program: str) -> Iterator[Mosquitto]:
    """A mosquitto of our own on a free port."""
    folder = tmp_path / "broker"
    folder.mkdir()
    running = Mosquitto(folder)
    running.start()
    yield running
    running.close()


class Ear:
    """Everything that sites say, by topic: the newest and all."""

    def __init__(self, url: str) -> None:
        self.listener = Listener(broker_at(url))
        self.listener.start()
        self.all: list[tuple[str, dict[str, Any]]] = []

    def wait(self, topic_end: str, fits: Callable[[dict[str, Any]], bool], why: str) -> dict[str, Any]:
        """The first message on a topic that fits, of those that came and those that come within a minute."""
        until_s = time.monotonic() + PATIENCE_S
        for topic, document in self.all:
            if topic.endswith(topic_end) and fits(document):
                return document
        while (left_s := until_s - time.monotonic()) > 0:
            for document in self._take(left_s, topic_end):
                if fits(document):
                    return document
        raise AssertionError(f"no {topic_end} {why}; the last ones: {self.all[-5:]}")

    def forget(self) -> None:
        """Only what comes from now on counts."""
        while not self.listener.messages.empty():
            self.listener.messages.get()
        self.all.clear()

    def _take(self, left_s: float, topic_end: str) -> Iterator[dict[str, Any]]:
        import queue

        try:
            topic, raw = self.listener.messages.get(timeout=left_s)
        except queue.Empty:
            return
        document = json.loads(raw) if raw else {}
        self.all.append((topic, document))
        if topic.endswith(topic_end):
            yield document


@pytest.fixture
def ear(broker: Mosquitto) -> Iterator[Ear]:
    """Listens to all sites."""
    listening = Ear(broker.url)
    yield listening
    listening.listener.close()


ROOM = """
[site]
name = "Thị xã Chí Linh"
[power]
button = { pin = 17, hold_s = 0.5, ignore_after_switch_s = 0 }
[[power.loads]]
name = "codec"
pin = 5
active_high = false
settle_s = 0.1
[[power.loads]]
name = "display"
pin = 6
settle_s = 0.1
proof = "camera-main"
[[checks]]
name = "camera-main"
kind = "usb-camera"
usb = "046d:085e"
group = "display"
[camera]
check = "camera-main"
[headcount]
interval_s = 0.2
window_s = 2
[reporting]
heartbeat_s = 1
"""


class Site:
    """A real ``diemcau run --simulate`` in a folder."""

    def __init__(self, folder: Path, url: str | None, script: dict[str, Any], speed: float = 10) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        if url is not None:
            (folder / "agent.toml").write_text(f'site = "chi-linh"\n[broker]\nurl = "{url}"\n')
        (folder / "room.toml").write_text(ROOM)
        (folder / "script.json").write_text(json.dumps(script))
        self._speed = speed
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> "subprocess.Popen[bytes]":
        argv = [sys.executable, "-m", "agent", "run", "--config", "agent.toml", "--state", "state"]
        argv += ["--room", "room.toml", "--simulate", "script.json", "--speed", str(self._speed)]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(argv, cwd=self.folder, stdin=subprocess.PIPE, stdout=log, stderr=log)
        return self.process

    def write(self, line: bytes) -> None:
        """A line on the agent's standard input: the button."""
        assert self.process is not None
        assert self.process.stdin is not None
        self.process.stdin.write(line)
        self.process.stdin.flush()

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    def close(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            if self.process.stdin is not None:
                self.process.stdin.close()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Callable[..., Site]]:
    """Makes sites; whatever still runs at the end is killed."""
    made: list[Site] = []

    def make(url: str | None, cues: list[dict[str, Any]], speed: float = 10, **script: Any) -> Site:
        made.append(Site(tmp_path / f"site{len(made)}", url, {"seed": 7, "cues": cues, **script}, speed))
        return made[-1]

    yield make
    for one in made:
        one.close()
