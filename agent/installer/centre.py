"""A centre: broker, recorder and board on one machine, with a daily backup.

``steps`` come when the release is there and before the switch to it, ``proof_steps`` after it. What belongs to people
stays whatever happens: an authority that was there before, the database, a configuration that somebody has changed.
"""

import ipaddress
import json
import os
import re
import socket
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from agent.installer import centre_broker
from agent.installer.accounts import CONFIGURATION, HOME, owner
from agent.installer.centre_broker import BROKER, Broker, register_of, unreadable
from agent.installer.centre_others import refuse_others
from agent.installer.centre_proof import Works
from agent.installer.steps import InstallError, Step
from agent.installer.world import File, World

CENTRE, RECORDER = f"{CONFIGURATION}/centre.toml", f"{CONFIGURATION}/recorder.toml"
DATABASE = f"sqlite:///{HOME}/centre.db"
BACKUPS = "/var/backups/diemcau"
BOARD_PORT = 8080
# What mosquitto is told when its configuration has changed behind its back.
RELOAD = (("systemctl", "daemon-reload"), ("systemctl", "try-restart", "mosquitto"))
HOST = re.compile(r"^(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$")
# The units may write in that one folder.
SHAPES = (f"sqlite:///{HOME}/", "postgresql+psycopg://")


class Release(Protocol):
    """A release: of it only where it is."""

    @property
    def path(self) -> str:
        """Absolute, on that machine."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says of a centre; empty or None: nothing, so what is there stays.

    ``host`` is the name or address by which boxes reach this machine, ``database`` SQLAlchemy's URL; ``is_started``:
    whether anything is started now.
    """

    host: str = ""
    database: str = ""
    board_port: int | None = None
    is_started: bool = True


def packages(world: World, options: Options) -> list[str]:
    """Debian's packages. A server of PostgreSQL is its owner's matter; its programs are for the backup."""
    is_elsewhere = _database(world, options).startswith("postgresql")
    return ["mosquitto", *(["postgresql-client"] if is_elsewhere else [])]


def steps(world: World, release: Release, options: Options) -> list[Step]:
    """Authority, broker and the configuration of recorder and board.

    Raises:
        InstallError: The options make no sense, or not with what is there; or mosquitto serves somebody else.
    """
    refuse_others(world)
    host = _host(world, options)
    _refuse_changes(world, options)
    database, port = _database(world, options), options.board_port or BOARD_PORT
    command = world.path(release.path) / "bin" / "diemcau"
    return [
        Broker(world, command, host, options.is_started),
        Once(world, RECORDER, _toml(world, "recorder", database), "recorder.toml", 0o600, owner(world)),
        Once(world, CENTRE, _toml(world, "board", database, port, host), "centre.toml", 0o600, owner(world)),
    ]


def proof_steps(world: World, options: Options) -> list[Step]:
    """Whether it works, to be tried when its units are started."""
    known = _read(world).get("board", {}).get("listen", "")
    port = known.rpartition(":")[2] if isinstance(known, str) else ""
    return [Works(world, options.board_port or (int(port) if port.isdecimal() else BOARD_PORT))]


def next_words(world: World) -> list[str]:
    """What to do next, for people."""
    register = register_of(world)
    return [
        "Người dùng đầu tiên / the first user of the board:",
        "  sudo runuser -u diemcau -- diemcau board user add TÊN/NAME --role technician",
        "Điểm cầu / a site (diemcau-keys/chi-linh is for that box):",
        "  sudo diemcau site add chi-linh && sudo systemctl reload mosquitto",
        f'Hộp gọi đến / boxes call {register.broker if register else "?"}; web + TLS: README, "A centre".',
        f"Sao lưu mỗi ngày / a backup each day: {BACKUPS} (has the authority's key: copy it elsewhere, encrypted).",
    ]


def leftovers(world: World) -> list[str]:
    """What an uninstall takes away beside units and program; ``RELOAD`` comes after it. All else is data."""
    drop_in = Path(centre_broker.DROP_IN)
    folder = world.path(str(drop_in.parent))
    is_alone = folder.is_dir() and {each.name for each in folder.iterdir()} <= {drop_in.name}
    ours = (centre_broker.LINK, str(drop_in.parent if is_alone else drop_in))
    return [each for each in ours if os.path.lexists(world.path(each))]


class Once(File):
    """A file that is somebody's own from the moment that it is there."""

    def is_done(self) -> bool:
        """It is there."""
        return self._world.path(self._absolute).exists()


def _host(world: World, options: Options) -> str:
    """By what name the boxes come. Raises InstallError: nobody has said it, or it is another one now."""
    register, said = register_of(world), options.host.lower()
    if said and not (HOST.fullmatch(said) or _is_address(said)):
        raise InstallError(f"--host {said}: một tên hoặc địa chỉ, không kèm cổng / a name or an address without a port")
    if said and _is_of_no_use(said):
        raise InstallError(
            f"--host {said}: hộp ở nơi khác không đến được máy này bằng tên ấy / no box elsewhere reaches this machine "
            "by that: say the name or address that it has in the network"
        )
    if register is not None and register.broker:
        known = register.broker.partition("://")[2].rpartition(":")[0].strip("[]") or register.broker
        if said not in ("", known):
            raise InstallError(
                f"các hộp đã biết máy này là {known} / boxes know this machine as {known}: one name more is for "
                f"`diemcau site add ID --host {said}`"
            )
        return known
    name = said or socket.getfqdn()
    if not said and (not set(name) & set(".:") or _is_of_no_use(name)):
        raise InstallError(
            f"các hộp gọi máy này bằng tên hoặc địa chỉ nào / by which name or address do boxes reach this machine "
            f"({name} is known here only)? Say --host NAME"
        )
    return name


def _database(world: World, options: Options) -> str:
    known = _read(world).get("database")
    return options.database or (known if isinstance(known, str) else "") or DATABASE


def _refuse_changes(world: World, options: Options) -> None:
    if options.database and not options.database.startswith(SHAPES):
        raise InstallError(f"--database: should begin with one of {', '.join(SHAPES)}")
    taken = (centre_broker.SITES, centre_broker.LOCAL, centre_broker.BY_PASSWORD)
    if options.board_port in taken:
        raise InstallError(f"--board-port {options.board_port}: cổng của máy chủ MQTT / that one is the broker's")
    there = _read(world)
    known = there.get("database"), there.get("board", {}).get("listen", "")
    if there and options.database not in ("", known[0]):
        raise InstallError(f"{CENTRE} đã có cơ sở dữ liệu khác / names another database: change it there")
    if there and options.board_port is not None and not str(known[1]).endswith(f":{options.board_port}"):
        raise InstallError(f"{CENTRE} đã có cổng khác / has another [board] listen: change it there")


def _read(world: World) -> dict[str, Any]:
    """The centre's file; empty: there is none. Raises InstallError: it cannot be read."""
    path: Path = world.path(CENTRE)
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise unreadable(path, error, "mend it, or restore it from a backup") from error


def _toml(world: World, id_: str, database: str, board_port: int | None = None, host: str = "") -> bytes:
    """The file of one of the centre's programs. JSON's strings are TOML's too."""
    path = world.path
    lines = [
        f"# {id_}, {centre_broker.PROGRAMS[id_]}. Chỉ ghi một lần / written once, yours from then on.",
        f"database = {json.dumps(database)}",
        "",
        "[broker]",
        f'url = "mqtts://localhost:{centre_broker.LOCAL}"',
        f"ca = {json.dumps(str(path(f'{BROKER}/ca.pem')))}",
        f"certificate = {json.dumps(str(path(f'{CONFIGURATION}/{id_}.pem')))}",
        f"key = {json.dumps(str(path(f'{CONFIGURATION}/{id_}.key')))}",
    ]
    if board_port is not None:
        names = "# What browsers call the web server with TLS in front of it."
        lines += ["", "[board]", f'listen = "127.0.0.1:{board_port}"', names, f"names = {json.dumps([host])}"]
    return ("\n".join(lines) + "\n").encode()


def _is_of_no_use(host: str) -> bool:
    """A name or address that means this machine on any machine, or an address that is none."""
    if _is_address(host):
        address = ipaddress.ip_address(host)
        return address.is_loopback or address.is_unspecified or address.is_multicast
    last = host.rpartition(".")[2]
    return last.isdigit() or last in ("localhost", "localdomain", "localdomain6")


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
