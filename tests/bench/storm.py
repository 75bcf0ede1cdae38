"""Thousands of sites at once: each a raw MQTT 5 connection that keeps its rows until the centre has them.

Part of ``tests.bench.link``. A site does here what an agent does (the same back-off, rows sent again until they are
acknowledged by ``history/ack``), without an agent's memory and threads, of which no machine has five thousand.
"""

import asyncio
import json
import random
import resource
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from agent.adapters.mosquitto import Mosquitto
from agent.adapters.mqtt_client import back_off_s
from agent.console import recorder_packets as packets
from tests.console.test_store import window

EVERY_S = 10.0
CALM_S = 30.0
# As firmware-config/broker/mosquitto.conf has it.
BROKER = """\
allow_anonymous true
max_queued_messages 100000
max_inflight_messages 2000
persistence true
persistence_location {folder}/
autosave_interval 60"""


class RawSite:
    """One site. ``up`` is called with True and False as its connection comes and goes."""

    def __init__(self, number: int, port: int, up: Callable[[bool], None]) -> None:
        self.name, self._port, self._up = f"site-{number:05}", port, up
        self.sent = 0
        self.kept: dict[int, bytes] = {}  # by number: not acknowledged yet
        self.is_reporting = True

    async def live(self) -> None:
        """Connect for ever, with the agent's own back-off."""
        failures = 0
        while True:
            try:
                await self._connection()
            except (OSError, EOFError, TimeoutError):
                failures += 1
            else:
                failures = 0
            await asyncio.sleep(back_off_s(failures))

    async def _connection(self) -> None:
        """One connection; returns when it was one, raises where it did not come about."""
        reader, writer = await asyncio.wait_for(asyncio.open_connection("127.0.0.1", self._port), 10)
        try:
            writer.write(_connect(self.name))
            await asyncio.wait_for(self._hear(reader, packets.CONNACK), 10)
            writer.write(packets.subscribe(1, [f"diemcau/v1/{self.name}/history/ack"]))
            await asyncio.wait_for(self._hear(reader, packets.SUBACK), 10)
            self._up(True)
            try:
                await self._talk(reader, writer)
            except (OSError, EOFError):
                pass
            finally:
                self._up(False)
        finally:
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for each in list(self.kept.values()):
            writer.write(each)
        hearing = asyncio.ensure_future(self._listen(reader, writer))
        try:
            await asyncio.wait([hearing], timeout=random.uniform(0, EVERY_S))
            while not hearing.done():
                if self.is_reporting:
                    self._report(writer)
                else:
                    writer.write(packets.PING)
                await asyncio.wait([hearing], timeout=EVERY_S)
            await hearing
        finally:
            hearing.cancel()

    def _report(self, writer: asyncio.StreamWriter) -> None:
        self.sent += 1
        raw = window(self.sent, site=self.name).raw.encode()
        self.kept[self.sent] = publish(self.sent % 65535 + 1, f"diemcau/v1/{self.name}/history/headcount", raw)
        writer.write(self.kept[self.sent])

    async def _listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            packet = await _packet(reader)
            if packet.kind != packets.PUBLISH:
                continue
            _, raw, mid, qos = packets.message(packet)
            if qos:
                writer.write(packets.puback(mid))
            self._acknowledged(json.loads(raw), writer)

    def _acknowledged(self, said: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        missing = set(said.get("missing", ()))
        self.kept = {seq: each for seq, each in self.kept.items() if seq > said["upto"] or seq in missing}
        for seq in missing & self.kept.keys():
            writer.write(self.kept[seq])

    async def _hear(self, reader: asyncio.StreamReader, kind: int) -> None:
        while (await _packet(reader)).kind != kind:
            pass


async def _packet(reader: asyncio.StreamReader) -> packets.Packet:
    first = (await reader.readexactly(1))[0]
    size = shift = 0
    while True:
        byte = (await reader.readexactly(1))[0]
        size |= (byte & 127) << shift
        if byte < 128:
            return packets.Packet(first >> 4, first & 15, await reader.readexactly(size))
        shift += 7


def _connect(name: str) -> bytes:
    properties = Properties(PacketTypes.CONNECT)
    properties.SessionExpiryInterval = 3600
    return packets.connect(name, "", None, 20, properties)


def publish(mid: int, topic: str, raw: bytes) -> bytes:
    """PUBLISH at QoS 1, not retained."""
    return b"\x32" + packets.publish(mid, topic, raw)[1:]


class Watch:
    """How many sites are connected, and when each came back."""

    def __init__(self, database: str) -> None:
        self.up, self._database = 0, database
        self.ups_s: list[float] = []
        self.behind_most = 0

    def moved(self, is_up: bool) -> None:
        """A site's ``up``."""
        self.up += 1 if is_up else -1
        if is_up:
            self.ups_s.append(time.monotonic())

    def written(self) -> int:
        """Rows in the database."""
        with sqlite3.connect(f"file:{self._database}?mode=ro", uri=True) as db:
            return int(db.execute("SELECT count(*) FROM history_row").fetchone()[0])

    async def until(self, is_so: Callable[[], bool], patience_s: float) -> bool:
        """Look five times a second."""
        until_s = time.monotonic() + patience_s
        while not is_so() and time.monotonic() < until_s:
            await asyncio.sleep(0.2)
        return is_so()

    def peak_per_s(self) -> int:
        """The most connects within any one second."""
        return max((sum(1 for each in self.ups_s if at <= each < at + 1) for at in self.ups_s), default=0)


def storm(folder: Path, sites: int, away_s: float) -> dict[str, Any]:
    """All connect, report for a while, and come back after the broker's restart; in the end every row is there."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    (folder / "broker").mkdir()
    running = Mosquitto(folder / "broker", extra=BROKER.format(folder=folder / "broker"))
    running.start()
    argv = [sys.executable, "-m", "agent", "record", "--broker", running.url, "--name", "storm",
            "--database", f"sqlite:///{folder}/centre.db", "--centre", str(folder / "none")]  # fmt: skip
    with (folder / "log").open("ab") as said, subprocess.Popen(argv, stdout=said, stderr=said) as writing:
        try:
            return asyncio.run(_storm(sites, away_s, running, writing.pid, Watch(f"{folder}/centre.db")))
        finally:
            writing.terminate()
            running.close()


async def _storm(sites: int, away_s: float, running: Mosquitto, recorder: int, watch: Watch) -> dict[str, Any]:
    made = [RawSite(number, running.port, watch.moved) for number in range(sites)]
    tasks = [asyncio.ensure_future(each.live()) for each in made]
    if not await watch.until(lambda: watch.up >= sites, 300):
        raise RuntimeError(f"only {watch.up} of {sites} sites connect")
    await asyncio.sleep(EVERY_S)
    calm = await _load(made, recorder, watch, CALM_S)
    back = await _restart(sites, away_s, running, watch)
    after = await _load(made, recorder, watch, CALM_S)
    for each in made:
        each.is_reporting = False
    is_drained = await watch.until(lambda: not any(each.kept for each in made), 120)
    sent, written = sum(each.sent for each in made), watch.written()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return {
        "sites": sites,
        "broker_away_s": away_s,
        **back,
        "calm": calm,
        "after_the_storm": after,
        "rows": sent,
        "all_acknowledged": is_drained,
        "lost_rows": sent - written,
    }


async def _restart(sites: int, away_s: float, running: Mosquitto, watch: Watch) -> dict[str, Any]:
    await asyncio.to_thread(running.kill)
    await asyncio.sleep(away_s)
    watch.ups_s.clear()
    await asyncio.to_thread(running.start)
    began_s = time.monotonic()
    await watch.until(lambda: watch.up >= sites, 120)
    back_s = sorted(each - began_s for each in watch.ups_s)
    return {
        "t50_s": round(back_s[sites // 2], 1),
        "t95_s": round(back_s[sites * 95 // 100], 1),
        "t100_s": round(back_s[-1], 1),
        "peak_connects_per_s": watch.peak_per_s(),
    }


async def _load(made: list[RawSite], recorder: int, watch: Watch, for_s: float) -> dict[str, Any]:
    """What the recorder takes of a core for so long, how many rows it writes, and how many it is behind at most."""
    process = psutil.Process(recorder)
    cpu, began_s, rows, behind = process.cpu_times(), time.monotonic(), watch.written(), 0
    while time.monotonic() - began_s < for_s:
        sent = sum(each.sent for each in made)  # before the database is asked: it goes on meanwhile
        behind = max(behind, sent - watch.written())
        await asyncio.sleep(1)
    took_s, spent = time.monotonic() - began_s, process.cpu_times()
    return {
        "recorder_share_of_a_core": round((spent.user + spent.system - cpu.user - cpu.system) / took_s, 2),
        "recorder_rows_per_s": round((watch.written() - rows) / took_s),
        "wanted_rows_per_s": round(len(made) / EVERY_S),
        "rows_behind_at_most": behind,
        "recorder_memory_mb": round(process.memory_info().rss / 1e6),
    }
