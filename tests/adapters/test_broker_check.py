"""Knocking at a real broker: how far one comes, and that nobody is thrown off for it."""

import socket
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.adapters.broker_check import Knock, knock
from agent.adapters.mosquitto import Mosquitto, free_port
from agent.adapters.mqtt_client import new_client
from agent.core.identity import BrokerSection
from tests.adapters.pki import Authority, broker_of
from tests.conftest import wait_for

SITE = "chi-linh"
Serve = Callable[[str], int]


@pytest.fixture
def ca(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def serve(tmp_path: Path, mosquitto_program: str) -> Iterator[Serve]:
    """Start a broker with these lines of configuration; gives its port."""
    running = []

    def start(extra: str) -> int:
        running.append(Mosquitto(tmp_path, extra=extra))
        running[-1].start()
        return running[-1].port

    yield start
    for each in running:
        each.close()


def log_of(folder: Path) -> str:
    return (folder / "mosquitto.log").read_text()


def test_where_all_is_well_nothing_speaks_against_a_connect(tmp_path: Path, ca: Authority, serve: Serve) -> None:
    came = knock(broker_of(serve(ca.server()), ca.pem, ca.issue(SITE)), welcome_s=0.5)
    assert (came.stage, came.reason, came.addresses) == ("through", None, ("127.0.0.1",))
    assert came.expires is not None
    assert timedelta(days=360) < came.expires - datetime.now(UTC) < timedelta(days=366)
    assert "New client connected" not in log_of(tmp_path)


def test_an_agent_that_is_connected_stays_so(tmp_path: Path, ca: Authority, serve: Serve) -> None:
    rights = "use_identity_as_username true\nuse_username_as_clientid true"
    broker = broker_of(serve(f"{ca.server()}\n{rights}"), ca.pem, ca.issue(SITE))
    agent = new_client(SITE, broker)
    agent.connect(broker.host, broker.port)
    agent.loop_start()
    try:
        wait_for(agent.is_connected, "the agent is connected")
        for _ in range(3):
            assert knock(broker, welcome_s=0.2).stage == "through"
        assert agent.publish("diemcau/v1/chi-linh/status", "{}", qos=1).rc == 0
        assert agent.is_connected()
    finally:
        agent.loop_stop()
    assert log_of(tmp_path).count("New client connected") == 1
    assert "already connected" not in log_of(tmp_path)


@pytest.mark.parametrize(
    ("from_days", "to_days", "host", "reason"),
    [
        (-10, -1, "127.0.0.1", "server_expired"),
        (1, 10, "127.0.0.1", "server_not_yet_valid"),
        (-1, 10, "127.0.0.2", "server_name"),
        (-1, 10, "broker.example", "server_name"),
    ],
)
def test_a_certificate_that_does_not_hold_is_named(
    ca: Authority, serve: Serve, from_days: float, to_days: float, host: str, reason: str
) -> None:
    came = knock(broker_of(serve(ca.server(host, from_days, to_days)), ca.pem, ca.issue(SITE)))
    assert (came.stage, came.reason) == ("tls", reason)
    assert came.said


def test_a_broker_of_another_authority_is_not_believed(tmp_path: Path, ca: Authority, serve: Serve) -> None:
    other = Authority(tmp_path, "other")
    came = knock(broker_of(serve(ca.server()), other.pem, ca.issue(SITE)))
    assert (came.stage, came.reason) == ("tls", "server_unknown")


@pytest.mark.parametrize("version", ["tlsv1.2", "tlsv1.3"])
@pytest.mark.parametrize("whose", ["a stranger's", "expired", "none"])
def test_a_refusal_of_our_certificate_is_heard(
    tmp_path: Path, ca: Authority, serve: Serve, version: str, whose: str
) -> None:
    stranger = Authority(tmp_path, "stranger")
    own = {"a stranger's": stranger.issue(SITE), "expired": ca.issue("old", -10, -1), "none": None}[whose]
    came = knock(broker_of(serve(f"{ca.server()}\ntls_version {version}"), ca.pem, own))
    assert came.stage == "welcome", came
    assert came.reason == ("certificate_wanted" if own is None else "client_refused")


def test_a_certificate_of_no_use_is_left_out_and_the_broker_still_looked_at(ca: Authority, serve: Serve) -> None:
    (pem, _), (_, key) = ca.issue(SITE), ca.issue("other")
    came = knock(broker_of(serve(ca.server()), ca.pem, (pem, key)))
    assert came.stage == "welcome"


def test_a_port_without_tls_is_named(tmp_path: Path, ca: Authority, broker: Mosquitto) -> None:
    came = knock(broker_of(broker.port, ca.pem, None), patience_s=5)
    assert (came.stage, came.reason) == ("tls", "no_tls")


def test_a_port_that_talks_something_else_or_nothing_is_named(ca: Authority) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        assert knock(broker_of(port, ca.pem, None), patience_s=0.3).reason == "tls_silent"
        threading.Thread(target=_portal, args=(listening,), daemon=True).start()
        assert knock(broker_of(port, ca.pem, None), patience_s=5).reason == "no_tls"


def _portal(listening: socket.socket) -> None:
    """A captive portal, which answers whatever comes with a page."""
    listening.accept()[0].close()
    end, _ = listening.accept()
    end.recv(10)
    end.sendall(b"HTTP/1.1 302 Found\r\nLocation: http://login.example/\r\n\r\n" * 4)
    end.close()


def test_a_port_where_nobody_listens_and_a_name_that_is_none(ca: Authority) -> None:
    assert knock(broker_of(free_port(), ca.pem, None)).reason == "refused"
    came = knock(broker_of(1883, ca.pem, None, host="no-such-broker.invalid"))
    assert (came.stage, came.reason) == ("name", "name_unknown")
    too_long = "a" * 70 + ".example"
    assert knock(BrokerSection(url=f"mqtts://{too_long}:8883")).stage == "name"


def test_on_this_machine_plain_text_needs_only_a_listener(broker: Mosquitto) -> None:
    assert knock(BrokerSection(url=broker.url)) == Knock("through", addresses=("127.0.0.1",))


def test_with_a_ca_file_of_no_use_one_comes_as_far_as_the_port(tmp_path: Path, broker: Mosquitto) -> None:
    (tmp_path / "text").write_text("hello")
    for path, reason in [(tmp_path / "none", "no_file"), (tmp_path / "text", "not_pem"), (tmp_path, "not_readable")]:
        came = knock(broker_of(broker.port, path, None))
        assert came == Knock("ca", reason, str(path), ("127.0.0.1",))
