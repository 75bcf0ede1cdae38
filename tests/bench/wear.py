"""What a site writes to its SD card in a day.

    python -m tests.bench.wear [--for MINUTES] [--out OUT.json]

Needs root, for the loop devices. Four agents at the default settings (``firmware-config/room.default.toml``, simulated
hardware), each with its state folder on a card of its own: an ext4 file system on a loop device, mounted as a Raspberry
Pi mounts its own. One pair has its room on, in a conference with people who come and go, the other is off; of each pair
one has a broker and a recorder that acknowledges, the other's broker goes when the measuring begins and stays away.

Printed is what each wrote in that time, as its process counts it and as the card does: sectors written, which include
the file system's journal and metadata, and flushes, which is what an fsync ends in. A day has ``ON_HOURS`` of the first
and is off for the rest. What is on a box besides (apt, say) is not in it; journald writes to memory, as
``firmware-config`` has it. The first two hours after a start are the dearest, since SQLite's log still grows to its 128
pages, and with each commit the file system writes down that it did; after that a commit costs about half.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import paho.mqtt.publish
import psutil
from paho.mqtt.client import MQTTv5
from rich.console import Console
from rich.table import Table

from agent.adapters.mosquitto import Mosquitto
from agent.core.contract import Conference, encode, topic
from tests.bench.link import recorder

ROOM = Path(__file__).resolve().parents[2] / "firmware-config" / "room.default.toml"
MEMORY = Path("/dev/shm")
CARD_MB = 256
SECTOR_BYTES = 512
READ, WRITTEN, FLUSHES = 2, 6, 15  # columns of /sys/block/X/stat; Source: Documentation/block/stat.rst
WARM_UP_S = 150.0  # the codec proves itself for 90 s at most; then the first rows
ON_HOURS, DAY_HOURS = 8, 24
BUDGET_MB = 50
LITTLE_FASTER = 1.001  # than 1: the faces come from the script and not from the network, which is not what is measured


@dataclass(frozen=True, slots=True)
class Written:
    """By the process, in bytes; on the card: bytes, and flushes."""

    process_bytes: int
    card_bytes: int
    flushes: int

    def __sub__(self, before: "Written") -> "Written":
        return Written(
            self.process_bytes - before.process_bytes,
            self.card_bytes - before.card_bytes,
            self.flushes - before.flushes,
        )


@contextmanager
def card(folder: Path) -> Iterator[tuple[Path, Path]]:
    """A new card. Yields where it is mounted, and its device's figures."""
    image, mounted = folder / "card", folder / "mounted"
    mounted.mkdir(parents=True)
    with image.open("wb") as file:
        file.truncate(CARD_MB << 20)
    # All of it written now: the kernel would go on with that for minutes, in the middle of what is measured.
    _run("mkfs.ext4", "-q", "-b", "4096", "-E", "lazy_itable_init=0,lazy_journal_init=0", image)
    _run("mount", "-o", "loop,noatime", image, mounted)
    try:
        device = _run("findmnt", "-n", "-o", "SOURCE", mounted).strip()
        yield mounted, Path("/sys/block") / Path(device).name / "stat"
    finally:
        _run("umount", mounted)


def _run(*argv: object) -> str:
    return subprocess.run([str(each) for each in argv], check=True, capture_output=True, text=True).stdout


class Site:
    """One agent as on a box: state on the card, the rest in memory.

    Args:
        folder: In memory.
        name: The site's id.
        url: Its broker.
        is_on: Its room is, in a conference.
    """

    def __init__(self, folder: Path, name: str, url: str, is_on: bool) -> None:
        self._folder, self._parts = folder / name, ExitStack()
        self._mounted, self._stat = self._parts.enter_context(card(self._folder))
        (self._folder / "agent.toml").write_text(f'site = "{name}"\n[broker]\nurl = "{url}"\n')
        (self._folder / "script.json").write_text(json.dumps({"seats": 60, "cues": _cues() if is_on else []}))
        argv = [sys.executable, "-m", "agent", "run", "--config", "agent.toml", "--state", str(self._mounted / "state")]
        argv += ["--room", str(ROOM), "--simulate", "script.json", "--speed", str(LITTLE_FASTER)]
        with (self._folder / "log").open("wb") as log:
            environment = {"PYTHONDONTWRITEBYTECODE": "1", "RUNTIME_DIRECTORY": str(self._folder)}
            self._agent = subprocess.Popen(
                argv, cwd=self._folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment
            )

    def written(self) -> Written:
        """Up to now, with what the kernel still had in memory."""
        _run("sync", "-f", self._mounted)
        columns = [int(each) for each in self._stat.read_text().split()]
        processes = [psutil.Process(self._agent.pid), *psutil.Process(self._agent.pid).children(recursive=True)]
        by_processes = sum(each.io_counters().write_bytes for each in processes)
        return Written(by_processes, columns[WRITTEN] * SECTOR_BYTES, columns[FLUSHES])

    def close(self) -> None:
        """End it, and take its card out."""
        self._agent.terminate()
        self._agent.wait()
        self._parts.close()


def _cues() -> list[dict[str, Any]]:
    """The button, forty people, and every minute some of them go and others come."""
    cues: list[dict[str, Any]] = [{"at_s": 1, "do": "press"}, {"at_s": 5, "do": "arrive", "people": 40, "over_s": 60}]
    for minute in range(2, DAY_HOURS * 60):
        people, do = 1 + minute // 2 % 5, "leave" if minute % 2 == 0 else "arrive"
        cues.append({"at_s": 60 * minute, "do": do, "people": people, "over_s": 50})
    return cues


def _convene(port: int, site: str) -> None:
    now = datetime.now(UTC)
    conference = Conference(id="hn-1", starts_at=now, ends_at=now + timedelta(days=1), summoned=40)
    where = topic(site, "conference")
    paho.mqtt.publish.single(where, encode(conference), qos=1, retain=True, port=port, protocol=MQTTv5)


@contextmanager
def _broker(folder: Path) -> Iterator[Mosquitto]:
    folder.mkdir()
    running = Mosquitto(folder)
    running.start()
    try:
        yield running
    finally:
        running.close()


def measure(minutes: float) -> dict[str, Written]:
    """What each of the four wrote in so many minutes."""
    with ExitStack() as parts:
        folder = Path(parts.enter_context(tempfile.TemporaryDirectory(dir=MEMORY)))
        stays, goes = (parts.enter_context(_broker(folder / name)) for name in ("stays", "goes"))
        parts.enter_context(recorder(stays.url, f"sqlite:///{folder}/centre.db"))
        sites: dict[str, Site] = {}
        for what, name, running in (("centre there", "there", stays), ("broker away", "away", goes)):
            _convene(running.port, f"on-{name}")
            for is_on in (True, False):
                site = Site(folder, f"{'on' if is_on else 'off'}-{name}", running.url, is_on)
                parts.callback(site.close)
                sites[f"{'on' if is_on else 'off'}, {what}"] = site
        time.sleep(WARM_UP_S)
        goes.close()
        before = {what: site.written() for what, site in sites.items()}
        time.sleep(60 * minutes)
        return {what: site.written() - before[what] for what, site in sites.items()}


def rows(found: dict[str, Written], minutes: float) -> list[dict[str, Any]]:
    """Each of the four by the hour, and the days that they make."""
    made = [
        {
            "what": what,
            "process_kb_per_h": round(each.process_bytes / minutes * 60 / 1e3, 1),
            "card_kb_per_h": round(each.card_bytes / minutes * 60 / 1e3, 1),
            "flushes_per_h": round(each.flushes / minutes * 60, 1),
            "card_mb_per_day": round(each.card_bytes / minutes * 60 * DAY_HOURS / 1e6, 1),
        }
        for what, each in found.items()
    ]
    for what in ("centre there", "broker away"):
        on, off = (next(row for row in made if row["what"] == f"{state}, {what}") for state in ("on", "off"))
        day = {
            column.replace("_per_h", "_per_day"): on[column] * ON_HOURS + off[column] * (DAY_HOURS - ON_HOURS)
            for column in ("process_kb_per_h", "card_kb_per_h", "flushes_per_h")
        }
        mb = round(day["card_kb_per_day"] / 1e3, 1)
        made.append(
            {"what": f"a day, {ON_HOURS} h on, {what}", **day, "card_mb_per_day": mb, "is_within": mb < BUDGET_MB}
        )
    return made


def main() -> None:
    """Measure, print, and write where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--for", dest="minutes", type=float, default=60.0)
    parser.add_argument("--out", type=Path, default=None)
    options = parser.parse_args()
    made = rows(measure(options.minutes), options.minutes)
    table = Table("what", "process kB", "card kB", "flushes", "MB a day", title=f"{options.minutes:.0f} minutes")
    for row in made:
        table.add_row(*(str(value) for value in list(row.values())[:5]))
    Console(width=140).print(table)
    if options.out:
        options.out.write_text(json.dumps(made, indent=1))


if __name__ == "__main__":
    main()
