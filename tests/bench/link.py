"""What the link costs and how fast it is: the outbox against bare paho, the recorder against bare inserts, a storm.

    python -m tests.bench.link [drain|record|storm …] [--rows N] [--sites N] [--away S] [--out OUT.json]

drain: an outbox of N rows against bare paho publishing the same payloads to the same broker with as many under way.
record: N rows through broker and recorder into each kind of database against the same rows in bare batched inserts.
storm: N raw MQTT 5 connections with a row every ten seconds each; the broker dies and is away for a while.
Ratios are of one run on one machine; the figures themselves depend on it.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import psutil
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from sqlalchemy import create_engine

from agent.adapters.agent_db import AgentDb
from agent.adapters.mosquitto import Mosquitto
from agent.adapters.mqtt_link import MqttLink
from agent.adapters.outbox import Outbox
from agent.console import recorder_packets as packets
from agent.console.recorder import Recorder
from agent.console.store import ROW, Store, _values
from agent.core.commands import Keep
from agent.core.config import ReportingSection
from agent.core.identity import BrokerSection, broker_at
from tests.adapters.test_history_rows import gap_event
from tests.adapters.test_history_rows import window as site_window
from tests.adapters.test_mqtt_link import lost
from tests.bench.storm import publish, storm
from tests.console.postgresql import Postgresql, program
from tests.console.test_store import Row, window

GROUP, UNDER_WAY = 1000, 100


@contextmanager
def broker() -> Iterator[tuple[Path, Mosquitto]]:
    """A folder on a disk, and a broker in it."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        folder = Path(name)
        (folder / "broker").mkdir()
        running = Mosquitto(folder / "broker", extra="allow_anonymous true\nmax_queued_messages 1000000")
        running.start()
        try:
            yield folder, running
        finally:
            running.close()


@contextmanager
def recorder(url: str, database: str) -> Iterator[Recorder]:
    """A recorder in a thread."""
    store = Store(database)
    store.start()
    made = Recorder(broker_at(url), store, "recorder", share=None)
    thread = threading.Thread(target=made.run, daemon=True)
    thread.start()
    while made._client is None:
        time.sleep(0.01)
    try:
        yield made
    finally:
        made.close()
        thread.join(10)
        store.close()


def drain(rows: int) -> dict[str, Any]:
    """In a process of its own, for its memory."""
    with broker() as (folder, running):
        db = AgentDb(folder / "agent.db")
        db.start()
        for _ in range(rows // GROUP):
            db.keep(Keep(tuple(site_window(value % 300) for value in range(GROUP))))
        db.close()
        with recorder(running.url, f"sqlite:///{folder}/centre.db"):
            argv = [sys.executable, "-m", "tests.bench.link", "--drain-process", str(folder / "agent.db"), running.url]
            outbox = json.loads(subprocess.run(argv, capture_output=True, check=True, text=True).stdout)
        bare_s = bare_paho(running.port, rows)
    return {
        "rows": rows,
        "outbox_sent_s": outbox["sent_s"],
        "outbox_acknowledged_s": outbox["acknowledged_s"],
        "bare_paho_s": round(bare_s, 2),
        "sent_ratio": round(bare_s / outbox["sent_s"], 2),
        "acknowledged_ratio": round(bare_s / outbox["acknowledged_s"], 2),
        "site_memory_above_idle_mb": outbox["memory_mb"],
    }


def drain_process(path: str, url: str) -> None:
    """The site's half: sends until the centre has all; prints how long that took, and what memory it took."""
    db = AgentDb(Path(path))
    db.start()
    outbox = Outbox(db, ReportingSection(), gap_event)
    outbox.start()
    sent = threading.Event()
    total = outbox.figures().rows
    real = outbox.passed_on

    def passed_on(seq: int) -> None:
        real(seq)
        if seq == total:
            sent.set()

    outbox.passed_on = passed_on  # type: ignore[method-assign]
    link = MqttLink(BrokerSection(url=url), "nam-sach", db.next_connection, lost, (), lambda event: None, outbox=outbox)
    idle = psutil.Process().memory_info().rss
    began_s = time.monotonic()
    link.start()
    most = idle
    while not sent.wait(0.05):
        most = max(most, psutil.Process().memory_info().rss)
    sent_s = time.monotonic() - began_s
    while outbox.figures().rows:
        time.sleep(0.05)
    took_s = time.monotonic() - began_s
    link.close()
    figures = {"sent_s": sent_s, "acknowledged_s": took_s, "memory_mb": (most - idle) / 1e6}
    print(json.dumps({name: round(value, 2) for name, value in figures.items()}))


def bare_paho(port: int, rows: int, topic: str = "diemcau/v1/nam-sach/history/bare") -> float:
    """The same payloads, as fast as paho goes with as many under way; seconds."""
    raw = window(1).raw.encode()
    room = threading.Semaphore(UNDER_WAY)
    client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    client.max_inflight_messages_set(UNDER_WAY)
    client.on_publish = lambda *_: room.release()
    client.connect("127.0.0.1", port)
    client.loop_start()
    began_s = time.monotonic()
    for _ in range(rows):
        room.acquire()
        client.publish(topic, raw, qos=1)
    for _ in range(UNDER_WAY):
        room.acquire()
    took_s = time.monotonic() - began_s
    client.disconnect()
    client.loop_stop()
    return took_s


def record(rows: int) -> dict[str, Any]:
    """On SQLite, and on PostgreSQL where there is one."""
    with broker() as (folder, running):
        found = {"sqlite": _recorded(rows, running, [f"sqlite:///{folder}/{name}.db" for name in ("centre", "bare")])}
        if program("initdb") is not None:
            server = Postgresql(folder / "postgresql", is_durable=True)
            server.start()
            try:
                found["postgresql"] = _recorded(rows, running, [server.url, server.url])
            finally:
                server.stop()
    return found


def _recorded(rows: int, running: Mosquitto, urls: list[str]) -> dict[str, Any]:
    """Broker and recorder against bare inserts of the same rows in batches."""
    argv = [sys.executable, "-m", "tests.bench.link", "--publish-process", str(running.port), str(rows)]
    with recorder(running.url, urls[0]) as writing, subprocess.Popen(argv):
        while not writing.counts["rows"]:
            time.sleep(0.001)
        began_s, before, spent = time.monotonic(), writing.counts["rows"], time.process_time()
        while writing.counts["rows"] < rows:
            time.sleep(0.02)
        share = rows / (rows - before)
        recorded_s, spent = (time.monotonic() - began_s) * share, (time.process_time() - spent) * share
    bare_s, bare_spent = _bare_inserts(urls[1], [window(seq) for seq in range(1, rows + 1)])
    return {
        "rows": rows,
        "recorder_rows_per_s": round(rows / recorded_s),
        "bare_rows_per_s": round(rows / bare_s),
        "ratio": round(bare_s / recorded_s, 2),
        "recorder_us_of_a_core_per_row": round(spent / rows * 1e6),
        "bare_us_of_a_core_per_row": round(bare_spent / rows * 1e6),
        "ratio_by_core": round(bare_spent / spent, 2),
    }


def publish_process(port: int, rows: int) -> None:
    """The sites' half: made before, by hand, and a thousand under way, so that it is not what is measured."""
    topic = "diemcau/v1/nam-sach/history/headcount"
    made = [publish(seq % 65535 + 1, topic, window(seq).raw.encode()) for seq in range(1, rows + 1)]
    sent = acknowledged = 0
    buffer = bytearray()
    with socket.create_connection(("127.0.0.1", port)) as end:
        end.sendall(packets.connect("sites", "", None, 0, Properties(PacketTypes.CONNECT)))
        while acknowledged < rows:
            if (room := 1000 - (sent - acknowledged)) >= min(100, rows - sent) > 0:
                end.sendall(b"".join(made[sent : sent + room]))
                sent = min(rows, sent + room)
            buffer += end.recv(65536)
            acknowledged += sum(each.kind == packets.PUBACK for each in packets.take(buffer, 1000))


def _bare_inserts(url: str, made: list[Row]) -> tuple[float, float]:
    """Plain executemany into an empty table of the same kind; seconds, and seconds of a core."""
    store = Store(url)
    store.start()
    store.close()
    engine = create_engine(url)  # WAL is the file's own, synchronous=FULL the default
    with engine.begin() as db:
        db.execute(ROW.delete())
    began_s, spent = time.monotonic(), time.process_time()
    for at in range(0, len(made), GROUP):
        with engine.begin() as db:
            db.execute(ROW.insert(), [_values(row, {}) for row in made[at : at + GROUP]])
    engine.dispose()
    return time.monotonic() - began_s, time.process_time() - spent


def _storm(sites: int, away_s: float) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        return storm(Path(name), sites, away_s)


def main() -> None:
    """Run what is asked for, and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="*", default=["drain", "record", "storm"])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--sites", type=int, default=5000)
    parser.add_argument("--away", type=float, default=30.0, metavar="S", help="how long the broker is gone")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--drain-process", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--publish-process", nargs=2, type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.publish_process:
        publish_process(*asked.publish_process)
        return
    if asked.drain_process:
        drain_process(*asked.drain_process)
        return
    benches: dict[str, Callable[[], dict[str, Any]]] = {
        "drain": lambda: drain(asked.rows),
        "record": lambda: record(asked.rows),
        "storm": lambda: _storm(asked.sites, asked.away),
    }
    found = {what: benches[what]() for what in asked.what}
    print(json.dumps(found, indent=1))
    if asked.out:
        asked.out.write_text(json.dumps({**found, "cpus": os.cpu_count()}, indent=1))


if __name__ == "__main__":
    main()
