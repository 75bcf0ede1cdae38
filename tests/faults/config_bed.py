"""Real agents whose room config is pushed, a desk to push raw messages from, and a systemd that starts agents again."""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agent.adapters.generations import CANDIDATE, REJECTED
from agent.core.contract import CommandMessage, ConfigDesired, decode, encode
from tests.adapters.conftest import Systemd
from tests.adapters.test_mqtt_link import Peer
from tests.conftest import PATIENCE_S, ROOM, Site

Document = dict[str, Any]
Fits = Callable[[Document], bool]

# Nothing is counted, and little is said: fourteen of them run beside each other.
LIGHT = (
    ROOM.replace('[camera]\ncheck = "camera-main"\n', "").replace("heartbeat_s = 1", "heartbeat_s = 30")
    + """
[[checks]]
name = "microphone"
kind = "usb-microphone"
usb = "046d:0a8f"
"""
)


class Agent(Site):
    """A real ``diemcau run --simulate`` of any id, with any room and script."""

    def __init__(self, folder: Path, url: str, name: str, room: str = LIGHT, **script: Any) -> None:
        super().__init__(folder, None, {"seed": 7, "cues": [], **script})
        self.name = name
        (folder / "agent.toml").write_text(f'site = "{name}"\n[broker]\nurl = "{url}"\n')
        (folder / "room.toml").write_text(room)

    @property
    def state(self) -> Path:
        """Its state folder."""
        return self.folder / "state"

    @property
    def has_candidate(self) -> bool:
        """Whether the next start finds a config on trial."""
        return (self.state / CANDIDATE).exists()

    @property
    def rejected(self) -> ConfigDesired:
        """The update that was set aside last."""
        return decode(ConfigDesired, (self.state / REJECTED).read_bytes())

    def play(self, **script: Any) -> None:
        """Have another script from the next start on."""
        (self.folder / "script.json").write_text(json.dumps({"seed": 7, "cues": [], **script}))

    def start(self, **environment: str) -> "subprocess.Popen[bytes]":
        argv = [sys.executable, "-m", "agent", "run", "--config", "agent.toml", "--state", "state"]
        argv += ["--room", "room.toml", "--simulate", "script.json", "--speed", "10"]
        all_ = {**os.environ, **environment}
        with (self.folder / "log").open("ab") as log:
            pipe = subprocess.PIPE
            self.process = subprocess.Popen(argv, cwd=self.folder, stdin=pipe, stdout=log, stderr=log, env=all_)
        return self.process

    def stop(self) -> None:
        """End it in order."""
        assert self.process is not None
        self.process.terminate()
        assert self.process.wait(PATIENCE_S) == 0
        self.close()


class Unit:
    """What systemd does for one agent: it kills one that is silent, and starts again whatever has ended.

    Source: the agent's unit, Restart=always and WatchdogSec; systemd.service(5): SIGABRT, and the time begins when the
    service is ready.
    """

    def __init__(self, agent: Agent, watchdog_s: float = 4.0) -> None:
        self._agent, self._watchdog_s = agent, watchdog_s
        self._systemd = Systemd(agent.folder / "notify")
        self._stop = threading.Event()
        self.ends: list[int] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the agent, and start it no more."""
        self._stop.set()
        self._thread.join(PATIENCE_S)
        self._systemd.close()

    def _run(self) -> None:
        wanted = {"NOTIFY_SOCKET": self._systemd.address, "WATCHDOG_USEC": str(int(self._watchdog_s * 1e6))}
        while not self._stop.is_set():
            self._systemd.said.clear()
            process = self._agent.start(**wanted)
            self._watch(process)
            self._agent.close()
            self.ends.append(process.returncode)

    def _watch(self, process: "subprocess.Popen[bytes]") -> None:
        heard, heard_s = 0, time.monotonic()
        while process.poll() is None and not self._stop.wait(0.05):
            if len(self._systemd.said) > heard:
                heard, heard_s = len(self._systemd.said), time.monotonic()
            if "READY=1" in self._systemd.said and time.monotonic() - heard_s > self._watchdog_s:
                process.send_signal(signal.SIGABRT)
                process.wait()


class Desk:
    """Hears everything at the broker from its beginning on, and pushes raw messages. ``heard`` is all of it, and
    ``at_s`` when each of it came (monotonic).
    """

    def __init__(self, port: int) -> None:
        self._peer = Peer(port)
        self.heard: list[tuple[str, Document]] = []
        self.at_s: list[float] = []

    def mark(self) -> int:
        """Now: what came before this is not looked at by ``wait``."""
        while self._take(0.0):
            pass
        return len(self.heard)

    def wait(self, site: str, name: str, since: int = 0, fits: Fits = lambda _: True, **what: Any) -> Document:
        """The first message of a site, of those that came and those that come within half a minute, that fits."""
        until_s, at = time.monotonic() + PATIENCE_S, since
        while True:
            for topic, said in self.heard[at:]:
                if topic == f"diemcau/v1/{site}/{name}" and what.items() <= said.items() and fits(said):
                    return said
            at = len(self.heard)
            if not self._take(until_s - time.monotonic()):
                raise AssertionError(f"{site} says no {name} with {what}; at last: {self.of(site)[-4:]}")

    def round_trip(self, site: str) -> None:
        """Wait until the site has handled what was sent to it, and heard what was taken of it: it answers a command."""
        id_, at = str(uuid.uuid4()), datetime.now(UTC)
        command = CommandMessage(id=id_, action="identify", args={"for_s": 1}, issued_by="lan", issued_at=at)
        self.say(site, "command", encode(command))
        self.wait(site, "command/result", id=id_)  # a box that does not know the time says no, which is an answer

    def pushed(self, since: int) -> set[str]:
        """The sites to which anything was pushed."""
        self.mark()
        return {topic.split("/")[2] for topic, _ in self.heard[since:] if topic.endswith("/config/desired")}

    def of(self, site: str, since: int = 0) -> list[tuple[str, Document]]:
        """What a site said of its config."""
        return [each for each in self.heard[since:] if each[0].startswith(f"diemcau/v1/{site}/config/")]

    def reports(self, site: str, since: int = 0) -> list[tuple[str, str | None]]:
        """State and reason of what it reported, in order."""
        said = [each for topic, each in self.of(site, since) if topic.endswith("/reported")]
        return [(each["state"], each.get("reason")) for each in said]

    def push(self, site: str, config: Document, revision: int, **fields: Any) -> str:
        """A whole config, retained. Returns the update's id."""
        wanted = {"id": f"raw-{revision}", "issued_by": "lan", "issued_at": datetime.now(UTC), **fields}
        desired = ConfigDesired(revision=revision, config=config, **wanted)
        self.say(site, "config/desired", encode(desired), retain=True)
        return desired.id

    def confirm(self, site: str, id_: str) -> None:
        """The room is fine."""
        self.say(site, "config/confirm", json.dumps({"id": id_}).encode())

    def say(self, site: str, name: str, raw: bytes, retain: bool = False) -> None:
        """Anything; back when the broker has it."""
        sent = self._peer.client.publish(f"diemcau/v1/{site}/{name}", raw, qos=1, retain=retain)
        sent.wait_for_publish(PATIENCE_S)

    def close(self) -> None:
        self._peer.close()

    def _take(self, wait_s: float) -> bool:
        """Whether one more message came."""
        try:
            message = self._peer.messages.get(wait_s > 0, max(0.0, wait_s))
        except queue.Empty:
            return False
        is_ours = message.topic.endswith(("/desired", "/confirm"))  # which may be anything
        self.heard.append((message.topic, json.loads(message.payload) if message.payload and not is_ours else {}))
        self.at_s.append(message.timestamp)  # paho's: when it was read
        return True
