"""Child processes that end with us, whatever ends us. Source: prctl(2), PR_SET_PDEATHSIG."""

import ctypes
import os
import signal
import subprocess
from collections.abc import Callable, Sequence
from typing import IO

PR_SET_PDEATHSIG = 1
STOP_WITHIN_S = 5.0

_libc = ctypes.CDLL(None)  # loaded here: between fork and exec nothing may be


def spawn(argv: Sequence[str], stdin: int, output: IO[bytes]) -> "subprocess.Popen[bytes]":
    """Start a program in a session of its own (Ctrl-C in the terminal is for us alone) that dies with this thread.

    Args:
        argv: Program and arguments.
        stdin: A descriptor, ``subprocess.PIPE`` or ``subprocess.DEVNULL``.
        output: Where both its outputs go.

    Raises:
        OSError: There is no such program.
    """
    return subprocess.Popen(
        argv,
        stdin=stdin,
        stdout=output,
        stderr=output,
        start_new_session=True,
        preexec_fn=_dying_with(os.getpid()),
    )


def stop(children: Sequence["subprocess.Popen[bytes]"]) -> None:
    """Ask all to end, wait, and kill what did not."""
    for child in children:
        if child.poll() is None:
            child.terminate()
    for child in children:
        try:
            child.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        if child.stdin is not None:
            child.stdin.close()


def _dying_with(parent: int) -> Callable[[], None]:
    def before_exec() -> None:
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # the parent was faster
            os._exit(1)

    return before_exec
