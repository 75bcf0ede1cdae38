"""A systemd of our own with a clock that only waits move: it runs whatever release ``current`` points at."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from agent.installer.live_agent import AGENT, Seen, Units, parse
from agent.installer.moving import pointed
from agent.installer.steps import InstallError
from agent.installer.unit_links import CURRENT
from agent.installer.world import World

WELL = "power=on locked=no link=up headcount=ok files=ok disk=ok"


class PowerCut(BaseException):
    """The machine, or the installer alone, is gone in this moment."""


@dataclass(frozen=True)
class Manner:
    """How a release runs. ``lives_s``: until it falls; ``lines``: its status line by the second since its start."""

    starts: bool = True
    lives_s: float = float("inf")
    lines: Mapping[float, str] | None = None

    def line(self, age_s: float) -> str:
        """What it says at that age."""
        lines = {0.0: WELL} if self.lines is None else self.lines
        return next((text for from_s, text in sorted(lines.items(), reverse=True) if age_s >= from_s), "")


@dataclass
class Running:
    """One run of a unit."""

    release: str
    since_s: float
    invocation: int


class SimulatedUnits(Units):
    """``done`` are the orders that it got; at its ``cut_at``-th call, of whatever kind, the power goes."""

    def __init__(self, world: World, **manners: Manner) -> None:
        super().__init__(world)
        self.manners = {name.replace("_", ".").lstrip("v"): manner for name, manner in manners.items()}
        self.running: dict[str, Running] = {}
        self.done: list[str] = []
        self.calls, self.cut_at = 0, 0
        self.on_wait: Callable[[], None] = lambda: None
        self._now_s, self._invocation = 1000.0, 0
        self._read = pointed(world, CURRENT)

    @property
    def is_there(self) -> bool:
        return True

    @property
    def releases(self) -> set[str]:
        """What runs."""
        return {run.release for run in self.running.values()}

    def boot(self, *units: str) -> None:
        """The machine comes up."""
        self.cut_at, self.running, self._read = 0, {}, pointed(self._world, CURRENT)
        for unit in units:
            self._start(unit)

    def look(self, unit: str) -> Seen:
        self._call()
        run = self.running.get(unit)
        if run is None:
            return parse("ActiveState=inactive\nStatusText=power=on locked=yes\n")
        manner, age_s = self._manner(run), self._now_s - run.since_s
        if age_s >= manner.lives_s:
            return parse(f"ActiveState=activating\nResult=exit-code\nInvocationID={run.invocation}\n")
        line = manner.line(age_s) if unit == AGENT else ""
        return parse(f"ActiveState=active\nResult=success\nInvocationID={run.invocation}\nStatusText={line}\n")

    def reload(self) -> None:
        self._call()
        self.done.append("reload")
        self._read = pointed(self._world, CURRENT)

    def restart(self, unit: str) -> None:
        self._call()
        self.done.append(f"restart {unit}")
        assert self._read == pointed(self._world, CURRENT), "it would run by the unit file of another release"
        self._start(unit)
        if not self._manner(self.running[unit]).starts:
            del self.running[unit]
            raise InstallError(f"{unit} failed")

    def stop(self, unit: str) -> None:
        self._call()
        self.done.append(f"stop {unit}")
        self.running.pop(unit, None)

    def note_journal(self, unit: str) -> None:
        self._call()
        self.done.append(f"journal {unit}")

    def now_s(self) -> float:
        return self._now_s

    def wait(self, seconds: float) -> None:
        self._call()
        self._now_s += seconds
        self.on_wait()

    def _start(self, unit: str) -> None:
        self._invocation += 1
        self.running[unit] = Running(str(pointed(self._world, CURRENT)), self._now_s, self._invocation)

    def _manner(self, run: Running) -> Manner:
        return self.manners.get(run.release, Manner())

    def _call(self) -> None:
        self.calls += 1
        if self.calls == self.cut_at:
            raise PowerCut
