"""A folder that loses its power between any two steps, and every state that it may be found in after that.

What a program may rely on (POSIX, and ext4 with its default options keeps more than that):

* The content of a file is safe once that file was synced. Until then it may be whole, empty, cut off, of its length
  but zeros, or with a hole where its beginning was to be.
* A name that came, went or moved is safe once the folder was synced. Until then each of them may have happened or not,
  in any order, but that those which concern the same name happen in theirs; each of them wholly.
"""

import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from agent.adapters.files import Disk

Files = frozenset[tuple[str, bytes]]


@dataclass
class _File:
    """What is on the disk for certain, and what was written since."""

    safe: bytes = b""
    unsynced: bytes = b""

    def may_hold(self) -> set[bytes]:
        new = self.unsynced
        if not new:
            return {self.safe}
        half = len(new) // 2
        return {b"", new[:half], bytes(len(new)), bytes(half) + new[half:], new}


@dataclass(frozen=True)
class _Name:
    """``new`` is the name of ``file`` from now on (None: no name any more), and ``old`` none any more."""

    file: _File | None
    new: str = ""
    old: str = ""

    def apply(self, names: dict[str, _File]) -> None:
        names.pop(self.old, None)
        if self.file is not None:
            names[self.new] = self.file


@dataclass
class CutDisk(Disk):
    """Does everything in a real folder, and knows what of it is safe.

    After each step ``found`` has one more entry: the states in which the folder may be if the power goes then.
    """

    folder: Path
    found: list[set[Files]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._seen = {path.name: _File(path.read_bytes()) for path in self.folder.iterdir()}
        self._safe = dict(self._seen)
        self._unsynced: list[_Name] = []
        self._open: dict[int, _File] = {}
        self._step()

    def create(self, path: Path) -> tuple[int, Path]:
        handle, temporary = super().create(path)
        self._open[handle] = _File()
        self._named(_Name(self._open[handle], temporary.name))
        return handle, temporary

    def write(self, handle: int, raw: bytes) -> None:
        super().write(handle, raw)
        self._open[handle].unsynced += raw
        self._step()

    def sync(self, handle: int) -> None:
        file = self._open[handle]
        file.safe, file.unsynced = file.safe + file.unsynced, b""
        self._step()

    def rename(self, path: Path, new: Path) -> None:
        super().rename(path, new)
        self._named(_Name(self._seen[path.name], new.name, path.name))

    def unlink(self, path: Path) -> None:
        super().unlink(path)
        self._named(_Name(None, old=path.name))

    def sync_folder(self, path: Path) -> None:
        assert path == self.folder
        self._safe = dict(self._seen)
        self._unsynced.clear()
        self._step()

    def _named(self, change: _Name) -> None:
        change.apply(self._seen)
        self._unsynced.append(change)
        self._step()

    def _step(self) -> None:
        self.found.append({files for names in self._possible_names() for files in _contents(list(names.items()))})

    def _possible_names(self) -> Iterator[dict[str, _File]]:
        for chosen in range(2 ** len(self._unsynced)):
            happened = [bool(chosen >> i & 1) for i in range(len(self._unsynced))]
            if not self._is_possible(happened):
                continue
            names = dict(self._safe)
            for change, is_there in zip(self._unsynced, happened, strict=True):
                if is_there:
                    change.apply(names)
            yield names

    def _is_possible(self, happened: list[bool]) -> bool:
        """Whatever happened, all that concerned its names before had happened too."""
        touched = [{change.old, change.new} - {""} for change in self._unsynced]
        return all(
            happened[earlier] or not touched[earlier] & touched[later]
            for later in range(len(happened))
            if happened[later]
            for earlier in range(later)
        )


def _contents(names: list[tuple[str, _File]]) -> Iterator[Files]:
    if not names:
        yield frozenset()
        return
    (name, file), *rest = names
    for files in _contents(rest):
        for content in file.may_hold():
            yield files | {(name, content)}


Trouble = Literal["once", "full", "read-only"]


@dataclass
class BadDisk(CutDisk):
    """From a step on (the first is 0) it refuses: that step ``once``, all that needs room, or everything."""

    trouble: Trouble = "once"
    at: int = 0

    def __post_init__(self) -> None:
        self._steps, self.has_refused = 0, False
        super().__post_init__()

    def create(self, path: Path) -> tuple[int, Path]:
        self._refuse(needs_room=True)
        return super().create(path)

    def write(self, handle: int, raw: bytes) -> None:
        try:
            self._refuse(needs_room=True)
        except OSError:
            os.write(handle, raw[: len(raw) // 2])
            self._open[handle].unsynced += raw[: len(raw) // 2]
            self._step()
            raise
        super().write(handle, raw)

    def sync(self, handle: int) -> None:
        self._refuse()
        super().sync(handle)

    def rename(self, path: Path, new: Path) -> None:
        self._refuse()
        super().rename(path, new)

    def unlink(self, path: Path) -> None:
        self._refuse()
        super().unlink(path)

    def sync_folder(self, path: Path) -> None:
        self._refuse()
        super().sync_folder(path)

    def _refuse(self, needs_room: bool = False) -> None:
        step, self._steps = self._steps, self._steps + 1
        number = {
            "once": errno.EIO if step == self.at else 0,
            "full": errno.ENOSPC if step >= self.at and needs_room else 0,
            "read-only": errno.EROFS if step >= self.at else 0,
        }[self.trouble]
        if number:
            self.has_refused = True
            raise OSError(number, os.strerror(number))
