"""``diemcau backup`` and ``diemcau restore``: the centre's database, authority and configuration in one file, and back.

What rows came after the backup is asked for again by the recorder itself (``history/ack``, ``resend_from``): the sites
keep what the centre had for another ``keep_days``.
"""

import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from agent.console.options import CENTRE
from agent.core.errors import AgentError

FOLDER = "/var/backups/diemcau"
NAMES, BEFORE = "diemcau-[0-9]*.tar.gz", "before-restore"
STAGED = ".diemcau-restore-"  # where a restore unpacks the database, beside the one that is there
KEEP = 14
DAY_S = 86_400.0
PARTS = ("all", "database", "config")

centre_option = click.option(
    "--centre", default=CENTRE, show_default=True, help="The centre's file; ca and broker lie beside it."
)


class ForRoot(click.Command):
    """The authority's key is root's alone: who has no right to it is told to use sudo, not to make room."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command. Raises BackupError in the place of PermissionError."""
        from agent.console.backup_archive import BackupError

        try:
            return super().invoke(ctx)
        except PermissionError as error:
            raise BackupError(
                f"no right to {error.filename}: use sudo", f"không có quyền với {error.filename}: dùng sudo"
            ) from error


@click.command(cls=ForRoot)
@click.argument("target", required=False, metavar="[FILE|FOLDER]")
@centre_option
@click.option(
    "--keep", default=None, type=click.IntRange(1), help=f"In a folder: the newest so many.  [default: {KEEP}]"
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def backup(target: str | None, centre: str, keep: int | None, as_json: bool) -> int:
    """Sao lưu trung tâm / database, authority (with its key), broker files and configuration in one file.

    While the recorder works. A FOLDER (by default /var/backups/diemcau) gets a file with the time in its name.
    """
    from agent.core.contract import compact

    path, is_ours = _target(target)
    if not is_ours and keep is not None:
        raise click.UsageError("--keep is for a folder")
    if path.exists():
        raise click.UsageError(f"there is a file {path} already: name another one")
    elsewhere = made(path, Path(centre))
    if is_ours:
        for gone in sorted(path.parent.glob(NAMES))[: -(keep or KEEP)]:
            gone.unlink(missing_ok=True)
    length = path.stat().st_size
    click.echo(compact({"file": str(path), "bytes": length}) if as_json else f"{path}: {length / 1e6:.2f} MB")
    for each in elsewhere:
        complain(f"{each}: nằm ngoài, không có trong bản sao lưu / lies elsewhere, so it is not in the backup")
    if not (Path(centre).absolute().parent / "ca" / "ca.key").exists():
        complain("không có CA ở đây / there is no authority beside the centre's file: its key is not in the backup")
    return 0


def made(path: Path, centre: Path) -> list[str]:
    """Make a backup at ``path``; gives what it does not have, for it lies elsewhere.

    Raises:
        AgentError: It cannot be made, and there is none.
        OSError: So too, for the disk's reasons.
    """
    from agent import __version__
    from agent.console import backup_parts as parts
    from agent.console.backup_archive import DATABASE, Manifest, entry_of, need_room, write_archive

    database = _database(centre, parts.owner_of(centre))
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    _sweep(path.parent, ".diemcau-*")
    if database.kind == "sqlite":
        _sweep(database.file.absolute().parent, f"{STAGED}*")
    need_room(path.parent, _needed_bytes(path.parent, database.about_bytes))
    files, elsewhere = parts.gathered(centre)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".diemcau-backup-") as folder:  # for its owner alone
        copy = Path(folder) / DATABASE
        copy.touch()
        database.copy_to(copy)
        manifest = Manifest(
            version=__version__,
            made_at=datetime.now(UTC),
            host=socket.gethostname(),
            centre=centre.name,
            database=database.kind,
            files=(*(entry for entry, _ in files.values()), entry_of(DATABASE, copy)),
        )
        write_archive(path, manifest, {name: raw for name, (_, raw) in files.items()} | {DATABASE: copy})
    return elsewhere


@click.command(cls=ForRoot)
@click.argument("file")
@centre_option
@click.option("--only", type=click.Choice(PARTS), default="all", show_default=True, help="What to put back.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--keep-in", default=FOLDER, show_default=True, metavar="FOLDER", help="For what is there now.")
def restore(file: str, centre: str, only: str, yes: bool, keep_in: str) -> int:
    """Khôi phục / put a backup in the place of what is here; the recorder then asks the sites for what came later.

    It stops recorder and board, keeps what is there now in a backup of its own, and starts them again.
    """
    from agent.console import backup_services as services
    from agent.console.backup_restore import Restoring

    place = Path(centre)
    with _in_order_at_an_end(), Restoring(Path(file), place, only) as restoring:
        for line in restoring.told():
            complain(line)
        if not yes:
            click.confirm("Tiếp tục / go on?", abort=True, err=True)
        stopped = services.running() if centre == CENTRE else []
        try:
            services.stop(stopped)
            restoring.refuse_users()
            _keep(place, Path(keep_in))
        except BaseException:  # a Ctrl-C too: nothing is changed yet
            services.start(stopped)
            raise
        try:
            restoring.put_back()
        except BaseException:
            complain(
                "chưa khôi phục xong: chạy lại lệnh này / it is not all put back, so nothing is started again: "
                "once that is mended, run this again"
            )
            raise
        try:
            if centre == CENTRE:
                services.renew_broker()
        finally:
            services.start(stopped)
    complain("đã khôi phục; điểm cầu được thêm hoặc thu hồi sau bản sao lưu: làm lại / put back; sites that were added "
             "or revoked since that backup: do so again (diemcau site list)")  # fmt: skip
    return 0


@contextmanager
def _in_order_at_an_end() -> Iterator[None]:
    """Who is told to end (a shutdown, a terminal that is gone) first leaves things in order, as with Ctrl-C. Of two
    such signals the second one must not end that; and what was to be passed over (``nohup``) still is.
    """
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    heard = [number for number, handler in before.items() if handler is not signal.SIG_IGN]

    def end(*_: object) -> None:
        for number in heard:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    try:
        for number in heard:
            signal.signal(number, end)
        yield
    finally:
        for number in heard:
            signal.signal(number, before[number])


def _keep(centre: Path, folder: Path) -> None:
    """What is there now, as far as it can be had: it may be what is broken."""
    if not centre.exists():
        return
    path = folder / f"diemcau-{BEFORE}-{_now()}.tar.gz"
    try:
        made(path, centre)
        complain(f"bản trước khi khôi phục / what was there: {path}")
    except (AgentError, OSError) as error:
        complain(f"không sao lưu được hiện trạng / what is there now cannot be kept: {error}")


def _needed_bytes(folder: Path, database_bytes: int) -> int:
    """The copy of the database and, beside the backups that are there, one that is as long as the newest of them.

    Without one: as long as the copy. PostgreSQL's copy is as long as its backup, for both are compressed.
    """
    found = sorted(folder.glob(NAMES))
    archive_bytes = found[-1].stat().st_size if found else database_bytes
    return (database_bytes or archive_bytes) + archive_bytes


def _sweep(folder: Path, names: str) -> None:
    """What a power cut or a kill has left of an earlier run: copies of the whole database."""
    for path in folder.glob(names):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > DAY_S:
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def _database(centre: Path, owner: tuple[int, int] | None) -> Any:
    from agent.adapters.config_store import load_centre
    from agent.console.backup_database import Database
    from agent.console.record import DATABASE

    return Database(load_centre(centre).database or DATABASE, owner)


def _target(given: str | None) -> tuple[Path, bool]:
    """The file to write, and whether its name is ours."""
    path = Path(given or FOLDER)
    is_folder = given is None or path.is_dir() or given.endswith("/") or not path.name.endswith((".tar.gz", ".tgz"))
    return (path / f"diemcau-{_now()}.tar.gz", True) if is_folder else (path, False)


def _now() -> str:
    return datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")


def complain(sentence: str) -> None:
    """One sentence to standard error."""
    with suppress(OSError):
        click.echo(sentence, err=True)
