"""The broker of a centre: the authority, the two identities of its own programs, and a mosquitto that takes them.

Only ``diemcau site`` of the new release makes certificates and the broker's files. After an upgrade it writes the
rights again, since a version may have other topics.
"""

import json
import shutil
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.installer.accounts import CONFIGURATION, owner
from agent.installer.centre_kept import Snapshot, kept
from agent.installer.centre_proof import Credentials, broker_refuses, wait_for_broker
from agent.installer.steps import InstallError, Step
from agent.installer.unit_links import Link
from agent.installer.world import File, World, shown

CA, BROKER = f"{CONFIGURATION}/ca", f"{CONFIGURATION}/broker"
LINK = "/etc/mosquitto/conf.d/diemcau.conf"
DROP_IN = "/etc/systemd/system/mosquitto.service.d/diemcau.conf"
LIMITS = Path(__file__).resolve().parents[2] / "firmware-config" / "broker" / "limits.conf"
SITES, LOCAL, BY_PASSWORD = 8883, 8884, 8885
# The centre's own programs and what they may do; a person gets an identity of his own from `diemcau site add`.
PROGRAMS = {"recorder": "recorder", "board": "technician"}
# As long as the authority: their keys lie beside the authority's own, so an earlier end would guard nothing.
DAYS = 3650


@dataclass(frozen=True, slots=True)
class Register:
    """What ``diemcau site`` has written down. ``members``: id → role, of those who are admitted."""

    broker: str
    members: dict[str, str]

    @property
    def port(self) -> int:
        """Where the sites come in."""
        port = self.broker.rpartition(":")[2]
        return int(port) if port.isascii() and port.isdigit() else SITES


def register_of(world: World) -> Register | None:
    """The register of this machine's authority; None: there is none. Raises InstallError: it cannot be read."""
    path = world.path(f"{CA}/sites.json")
    try:
        read: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        admitted = {each["id"]: each["role"] for each in read["members"] if each.get("revoked_at") is None}
        return Register(read["broker"], admitted)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise unreadable(path, error, "restore it from a backup") from error


def unreadable(path: Path, error: Exception, advice: str) -> InstallError:
    """A sentence for a file that cannot be read: who has no right to it needs ``sudo``, not ``advice``."""
    what = "use sudo" if isinstance(error, PermissionError) else advice
    return InstallError(f"{path}: không đọc được / cannot be read: {what} ({error})")


def is_up(world: World) -> bool:
    """Whether mosquitto runs."""
    return world.is_booted and world.says(["systemctl", "is-active", "mosquitto"]) is not None


class Broker:
    """Authority, identities, rights and mosquitto's configuration, as one step: they stand or fall together.

    Args:
        world: Where.
        command: ``diemcau`` of the new release, as seen from here.
        host: The name or address by which boxes reach this machine, for an authority that is new.
        is_started: Whether mosquitto is to run; otherwise it does as before, whatever Debian's package has started.
    """

    title = "chứng chỉ và máy chủ MQTT / certificates and broker"

    def __init__(self, world: World, command: Path, host: str, is_started: bool = True) -> None:
        self._world, self._command, self._host = world, command, host
        # Asked before the package comes, for that enables and starts it.
        self._was_up, self._was_enabled = is_up(world), _is_enabled(world)
        self._is_running = is_started or self._was_up
        limits = LIMITS.read_bytes()
        self._files: tuple[Step, ...] = (
            Link(world, LINK, f"{BROKER}/mosquitto.conf"),
            File(world, DROP_IN, limits, "limits.conf"),
        )
        self._begun: list[Step] = []
        self._before: Snapshot | None = None

    def is_done(self) -> bool:
        """All of it is there, its files are those of this release, and the broker lets the recorder in."""
        return (
            all(self._has(each) for each in PROGRAMS)
            and all(each.is_done() for each in self._files)
            and self._world.says(self._site("rights", "--check")) is not None
            and (not self._world.is_booted or self._is_in_order())
        )

    def lines(self) -> list[str]:
        """One command each."""
        made = [shown(self._issue(each, Path("FOLDER"))) for each in PROGRAMS if not self._has(each)]
        files = [line for each in self._files if not each.is_done() for line in each.lines()]
        start = "systemctl restart mosquitto" if self._is_running else "systemctl stop mosquitto"
        return [*made, shown(self._site("rights")), *files, "systemctl enable mosquitto", start]

    def do(self) -> None:
        """Make what is missing; restart the broker where it takes that, else reload it; try it. Raises InstallError."""
        path = self._world.path
        own = [path(f"{CONFIGURATION}/{id_}.{end}") for id_ in PROGRAMS for end in ("pem", "key")]
        self._before = Snapshot([path(CA), path(BROKER), *own])
        before = self._needs_restart()
        for id_ in PROGRAMS:
            if not self._has(id_):
                self._make(id_)
        if self._world.says(self._site("rights", "--check")) is None:
            self._world.run(self._site("rights"))
        for each in self._files:
            if not each.is_done():
                self._begun.append(each)
                each.do()
        self._before.seal()
        if self._world.is_booted:
            self._run("reload" if before == self._needs_restart() else "restart")

    def undo(self) -> None:
        """As it was. An authority that was there before, and whatever somebody has enrolled meanwhile, stays."""
        for each in reversed(self._begun):
            each.undo()
        if self._before is not None:
            self._before.put_back()
        with suppress(OSError):  # where somebody else has a file in it
            self._world.path(DROP_IN).parent.rmdir()
        if self._world.is_booted:
            self._system("daemon-reload")
            self._system("restart" if self._was_up else "stop", "mosquitto")
            if not self._was_enabled:
                self._system("disable", "mosquitto")

    def _has(self, id_: str) -> bool:
        register, path = register_of(self._world), self._world.path(f"{CONFIGURATION}/{id_}")
        files = kept(path.with_suffix(".pem")), kept(path.with_suffix(".key"))
        return register is not None and register.members.get(id_) == PROGRAMS[id_] and None not in files

    def _make(self, id_: str) -> None:
        """Certificate and key, for the service's user alone; by way of a folder that goes."""
        folder = Path(tempfile.mkdtemp(dir=self._world.path(CONFIGURATION), prefix=".keys."))
        try:
            self._world.run(self._issue(id_, folder))
            for end, mode in (("key", 0o600), ("pem", 0o644)):
                data = (folder / id_ / f"{id_}.{end}").read_bytes()
                self._world.write(f"{CONFIGURATION}/{id_}.{end}", data, mode, owner(self._world)())
        except OSError as error:
            raise InstallError(f"{error.filename}: không ghi được / cannot be written: {error.strerror}") from error
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _issue(self, id_: str, folder: Path) -> list[str]:
        """The command that makes them: anew for one that is enrolled but has lost its files."""
        register, out = register_of(self._world), ["--days", str(DAYS), "--out", str(folder)]
        role = register.members.get(id_) if register else None
        if role is None:
            address = f"[{self._host}]" if ":" in self._host else self._host
            url = register.broker if register and register.broker else f"mqtts://{address}:{SITES}"
            return self._site("add", id_, "--role", PROGRAMS[id_], "--broker", url, *out)
        if role != PROGRAMS[id_]:
            raise InstallError(
                f"mã {id_} đã cấp cho {role} / the id {id_} is a {role}'s; the centre needs it for its own program: "
                f"give that {role} another id (diemcau site revoke {id_}; diemcau site add …)"
            )
        return self._site("renew", id_, *out)

    def _site(self, *words: str) -> list[str]:
        path = self._world.path
        return [str(self._command), "site", *words, "--ca-folder", str(path(CA)), "--broker-folder", str(path(BROKER))]

    def _needs_restart(self) -> list[object]:
        """What mosquitto reads at its start only."""
        paths = (LINK, DROP_IN, f"{BROKER}/mosquitto.conf", f"{BROKER}/server.pem")
        return [kept(self._world.path(each)) for each in paths]

    def _run(self, how: str) -> None:
        """At each boot from now on; and now, if it is to be, until it lets the recorder in."""
        self._system("daemon-reload")
        self._system("enable", "mosquitto")
        if not self._is_running:
            self._system("stop", "mosquitto")
            return
        self._system(how if is_up(self._world) else "restart", "mosquitto")
        wait_for_broker((_port(self._world), LOCAL), self._recorder())

    def _system(self, *words: str) -> None:
        self._world.run(["systemctl", *words])

    def _is_in_order(self) -> bool:
        if not self._is_running:
            return self._was_enabled
        return broker_refuses(_port(self._world), self._recorder(), "diemcau-install") is None

    def _recorder(self) -> Credentials:
        own = self._world.path(f"{CONFIGURATION}/recorder")
        return Credentials(self._world.path(f"{BROKER}/ca.pem"), own.with_suffix(".pem"), own.with_suffix(".key"))


def _is_enabled(world: World) -> bool:
    return world.is_booted and world.says(["systemctl", "is-enabled", "mosquitto"]) is not None


def _port(world: World) -> int:
    register = register_of(world)
    return register.port if register else SITES
