"""Who a machine is towards the broker: the box's identity file and the centre's own. Never pushed, never published."""

import ipaddress
import re
from typing import Any
from urllib.parse import urlsplit

from pydantic import Field

from agent.core.errors import ConfigError, Problem
from agent.core.parse import Section, build, decode, problems_of

SITE_ID = re.compile(r"^[a-z0-9]+(-[a-z0-9]+)*$")
SITE_ID_MAX = 63
PORTS = {"mqtt": 1883, "mqtts": 8883}  # source: IANA service names mqtt, secure-mqtt


class BrokerSection(Section):
    """Where the broker is and how one shows who one is. ``mqtt://`` (plain) is for this machine only."""

    url: str = Field(max_length=300)
    ca: str = ""
    certificate: str = ""
    key: str = ""
    username: str = ""
    password_file: str = ""

    @property
    def tls(self) -> bool:
        """True for ``mqtts://``."""
        return urlsplit(self.url).scheme == "mqtts"

    @property
    def host(self) -> str:
        """Name or address of the broker."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        """The port, the scheme's own where the address names none."""
        parts = urlsplit(self.url)
        return parts.port or PORTS[parts.scheme]


class Identity(Section):
    """``/etc/diemcau/agent.toml``."""

    site: str
    broker: BrokerSection


class BoardSection(Section):
    """Where ``diemcau board`` is to be had. ``names`` are what browsers call it."""

    listen: str = "127.0.0.1:8080"
    certificate: str = ""
    key: str = ""
    behind_proxy: bool = False
    names: tuple[str, ...] = ()


class Centre(Section):
    """``/etc/diemcau/centre.toml``: who the centre's commands are, where the history is kept and the board served."""

    broker: BrokerSection
    database: str = ""
    board: BoardSection = BoardSection()


def parse_identity(text: str, source: str) -> Identity:
    """Read the identity file. Raises ConfigError with every problem at once."""
    data = decode(text, source, json_document=False)
    problems = [*problems_of(Identity, data), *_broker_problems(data)]
    if isinstance(data.get("site"), str) and not is_site_id(data["site"]):
        problems.append(Problem("site", "should be words of a-z and 0-9 joined by -, at most 63 characters"))
    if problems:
        raise ConfigError(source, tuple(problems))
    return build(Identity, data)


def parse_centre(text: str, source: str) -> Centre:
    """Read the centre's file. Raises ConfigError with every problem at once."""
    data = decode(text, source, json_document=False)
    if "site" in data:
        raise ConfigError(source, (Problem("", "this is a site's identity file", "name the centre's own"),))
    problems = (*problems_of(Centre, data), *_broker_problems(data))
    if problems:
        raise ConfigError(source, problems)
    return build(Centre, data)


def broker_at(url: str) -> BrokerSection:
    """A broker given by its address alone (``--broker``). Raises ConfigError."""
    problems = tuple(_broker_problems({"broker": {"url": url}}))
    if problems:
        raise ConfigError("--broker", problems)
    return BrokerSection(url=url)


def is_site_id(text: str) -> bool:
    """True for ``[a-z0-9]`` words joined by ``-``, at most 63 characters."""
    return len(text) <= SITE_ID_MAX and SITE_ID.fullmatch(text) is not None


def _broker_problems(data: dict[str, Any]) -> list[Problem]:
    broker = data.get("broker")
    if not isinstance(broker, dict) or not isinstance(broker.get("url"), str):
        return []
    problems = _url_problems(broker["url"])
    if bool(broker.get("certificate")) != bool(broker.get("key")):
        problems.append(Problem("broker", "certificate and key belong together: give both or neither"))
    if bool(broker.get("username")) != bool(broker.get("password_file")):
        problems.append(Problem("broker", "username and password_file belong together: give both or neither"))
    return problems


def _url_problems(url: str) -> list[Problem]:
    """What is wrong with an address. It is never quoted as a whole: somebody may have put a password into it."""
    looks = "should look like mqtts://broker.example:8883"
    try:
        parts = urlsplit(url)
        usual = PORTS[parts.scheme]
        port = usual if parts.port is None else parts.port
    except (ValueError, KeyError):
        return [Problem("broker.url", f"{looks}, with a port from 1 to 65535")]
    if parts.username is not None:
        return [Problem("broker.url", "no user or password in here: give username and password_file")]
    host = parts.hostname or ""
    if not port or not host or parts.path.strip("/") or parts.query or parts.fragment or any(map(str.isspace, url)):
        return [Problem("broker.url", looks)]
    if parts.scheme == "mqtt" and not is_loopback(host):
        shown = f"[{host}]" if ":" in host else host
        return [Problem("broker.url", "plain mqtt:// is for this machine only", f"use mqtts://{shown}:8883")]
    return []


def is_loopback(host: str) -> bool:
    """True for ``localhost`` and loopback addresses; a name that would have to be looked up is not."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
