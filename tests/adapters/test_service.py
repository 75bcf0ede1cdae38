"""systemd's protocol, spoken to a socket of ours, and read in a real process that was started as systemd starts one."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path

import pytest

from agent.adapters import service as service_module
from agent.adapters.service import FIRST_FD, LISTEN, Service
from tests.adapters.conftest import Systemd
from tests.conftest import wait_for

# Becomes the program with descriptors from 3 on, as systemd does between fork and exec: same pid, LISTEN_* set.
AS_SYSTEMD = """
import os, sys
fds, names, program = eval(sys.argv[1]), sys.argv[2], sys.argv[3]
for fd in fds: os.dup2(fd, fd + 50)
for place, fd in enumerate(fds): os.dup2(fd + 50, 3 + place, inheritable=True)
listen = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": str(len(fds)), "LISTEN_FDNAMES": names}
os.execve(sys.executable, [sys.executable, "-c", program], {**os.environ, **listen})
"""


def started_by_systemd(fds: Sequence[int], names: str, program: str) -> "subprocess.Popen[str]":
    """A process that runs ``program`` and was handed in copies of ``fds``."""
    argv = [sys.executable, "-c", AS_SYSTEMD, repr(list(fds)), names, program]
    return subprocess.Popen(argv, pass_fds=fds, stdout=subprocess.PIPE, text=True)


def test_ready_watchdog_and_stopping_are_said(systemd: Systemd) -> None:
    service = Service({"NOTIFY_SOCKET": systemd.address})
    service.ready()
    service.feed_watchdog()
    service.stopping()
    wait_for(lambda: len(systemd.said) == 3, "systemd heard less")
    assert systemd.said == ["READY=1", "WATCHDOG=1", "STOPPING=1"]


def test_a_socket_without_a_file_is_found_too() -> None:
    name = f"diemcau-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        end.bind("\0" + name)
        end.settimeout(5)
        Service({"NOTIFY_SOCKET": "@" + name}).ready()
        assert end.recv(100) == b"READY=1"


def test_without_systemd_nothing_happens() -> None:
    service = Service({})
    service.ready()
    assert service.watchdog_s() is None
    assert service.listen_socket() is None
    assert service.handed_in() == []
    assert not service.wait_until_heard()


def test_a_systemd_that_is_gone_does_not_stop_the_room(tmp_path: Path) -> None:
    service = Service({"NOTIFY_SOCKET": str(tmp_path / "nobody")})
    service.ready()
    assert not service.notify("WATCHDOG=1")
    assert not service.wait_until_heard()


def test_a_systemd_that_does_not_read_is_not_waited_for_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_module, "PATIENCE_S", 0.05)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        end.bind(str(tmp_path / "notify"))
        service = Service({"NOTIFY_SOCKET": str(tmp_path / "notify")})
        taken = list(takewhile(bool, (service.notify("WATCHDOG=1") for _ in range(100_000))))
    assert 0 < len(taken) < 100_000, "its queue is full some day"


def test_systemd_has_acted_on_all_that_was_said_when_the_barrier_opens(systemd: Systemd) -> None:
    service = Service({"NOTIFY_SOCKET": systemd.address})
    for _ in range(50):
        service.feed_watchdog()
    assert service.wait_until_heard()
    assert systemd.said == ["WATCHDOG=1"] * 50 + ["BARRIER=1"]


def test_a_barrier_that_never_opens_is_given_up(systemd: Systemd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_module, "PATIENCE_S", 0.1)
    systemd.is_deaf = True
    began_s = time.monotonic()
    assert not Service({"NOTIFY_SOCKET": systemd.address}).wait_until_heard()
    assert 0.05 < time.monotonic() - began_s < 5


def test_the_watchdogs_patience_is_read_in_seconds() -> None:
    assert Service({"WATCHDOG_USEC": "20000000"}).watchdog_s() == 20.0
    assert Service({"WATCHDOG_USEC": "soon"}).watchdog_s() is None


@pytest.mark.parametrize(("other", "count"), [(1, "1"), (0, "0"), (0, "many"), (0, "")])
def test_descriptors_that_are_not_for_this_process_are_left_alone(other: int, count: str) -> None:
    environment = {"LISTEN_PID": str(os.getpid() + other), "LISTEN_FDS": count, "LISTEN_FDNAMES": "gpio5", "HOME": "/"}
    assert Service(environment).handed_in() == []
    assert environment == {"HOME": "/"}, "nor are they for a child"


HANDED_IN = """
import json, os, subprocess, sys
from agent.adapters.service import LISTEN, Service
service = Service()
handed_in = service.handed_in()
seen = [(name, fd, os.read(fd, 100).decode(), os.get_inheritable(fd)) for name, fd in handed_in]
inherited = [name for name in LISTEN if name in os.environ]
child = subprocess.run([sys.executable, "-c", "import os; print([os.environ.get(n) for n in %r])" % (LISTEN,)],
                       close_fds=False, capture_output=True, text=True)
print(json.dumps([seen, service.handed_in(), inherited, child.stdout]))
"""


def test_a_process_finds_what_systemd_hands_in_and_its_children_do_not(tmp_path: Path) -> None:
    files = [(tmp_path / name).open("w+") for name in ("five", "six")]
    for file in files:
        file.write(Path(file.name).name)
        file.flush()
        file.seek(0)
    child = started_by_systemd([file.fileno() for file in files], "gpio5:gpio6", HANDED_IN)
    seen, again, inherited, in_a_child = json.loads(child.communicate(timeout=30)[0])
    assert seen == [["gpio5", 3, "five", False], ["gpio6", 4, "six", False]]
    assert (again, inherited) == ([], [])
    assert in_a_child.strip() == str([None] * len(LISTEN))
    for file in files:
        file.close()


def test_descriptors_without_names_are_still_handed_in(tmp_path: Path) -> None:
    with (tmp_path / "file").open("w+") as file:
        child = started_by_systemd([file.fileno(), file.fileno()], "one", HANDED_IN)
        assert [name for name, *_ in json.loads(child.communicate(timeout=30)[0])[0]] == ["unknown", "unknown"]


EYE = """
from agent.adapters.service import Service
listening = Service().listen_socket()
end, _ = listening.accept()
end.sendall(b"%d %s" % (listening.fileno(), end.recv(100)))
"""


def test_the_eyes_socket_is_found_by_whatever_name_its_unit_has() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        eye = started_by_systemd([listening.fileno()], "diemcau-eye.socket", EYE)
        with socket.create_connection(listening.getsockname()) as end:
            end.settimeout(30)
            end.sendall(b"hello")
            assert end.recv(100) == b"%d hello" % FIRST_FD
        assert eye.wait(30) == 0


def test_the_status_line_is_one_line_whatever_is_in_it(systemd: Systemd) -> None:
    Service({"NOTIFY_SOCKET": systemd.address}).status("power=on\nFDSTOREREMOVE=1")
    wait_for(lambda: systemd.said, "systemd heard nothing")
    assert systemd.said == ["STATUS=power=on FDSTOREREMOVE=1"]
