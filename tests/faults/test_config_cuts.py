"""FAULTS 24 and 47: the power goes between any two steps of an update, or the disk refuses at one: the config that runs
is the old one or the new one, never half of one, and nothing that was kept is lost.
"""

import itertools
import json
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from agent.adapters.config_store import Loaded, load_room
from agent.adapters.files import Disk
from agent.adapters.generations import Generations, kept_configs
from tests.faults.cut_disk import BadDisk, CutDisk, Files, Trouble

NAMES = [f"before {number}" for number in range(1, 11)]  # the oldest first; all the generations that are kept


def document(name: str) -> dict[str, Any]:
    return {"site": {"name": name}, "power": {"loads": [{"name": "màn-hình".encode().hex(), "pin": 5}]}}


def message(name: str, revision: int) -> str:
    return json.dumps({"id": name, "revision": revision, "config": document(name)}, ensure_ascii=False)


@dataclass(frozen=True)
class Step:
    """One order of an update, and what the next start may find after it: what runs, and what is on trial."""

    order: Callable[[Generations], None]
    runs: str
    trial: str | None


def update(name: str, revision: int, before: str, is_good: bool) -> list[Step]:
    text = message(name, revision)
    stage = Step(lambda here: here.stage(text), before, text)
    if is_good:
        promote: Callable[[Generations], None] = lambda here: here.promote(document(name))  # noqa: E731
        return [stage, Step(promote, name, text), Step(promote, name, None)]  # the second one lets go
    return [stage, Step(lambda here: here.discard(), before, None)]


STEPS = [
    *update("first", 1, "old", is_good=True),
    *update("second", 2, "first", is_good=False),
    *update("third", 3, "first", is_good=True),
    *update("fourth", 4, "third", is_good=False),
]
START = Step(lambda here: None, "old", None)


class QuickDisk(Disk):
    """Without any cut; what it needs not wait for."""

    def sync(self, handle: int) -> None:
        pass

    def sync_folder(self, path: Path) -> None:
        pass


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A room with all the generations that are kept."""
    folder = tmp_path / "state"
    for name in (*NAMES, "old"):
        Generations(folder, QuickDisk()).promote(document(name))
    return folder


@pytest.fixture
def found(tmp_path: Path) -> Callable[[Files], Path]:
    """Makes the folder that the power left."""

    def make(files: Files) -> Path:
        folder = tmp_path / "found"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for name, content in files:
            (folder / name).write_bytes(content)
        return folder

    return make


def pair(loaded: Loaded) -> tuple[str, str | None]:
    assert (loaded.found.source, loaded.problems) == ("kept", ())
    assert loaded.found.document == document(loaded.config.site.name)
    return loaded.config.site.name, loaded.found.candidate


def kept(folder: Path) -> list[str]:
    """The names of those that are kept, newest first."""
    return [json.loads(path.read_text(encoding="utf-8"))["site"]["name"] for path in kept_configs(folder)]


def once(names: Iterable[str]) -> list[str]:
    """The same one twice in a row is one: what was kept before it was to be replaced, which then was cut off."""
    return [name for name, _ in itertools.groupby(names)]


def all_runs(steps: Iterable[Step]) -> list[str]:
    """All that has been the last good one, newest first."""
    return once([*NAMES, "old", *(step.runs for step in steps)])[::-1]


def look(folder: Path, allowed: set[tuple[str, str | None]], ever: list[str]) -> None:
    """What every start after a cut has to find; and that the next update goes the way of all."""
    runs, trial = pair(load_room(folder, None, QuickDisk()))
    assert (runs, trial) in allowed
    assert not list(folder.glob(".*"))
    lasting = ever[ever.index(runs) :]
    assert once(kept(folder))[:10] == lasting[:10]
    next_ = Generations(folder, QuickDisk())
    next_.promote(document("next"))
    next_.promote(document("next"))
    assert kept(folder) == ["next", *lasting][:11]
    assert pair(load_room(folder, None, QuickDisk())) == ("next", None)


def may_find(before: Step, now: Step) -> set[tuple[str, str | None]]:
    """While an order is carried out. The candidate goes last."""
    return {(before.runs, before.trial), (now.runs, before.trial), (now.runs, now.trial)}


def test_a_power_cut_at_any_moment_finds_the_old_config_or_the_new_one(
    state: Path, found: Callable[[Files], Path]
) -> None:
    disk = CutDisk(state)
    here, states = Generations(state, disk), 0
    for number, (before, now) in enumerate(itertools.pairwise([START, *STEPS])):
        begun, ever = len(disk.found), all_runs(STEPS[: number + 1])
        now.order(here)
        assert len(disk.found) > begun
        for files in set[Files]().union(*disk.found[begun:]):
            look(found(files), may_find(before, now), ever)
            states += 1
        for files in disk.found[-1]:  # it is done: there is no way back any more
            look(found(files), {(now.runs, now.trial)}, ever)
    assert states > 50


def test_what_was_set_aside_is_remembered_through_any_cut(state: Path, found: Callable[[Files], Path]) -> None:
    disk = CutDisk(state)
    here = Generations(state, disk)
    here.stage(message("first", 7))
    begun = len(disk.found) - 1
    here.discard()
    for files in set[Files]().union(*disk.found[begun:]):
        assert load_room(found(files), None, QuickDisk()).found.highest == 7


def test_a_cut_at_the_very_first_start_costs_nothing(tmp_path: Path, found: Callable[[Files], Path]) -> None:
    room = tmp_path / "room.json"
    room.write_text(json.dumps(document("file")), encoding="utf-8")
    (tmp_path / "empty").mkdir()
    disk = CutDisk(tmp_path / "empty")
    load_room(tmp_path / "empty", room, disk)
    for files in set[Files]().union(*disk.found):
        again = load_room(found(files), room, QuickDisk())
        assert (again.config.site.name, again.problems) == ("file", ())
    for files in disk.found[-1]:
        assert pair(load_room(found(files), None, QuickDisk())) == ("file", None)


DAMAGED = [b"", b'{"site": {"na', b"\0" * 60, b"no config", b"\xff\xfe\xc3\x28", b'{"sit": {}}']


@pytest.mark.parametrize("damaged", DAMAGED)
def test_a_cut_while_a_damaged_config_is_replaced(state: Path, found: Callable[[Files], Path], damaged: bytes) -> None:
    (state / "room.json").write_bytes(damaged)
    disk = CutDisk(state)
    here = Generations(state, disk)
    here.stage(message("new", 1))
    here.promote(document("new"))
    here.promote(document("new"))
    for files in set[Files]().union(*disk.found):
        folder = found(files)
        loaded = load_room(folder, None, QuickDisk())
        assert loaded.found.source == "kept"
        assert (loaded.config.site.name, bool(loaded.problems)) in {(NAMES[-1], True), ("new", False)}
        assert damaged in {path.read_bytes() for path in folder.glob("room.*json")}
    for files in disk.found[-1]:
        assert pair(load_room(found(files), None, QuickDisk())) == ("new", None)


@pytest.mark.parametrize("trouble", ["once", "full", "read-only"])
def test_a_disk_that_refuses_at_any_step_leaves_the_old_config_and_loses_nothing(
    state: Path, found: Callable[[Files], Path], trouble: Trouble
) -> None:
    raised = 0
    for at in itertools.count():
        folder = state.parent / f"refuses {at}"
        shutil.copytree(state, folder)
        disk = BadDisk(folder, trouble=trouble, at=at)
        raised += refusal(disk, found)
        if not disk.has_refused:
            break
    assert raised > 20


def refusal(disk: BadDisk, found: Callable[[Files], Path]) -> bool:
    """Update until the disk refuses. Returns whether that was an error, not one of what may be done later."""
    here, raised = Generations(disk.folder, disk), False
    for number, now in enumerate(STEPS):
        begun, ever, before = len(disk.found) - 1, all_runs(STEPS[: number + 1]), [START, *STEPS][number]
        try:
            now.order(here)
        except OSError:
            raised = True
        if disk.has_refused:
            break
    for files in set[Files]().union(*disk.found[begun:]):  # the power may go as well
        look(found(files), may_find(before, now), ever)
    says_it_runs = before.runs if raised else now.runs
    allowed = {each for each in may_find(before, now) if each[0] == says_it_runs}
    assert kept_configs(disk.folder)[0].name == "room.json"
    look(found(frozenset((path.name, path.read_bytes()) for path in disk.folder.iterdir())), allowed, ever)
    return raised


@pytest.mark.parametrize("damaged", DAMAGED)
def test_every_damaged_generation_is_passed_over(state: Path, damaged: bytes) -> None:
    for number, path in enumerate(kept_configs(state)):
        loaded = load_room(state, None)
        assert loaded.config.site.name == ["old", *reversed(NAMES)][number]
        assert len({problem.path.split(": ")[0] for problem in loaded.problems}) == number
        path.write_bytes(damaged)
    loaded = load_room(state, None)
    assert (loaded.found.source, loaded.config.power.loads) == ("built_in", ())
    if damaged != b'{"sit": {}}':  # that one says that it has no loads
        assert loaded.spared_pins == frozenset(range(28))
