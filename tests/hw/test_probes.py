"""hw/probes.py against real sockets on the loopback."""

import contextlib
import queue
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.core.config import CheckSection
from agent.core.events import Event, Probed
from hw.probes import TIMEOUT_S, NetworkProbes, is_answer, probe
from tests.conftest import wait_for
from tests.hw import own_network

PATIENCE_S = 20.0


def tcp(address: str, name: str = "codec-answers") -> CheckSection:
    return CheckSection(name=name, kind="tcp", address=address)


def ping(address: str) -> CheckSection:
    return CheckSection(name="gatekeeper", kind="ping", address=address)


def listening(family: socket.AddressFamily, host: str) -> socket.socket:
    end = socket.socket(family, socket.SOCK_STREAM)
    end.bind((host, 0))
    end.listen()
    return end


@pytest.fixture
def codec() -> Iterator[socket.socket]:
    """Something that listens, as a codec would."""
    with listening(socket.AF_INET, "127.0.0.1") as end:
        yield end


@pytest.fixture
def closed_port() -> int:
    """A port that was free a moment ago."""
    with listening(socket.AF_INET, "127.0.0.1") as end:
        return int(end.getsockname()[1])


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_what_listens_is_fine(codec: socket.socket, host: str) -> None:
    assert probe(tcp(f"{host}:{codec.getsockname()[1]}")) is None


def test_an_ipv6_address_stands_in_brackets() -> None:
    try:
        end = listening(socket.AF_INET6, "::1")
    except OSError:
        pytest.skip("this machine has no IPv6")
    with end:
        assert probe(tcp(f"[::1]:{end.getsockname()[1]}")) is None


def test_a_closed_port_refuses(closed_port: int) -> None:
    assert probe(tcp(f"127.0.0.1:{closed_port}")) == "refused"


def test_a_machine_that_says_nothing_is_told_after_three_seconds() -> None:
    """A listener whose queue is full lets every further knock fall, as a machine does that is off."""
    with socket.socket() as end, contextlib.ExitStack() as waiting:
        end.bind(("127.0.0.1", 0))
        end.listen(0)
        for _ in range(2):
            knock = waiting.enter_context(socket.socket())
            knock.setblocking(False)
            knock.connect_ex(end.getsockname())
        began_s = time.monotonic()
        assert probe(tcp(f"127.0.0.1:{end.getsockname()[1]}")) == "timeout"
        assert TIMEOUT_S - 0.1 < time.monotonic() - began_s < TIMEOUT_S + 1


@pytest.mark.parametrize("check", [tcp("name.invalid:5060"), ping("name.invalid")])
def test_a_name_that_does_not_resolve_is_unknown(check: CheckSection) -> None:
    assert probe(check) == "name_unknown"


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("a..b:80", "name_unknown"),
        ("x" * 70 + ":80", "name_unknown"),
        ("", "unreachable"),
        ("127.0.0.1:", "unreachable"),
        ("127.0.0.1:sip", "unreachable"),
        ("127.0.0.1:65536", "unreachable"),
        ("127.0.0.1:-1", "unreachable"),
        ("127.0.0.1:²", "unreachable"),
    ],
)
def test_an_address_that_is_none_has_a_reason_and_is_no_crash(address: str, reason: str) -> None:
    assert probe(tcp(address)) == reason


# In a network of our own, where this user may ping and where only what the test puts there is


PROBE = """
import time
from agent.core.config import CheckSection
from hw.probes import NetworkProbes, Probe
def probe(kind, address):
    return Probe(CheckSection(name="check", kind=kind, address=address)).make()
"""


def test_a_ping_is_answered_over_ipv4_and_ipv6() -> None:
    code = "own_network.let_everybody_ping()\nprint([probe('ping', name) for name in ('127.0.0.1', '::1', '[::1]')])"
    assert own_network.run(PROBE + code) == "[None, None, None]\n"


def test_who_may_not_ping_is_told_so() -> None:
    code = "print(probe('ping', '127.0.0.1'), probe('ping', '::1'))"
    assert own_network.run(PROBE + code) == "not_permitted not_permitted\n"


def test_where_no_way_leads_is_unreachable() -> None:
    code = "own_network.let_everybody_ping()\nprint(probe('ping', '192.0.2.1'), probe('tcp', '192.0.2.1:5060'))"
    assert own_network.run(PROBE + code) == "unreachable unreachable\n"


def test_a_machine_that_is_off_is_a_timeout_whoever_loses_patience_first() -> None:
    """On a wire without anybody: the kernel calls three times for the neighbour, a second apart, and then gives up."""
    code = """
import fcntl, os, socket, struct, threading
own_network.let_everybody_ping()
tap = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(tap, 0x400454CA, struct.pack("16sH22x", b"wire", 0x1002))  # TUNSETIFF: IFF_TAP, IFF_NO_PI
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
    address = struct.pack("16sHH4s8x", b"wire", socket.AF_INET, 0, socket.inet_aton("10.9.9.1"))
    fcntl.ioctl(end, 0x8916, address)  # SIOCSIFADDR, with the network 10.0.0.0/8
    fcntl.ioctl(end, 0x8914, struct.pack("16sH14x", b"wire", 1))
said = set()
def ask(kind, address, after_s):
    time.sleep(after_s)
    said.add(probe(kind, address))
asking = [("ping", "10.9.9.2", 0), ("tcp", "10.9.9.2:80", 0.5), ("tcp", "10.9.9.2:81", 1.5), ("ping", "10.9.9.2", 2.5)]
threads = [threading.Thread(target=ask, args=each) for each in asking]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(said)
"""
    if not Path("/dev/net/tun").exists():
        pytest.skip("needs /dev/net/tun (modprobe tun)")
    assert own_network.run(PROBE + code) == "{'timeout'}\n"


def test_a_ping_that_nobody_answers_is_over_after_three_seconds() -> None:
    code = """
from pathlib import Path
own_network.let_everybody_ping()
Path("/proc/sys/net/ipv4/icmp_echo_ignore_all").write_text("1")
began_s = time.monotonic()
print(probe("ping", "127.0.0.1"), round(time.monotonic() - began_s))
"""
    assert own_network.run(PROBE + code) == "timeout 3\n"


def test_a_name_server_that_does_not_answer_stops_no_check_from_being_reported() -> None:
    code = """
import queue, socket, threading
own_network.ask_names_of("127.0.0.1")
silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
silent.bind(("127.0.0.1", 53))
said = queue.SimpleQueue()
check = CheckSection(name="codec", kind="tcp", address="codec.example:5060")
probes = NetworkProbes((check,), said.put, interval_s=0.1)
began_s = time.monotonic()
probes.start()
reasons = {said.get(timeout=8).reason for _ in range(3)}
probes.close()
print(reasons, time.monotonic() - began_s < 11, sum(t.name.startswith("lookup") for t in threading.enumerate()))
"""
    # The lookup itself goes on, but only one of it.
    assert own_network.run(PROBE + code) == "{'name_unknown'} True 1\n"


def test_a_name_server_that_is_slow_is_waited_for_in_the_end() -> None:
    code = """
import socket, threading
from hw import probes
own_network.ask_names_of("127.0.0.1")
probes.TIMEOUT_S = 0.5
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 53))
def answer():
    while True:
        request, sender = server.recvfrom(512)
        time.sleep(1.0)
        is_a = request[-3] == 1
        found = b"\\xc0\\x0c\\0\\1\\0\\1\\0\\0\\0\\1\\0\\4\\x7f\\0\\0\\1" if is_a else b""
        server.sendto(request[:2] + b"\\x81\\x80\\0\\1\\0" + bytes([is_a]) + bytes(4) + request[12:] + found, sender)
threading.Thread(target=answer, daemon=True).start()
codec = socket.create_server(("127.0.0.1", 5060))
one = Probe(CheckSection(name="codec", kind="tcp", address="codec.example:5060"))
reasons = [one.make() for _ in range(8)]
print(reasons[0], None in reasons)
"""
    assert own_network.run(PROBE + code) == "name_unknown True\n"


@pytest.mark.parametrize(
    ("packet", "expected"),
    [
        (b"\0\0\xab\xcd\x12\x34\0\1" + b"ours", True),
        (b"\0\0\xab\xcd\x12\x34\0\1" + b"late", False),  # the answer to an earlier one
        (b"\3\1\xab\xcd\x12\x34\0\1" + b"ours", False),  # destination unreachable
        (b"\x08\0\xab\xcd\x12\x34\0\1" + b"ours", False),  # somebody's request
        (b"\0\0\xab\xcd\x12\x34\0", False),
        (b"", False),
    ],
)
def test_only_the_echo_of_what_was_sent_is_an_answer(packet: bytes, expected: bool) -> None:
    assert is_answer(packet, 0, b"ours") is expected


# Again and again


def test_the_probes_say_again_and_again_what_they_find(codec: socket.socket, closed_port: int) -> None:
    events: queue.SimpleQueue[Event] = queue.SimpleQueue()
    answers, silent = tcp(f"127.0.0.1:{codec.getsockname()[1]}", "answers"), tcp(f"127.0.0.1:{closed_port}", "silent")
    camera = CheckSection(name="camera-main", kind="usb-camera", usb="046d:085e")
    probes = NetworkProbes((answers, silent, camera), events.put, interval_s=0.01)
    probes.start()
    probes.start()
    seen = [events.get(timeout=PATIENCE_S) for _ in range(12)]
    probes.close()
    probes.close()
    assert seen.count(Probed("answers", True, None, answers.address)) >= 2
    assert seen.count(Probed("silent", False, "refused", silent.address)) >= 2
    assert {event.check for event in seen if isinstance(event, Probed)} == {"answers", "silent"}


def test_a_codec_that_goes_away_is_noticed(codec: socket.socket) -> None:
    events: queue.SimpleQueue[Event] = queue.SimpleQueue()
    check = tcp(f"127.0.0.1:{codec.getsockname()[1]}")
    probes = NetworkProbes((check,), events.put, interval_s=0.01)
    probes.start()
    assert events.get(timeout=PATIENCE_S) == Probed("codec-answers", True, None, check.address)
    codec.close()
    while events.get(timeout=PATIENCE_S) != Probed("codec-answers", False, "refused", check.address):
        pass
    probes.close()


# Another config


def probing() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name.startswith("probe ")}


def test_checks_that_stay_go_on_new_ones_begin_and_gone_ones_are_silent(codec: socket.socket, closed_port: int) -> None:
    events: queue.SimpleQueue[Event] = queue.SimpleQueue()
    stays, goes = tcp(f"127.0.0.1:{codec.getsockname()[1]}", "stays"), tcp(f"127.0.0.1:{closed_port}", "goes")
    probes = NetworkProbes((stays, goes), events.put, interval_s=0.01)
    probes.start()
    before = {thread for thread in probing() if thread.name == "probe stays"}
    other_words = stays.model_copy(update={"required": False, "group": "display"})
    probes.change((tcp(f"127.0.0.1:{closed_port}", "new"), other_words))
    while not events.empty():
        events.get()
    seen = [events.get(timeout=PATIENCE_S) for _ in range(12)]
    assert {event.check for event in seen if isinstance(event, Probed)} == {"stays", "new"}
    assert before < probing(), "the same thread as before"
    probes.close()


def test_an_answer_of_a_check_that_is_another_one_now_is_never_said_after_the_change(closed_port: int) -> None:
    events: queue.SimpleQueue[Event] = queue.SimpleQueue()
    checks = {"refused": tcp(f"127.0.0.1:{closed_port}"), "unreachable": tcp("127.0.0.1:")}
    probes = NetworkProbes((checks["unreachable"],), events.put, interval_s=0)
    probes.start()
    for reason in ("refused", "unreachable") * 50:
        assert events.get(timeout=PATIENCE_S)
        probes.change((checks[reason],))
        while not events.empty():
            events.get()
        assert events.get(timeout=PATIENCE_S) == Probed("codec-answers", False, reason, checks[reason].address)
    probes.close()
    wait_for(lambda: not probing(), "all of them end")


def test_a_probe_under_way_is_not_waited_for_and_says_nothing_when_it_ends() -> None:
    events: queue.SimpleQueue[Event] = queue.SimpleQueue()
    with socket.socket() as end, contextlib.ExitStack() as waiting:
        end.bind(("127.0.0.1", 0))
        end.listen(0)
        for _ in range(2):
            knock = waiting.enter_context(socket.socket())
            knock.setblocking(False)
            knock.connect_ex(end.getsockname())
        probes = NetworkProbes((tcp(f"127.0.0.1:{end.getsockname()[1]}", "hangs"),), events.put)
        probes.start()
        probes.change(())
        assert "probe hangs" in {thread.name for thread in probing()}
        wait_for(lambda: not probing(), "it ends by its own timeout")
    assert events.empty()
