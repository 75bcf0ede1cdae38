"""The demo's rooms as processes: each is the agent itself, its files in a folder of its own, and its button at hand."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from agent.adapters.mosquitto import Mosquitto
from agent.adapters.processes import spawn, stop
from agent.console.demo_sites import DemoSite
from agent.console.demo_wan import Wan

Say = Callable[[str], None]
Press = Callable[[bool], None]  # True: hold it


@dataclass(slots=True)
class Child:
    """One of our own commands as a process, missed once when it ends by itself. ``log`` is where it writes."""

    name: str
    log: Path
    arguments: list[str]
    process: "subprocess.Popen[bytes] | None" = None
    is_missed: bool = False

    def start(self) -> None:
        """Start it."""
        with self.log.open("ab") as output:
            self.process = spawn([sys.executable, "-P", "-m", "agent", *self.arguments], subprocess.PIPE, output)

    def look_after(self, say: Say) -> None:
        """Say once that it ended by itself, with its last words."""
        code = None if self.process is None else self.process.poll()
        if code is not None and not self.is_missed:
            self.is_missed = True
            lines = self.log.read_text(errors="replace").strip().splitlines() or ["(no log)"]
            say(f"{self.name} ended with code {code}: {lines[-1]}")


def stop_all(children: Sequence[Child]) -> None:
    """End those that run, all at once."""
    stop([child.process for child in children if child.process is not None])


@dataclass(slots=True)
class Room:
    """A room and its button: a line on its agent's standard input is a press, ``h`` a hold."""

    site: DemoSite
    home: Path
    child: Child
    wan: Wan | None = None

    def start(self, broker_url: str) -> None:
        """Write the room's files, and start its agent."""
        self.home.mkdir()
        files = {"agent.toml": self.site.identity(broker_url), "room.toml": self.site.room}
        for name, text in {**files, "script.json": self.site.script}.items():
            (self.home / name).write_text(text, encoding="utf-8")
        self.child.start()

    def press(self, hold: bool) -> None:
        """Press the button. Thread: any."""
        process = self.child.process
        if process is not None and process.poll() is None and process.stdin is not None:
            with suppress(BrokenPipeError):  # it ended just now; the table will say so
                process.stdin.write(b"h\n" if hold else b"\n")
                process.stdin.flush()


class Rooms:
    """All of them, and their buttons by site. Nothing runs before ``start``."""

    def __init__(self, sites: Sequence[DemoSite], speed: float, folder: Path) -> None:
        self.rooms = [Room(site, folder / site.site, _agent(site, folder / site.site, speed)) for site in sites]
        self.buttons: dict[str, Press] = {room.site.site: room.press for room in self.rooms}

    def start(self, broker: Mosquitto, parts: ExitStack) -> None:
        """Start every room's agent, those whose WAN will be down behind a line of their own. ``parts`` ends them."""
        parts.callback(lambda: stop_all([room.child for room in self.rooms]))
        for room in self.rooms:
            if room.site.cut_off_s is not None:
                room.wan = Wan(broker.port)
                room.wan.start()
                parts.callback(room.wan.close)
            room.start(broker.url if room.wan is None else room.wan.url)

    @property
    def are_gone(self) -> bool:
        """None is left."""
        return all(room.child.is_missed for room in self.rooms)

    def look_after(self, at_s: float, say: Say) -> None:
        """Cut and mend lines by the script's clock, and say of each agent once that it ended; the others go on."""
        for room in self.rooms:
            if room.wan is not None:
                room.wan.cut(room.site.is_cut_off(at_s))
            room.child.look_after(say)


def _agent(site: DemoSite, home: Path, speed: float) -> Child:
    arguments = ["run", "--config", str(home / "agent.toml"), "--state", str(home / "state")]
    arguments += ["--room", str(home / "room.toml"), "--simulate", str(home / "script.json"), "--speed", str(speed)]
    return Child(f"{site.site}: its agent", home / "agent.log", arguments)
