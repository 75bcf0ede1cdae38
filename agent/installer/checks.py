"""What is looked at before anything is touched: one sentence each for what would fail later, or halfway."""

import os
import platform
import sys
from pathlib import Path

from agent.installer.steps import InstallError
from agent.installer.unit_links import CURRENT
from agent.installer.world import World

ARCHITECTURES = ("aarch64", "x86_64")
VERSIONS = ("12", "13")
PYTHON = (3, 11)
# What one release takes while it is made. Measured.
NEEDED_BYTES, NEEDED_FILES = {"box": 600 * 10**6, "centre": 700 * 10**6}, 15_000
MUST_BE_WRITABLE = ("/opt", "/etc", "/var/lib", "/usr/local", "/usr/share", "/var/log", "/boot/firmware", "/boot")


def machine(world: World) -> None:
    """The system, its processor, this Python, where it can be written. Raises InstallError."""
    need_system(os_release(world))
    need_processor(platform.machine(), sys.maxsize > 1 << 32)
    if sys.version_info < PYTHON:
        raise InstallError(f"Python {platform.python_version()}: 3.11 or newer is needed")
    if not world.path("/usr/bin/systemctl").exists() and not world.path("/bin/systemctl").exists():
        raise InstallError("không có systemd / there is no systemd here, and without it nothing starts the agent")
    need_writable(world)
    need_own_folder(world)


def need_system(release: dict[str, str]) -> None:
    """Debian 12 or 13, or what is made of it. Raises InstallError."""
    name = release.get("PRETTY_NAME", "an unknown system")
    is_debian = "debian" in (release.get("ID", ""), *release.get("ID_LIKE", "").split())
    if not is_debian or release.get("VERSION_ID", "") not in VERSIONS:
        raise InstallError(
            f"{name}: cần / needed is Debian 12 or 13, or Raspberry Pi OS (bookworm, trixie), 64-bit; "
            "./install.sh --demo also runs elsewhere"
        )


def need_processor(name: str, is_64_bit: bool) -> None:
    """64 bits, the programs too: a 32-bit Raspberry Pi OS runs on a 64-bit kernel. Raises InstallError."""
    if name not in ARCHITECTURES or not is_64_bit:
        bits = "64" if is_64_bit else "32"
        raise InstallError(
            f"{name}, {bits}-bit: cần hệ 64-bit / a 64-bit system on aarch64 or x86_64 is needed: "
            "flash the 64-bit Raspberry Pi OS"
        )


def need_writable(world: World) -> None:
    """The file systems that are written to. Raises InstallError."""
    for path in map(world.path, MUST_BE_WRITABLE):
        if path.exists() and not _is_writable(path):
            raise InstallError(
                f"{path}: chỉ đọc / is read-only: the card may be worn out (dmesg), or an overlay is on (raspi-config)"
            )


def _is_writable(path: Path) -> bool:
    """The mount is asked: a dry run by a normal user may write nowhere, and changes nothing either."""
    is_read_only = bool(os.statvfs(path).f_flag & os.ST_RDONLY)
    return not is_read_only and (os.geteuid() != 0 or os.access(path, os.W_OK))


def need_own_folder(world: World) -> None:
    """Root runs what is in it, and systemd reads units out of it before anything is mounted. Raises InstallError."""
    folder, root = world.path("/opt/diemcau"), world.root.stat()
    if nearest(folder).stat().st_dev != root.st_dev:
        raise InstallError(f"{folder}: phải nằm cùng ổ với / is on another file system than /, and must be on the same")
    if folder.exists() and (folder.stat().st_uid != root.st_uid or folder.stat().st_mode & 0o022):
        raise InstallError(
            f"{folder}: người khác ghi được / others than root can write there: look at what is in it, then chown -R "
            f"root:root {folder}; chmod -R go-w {folder}"
        )
    current = world.path(CURRENT)
    if current.exists() and not current.is_symlink():
        raise InstallError(f"{current}: không phải liên kết / is no link of the installer's: move it away first")


def need_room(world: World, needed_bytes: int) -> None:
    """Room for one more release beside the one that runs. Raises InstallError."""
    folder = nearest(world.path("/opt/diemcau"))
    about = os.statvfs(folder)
    free = about.f_bavail * about.f_frsize
    if free < needed_bytes:
        raise InstallError(
            f"{folder}: còn trống / free are {free // 10**6} MB, cần / needed are {needed_bytes // 10**6} MB: make "
            "room (apt-get clean; journalctl --vacuum-size=50M) or take a larger card"
        )
    if about.f_files and about.f_favail < NEEDED_FILES:
        raise InstallError(f"{folder}: {about.f_favail} files can still be made there, and {NEEDED_FILES} are needed")


def need_file(option: str, path: Path | None) -> None:
    """What an option names is there. Raises InstallError."""
    if path is not None and not path.exists():
        raise InstallError(f"{option} {path}: không có / is not there")


def need_wheels(folder: Path | None) -> None:
    """The folder of ``--wheels`` was filled. Raises InstallError."""
    if folder is not None and not any(folder.glob("*.whl")):
        raise InstallError(
            f"--wheels {folder}: không có gói nào / holds no wheels: fill it with ./install.sh --prepare FOLDER on a "
            "machine with internet"
        )


def os_release(world: World) -> dict[str, str]:
    """What the system calls itself; empty where it says nothing. Source: os-release(5)."""
    for path in ("/etc/os-release", "/usr/lib/os-release"):
        try:
            text = world.path(path).read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        pairs = (line.partition("=") for line in text.splitlines() if "=" in line and line[0] != "#")
        return {key: value.strip().strip("\"'") for key, _, value in pairs}
    return {}


def nearest(path: Path) -> Path:
    """The folder itself, or the one that it will be made in."""
    return next(folder for folder in (path, *path.parents) if folder.is_dir())
