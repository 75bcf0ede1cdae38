"""The Arm system: made once by ``build.sh``, kept outside the checkout; each run works in a copy.

It lies in ``$DIEMCAU_ARM_DIR``, else ``/var/cache/diemcau-arm``, with the wheels that it is installed from.
"""

import os
import platform
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

BUILD = Path(__file__).with_name("build.sh")
CACHE = Path("/var/cache/diemcau-arm")
SPACE = 3 * 10**9
PROGRAMS = {  # program: Debian's package
    "qemu-aarch64-static": "qemu-user-static",
    "mmdebstrap": "mmdebstrap",
    "arch-test": "arch-test",
    "unshare": "util-linux",
}


class ArmError(Exception):
    """This machine cannot have one; the text is one sentence for people."""


@dataclass(frozen=True)
class Arm:
    """A copy of the system, to be written to."""

    root: Path

    def run(self, *argv: str, codes: tuple[int, ...] = (0,)) -> str:
        """Run a program in there, with a /proc of its own that goes with it; gives its standard output."""
        inside = ["unshare", "--mount", "--pid", "--fork", "--kill-child", f"--mount-proc={self.root}/proc"]
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/root"}
        done = subprocess.run(
            [*inside, "chroot", self.root, *argv],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        assert done.returncode in codes, (
            f"{argv[0]} ended with {done.returncode}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
        )
        return done.stdout


def cache() -> Path:
    """Where the system and its wheels are kept."""
    return Path(os.environ.get("DIEMCAU_ARM_DIR") or CACHE)


def provide(folder: Path) -> Arm:
    """A fresh system in ``folder``; the one that it is copied from is made if it is not there (six minutes).

    Raises:
        ArmError: This machine cannot have one, or making it failed.
    """
    _refuse_where_it_cannot_run()
    origin = cache() / "root"
    done = subprocess.run([BUILD, origin], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"{BUILD} ended with {done.returncode}"]
        raise ArmError(said[0])
    subprocess.run(["cp", "-a", "--reflink=auto", origin, folder], check=True)
    return Arm(folder)


def _refuse_where_it_cannot_run() -> None:
    if os.geteuid():
        raise ArmError("making and running an Arm system needs root")
    if platform.machine() != "x86_64":
        raise ArmError(f"it is compared with x86_64, and this is {platform.machine()}")
    missing = [package for program, package in PROGRAMS.items() if shutil.which(program) is None]
    if missing:
        raise ArmError(f"not installed: apt-get install {' '.join(missing)}")
    existing = next(folder for folder in [cache(), *cache().parents] if folder.exists())
    if (free := shutil.disk_usage(existing).free) < SPACE:
        raise ArmError(f"{existing} has {free / 1e9:.1f} GB free, and {SPACE / 1e9:.0f} GB are needed")
