"""agent/console/recorder_link.py: against a real broker, and against servers that are none."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.adapters.mosquitto import ANYBODY, Mosquitto
from agent.console import recorder_link as module
from agent.console.recorder_link import UNDER_WAY, Came, ClosedError, Connection
from agent.core.errors import LinkError
from agent.core.identity import BrokerSection, broker_at
from tests.adapters.pki import Authority, broker_of
from tests.conftest import PATIENCE_S, wait_for
from tests.console.test_recorder import RawSite

TOPICS = ["diemcau/v1/+/history/event"]
TOPIC = "diemcau/v1/nam-sach/history/event"


def collect(connection: Connection, most: int, quiet_s: float = PATIENCE_S) -> list[Came]:
    """So many messages, or all that come until there is a pause."""
    came: list[Came] = []
    heard_s = time.monotonic()
    while len(came) < most and time.monotonic() - heard_s < (quiet_s if came else PATIENCE_S):
        if more := connection.receive(0.1):
            came, heard_s = came + more, time.monotonic()
    return came


def flood(port: int, count: int) -> RawSite:
    site = RawSite(port)
    for number in range(count):
        site.client.publish(TOPIC, f"{number}", qos=1)
    return site


@pytest.mark.parametrize("inflight", [0, 50])
def test_what_is_under_way_is_bounded_by_us_whatever_the_brokers_own_bound(
    tmp_path: Path, mosquitto_program: str, inflight: int
) -> None:
    running = Mosquitto(tmp_path, extra=f"{ANYBODY}\nmax_inflight_messages {inflight}")
    running.start()
    with Connection(broker_at(running.url), "r", TOPICS) as connection:
        site = flood(running.port, 2 * UNDER_WAY)
        came = collect(connection, 10**9, quiet_s=0.7)
        assert len(came) == UNDER_WAY
        for each in came:
            connection.ack(each.mid, each.qos)
        connection.flush()
        came += collect(connection, 1)
        assert len(came) > UNDER_WAY
        assert [each.raw for each in came] == [f"{number}".encode() for number in range(len(came))]
        site.close()
    running.close()


def test_no_more_is_sent_at_once_than_the_broker_takes(tmp_path: Path, mosquitto_program: str) -> None:
    running = Mosquitto(tmp_path, extra=f"{ANYBODY}\nmax_inflight_messages 5")
    running.start()
    with Connection(broker_at(running.url), "r", TOPICS) as connection:
        for number in range(300):
            connection.publish(TOPIC, f"{number}".encode())
        connection.flush()
        got: list[bytes] = []
        while len(got) < 300:
            came = collect(connection, 1)
            assert came, "the broker goes on"
            for each in came:
                connection.ack(each.mid, each.qos)
            connection.flush()
            got += [each.raw for each in came]
    assert got == [f"{number}".encode() for number in range(300)]
    running.close()


def test_a_session_that_the_broker_has_kept_begins_with_its_messages(broker: Mosquitto) -> None:
    with Connection(broker_at(broker.url), "r", TOPICS) as connection:
        site = flood(broker.port, 3)
        assert len(collect(connection, 3)) == 3  # and not acknowledged
    with Connection(broker_at(broker.url), "r", TOPICS) as connection:
        assert [each.raw for each in collect(connection, 3)] == [b"0", b"1", b"2"]
    site.close()


def test_with_certificates(tmp_path: Path, mosquitto_program: str) -> None:
    authority = Authority(tmp_path)
    running = Mosquitto(tmp_path, extra=authority.server())
    running.start()
    own = authority.issue("ghi")
    with Connection(broker_of(running.port, authority.pem, own), "r", TOPICS) as connection:
        for number in range(500):
            connection.publish(TOPIC, f"{number}".encode() * 500)
        connection.flush()
        assert len(collect(connection, 500)) == 500
    with pytest.raises(OSError, match="certificate verify failed"):
        Connection(broker_of(running.port, Authority(tmp_path, "other").pem, own), "r", TOPICS)
    with pytest.raises(LinkError, match="cannot be found"):
        Connection(broker_of(running.port, tmp_path / "none.pem", own), "r", TOPICS)
    running.close()


def test_who_is_not_known_and_who_may_not_listen_is_told(tmp_path: Path, mosquitto_program: str) -> None:
    (tmp_path / "passwords").touch(0o600)
    running = Mosquitto(tmp_path, extra=f"password_file {tmp_path}/passwords")
    running.start()
    (tmp_path / "secret").write_text("geheim\n")
    known = BrokerSection(url=running.url, username="ghi", password_file=str(tmp_path / "secret"))
    for broker in (known, broker_at(running.url)):
        with pytest.raises(LinkError, match=r"refuses this user \(Not authorized\)"):
            Connection(broker, "r", TOPICS)
    running.close()


def test_who_may_not_acknowledge_is_told(tmp_path: Path, mosquitto_program: str) -> None:
    (tmp_path / "acl").write_text("topic read diemcau/v1/#\ntopic write diemcau/v1/+/history/event\n")
    (tmp_path / "acl").chmod(0o600)
    running = Mosquitto(tmp_path, extra=f"{ANYBODY}\nacl_file {tmp_path}/acl")
    running.start()
    with Connection(broker_at(running.url), "r", TOPICS) as connection:
        connection.publish(TOPIC, b"1")
        connection.flush()
        wait_for(lambda: connection.receive(0.1) == [] and connection.is_heard, "what it may")
        connection.publish("diemcau/v1/nam-sach/history/ack", b"1")
        connection.flush()
        with pytest.raises(LinkError, match=r"no acknowledgement .*\(Not authorized\).*recorder") as told:
            until_it_ends(connection)
        assert "không phải vai trò recorder" in told.value.vietnamese
    running.close()


def test_a_name_that_somebody_else_takes_is_told_from_a_line_that_breaks(broker: Mosquitto) -> None:
    first = Connection(broker_at(broker.url), "r", TOPICS)
    with Connection(broker_at(broker.url), "r", TOPICS), first, pytest.raises(ClosedError):
        until_it_ends(first)
    with server(WELCOME + GRANTED + b"\xe0\x01\x8e") as newer, pytest.raises(ClosedError, match="taken over") as told:
        until_it_ends(Connection(newer, "r", TOPICS))
    assert told.value.taken_over


def test_a_name_that_can_be_none_is_an_error_like_any_other() -> None:
    with pytest.raises(OSError, match="label"):
        Connection(broker_at("mqtts://a..b:8883"), "r", TOPICS)


def until_it_ends(connection: Connection) -> None:
    until_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < until_s:
        connection.receive(0.2)


def test_the_brokers_end_is_an_error(broker: Mosquitto) -> None:
    with Connection(broker_at(broker.url), "r", TOPICS) as connection:
        broker.kill()
        with pytest.raises(OSError, match=r"closed|reset"):
            until_it_ends(connection)


@contextmanager
def server(answers: bytes) -> Iterator[BrokerSection]:
    """Takes one connection, says this, and then nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        ends: list[socket.socket] = []

        def serve() -> None:
            end, _ = listening.accept()
            ends.append(end)
            end.sendall(answers)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield broker_at(f"mqtt://127.0.0.1:{listening.getsockname()[1]}")
        thread.join(PATIENCE_S)
        for end in ends:
            end.close()


WELCOME, GRANTED = b"\x20\x03\0\0\0", b"\x90\x04\0\1\0\1"


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        (b"\xf0\x01\0", "kind"),
        (b"\x20\x00", "cannot be read"),
        (WELCOME + b"\x90\x01\0", "cannot be read"),
        (WELCOME + b"\xe0\x01\x8d", "Keep alive timeout"),
        (WELCOME + b"\x30\xff\xff\xff\x7f", "bytes"),
        (b"\xff\xff\xff\xff\xff\xff", "four bytes"),
    ],
)
def test_what_is_no_broker_is_an_error(answers: bytes, words: str) -> None:
    with server(answers) as broker, pytest.raises(OSError, match=words):
        Connection(broker, "r", TOPICS)


def test_a_right_that_is_missing_and_a_broker_that_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    with server(WELCOME + b"\x90\x04\0\1\0\x87") as broker, pytest.raises(LinkError, match="does not let this user"):
        Connection(broker, "r", TOPICS)
    monkeypatch.setattr(module, "FIRST_ANSWER_S", 0.2)
    with server(b"") as broker, pytest.raises(LinkError, match="does not answer"):
        Connection(broker, "r", TOPICS)


def test_a_line_on_which_nothing_comes_any_more_is_given_up() -> None:
    asks_for_1_s = b"\x20\x06\0\0\x03\x13\0\x01"
    with server(asks_for_1_s + GRANTED) as broker, pytest.raises(OSError, match="said nothing"):
        until_it_ends(Connection(broker, "r", TOPICS))


def test_whoever_waits_for_a_database_stays_connected(tmp_path: Path, mosquitto_program: str) -> None:
    running = Mosquitto(tmp_path, extra=f"{ANYBODY}\nmax_keepalive 10")
    running.start()
    with Connection(broker_at(running.url), "r", TOPICS) as connection:
        assert connection._keepalive_s == 10
        connection._sent_s -= 6
        connection.rest()
        assert time.monotonic() - connection._sent_s < 5
    running.close()
