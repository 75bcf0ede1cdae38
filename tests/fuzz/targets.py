"""Everything of ours that reads what comes from outside, in one list: hypothesis and atheris try the same.

A target takes any bytes. It is silent where they are read, and where they are refused with the one error that the
parser's docstring names; whatever else flies is a finding.
"""

import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from agent.adapters.alive import Alive
from agent.adapters.certificates import CredentialError, read_certificates
from agent.adapters.units import parse as parse_unit
from agent.console import recorder_packets
from agent.console.enrolment import ROWS_MAX, check, parse_register, read_csv, written
from agent.core import memory
from agent.core.config import RoomConfig, parse_kept, parse_room, parse_zones, wired_pins
from agent.core.contract import split_topic, topic
from agent.core.errors import ConfigError
from agent.core.identity import broker_at, is_loopback, parse_centre, parse_identity
from hw.device_text import LONGEST, one_line
from hw.eye.protocol import decode_event, decode_order, encode_event, encode_order
from hw.simulated.film import read_film
from hw.simulated.script import parse_script
from tests.fuzz import seeds
from tests.fuzz.messages import MESSAGES

Check = Callable[[bytes], object]


@dataclass(frozen=True)
class Target:
    """A parser with what it promises of any bytes, and documents that are near to good ones."""

    name: str
    check: Check
    seeds: tuple[bytes, ...]
    is_slow: bool = False  # some milliseconds each


def _text(raw: bytes) -> str:
    """As the files of people are read: what is no UTF-8 never gets to a parser."""
    return raw.decode("utf-8", "ignore")


def _refused(problem: ConfigError) -> None:
    assert problem.problems
    str(problem).encode()  # whoever shows it must be able to


def room(raw: bytes, json_document: bool) -> None:
    """A room config, by hand or from the centre; what is good stays good when it is kept."""
    text = _text(raw)
    wired_pins(text, json_document)
    try:
        config = parse_room(text, "f", json_document)
    except ConfigError as problem:
        return _refused(problem)
    assert parse_kept(config.model_dump_json(), "f") == (config, ())
    return None


def kept_room(raw: bytes) -> None:
    """``room.json``: a config that has run."""
    try:
        config, doubts = parse_kept(_text(raw), "f")
    except ConfigError as problem:
        return _refused(problem)
    assert isinstance(config, RoomConfig)
    "".join(map(str, doubts)).encode()
    return None


def zones(raw: bytes) -> None:
    """The zones file of ``count``."""
    try:
        found = parse_zones(_text(raw), "f")
    except ConfigError as problem:
        return _refused(problem)
    assert all(0 <= value <= 1 for one in (*found.include, *found.exclude) for point in one for value in point)
    return None


def identity(raw: bytes) -> None:
    """``agent.toml`` and ``centre.toml``: plain text to nobody but this machine, and a port that can be."""
    for parse in (parse_identity, parse_centre):
        try:
            broker = parse(_text(raw), "f").broker
        except ConfigError as problem:
            _refused(problem)
        else:
            assert broker.tls or is_loopback(broker.host)
            assert broker.host
            assert 0 < broker.port < 65536


def address(raw: bytes) -> None:
    """``--broker URL``."""
    with suppress(ConfigError):
        broker = broker_at(_text(raw))
        assert broker.tls or is_loopback(broker.host)
        assert 0 < broker.port < 65536


def script(raw: bytes, json_document: bool) -> None:
    """A simulation."""
    try:
        parse_script(_text(raw), "f", json_document)
    except ConfigError as problem:
        _refused(problem)


def register(raw: bytes) -> None:
    """``sites.json``."""
    try:
        found = parse_register(_text(raw), "f")
    except ConfigError as problem:
        return _refused(problem)
    assert parse_register(written(found), "f") == found
    return None


def table(raw: bytes) -> None:
    """``site add --csv``."""
    try:
        wishes = read_csv(raw, "f")
        assert 0 < len(wishes) < ROWS_MAX
        check(parse_register('{"version": 1}', "f"), wishes, "f")
    except ConfigError as problem:
        _refused(problem)


def event_of_eye(raw: bytes) -> None:
    """A line of the counting process."""
    with suppress(ValueError):
        line = encode_event(decode_event(raw))
        assert encode_event(decode_event(line)) == line


def order_of_agent(raw: bytes) -> None:
    """The line that the counting process begins with; the film in it is a simulation's."""
    with suppress(ValueError):
        order, film = decode_order(raw)
        line = encode_order(order, film)
        assert encode_order(*decode_order(line)) == line
        if film is not None:
            read_film(film)


def kept_facts(raw: bytes) -> None:
    """What an earlier run left in ``agent.db``: what cannot be read is as good as none."""
    facts = dict.fromkeys((memory.POWER, memory.CONFERENCE, memory.SCHEDULED, memory.RUN, memory.RESTARTS), _text(raw))
    for read in (memory.power_of, memory.conference_of, memory.scheduled_of, memory.run_of, memory.restarts_of):
        again = memory.text_of(read(facts))  # type: ignore[operator]  # each its own
        assert memory.text_of(read(dict.fromkeys(facts, again))) == again  # type: ignore[operator]
    memory.told_of(facts)


def device_text(raw: bytes) -> None:
    """A USB device's word on itself."""
    said = one_line(raw)
    assert said.isprintable()
    assert len(said) <= LONGEST


def packets(raw: bytes) -> None:
    """What the recorder's connection reads from the broker."""
    with suppress(recorder_packets.GarbledError):
        for packet in recorder_packets.take(bytearray(raw), 1 << 17):
            match packet.kind:
                case recorder_packets.CONNACK:
                    recorder_packets.welcome(packet, 20)
                case recorder_packets.PUBLISH:
                    recorder_packets.message(packet)
                case recorder_packets.SUBACK:
                    recorder_packets.granted(packet)
                case recorder_packets.DISCONNECT:
                    recorder_packets.reason(packet)


def small_texts(raw: bytes) -> None:
    """systemd's words, and a topic."""
    text = _text(raw)
    parse_unit("diemcau-agent.service", text)
    if (parts := split_topic(text)) is not None:
        assert topic(*parts) == text


def files(raw: bytes) -> None:
    """What is read from a file by its path: certificates and the sign of life."""
    handle, name = tempfile.mkstemp()
    path = Path(name)
    try:
        os.write(handle, raw)
        os.close(handle)
        with suppress(CredentialError):
            read_certificates(path)
        Alive(path, "b-1").last_s()
    finally:
        path.unlink()


PARSERS = (
    Target("room-json", lambda raw: room(raw, True), seeds.ROOM_JSON),
    Target("room-toml", lambda raw: room(raw, False), seeds.ROOM_TOML),
    Target("room-kept", kept_room, seeds.ROOM_JSON),
    Target("zones", zones, seeds.ZONES),
    Target("identity", identity, seeds.IDENTITY),
    Target("address", address, seeds.ADDRESS),
    Target("script-json", lambda raw: script(raw, True), seeds.SCRIPT_JSON),
    Target("script-toml", lambda raw: script(raw, False), seeds.SCRIPT_TOML),
    Target("register", register, seeds.REGISTER),
    Target("csv", table, seeds.CSV),
    Target("eye-event", event_of_eye, seeds.EYE_EVENT),
    Target("eye-order", order_of_agent, seeds.EYE_ORDER),
    Target("kept-facts", kept_facts, seeds.FACTS),
    Target("device-text", device_text, (b"Logitech, Inc.", "Máy quay".encode(), b"\x1b[31m")),
    Target("small-texts", small_texts, (b"LoadState=loaded\nUser=diemcau\n", b"diemcau/v1/a-b/x")),
    Target("packets", packets, seeds.PACKETS),
    Target("files", files, seeds.files()),
)
TARGETS = {each.name: each for each in (*PARSERS, *(Target(*each) for each in MESSAGES))}
