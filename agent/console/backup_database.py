"""A copy of the centre's database while the recorder writes, and the way back.

SQLite copies itself (its online backup); PostgreSQL is asked by its own programs, ``pg_dump`` and ``pg_restore``, for
our tables alone.
"""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from agent.adapters.files import DISK
from agent.console.backup_archive import BackupError, Kind
from agent.console.recorder_tables import META

PATIENCE_S = 3600.0


@dataclass(frozen=True, slots=True)
class Database:
    """Where the history is.

    Args:
        url: SQLAlchemy's.
        owner: User and group who may use it, where that is not us: root is nobody to PostgreSQL's ``peer``.

    Raises:
        BackupError: The URL is none that we know.
    """

    url: str
    owner: tuple[int, int] | None = None

    @property
    def kind(self) -> Kind:
        """Which of the two. Raises BackupError."""
        try:
            name = make_url(self.url).get_backend_name()
        except ArgumentError:
            name = ""
        if name not in ("sqlite", "postgresql"):
            raise BackupError("the database's URL in the centre's file cannot be used", "URL của cơ sở dữ liệu sai")
        return "sqlite" if name == "sqlite" else "postgresql"

    @property
    def file(self) -> Path:
        """SQLite's."""
        return Path(make_url(self.url).database or "")

    @property
    def about_bytes(self) -> int:
        """How long a copy becomes, at most; 0: only PostgreSQL knows. Raises OSError."""
        if self.kind != "sqlite":
            return 0
        parts = (self.file, self.file.with_name(self.file.name + "-wal"))
        return sum(each.stat().st_size for each in parts if each.exists())

    def copy_to(self, target: Path) -> None:
        """Write a copy as of now into a file that is there. Raises BackupError, OSError."""
        if self.kind == "sqlite":
            _copy_sqlite(self.file, target)
            return
        _import_all_tables()
        tables = [f"--table={name}" for name in META.tables]
        with target.open("wb") as file:
            self._run("pg_dump", ["--format=custom", "--no-owner", "--no-acl", *tables], stdout=file)

    def put_back(self, source: Path) -> None:
        """Take the place of what is there, all or nothing. ``source`` lies beside SQLite's file, and goes.

        Raises:
            BackupError: PostgreSQL did not take it; its tables are as they were.
            OSError: SQLite's file could not be put there.
        """
        if self.kind == "sqlite":
            _put_sqlite_back(self.file, source)
            return
        how = ["--clean", "--if-exists", "--single-transaction", "--no-owner", "--no-acl", "--exit-on-error"]
        with source.open("rb") as file:
            self._run("pg_restore", how, stdin=file)
        source.unlink()

    def _run(self, program: str, words: Sequence[str], **streams: Any) -> None:
        """One of PostgreSQL's programs. The password is in no command line."""
        if shutil.which(program) is None:
            raise BackupError(
                f"there is no {program} on this machine: sudo apt-get install postgresql-client",
                f"máy này chưa có {program}",
            )
        arguments, password = _libpq(self.url)
        environment = os.environ | ({"PGPASSWORD": password} if password else {})
        who: dict[str, Any] = {}
        if self.owner is not None:
            who = {"user": self.owner[0], "group": self.owner[1], "extra_groups": ()}
        argv = [program, *words, f"--dbname={arguments}"]
        try:
            done = subprocess.run(
                argv,
                **streams,
                **who,
                env=environment,
                stderr=subprocess.PIPE,
                timeout=PATIENCE_S,
                check=False,
                cwd="/",
            )
            said = done.stderr.decode(errors="replace").strip().partition("\n")[0] or f"ended with {done.returncode}"
        except subprocess.TimeoutExpired:
            done, said = None, f"did not end within {PATIENCE_S:.0f} s"
        if done is None or done.returncode:
            raise BackupError(f"{program}: {said}", f"{program} không làm được")


def _libpq(url: str) -> tuple[str, str]:
    """What PostgreSQL's programs take (``key='value' …``), and the password."""
    made = make_url(url)
    _, known = made.get_dialect()().create_connect_args(made)
    password = str(known.pop("password", ""))
    quoted = {key: str(value).replace("\\", "\\\\").replace("'", "\\'") for key, value in known.items()}
    return " ".join(f"{key}='{value}'" for key, value in quoted.items() if key != "context"), password


def _import_all_tables() -> None:
    """The board's too: it has them in the same register as the recorder's."""
    import agent.console.board.board_tables  # noqa: F401


def _copy_sqlite(source: Path, target: Path) -> None:
    """In one step: the recorder, which writes into its log (WAL), does not wait for it, nor is it begun again."""
    try:
        with (
            closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=rw", uri=True)) as there,
            closing(sqlite3.connect(target)) as here,
        ):
            there.execute("PRAGMA busy_timeout=10000")
            there.backup(here)
            here.execute("PRAGMA journal_mode=DELETE")  # one file, without a log beside it
            said = here.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.Error as error:
        raise BackupError(f"the database {source} cannot be copied: {error}", f"không sao được {source}") from error
    if said != "ok":
        raise BackupError(f"the database {source} is damaged: {said}", f"cơ sở dữ liệu {source} bị hỏng")


def _put_sqlite_back(file: Path, source: Path) -> None:
    """The old log goes before the new file comes: of another database it would be taken for its own. After a power cut
    there is the old file without its last rows, or the new one.
    """
    about = (file if file.exists() else file.parent).stat()
    if os.geteuid() == 0:
        os.chown(source, about.st_uid, about.st_gid)
    with source.open("rb") as new:
        os.fsync(new.fileno())
    for end in ("-wal", "-shm", "-journal"):
        file.with_name(file.name + end).unlink(missing_ok=True)
    DISK.sync_folder(file.parent)
    DISK.rename(source, file)
    DISK.sync_folder(file.parent)
