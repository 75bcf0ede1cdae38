"""agent/adapters/broker_trouble.py: a real handshake that fails, in one sentence that says what is to be done."""

from collections.abc import Callable

import pytest

from agent.adapters.broker_trouble import TLS, trouble
from agent.adapters.mosquitto import Mosquitto, free_port
from agent.adapters.mqtt_client import new_client
from agent.core.identity import BrokerSection
from tests.adapters.pki import Authority, broker_of
from tests.adapters.test_broker_check import SITE, ca, serve

__all__ = ["ca", "serve"]  # fixtures
Serve = Callable[[str], int]


def sentence(broker: BrokerSection) -> tuple[str, str]:
    """What the agent's own client meets there."""
    try:
        new_client(SITE, broker).connect(broker.host, broker.port)
    except (OSError, ValueError) as error:
        told = trouble(error, broker)
        return told.vietnamese, str(told)
    raise AssertionError("it connected")


@pytest.mark.parametrize(
    ("from_days", "to_days", "host", "words", "tu"),
    [
        (-10, -1, "127.0.0.1", "has expired: renew it there", "đã hết hạn"),
        (1, 10, "127.0.0.1", "is not valid yet: check this machine's clock", "chưa có hiệu lực"),
        (-1, 10, "127.0.0.2", "is for another name: use the name in it", "mang tên khác"),
    ],
)
def test_what_is_wrong_with_a_brokers_certificate_is_said(
    ca: Authority, serve: Serve, from_days: float, to_days: float, host: str, words: str, tu: str
) -> None:
    vietnamese, english = sentence(broker_of(serve(ca.server(host, from_days, to_days)), ca.pem, ca.issue(SITE)))
    assert words in english
    assert tu in vietnamese


def test_another_authority_and_a_port_without_tls_are_told_apart(
    tmp_path: object, ca: Authority, serve: Serve, broker: Mosquitto
) -> None:
    other = Authority(ca.folder, "other")
    assert "the ca file does not vouch" in sentence(broker_of(serve(ca.server()), other.pem, ca.issue(SITE)))[1]
    assert "does not speak TLS" in sentence(broker_of(broker.port, ca.pem, None))[1]


def test_nobody_there_and_no_such_name_are_told_apart(ca: Authority) -> None:
    vietnamese, english = sentence(broker_of(free_port(), ca.pem, None))
    assert "refuses connections: start it" in english
    assert "từ chối kết nối" in vietnamese
    assert "cannot be reached" in sentence(broker_of(8883, ca.pem, None, host="no-such-broker.invalid"))[1]


def test_every_reason_has_both_languages_and_names_the_place() -> None:
    assert all("{where}" in vietnamese and "{where}" in english for vietnamese, english in TLS.values())
