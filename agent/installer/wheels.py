"""pip, as the installer uses it: run out of its own wheel and never installed, by locks with digests, wheels only.

Debian's python3 has no pip; its package python3-pip-whl (which python3-venv brings along) has the wheel, and so has a
folder that ``install.sh --prepare`` filled.
"""

import hashlib
import os
from pathlib import Path

from agent.installer import locks
from agent.installer.steps import InstallError
from agent.installer.world import PATIENCE_S, World, shown

CHECKOUT = Path(__file__).resolve().parents[2]
PYTHON = Path("/usr/bin/python3")  # the system's own, which its updates keep alive
DEBIAN_WHEELS = Path("/usr/share/python-wheels")
DEBIAN_PACKAGE = "python3-pip-whl"

# Where packages come from is the machine's business; what pip does with them is ours.
KEPT = (
    "CERT",
    "CLIENT_CERT",
    "CONFIG_FILE",
    "DEFAULT_TIMEOUT",
    "EXTRA_INDEX_URL",
    "INDEX_URL",
    "PROXY",
    "TRUSTED_HOST",
)
WITHOUT_INTERNET = (
    "không có mạng / without internet: --wheels FOLDER (./install.sh --prepare FOLDER on another machine)"
)
QUIET = {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1", "PIP_ROOT_USER_ACTION": "ignore", "PIP_USER": "0"}
QUIET |= {"PIP_NO_CACHE_DIR": "1"}  # so that pip writes nothing into root's home


def packages_needed(wheels: Path | None) -> list[str]:
    """Debian's packages without which no release can be made here: none where there is a pip already."""
    return [] if pip_wheel(wheels) else [DEBIAN_PACKAGE]


def pip_wheel(wheels: Path | None) -> Path | None:
    """The wheel of pip to use: of a prepared folder only the one in the lock, for it is run as root."""
    known = locks.of_build(CHECKOUT).read_text(encoding="utf-8")
    for found in _pips(wheels):
        if hashlib.sha256(found.read_bytes()).hexdigest() in known:
            return found
    return next(iter(_pips(DEBIAN_WHEELS)), None)


def _pips(folder: Path | None) -> list[Path]:
    return sorted(folder.glob("pip-*.whl")) if folder is not None else []


class Pip:
    """pip for one Python. Thread: the main one.

    Args:
        world: The machine.
        python: Whose packages it sets up; it also runs pip.
        wheels: The only place that packages come from; None: the index that the machine knows.
        temporary: A folder with space for what is fetched. /tmp may be in memory, which is small on a box.
        wheel_from: The folder whose pip may be taken, when the packages come from elsewhere.
    """

    def __init__(
        self, world: World, python: Path, wheels: Path | None, temporary: Path, wheel_from: Path | None = None
    ) -> None:
        self._world, self._python, self._wheels, self._temporary = world, python, wheels, temporary
        self._wheel_from = wheel_from or wheels

    @property
    def _unpacked(self) -> Path:
        return self._temporary / "pip"

    def unpacking(self) -> list[str | Path]:
        """What is run before the first command. It would work as a wheel too, and compile itself at each start."""
        wheel = pip_wheel(self._wheel_from) or DEBIAN_WHEELS / "pip.whl"
        return [PYTHON, "-I", "-m", "zipfile", "-e", wheel, self._unpacked]

    def argv(self, command: str, *more: str | Path) -> list[str | Path]:
        """What is run: gently, since an upgrade works beside a room in use, and no longer than the installer: one that
        was killed has lost its lock, and the next one works in the same folder.
        """
        places: list[str | Path] = ["--no-index", "--find-links", self._wheels] if self._wheels else []
        begin: list[str | Path] = ["nice", "setpriv", "--pdeathsig", "KILL", self._python, "-I", self._unpacked / "pip"]
        return [*begin, command, "--no-deps", *places, *more]

    def run(self, command: str, *more: str | Path, **environment: str) -> None:
        """Run it. Raises InstallError, in a sentence that says what to do."""
        if pip_wheel(self._wheel_from) is None:
            raise InstallError(f"không có pip / there is no pip on this machine: apt-get install {DEBIAN_PACKAGE}")
        if not self._unpacked.exists():
            self._world.run(self.unpacking())
        argv = self.argv(command, *more)
        try:
            self._world.run(argv, PATIENCE_S, **{**_clean(), **QUIET, "TMPDIR": str(self._temporary), **environment})
        except InstallError as error:
            raise InstallError(f"{_advice(self._wheels)}: {str(error).removeprefix(shown(argv) + ': ')}") from error


def locked(lock: Path) -> list[str | Path]:
    """pip's arguments for all that a lock has. Without a wheel pip would compile for hours: it fails at once."""
    return ["--only-binary=:all:", "--require-hashes", "--requirement", lock]


def _clean() -> dict[str, str | None]:
    """Takes out of the environment what the caller's shell says to pip and to Python."""
    return {
        name: None
        for name in os.environ
        if name.startswith(("PIP_", "PYTHON")) and name not in (f"PIP_{kept}" for kept in KEPT)
    }


def _advice(wheels: Path | None) -> str:
    if wheels is None:
        return f"không tải được gói Python / the Python packages could not be fetched or installed; {WITHOUT_INTERNET}"
    return (
        f"không cài được gói Python từ {wheels} / the Python packages of {wheels} could not be installed (was the "
        "folder filled by ./install.sh --prepare of this very version, for this machine's Python and processor?)"
    )
