"""The command line of ``install.sh``, as far as it is the installer's."""

import argparse
import math
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

TRIAL_S = 60.0
# Which modes an option belongs to: in the others it would be passed over in silence.
ONLY_WITH = {
    "identity": ("box",),
    "room": ("box",),
    "model": ("box",),
    "wheels": ("box", "centre"),
    "no_start": ("box", "centre"),
    "host": ("centre",),
    "database": ("centre",),
    "board_port": ("centre",),
    "purge": ("uninstall",),
    "python": ("prepare",),
    "arch": ("prepare",),
}


@dataclass(frozen=True)
class Options:
    """What is asked for. Every path is absolute: nothing here depends on the folder that one stands in.

    Attributes:
        mode: ``box``, ``centre``, ``uninstall``, ``back`` or ``prepare``.
        folder: The one that ``--prepare`` fills.
        is_for_centre: ``--prepare`` is for a centre.
    """

    mode: str
    root: Path
    identity: Path | None
    room: Path | None
    model: Path | None
    wheels: Path | None
    trial_s: float
    is_dry_run: bool
    is_during_conference: bool
    is_started: bool
    is_purged: bool
    host: str | None
    database: str | None
    board_port: int | None
    folder: Path | None
    python: str | None
    arch: str | None
    is_for_centre: bool

    @property
    def needs_root(self) -> bool:
        """Whether it changes this machine."""
        return not self.is_dry_run and self.mode != "prepare"


def parse(argv: list[str]) -> Options:
    """Read the command line. Exits with 2 and one sentence for wrong use."""
    reader = parser()
    given = reader.parse_args(argv)
    modes = [name for name in ("uninstall", "back", "prepare", "centre") if getattr(given, name)]
    is_for_centre = modes == ["prepare", "centre"]
    if len(modes) > 1 and not is_for_centre:
        reader.error(f"one of --{' and --'.join(modes)}, not both")
    mode = modes[0] if modes else "box"
    for name, fitting in ONLY_WITH.items():
        if getattr(given, name) and mode not in fitting:
            only = " or ".join(map(_shown, fitting))
            reader.error(f"--{name.replace('_', '-')} chỉ đi với / only with {only}")
    return Options(
        mode=mode,
        root=given.root,
        identity=given.identity,
        room=given.room,
        model=given.model,
        wheels=given.wheels,
        trial_s=given.trial_s,
        is_dry_run=given.dry_run,
        is_during_conference=given.during_conference,
        is_started=not given.no_start,
        is_purged=given.purge,
        host=given.host,
        database=given.database,
        board_port=given.board_port,
        folder=given.prepare,
        python=given.python,
        arch=given.arch,
        is_for_centre=is_for_centre,
    )


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"install.sh: {message}; ./install.sh --help\n")


def parser() -> argparse.ArgumentParser:
    """All that the installer takes, without a word of help: ``install.sh`` has it."""
    # --help is install.sh's own. A word is never guessed: --un is no --uninstall.
    made = _Parser(prog="install.sh", add_help=False, allow_abbrev=False)
    for option in ("--identity", "--room", "--model", "--wheels", "--prepare"):
        made.add_argument(option, type=_path)
    for switch in ("--centre", "--uninstall", "--back", "--purge", "--dry-run", "--during-conference", "--no-start"):
        made.add_argument(switch, action="store_true")
    made.add_argument("--trial-s", type=_seconds, default=TRIAL_S)
    made.add_argument("--host")
    made.add_argument("--database")
    made.add_argument("--board-port", type=_port)
    made.add_argument("--python", choices=("3.11", "3.13"))
    made.add_argument("--arch", choices=("aarch64", "x86_64"))
    made.add_argument("--root", type=_path, default=Path("/"))
    return made


def _path(word: str) -> Path:
    if not word:
        raise argparse.ArgumentTypeError("a path is expected")
    return Path(word).absolute()


def _port(word: str) -> int:
    if not (word.isdecimal() and 0 < int(word) < 1 << 16):
        raise argparse.ArgumentTypeError(f"{word}: a port is expected, 1 to 65535")
    return int(word)


def _seconds(word: str) -> float:
    try:
        seconds = float(word)
    except ValueError:
        seconds = math.nan
    if not (math.isfinite(seconds) and seconds >= 0):
        raise argparse.ArgumentTypeError(f"{word}: a number of seconds is expected")
    return seconds


def _shown(mode: str) -> str:
    return "a box" if mode == "box" else f"--{mode}"
