"""A paho client as the site, the centre's listener and the recorder all want it: MQTT 5, credentials, no surprises."""

import logging
import random
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from agent.adapters.files import missing
from agent.core.errors import LinkError
from agent.core.identity import BrokerSection

log = logging.getLogger("diemcau.link")

KEEPALIVE_S = 20
SESSION_EXPIRY_S = 3600
MAX_PACKET_BYTES = 128 * 1024
CONNECT_TIMEOUT_S = 10.0
BACK_OFF_FIRST_S, BACK_OFF_CAP_S = 1.0, 20.0

F = TypeVar("F", bound=Callable[..., Any])


def guarded(callback: F) -> F:
    """Log what a callback raises: an exception in it would end paho's thread while it still looks connected."""

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        try:
            return callback(*args, **kwargs)
        except Exception:
            log.exception("a callback of the link failed; the link goes on")
            return None

    return wrapped  # type: ignore[return-value]  # same call signature, by construction


def new_client(client_id: str, broker: BrokerSection) -> mqtt.Client:
    """A paho client for MQTT 5 with the broker's credentials, not connected yet.

    Raises:
        LinkError: A certificate, key or password file is not there or cannot be read.
    """
    client = mqtt.Client(
        CallbackAPIVersion.VERSION2, client_id=client_id, protocol=mqtt.MQTTv5, reconnect_on_failure=False
    )
    client.connect_timeout = CONNECT_TIMEOUT_S
    found = credentials(broker)
    if found.tls is not None:
        client.tls_set_context(found.tls)
    if broker.username:
        client.username_pw_set(broker.username, found.password)
    return client


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the files say that a broker's section names; None where it names none."""

    tls: ssl.SSLContext | None
    password: str | None = field(repr=False)


def credentials(broker: BrokerSection) -> Credentials:
    """Read them.

    Raises:
        LinkError: A certificate, key or password file is not there or cannot be read.
    """
    # OpenSSL does not say which file it misses.
    if gone := missing(broker.password_file, *((broker.ca, broker.certificate, broker.key) if broker.tls else ())):
        raise LinkError(
            f"{gone} cannot be found: copy it there, or correct the path",
            f"không thấy tệp {gone}: chép vào đúng chỗ hoặc sửa đường dẫn",
        )
    try:
        password = Path(broker.password_file).read_text().rstrip("\n") if broker.username else None
        return Credentials(_tls(broker) if broker.tls else None, password)
    except (OSError, ValueError) as error:
        raise LinkError(
            f"a file that the broker's credentials name cannot be used: {error}",
            f"không dùng được tệp chứng chỉ hoặc mật khẩu: {error}",
        ) from error


def back_off_s(failures: int) -> float:
    """How long to wait: full jitter up to 1 s doubling to 20 s, so that thousands of sites do not return as one."""
    return random.uniform(0.1, min(BACK_OFF_CAP_S, BACK_OFF_FIRST_S * 2 ** min(failures, 10)))  # noqa: S311 # no secret


def connect_properties() -> Properties:
    """For a session that the broker keeps for an hour, and that is sent nothing too large."""
    properties = Properties(PacketTypes.CONNECT)
    properties.SessionExpiryInterval = SESSION_EXPIRY_S
    properties.MaximumPacketSize = MAX_PACKET_BYTES
    return properties


def will_properties(delay_s: int) -> Properties:
    """For a will that is published so long after the connection was lost."""
    properties = Properties(PacketTypes.WILLMESSAGE)
    properties.WillDelayInterval = delay_s
    return properties


class _NamedContext(ssl.SSLContext):
    """A TLS context that asks for one name's certificate, also where the connection is made to a bare address."""

    name = ""

    def wrap_socket(self, *args: Any, **kwargs: Any) -> ssl.SSLSocket:
        return super().wrap_socket(*args, **{**kwargs, "server_hostname": self.name})


def _tls(broker: BrokerSection) -> ssl.SSLContext:
    context = _NamedContext(ssl.PROTOCOL_TLS_CLIENT)  # it checks certificate and name, as the default one does
    context.verify_flags = ssl.create_default_context(cafile=broker.ca or None).verify_flags
    context.name = broker.host
    if broker.ca:
        context.load_verify_locations(broker.ca)
    else:
        context.load_default_certs()
    if broker.certificate:
        # Without a password nobody is asked for one on a terminal: an encrypted key is an error like any other.
        context.load_cert_chain(broker.certificate, broker.key, password=lambda: "")
    return context
