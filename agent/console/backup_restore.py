"""Putting a backup back: looked at as a whole first, then the database, then the configuration."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from agent.adapters.config_store import load_centre
from agent.adapters.files import is_there
from agent.console import backup_parts as parts
from agent.console.backup import STAGED
from agent.console.backup_archive import DATABASE as DATABASE_PART
from agent.console.backup_archive import Backup, BackupError, need_room, read_archive
from agent.console.backup_database import Database
from agent.console.backup_services import who_has
from agent.console.record import DATABASE
from agent.core.identity import parse_centre


class Restoring:
    """One backup on its way. As ``with``: entered, it is read and whole, and nothing is changed yet.

    Args:
        path: The backup.
        centre: The centre's file; its folder is where the configuration goes.
        only: ``all``, ``database`` or ``config``.

    Raises:
        BackupError: It is none of ours, damaged, or does not go together with what is there.
    """

    def __init__(self, path: Path, centre: Path, only: str) -> None:
        self._path, self._centre, self._only = path, centre, only
        self._staged: Path | None = None

    def __enter__(self) -> "Restoring":
        first = read_archive(self._path)
        self._database = self._database_of(first)
        if first.manifest.database != self._database.kind:
            raise BackupError(
                f"the backup is of {first.manifest.database}, and {self._centre} names another kind of database",
                "bản sao lưu là của loại cơ sở dữ liệu khác",
            )
        self.backup = self._stage(first) if self._only != "config" else first
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._staged is not None:
            with suppress(OSError):
                self._staged.unlink(missing_ok=True)

    def told(self) -> list[str]:
        """What is in it, and what it takes the place of."""
        manifest = self.backup.manifest
        when = f"{manifest.made_at:%Y-%m-%d %H:%M} UTC, {manifest.host}, diemcau {manifest.version}"
        lines = [f"bản sao lưu / backup: {when}"]
        if self._only != "config":
            name = str(self._database.file) if self._database.kind == "sqlite" else "PostgreSQL"
            lines.append(f"cơ sở dữ liệu / database: {name}")
        if self._only != "database":
            folder = self._centre.absolute().parent
            over = sum(is_there(folder / name) for name in self.backup.files)
            lines.append(
                f"{folder}: {len(self.backup.files)} tệp / files, {over} thay tệp đang có / in the place of others"
            )
        return lines

    def refuse_users(self) -> None:
        """Raises BackupError: somebody else has SQLite's file open, and would write into what is no longer there."""
        if self._only == "config" or self._database.kind != "sqlite" or not (users := who_has(self._database.file)):
            return
        who = ", ".join(users)
        raise BackupError(
            f"{self._database.file} is open in {who}: stop that, then run this again",
            f"{self._database.file} đang được dùng bởi {who}: dừng chương trình đó rồi chạy lại",
        )

    def put_back(self) -> None:
        """Do it. Run again after a failure or a power cut it begins anew, and ends as if nothing had happened.

        Raises:
            BackupError: PostgreSQL did not take it.
            OSError: A file cannot be written.
        """
        if self._staged is not None:  # first, for it is the likelier to fail
            self._database.put_back(self._staged)
        if self._only != "database":
            parts.put_back(self.backup, self._centre.absolute().parent)

    def _database_of(self, backup: Backup) -> Database:
        """Where it goes: by the centre's file that will be there."""
        if self._only == "database":
            return Database(load_centre(self._centre).database or DATABASE, parts.owner_of(self._centre))
        text = parts.centre_file_of(backup, self._path).decode(errors="replace")
        owner = parts.owner_of(self._centre) if self._centre.exists() else None
        return Database(parse_centre(text, backup.manifest.centre).database or DATABASE, owner)

    def _stage(self, first: Backup) -> Backup:
        """The database, unpacked where it only has to be renamed."""
        is_file = self._database.kind == "sqlite"
        folder = self._database.file.absolute().parent if is_file else None
        if folder is not None and not folder.is_dir():
            raise BackupError(
                f"there is no folder {folder} for the database: set the centre up first (install.sh --centre)",
                f"chưa có thư mục {folder}: cài trung tâm trước (install.sh --centre)",
            )
        need_room(folder or Path(tempfile.gettempdir()), _database_bytes(first))
        handle, name = tempfile.mkstemp(dir=folder, prefix=STAGED)
        self._staged = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                return read_archive(self._path, file)
        except BaseException:  # the disk is full, or a Ctrl-C: who does not enter does not exit
            self._staged.unlink(missing_ok=True)
            raise


def _database_bytes(backup: Backup) -> int:
    return sum(entry.bytes for entry in backup.manifest.files if entry.name == DATABASE_PART)
