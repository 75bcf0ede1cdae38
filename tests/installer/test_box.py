"""What is a box's own: a new identity is read before it takes an old one's place, and the agent takes it."""

import sys
from pathlib import Path

import pytest

from agent.installer import box, config_txt, identity_files
from agent.installer.live_agent import AGENT, Seen, Units
from agent.installer.options import parse
from agent.installer.release import Release
from agent.installer.steps import InstallError, Step, carry_out
from agent.installer.world import File, World
from tests.installer.root import machine, tree

CHECKOUT = Path(__file__).resolve().parents[2]
IDENTITY = 'site = "{}"\n[broker]\nurl = "mqtts://broker.example:8883"\n'


class Systemd(Units):
    """One that has an agent: each restart is another invocation; and what it had in its identity file at its start."""

    def __init__(self, world: World, status: dict[str, str] | None = None, is_up: bool = True) -> None:
        super().__init__(world)
        self.starts: list[str] = []
        self._status, self._is_up, self._file = status or {}, is_up, world.path("/etc/diemcau/agent.toml")

    def look(self, unit: str) -> Seen:
        assert unit == AGENT
        return Seen("active" if self._is_up else "inactive", "success", f"start {len(self.starts)}", self._status)

    def restart(self, unit: str) -> None:
        assert unit == AGENT
        self.starts.append(self._file.read_text())


class Boom:
    title = "boom"

    def is_done(self) -> bool:
        return False

    def lines(self) -> list[str]:
        return []

    def do(self) -> None:
        raise InstallError("boom")

    def undo(self) -> None:
        pass


@pytest.fixture
def world(tmp_path: Path) -> World:
    return machine(tmp_path / "root")


def taking(world: World, systemd: Systemd, text: str, *between: Step, words: tuple[str, ...] = ()) -> list[Step]:
    file = File(world, "/etc/diemcau/agent.toml", text.encode(), "identity")
    before = box.Remembered(world, [file], parse(list(words)), systemd)
    return [before, file, *between, box.Taken(before)]


def test_a_new_identity_is_taken_by_the_agent_that_runs(world: World) -> None:
    systemd = Systemd(world)
    world.write("/etc/diemcau/agent.toml", b"old")
    carry_out(taking(world, systemd, "new"), print)
    assert systemd.starts == ["new"]
    assert carry_out(taking(world, systemd, "new"), print) == 0, "twice is as good as once"


def test_when_something_fails_the_agent_has_its_old_identity_again(world: World) -> None:
    systemd = Systemd(world)
    world.write("/etc/diemcau/agent.toml", b"old")
    with pytest.raises(InstallError):
        carry_out(taking(world, systemd, "new", Boom()), print)
    assert systemd.starts == ["old"]


def test_an_agent_that_the_switch_has_started_again_is_not_started_twice(world: World) -> None:
    systemd = Systemd(world)
    world.write("/etc/diemcau/agent.toml", b"old")
    steps = taking(world, systemd, "new")
    carry_out(steps[:2], print)
    systemd.restart(AGENT)
    carry_out(steps[2:], print)
    assert systemd.starts == ["new"]


def test_an_agent_that_does_not_run_is_not_started_for_it(world: World) -> None:
    systemd = Systemd(world, is_up=False)
    carry_out(taking(world, systemd, "new"), print)
    assert systemd.starts == []


def test_in_a_conference_nothing_of_it_is_done(world: World) -> None:
    systemd = Systemd(world, {"locked": "yes"})
    world.write("/etc/diemcau/agent.toml", b"old")
    before = tree(world)
    with pytest.raises(InstallError, match="conference"):
        carry_out(taking(world, systemd, "new"), print)
    assert (tree(world), systemd.starts) == (before, [])
    carry_out(taking(world, systemd, "new", words=("--during-conference",)), print)
    assert systemd.starts == ["new"]


@pytest.fixture
def release(tmp_path: Path) -> Release:
    """One whose Python is this one."""
    path = tmp_path / "release"
    (path / "bin").mkdir(parents=True)
    script = f'#!/bin/sh\nshift\nPYTHONPATH="{CHECKOUT}" exec "{sys.executable}" "$@"\n'  # without its first word, -I
    (path / "bin/python").write_text(script)
    (path / "bin/python").chmod(0o755)
    return Release("0.1.0", "0.1.0", str(path), "")


@pytest.mark.parametrize(
    ("kind", "text", "named"),
    [
        ("identity", IDENTITY.format("Chí Linh"), "a-z and 0-9"),
        ("identity", IDENTITY.format("a").replace("mqtts", "http"), "mqtts://"),
        ("room", "[power]\nled = { pin = 99 }\n[sitte]\n", "pin.*sitte"),
    ],
)
def test_what_the_program_does_not_take_is_refused_with_all_that_is_wrong(
    release: Release, kind: str, text: str, named: str
) -> None:
    tried = box.Tried(World(), release, kind, text.encode(), Path("/media/given.toml"))
    with pytest.raises(InstallError, match=named) as refused:
        tried.do()
    assert str(refused.value).startswith("/media/given.toml: ")
    assert len(str(refused.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("identity", IDENTITY.format("chi-linh")),
        ("room", (CHECKOUT / "firmware-config/room.default.toml").read_text(encoding="utf-8")),
    ],
)
def test_what_it_takes_is_taken(release: Release, kind: str, text: str) -> None:
    box.Tried(World(), release, kind, text.encode(), Path("given.toml")).do()


def test_who_becomes_another_site_is_told(world: World, tmp_path: Path) -> None:
    (tmp_path / "agent.toml").write_text(IDENTITY.format("hai-duong"))
    options = parse(["--identity", str(tmp_path / "agent.toml")])
    said: list[str] = []
    box.announce(world, options, said.append)
    assert said == []
    world.write("/etc/diemcau/agent.toml", IDENTITY.format("chi-linh").encode())
    box.announce(world, options, said.append)
    assert "chi-linh now and becomes hai-duong" in said[0]
    assert "stays on the box" in said[0]
    assert "purge" not in said[0]


def test_a_room_that_has_its_config_is_told_how_to_change_it(world: World, tmp_path: Path) -> None:
    world.write(config_txt.LAST_GOOD, b"{}")
    said: list[str] = []
    box.announce(world, parse(["--room", "room.toml"]), said.append)
    assert f"sudo diemcau config apply {Path.cwd() / 'room.toml'}" in said[0]


def test_a_room_that_has_its_config_gets_no_other_file(world: World, release: Release) -> None:
    room = CHECKOUT / "firmware-config/room.default.toml"

    def titles() -> str:
        steps, _ = box.steps(world, CHECKOUT, release, parse(["--room", str(room)]), print)
        return " ".join(step.title for step in steps)

    assert identity_files.ROOM in titles()
    world.write(config_txt.LAST_GOOD, b"{}")
    assert identity_files.ROOM not in titles()


def test_what_is_missing_is_said_at_the_end(world: World) -> None:
    words = " ".join(box.next_words(world, is_reboot_wanted=True, is_started=True))
    assert "--identity" in words
    assert "--room" in words
    assert "config.txt" in words
    world.write("/etc/diemcau/agent.toml", b"")
    world.write("/etc/diemcau/room.toml", b"")
    assert len(box.next_words(world, is_reboot_wanted=False, is_started=True)) == 1


def test_where_nothing_was_started_nothing_is_called_done(world: World) -> None:
    last = box.next_words(world, is_reboot_wanted=False, is_started=False)[-1]
    assert "chưa khởi động / installed, not started" in last
    assert "done" not in last


def test_a_long_room_is_read_and_stands_in_no_list_of_processes(release: Release, tmp_path: Path) -> None:
    text = "# " + "x" * 200_000 + "\n" + (CHECKOUT / "firmware-config/room.default.toml").read_text(encoding="utf-8")
    world = World(log=tmp_path / "log")
    box.Tried(world, release, "room", text.encode(), Path("given.toml")).do()
    assert "xxx" not in (tmp_path / "log").read_text()
