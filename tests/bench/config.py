"""What a change of a room's config costs: a push to fourteen rooms, the way back, documents, and the core's step.

    python -m tests.bench.config [push|back|documents|step …] [--times N] [--documents N] [--out OUT.json]

push: ``diemcau config push`` to fourteen simulated agents and a real broker, to applied and confirmed; the whole
command, and from the first publish to the last report. back: the line is black from the moment on that the config is
tried, and nothing that is said of it is taken; from there to the old config's last step on the disk, less the time that
there was to confirm. documents: random ones, valid, nearly valid and hostile, through the whole core. step: one event
of a room with all that is known of its config, against the same room without. Both in time of the processor.
"""

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from agent.adapters.mosquitto import Mosquitto
from agent.core.config_state import ConfigUpdate
from agent.core.events import Event, Probed, Tick
from tests.conftest import PATIENCE_S, wait_for
from tests.core.config_bed import ConfigRig, with_window
from tests.core.test_config_documents import _document
from tests.faults.config_bed import Agent, Desk
from tests.faults.line import PUBACK, line

SITES = [f"site-{number:02}" for number in range(14)]
CONFIRM_S = 4.0


@contextmanager
def broker() -> Iterator[tuple[Path, Mosquitto, Desk]]:
    """A folder, a broker in it, and a desk that hears everything."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as parts:
        folder = Path(name)
        (folder / "broker").mkdir()
        running = Mosquitto(folder / "broker")
        running.start()
        parts.callback(running.close)
        desk = Desk(running.port)
        parts.callback(desk.close)
        yield folder, running, desk


def pushes(times: int) -> dict[str, Any]:
    """Fourteen rooms that have been up for a while; each push changes one number."""
    with broker() as (folder, running, desk), ExitStack() as parts:
        for site in SITES:
            room = Agent(folder / site, running.url, site)
            parts.callback(room.close)
            room.start()
        for site in SITES:
            desk.wait(site, "readiness", fits=lambda said: said["ready"] is not None)
        found = [_push(folder, running, desk, number) for number in range(times)]
    whole, told = zip(*found, strict=True)
    return {
        "what": f"push to {len(SITES)} rooms, {times} times",
        "command_s_median": round(statistics.median(whole), 2),
        "command_s_worst": round(max(whole), 2),
        "first_to_last_s_median": round(statistics.median(told), 2),
        "first_to_last_s_worst": round(max(told), 2),
    }


def _push(folder: Path, running: Mosquitto, desk: Desk, number: int) -> tuple[float, float]:
    file, now = folder / "patch.json", desk.mark()
    file.write_text(json.dumps({"headcount": {"window_s": 5 + number}}))
    argv = [sys.executable, "-m", "agent", "config", "push", "--all", str(file), "--merge", "--yes", "--json"]
    began_s = time.monotonic()
    done = subprocess.run([*argv, "--broker", running.url], check=True, capture_output=True, timeout=PATIENCE_S)
    whole_s = time.monotonic() - began_s
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    ends = [desk.wait(row["site"], "config/reported", now, state="applied", revision=row["revision"]) for row in rows]
    desk.mark()
    ways = list(zip(desk.at_s, desk.heard, strict=True))[now:]
    first_s = next(at_s for at_s, (topic, _) in ways if topic.endswith("/config/desired"))
    last_s = max(at_s for at_s, (_, said) in ways if any(said is each for each in ends))
    return whole_s, last_s - first_s


def backs(times: int) -> dict[str, Any]:
    """A push that cuts off its own site, again and again."""
    late_s = []
    with broker() as (folder, running, desk), line(running.port) as far, ExitStack() as parts:
        room = Agent(folder / "site", far.url, SITES[0])
        parts.callback(room.close)
        room.start()
        desk.wait(SITES[0], "config/running")
        for revision in range(1, times + 1):
            desk.round_trip(SITES[0])
            now, far.eats = desk.mark(), frozenset({PUBACK})
            desk.push(SITES[0], {"site": {"name": str(revision)}}, revision, confirm_within_s=CONFIRM_S)
            wait_for(partial(_is_tried, room, revision), "it is on trial")
            far.is_hole, began_s = True, time.monotonic()
            wait_for(lambda: not room.has_candidate, "it goes back")
            late_s.append(time.monotonic() - began_s - CONFIRM_S)
            far.eats, far.is_hole = frozenset(), False
            far.reset()
            desk.wait(SITES[0], "config/reported", now, state="rolled_back", reason="broker_lost", revision=revision)
    return {
        "what": f"cut off by a push, {times} times",
        "deadline_s": CONFIRM_S,
        "later_than_that_s_median": round(statistics.median(late_s), 3),
        "later_than_that_s_worst": round(max(late_s), 3),
    }


def _is_tried(room: Agent, revision: int) -> bool:
    return f"config: revision {revision} " in room.log


def documents(count: int) -> dict[str, Any]:
    """Each is offered to the whole core, and what is on trial is confirmed or goes back."""
    chance, rig = random.Random(1), ConfigRig()
    rig.begin()
    took_s, ends, wrong = list[float](), Counter[str](), 0
    for _ in range(count):
        before, (is_valid, raw) = rig.parts, _document(chance, rig.room.update.highest + 1)
        began_s = time.process_time()
        rig.raw(raw)  # a crash ends all of this
        took_s.append(time.process_time() - began_s)
        ends[rig.report[0]] += 1
        if rig.room.update.phase == "trial":
            message = json.loads(raw)
            rig.confirm(message["id"]) if chance.random() < 0.5 else rig.wait(message["confirm_within_s"] + 1)
        elif not is_valid and rig.parts != before:
            wrong += 1
        if rig.room.power.state != "off":  # a line that reads on with the polarity that it has now
            rig.hold()
            rig.wait(120)
    return {
        "what": f"{count} documents",
        "median_ms": round(statistics.median(took_s) * 1e3, 2),
        "p99_ms": round(statistics.quantiles(took_s, n=100)[98] * 1e3, 2),
        "worst_ms": round(max(took_s) * 1e3, 2),
        "ran_though_not_valid": wrong,
        "crashes": count - len(took_s),
        **{f"told_{state}": number for state, number in sorted(ends.items())},
    }


def steps(times: int) -> dict[str, Any]:
    """The whole core's step for an event, without what carries its commands out."""
    bare, told, changed = ConfigRig(), ConfigRig(), ConfigRig()
    for rig in (bare, told, changed):
        rig.begin()
    bare.room = replace(bare.room, update=ConfigUpdate())
    for revision in range(1, 25):
        changed.push(with_window(30 + revision), revision)
        changed.confirm(f"push-{revision}")
    probe, tick = Probed("codec-answers", ok=True, reason=None), Tick()
    row: dict[str, Any] = {"what": f"one event, the best of {times} rounds of 500"}
    for name, rig in (("no_config", bare), ("config", told), ("after_24_changes", changed)):
        row[f"{name}_tick_us"] = _step_us(rig, tick, times)
        row[f"{name}_probe_us"] = _step_us(rig, probe, times)
    return row


def _step_us(rig: ConfigRig, event: Event, times: int) -> float:
    best_s = min(_timed(lambda: rig.do(event), 500) for _ in range(times))
    return round(best_s * 1e6, 1)


def _timed(act: Callable[[], object], count: int) -> float:
    began_s = time.process_time()
    for _ in range(count):
        act()
    return (time.process_time() - began_s) / count


def main() -> None:
    """Measure, print, and write where asked."""
    parser = argparse.ArgumentParser()
    parser.add_argument("which", nargs="*", default=["push", "back", "documents", "step"])
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--documents", type=int, default=10_000)
    parser.add_argument("--out", type=Path, default=None)
    options = parser.parse_args()
    parts: dict[str, Callable[[], dict[str, Any]]] = {
        "push": lambda: pushes(options.times),
        "back": lambda: backs(options.times),
        "documents": lambda: documents(options.documents),
        "step": lambda: steps(options.times),
    }
    rows = []
    for which in options.which:
        row = parts[which]()
        rows.append(row)
        table = Table("figure", "value", title=row["what"])
        for name, value in list(row.items())[1:]:
            table.add_row(name, str(value))
        Console(width=100).print(table)
    if options.out:
        options.out.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
