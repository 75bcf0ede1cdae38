"""``diemcau record``: the command."""

import logging
import signal
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agent.console.options import CENTRE, broker_of

if TYPE_CHECKING:
    from agent.console.store import Store

DATABASE = "sqlite:////var/lib/diemcau/centre.db"
URLS = f"{DATABASE}, postgresql+psycopg://user@host/name"
NO_URL = (
    f"the database's URL cannot be used, it should look like one of: {URLS}",
    f"URL của cơ sở dữ liệu phải có dạng: {URLS}",
)
NO_DRIVER = (
    "the driver of PostgreSQL, psycopg, is not installed: .venv/bin/pip install -e '.[postgresql]'",
    "thiếu thư viện psycopg cho PostgreSQL",
)


@click.command()
@click.option("--broker", default=None, metavar="URL", help="Address of the broker; plain for this machine only.")
@click.option(
    "--centre", default=CENTRE, show_default=True, help="File with broker, ca, certificate, key and database."
)
@click.option(
    "--database", default=None, metavar="URL", help=f"Where to write.  [default: the file's, else {DATABASE}]"
)
@click.option("--name", default=None, help="This recorder's name; several with different names share the load. On "
              "ports 8883 and 8885 the certificate's or user's name counts.  [default: the host's]")  # fmt: skip
def record(broker: str | None, centre: str, database: str | None, name: str | None) -> int:
    """Ghi lại lịch sử các điểm cầu / write the history of all sites into the database, until SIGTERM."""
    from agent.console.journal import set_up_logging
    from agent.console.recorder import Recorder

    set_up_logging()
    address = broker_of(broker, centre)
    store = opened(database or _database_of(broker, centre))
    recorder = Recorder(address, store, f"diemcau-recorder-{name or socket.gethostname()}"[:63])
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: recorder.close())
    logging.getLogger("diemcau.recorder").info("recording into %s", store.shown)
    try:
        recorder.run()
    finally:
        store.close()
    return 0


def opened(url: str, may_be_new: bool = True) -> "Store":
    """The database, with its tables; one of SQLite is made where ``may_be_new``, with its folder, but no path of
    folders: that would be a name that was mistyped. Raises StoreError: no password is in it.
    """
    from sqlalchemy.exc import ArgumentError, SQLAlchemyError

    from agent.console.store import Store
    from agent.core.errors import StoreError

    try:
        store = Store(url)
    except (ArgumentError, ImportError) as error:
        raise StoreError(*(NO_DRIVER if getattr(error, "name", None) == "psycopg" else NO_URL)) from error
    try:
        if store.file is not None and not store.file.startswith("file:"):
            _make_room(Path(store.file), may_be_new)
        store.start()
    except (SQLAlchemyError, OSError) as error:
        logging.getLogger("diemcau.recorder").debug("database", exc_info=error)
        raise StoreError(
            f"the database {store.shown} cannot be opened: {why_of(error)}",
            f"không mở được {store.shown}: kiểm tra máy chủ cơ sở dữ liệu, quyền và chỗ trống",
        ) from error
    return store


def _make_room(file: Path, may_be_new: bool) -> None:
    """The folder of SQLite's file. Raises StoreError, or OSError: it cannot be made."""
    from agent.adapters.files import is_there
    from agent.core.errors import StoreError

    if not may_be_new and not is_there(file):
        raise StoreError(
            f"there is no database at {file}: name it with --database URL, or as `database` in the centre's file",
            f"không có cơ sở dữ liệu ở {file}: dùng --database URL hoặc ghi `database` vào tệp của trung tâm",
        )
    try:
        file.parent.mkdir(exist_ok=True)
    except FileNotFoundError as error:
        raise StoreError(
            f"there is no folder {file.parent.parent}: correct the database's URL, or make the folder",
            f"không có thư mục {file.parent.parent}: sửa URL của cơ sở dữ liệu hoặc tạo thư mục",
        ) from error


def _database_of(broker: str | None, centre: str) -> str:
    """The file's database; with a broker by its address alone there need be no file."""
    from agent.adapters.config_store import load_centre
    from agent.adapters.files import is_there

    if broker and not is_there(Path(centre)):
        return DATABASE
    return load_centre(Path(centre)).database or DATABASE


def why_of(error: Exception) -> str:
    """What the database itself says, in one line."""
    cause = getattr(error, "orig", None) or error
    return str(cause).strip().partition("\n")[0][:200]
