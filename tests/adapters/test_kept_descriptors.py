"""agent/adapters/kept_descriptors.py against a store of real descriptors, over two runs that are real processes."""

import logging
import os
from pathlib import Path

import pytest

from agent.adapters import service as service_module
from agent.adapters.kept_descriptors import KeptBySystemd
from agent.adapters.service import Service
from tests.adapters.conftest import Systemd
from tests.adapters.test_service import started_by_systemd
from tests.conftest import wait_for


@pytest.fixture
def kept(systemd: Systemd) -> KeptBySystemd:
    return KeptBySystemd(Service({"NOTIFY_SOCKET": systemd.address}))


def test_systemd_gets_a_copy_that_outlives_ours(systemd: Systemd, kept: KeptBySystemd, tmp_path: Path) -> None:
    with (tmp_path / "line").open("w+") as line:
        line.write("held")
        line.flush()
        kept.keep("gpio5", line.fileno())
    wait_for(systemd.names, "nothing is kept")
    ((name, fd),) = systemd.store
    assert (name, os.pread(fd, 100, 0)) == ("gpio5", b"held")
    assert systemd.said == ["FDSTORE=1\nFDNAME=gpio5"], "with systemd's polling, which drops what hangs up"


def test_what_is_forgotten_is_closed_in_systemd_when_the_call_returns(systemd: Systemd, kept: KeptBySystemd) -> None:
    reading, writing = os.pipe()
    kept.keep("gpio5", writing)
    kept.keep("gpio5", writing)
    kept.keep("gpio6", reading)
    os.close(writing)
    kept.forget("gpio5")
    assert os.read(reading, 1) == b"", "nobody holds the other end any more"
    assert systemd.names() == ["gpio6"]
    os.close(reading)


def test_a_systemd_that_does_not_answer_is_said(
    systemd: Systemd, kept: KeptBySystemd, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(service_module, "PATIENCE_S", 0.05)
    systemd.is_deaf = True
    kept.forget("gpio5")
    assert "systemd has not said that it let go of gpio5" in caplog.text


def test_a_descriptor_that_systemd_did_not_take_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    KeptBySystemd(Service({"NOTIFY_SOCKET": str(tmp_path / "nobody")})).keep("gpio5", 0)
    assert "systemd did not take gpio5" in caplog.text


def test_without_systemd_nothing_is_kept_and_nothing_is_said(caplog: pytest.LogCaptureFixture) -> None:
    kept = KeptBySystemd(Service({}))
    with caplog.at_level(logging.DEBUG):
        kept.keep("gpio5", 0)
        kept.forget("gpio5")
    assert (kept.take("gpio5"), kept.names(), caplog.text) == (None, (), "")


@pytest.mark.parametrize("name", ["", "gpio:5", "gpio5\n", "chân5", "g" * 256])
def test_a_name_that_systemd_would_not_take_is_refused(systemd: Systemd, kept: KeptBySystemd, name: str) -> None:
    for said in (lambda: kept.keep(name, 0), lambda: kept.forget(name)):
        with pytest.raises(ValueError, match="is no name for a descriptor"):
            said()
    assert systemd.said == []
    kept.keep("g" * 255, 0)
    wait_for(systemd.names, "the longest name is not taken")


SECOND_RUN = """
import os
from agent.adapters.kept_descriptors import KeptBySystemd
from agent.adapters.service import Service
kept = KeptBySystemd(Service())
print(kept.names())
first = kept.take("gpio5")
print(os.pread(first, 9, 0), os.get_inheritable(first), kept.names())
second, third = kept.take("gpio5"), kept.take("gpio5")
print(os.pread(second, 9, 0), third, kept.names())
kept.forget("gpio6")
print(kept.take("gpio6"), kept.names(), [os.path.exists(f"/proc/self/fd/{fd}") for fd in (3, 4, 5)])
"""


def test_the_next_run_takes_what_was_kept_each_once_and_in_order(
    systemd: Systemd, kept: KeptBySystemd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in (("gpio5", "five"), ("gpio6", "six"), ("gpio5", "again")):
        with (tmp_path / text).open("w+") as line:
            line.write(text)
            line.flush()
            kept.keep(name, line.fileno())
    wait_for(lambda: len(systemd.store) == 3, "nothing is kept")
    monkeypatch.setenv("NOTIFY_SOCKET", systemd.address)
    run = started_by_systemd([fd for _, fd in systemd.store], ":".join(systemd.names()), SECOND_RUN)
    assert run.communicate(timeout=30)[0].splitlines() == [
        "('gpio5', 'gpio6')",
        "b'five' False ('gpio6', 'gpio5')",
        "b'again' None ('gpio6',)",
        "None () [True, False, True]",
    ]
    assert systemd.names() == ["gpio5", "gpio5"], "systemd goes on holding what was taken"
