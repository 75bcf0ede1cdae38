"""agent/adapters/broker_address.py: a name that nobody resolves any more, with and without TLS."""

import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest

from agent.adapters.broker_address import BrokerAddress
from agent.adapters.mosquitto import Mosquitto
from agent.adapters.mqtt_client import connect_properties, new_client
from agent.core.identity import BrokerSection
from tests.adapters.pki import Authority, broker_of
from tests.conftest import wait_for

NOBODY = "broker.invalid"  # RFC 2606: never resolved


def connected(address: BrokerAddress, broker: BrokerSection) -> mqtt.Client:
    client = new_client("nam-sach", broker)
    address.connect(client, keepalive_s=20, properties=connect_properties())
    client.loop_start()
    wait_for(client.is_connected, "connected")
    return client


def end(client: mqtt.Client) -> None:
    client.disconnect()
    client.loop_stop()


def test_the_address_that_worked_is_remembered(broker: Mosquitto) -> None:
    section = BrokerSection(url=f"mqtt://localhost:{broker.port}")
    address = BrokerAddress(section)
    client = connected(address, section)
    address.worked(client)
    end(client)
    assert address.last in {"127.0.0.1", "::1"}
    address.worked(client)  # it has ended: nothing to learn
    assert address.last in {"127.0.0.1", "::1"}


@pytest.fixture
def tls_broker(tmp_path: Path, mosquitto_program: str) -> Iterator[Callable[[str], BrokerSection]]:
    """A broker whose certificate is for a name of your choice; what an identity file says of ``NOBODY``."""
    authority, made = Authority(tmp_path), []

    def make(name: str) -> BrokerSection:
        made.append(Mosquitto(tmp_path, extra=authority.server(host=name)))
        made[-1].start()
        return broker_of(made[-1].port, authority.pem, authority.issue("nam-sach"), host=NOBODY)

    yield make
    for each in made:
        each.close()


def test_a_name_that_is_not_resolved_is_an_error_at_first_and_the_old_address_later(
    tls_broker: Callable[[str], BrokerSection],
) -> None:
    section = tls_broker(NOBODY)
    with pytest.raises(socket.gaierror):
        BrokerAddress(section).connect(new_client("nam-sach", section), 20, connect_properties())
    end(connected(BrokerAddress(section, last="127.0.0.1"), section))


def test_at_the_old_address_only_the_brokers_own_certificate_will_do(
    tls_broker: Callable[[str], BrokerSection],
) -> None:
    section = tls_broker("other.invalid")
    with pytest.raises(ssl.SSLCertVerificationError, match=r"not valid for 'broker\.invalid'"):
        BrokerAddress(section, last="127.0.0.1").connect(new_client("nam-sach", section), 20, connect_properties())
