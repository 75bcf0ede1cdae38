"""Where the broker is. Its name is resolved at each attempt, since its address may change; where nobody resolves it (a
site's own router is what does that, and it is often the first thing to fail) the last address that worked is tried.
"""

import logging
import socket
from contextlib import suppress
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.properties import Properties

from agent.core.identity import BrokerSection

log = logging.getLogger("diemcau.link")


class BrokerAddress:
    """One broker's address. Thread: the link's own.

    Args:
        broker: Its name, or its address, and the port.
        last: An address that worked before; None: none is known.
    """

    def __init__(self, broker: BrokerSection, last: str | None = None) -> None:
        self._host, self._port = broker.host, broker.port
        self.last = last

    def connect(self, client: mqtt.Client, keepalive_s: int, properties: Properties) -> None:
        """Send the CONNECT. With TLS the certificate has to be the name's all the same (``mqtt_client.py``).

        Raises:
            OSError: The broker cannot be reached, or its name cannot be resolved and no address is known.
            ValueError: The name is none.
        """
        try:
            client.connect(self._host, self._port, keepalive_s, clean_start=False, properties=properties)
        except socket.gaierror as error:
            if self.last is None:
                raise
            log.warning("%s cannot be resolved (%s): trying %s, as before", self._host, error, self.last)
            client.connect(self.last, self._port, keepalive_s, clean_start=False, properties=properties)

    def worked(self, client: mqtt.Client) -> None:
        """The broker has accepted ``client``: remember where it is."""
        sock: Any = client.socket()
        with suppress(OSError):
            self.last = str(sock.getpeername()[0]) if sock is not None else self.last  # None: it has ended meanwhile
