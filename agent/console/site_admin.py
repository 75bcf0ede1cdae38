"""``diemcau site add|list|renew|revoke|rights``: certificate or password, the broker's rights and the identity file,
for each site and each of the centre's own.

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

from agent.adapters.config_store import read_document
from agent.adapters.files import is_there
from agent.console import enrolment
from agent.console.authority import AuthorityError, locked, open_or_make
from agent.console.box_files import Made
from agent.console.broker_files import (
    FOLDER,
    LOCAL_PORT,
    PASSWORD_PORT,
    are_current,
    server_expires,
    write_broker_files,
)
from agent.console.enrolment import ROLES, Member, Register, Role, Wish
from agent.console.eviction import reload_broker
from agent.console.inventory import inventory, known_at
from agent.console.options import CENTRE, SiteId
from agent.console.passwords import new_password
from agent.console.site_commands import complain
from agent.console.site_list import iso, row, table
from agent.console.site_output import RELOAD, RESTART, Places, end, keep, proof_of, tell, warn_of_local, warn_of_return
from agent.core.contract import compact
from agent.core.errors import ConfigError, Problem
from agent.core.identity import broker_at

CA_FOLDER = "/etc/diemcau/ca"
OUT = "diemcau-keys"
DAYS = 825
HOST = re.compile(r"^(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$")

ca_option = click.option("--ca-folder", default=CA_FOLDER, show_default=True, help="The authority and the register.")
broker_option = click.option(
    "--broker-folder", default=FOLDER, show_default=True, help="The files that mosquitto reads."
)
out_option = click.option("--out", default=OUT, show_default=True, metavar="FOLDER", help="A folder for each ID in it.")
days_option = click.option(
    "--days", default=DAYS, show_default=True, type=click.IntRange(1, 3650), help="How long the certificate is valid."
)
reload_option = click.option(
    "--reload", "now", is_flag=True, help="mosquitto here reads it at once; an old open connection ends (on 8884 not)."
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
            self.fail(
                "máy chủ là một tên như broker.example hoặc một địa chỉ, không kèm cổng / "
                "a host is a name such as broker.example or an address, without a port",
                param,
                ctx,
            )
        return host


class ForRoot(click.Group):
    """What usually belongs to root: who has no right to it is told to use sudo, not to make room."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command. Raises AuthorityError in the place of PermissionError."""
        try:
            return super().invoke(ctx)
        except PermissionError as error:
            raise AuthorityError(
                f"không có quyền với {error.filename}: chạy lại bằng sudo / no right to {error.filename}: use sudo"
            ) from error


@click.group(cls=ForRoot)
def site() -> None:
    """Chứng chỉ và quyền của từng điểm cầu / certificates and rights of sites and of the centre's own."""


@site.command()
@click.argument("ids", nargs=-1, metavar="[ID]...", type=SiteId())
@click.option("--csv", default=None, metavar="FILE", help="Many at once: a table with the columns id,name.")
@click.option("--name", default="", help="What people call it; with one ID.")
@click.option("--role", type=click.Choice(ROLES), default="site", show_default=True, help="What it may do.")
@click.option(
    "--broker",
    default=None,
    metavar="URL",
    help="mqtts://host:8883, as the boxes reach it; mosquitto listens on that port. Kept for later.",
)
@click.option("--host", "hosts", multiple=True, type=Host(), help="Another name or address of the broker; repeatable.")
@click.option("--password", "by_password", is_flag=True, help="For a box that takes no certificate: port 8885.")
@days_option
@out_option
@ca_option
@broker_option
@json_option
def add(
    ids: tuple[str, ...],
    csv: str | None,
    name: str,
    role: Role,
    broker: str | None,
    hosts: tuple[str, ...],
    by_password: bool,
    days: int,
    out: str,
    ca_folder: str,
    broker_folder: str,
    as_json: bool,
) -> int:
    """Thêm điểm cầu / admit sites: for each a folder with certificate and key (or a password) and identity file."""
    wishes, source = _wishes(ids, name, csv)
    folder, places = Path(ca_folder), Places(Path(out), Path(broker_folder))
    url = _address(broker) if broker else ""
    with locked(folder):
        register = _register(folder)
        url = url or register.broker
        if not url:
            raise click.UsageError(
                "máy chủ nào? Cho biết một lần bằng --broker mqtts://host:8883 / "
                "which broker? Name it once with --broker mqtts://host:8883"
            )
        _check(register, wishes, source)
        authority = open_or_make(folder)
        host = str(Host().convert(broker_at(url).host, None, None))
        kept = tuple(dict.fromkeys((*register.hosts, host, *hosts)))
        register = register.model_copy(update={"broker": url, "hosts": kept})
        back = {wish.id for wish in wishes} & {each.id for each in register.members}
        made: dict[str, Made] = {
            wish.id: new_password() if by_password else authority.issue(wish.id, "client", days) for wish in wishes
        }
        register = enrolment.enrolled(register, {wish: proof_of(made[wish.id]) for wish in wishes}, role)
        needs_restart = keep(folder, places, authority, register, made)
    tell(register, made, places, needs_restart, as_json)
    if not needs_restart:
        warn_of_return(back)
    return 0


@site.command()
@click.argument("id_", metavar="ID", type=SiteId())
@click.option("--revoke-old", is_flag=True, help="Take the older certificates back too: the box or its card is lost.")
@reload_option
@days_option
@out_option
@ca_option
@broker_option
@json_option
def renew(
    id_: str, revoke_old: bool, now: bool, days: int, out: str, ca_folder: str, broker_folder: str, as_json: bool
) -> int:
    """Gia hạn / a new certificate and key, or a new password.

    The old certificate goes on until it expires, unless --revoke-old takes it back. An old password ends with the
    broker's next reload.
    """
    folder, places = Path(ca_folder), Places(Path(out), Path(broker_folder))
    with locked(folder):
        authority, register = open_or_make(folder, may_make=False), _register(folder)
        member = _admitted(register, id_)
        made: Made = new_password() if member.password else authority.issue(id_, "client", days)
        revoked_at = datetime.now(UTC) if revoke_old else None
        register = enrolment.renewed(register, member, proof_of(made), revoked_at)
        needs_restart = keep(folder, places, authority, register, {id_: made})
    tell(register, {id_: made}, places, needs_restart, as_json)
    if member.password and not now:
        complain(
            "mật khẩu cũ hết hiệu lực khi máy chủ đọc lại: chép tệp mới vào hộp trước / "
            "the old password ends when the broker reads this: copy the new file to the box first"
        )
    end(authority, register, id_, now, may_stay=not revoke_old)
    if revoke_old:
        warn_of_local(member)
    return 0


@site.command()
@click.argument("id_", metavar="ID", type=SiteId())
@reload_option
@ca_option
@broker_option
@json_option
def revoke(id_: str, now: bool, ca_folder: str, broker_folder: str, as_json: bool) -> int:
    """Thu hồi / take an ID's certificates or password, and its rights, back.

    A second time it writes the broker's files again, should the first have been cut off.
    """
    folder, places = Path(ca_folder), Places(Path(), Path(broker_folder))
    with locked(folder):
        authority, register = open_or_make(folder, may_make=False), _register(folder)
        member = _known(register, id_)
        if member.revoked_at is None:
            register = enrolment.revoked(register, member, datetime.now(UTC))
        keep(folder, places, authority, register, {})
    if as_json:
        click.echo(compact({"revoked": id_, "reload": RELOAD}))
    else:
        click.echo(f"{id_}: đã thu hồi / revoked")
    end(authority, register, id_, now, may_stay=False)
    return 0


@site.command()
@click.option("--check", is_flag=True, help="Change nothing; exit code 1: they are not what this version writes.")
@reload_option
@ca_option
@broker_option
def rights(check: bool, now: bool, ca_folder: str, broker_folder: str) -> int:
    """Ghi lại quyền / write the broker's files again, from the register: another version has other topics, perhaps."""
    folder, files = Path(ca_folder), Path(broker_folder)
    authority = open_or_make(folder, may_make=False)
    if check:
        return 0 if are_current(files, authority, _register(folder)) else 1
    with locked(folder):
        needs_restart = write_broker_files(files, authority, _register(folder))
    if now and not needs_restart:
        reload_broker()
    else:
        complain(f"để máy chủ đọc lại / for the broker to read this: {RESTART if needs_restart else RELOAD}")
    return 0


@site.command("list")
@click.option("--inventory", "for_ansible", is_flag=True, help="The sites as an inventory of Ansible.")
@click.option("--broker", default=None, metavar="URL", help="With --inventory: who says where the sites are.")
@click.option("--centre", default=CENTRE, show_default=True, help="The same: file with broker, ca, certificate, key.")
@ca_option
@broker_option
@json_option
def list_(for_ansible: bool, broker: str | None, centre: str, ca_folder: str, broker_folder: str, as_json: bool) -> int:
    """Danh sách / who is admitted, and until when."""
    folder = Path(ca_folder)
    authority, register, now = open_or_make(folder, may_make=False), _register(folder), datetime.now(UTC)
    if for_ansible:
        click.echo(json.dumps(inventory(register, known_at(broker, centre)), ensure_ascii=False, indent=1))
        return 0
    server = server_expires(Path(broker_folder))
    rows = [row(each, now) for each in register.members]
    if as_json:
        ends = {"ca_expires": iso(authority.expires), "server_expires": server and iso(server)}
        click.echo(compact({"broker": register.broker, **ends, "members": rows}))
        return 0
    Console().print(table(rows))
    for what, until in (("CA", authority.expires), ("máy chủ / broker", server)):
        click.echo(f"{what}: " + ("chưa rõ / not known" if until is None else f"đến / until {until:%Y-%m-%d}"))
    return 0


def _wishes(ids: tuple[str, ...], name: str, csv: str | None) -> tuple[tuple[Wish, ...], str | None]:
    if bool(ids) == bool(csv):
        raise click.UsageError(
            "ghi các mã, hoặc một bảng với --csv: chỉ một trong hai / "
            "name the IDs, or a table with --csv: one of the two"
        )
    if name and len(ids) != 1:
        raise click.UsageError(
            "--name chỉ cho một mã; nhiều mã thì dùng --csv / --name is for one ID; for many there is --csv"
        )
    if csv is None:
        return tuple(Wish(each, name) for each in ids), None
    try:
        return enrolment.read_csv(Path(csv).read_bytes(), csv), csv
    except OSError as error:
        raise ConfigError(csv, (Problem("", f"không đọc được / cannot be read: {error.strerror}"),)) from error


def _address(url: str) -> str:
    try:
        broker = broker_at(url)
    except ConfigError as error:
        raise click.UsageError(str(error)) from error
    if not broker.tls:
        raise click.UsageError(
            "chứng chỉ cần mqtts://, như --broker mqtts://host:8883 / "
            "certificates are for mqtts://, as in --broker mqtts://host:8883"
        )
    if broker.port in (LOCAL_PORT, PASSWORD_PORT):
        raise click.UsageError(
            f"cổng {broker.port} máy chủ dùng cho việc khác, hãy chọn cổng khác, thường là 8883 / "
            f"the broker needs port {broker.port} for something else: name another, usually 8883"
        )
    Host().convert(broker.host, None, click.get_current_context())
    return url


def _register(folder: Path) -> Register:
    path = folder / enrolment.FILE
    return enrolment.parse_register(read_document(path), str(path)) if is_there(path) else Register()


def _check(register: Register, wishes: tuple[Wish, ...], source: str | None) -> None:
    """Refuse who cannot be admitted. Raises ConfigError for a file, AuthorityError for the command line."""
    try:
        enrolment.check(register, wishes, source or "")
    except ConfigError as error:
        if source is not None:
            raise
        raise AuthorityError("; ".join(map(str, error.problems))) from error


def _known(register: Register, id_: str) -> Member:
    member = register.find(id_)
    if member is None:
        raise AuthorityError(f"chưa có {id_} / nobody of the id {id_} is enrolled (`diemcau site list`)")
    return member


def _admitted(register: Register, id_: str) -> Member:
    member = _known(register, id_)
    if member.revoked_at is not None:
        again = f"`diemcau site add {id_}`"
        raise AuthorityError(f"{id_} đã bị thu hồi / {id_} was revoked; to admit it again: {again}")
    return member
