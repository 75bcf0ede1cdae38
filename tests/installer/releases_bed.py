"""Releases that lie ready, a systemd of our own over them, and what a switch from one to another leaves."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.installer import switch, trial
from agent.installer.live_agent import AGENT, EYE_SOCKET
from agent.installer.moving import PREVIOUS, pointed
from agent.installer.release import RELEASES
from agent.installer.steps import InstallError, carry_out
from agent.installer.unit_links import CURRENT, point
from agent.installer.world import World
from tests.installer.simulated_units import Manner, PowerCut, SimulatedUnits

SYSTEMD = Path(__file__).resolve().parents[2] / "systemd"
TRIAL_S = 5.0


@dataclass(frozen=True)
class Release:
    """A release's folder."""

    name: str

    @property
    def path(self) -> str:
        return f"{RELEASES}/{self.name}"


NEW = Release("2.0")


def made(world: World, name: str, socket: str = "[Socket]\n") -> None:
    """As the release's own step leaves it."""
    for path, text in ((f"share/diemcau/systemd/{EYE_SOCKET}", socket), (".complete", json.dumps({"digest": name}))):
        world.write(f"{RELEASES}/{name}/{path}", text.encode())
    world.write(f"{RELEASES}/{name}/bin/diemcau", b"#!/bin/sh\n", 0o755)


def box(tmp_path: Path) -> World:
    """A box on which 0.9 ran before 1.0, and 2.0 lies ready."""
    world = World(tmp_path)
    for name in ("0.9", "1.0", "2.0"):
        made(world, name)
    point(world.path(CURRENT), "releases/1.0")
    point(world.path(PREVIOUS), "releases/0.9")
    return world


def blank_box(tmp_path: Path) -> World:
    """A box on which nothing has run yet."""
    world = World(tmp_path)
    made(world, "2.0")
    return world


def running(world: World, *units: str, **manners: Manner) -> SimulatedUnits:
    systemd = SimulatedUnits(world, **manners)
    systemd.boot(*(units or (AGENT,)))
    return systemd


def upgrade(world: World, systemd: SimulatedUnits, *units: str, during_conference: bool = False) -> list[str]:
    """To 2.0; gives what was said."""
    said: list[str] = []
    steps = switch.steps(world, NEW, units or (AGENT,), TRIAL_S, True, during_conference, systemd)
    carry_out(steps, said.append)
    return said


def stands(world: World) -> tuple[str | None, str | None, str | None]:
    """Where ``current`` and ``previous`` point, and what is on trial."""
    return pointed(world, CURRENT), pointed(world, PREVIOUS), trial.name(world)


def refused(world: World, systemd: SimulatedUnits, *units: str) -> str:
    """An upgrade that is taken back all the way; gives why."""
    with pytest.raises(InstallError) as caught:
        upgrade(world, systemd, *units)
    assert stands(world) == ("1.0", "0.9", None)
    assert systemd.releases == {"1.0"}
    assert f"stop {AGENT}" not in systemd.done, "a stop lets go of the relays' lines"
    return str(caught.value)


def boot_after_a_cut(world: World, systemd: SimulatedUnits) -> str:
    """What ``diemcau-trial.service`` does, by its script, and then the agent comes up."""
    said = ""
    if world.path(trial.FILE).exists():
        script = [str(SYSTEMD / "go-back.sh"), str(world.path("/opt/diemcau"))]
        said = subprocess.run(["sh", *script], capture_output=True, text=True, check=True).stdout
    systemd.boot(AGENT)
    return said


def cut(world: World, at: int) -> SimulatedUnits:
    """An upgrade during which the power goes: nobody takes anything back."""
    systemd = running(world)
    systemd.cut_at = at
    try:
        for step in switch.steps(world, NEW, (AGENT,), TRIAL_S, True, False, systemd):
            if not step.is_done():
                step.do()
    except PowerCut:
        return systemd
    raise AssertionError("it went through")
