"""A network of a test's own: only a loopback, on which everybody may ping and names are asked of whom the test wants.

For programs that a test starts as root; the machine's own network is not touched. ``enter`` is to be called before
there is a second thread.
"""

import ctypes
import fcntl
import os
import socket
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CLONE_NEWNS, CLONE_NEWNET = 0x00020000, 0x40000000  # source: sched.h
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18  # source: mount(2)
SIOCSIFFLAGS, IFF_UP = 0x8914, 1  # source: netdevice(7)

_libc = ctypes.CDLL(None, use_errno=True)


def enter() -> None:
    """Leave the machine's network, and have mounts that nobody else sees."""
    if _libc.unshare(CLONE_NEWNET | CLONE_NEWNS):
        raise OSError(ctypes.get_errno(), "unshare")
    mount("none", "/", None, MS_REC | MS_PRIVATE)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
        fcntl.ioctl(end, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP))


def mount(source: str, target: str, kind: str | None, flags: int = 0) -> None:
    if _libc.mount(source.encode(), target.encode(), kind.encode() if kind else None, flags, None):
        raise OSError(ctypes.get_errno(), f"mount on {target}")


def let_everybody_ping() -> None:
    """What ``firmware-config/diemcau.sysctl.conf`` does on a box, with that file's own words."""
    lines = (ROOT / "firmware-config/diemcau.sysctl.conf").read_text().splitlines()
    for name, _, value in (line.partition("=") for line in lines if line and not line.startswith("#")):
        Path("/proc/sys", name.strip().replace(".", "/")).write_text(value.strip())


def ask_names_of(*servers: str) -> None:
    """Have names looked up at these addresses."""
    with tempfile.NamedTemporaryFile("w", delete=False) as file:
        file.write("".join(f"nameserver {server}\n" for server in servers))
    mount(file.name, str(Path("/etc/resolv.conf").resolve()), None, MS_BIND)
    Path(file.name).unlink()


def run(code: str) -> str:
    """What a program prints that runs in a network of its own."""
    if os.geteuid() != 0:
        pytest.skip("needs root, for a network of its own")
    whole = f"from tests.hw import own_network\nown_network.enter()\n{code}"
    done = subprocess.run([sys.executable, "-c", whole], capture_output=True, text=True, check=False, cwd=ROOT)
    if "unshare" in done.stderr:
        pytest.skip("needs a network namespace of its own, which this machine does not give")
    assert done.returncode == 0, done.stderr
    return done.stdout
