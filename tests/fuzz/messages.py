"""What comes by way of the broker: each payload by itself, and everything of ours that takes messages in."""

import functools
import json
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from io import StringIO

import paho.mqtt.client as mqtt
from pydantic import ValidationError
from rich.console import Console

from agent.adapters import delivery
from agent.adapters.delivery import Delivery
from agent.adapters.twin import Twin
from agent.console import drill, roll_call
from agent.console.aim_map import drawn, listed
from agent.console.ask import Answer
from agent.console.recorder import TOPICS, Came, Recorder
from agent.console.roll_call import RollCall
from agent.console.site_commands import document, why_not
from agent.console.sites import FIELDS, Sites, take
from agent.console.store import Store
from agent.console.table import sites_table
from agent.console.watch import json_line
from agent.core.contract import (
    ALL_COMMAND,
    MAX_PAYLOAD_BYTES,
    MODELS,
    Aim,
    CommandResult,
    HistoryAck,
    Payload,
    compact,
    decode,
    encode,
)
from agent.core.events import ConfigOffered, MessageReceived
from agent.core.home_assistant import STATUS_TOPIC
from agent.core.identity import broker_at
from tests.core.config_bed import ConfigRig
from tests.core.rig import Rig
from tests.fuzz import seeds

SITE = "diemcau/v1/chi-linh"
NOW = datetime(2012, 11, 20, 7, 30, tzinfo=UTC)


def payload(model: type[Payload], raw: bytes) -> None:
    """Taken, and the same when it is sent on; or refused in one printable line."""
    try:
        read = decode(model, raw)
    except ValueError as error:
        refusal = error
    else:
        return _sent_on(model, raw, read)
    assert type(refusal) is ValueError
    assert str(refusal).isprintable()
    assert len(str(refusal)) < 250
    return None


def _sent_on(model: type[Payload], raw: bytes, read: Payload) -> None:
    assert len(raw) <= MAX_PAYLOAD_BYTES
    again = encode(read)
    if len(again) <= MAX_PAYLOAD_BYTES:
        assert decode(model, again) == read


def agent(raw: bytes) -> None:
    """The agent's whole core, on everything that it listens to; afterwards it still does what it is told."""
    rig = _started()
    for full in (f"{SITE}/command", f"{SITE}/conference", ALL_COMMAND, STATUS_TOPIC, f"{SITE}/other", "x"):
        rig.do(MessageReceived(full, raw, retain=False, expiry_s=30, received_s=rig.now_s))
    rig.wait(1.0)
    rig.do(MessageReceived(f"{SITE}/command", _report(), retain=False, expiry_s=30, received_s=rig.now_s))
    assert (rig.sent[-1]["id"], rig.sent[-1]["state"]) == ("good", "done")


def pushed(raw: bytes) -> None:
    """A pushed config, whole and inside a message that is good; afterwards a good one is still taken."""
    rig = ConfigRig()
    rig.begin()
    rig.raw(raw)
    rig.raw(raw, "config/confirm")
    rig.do(ConfigOffered(raw))
    with suppress(ValueError, RecursionError):
        rig.push(json.loads(raw), 7)
    rig.wait(200)
    rig.is_consistent()
    rig.push({}, 2**53 - 1, confirm_within_s=0)
    assert rig.report[0] in ("applied", "applying", "rejected", "rolled_back")


@functools.cache
def _long_ago() -> Rig:
    rig = Rig()
    rig.start_long_ago()
    return rig


def _started() -> Rig:
    """A room of its own that stands as one does some time after its start."""
    rig, before = Rig(), _long_ago()
    rig.room, rig.now_s, rig.contacts = before.room, before.now_s, dict(before.contacts)
    return rig


def _report() -> bytes:
    return seeds.dumped({**seeds.COMMAND, "id": "good", "action": "report", "args": {}})[0]


def acknowledgement(raw: bytes) -> None:
    """What the centre, or whoever may write there, says it has; and what a second box would say."""
    Twin("b-1", "s-1").heard(raw)
    state = delivery.written(Delivery("e-1"), 9)
    try:
        ack = decode(HistoryAck, raw)
    except ValueError:
        return
    after = delivery.acknowledged(state, ack, 1.0)
    assert state.upto <= after.upto <= after.newest
    after, turn = delivery.turn(after, 20, 0, 2.0)
    assert all(1 <= seq <= after.newest for seq in turn.again)


class _Centre:
    """The recorder with a database in memory: one for all, since making it takes its time."""

    def __init__(self) -> None:
        self.store = Store("sqlite://")
        self.store.start()
        self.recorder = Recorder(broker_at("mqtt://localhost"), self.store, "r")
        self.client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)


_centre = functools.cache(_Centre)


def recorder(raw: bytes) -> None:
    """A row is written or refused, whatever stands in it."""
    centre = _centre()
    for name in (*TOPICS, "history/ack", "about"):
        row = centre.recorder._row(Came(centre.client, f"{SITE}/{name}", raw, 1), 1.0)
        if row is not None:
            assert centre.recorder._write([row])


def centre_screen(raw: bytes) -> None:
    """``watch`` and ``drill``: what could be read can be shown, beside a site that is well."""
    good = seeds.dumped(seeds.COUNT, seeds.PAYLOADS["status"])
    sites = Sites()
    call = roll_call.asked(RollCall(), "c-1", 0.0)
    for topic, each in ((f"{SITE}-2/headcount", good[0]), (f"{SITE}-2/status", good[1])):
        sites, _ = take(sites, topic, each)
    for name in (*FIELDS, "command/result", "other"):
        sites, _ = take(sites, f"{SITE}/{name}", raw)
        call = roll_call.heard(call, f"{SITE}/{name}", raw, 1.0)
    # Each kind of screen by itself: a site whose number is believed as well as one that has gone.
    sites, _ = take(sites, f"{SITE}/status", good[1])
    for view in sites.ordered():
        if view.headcount is not None:
            compact(json_line(view, view.headcount)).encode()
    rows = roll_call.rows(call)
    compact([roll_call.document(row) for row in rows]).encode()
    screen = Console(file=StringIO(), width=120)
    screen.print(sites_table(sites.ordered(), NOW, "t"))
    screen.print(drill.table(rows))
    assert sites.by_id["chi-linh-2"].headcount is not None


def answer(raw: bytes) -> None:
    """An answer to a command, as ``aim`` and ``power`` show it."""
    try:
        result = decode(CommandResult, raw)
    except ValueError:
        return
    said = Answer("c-1", result, None, "running", "Chí Linh")
    compact(document(said, "chi-linh", "aim", None)).encode()
    why_not(said, "chi-linh").encode()
    try:
        aim = Aim.model_validate_json(compact(result.result))
    except ValidationError:
        return
    began_s = time.process_time()
    drawn(aim)
    listed(aim)
    assert time.process_time() - began_s < 5, "a room that takes seconds to draw"


def _payload(name: str) -> Callable[[bytes], None]:
    return lambda raw: payload(MODELS[name], raw)


_EVERY = seeds.dumped(*seeds.PAYLOADS.values())
_SHOWN = seeds.dumped(*(seeds.PAYLOADS[name] for name in (*FIELDS, "command/result")))
# Name, check, seeds and whether it takes its time, as in targets.py.
MESSAGES: tuple[tuple[str, Callable[[bytes], object], tuple[bytes, ...], bool], ...] = (
    *((f"payload:{name}", _payload(name), seeds.dumped(seeds.PAYLOADS[name]), False) for name in MODELS),
    ("agent", agent, seeds.dumped(seeds.COMMAND, seeds.PAYLOADS["conference"]), True),
    ("pushed-config", pushed, seeds.dumped(seeds.CONFIG, seeds.CONFIG["config"]), True),
    ("acknowledgement", acknowledgement, seeds.dumped(seeds.PAYLOADS["history/ack"], seeds.PAYLOADS["status"]), False),
    ("recorder", recorder, tuple(raw for raw in _EVERY if b'"epoch"' in raw), False),
    ("centre-screen", centre_screen, _SHOWN, True),
    ("answer", answer, seeds.dumped(seeds.PAYLOADS["command/result"]), False),
)
