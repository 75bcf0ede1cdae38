"""What of a centre's configuration belongs into its backup, and how it comes back: the centre's file and the
recorder's, what they name, the authority with its register, the broker's files: all in one folder, ``/etc/diemcau``.
"""

import grp
import os
import pwd
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from agent.adapters.config_store import load_centre
from agent.adapters.files import is_there, write_durably
from agent.console.authority import locked
from agent.console.backup_archive import FILES, Backup, BackupError, Entry, entry_of
from agent.core.identity import Centre

RECORDER = "recorder.toml"
FOLDERS = ("ca", "broker")
PASSED_OVER = "lock"  # says nothing, but who is at work


def gathered(centre: Path) -> tuple[dict[str, tuple[Entry, bytes]], list[str]]:
    """Every file of the configuration by its name in the archive, and what is named but lies elsewhere.

    Raises:
        ConfigError: The centre's file, or the recorder's, cannot be used.
        OSError: One of them cannot be read.
    """
    folder, found, elsewhere = centre.absolute().parent, dict[str, tuple[Entry, bytes]](), list[str]()
    for path in _paths(centre):
        if not path.is_relative_to(folder):
            elsewhere.append(str(path))
            continue
        name, raw, about = f"{FILES}{path.relative_to(folder)}", path.read_bytes(), path.stat()
        user, group = _names(about.st_uid, about.st_gid)
        found[name] = entry_of(name, raw, about.st_mode & 0o777, user, group), raw
    return found, elsewhere


def _paths(centre: Path) -> Iterator[Path]:
    folder, seen = centre.absolute().parent, set[Path]()
    for file in (centre.absolute(), folder / RECORDER):
        if file != centre.absolute() and not is_there(file):
            continue
        for path in (file, *_named(load_centre(file))):
            if path not in seen:
                seen.add(path)
                yield path
    for name in FOLDERS:
        for path in sorted((folder / name).glob("*")):
            is_ours = path.is_file() and not path.is_symlink() and not path.name.startswith(".")
            if is_ours and path.name != PASSED_OVER and path not in seen:
                yield path


def _named(centre: Centre) -> Iterator[Path]:
    broker, board = centre.broker, centre.board
    for name in (broker.ca, broker.certificate, broker.key, broker.password_file, board.certificate, board.key):
        if name:
            yield Path(os.path.normpath(Path(name).absolute()))


def put_back(backup: Backup, folder: Path) -> None:
    """Write them, each durably, while no ``diemcau site`` is at work.

    Raises:
        AuthorityError: One is.
        OSError: One of them cannot be written; those before it are.
    """
    with locked(folder / FOLDERS[0]):
        for name, (entry, raw) in backup.files.items():
            path = folder / name
            write_durably(path, raw)  # for us alone, until it is its owner's
            _give(path, entry)
            path.chmod(entry.mode & 0o777)


def owner_of(path: Path) -> tuple[int, int] | None:
    """Who may use the centre's file, where that is not us, and we may be anybody."""
    about = path.stat()
    return (about.st_uid, about.st_gid) if os.geteuid() == 0 and about.st_uid != 0 else None


def centre_file_of(backup: Backup, path: Path) -> bytes:
    """The centre's file in a backup. Raises BackupError: it has none."""
    found = backup.files.get(backup.manifest.centre)
    if found is None:
        raise BackupError(f"{path} has no {backup.manifest.centre}", f"{path} thiếu {backup.manifest.centre}")
    return found[1]


def _names(uid: int, gid: int) -> tuple[str, str]:
    user = group = ""
    with suppress(KeyError):
        user = pwd.getpwuid(uid).pw_name
    with suppress(KeyError):
        group = grp.getgrgid(gid).gr_name
    return user, group


def _give(path: Path, entry: Entry) -> None:
    """To whom it belonged, by name: another machine has other numbers. Who is not there leaves it with us."""
    if os.geteuid() == 0:
        with suppress(KeyError):
            os.chown(path, pwd.getpwnam(entry.user).pw_uid, -1)
        with suppress(KeyError):
            os.chown(path, -1, grp.getgrnam(entry.group).gr_gid)
