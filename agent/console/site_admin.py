"""``diemcau site add|list|renew|revoke``: credentials, the broker's rights and the identity file, for each site and
each of the centre's own.

The order of a change: the register, then the files for the box, then those of the broker. What stands in the register
can be revoked; where a power cut leaves it without files, ``renew`` makes them.
"""

import ipaddress
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from agent.adapters.config_store import read_document
from agent.adapters.files import is_there, write_durably
from agent.console import enrolment
from agent.console.authority import Authority, Issued, locked, open_or_make
from agent.console.broker_files import FOLDER, server_expires, write_broker_files
from agent.console.enrolment import ROLES, Credential, Member, Register, Role, Wish
from agent.console.options import SiteId
from agent.console.site_commands import complain
from agent.console.sites import plain
from agent.core.contract import compact
from agent.core.errors import ConfigError, Problem
from agent.core.identity import broker_at

CA_FOLDER = "/etc/diemcau/ca"
OUT = "diemcau-keys"
DAYS = 825
WARN_DAYS = 30
ON_THE_BOX = "/etc/diemcau"
HOST = re.compile(r"^(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$")
RELOAD = "sudo systemctl reload mosquitto"

ca_option = click.option("--ca-folder", default=CA_FOLDER, show_default=True, help="The authority and the register.")
broker_option = click.option(
    "--broker-folder", default=FOLDER, show_default=True, help="The files that mosquitto reads."
)
out_option = click.option("--out", default=OUT, show_default=True, metavar="FOLDER", help="A folder for each ID in it.")
days_option = click.option(
    "--days", default=DAYS, show_default=True, type=click.IntRange(1, 3650), help="How long the certificate is valid."
)
json_option = click.option("--json", "as_json", is_flag=True, help="One JSON document.")


class Host(click.types.StringParamType):
    """A name or an address of the broker, as a certificate has it."""

    name = "host"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """In small letters, an address in its short form. Fails with one sentence otherwise."""
        try:
            return str(ipaddress.ip_address(str(value)))
        except ValueError:
            host = str(value).lower()
        if not HOST.fullmatch(host):
            self.fail("a host is a name such as broker.example or an address, without a port.", param, ctx)
        return host


@click.group()
def site() -> None:
    """Chứng chỉ và quyền của từng điểm cầu / certificates and rights of sites and of the centre's own."""


@site.command()
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--csv", "table", default=None, metavar="FILE", help="Many at once: a table with the columns id,name.")
@click.option("--name", default="", help="What people call it; with one ID.")
@click.option("--role", type=click.Choice(ROLES), default="site", show_default=True, help="What it may do.")
@click.option("--broker", default=None, metavar="URL", help="mqtts://host:8883, as the boxes reach it; kept for later.")
@click.option("--host", "hosts", multiple=True, type=Host(), help="Another name or address of the broker; repeatable.")
@days_option
@out_option
@ca_option
@broker_option
@json_option
def add(
    ids: tuple[str, ...],
    table: str | None,
    name: str,
    role: Role,
    broker: str | None,
    hosts: tuple[str, ...],
    days: int,
    out: str,
    ca_folder: str,
    broker_folder: str,
    as_json: bool,
) -> int:
    """Thêm điểm cầu / admit sites: for each a folder with certificate, key and identity file."""
    wishes, source = _wishes(ids, name, table)
    folder, places = Path(ca_folder), Places(Path(out), Path(broker_folder))
    url = _address(broker) if broker else ""
    with locked(folder):
        register = _register(folder)
        url = url or register.broker
        if not url:
            raise click.UsageError("which broker? Name it once with --broker mqtts://host:8883.")
        enrolment.check(register, wishes, source)
        authority = open_or_make(folder)
        host = str(Host().convert(broker_at(url).host, None, None))
        kept = tuple(dict.fromkeys((*register.hosts, host, *hosts)))
        register = register.model_copy(update={"broker": url, "hosts": kept})
        issued = {wish.id: authority.issue(wish.id, "client", days) for wish in wishes}
        for wish in wishes:
            register = enrolment.enrolled(register, wish, role, _credential(issued[wish.id]))
        is_new = _keep(folder, places, authority, register, issued)
    _tell(register, issued, places, is_new, as_json)
    return 0


@site.command()
@click.argument("id_", metavar="ID", type=SiteId())
@click.option("--revoke-old", is_flag=True, help="Take the older certificates back too: the box or its card is lost.")
@days_option
@out_option
@ca_option
@broker_option
@json_option
def renew(id_: str, revoke_old: bool, days: int, out: str, ca_folder: str, broker_folder: str, as_json: bool) -> int:
    """Gia hạn / a new certificate and key.

    The old certificate goes on until it expires, unless --revoke-old takes it back.
    """
    folder, places = Path(ca_folder), Places(Path(out), Path(broker_folder))
    with locked(folder):
        authority, register = open_or_make(folder, may_make=False), _register(folder)
        member = _admitted(register, id_, folder)
        issued = {id_: authority.issue(id_, "client", days)}
        now = datetime.now(UTC) if revoke_old else None
        register = enrolment.renewed(register, member, _credential(issued[id_]), now)
        is_new = _keep(folder, places, authority, register, issued)
    _tell(register, issued, places, is_new, as_json)
    if revoke_old:
        complain(_after_revoking())
    return 0


@site.command()
@click.argument("id_", metavar="ID", type=SiteId())
@ca_option
@broker_option
@json_option
def revoke(id_: str, ca_folder: str, broker_folder: str, as_json: bool) -> int:
    """Thu hồi / take an ID's certificates and rights back.

    A second time it writes the broker's files again, should the first have been cut off.
    """
    folder, places = Path(ca_folder), Places(Path(), Path(broker_folder))
    with locked(folder):
        authority, register = open_or_make(folder, may_make=False), _register(folder)
        member = _known(register, id_, folder)
        if member.revoked_at is None:
            register = enrolment.revoked(register, member, datetime.now(UTC))
        _keep(folder, places, authority, register, {})
    if as_json:
        click.echo(compact({"revoked": id_, "reload": RELOAD}))
    else:
        click.echo(f"{id_}: đã thu hồi / revoked")
    complain(_after_revoking())
    return 0


@site.command("list")
@ca_option
@broker_option
@json_option
def list_(ca_folder: str, broker_folder: str, as_json: bool) -> int:
    """Danh sách / who is admitted, and until when."""
    folder = Path(ca_folder)
    authority, register, now = open_or_make(folder, may_make=False), _register(folder), datetime.now(UTC)
    server = server_expires(Path(broker_folder))
    rows = [_row(each, now) for each in register.members]
    if as_json:
        ends = {"ca_expires": _iso(authority.expires), "server_expires": server and _iso(server)}
        click.echo(compact({"broker": register.broker, **ends, "members": rows}))
        return 0
    Console().print(_table(rows))
    for what, until in (("CA", authority.expires), ("máy chủ / broker", server)):
        click.echo(f"{what}: " + ("chưa rõ / not known" if until is None else f"đến / until {until:%Y-%m-%d}"))
    return 0


class Places:
    """Where files go: a folder for each box in ``out``, the broker's in ``broker``."""

    def __init__(self, out: Path, broker: Path) -> None:
        self.out, self.broker = out, broker


def _wishes(ids: tuple[str, ...], name: str, table: str | None) -> tuple[tuple[Wish, ...], str]:
    if bool(ids) == bool(table):
        raise click.UsageError("name the IDs, or a table with --csv: one of the two.")
    if name and len(ids) != 1:
        raise click.UsageError("--name is for one ID; for many there is --csv.")
    if table is None:
        return tuple(Wish(each, name) for each in ids), "site add"
    try:
        return enrolment.read_csv(Path(table).read_bytes(), table), table
    except OSError as error:
        raise ConfigError(table, (Problem("", f"không đọc được / cannot be read: {error.strerror}"),)) from error


def _address(url: str) -> str:
    try:
        broker = broker_at(url)
    except ConfigError as error:
        raise click.UsageError(str(error)) from error
    if not broker.tls:
        raise click.UsageError("certificates are for mqtts://, as in --broker mqtts://host:8883.")
    Host().convert(broker.host, None, click.get_current_context())
    return url


def _register(folder: Path) -> Register:
    path = folder / enrolment.FILE
    return enrolment.parse_register(read_document(path), str(path)) if is_there(path) else Register()


def _known(register: Register, id_: str, folder: Path) -> Member:
    member = register.find(id_)
    if member is None:
        raise ConfigError(str(folder), (Problem(id_, "chưa có / nobody of this id is enrolled", "diemcau site list"),))
    return member


def _admitted(register: Register, id_: str, folder: Path) -> Member:
    member = _known(register, id_, folder)
    if member.revoked_at is not None:
        again = f"diemcau site add {id_}"
        raise ConfigError(str(folder), (Problem(id_, "đã bị thu hồi / was revoked; to admit it again", again),))
    return member


def _credential(issued: Issued) -> Credential:
    return Credential(serial=f"{issued.serial:x}", issued_at=datetime.now(UTC), expires=issued.expires)


def _keep(folder: Path, places: Places, authority: Authority, register: Register, issued: dict[str, Issued]) -> bool:
    """Write all that has changed. Returns whether the broker's certificate is a new one. Raises OSError."""
    write_durably(folder / enrolment.FILE, enrolment.written(register))
    for member in register.members:
        if member.id in issued:
            _write_box(places.out / member.id, member, issued[member.id], register.broker, authority.pem)
    return write_broker_files(places.broker, authority, register)


def _write_box(folder: Path, member: Member, issued: Issued, url: str, ca: str) -> None:
    """The folder of one box or person: four files, that belong into ``/etc/diemcau`` there."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = "site" if member.role == "site" else member.id  # several of the centre's own may live on one machine
    write_durably(folder / f"{file}.key", issued.key)
    identity = folder / ("agent.toml" if member.role == "site" else "centre.toml")
    for path, text in ((folder / f"{file}.pem", issued.certificate), (folder / "ca.pem", ca),
                       (identity, _identity(member, url, file))):  # fmt: skip
        write_durably(path, text)
        path.chmod(0o644)


def _identity(member: Member, url: str, file: str) -> str:
    title = f"# {member.id}: {plain(member.name)}" if member.name else f"# {member.id}"
    lines = [f"{title} ({member.role})", ""]
    if member.role == "site":
        lines += [f"site = {json.dumps(member.id)}", ""]
    else:
        lines += ["# On the broker's own machine mqtts://localhost:8884 lets several commands run at once.", ""]
    lines += ["[broker]", f"url = {json.dumps(url)}", f'ca = "{ON_THE_BOX}/ca.pem"']
    lines += [f'certificate = "{ON_THE_BOX}/{file}.pem"', f'key = "{ON_THE_BOX}/{file}.key"']
    return "\n".join(lines) + "\n"


def _tell(register: Register, issued: dict[str, Issued], places: Places, is_new: bool, as_json: bool) -> None:
    """What was made on standard output, what to do next on standard error."""
    if as_json:
        made = [
            {"id": each, "folder": str(places.out / each), "expires": _iso(one.expires)} for each, one in issued.items()
        ]
        click.echo(compact({"made": made, "broker_folder": str(places.broker), "reload": RELOAD}))
    else:
        for each, one in issued.items():
            click.echo(f"{each}: {places.out / each} · đến / until {one.expires:%Y-%m-%d}")
    are_sites = any(member.id in issued and member.role == "site" for member in register.members)
    owner = "diemcau:diemcau" if are_sites else "NGƯỜI-DÙNG / USER"
    complain(
        f"chép các tệp vào {ON_THE_BOX}/ của máy đó, khoá (.key) chỉ cho một người dùng đọc, rồi xoá ở đây / copy the "
        f"files to {ON_THE_BOX}/ over there (sudo chown {owner}, the key with mode 600), then delete them here"
    )
    link = f"sudo ln -sf {places.broker.absolute()}/mosquitto.conf /etc/mosquitto/conf.d/diemcau.conf"
    if is_new:
        complain(
            f"máy chủ có chứng chỉ mới / the broker has a new certificate: {link}; sudo systemctl restart mosquitto"
        )
    else:
        complain(f"để máy chủ nhận quyền mới / for the broker to take the new rights: {RELOAD}")


def _after_revoking() -> str:
    return (
        f"máy chủ phải đọc lại / the broker has to read this: {RELOAD}; kết nối đang mở khi đó mất hết quyền nhưng chỉ "
        "đứt khi khởi động lại / a connection that is open has no rights then, and ends with a restart only: "
        "sudo systemctl restart mosquitto"
    )


def _row(member: Member, now: datetime) -> dict[str, Any]:
    expires = member.newest.expires
    return {
        "id": member.id,
        "name": member.name,
        "role": member.role,
        "expires": _iso(expires),
        "days_left": (expires - now).days,
        "revoked_at": member.revoked_at and _iso(member.revoked_at),
        "serial": member.newest.serial,
    }


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _table(rows: list[dict[str, Any]]) -> Table:
    table = Table(expand=False)
    for title in ("Mã\nID", "Vai trò\nRole", "Hết hạn\nExpires"):
        table.add_column(title, overflow="fold")
    table.add_column("Còn ngày\nDays left", justify="right")
    table.add_column("Thu hồi\nRevoked")
    for row in rows:
        left, gone = row["days_left"], row["revoked_at"]
        style = "dim" if gone else "bold red" if left < 0 else "yellow" if left <= WARN_DAYS else ""
        cells = (row["id"], row["role"], row["expires"][:10], "" if gone else str(left))
        table.add_row(*map(Text, cells), Text(gone[:10] if gone else ""), style=style)
    return table
