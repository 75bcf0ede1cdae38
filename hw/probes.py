"""Network checks: does the codec answer? A TCP connect or an unprivileged ICMP echo, bounded in time.

Source for the ICMP datagram socket: ping(8) and ``net.ipv4.ping_group_range`` in ip-sysctl of the kernel's documents.
"""

import logging
import os
import random
import socket
import struct
import threading

from agent.core.config import CheckSection
from agent.core.events import Probed
from agent.core.ports import Inbox

log = logging.getLogger("diemcau.probes")

INTERVAL_S = 5.0
TIMEOUT_S = 3.0
ECHO_REQUEST = 8


class NetworkProbes:
    """Makes each network check every few seconds, on a thread of its own, so that a dead one delays no other."""

    def __init__(self, checks: tuple[CheckSection, ...], inbox: Inbox, interval_s: float = INTERVAL_S) -> None:
        self._checks = [check for check in checks if check.kind in ("tcp", "ping")]
        self._inbox = inbox
        self._interval_s = interval_s
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Begin. Returns at once."""
        if not self._threads:
            self._threads = [
                threading.Thread(target=self._run, args=(check,), name=f"probe {check.name}", daemon=True)
                for check in self._checks
            ]
            for thread in self._threads:
                thread.start()

    def close(self) -> None:
        """Stop. A probe under way ends by its own timeout and says nothing more."""
        self._stop.set()

    def _run(self, check: CheckSection) -> None:
        while not self._stop.is_set():
            reason = probe(check)
            if not self._stop.is_set():
                self._inbox(Probed(check.name, reason is None, reason))
            # Jitter, so that hundreds of boxes do not knock at one gatekeeper in step.
            self._stop.wait(self._interval_s * random.uniform(0.8, 1.2))  # noqa: S311 # no secret


def probe(check: CheckSection) -> str | None:
    """Make one network check. Returns None where it is fine, else the reason. Takes up to three seconds."""
    try:
        return _tcp(check.address) if check.kind == "tcp" else _ping(check.address)
    except PermissionError:
        return "not_permitted"
    except socket.gaierror:
        return "name_unknown"
    except (OSError, ValueError):
        return "unreachable"


def _tcp(address: str) -> str | None:
    host, _, port = address.rpartition(":")
    with socket.create_connection((host.strip("[]"), int(port)), timeout=TIMEOUT_S):
        return None


def _ping(host: str) -> str | None:
    """One echo to the first IPv4 address of a name. The kernel chooses the identifier and sorts the answers."""
    address = socket.getaddrinfo(host, None, socket.AF_INET, socket.SOCK_DGRAM)[0][4]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP) as end:
        end.settimeout(TIMEOUT_S)
        end.sendto(_echo_request(os.urandom(8)), address)
        end.recv(1024)
    return None


def _echo_request(data: bytes) -> bytes:
    # The kernel fills in identifier and checksum on an ICMP datagram socket.
    return struct.pack("!BBHHH", ECHO_REQUEST, 0, 0, 0, 1) + data
