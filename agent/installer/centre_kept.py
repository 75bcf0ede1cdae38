"""What a step is about to change, as it was: files and links in a few places, put back where nobody else has changed
them meanwhile.
"""

import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from agent.adapters.files import write_durably


@dataclass(frozen=True, slots=True)
class Kept:
    """One file (``data``) or link (``target``), with mode and owner."""

    data: bytes | None
    target: str | None
    mode: int
    owner: tuple[int, int]


class Snapshot:
    """Made before the change; ``seal`` after it, ``put_back`` to undo it. Thread: one.

    Args:
        places: Files, links or folders with all that is in them, there or not.
    """

    def __init__(self, places: Iterable[Path]) -> None:
        self._places = list(places)
        self._had_folder = {each for each in self._places if each.is_dir()}
        self._before = dict(_all_in(self._places))
        self._after: dict[Path, Kept] | None = None

    def seal(self) -> None:
        """From here on what differs was changed by somebody else, and stays."""
        self._after = dict(_all_in(self._places))

    def put_back(self) -> None:
        """As it was. Raises OSError: that stopped halfway."""
        now = dict(_all_in(self._places))
        for path in {*self._before, *now}:
            is_ours = self._after is None or now.get(path) == self._after.get(path)
            if is_ours and now.get(path) != self._before.get(path):
                _write(path, self._before.get(path))
        for folder in self._places:
            if folder.is_dir() and folder not in self._had_folder and not any(each.is_file() for each in _in(folder)):
                shutil.rmtree(folder)


def kept(path: Path) -> Kept | None:
    """What is at a path; None: neither a file nor a link."""
    if path.is_symlink():
        return Kept(None, str(path.readlink()), 0, (0, 0))
    if not path.is_file():
        return None
    about = path.stat()
    return Kept(path.read_bytes(), None, about.st_mode & 0o7777, (about.st_uid, about.st_gid))


def _all_in(places: Iterable[Path]) -> Iterator[tuple[Path, Kept]]:
    for place in places:
        for path in _in(place) if place.is_dir() and not place.is_symlink() else [place]:
            if (found := kept(path)) is not None:
                yield path, found


def _in(folder: Path) -> Iterator[Path]:
    return folder.rglob("*")


def _write(path: Path, was: Kept | None) -> None:
    if was is None or was.target is not None:
        path.unlink(missing_ok=True)
    if was is not None and was.target is not None:
        path.symlink_to(was.target)
    if was is not None and was.data is not None:
        write_durably(path, was.data, mode=was.mode)
        os.chown(path, *was.owner)
