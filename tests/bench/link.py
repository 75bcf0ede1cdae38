"""What the link costs and how fast it is: the outbox against bare paho, the recorder against bare inserts, a storm.

    python -m tests.bench.link [drain|record|storm|wear …] [--rows N] [--sites N] [--out OUT.json]

drain: an outbox of N rows against bare paho publishing the same payloads to the same broker with as many under way.
record: N rows through broker and recorder into SQLite against the same rows in bare batched inserts.
storm: N raw MQTT 5 connections with a row every ten seconds each; the broker is restarted.
wear: a day of a site that reports all day, as bytes that its process hands to the disk.
Ratios are of one run on one machine; the figures themselves depend on it.
"""

import argparse
import asyncio
import json
import os
import random
import resource
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
from sqlalchemy import create_engine

from agent.adapters.agent_db import AgentDb
from agent.adapters.mosquitto import Mosquitto
from agent.adapters.mqtt_client import back_off_s
from agent.adapters.mqtt_link import MqttLink
from agent.adapters.outbox import Outbox
from agent.console.recorder import Recorder
from agent.console.store import META, ROW, Store, _values
from agent.core.commands import Keep
from agent.core.config import ReportingSection
from agent.core.identity import BrokerSection, broker_at
from tests.adapters.test_history_rows import gap_event
from tests.adapters.test_history_rows import window as site_window
from tests.adapters.test_mqtt_link import lost
from tests.console.test_store import Row, window

GROUP, UNDER_WAY = 1000, 100
DAY_ROWS, DAY_EVENTS = 1440, 60


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
    """Broker and recorder against bare inserts of the same rows in the same batches."""
    made = [window(seq) for seq in range(1, rows + 1)]
    with broker() as (folder, running):
        argv = [sys.executable, "-m", "tests.bench.link", "--publish-process", str(running.port), str(rows)]
        with recorder(running.url, f"sqlite:///{folder}/centre.db") as writing, subprocess.Popen(argv):
            while not writing.counts["rows"]:
                time.sleep(0.001)
            began_s, before = time.monotonic(), writing.counts["rows"]
            spent = time.process_time()
            while writing.counts["rows"] < rows:
                time.sleep(0.01)
            recorded_s = (time.monotonic() - began_s) * rows / (rows - before)
            spent = time.process_time() - spent
        bare_s = _bare_inserts(f"sqlite:///{folder}/bare.db", made)
    return {
        "rows": rows,
        "recorder_rows_per_s": round(rows / recorded_s),
        "bare_rows_per_s": round(rows / bare_s),
        "ratio": round(bare_s / recorded_s, 2),
        "recorder_us_of_a_core_per_row": round(spent / rows * 1e6),
    }


def publish_process(port: int, rows: int) -> None:
    """The sites' half: as fast as they come, a thousand under way."""
    made = [window(seq) for seq in range(1, rows + 1)]
    room = threading.Semaphore(1000)
    client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    client.max_inflight_messages_set(0)
    client.on_publish = lambda *_: room.release()
    client.connect("127.0.0.1", port)
    client.loop_start()
    for row in made:
        room.acquire()
        client.publish("diemcau/v1/nam-sach/history/headcount", row.raw.encode(), qos=1)
    time.sleep(2)
    client.disconnect()
    client.loop_stop()


def _bare_inserts(url: str, made: list[Row]) -> float:
    store = Store(url)
    store.start()
    store.close()
    engine = create_engine(url)
    began_s = time.monotonic()
    for at in range(0, len(made), GROUP):
        with engine.begin() as db:
            db.exec_driver_sql("PRAGMA synchronous=FULL")
            db.execute(META.tables[ROW.name].insert(), [_values(row, {}) for row in made[at : at + GROUP]])
    engine.dispose()
    return time.monotonic() - began_s


def wear() -> dict[str, Any]:
    """A day's rows, one commit each, acknowledged every second and written down as the agent does."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        db = AgentDb(Path(name) / "agent.db")
        db.start()
        before = psutil.Process().io_counters()
        for minute in range(DAY_ROWS):
            db.keep(Keep((site_window(minute % 300),)))
            if minute % (DAY_ROWS // DAY_EVENTS) == 0:
                db.keep(Keep((), {"power": json.dumps({"state": "on", "n": minute})}))
            if minute % 5 == 0:
                from agent.adapters import history_rows

                db.write(lambda real, minute=minute: history_rows.acknowledge(real, minute + 1, minute * 60.0))
        after = psutil.Process().io_counters()
        db.close()
    return {
        "commits": DAY_ROWS + DAY_EVENTS + DAY_ROWS // 5,
        "handed_to_the_kernel_mb": round((after.write_chars - before.write_chars) / 1e6, 1),
        "pages_written_mb": round((after.write_bytes - before.write_bytes) / 1e6, 1),
    }


class RawSite:
    """One MQTT 5 connection by hand: CONNECT, a row now and then, PUBACKs read and thrown away."""

    def __init__(self, number: int, port: int, up: Callable[[bool], None]) -> None:
        self._name, self._port, self._up = f"site-{number:05}", port, up
        self._seq = 0

    async def live(self, every_s: float) -> None:
        """Connect for ever, with the agent's own back-off."""
        failures = 0
        while True:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
                writer.write(_connect(self._name))
                await writer.drain()
                await asyncio.wait_for(reader.readexactly(4), 20)
                self._up(True)
                failures = 0
                try:
                    await self._talk(reader, writer, every_s)
                finally:
                    self._up(False)
                    writer.close()
            except (OSError, asyncio.IncompleteReadError, TimeoutError):
                failures += 1
            await asyncio.sleep(back_off_s(failures))

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, every_s: float) -> None:
        drop = asyncio.ensure_future(_until_closed(reader))
        await asyncio.sleep(random.uniform(0, every_s))
        while not drop.done():
            self._seq += 1
            row = window(self._seq, site=self._name)
            writer.write(_publish_packet(f"diemcau/v1/{self._name}/history/headcount", row.raw.encode(), self._seq))
            await writer.drain()
            await asyncio.wait([drop], timeout=every_s)
        drop.result()


async def _until_closed(reader: asyncio.StreamReader) -> None:
    while await reader.read(65536):
        pass
    raise ConnectionResetError


def _connect(name: str) -> bytes:
    body = b"\0\4MQTT\5\2" + (60).to_bytes(2, "big") + b"\0" + len(name).to_bytes(2, "big") + name.encode()
    return b"\x10" + _length(len(body)) + body


def _publish_packet(topic: str, raw: bytes, mid: int) -> bytes:
    body = len(topic).to_bytes(2, "big") + topic.encode() + (mid % 65535 + 1).to_bytes(2, "big") + b"\0" + raw
    return b"\x32" + _length(len(body)) + body


def _length(size: int) -> bytes:
    out = b""
    while True:
        size, low = divmod(size, 128)
        out += bytes([low | (0x80 if size else 0)])
        if not size:
            return out


def storm(sites: int) -> dict[str, Any]:
    """All connect, report for a while, and come back after the broker's restart."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    with broker() as (folder, running):
        argv = [sys.executable, "-m", "agent", "record", "--broker", running.url, "--name", "storm",
                "--database", f"sqlite:///{folder}/centre.db", "--centre", str(folder / "none")]  # fmt: skip
        with (folder / "log").open("ab") as said, subprocess.Popen(argv, stdout=said, stderr=said) as writing:
            try:
                return asyncio.run(_storm(sites, running, writing.pid, f"{folder}/centre.db"))
            finally:
                writing.terminate()


async def _storm(sites: int, running: Mosquitto, recorder_pid: int, database: str) -> dict[str, Any]:
    up = 0
    ups_s: list[float] = []

    def moved(is_up: bool) -> None:
        nonlocal up
        up += 1 if is_up else -1
        if is_up:
            ups_s.append(time.monotonic())

    tasks = [asyncio.ensure_future(RawSite(number, running.port, moved).live(10.0)) for number in range(sites)]
    began_s = time.monotonic()
    while up < 0.99 * sites and time.monotonic() - began_s < 300:
        await asyncio.sleep(0.2)
    process = psutil.Process(recorder_pid)
    cpu, at_s, rows = process.cpu_times(), time.monotonic(), _rows(database)
    await asyncio.sleep(30)
    spent = process.cpu_times()
    share = (spent.user + spent.system - cpu.user - cpu.system) / (time.monotonic() - at_s)
    rows_per_s = (_rows(database) - rows) / (time.monotonic() - at_s)
    ups_s.clear()
    await asyncio.to_thread(running.kill)
    await asyncio.sleep(2)
    await asyncio.to_thread(running.start)
    back_s = time.monotonic()
    while up < 0.95 * sites and time.monotonic() - back_s < 120:
        await asyncio.sleep(0.1)
    t95_s = time.monotonic() - back_s
    peak = max((sum(1 for each in ups_s if at <= each < at + 1) for at in set(map(int, ups_s))), default=0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return {
        "sites": sites,
        "back_95_percent_s": round(t95_s, 1),
        "peak_connects_per_s": peak,
        "recorder_share_of_a_core": round(share, 2),
        "recorder_rows_per_s": round(rows_per_s),
        "wanted_rows_per_s": round(sites / 10),
    }


def _rows(database: str) -> int:
    import sqlite3

    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as db:
        return int(db.execute("SELECT count(*) FROM history_row").fetchone()[0])


def main() -> None:
    """Run what is asked for, and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="*", default=["drain", "record", "wear", "storm"])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--sites", type=int, default=5000)
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
        "wear": wear,
        "storm": lambda: storm(asked.sites),
    }
    found = {what: benches[what]() for what in asked.what}
    print(json.dumps(found, indent=1))
    if asked.out:
        asked.out.write_text(json.dumps({**found, "cpus": os.cpu_count()}, indent=1))


if __name__ == "__main__":
    main()
