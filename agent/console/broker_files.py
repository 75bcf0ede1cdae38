"""What mosquitto reads, made from the register: configuration, rights, passwords, revocation list, its certificate.

A site's rights are lines for that one user. mosquitto's ``pattern`` lines with ``%u`` would be shorter, but they are
for all users: a viewer called ``hue`` could then report as a site ``hue``, and whoever is revoked would keep them.
"""

import grp
import os
import sys
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509

from agent.adapters.files import write_durably
from agent.console.authority import Authority, AuthorityError
from agent.console.enrolment import Member, Register, Role
from agent.core.contract import ALL_COMMAND, ROOT
from agent.core.home_assistant import STATUS_TOPIC
from agent.core.identity import broker_at

_NAME = Path("firmware-config", "broker", "mosquitto.conf")
# A checkout's own, or the one that an installed release has brought along.
_HERE, _INSTALLED = Path(__file__).resolve().parents[2] / _NAME, Path(sys.prefix) / "share" / "diemcau" / _NAME
TEMPLATE = _HERE if _HERE.exists() else _INSTALLED
FOLDER = "/etc/diemcau/broker"  # as the template has it
PORT, LOCAL_PORT, PASSWORD_PORT = 8883, 8884, 8885  # as the template has them; the first may be another
LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")
SERVER_NAME = "diemcau broker"  # with a space: no id, so no user
RENEW_BEFORE = timedelta(days=90)
DAYS = 3652  # as long as the authority: with the broker's certificate all sites would go at once
GROUP = "mosquitto"

# The contract's table of rights; + stands for any site. ``home``, Home Assistant, is beyond it: without it the next
# command would take away what somebody gave it by hand. It has no commands, for it is told of none.
SITE_BOTH = ("status",)
SITE_READS = ("config/desired", "config/confirm", "history/ack", "conference", "command")
SITE_WRITES = ("about", "power", "readiness", "headcount", "health", "config/reported", "config/running",
               "history/headcount", "history/event", "command/result")  # fmt: skip
SEES_ALL: frozenset[Role] = frozenset({"recorder", "technician"})
HIDDEN = ("config/desired", "config/running")  # from the others: neither what is pushed nor what runs
WRITES: dict[Role, tuple[str, ...]] = {
    "recorder": ("history/ack",),
    "viewer": (),
    "home": (),
    "operator": ("command", "conference"),  # + is `_all` too
    "technician": ("command", "conference", "config/desired", "config/confirm"),
}


def rights(members: tuple[Member, ...]) -> str:
    """The text of mosquitto's ACL file: whoever is not in it may do nothing."""
    head = "# Made by `diemcau site`: what is changed here by hand is lost.\n"
    return head + "".join(f"\nuser {each.id}\n" + "\n".join(_lines(each)) + "\n" for each in members)


def _lines(member: Member) -> list[str]:
    if member.role == "site":
        return _of_site(member.id)
    hidden = [] if member.role in SEES_ALL else [f"topic deny {ROOT}/+/{name}" for name in HIDDEN]
    writes = [f"topic write {ROOT}/+/{name}" for name in WRITES[member.role]]
    outside = ["topic read homeassistant/#", f"topic write {STATUS_TOPIC}"] if member.role == "home" else []
    return [*hidden, f"topic read {ROOT}/#", *writes, *outside]


def _of_site(site: str) -> list[str]:
    own = f"{ROOT}/{site}"
    return [
        *(f"topic readwrite {own}/{name}" for name in SITE_BOTH),
        *(f"topic read {own}/{name}" for name in SITE_READS),
        *(f"topic write {own}/{name}" for name in SITE_WRITES),
        f"topic read {ALL_COMMAND}",
        f"topic read {STATUS_TOPIC}",
        f"topic write homeassistant/device/diemcau-{site}/config",
    ]


def passwords(members: tuple[Member, ...]) -> str:
    """The text of mosquitto's password file. Whoever is not in it gets in by certificate or not at all."""
    return "".join(f"{each.id}:{each.password.hash}\n" for each in members if each.password is not None)


def configuration(folder: Path, port: int = PORT) -> str:
    """The text of mosquitto.conf for files in ``folder`` and sites on ``port``.

    Raises:
        AuthorityError: The template is not there.
    """
    try:
        text = TEMPLATE.read_text(encoding="utf-8").replace(FOLDER, str(folder.absolute()))
        return text.replace(f"\nlistener {PORT}\n", f"\nlistener {port}\n")
    except OSError as error:
        raise AuthorityError(
            f"không đọc được tệp mẫu {TEMPLATE}: cài lại diemcau từ mã nguồn / "
            f"the template {TEMPLATE} cannot be read: install diemcau from its checkout again"
        ) from error


def write_broker_files(folder: Path, authority: Authority, register: Register) -> bool:
    """Write all of them. Returns whether it takes a restart: another certificate or other listeners; a reload reads
    the rest.

    Rights go first: after a power cut in between somebody has rights too few rather than too many.

    Raises:
        AuthorityError: The template is not there.
        OSError: The folder cannot be written.
    """
    text = configuration(folder, broker_at(register.broker).port if register.broker else PORT)
    folder.mkdir(parents=True, exist_ok=True, mode=0o755)
    _put(folder / "acl", rights(register.admitted), 0o640)
    _put(folder / "passwords", passwords(register.admitted), 0o640)
    _put(folder / "crl.pem", authority.revocation_list(register.revoked), 0o644)
    _put(folder / "ca.pem", authority.pem, 0o644)
    is_new = _keep_server(folder, authority, register.hosts)
    is_new = not _says(folder / "mosquitto.conf", text) or is_new
    _put(folder / "mosquitto.conf", text, 0o644)
    return is_new


def are_current(folder: Path, authority: Authority, register: Register) -> bool:
    """Whether ``write_broker_files`` would change nothing that counts: a version may have other topics and listeners.

    Raises:
        AuthorityError: The template is not there.
    """
    wanted = {
        "acl": rights(register.admitted),
        "passwords": passwords(register.admitted),
        "ca.pem": authority.pem,
        "mosquitto.conf": configuration(folder, broker_at(register.broker).port if register.broker else PORT),
    }
    return (
        all(_says(folder / name, text) for name, text in wanted.items())
        and _revokes(folder, register)
        and _is_served(folder, authority, register.hosts)
    )


def server_expires(folder: Path) -> datetime | None:
    """Until when the broker's certificate is valid; None: there is none that can be read."""
    certificate = _server(folder)
    return None if certificate is None else certificate.not_valid_after_utc


def _keep_server(folder: Path, authority: Authority, hosts: tuple[str, ...]) -> bool:
    if _is_served(folder, authority, hosts):
        return False
    issued = authority.issue(SERVER_NAME, "server", DAYS, _named(hosts))
    # A key that does not fit its certificate stops mosquitto: until both are there, there is none to be found.
    (folder / "server.pem").unlink(missing_ok=True)
    _put(folder / "server.key", issued.key, 0o640)
    _put(folder / "server.pem", issued.certificate, 0o644)
    return True


def _named(hosts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*hosts, *LOCAL_HOSTS)))


def _is_served(folder: Path, authority: Authority, hosts: tuple[str, ...]) -> bool:
    there = _server(folder)
    return there is not None and _serves(there, _named(hosts), authority) and (folder / "server.key").exists()


def _revokes(folder: Path, register: Register) -> bool:
    try:
        there = x509.load_pem_x509_crl((folder / "crl.pem").read_bytes())
    except (OSError, ValueError):
        return False
    return {each.serial_number for each in there} == {serial for serial, _ in register.revoked}


def _server(folder: Path) -> x509.Certificate | None:
    try:
        return x509.load_pem_x509_certificate((folder / "server.pem").read_bytes())
    except (OSError, ValueError):
        return None


def _serves(certificate: x509.Certificate, hosts: tuple[str, ...], authority: Authority) -> bool:
    """Whether it is this authority's, for all these hosts, and for a good while yet."""
    try:
        certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(authority.pem.encode()))
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except Exception:  # cryptography has several for a signature that is not right
        return False
    named = {str(each.value) for each in names}
    left = certificate.not_valid_after_utc - datetime.now(UTC)
    # Near the authority's own end there is no longer one to be had.
    lasts = left > RENEW_BEFORE or certificate.not_valid_after_utc >= authority.expires
    return named >= set(hosts) and lasts


def _says(path: Path, text: str) -> bool:
    try:
        return path.read_text(encoding="utf-8") == text
    except (OSError, ValueError):
        return False


def _put(path: Path, text: str, mode: int) -> None:
    """A file of the broker. mosquitto reads them as its own user, also at a reload: root gives it the group's right."""
    write_durably(path, text)
    path.chmod(mode)
    if os.geteuid() == 0:
        with suppress(KeyError):  # no mosquitto on this machine: the files are copied to another one
            os.chown(path, 0, grp.getgrnam(GROUP).gr_gid)
