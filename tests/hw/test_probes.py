"""hw/probes.py against real sockets on the loopback."""

import queue
import socket
from collections.abc import Iterator

import pytest

from agent.core.config import CheckSection
from agent.core.events import Event, Probed
from hw.probes import NetworkProbes, probe

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


def test_a_closed_port_is_unreachable(closed_port: int) -> None:
    assert probe(tcp(f"127.0.0.1:{closed_port}")) == "unreachable"


@pytest.mark.parametrize("check", [tcp("name.invalid:5060"), ping("name.invalid")])
def test_a_name_that_does_not_resolve_is_unknown(check: CheckSection) -> None:
    assert probe(check) == "name_unknown"


@pytest.mark.parametrize("address", ["a..b:80", "x" * 70 + ":80", "127.0.0.1:", "127.0.0.1:sip"])
def test_an_address_that_is_none_is_unreachable_and_no_crash(address: str) -> None:
    assert probe(tcp(address)) == "unreachable"


def test_a_ping_of_this_machine_is_answered() -> None:
    reason = probe(ping("127.0.0.1"))
    if reason == "not_permitted":
        pytest.skip("the kernel does not permit this user to ping (net.ipv4.ping_group_range)")
    assert reason is None


def test_a_ping_is_never_more_than_a_reason() -> None:
    assert probe(ping("127.0.0.1")) in (None, "not_permitted")


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
    assert seen.count(Probed("answers", True, None)) >= 2
    assert seen.count(Probed("silent", False, "unreachable")) >= 2
    assert {event.check for event in seen if isinstance(event, Probed)} == {"answers", "silent"}


def test_a_codec_that_goes_away_is_noticed(codec: socket.socket) -> None:
    events: queue.SimpleQueue[Event] = queue.SimpleQueue()
    probes = NetworkProbes((tcp(f"127.0.0.1:{codec.getsockname()[1]}"),), events.put, interval_s=0.01)
    probes.start()
    assert events.get(timeout=PATIENCE_S) == Probed("codec-answers", True, None)
    codec.close()
    while events.get(timeout=PATIENCE_S) != Probed("codec-answers", False, "unreachable"):
        pass
    probes.close()
