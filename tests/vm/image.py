"""The machine's image: made once by ``build.sh``, kept outside the checkout, made anew when what it is made of changed.

    python -m tests.vm.image        makes it unless it is there, and says where

It lies in ``$DIEMCAU_VM_DIR``, else ``/var/cache/diemcau-vm``; an image that a newer one has replaced goes after that.
"""

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from agent.installer import locks

CHECKOUT = Path(__file__).resolve().parents[2]
BUILD = Path(__file__).with_name("build.sh")
CACHE = Path("/var/cache/diemcau-vm")

# Two file systems of Debian side by side while it is made; then the disk alone, and what a run writes over it.
SPACE_TO_MAKE, SPACE_TO_RUN = 4 * 10**9, 1 * 10**9
PROGRAMS = {  # program: Debian's package
    "qemu-system-x86_64": "qemu-system-x86",
    "qemu-img": "qemu-utils",
    "mmdebstrap": "mmdebstrap",
    "ssh": "openssh-client",
    "mke2fs": "e2fsprogs",
}


class ImageError(Exception):
    """This machine cannot have a test machine; the text is one sentence for people."""


@dataclass(frozen=True)
class Image:
    """A finished image. Nobody writes to it: a machine boots from an overlay."""

    folder: Path

    @property
    def disk(self) -> Path:
        return self.folder / "disk.raw"

    @property
    def stick(self) -> Path:
        """What a technician brings along, as a disk: ``wheels/``, as ``install.sh --prepare`` fills it."""
        return self.folder / "stick.raw"

    @property
    def kernel(self) -> Path:
        return self.folder / "vmlinuz"

    @property
    def initrd(self) -> Path:
        return self.folder / "initrd"

    @property
    def key(self) -> Path:
        """The private key that root's ssh in there takes."""
        return self.folder / "key"


def provide() -> Image:
    """The image of this checkout, made if it is not there (three minutes).

    Raises:
        ImageError: This machine cannot have one, or making it failed.
    """
    _refuse_where_it_cannot_run()
    with _locked(cache()) as folder:
        finished = folder / _digest()
        if not finished.exists():
            _make(finished)
        finished.touch()
        _forget_old(folder, finished)
    return Image(finished)


def cache() -> Path:
    """Where images are kept."""
    return Path(os.environ.get("DIEMCAU_VM_DIR") or CACHE)


def parts() -> list[bytes]:
    """All that an image depends on. A newer Debian or kernel alone is no reason to make it anew."""
    wheels = locks.of_build(CHECKOUT), locks.of_roles(CHECKOUT, frozenset({"box"}))
    return [path.read_bytes() for path in (BUILD, *wheels)]


def _digest() -> str:
    return hashlib.sha256(b"\0".join(parts())).hexdigest()[:16]


def _refuse_where_it_cannot_run() -> None:
    if os.geteuid():
        raise ImageError("making and running the test machine needs root")
    if _os_id() != "debian" or platform.machine() != "x86_64":
        raise ImageError(f"the test machine needs Debian on x86_64, this is {_os_id()} on {platform.machine()}")
    missing = [package for program, package in PROGRAMS.items() if shutil.which(program) is None]
    if missing:
        raise ImageError(f"not installed: apt-get install {' '.join(missing)}")
    _refuse_without_space(SPACE_TO_RUN)


def _refuse_without_space(needed: int) -> None:
    existing = next(folder for folder in [cache(), *cache().parents] if folder.exists())
    free = shutil.disk_usage(existing).free
    if free < needed:
        raise ImageError(f"{existing} has {free / 1e9:.1f} GB free, and {needed / 1e9:.0f} GB are needed")


def _os_id() -> str:
    try:
        return platform.freedesktop_os_release().get("ID", "unknown")
    except OSError:
        return "unknown"


@contextmanager
def _locked(folder: Path) -> Iterator[Path]:
    """Two runs at once make one image."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "lock").open("w")
    except OSError as error:
        raise ImageError(f"{folder} cannot be written ({error.strerror}): set DIEMCAU_VM_DIR") from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder


def _make(finished: Path) -> None:
    _refuse_without_space(SPACE_TO_MAKE)
    growing = finished.with_name("growing")  # build.sh takes away what a run left there that was cut off
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    argv = [str(BUILD), str(growing)]
    done = subprocess.run(argv, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"{BUILD} ended with {done.returncode}"]
        raise ImageError(said[0])
    growing.rename(finished)


def _forget_old(folder: Path, current: Path) -> None:
    """Keep the one before too: whoever goes to and fro between two branches must not wait each time."""
    images = [path for path in folder.iterdir() if path.is_dir() and path != current]
    for path in sorted(images, key=lambda path: path.stat().st_mtime)[:-1]:
        shutil.rmtree(path, ignore_errors=True)


if __name__ == "__main__":
    try:
        print(provide().folder)
    except ImageError as problem:
        raise SystemExit(f"{problem}") from problem
