"""agent/console/recorder_told.py: remembered, but for what somebody makes up without end."""

import pytest

from agent.console import recorder_told as module
from agent.console.recorder_told import Memory
from agent.console.store import EPOCHS_MAX


def test_of_a_site_the_epochs_used_last_are_kept() -> None:
    memory = Memory()
    memory.of(("good", "e")).upto = 7
    for number in range(1000):
        memory.of(("bad", "true")).upto = 5
        memory.of(("bad", f"e{number}"))
    assert ("good", "e") in memory
    assert memory.of(("bad", "true")).upto == 5
    assert ("bad", "e0") not in memory
    assert len(memory.say_again()) == 1 + EPOCHS_MAX
    assert memory.of(("bad", "e0")).upto == 0


def test_the_sites_used_last_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SITES_MAX", 3)
    memory = Memory()
    for name in ("a", "b", "a", "c", "d"):
        memory.of((name, "e"))
    assert [site for site, _ in memory.say_again()] == ["a", "c", "d"]
    assert ("nobody", "e") not in memory
