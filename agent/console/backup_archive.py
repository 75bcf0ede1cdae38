"""The file of a backup: one ``.tar.gz``, first its manifest, then what that names, with length and digest of each.

::

    manifest.json         Manifest
    files/centre.toml …   what lies beside the centre's file, by its path from there
    database              SQLite's file, or what pg_dump has written (custom format)

It is its owner's alone, for it has the authority's key. A file is one of ours when its manifest says so and all is
there as it says: a digest guards against damage, not against somebody who has made a file.
"""

import hashlib
import io
import os
import tarfile
import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

from pydantic import BaseModel, ConfigDict

from agent.adapters.files import DISK
from agent.core.contract import Moment
from agent.core.errors import BilingualError

MANIFEST, FILES, DATABASE = "manifest.json", "files/", "database"
LARGEST_FILE_BYTES = 128 * 1024 * 1024  # beside the database; the rights of 20,000 sites are some 25 MB
BLOCK_BYTES = 1024 * 1024

Kind = Literal["sqlite", "postgresql"]


class BackupError(BilingualError):
    """A backup cannot be made, or not put back. Nothing was changed where the sentence says nothing else."""


class Entry(BaseModel):
    """One file: ``name`` in the archive; mode, user and group as it had them."""

    model_config = ConfigDict(frozen=True)

    name: str
    bytes: int
    sha256: str
    mode: int = 0o600
    user: str = ""
    group: str = ""


class Manifest(BaseModel):
    """What a backup has. ``centre`` is the name of the centre's file, ``host`` the machine that it is of."""

    model_config = ConfigDict(frozen=True)

    program: Literal["diemcau"] = "diemcau"
    format: Literal[1] = 1
    version: str
    made_at: Moment
    host: str
    centre: str
    database: Kind
    files: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup that was read and is whole. ``files``: by their path beside the centre's file."""

    manifest: Manifest
    files: Mapping[str, tuple[Entry, bytes]]


def need_room(folder: Path, needed_bytes: int) -> None:
    """A disk that is filled halfway stops the recorder too, so look first. Raises BackupError, OSError."""
    about = os.statvfs(folder)
    free_bytes = about.f_bavail * about.f_frsize
    if free_bytes < needed_bytes:
        free, needed = (f"{each / 1e6:.0f} MB" for each in (free_bytes, needed_bytes))
        raise BackupError(
            f"{folder}: {free} are free, and some {needed} are needed: make room, or use another disk",
            f"{folder} còn {free}, cần khoảng {needed}: dọn bớt hoặc dùng đĩa khác",
        )


def entry_of(name: str, source: bytes | Path, mode: int = 0o600, user: str = "", group: str = "") -> Entry:
    """What the manifest says of a file. Raises OSError."""
    with _opened(source) as file:
        digest, length = _copied(file, None)
    return Entry(name=name, bytes=length, sha256=digest, mode=mode, user=user, group=group)


def write_archive(path: Path, manifest: Manifest, sources: Mapping[str, bytes | Path]) -> None:
    """Write it durably, and read it back before it has its name.

    Args:
        path: Where.
        manifest: What it has.
        sources: Name in the archive → what is in that file, or where it is.

    Raises:
        BackupError: What was written is not what was to be: the disk is not in order.
        OSError: It cannot be written.
    """
    handle, temporary = DISK.create(path)
    try:
        with os.fdopen(handle, "wb") as file:
            _pack(file, manifest, sources)
            file.flush()
            os.fsync(file.fileno())
        read_archive(temporary)
        DISK.rename(temporary, path)
    finally:
        with suppress(OSError):
            DISK.unlink(temporary)
    DISK.sync_folder(path.parent)


def _opened(source: bytes | Path) -> IO[bytes]:
    return io.BytesIO(source) if isinstance(source, bytes) else source.open("rb")


def _pack(file: IO[bytes], manifest: Manifest, sources: Mapping[str, bytes | Path]) -> None:
    with tarfile.open(fileobj=file, mode="w:gz", compresslevel=6) as tar:
        text = manifest.model_dump_json(indent=1).encode()
        tar.addfile(_info(MANIFEST, len(text), manifest), io.BytesIO(text))
        for entry in manifest.files:
            with _opened(sources[entry.name]) as source:
                tar.addfile(_info(entry.name, entry.bytes, manifest), source)


def _info(name: str, length: int, manifest: Manifest) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.mode, info.mtime = length, 0o600, int(manifest.made_at.timestamp())
    return info


def read_archive(path: Path, database: IO[bytes] | None = None) -> Backup:
    """Read all of it, and say whether it is whole.

    Args:
        path: The archive.
        database: Where its database is written to, as it is read; None: it is only compared with its digest.

    Raises:
        BackupError: It is no backup of ours, of a later format, or damaged.
        OSError: It cannot be read, or ``database`` not written.
    """
    try:
        with path.open("rb") as file, tarfile.open(fileobj=file, mode="r:gz") as tar:
            return _read(path, tar, database)
    except (tarfile.TarError, EOFError, zlib.error, ValueError) as error:  # pydantic's are ValueErrors
        raise _damaged(path, str(error).partition("\n")[0]) from error
    except OSError as error:
        if error.errno is None:  # gzip's own
            raise _damaged(path, str(error)) from error
        raise


def _read(path: Path, tar: tarfile.TarFile, database: IO[bytes] | None) -> Backup:
    first = tar.next()
    if first is None or first.name != MANIFEST or first.size > LARGEST_FILE_BYTES:
        raise ValueError(f"without {MANIFEST}")
    manifest = Manifest.model_validate_json(_bytes_of(tar, first))
    wanted = {each.name: each for each in manifest.files}
    files: dict[str, tuple[Entry, bytes]] = {}
    while (info := tar.next()) is not None:
        entry = wanted.pop(info.name, None)
        is_database = info.name == DATABASE
        if entry is None or info.size != entry.bytes or not (is_database or _is_file_of_ours(info)):
            raise ValueError(f"{info.name} should not be there, or not so long")
        if is_database:
            digest, _ = _copied(_content(tar, info), database)
        else:
            raw = _bytes_of(tar, info)
            digest = hashlib.sha256(raw).hexdigest()
            files[info.name.removeprefix(FILES)] = entry, raw
        if digest != entry.sha256:
            raise ValueError(f"{info.name} is not what it was")
    if wanted:
        raise ValueError(f"without {', '.join(wanted)}")
    return Backup(manifest, files)


def _is_file_of_ours(info: tarfile.TarInfo) -> bool:
    """Whether it stays where it belongs (``files/a/b``, never out of there), and is not made to fill the memory."""
    strays = {"..", ".", ""} & set(info.name.split("/"))
    return info.name.startswith(FILES) and not strays and info.size <= LARGEST_FILE_BYTES


def _bytes_of(tar: tarfile.TarFile, info: tarfile.TarInfo) -> bytes:
    return _content(tar, info).read()


def _copied(source: IO[bytes], target: IO[bytes] | None) -> tuple[str, int]:
    """Digest and length of the rest of it."""
    digest, length = hashlib.sha256(), 0
    while block := source.read(BLOCK_BYTES):
        digest.update(block)
        length += len(block)
        if target is not None:
            target.write(block)
    return digest.hexdigest(), length


def _content(tar: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
    """What is in a file. Raises ValueError: it is a link or a folder."""
    found = tar.extractfile(info) if info.isfile() else None
    if found is None:
        raise ValueError(f"{info.name} is no file")
    return found


def _damaged(path: Path, what: str) -> BackupError:
    return BackupError(
        f"the backup {path} is damaged or is none of diemcau's: take another one ({what})",
        f"bản sao lưu {path} bị hỏng hoặc không phải của diemcau: dùng bản khác",
    )
