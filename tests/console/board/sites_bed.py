"""A crowd of sites on one connection to a broker without rights: what boards are tested and measured with.

The messages are the contract's own models; what is made up is only who sends them.
"""

import json
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from agent.core import contract
from agent.core.config_document import digest
from agent.core.contract import encode, topic
from tests.conftest import PATIENCE_S, wait_for
from tests.console.board.places_bed import Place
from tests.console.test_store import window

SUMMONED = 1000  # counts between 100 and 999 are then numbers of three digits, each of them another one
UNDER_WAY = 500
SESSION = "8d0cf4a1-8c2f-4a86-9b5c-0f1f5d1a7b11"


def common() -> dict[str, Any]:
    """What each message from a site has."""
    return {"at": datetime.now(UTC), "session": SESSION, "clock": "synced"}


class Crowd:
    """All of them. Thread: any; ``published`` has the time (seconds since 1970) at which a count of a site went out."""

    def __init__(self, port: int, sites: Sequence[Place], summoned: int | None = SUMMONED) -> None:
        self.sites = {each.site: each for each in sites}
        self.published: dict[tuple[str, int], float] = {}
        self.heard: list[tuple[str, dict[str, Any]]] = []  # conferences and commands: topic's end, document
        self.power: dict[str, str] = {}
        self.answers: set[str] = set()
        self._summoned, self._counts = summoned, dict.fromkeys(self.sites, (summoned or SUMMONED) * 9 // 10)
        self._conference: dict[str, str | None] = {}
        self._trials: dict[str, dict[str, Any]] = {}
        self._said: dict[str, dict[str, dict[str, Any]]] = {}  # by site and topic
        self.muted: set[str] = set()  # those that say nothing by themselves
        self._room = threading.Semaphore(UNDER_WAY)
        self._speaking = threading.RLock()
        self._ready = threading.Event()
        self._ends: list[Callable[[], None]] = []
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        self._client.reconnect_delay_set(1, 1)
        self._client.max_inflight_messages_set(UNDER_WAY)
        self._client.on_publish = lambda *_: self._room.release()
        self._client.on_message = self._on_message
        self._client.on_connect = lambda client, *_: client.subscribe(
            [(f"{contract.ROOT}/+/{name}", 1) for name in ("command", "conference", "config/desired", "config/confirm")]
        )
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert self._ready.wait(PATIENCE_S)

    def raw(self, site: str, name: str, payload: bytes, retain: bool = True) -> None:
        """Say anything; waits while too much is under way."""
        self._room.acquire(timeout=PATIENCE_S)
        self._client.publish(topic(site, name), payload, 1, retain)

    def say(self, site: str, name: str, /, retain: bool = True, **fields: Any) -> None:
        """Say something that the contract has."""
        model = contract.MODELS[name]
        with self._speaking:
            if retain:
                self._said.setdefault(site, {})[name] = fields
            self.raw(site, name, encode(model.model_validate({**common(), **fields})), retain)

    def arrive(self, sites: Iterable[str] | None = None) -> None:
        """They say all that a site says when it connects; back when the broker has it."""
        for site in self.sites if sites is None else sites:
            place = self.sites[site]
            self.status(site, "running")
            self.say(site, "about", name=place.name, path=place.path, timezone="Asia/Ho_Chi_Minh", version="1.0")
            self.switch(site, "on")
            self.checks(site)
            self.say(site, "health", cpu_share=0.2, temperature_c=51.0, outbox_rows=0, rows_lost=0, uptime_s=3600.0)
            self.count(site, self._counts[site])
            if site in self.answers:
                self.run(site, {"site": {"name": place.name, "path": list(place.path)}})
        self.settle()

    def until_connected(self) -> None:
        """Back when the broker is there again."""
        wait_for(self._client.is_connected, "the sites are connected")

    def change(self, count: int) -> None:
        """The next time that they arrive, so many people are there."""
        self._counts = dict.fromkeys(self.sites, count)

    def heard_by(self, site: str, name: str) -> list[dict[str, Any]]:
        """What was said to a site on a topic, all of it."""
        return [said for full, said in tuple(self.heard) if full == f"{site}/{name}" and said]

    def settle(self) -> None:
        """Back when the broker has acknowledged everything."""
        for _ in range(UNDER_WAY):
            assert self._room.acquire(timeout=PATIENCE_S)
        self._room.release(UNDER_WAY)

    def status(self, site: str, state: str, connection: int = 1) -> None:
        """Present, stopped or lost."""
        self.say(site, "status", state=state, connection=connection, boot_id="b", version="1.0")

    def switch(self, site: str, state: str, **more: Any) -> None:
        """The room's power is so."""
        self.power[site] = state
        load = {"on": "on", "off": "off"}.get(state, "unknown")
        self.say(site, "power", state=state, loads={"codec": load, "display": load}, **more)

    def checks(self, site: str, failed: str = "", reason: str = "missing") -> None:
        """All is well but for the check of this name."""
        since = datetime.now(UTC) - timedelta(minutes=3)
        names = {"codec-answers": "connect", "camera-main": "display", "microphone": "audio"}
        made = [
            {"name": name, "group": group, "required": True, "since": since, **_check(name == failed, reason)}
            for name, group in names.items()
        ]
        self.say(site, "readiness", ready=not failed, checks=tuple(made))

    def count(self, site: str, value: int | None, reason: str | None = None, **more: Any) -> None:
        """So many people are there; None: not known, and why."""
        facts: dict[str, Any] = {"value": value, "state": "unknown" if value is None else "ok", "reason": reason}
        facts |= {"seen": value, "min": value, "max": value, "samples": 45, "window_s": 90.0, "frame_age_s": 1.0}
        facts |= {"interval_s": 2.0, "detector": "simulated"}
        if self._summoned is not None:
            facts |= {"summoned": self._summoned, "rate": None if value is None else value / self._summoned}
        if self._conference.get(site):
            facts["conference"] = self._conference[site]
        if value is not None:
            self._counts[site] = value
            self.published[site, value] = time.time()
        self.say(site, "headcount", **{**facts, **more})

    def record(self, site: str, counts: Sequence[int], until: datetime, conference: str) -> None:
        """A row of the history for each of the last minutes."""
        for number, count in enumerate(counts, 1):
            at = until - timedelta(minutes=len(counts) - number)
            row = window(number, count, site, at=at)
            payload = row.payload.model_copy(update={"conference": conference})
            self.raw(site, "history/headcount", encode(payload), retain=False)

    def beats(self, every_s: float) -> Callable[[], None]:
        """Every site says its last count again, as at each heartbeat, until what is returned is called."""
        end = threading.Event()

        def beat() -> None:
            while not end.wait(every_s):
                for site in self.sites.keys() - self.muted:
                    self._again(site, "headcount")

        return self._until_closed(threading.Thread(target=beat, daemon=True), end)

    def _again(self, site: str, name: str) -> None:
        with self._speaking:  # else an old number would be said again after a newer one, and kept
            if name in (said := self._said.get(site, {})):
                self.say(site, name, retain=True, **said[name])

    def counts_on(self, per_s: float, seed: int = 8) -> Callable[[], None]:
        """Another number of another site, so many times a second, until what is returned is called.

        All sites take their turn, in an order of their own; each count is one above its last.
        """
        order, end = list(self.sites), threading.Event()
        Random(seed).shuffle(order)
        thread = threading.Thread(target=self._counts_on, args=(order, 1 / per_s, end), daemon=True)
        return self._until_closed(thread, end)

    def _until_closed(self, thread: threading.Thread, end: threading.Event) -> Callable[[], None]:
        thread.start()

        def stop() -> None:
            end.set()
            thread.join(PATIENCE_S)

        self._ends.append(stop)
        return stop

    def _counts_on(self, order: list[str], pause_s: float, end: threading.Event) -> None:
        turn, next_s = 0, time.monotonic()
        while not end.wait(max(0.0, next_s - time.monotonic())):
            site = order[turn % len(order)]
            self.count(site, 100 + (self._counts[site] - 99) % 900)
            turn, next_s = turn + 1, next_s + pause_s

    def close(self) -> None:
        """End."""
        for each in self._ends:
            each()
        self._client.disconnect()
        self._client.loop_stop()

    def _on_message(self, _client: Any, _user: Any, message: mqtt.MQTTMessage) -> None:
        try:
            document = dict(json.loads(message.payload or b"{}"))
        except (ValueError, TypeError, RecursionError):
            return  # somebody's nonsense: this thread has to live
        name = message.topic.removeprefix(f"{contract.ROOT}/")
        self.heard.append((name, document))
        site, _, name = name.partition("/")
        if name == "conference":
            self._conference[site] = document.get("id")
            return
        # Not on this thread: it is the one that learns of the broker's acknowledgements.
        answer = self._configure if name.startswith("config/") else self._answer
        for each in self.answers if site == "_all" else {site} & self.answers:
            threading.Thread(target=answer, args=(each, document), daemon=True).start()

    def _configure(self, site: str, document: dict[str, Any]) -> None:
        """A config is tried at once, nothing is worse by it, and it stays when that is confirmed."""
        if "config" in document:
            self._trials[site] = document
            self._reported(site, "pending_confirm", checks_worse=())
        elif document.get("id") == self._trials.get(site, {}).get("id"):
            self.run(site, self._trials[site]["config"], self._trials[site]["revision"])
            self._reported(site, "applied")

    def _reported(self, site: str, state: str, **more: Any) -> None:
        trial = self._trials[site]
        facts = {"id": trial["id"], "revision": trial["revision"], "digest": digest(trial["config"])}
        self.say(site, "config/reported", retain=True, **facts, state=state, effective_digest="e", **more)

    def run(self, site: str, room: dict[str, Any], revision: int = 3) -> None:
        """This config runs there."""
        facts = {"id": None, "revision": revision, "digest": digest(room), "effective_digest": "e", "source": "push"}
        self.say(site, "config/running", retain=True, **facts, config=room)

    def _answer(self, site: str, command: dict[str, Any]) -> None:
        action, args = command["action"], command["args"]
        said: dict[str, Any] | None = None
        if action == "power":
            self._result(command, site, "accepted")
            self.switch(site, "on" if args["on"] else "off", by="command", who=command["issued_by"])
        elif action == "recount":
            said = {"people": args["people"], "value": self._counts[site], "error": 0.0}
        elif action == "aim":
            said = AIM
        elif action == "report":
            for name in ("power", "readiness", "headcount"):
                self._again(site, name)
        self._result(command, site, "done", said)

    def _result(self, command: dict[str, Any], site: str, state: str, result: dict[str, Any] | None = None) -> None:
        self.say(site, "command/result", retain=False, id=command["id"], state=state, reason=None, result=result)


def _check(has_failed: bool, reason: str) -> dict[str, Any]:
    if not has_failed:
        return {"state": "ok"}
    return {"state": "failed", "reason": reason, "advice": "Cắm lại dây USB vào hộp."}


AIM: dict[str, Any] = {
    "width": 1920,
    "height": 1080,
    "places": [
        {"x": 0.1 + 0.1 * column, "y": 0.3 + 0.15 * row, "w": 0.03, "h": 0.05, "seen_share": 0.8}
        for row in range(3)
        for column in range(8)
    ],
    "include": [],
    "exclude": [],
    "set_aside": [{"reason": "portrait", "x": 0.5, "y": 0.05, "w": 0.04, "h": 0.06}],
}


def nonsense(crowd: Crowd, site: str) -> None:
    """On every topic that a site has: no JSON, the wrong JSON, too much of it, and none at all."""
    chance = Random(site)
    for name in sorted(contract.MODELS):
        for payload in (chance.randbytes(200), b'{"at": 1e999}', b"[" * 5000, b'"' + b"x" * 60_000 + b'"', b"null"):
            crowd.raw(site, name, payload)
