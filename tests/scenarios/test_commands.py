"""Commands from the centre, end to end: the real command line, a real broker, a simulated room."""

import json
import signal
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import paho.mqtt.client as mqtt
import psutil
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from agent.adapters.mosquitto import Mosquitto
from agent.adapters.outgoing import publish_properties
from agent.console.listener import TOPICS, Listener
from agent.core.contract import ALL_COMMAND
from agent.core.identity import broker_at
from tests.conftest import PATIENCE_S, Ear, Site
from tests.console.test_cli import diemcau

MakeSite = Callable[..., Site]
PRESS = {"at_s": 10, "do": "press"}
TWELVE = {"at_s": 0, "do": "arrive", "people": 12}
COMMAND = "diemcau/v1/chi-linh/command"


class Centre(Ear):
    """Hears the answers too, and sends whatever it is told to."""

    def __init__(self, broker: Mosquitto, *more_topics: str) -> None:
        self.listener = Listener(broker_at(broker.url), (*TOPICS, "diemcau/v1/+/command/result", *more_topics))
        self.listener.start()
        self.all: list[tuple[str, dict[str, Any]]] = []
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        self.client.connect("127.0.0.1", broker.port)
        self.client.loop_start()

    def send(
        self, action: str, id_: str | None = None, age_s: float = 0, expiry_s: int | None = 30, retain: bool = False,
        topic: str = COMMAND, **args: Any
    ) -> str:  # fmt: skip
        id_ = id_ or str(uuid.uuid4())
        issued_at = (datetime.now(UTC) - timedelta(seconds=age_s)).isoformat()
        document = {"id": id_, "action": action, "args": args, "issued_by": "an@tinh", "issued_at": issued_at}
        properties = publish_properties(expiry_s)
        self.client.publish(topic, json.dumps(document), 1, retain, properties).wait_for_publish(PATIENCE_S)
        return id_

    def answer(self, id_: str) -> dict[str, Any]:
        return self.wait("/command/result", lambda d: d["id"] == id_, f"for {id_}")

    def answers(self, id_: str) -> list[dict[str, Any]]:
        """All that came for ``id_``, once a later command was answered too."""
        self.answer(self.send("report"))
        return [document for topic, document in self.all if topic.endswith("/result") and document["id"] == id_]

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()
        self.listener.close()


@pytest.fixture
def centre(broker: Mosquitto) -> Iterator[Centre]:
    hearing = Centre(broker)
    yield hearing
    hearing.close()


@pytest.fixture
def room(broker: Mosquitto, centre: Centre, site: MakeSite) -> Site:
    """A room with twelve people, counted."""
    made = site(broker.url, [PRESS, TWELVE], look_down_share=0)
    made.start()
    centre.wait("/headcount", lambda d: d["value"] == 12, "12 people")
    return made


def restart(room: Site, centre: Centre, how: signal.Signals = signal.SIGKILL) -> None:
    assert room.process is not None
    room.process.send_signal(how)
    room.process.wait()
    centre.forget()
    room.start()
    centre.wait("/headcount", lambda d: d["value"] == 12, "12 people again")


def test_a_recount_is_stored_shown_and_there_again_after_a_kill(broker: Mosquitto, centre: Centre, room: Site) -> None:
    said = diemcau("recount", "chi-linh", "--people", "15", "--broker", broker.url, "--by", "ông An")
    assert (said.returncode, said.stderr) == (0, "")
    assert "by hand: 15 · máy đếm / machine: 12 · sai / error: 20.0%" in said.stdout
    count = centre.wait("/headcount", lambda d: "human" in d, "with the human's number")
    assert {**count["human"], "at": ""} == {"people": 15, "at": "", "by": "ông An", "value": 12}
    assert count["record"] == {"recounts": 1, "mean_error": 0.2, "worst_error": 0.2}
    restart(room, centre)
    again = centre.wait("/headcount", lambda d: d["value"] == 12, "12 people")
    assert (again["human"], again["record"]) == (count["human"], count["record"])
    watched = diemcau("watch", "--broker", broker.url, "--for", "3", "--json")
    assert json.loads(watched.stdout.splitlines()[-1])["human"]["people"] == 15


def test_aim_answers_for_people_and_for_programs(broker: Mosquitto, room: Site) -> None:
    shown = diemcau("aim", "chi-linh", "--broker", broker.url)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "960 × 540" in shown.stdout
    document = json.loads(diemcau("aim", "chi-linh", "--broker", broker.url, "--json").stdout)
    assert document["state"] == "done"
    assert {"width", "height", "places", "include", "exclude", "set_aside"} <= document["result"].keys()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_the_same_id_is_carried_out_once_also_across_a_restart(centre: Centre, room: Site, how: signal.Signals) -> None:
    id_ = centre.send("recount", people=15)
    first = centre.answer(id_)
    centre.send("recount", id_, people=99)
    assert [each["result"] for each in centre.answers(id_)] == [first["result"]] * 2
    restart(room, centre, how)
    centre.send("recount", id_, people=99)
    assert centre.answer(id_)["result"] == first["result"]
    assert centre.wait("/headcount", lambda d: "human" in d, "human")["human"]["people"] == 15


def test_a_stored_command_is_never_carried_out(broker: Mosquitto, centre: Centre, room: Site) -> None:
    live = centre.send("recount", retain=True, people=15)
    assert (centre.answer(live)["state"], centre.answer(live)["reason"]) == ("refused", "retained")
    stored = centre.send("report", retain=True, topic=ALL_COMMAND)
    assert centre.answer(stored)["reason"] == "retained"
    restart(room, centre)  # what is stored now would be delivered at the subscription
    assert centre.answers(live) == centre.answers(stored) == []
    assert "human" not in centre.wait("/headcount", lambda d: True, "any")


def test_what_may_not_be_done_is_refused_with_the_reason(centre: Centre, room: Site) -> None:
    old = centre.answer(centre.send("recount", age_s=40, expiry_s=None, people=15))
    # Without an expiry a command's age is judged by the clock, and a machine whose clock nobody set cannot.
    assert old["reason"] == ("expired" if old["clock"] == "synced" else "clock_unsynced")
    assert centre.answer(centre.send("recount", people=-1))["reason"].startswith("malformed: args.people: ")
    assert centre.answer(centre.send("dance"))["reason"] == "unknown_action"
    assert "human" not in centre.wait("/headcount", lambda d: True, "any")


def test_a_command_that_waits_at_the_broker_is_done_while_it_lives_and_not_after(centre: Centre, room: Site) -> None:
    assert room.process is not None
    room.process.send_signal(signal.SIGTERM)
    room.process.wait()
    dead, alive = centre.send("recount", expiry_s=1, people=15), centre.send("recount", expiry_s=30, people=16)
    centre.forget()
    time.sleep(2.5)  # the broker counts an expiry in whole seconds, and there is nothing else to wait for
    room.start()
    assert centre.answer(alive)["state"] == "done"
    assert centre.answers(dead) == []


def test_everybody_is_asked_to_report(centre: Centre, room: Site) -> None:
    centre.forget()
    id_ = centre.send("report", topic=ALL_COMMAND)
    assert centre.answer(id_)["state"] == "done"
    for topic in ("/status", "/about", "/power", "/headcount", "/health"):
        centre.wait(topic, lambda d: True, "said at once")


def test_nonsense_on_the_command_topic_costs_nothing(centre: Centre, room: Site) -> None:
    for raw in (b"", b"\xff", b"[" * 60_000, b"x" * 100_000, b'{"id": NaN}', b"\xef\xbb\xbf{}", b"null"):
        centre.client.publish(COMMAND, raw, 1)
    assert centre.answer(centre.send("report"))["state"] == "done"
    assert "nobody can be told about" in room.log
    assert "Traceback" not in room.log


def test_a_thousand_commands_at_once_are_answered_and_the_agent_goes_on(centre: Centre, room: Site) -> None:
    assert room.process is not None
    before = psutil.Process(room.process.pid).memory_info().rss
    ids = [str(number) for number in range(1000)]
    for id_ in ids:
        document = {"id": id_, "action": "recount", "args": {"people": 5, "x": "y" * 5_000}, "issued_by": "an"}
        issued_at = datetime.now(UTC).isoformat()
        centre.client.publish(
            COMMAND, json.dumps({**document, "issued_at": issued_at}), 1, properties=publish_properties(30)
        )
    centre.wait("/command/result", lambda d: d["id"] == ids[-1], "the last one")
    states = [d["state"] for t, d in centre.all if t.endswith("/result")]
    assert len(states) == 1000
    assert 1 <= states.count("done") < 200
    assert psutil.Process(room.process.pid).memory_info().rss - before < 60_000_000
    centre.forget()
    assert centre.wait("/headcount", lambda d: d["value"] == 12, "still counting")["record"]["recounts"] >= 1


def test_a_restart_from_afar_answers_first_and_begins_anew_with_the_same_state(
    broker: Mosquitto, centre: Centre, site: MakeSite
) -> None:
    room = site(broker.url, [PRESS])
    process = room.start()
    first = centre.wait("/status", lambda d: d["state"] == "running", "running")
    id_ = centre.send("restart")
    assert centre.answer(id_)["state"] == "done"
    second = centre.wait(
        "/status", lambda d: d["state"] == "running" and d["session"] != first["session"], "running anew"
    )
    assert second["connection"] > first["connection"]
    assert process.poll() is None  # the same process, so whoever started it still has it
    assert [each["state"] for each in centre.answers(id_)] == ["done"]
