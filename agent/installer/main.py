"""What ``install.sh`` runs as root with the system's own Python: reads the command line, does it, or takes it back.

Exit codes: 0 done, 1 failed (everything taken back), 2 wrong use. A terminal that goes away does not stop it; Ctrl-C
and SIGTERM do, and then the machine is as it was before.
"""

import fcntl
import os
import shlex
import signal
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TextIO

from agent.installer import centre_plan, plan, prepare, uninstall
from agent.installer.options import Options, parse
from agent.installer.steps import InstallError, Say
from agent.installer.world import LOG, World

SOURCE = Path(__file__).resolve().parents[2]  # the checkout
DRY = "Chưa thay đổi gì, tệp chỉ được đọc khi cài thật / nothing was changed; files are read when it is done in earnest"
LOG_MAX_BYTES = 4 * 1024 * 1024


class Interrupted(BaseException):
    """SIGINT or SIGTERM came. No Exception: nobody may take it for a step that failed."""


def main(argv: Sequence[str] | None = None) -> int:
    """The whole of it. Returns the exit code. Thread: the main one."""
    words = sys.argv[1:] if argv is None else list(argv)
    options = parse(words)
    if options.needs_root and options.root == Path("/") and os.geteuid():
        _complain(f"cần quyền root / root is needed: sudo ./install.sh {shlex.join(words)}")
        return 2
    os.umask(0o022)
    world = World(options.root, World(options.root).path(LOG) if options.needs_root else None)
    try:
        with ExitStack() as held:
            if options.needs_root:
                held.enter_context(_signals())
                held.enter_context(_alone(world, words))
            _do(world, options, _teller(world))
    except InstallError as error:
        return _failed(world, str(error))
    except Interrupted as signal_name:
        return _failed(world, f"bị ngắt / interrupted ({signal_name})")
    except OSError as error:
        return _failed(world, f"{error.filename or ''}: {error.strerror or error}".lstrip(": "))
    except Exception as error:  # a mistake of ours: people get a sentence, the log has the rest
        world.note(traceback.format_exc())
        return _failed(world, f"lỗi của chương trình cài / a mistake of the installer's own: {error!r}")
    return 0


def _do(world: World, options: Options, say: Say) -> None:
    if options.mode == "prepare":
        _prepare(world, options, say)
    elif options.mode == "uninstall":
        uninstall.uninstall(world, options, say)
    elif options.mode == "back":
        plan.go_back(world, options, say)
    elif options.mode == "centre":
        centre_plan.install(world, SOURCE, options, say)
    else:
        plan.install(world, SOURCE, options, say)
    if options.is_dry_run:
        say(DRY)


def _prepare(world: World, options: Options, say: Say) -> None:
    """Both Pythons and both processors, unless one of them is named."""
    if options.folder is None:
        return
    roles = frozenset({"box", "centre"} if options.is_for_centre else {"box"})
    pythons = [options.python] if options.python else prepare.PYTHONS
    processors = [options.arch] if options.arch else prepare.PROCESSORS
    if options.is_dry_run:
        prepare.rehearse(options.folder, roles, say, pythons, processors)
    else:
        prepare.prepare(world, options.folder, roles, say, pythons, processors)


@contextmanager
def _signals() -> Iterator[None]:
    """The first SIGINT or SIGTERM becomes an exception; while things are taken back no other one counts."""

    def interrupt(number: int, _: object) -> None:
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, signal.SIG_IGN)
        raise Interrupted(signal.Signals(number).name)

    before = {each: signal.signal(each, interrupt) for each in (signal.SIGINT, signal.SIGTERM)}
    before[signal.SIGHUP] = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _alone(world: World, words: Sequence[str]) -> Iterator[None]:
    """One install at a time; whoever has the log's lock is it. Raises InstallError."""
    path = world.path(LOG)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise InstallError(f"{path} không ghi được / cannot be written: {error.strerror}") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.fchmod(handle, 0o600)  # one that was there, too
        if os.fstat(handle).st_size > LOG_MAX_BYTES:
            os.truncate(handle, 0)
        world.note(f"\n== {time.strftime('%Y-%m-%d %H:%M:%S %z')} install.sh {shlex.join(words)}\n")
        yield
    except BlockingIOError as error:
        raise InstallError("một lần cài khác đang chạy / another install is at work: wait for it") from error
    finally:
        os.close(handle)


def _teller(world: World) -> Say:
    """Says a sentence to people and to the log."""

    def say(sentence: str) -> None:
        world.note(sentence + "\n")
        _print(sentence, sys.stdout)

    return say


def _failed(world: World, sentence: str) -> int:
    world.note(f"failed: {sentence}\n")
    _complain(sentence)
    return 1


def _complain(sentence: str) -> None:
    _print(f"install.sh: {sentence}", sys.stderr)


def _print(sentence: str, stream: TextIO) -> None:
    """A terminal that has gone away is no reason to stop; what it did not take must not come up again at the end."""
    try:
        print(sentence, file=stream, flush=True)
    except OSError:
        with Path(os.devnull).open("w") as nowhere:
            os.dup2(nowhere.fileno(), stream.fileno())
