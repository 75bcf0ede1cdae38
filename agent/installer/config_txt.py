"""Our block in ``config.txt``, which the firmware reads: the pins before Linux runs, the watchdog, the current of USB.

All that stands outside of the block stays as it is, byte for byte.
"""

import json
import os
import re
import tomllib
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from agent.adapters.files import write_durably
from agent.core.boot_levels import boot_lines
from agent.installer.identity_files import ROOM
from agent.installer.steps import InstallError
from agent.installer.unit_links import BEFORE
from agent.installer.world import World

LAST_GOOD = "/var/lib/diemcau/room.json"
CONFIG_TXT = ("/boot/firmware/config.txt", "/boot/config.txt")  # the second on systems older than bookworm
BLOCK = re.compile(rb"^# BEGIN diemcau\b.*?^# END diemcau\b[^\n]*\n?", re.MULTILINE | re.DOTALL)
MARK = re.compile(rb"^# (BEGIN|END) diemcau\b", re.MULTILINE)
PINS = range(2, 28)  # of the header, without those of a HAT's memory
BUTTON = 17  # where a room names none


class ConfigTxt:
    """Our block in ``config.txt``, with the pins of the room that will run.

    Raises:
        InstallError: The firmware's partition is not mounted.
    """

    title = "config.txt: mức chân rơ-le trước Linux, watchdog, USB / the relays' pins before Linux, watchdog, USB"

    def __init__(self, world: World, fragment: bytes, room: Path | None) -> None:
        self._world, self._fragment, self._room = world, fragment, room
        self._path = config_txt(world)
        if self._path is None and any(map(_is_stub, map(world.path, CONFIG_TXT))):
            raise InstallError(f"{CONFIG_TXT[0]}: phân vùng khởi động chưa được gắn / is not mounted: mount it first")
        self._before: bytes | None = None
        self._is_copy_new = False

    def is_done(self) -> bool:
        """It stands there, or the machine has no such file."""
        with suppress(InstallError):
            return self._path is None or self._path.read_bytes() == self._wanted()
        return False

    def lines(self) -> list[str]:
        """The block."""
        found = BLOCK.search(self._wanted())
        return [f"write into {self._path}:", *(found[0].decode().splitlines() if found else ())]

    def do(self) -> None:
        """Write it; the first time a copy of what was there stays beside it."""
        if self._path is None:
            return
        try:
            self._before, copy = self._path.read_bytes(), copy_of(self._path)
            wanted = self._wanted()
            self._is_copy_new = not copy.exists()
            if self._is_copy_new:
                replace_keeping(copy, self._before)
            replace_keeping(self._path, wanted)
        except OSError as error:
            raise InstallError(f"{self._path} cannot be written: {error.strerror}") from error

    def undo(self) -> None:
        """What was there."""
        if self._path is not None and self._before is not None:
            replace_keeping(self._path, self._before)
            if self._is_copy_new:
                copy_of(self._path).unlink(missing_ok=True)

    def _wanted(self) -> bytes:
        wires = wiring(self._world, self._room)
        before = b"" if self._path is None else self._path.read_bytes()
        return with_block(before, self._fragment, None if wires is None else boot_lines(*wires))


def copy_of(path: Path) -> Path:
    """What stood in a file before the first install."""
    return path.with_name(path.name + BEFORE)


def _block(fragment: str, gpio: Sequence[str]) -> list[str]:
    begin, *middle, end = fragment.strip().splitlines()
    settings = [line for line in middle if line.strip() and line[0] != "#" and not is_gpio(line)]
    if not MARK.match(begin.encode()) or not MARK.match(end.encode()) or settings[:1] != ["[all]"]:
        raise InstallError("diemcau.config.txt: # BEGIN diemcau, [all] … # END diemcau is expected")
    return [begin, settings[0], *gpio, *settings[1:], end]


def wiring(world: World, room: Path | None) -> tuple[list[tuple[int, bool]], int] | None:
    """GPIO and ``active_high`` of each load, and the button's GPIO, of the room that will run; None: there is no room.

    The last good one goes before the file of the very first start. One that cannot be read is passed over, as the agent
    does.
    """
    toml: Callable[[str], Any] = tomllib.loads
    first = [(room, toml)] if room is not None else []
    for path, decode in ((world.path(LAST_GOOD), json.loads), *first, (world.path(ROOM), toml)):
        with suppress(OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            power = decode(path.read_text(encoding="utf-8-sig")).get("power", {})
            loads = [(_pin(load["pin"]), bool(load.get("active_high", True))) for load in power.get("loads", [])]
            return loads, _pin(power.get("button", {}).get("pin", BUTTON))
    return None


def with_block(before: bytes, fragment: bytes, gpio: Sequence[str] | None) -> bytes:
    """``config.txt`` with our block, and all else as it was. Pure.

    Args:
        before: What is in it.
        fragment: The block as ``firmware-config/`` has it: an example's ``gpio=`` lines are left out, and comments.
        gpio: The lines of this room; None: those that the block has now, since nobody knows any better.

    Raises:
        InstallError: Somebody has damaged the block's marks.
    """
    marks = [match[1] for match in MARK.finditer(before)]
    if marks not in ([], [b"BEGIN", b"END"]):
        raise InstallError("config.txt: # BEGIN diemcau … # END diemcau must stand there once or not at all: mend it")
    found = BLOCK.search(before)
    if gpio is None:
        gpio = [line for line in (found[0] if found else b"").decode("ascii", "replace").split() if is_gpio(line)]
    block = "".join(f"{line}\n" for line in _block(fragment.decode(), gpio)).encode()
    if found:
        return before[: found.start()] + block + before[found.end() :]
    return before + (b"" if before.endswith(b"\n") or not before else b"\n") + block


def without_block(before: bytes) -> bytes:
    """``config.txt`` without our block. Pure."""
    return BLOCK.sub(b"", before)


def is_gpio(line: str) -> bool:
    """Whether the firmware sets pins by this line."""
    return line.startswith("gpio=")


def config_txt(world: World) -> Path | None:
    """Where the firmware's file is; None: this machine has none."""
    return next((path for path in map(world.path, CONFIG_TXT) if path.is_file() and not _is_stub(path)), None)


def _is_stub(path: Path) -> bool:
    """Whether it only says where the file has moved to, as Raspberry Pi OS has one below the mount."""
    with suppress(OSError):
        return path.read_bytes().startswith(b"DO NOT EDIT THIS FILE")
    return False


def replace_keeping(path: Path, data: bytes) -> None:
    """Replace a file that may lie on a FAT, which knows neither owner nor mode. Raises OSError."""
    about = path.stat() if path.exists() else None
    write_durably(path, data)
    with suppress(OSError):
        path.chmod(0o644 if about is None else about.st_mode & 0o7777)
        if about is not None:
            os.chown(path, about.st_uid, about.st_gid)


def _pin(number: int) -> int:
    if number not in PINS:
        raise ValueError(number)
    return int(number)
