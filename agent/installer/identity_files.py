"""Who the box is towards the broker, and its room: the files of ``/etc/diemcau``, as ``diemcau site add`` writes them.

``--identity`` takes ``agent.toml``, its folder, or an archive of that folder. The files that it names are taken from
beside it, by their last name, and go where it says.
"""

import tarfile
import tomllib
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from agent.installer.accounts import CONFIGURATION, owner
from agent.installer.steps import InstallError, Step
from agent.installer.world import File, World

IDENTITY, ROOM = f"{CONFIGURATION}/agent.toml", f"{CONFIGURATION}/room.toml"
# What the identity names, and which of them is a secret: for the service's user alone.
NAMED = {"ca": False, "certificate": False, "key": True, "password_file": True}
PAIRS = (("certificate", "key"), ("username", "password_file"))
PERSONS = "centre.toml"
LARGEST_BYTES = 1024 * 1024
BOM = b"\xef\xbb\xbf"  # of an editor on the machine that wrote the card; the agent would not take it for TOML

Beside = Callable[[str], bytes | None]


@dataclass(frozen=True)
class Named:
    """A file that the identity names: where it goes, what is in it (None: it is there already), whether a secret."""

    absolute: str
    data: bytes | None
    is_secret: bool


@dataclass(frozen=True)
class Identity:
    """An identity that can be installed."""

    site: str
    text: bytes
    named: tuple[Named, ...]


def steps(world: World, identity: Path | None, room: Path | None) -> list[Step]:
    """The identity's files, its own last, and the room of the very first start.

    Each file is whole after a power cut, but not the set of them: one between the certificate and its key leaves two
    that do not match, so the box reaches no broker (its room works) until the same command has run again.

    Raises:
        InstallError: See ``read`` and ``read_room``.
    """
    found: list[Step] = []
    if identity is not None:
        new = read(world, identity)
        users = owner(world)
        for file in new.named:
            if file.data is not None:
                mode, whose = (0o600, users) if file.is_secret else (0o644, None)
                found.append(File(world, file.absolute, file.data, f"tệp / file {file.absolute}", mode, whose))
        found.append(File(world, IDENTITY, new.text, f"định danh / identity: {new.site}"))
    if room is not None:
        found.append(File(world, ROOM, read_room(room), f"cấu hình phòng / room config {ROOM}"))
    return found


def read(world: World, given: Path) -> Identity:
    """What ``--identity`` names, complete.

    Raises:
        InstallError: It cannot be read, is no identity of a box, or what it names is neither beside it nor in place.
    """
    beside = _files(given)
    text = beside("agent.toml" if given.is_dir() or _is_archive(given) else given.name)
    if given.name == PERSONS or (text is None and beside(PERSONS) is not None):
        raise InstallError(
            f"{given}: định danh của người ở trung tâm, không phải của hộp / this is the identity of somebody at the "
            f"centre ({PERSONS}), not a box's"
        )
    if text is None:
        raise InstallError(f"{given}: không có / there is no agent.toml in it")
    text = text.removeprefix(BOM)
    site, broker = _site_and_broker(given, _decoded(given, text))
    named = [_find(world, given, key, str(broker[key]), beside) for key in NAMED if broker.get(key)]
    return Identity(site, text, tuple(named))


def site_of(world: World) -> str | None:
    """The site that this machine is now; None: none, or nobody can tell."""
    try:
        return str(tomllib.loads(world.path(IDENTITY).read_text(encoding="utf-8"))["site"])
    except (OSError, ValueError, KeyError):
        return None


def read_room(room: Path) -> bytes:
    """The room file, which has to be TOML; the program's own check comes with the program. Raises InstallError."""
    text = _read(room).removeprefix(BOM)
    _decoded(room, text)
    return text


def _site_and_broker(given: Path, data: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    site, broker = data.get("site"), data.get("broker")
    if not isinstance(site, str) or not site or not isinstance(broker, dict) or not broker.get("url"):
        raise InstallError(f"{given}: no identity of a box: it needs site, and url under [broker] (diemcau site add)")
    for pair in PAIRS:
        if len([key for key in pair if broker.get(key)]) == 1:
            raise InstallError(f"{given}: {pair[0]} and {pair[1]} belong together: give both or neither")
    return site, broker


def _find(world: World, given: Path, key: str, absolute: str, beside: Beside) -> Named:
    path = PurePosixPath(absolute)
    data = beside(path.name)
    is_ours = path.parent == PurePosixPath(CONFIGURATION)
    if data is not None and is_ours:
        return Named(absolute, data, NAMED[key])
    if path.is_absolute() and world.path(absolute).is_file():
        return Named(absolute, None, NAMED[key])
    if not is_ours:
        raise InstallError(
            f"{given}: {key} = {absolute}: it has to lie in {CONFIGURATION}, so that the service sees it"
        )
    raise InstallError(f"{given}: {path.name} ({key}) không có bên cạnh / is not beside it: copy the whole folder")


def _is_archive(given: Path) -> bool:
    return given.is_file() and given.suffix != ".toml" and (zipfile.is_zipfile(given) or tarfile.is_tarfile(given))


def _files(given: Path) -> Beside:
    """Gives a file by its last name; None: there is none."""
    if _is_archive(given):
        members = _unpacked(given)
        return members.get
    folder = given if given.is_dir() else given.parent
    if not given.exists():
        raise InstallError(f"{given}: không có tệp này / there is no such file")
    return lambda name: _read(folder / name) if (folder / name).is_file() else None


def _unpacked(given: Path) -> dict[str, bytes]:
    """The small files of an archive by their last names. Nothing is written, so no name in it can lead astray."""
    try:
        if zipfile.is_zipfile(given):
            with zipfile.ZipFile(given) as zipped:
                small = [info for info in zipped.infolist() if info.file_size <= LARGEST_BYTES and not info.is_dir()]
                return {PurePosixPath(info.filename).name: zipped.read(info) for info in small}
        with tarfile.open(given) as tar:
            files = [(info, tar.extractfile(info)) for info in tar if info.isfile() and info.size <= LARGEST_BYTES]
            return {PurePosixPath(info.name).name: file.read() for info, file in files if file is not None}
    except (OSError, tarfile.TarError, zipfile.BadZipFile, RuntimeError) as error:
        raise InstallError(f"{given}: không đọc được / cannot be read: {error}") from error


def _decoded(path: Path, text: bytes) -> dict[str, Any]:
    try:
        return tomllib.loads(text.decode())
    except (ValueError, RecursionError) as error:
        raise InstallError(f"{path}: không phải TOML / is not TOML: {error}") from error


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise InstallError(f"{path}: quá lớn / is too large")
        return path.read_bytes()
    except OSError as error:
        raise InstallError(f"{path}: không đọc được / cannot be read: {error.strerror}") from error
