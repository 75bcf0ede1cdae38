"""Network checks: does the codec answer? A TCP connect or an unprivileged ICMP echo, bounded in time.

=================  =================================================================
reason             what it means
=================  =================================================================
``refused``        the machine is there and says that nothing listens at this port
``timeout``        the machine did not answer: it is off, its cable is out, or a firewall is silent
``unreachable``    there is no way to its network: this box's cable, address or router
``name_unknown``   the name has no address, or the name server does not answer
``not_permitted``  this box may not ask (``net.ipv4.ping_group_range``)
=================  =================================================================

Source for the ICMP datagram socket: ping(8) and ``net.ipv4.ping_group_range`` in ip-sysctl of the kernel's documents.
"""

import errno
import logging
import os
import random
import socket
import struct
import threading
import time

from agent.core.config import CheckSection
from agent.core.events import Probed
from agent.core.ports import Inbox
from hw.lookup import Address, Lookup

log = logging.getLogger("diemcau.probes")

INTERVAL_S = 5.0
# Of the name, and then of all its addresses together.
TIMEOUT_S = 3.0
# Protocol, echo request, echo reply. Source: RFC 792, RFC 4443.
ECHO = {socket.AF_INET: (socket.IPPROTO_ICMP, 8, 0), socket.AF_INET6: (socket.IPPROTO_ICMPV6, 128, 129)}
HEADER = "!BBHHH"
# What the kernel says of a neighbour that it has called three times, a second apart. Whether that or our own patience
# is over first is chance, and must not show as a check that changes.
SILENT = {errno.EHOSTUNREACH, errno.EHOSTDOWN}
# Of several addresses of one name the most telling reason counts.
MOST_TELLING_FIRST = ("not_permitted", "refused", "timeout", "unreachable")


class NetworkProbes:
    """Makes each network check every few seconds, on a thread of its own, so that a dead one delays no other."""

    def __init__(self, checks: tuple[CheckSection, ...], inbox: Inbox, interval_s: float = INTERVAL_S) -> None:
        self._checks = checks
        self._inbox = inbox
        self._interval_s = interval_s
        self._rounds: dict[tuple[str, str, str], Round] = {}

    def start(self) -> None:
        """Begin. Returns at once."""
        self.change(self._checks)

    def change(self, checks: tuple[CheckSection, ...]) -> None:
        """Make these checks from now on: new ones begin at once, those that are the same go on undisturbed. Nothing is
        said any more of the others; nobody waits for them. Thread: agent thread.
        """
        self._checks = checks
        wanted = {(each.name, each.kind, each.address): each for each in checks if each.kind in ("tcp", "ping")}
        for key in self._rounds.keys() - wanted.keys():
            self._rounds.pop(key).stop()
        for key in wanted.keys() - self._rounds.keys():
            self._rounds[key] = Round(wanted[key], self._inbox, self._interval_s)
            self._rounds[key].start()

    def close(self) -> None:
        """Stop. A probe under way ends by its own timeout and says nothing more."""
        self.change(())


class Round:
    """One network check, made again and again until it is stopped."""

    def __init__(self, check: CheckSection, inbox: Inbox, interval_s: float) -> None:
        self._check, self._inbox, self._interval_s = check, inbox, interval_s
        self._stop = threading.Event()
        self._saying = threading.Lock()

    def start(self) -> None:
        """Begin, on a thread."""
        thread = threading.Thread(target=self._run, name=f"probe {self._check.name}", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:  # no thread to be had: one check less is no reason for a room without a button
            log.error("%s cannot be made: %s", thread.name, error)

    def stop(self) -> None:
        """Nothing is said after this. Returns at once. Thread: another one than the round's."""
        with self._saying:  # or it is just being said: then it is said before we return
            self._stop.set()

    def _run(self) -> None:
        probe = Probe(self._check)
        while not self._stop.is_set():
            try:
                reason = probe.make()
            except RuntimeError as error:  # no thread to be had for asking a name server
                log.error("probe %s: %s", self._check.name, error)
                reason = "name_unknown"
            with self._saying:
                if not self._stop.is_set():
                    self._inbox(Probed(self._check.name, reason is None, reason, self._check.address))
            # Jitter, so that hundreds of boxes do not knock at one gatekeeper in step.
            self._stop.wait(self._interval_s * random.uniform(0.8, 1.2))  # noqa: S311 # no secret


def probe(check: CheckSection) -> str | None:
    """Make one network check once. Returns None where it is fine, else the reason."""
    return Probe(check).make()


class Probe:
    """One network check, to be made again and again. Thread: one."""

    def __init__(self, check: CheckSection) -> None:
        self._is_tcp = check.kind == "tcp"
        host, _, port = check.address.rpartition(":") if self._is_tcp else (check.address, "", "0")
        # An address that is none was refused with the config; what slipped through is a check that fails.
        self._lookup = Lookup(host.strip("[]"), int(port)) if port.isdecimal() and int(port) < 1 << 16 else None

    def make(self) -> str | None:
        """Make it once. Returns None where it is fine, else the reason. Takes up to three seconds, or six by name."""
        if self._lookup is None:
            return "unreachable"
        try:
            addresses = self._lookup.addresses(TIMEOUT_S)
        except (OSError, ValueError):
            return "name_unknown"
        deadline_s = time.monotonic() + TIMEOUT_S
        reasons = []
        for left, address in zip(range(len(addresses), 0, -1), addresses, strict=True):
            # One that is silent leaves time for the others.
            reason = self._knock(address, (deadline_s - time.monotonic()) / left)
            if reason is None:
                return None
            reasons.append(reason)
        return min(reasons, key=MOST_TELLING_FIRST.index, default="name_unknown")

    def _knock(self, address: Address, within_s: float) -> str | None:
        try:
            (_connect if self._is_tcp else _ping)(address, max(0.1, within_s))
        except ConnectionRefusedError:
            return "refused"
        except PermissionError:
            return "not_permitted"
        except TimeoutError:
            return "timeout"
        except OSError as error:
            return "timeout" if error.errno in SILENT else "unreachable"
        return None


def _connect(address: Address, within_s: float) -> None:
    family, at = address
    with socket.socket(family, socket.SOCK_STREAM) as end:
        end.settimeout(within_s)
        end.connect(at)


def _ping(address: Address, within_s: float) -> None:
    """One echo. The kernel fills in identifier and checksum and hands us only what has our identifier."""
    family, at = address
    protocol, request, reply = ECHO[family]
    data = os.urandom(16)
    deadline_s = time.monotonic() + within_s
    with socket.socket(family, socket.SOCK_DGRAM, protocol) as end:
        end.connect(at)  # so that a router's "no way there" is told here, and nobody else's answer is
        end.send(struct.pack(HEADER, request, 0, 0, 0, 1) + data)
        while (left_s := deadline_s - time.monotonic()) > 0:
            end.settimeout(left_s)
            if is_answer(end.recv(1024), reply, data):
                return
    raise TimeoutError


def is_answer(packet: bytes, reply: int, data: bytes) -> bool:
    """Whether an ICMP packet is the echo of ``data``: not a late one of an earlier probe, not an error, not a stump."""
    return len(packet) >= 8 and packet[:2] == bytes([reply, 0]) and packet[8:] == data
