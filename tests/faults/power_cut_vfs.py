"""A disk that loses its power, as an APSW VFS: whatever was not synced by then is there, torn, or gone.

The content of the files is in memory; on the real disk are empty files of the same names, which the "unix" VFS below
needs for its locks and for the shared memory of the log. What SQLite may rely on is what it says of itself
(sqlite.org, "Atomic Commit" and ``SQLITE_IOCAP_POWERSAFE_OVERWRITE``), as on Linux:

* What was written before a sync of its file has returned is safe. Of later writes each may have reached the disk or
  not, in any order, whole or in part. A write changes no byte outside of its own.
* A file can have grown without what was to be written there: then anything stands in that place.
* A new name, and a name that is gone, are safe once the folder was synced: by a delete that asks for it, or by the
  first sync of a journal.

A card whose wear levelling takes old blocks with it is worse than this disk; against that no database can do anything.
"""

# ruff: noqa: N802 # SQLite's names

import itertools
import random
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw

SECTOR_BYTES = 512
NEVER = 10**9
JOURNALS = apsw.SQLITE_OPEN_WAL | apsw.SQLITE_OPEN_MAIN_JOURNAL | apsw.SQLITE_OPEN_SUPER_JOURNAL
KEPT = JOURNALS | apsw.SQLITE_OPEN_MAIN_DB  # temporary files need survive nothing
# Whole, torn, dropped: how likely each is for the unsynced writes of one file.
MOODS = ((1, 0, 0), (0, 0, 1), (1, 1, 1), (8, 1, 1), (1, 1, 8), (0, 1, 0))
BUSY_MS = 1000
OPENINGS = itertools.count()
CHANGES = ("INSERT", "UPDATE", "DELETE", "REPLACE")
IO_ERRORS = {
    apsw.SQLITE_IOERR: "no power",
    apsw.SQLITE_IOERR_WRITE: "cannot be written",
    apsw.SQLITE_IOERR_FSYNC: "may not be on the disk",
}


class PowerCut(BaseException):  # no error: nothing may catch it and go on
    """The power is gone, and with it the process."""


@dataclass(frozen=True, slots=True)
class _Change:
    """A write, or with no ``data`` a truncation to ``offset``."""

    offset: int
    data: bytes | None

    def apply(self, content: bytearray) -> None:
        if self.data is None:
            del content[self.offset :]
            content.extend(bytes(self.offset - len(content)))
            return
        content.extend(bytes(max(0, self.offset - len(content))))
        content[self.offset : self.offset + len(self.data)] = self.data

    def torn(self, chance: random.Random) -> "list[_Change]":
        """Parts of it: its beginning, its end, or some of its sectors."""
        if self.data is None or not self.data:
            return []
        at, kind = chance.randrange(len(self.data) + 1), chance.randrange(3)
        if kind == 0:
            return [_Change(self.offset, self.data[:at])]
        if kind == 1:
            return [_Change(self.offset + at, self.data[at:])]
        return [sector for sector in self._sectors() if chance.random() < 0.5]

    def _sectors(self) -> "Iterator[_Change]":
        assert self.data is not None
        begin, end = self.offset, self.offset + len(self.data)
        while begin < end:
            until = min(end, (begin // SECTOR_BYTES + 1) * SECTOR_BYTES)
            yield _Change(begin, self.data[begin - self.offset : until - self.offset])
            begin = until

    def only_grown(self, content: bytearray, chance: random.Random) -> None:
        """The file has its new length already, but not what was to be there."""
        if self.data is not None and (missing := self.offset + len(self.data) - len(content)) > 0:
            content.extend(chance.randbytes(missing))


class _File:
    """A file whatever its name: as processes see it, as it is on the disk, and what lies between the two."""

    def __init__(self) -> None:
        self.seen, self.safe = bytearray(), bytearray()
        self.unsynced: list[_Change] = []

    def change(self, change: _Change) -> None:
        change.apply(self.seen)
        self.unsynced.append(change)

    def sync(self) -> None:
        for change in self.unsynced:
            change.apply(self.safe)
        self.unsynced.clear()

    def lose(self, chance: random.Random) -> None:
        weights = chance.choice(MOODS)
        for change in self.unsynced:
            (fate,) = chance.choices(("whole", "torn", "dropped"), weights)
            if fate == "whole":
                change.apply(self.safe)
            elif fate == "torn":
                for part in change.torn(chance):
                    part.apply(self.safe)
            elif chance.random() < 0.2:
                change.only_grown(self.safe, chance)
        self.unsynced.clear()
        self.seen = bytearray(self.safe)


class Disk:
    """Files that SQLite writes, until the power goes at a chosen moment.

    Args:
        folder: For the empty files behind the locks.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: dict[str, _File] = {}
        self._safe: dict[str, _File] = {}
        self._unsynced: list[tuple[str, _File | None]] = []  # names that came, and names that went
        self._connections: list[Connection] = []
        self._vfs = _Vfs(self, f"power-cut-{next(OPENINGS)}")
        self._cut_at = NEVER
        self.changes = self.syncs = self.written_bytes = 0
        self.is_off = False
        self.write_fails = self.sync_fails = False

    def connect(self, path: Path) -> "Connection":
        """Open a database; for ``AgentDb``."""
        with _as_sqlite3(self):
            real = apsw.Connection(str(path), vfs=self._vfs.name)
        real.set_busy_timeout(BUSY_MS)
        self._connections.append(Connection(self, real))
        return self._connections[-1]

    def cut_after(self, changes: int) -> None:
        """The power goes with that change from now: a write, a truncation, a sync, a name that comes or goes."""
        self._cut_at = self.changes + changes

    def lose(self, chance: random.Random) -> None:
        """What the disk is found with when the power comes back, whether it had gone or goes now."""
        self.is_off = True
        for connection in self._connections:
            connection.die()
        self._connections.clear()
        likely = chance.choice((0.0, 0.5, 1.0))
        for name, file in self._unsynced:
            if chance.random() < likely:
                _rename(self._safe, name, file)
        for file in {id(each): each for each in (*self._safe.values(), *self._seen.values())}.values():
            file.lose(chance)
        self._unsynced.clear()
        self._seen = dict(self._safe)
        self._cut_at, self.is_off = NEVER, False

    def write_to(self, folder: Path) -> None:
        """The files as real ones."""
        for name, file in self._safe.items():
            (folder / Path(name).name).write_bytes(file.safe)

    def close(self) -> None:
        """Give SQLite its VFS back."""
        self.is_off = True
        for connection in self._connections:
            connection.die()
        self._vfs.unregister()

    # What the VFS wants

    def file(self, name: str) -> _File:
        """The file of that name; made where there is none."""
        self.look()
        if name not in self._seen:
            self._named(name, _File())
        return self._seen[name]

    def find(self, name: str) -> _File | None:
        """The file of that name, if there is one."""
        self.look()
        return self._seen.get(name)

    def delete(self, name: str, with_folder: bool) -> None:
        """Take a name away."""
        self.look()
        if name not in self._seen:
            raise _io_error(apsw.SQLITE_IOERR_DELETE_NOENT)
        self._named(name, None)
        if with_folder:
            self.sync_folder()

    def change(self, file: _File, change: _Change) -> None:
        """Write, or truncate."""
        self.look()
        if self.write_fails:  # as a file system that the kernel has made read-only
            raise _io_error(apsw.SQLITE_IOERR_WRITE)
        file.change(change)
        self.written_bytes += len(change.data or b"")
        self._count()

    def sync(self, file: _File) -> None:
        """All that was written to the file is safe, unless the power goes meanwhile."""
        self.look()
        if self.sync_fails:  # as Linux has it: what could not be written is taken for written from now on
            file.unsynced.clear()
            raise _io_error(apsw.SQLITE_IOERR_FSYNC)
        self._count()
        self.syncs += 1
        file.sync()

    def sync_folder(self) -> None:
        """All names are safe, unless the power goes meanwhile."""
        self.look()
        self._count()
        for name, file in self._unsynced:
            _rename(self._safe, name, file)
        self._unsynced.clear()

    def look(self) -> None:
        """Without power nothing works."""
        if self.is_off:
            raise _io_error(apsw.SQLITE_IOERR)

    def _named(self, name: str, file: _File | None) -> None:
        _rename(self._seen, name, file)
        self._unsynced.append((name, file))
        self._count()

    def _count(self) -> None:
        self.changes += 1
        self.is_off = self.changes >= self._cut_at
        self.look()


def _rename(names: dict[str, _File], name: str, file: _File | None) -> None:
    if file is None:
        names.pop(name, None)
    else:
        names[name] = file


def _io_error(code: int) -> apsw.IOError:
    error = apsw.IOError(IO_ERRORS.get(code, "no such file"))
    error.extendedresult = code  # type: ignore[attr-defined] # APSW reads it
    return error


class _Vfs(apsw.VFS):
    def __init__(self, disk: Disk, name: str) -> None:
        super().__init__(name, base="unix")
        self._disk, self.name = disk, name

    def excepthook(self, *error: Any) -> bool:
        return True  # after the cut nobody is there to be told

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:
        if name is None or not flags[0] & KEPT:
            return apsw.VFSFile("unix", name, flags)
        return _Handle(self._disk, name, flags)

    def xAccess(self, pathname: str, flags: int) -> bool:
        file = self._disk.find(pathname)
        return file is not None and (flags != apsw.SQLITE_ACCESS_EXISTS or bool(file.seen))  # as the "unix" VFS

    def xDelete(self, filename: str, syncdir: bool) -> None:
        self._disk.delete(filename, syncdir)


class _Handle(apsw.VFSFile):
    """An open file: locks and shared memory are the "unix" VFS's, content is the disk's."""

    def __init__(self, disk: Disk, name: str | apsw.URIFilename, flags: list[int]) -> None:
        self._disk = disk
        self._file = disk.file(name.filename() if isinstance(name, apsw.URIFilename) else name)
        self._with_folder = bool(flags[0] & JOURNALS and flags[0] & apsw.SQLITE_OPEN_CREATE)
        super().__init__("unix", name, flags)

    def excepthook(self, *error: Any) -> bool:
        return True

    def xRead(self, amount: int, offset: int) -> bytes:
        self._disk.look()
        return bytes(self._file.seen[offset : offset + amount])

    def xWrite(self, data: Any, offset: int) -> None:
        self._disk.change(self._file, _Change(offset, bytes(data)))

    def xTruncate(self, newsize: int) -> None:
        self._disk.change(self._file, _Change(newsize, None))

    def xSync(self, flags: int) -> None:
        self._disk.sync(self._file)
        if self._with_folder:
            self._disk.sync_folder()
            self._with_folder = False

    def xFileSize(self) -> int:
        self._disk.look()
        return len(self._file.seen)

    def xSectorSize(self) -> int:
        return 4096  # as the "unix" VFS

    def xDeviceCharacteristics(self) -> int:
        return apsw.SQLITE_IOCAP_POWERSAFE_OVERWRITE


class _Rows:
    """A result, all of it read."""

    def __init__(self, rows: Sequence[Any]) -> None:
        self._rows = iter(rows)

    def __iter__(self) -> Iterator[Any]:
        return self._rows

    def fetchone(self) -> Any:
        return next(self._rows, None)

    def fetchall(self) -> list[Any]:
        return list(self._rows)


class Connection:
    """As much of ``sqlite3.Connection`` as ``AgentDb`` uses, with its errors and its way to begin transactions."""

    def __init__(self, disk: Disk, real: apsw.Connection) -> None:
        self._disk, self._real = disk, real

    def execute(self, sql: str, arguments: Sequence[Any] = ()) -> _Rows:
        """One statement."""
        with _as_sqlite3(self._disk):
            self._begin(sql)
            return _Rows(list(self._real.execute(sql, tuple(arguments))))

    def executemany(self, sql: str, arguments: Iterable[Sequence[Any]]) -> None:
        """One statement, many times."""
        with _as_sqlite3(self._disk):
            self._begin(sql)
            self._real.executemany(sql, [tuple(each) for each in arguments])

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if self._real.in_transaction:
            with _as_sqlite3(self._disk):
                self._real.execute("COMMIT" if kind is None else "ROLLBACK")

    def close(self) -> None:
        """Close the database. Of a checkpoint that fails SQLite says nothing, but APSW."""
        with suppress(sqlite3.Error), _as_sqlite3(self._disk):
            self._real.close()

    def die(self) -> None:
        """Close it without power: nothing more reaches the disk."""
        with suppress(apsw.Error):
            self._real.close(True)

    def _begin(self, sql: str) -> None:
        if sql.lstrip().upper().startswith(CHANGES) and not self._real.in_transaction:
            self._real.execute("BEGIN")


@contextmanager
def _as_sqlite3(disk: Disk) -> Iterator[None]:
    try:
        yield
    except apsw.Error as error:
        if disk.is_off:
            raise PowerCut from error
        raise _translated(error) from error
    if disk.is_off:  # SQLite says nothing of a checkpoint that fails after a commit, but nobody hears of that commit
        raise PowerCut


def _translated(error: apsw.Error) -> sqlite3.Error:
    kind: type[sqlite3.Error] = sqlite3.OperationalError
    if isinstance(error, apsw.ConstraintError):
        kind = sqlite3.IntegrityError
    elif isinstance(error, apsw.CorruptError | apsw.NotADBError):
        kind = sqlite3.DatabaseError
    made = kind(str(error))
    made.sqlite_errorcode = getattr(error, "extendedresult", 0)
    return made
