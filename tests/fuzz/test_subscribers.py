"""Bad input at everything of ours that listens to a broker: refused, counted, and the work goes on."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from agent.adapters.mosquitto import Mosquitto
from agent.console import roll_call
from agent.console.ask import Answer, Asking
from agent.console.drill import hold
from agent.console.listener import Listener
from agent.console.sites import FIELDS
from agent.console.store import Store
from agent.console.watch import Watch
from agent.core.contract import ROOT
from agent.core.identity import broker_at
from tests.conftest import PATIENCE_S, Ear, Site, wait_for
from tests.console.test_recorder import RawSite, recording
from tests.console.test_store import EPOCH, event
from tests.fuzz import seeds
from tests.fuzz.test_parsers import BAD

LARGE = "10 MB"
WRONG = {
    "wrong types": json.dumps({"id": 7, "action": [], "at": {}, "people": "x", "seq": "1", "epoch": 1}).encode(),
    "huge number": b'{"id": "h", "seq": 1' + b"0" * 400 + b', "people": 1' + b"0" * 400 + b"}",
    "twice": b'{"id": "t", "id": "u", "action": "report", "epoch": "a", "epoch": 7}',
    "nan in a good one": seeds.dumped({**seeds.COMMAND, "id": "n"})[0].replace(b"50", b"NaN"),
    "half a letter": seeds.dumped({**seeds.COMMAND, "id": "s"})[0].replace(b'"an"', b'"\\ud800"'),
    "byte order mark": b"\xef\xbb\xbf" + seeds.dumped({**seeds.COMMAND, "id": "b"})[0],
}
ALL_BAD = {what: raw for what, raw in (BAD | WRONG).items() if what != LARGE}


class Sender:
    """Whoever may write, and writes nonsense. As any broker of ours, this one ends the connection of who sends more
    than 128 KiB.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._client = self._connected()

    def _connected(self) -> mqtt.Client:
        client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5, reconnect_on_failure=False)
        client.connect("127.0.0.1", self._port)
        client.loop_start()
        return client

    def say(self, name: str, raw: bytes, retain: bool = False) -> None:
        self._client.publish(f"{ROOT}/{name}", raw, qos=1, retain=retain).wait_for_publish(PATIENCE_S)

    def say_too_much(self, name: str) -> None:
        is_over = threading.Event()
        self._client.on_disconnect = lambda *_: is_over.set()
        self._client.publish(f"{ROOT}/{name}", BAD[LARGE], qos=1)
        assert is_over.wait(PATIENCE_S)
        self._client.loop_stop()
        self._client = self._connected()

    def say_all_bad(self, *names: str, retain: bool = False) -> None:
        for name in names:
            for raw in ALL_BAD.values():
                self.say(name, raw, retain)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def sender(broker: Mosquitto) -> Iterator[Sender]:
    made = Sender(broker.port)
    yield made
    made.close()


def report(broker: Mosquitto) -> Answer:
    return Asking(broker_at(broker.url), "chi-linh", lambda presence: None).ask("report", {}, "an", 10)


def is_done(answer: Answer) -> bool:
    return answer.result is not None and answer.result.state == "done"


def test_an_agent_does_what_it_is_told_after_all_of_it(
    broker: Mosquitto, ear: Ear, site: Callable[..., Site], sender: Sender
) -> None:
    running = site(broker.url, [])
    process = running.start()
    ear.wait("/status", lambda status: status["state"] == "running", "of the agent")
    names = ("command", "conference", "history/ack", "status", "config/desired", "config/confirm", "other")
    sender.say_all_bad(*(f"chi-linh/{name}" for name in names), "_all/command")
    sender.say_too_much("chi-linh/command")
    # What was refused counts as well towards how many may come: the first answers may be that these were too many.
    wait_for(lambda: is_done(report(broker)), "a good command is carried out")
    ear.forget()  # what was said on the site's own status as well
    now = datetime.now(UTC)
    starts, ends = (now + timedelta(hours=hours) for hours in (1, 2))
    good = {"id": "hn-1", "summoned": 40, "starts_at": starts.isoformat(), "ends_at": ends.isoformat()}
    sender.say("chi-linh/conference", json.dumps(good).encode())
    ear.wait("/headcount", lambda count: count.get("summoned") == 40, "of the good conference")
    assert process.poll() is None
    assert "Traceback" not in running.log
    assert "conference: refused" in running.log
    assert "history/ack: refused" in running.log
    assert "nobody can be told about" in running.log
    the_drill_finds_it(broker, sender)


def the_drill_finds_it(broker: Mosquitto, sender: Sender) -> None:
    """While another site says nothing but nonsense, before it and during it."""
    sender.say_all_bad(*(f"nam-sach/{name}" for name in FIELDS), retain=True)
    ended = threading.Event()

    def go_on() -> None:
        while not ended.is_set():
            sender.say_all_bad("nam-sach/readiness", "nam-sach/command/result")
            time.sleep(0.1)

    babble = threading.Thread(target=go_on)
    babble.start()
    try:
        call = hold(broker_at(broker.url), 10, "an")
    finally:
        ended.set()
        babble.join(PATIENCE_S)
    found = {row.site: row for row in roll_call.rows(call)}
    assert found["chi-linh"].answered_s is not None
    assert found["chi-linh"].has_told
    assert found["nam-sach"].verdict == "no-go"


def test_a_recorder_writes_and_acknowledges_a_good_row_after_all_of_it(
    broker: Mosquitto, tmp_path: Path, sender: Sender
) -> None:
    store = Store(f"sqlite:///{tmp_path}/centre.db")
    store.start()
    site = RawSite(broker.port)
    with recording(broker, store) as recorder:
        sender.say_all_bad("chi-linh/history/event", "nam-sach/history/headcount", "chi-linh/history/ack")
        sender.say_too_much("chi-linh/history/event")
        sender.say("chi-linh/other", b"{}")
        site.send(event(1))
        wait_for(lambda: site.told(epoch=EPOCH, upto=1), "the acknowledgement of the good row")
        assert recorder.counts["refused"] == 2 * len(ALL_BAD)
        assert recorder.counts["rows"] == 1
    site.close()
    store.close()


def test_watch_shows_a_good_headcount_after_all_of_it(
    broker: Mosquitto, sender: Sender, capsys: pytest.CaptureFixture[str]
) -> None:
    listener = Listener(broker_at(broker.url))
    listener.start()
    watch = Watch(listener, as_json=True, title="t")
    seen: list[str] = []
    watch.on_report = lambda view, count: seen.append(view.site)
    try:
        sender.say_all_bad(*(f"chi-linh/{name}" for name in FIELDS))
        sender.say_too_much("chi-linh/headcount")
        sender.say("chi-linh/headcount", seeds.dumped(seeds.COUNT)[0])
        watch.run(PATIENCE_S, should_stop=lambda: bool(seen))
    finally:
        listener.close()
    assert seen == ["chi-linh"]
    assert json.loads(capsys.readouterr().out)["value"] == 40
    # An empty payload is no bad one: it takes away what was retained.
    assert watch.sites.by_id["chi-linh"].refused == len(FIELDS) * (len(ALL_BAD) - 1)
