"""Sites made of a few lines, which answer a pushed config as the contract says, each in its own way."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

import paho.mqtt.client as mqtt
from click.testing import CliRunner, Result
from paho.mqtt.enums import CallbackAPIVersion

from agent.console.config_group import config
from agent.core.config_document import digest
from tests.conftest import PATIENCE_S

COMMON = {"at": "2012-11-20T07:30:00.000Z", "session": "s", "clock": "synced"}
ROOM: dict[str, Any] = {"site": {"path": ["Hải Dương", "Chí Linh"]}, "headcount": {"window_s": 90}}

Way = Literal[
    "good", "invalid", "worse", "mends", "unknown", "room_on", "later", "silent", "rolled_back", "stale", "malformed"
]


class FakeSite:
    """One site. ``way`` is how it takes an update:

    good: on trial, no check worse, waits for a confirmation. worse: a check is worse; goes back when ``go_back`` is
    called. mends: worse, then not any more. unknown: cannot tell. room_on: waits until ``room_off``. later: waits a
    moment by itself. silent: says nothing. rolled_back: goes back at once. stale: somebody else was faster.
    """

    def __init__(
        self, port: int, site: str, way: Way = "good", room: dict[str, Any] | None = None, **about: Any
    ) -> None:
        self.site, self.way = site, way
        self.room = ROOM if room is None else room
        self.revision: int | None = 3
        self.desired: list[bytes] = []  # everything that came there
        self.confirmed: list[str] = []
        self.trial: dict[str, Any] | None = None
        self._ready = threading.Event()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5, reconnect_on_failure=False)
        self._client.on_message = self._on_message
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self._about = {"name": "", "path": self.room.get("site", {}).get("path", []), "timezone": "UTC", "version": "1"}
        self._about |= about
        self._present()

    def _present(self) -> None:
        self.say("about", **self._about)
        self.status("running")
        self._run()
        self.report("applied", None)
        self._client.subscribe([(f"diemcau/v1/{self.site}/config/{name}", 1) for name in ("desired", "confirm")])
        assert self._ready.wait(PATIENCE_S)

    def say(self, name: str, /, **fields: Any) -> mqtt.MQTTMessageInfo:
        """Say something that the broker keeps. Whoever waits for it does so on a thread of his own."""
        raw = json.dumps({**COMMON, **fields})
        return self._client.publish(f"diemcau/v1/{self.site}/{name}", raw, 1, retain=True)

    def say_once(self, name: str, /, **fields: Any) -> None:
        """Say something that is not kept."""
        self._client.publish(f"diemcau/v1/{self.site}/{name}", json.dumps({**COMMON, **fields}), 1)

    def status(self, state: str) -> None:
        sent = self.say("status", state=state, connection=1, boot_id="b", version="1")
        sent.wait_for_publish(PATIENCE_S)

    def report(self, state: str, update: dict[str, Any] | None, **fields: Any) -> None:
        known = {"id": None, "revision": self.revision} if update is None else update
        self.say("config/reported", id=known["id"], revision=known["revision"], state=state, effective_digest="e",
                 digest=digest(known.get("config", self.room)), **fields)  # fmt: skip

    def go_back(self) -> None:
        """Its time is over."""
        self.report("rolled_back", self.trial, reason="not_confirmed", checks_worse=["camera-main"])
        self.trial = None

    def room_off(self) -> None:
        """Now it may begin with what waits."""
        assert self.trial is not None
        self.report("pending_confirm", self.trial, checks_worse=[])

    def rejoin(self) -> None:
        """Be there again, at a broker that has forgotten everything."""
        self._ready.clear()
        self._client.loop_stop()
        self._client.reconnect()
        self._client.loop_start()
        self._present()

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _run(self) -> None:
        self.say("config/running", id="x", revision=self.revision, digest=digest(self.room), effective_digest="e",
                 source="push", issued_by="Lan", config=self.room)  # fmt: skip

    def _on_message(self, client: mqtt.Client, _user: Any, message: mqtt.MQTTMessage) -> None:
        if message.topic.endswith("/confirm"):
            self._confirmed(json.loads(message.payload)["id"])
            return
        self.desired.append(message.payload)
        if message.payload and not self._is_settled(json.loads(message.payload)):
            self._offered(json.loads(message.payload))

    def _is_settled(self, update: dict[str, Any]) -> bool:
        """Or under way: what comes twice is not begun twice."""
        is_known = self.trial is not None and self.trial["id"] == update["id"]
        return is_known or bool(update["revision"] <= (self.revision or 0))

    def _confirmed(self, id_: str) -> None:
        self.confirmed.append(id_)
        if self.trial is not None and self.trial["id"] == id_:
            self.room, self.revision = self.trial["config"], self.trial["revision"]
            self._run()
            self.report("applied", self.trial)
            self.trial = None

    def _offered(self, update: dict[str, Any]) -> None:
        self.trial = update
        ways: dict[str, Callable[[], None]] = {
            "good": lambda: self._try([]),
            "worse": lambda: self._try(["camera-main"]),
            "mends": lambda: (self._try(["camera-main"]), self._try([]))[0],
            "unknown": lambda: self._try(None),
            "room_on": lambda: self.report("deferred", update, reason="room_on"),
            "later": lambda: (self.report("deferred", update, reason="switching"), self._try([]))[0],
            "silent": lambda: None,
            "rolled_back": lambda: self.report("rolled_back", update, reason="part_failed: camera"),
            "stale": lambda: self.report("rejected", update, reason="stale_base"),
            "invalid": lambda: self.report(
                "rejected", update, reason="invalid", errors=[{"path": "power", "message": "is wrong"}]
            ),
            "malformed": lambda: self.report("rejected", {**update, "id": None}, reason="malformed"),
        }
        ways[self.way]()

    def _try(self, worse: list[str] | None) -> None:
        self.report("applying", self.trial)
        self.report("pending_confirm", self.trial, checks_worse=None)
        if worse is not None:
            self.report("pending_confirm", self.trial, checks_worse=worse)


@contextmanager
def sites_at(port: int, ways: dict[str, Way]) -> Iterator[dict[str, FakeSite]]:
    """Several of them by id."""
    made = {site: FakeSite(port, site, way) for site, way in ways.items()}
    try:
        yield made
    finally:
        for each in made.values():
            each.close()


def run(*arguments: str, stdin: str = "") -> Result:
    """``diemcau config …`` here: ``return_value`` is the exit code, ``exception`` what ``main`` would tell."""
    return CliRunner().invoke(config, [*arguments], input=stdin, standalone_mode=False)


def rows_of(result: Result) -> dict[str, dict[str, Any]]:
    """The JSON lines by site."""
    assert result.exception is None, result.exception
    found = [json.loads(line) for line in result.stdout.splitlines()]
    return {each["site"]: each for each in found}
