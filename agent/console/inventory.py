"""``diemcau site list --inventory``: the admitted sites for Ansible, in groups by hierarchy; see firmware-config/fleet.

It is what Ansible calls a YAML inventory, written as JSON, so that ``ansible-playbook -i FILE`` reads it. What a site
says of itself was written by a box far away, and Ansible takes braces in a variable for a program that it runs at the
centre: there are none in what is printed here.
"""

import ipaddress
import queue
import re
import time
import unicodedata
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from agent.adapters.files import is_there
from agent.console.enrolment import Register
from agent.console.listener import Listener
from agent.console.options import CENTRE, broker_of
from agent.console.site_commands import complain
from agent.console.sites import Sites, SiteView, plain, take
from agent.core.contract import ROOT
from agent.core.identity import BrokerSection

NAMES = ("status", "about", "health")
ALL = "diemcau"
LEVELS_MOST = 8  # of the hierarchy: a box may claim as many as it likes
PAUSE_S, ROUND_TRIPS, WITHIN_S = 0.5, 2, 15.0  # as the drill waits for what is stored
# Addresses change hands (DHCP), ids do not: a box that claims another's address is refused by its key.
SSH_ARGS = "-o HostKeyAlias={{ inventory_hostname }}"
NO_TEMPLATE = str.maketrans("{}", "()")

Place = tuple[str, ...]


def known_at(url: str | None, centre: str) -> dict[str, SiteView]:
    """What the broker there has stored of each site; nothing, with a sentence, where none is named.

    Raises:
        LinkError: It is not there, or refuses us.
    """
    if not url and centre == CENTRE and not is_there(Path(CENTRE)):
        complain(
            f"chưa có {CENTRE}: không rõ địa chỉ và đơn vị của các điểm cầu / "
            f"without {CENTRE} or --broker nobody knows where the sites are and to what they belong"
        )
        return {}
    return _stored(broker_of(url, centre))


def _stored(broker: BrokerSection) -> dict[str, SiteView]:
    came: queue.SimpleQueue[tuple[str, bytes, bool]] = queue.SimpleQueue()
    topics = tuple(f"{ROOT}/+/{name}" for name in NAMES)
    listener = Listener(broker, topics, on_message=lambda *message: came.put(message))
    listener.start()
    try:
        return _until_quiet(came, max(PAUSE_S, ROUND_TRIPS * listener.round_trip_s)).by_id
    finally:
        listener.close()


def _until_quiet(came: queue.SimpleQueue[tuple[str, bytes, bool]], pause_s: float) -> Sites:
    """Until nothing stored has come for ``pause_s``; what sites say meanwhile does not count for that."""
    sites, end_s = Sites(), time.monotonic() + WITHIN_S
    until_s = time.monotonic() + pause_s
    while (left_s := min(until_s, end_s) - time.monotonic()) > 0:
        try:
            topic, raw, is_stored = came.get(timeout=left_s)
        except queue.Empty:
            break
        sites, _ = take(sites, topic, raw)
        if is_stored:
            until_s = time.monotonic() + pause_s
    return sites


def inventory(register: Register, known: Mapping[str, SiteView]) -> dict[str, Any]:
    """The document. ``known`` is what the broker has stored; a site of which it has nothing is in it all the same."""
    views = {each.id: known.get(each.id, SiteView(each.id)) for each in register.admitted if each.role == "site"}
    hosts = {site: _variables(view) for site, view in views.items()}
    return {
        "all": {
            "vars": {"ansible_ssh_common_args": SSH_ARGS},
            "children": {ALL: {"hosts": hosts}, **_groups({site: _path(view) for site, view in views.items()})},
        }
    }


def _variables(view: SiteView) -> dict[str, Any]:
    address = _address(view)
    told: dict[str, Any] = {} if address is None else {"ansible_host": address}
    return told | {
        "diemcau_name": _clean(view.name),
        "diemcau_path": [_clean(each) for each in _path(view)],
        "diemcau_presence": view.presence,
        "diemcau_version": _clean(view.about.version) if view.about else "",
    }


def _address(view: SiteView) -> str | None:
    """What the box says its address is, where a machine elsewhere could use that."""
    try:
        address = ipaddress.ip_address(view.health.address or "" if view.health else "")
    except ValueError:
        return None
    is_local = address.is_loopback or address.is_link_local or address.is_multicast or address.is_unspecified
    # The zone behind a % may be any text.
    return None if is_local or getattr(address, "scope_id", None) else str(address)


def _path(view: SiteView) -> Place:
    return view.about.path[:LEVELS_MOST] if view.about else ()


def _groups(paths: Mapping[str, Place]) -> dict[str, Any]:
    """A group for each place of the hierarchy, the lower ones within the higher ones."""
    names, top = _names(paths.values()), dict[str, Any]()
    for site, path in sorted(paths.items()):
        level, group = top, dict[str, Any]()
        for depth in range(1, len(path) + 1):
            group = level.setdefault(names[_folded(path[:depth])], {})
            level = group.setdefault("children", {}) if depth < len(path) else {}
        group.setdefault("hosts", {})[site] = {}
    return top


def _names(paths: Iterable[Place]) -> dict[Place, str]:
    """A group's name for each place: letters that Ansible takes. Two that would be one are told apart by a number."""
    places = sorted({_folded(path[:depth]) for path in paths for depth in range(1, len(path) + 1)})
    names, taken = dict[Place, str](), set[str]()
    for place in places:
        name = "in_" + "__".join(map(_word, place))
        if name in taken:
            name += f"_{zlib.crc32('/'.join(place).encode()):08x}"
        taken.add(name)
        names[place] = name
    return names


def _folded(path: Place) -> Place:
    return tuple(unicodedata.normalize("NFC", plain(each)).casefold().strip() for each in path)


def _word(text: str) -> str:
    bare = unicodedata.normalize("NFKD", text.replace("đ", "d")).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "_", bare).strip("_") or f"{zlib.crc32(text.encode()):08x}"


def _clean(text: str) -> str:
    return plain(text).translate(NO_TEMPLATE)
