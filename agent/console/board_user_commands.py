"""``diemcau board user``: who may sign in to the board."""

import shlex
import sys
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agent.console.options import CENTRE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine

    from agent.console.board.users import Role, Users
    from agent.console.store import Store
    from agent.core.identity import Centre

ROLES = ("viewer", "operator", "technician")
LIBRARIES = ("argon2", "jinja2", "python_multipart", "starlette", "uvicorn")
NO_LIBRARIES = (
    "the board needs more libraries than a box has: .venv/bin/pip install -e '.[centre]'",
    "thiếu thư viện cho bảng điều khiển: .venv/bin/pip install -e '.[centre]'",
)

of_centre = click.option(
    "--centre", default=CENTRE, show_default=True, help="File with broker, certificate, database and [board]."
)
of_database = click.option(
    "--database", default=None, metavar="URL", help="The centre's database.  [default: the file's]"
)
role_option = click.option("--role", type=click.Choice(ROLES), required=True)
secret_option = click.option(
    "--password-file", "secret_file", default=None, metavar="FILE", help="Its first line; - is standard input."
)


def file_of(broker: str | None, centre: str) -> "Centre | None":
    """The centre's file; with a broker by its address alone there need be none."""
    from agent.adapters.config_store import load_centre
    from agent.adapters.files import is_there

    if not is_there(Path(centre)) and (broker or centre == CENTRE):
        return None
    return load_centre(Path(centre))


def opened_with_users(database: str | None, file: "Centre | None", may_be_new: bool = True) -> "Store":
    """The centre's database with the board's tables. Raises StoreError, also where there is none and none is made."""
    from agent.console.record import DATABASE, opened
    from agent.core.errors import StoreError

    if not all(map(find_spec, LIBRARIES)):
        raise StoreError(*NO_LIBRARIES)
    from agent.console.board import board_tables  # noqa: F401 # made with the others

    return opened(database or (file.database if file is not None else "") or DATABASE, may_be_new)


def how_to_add(database: str | None, centre: str) -> str:
    """The command for the first user of this database, as a shell takes it; without the database's password."""
    from sqlalchemy import make_url

    where = ["--database", make_url(database).render_as_string()] if database else ["--centre", centre]
    is_told = bool(database) or centre != CENTRE
    return shlex.join(["diemcau", "board", "user", "add", "NAME", "--role", "technician", *(where if is_told else [])])


def engine_of(store: "Store") -> "Engine":
    """What the board works with."""
    return store.engine


@click.group()
def user() -> None:
    """Người dùng / who may sign in to the board."""


@user.command()
@click.argument("name")
@role_option
@secret_option
@of_centre
@of_database
def add(name: str, role: "Role", secret_file: str | None, centre: str, database: str | None) -> int:
    """Thêm người dùng / somebody new; the password is asked for twice."""
    with _users(database, centre, may_be_new=True) as users:
        users.add(name, role, _secret(secret_file))
    complain(f"{name}: {role}")
    return 0


@user.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@of_centre
@of_database
def list_(as_json: bool, centre: str, database: str | None) -> int:
    """Danh sách / who there is, with roles."""
    from agent.core.contract import compact

    with _users(database, centre) as users:
        accounts = users.all()
    if as_json:
        rows = [{"name": a.name, "role": a.role, "created_at": _moment(a.created_s)} for a in accounts]
        click.echo(compact({"users": rows}))
        return 0
    for each in accounts:
        click.echo(f"{each.name:<40} {each.role}")
    if not accounts:
        complain(f"chưa có người dùng / no users yet: {how_to_add(database, centre)}")
    return 0


@user.command()
@click.argument("name")
@of_centre
@of_database
def remove(name: str, centre: str, database: str | None) -> int:
    """Xoá người dùng / take somebody's rights; whoever is signed in is out at once."""
    with _users(database, centre) as users:
        users.remove(name)
    return 0


@user.command()
@click.argument("name")
@secret_option
@of_centre
@of_database
def password(name: str, secret_file: str | None, centre: str, database: str | None) -> int:
    """Đổi mật khẩu / another password; ends this user's sessions."""
    with _users(database, centre) as users:
        users.set_password(name, _secret(secret_file))
    return 0


@user.command(name="role")
@click.argument("name")
@click.argument("role", type=click.Choice(ROLES))
@of_centre
@of_database
def change_role(name: str, role: "Role", centre: str, database: str | None) -> int:
    """Đổi quyền / other rights, from the next request on."""
    with _users(database, centre) as users:
        users.set_role(name, role)
    return 0


@contextmanager
def _users(database: str | None, centre: str, may_be_new: bool = False) -> "Iterator[Users]":
    """The database's. Raises StoreError, also where it goes away meanwhile."""
    store = opened_with_users(database, file_of(None, centre), may_be_new)
    from sqlalchemy.exc import SQLAlchemyError

    from agent.console.board.users import Users
    from agent.console.record import why_of
    from agent.core.errors import StoreError

    try:
        yield Users(engine_of(store))
    except SQLAlchemyError as error:
        raise StoreError(f"the database {store.shown} cannot be used: {why_of(error)}") from error
    finally:
        store.close()


def _secret(file: str | None) -> str:
    """The password: from a file's or standard input's first line, or asked for twice without showing it."""
    if file is not None:
        try:
            with click.open_file(file, encoding="utf-8-sig") as opened:
                return str(opened.readline()).rstrip("\r\n")
        except UnicodeDecodeError as error:
            raise click.UsageError(f"{file} is not UTF-8 text.") from error
    if not sys.stdin.isatty():
        raise click.UsageError("there is no terminal to ask for the password on: give --password-file FILE, or - .")
    return str(click.prompt("Mật khẩu / password", hide_input=True, confirmation_prompt="Lần nữa / again"))


def _moment(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def complain(sentence: str) -> None:
    """One sentence to standard error."""
    click.echo(sentence, err=True)
