"""The installer as ``install.sh`` starts it: exit codes, sentences, signals, one at a time. In a root folder, with a
program of Debian's that takes its time."""

import fcntl
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from agent.installer.wheels import PYTHON
from agent.installer.world import LOG, World
from tests.conftest import wait_for
from tests.installer.root import machine, needs_root, tree

CHECKOUT = Path(__file__).resolve().parents[2]
START = "import sys; sys.path.insert(0, sys.argv.pop(1)); from agent.installer.main import main; sys.exit(main())"
# Says that it is at work, and fails when it is told to go on.
SLOW = '#!/bin/sh\ntouch "$0.started"\nuntil [ -e "$0.go" ]; do sleep 0.05; done\necho "it failed" >&2\nexit 1\n'


@pytest.fixture
def world(tmp_path: Path) -> World:
    (tmp_path / "root").mkdir()
    return machine(tmp_path / "root")


def argv(world: World, *words: str) -> list[str]:
    return [sys.executable, "-I", "-B", "-X", "utf8", "-c", START, str(CHECKOUT), "--root", str(world.root), *words]


def run(world: World, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        argv(world, *words), capture_output=True, text=True, timeout=60, env={"LC_ALL": "C", **os.environ}
    )


@pytest.fixture
def slow(tmp_path: Path) -> Path:
    """``groupadd``, the first program that an install runs."""
    program = tmp_path / "bin" / "groupadd"
    program.parent.mkdir()
    program.write_text(SLOW)
    program.chmod(0o755)
    return program


def begin(world: World, slow: Path) -> "subprocess.Popen[str]":
    environment = {**os.environ, "PATH": f"{slow.parent}:{os.environ['PATH']}"}
    begun = subprocess.Popen(
        argv(world), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, start_new_session=True
    )
    wait_for(Path(f"{slow}.started").exists, "the first step is at work")
    return begun


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_who_interrupts_it_finds_the_machine_as_it_was(world: World, slow: Path, number: signal.Signals) -> None:
    before = tree(world)
    begun = begin(world, slow)
    begun.send_signal(number)
    _, complaint = begun.communicate(timeout=60)
    assert begun.returncode == 1
    assert complaint == f"install.sh: bị ngắt / interrupted ({number.name})\n"
    assert tree(world) == before


def test_a_terminal_that_goes_away_does_not_stop_it(world: World, slow: Path) -> None:
    before = tree(world)
    begun = begin(world, slow)
    begun.send_signal(signal.SIGHUP)
    assert begun.stdout is not None
    begun.stdout.close()  # nobody listens any more
    Path(f"{slow}.go").touch()
    _, complaint = begun.communicate(timeout=60)
    assert begun.returncode == 1
    assert "it failed" in complaint
    assert str(world.path(LOG)) in complaint
    assert tree(world) == before


def test_two_at_once_are_one_too_many(world: World) -> None:
    world.path(LOG).parent.mkdir()
    with world.path(LOG).open("w") as log:
        fcntl.flock(log, fcntl.LOCK_EX)
        done = run(world)
    assert (done.returncode, done.stdout) == (1, "")
    assert "another install is at work" in done.stderr


def test_a_dry_run_changes_nothing_and_names_every_kind_of_step(world: World) -> None:
    before = tree(world)
    done = run(world, "--dry-run")
    assert (done.returncode, done.stderr) == (0, "")
    assert tree(world) == before
    assert not world.path(LOG).exists()
    commands = [line[2:].split()[0] for line in done.stdout.splitlines() if line.startswith("+ ")]
    assert {"groupadd", "useradd", "install", "nice", "write", "ln"} <= set(commands)


def test_a_dry_run_of_a_prepared_folder_fetches_nothing(world: World, tmp_path: Path) -> None:
    folder = tmp_path / "stick"
    done = run(world, "--prepare", str(folder), "--python", "3.13", "--arch", "x86_64", "--dry-run")
    assert (done.returncode, done.stderr) == (0, "")
    said = done.stdout.splitlines()
    assert said[0] == "# gói Python / Python packages: Python 3.13, x86_64"
    assert all(line.startswith("+ pip download") and line.endswith(str(folder)) for line in said[1:-1])
    assert len(said) == 4
    assert not folder.exists()


@needs_root
@pytest.mark.skipif(not PYTHON.exists(), reason="needs Debian's python3")
def test_a_dry_run_needs_no_root() -> None:
    with tempfile.TemporaryDirectory() as name:
        world = machine(Path(name))
        Path(name).chmod(0o755)
        words = [str(PYTHON), *argv(world, "--dry-run")[1:]]
        done = subprocess.run(
            words, capture_output=True, text=True, timeout=60, user=65534, group=65534, extra_groups=()
        )
        if "No module named 'agent" in done.stderr or "Permission denied: '" + str(CHECKOUT) in done.stderr:
            pytest.skip("nobody else can read this checkout")
        assert (done.returncode, done.stderr) == (0, "")
        assert "not started" in done.stdout
        assert "on trial" not in done.stdout


def test_an_empty_folder_of_wheels_is_refused_before_anything_is_done(world: World, tmp_path: Path) -> None:
    before = tree(world)
    (tmp_path / "stick").mkdir()
    for words in ([], ["--dry-run"]):
        done = run(world, "--wheels", str(tmp_path / "stick"), *words)
        assert (done.returncode, done.stdout) == (1, "")
        assert "holds no wheels" in done.stderr
    assert tree(world) == before


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["demo"], "demo"),
        (["--demmo"], "--demmo"),
        (["--un"], "--un"),
        (["--identity"], "--identity"),
        (["--identity", ""], "--identity"),
        (["--uninstall", "--back"], "not both"),
        (["--centre", "--back"], "not both"),
        (["--purge"], "--purge chỉ đi với / only with --uninstall"),
        (["--centre", "--room", "room.toml"], "--room"),
        (["--host", "a.example"], "--host"),
        (["--python", "3.11"], "--python"),
        (["--trial-s", "nan"], "--trial-s"),
        (["--trial-s", "-1"], "--trial-s"),
        (["--trial-s", "abc"], "a number of seconds is expected"),
        (["--board-port", "70000", "--centre"], "--board-port"),
    ],
)
def test_wrong_use_is_one_sentence_and_2(world: World, words: list[str], named: str) -> None:
    done = run(world, *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert named in done.stderr


@pytest.mark.parametrize(
    ("words", "named"),
    [(["--room", "/nowhere/room.toml"], "/nowhere/room.toml"), (["--back"], "no release before")],
)
def test_what_cannot_be_done_is_one_sentence_and_1(world: World, words: list[str], named: str) -> None:
    before = tree(world)
    done = run(world, *words)
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1
    assert named in done.stderr
    assert tree(world) == before


def test_a_machine_that_is_no_debian_is_left_alone(world: World) -> None:
    world.write("/etc/os-release", b'ID=fedora\nVERSION_ID=40\nPRETTY_NAME="Fedora 40"\n')
    done = run(world)
    assert done.returncode == 1
    assert "Fedora 40" in done.stderr


def test_the_log_says_when_and_with_which_words_and_stays_small(world: World) -> None:
    world.write(LOG, b"x" * 5_000_000, 0o644)
    run(world, "--room", "/nowhere/a room.toml")
    assert world.path(LOG).stat().st_mode & 0o777 == 0o600
    log = world.path(LOG).read_text()
    assert "install.sh --root" in log
    assert "'/nowhere/a room.toml'" in log
    assert "failed:" in log
    assert len(log) < 100_000


def test_an_uninstall_of_nothing_is_done(world: World) -> None:
    done = run(world, "--uninstall")
    assert (done.returncode, done.stderr) == (0, "")
    assert "nothing to remove" in done.stdout


def test_a_password_of_the_database_is_not_in_the_log(world: World) -> None:
    run(world, "--centre", "--wheels", "/nowhere", "--database", "postgresql://recorder:secret@db.example/rows")
    assert "//recorder:…@db.example" in (log := world.path(LOG).read_text(encoding="utf-8"))
    assert "secret" not in log
