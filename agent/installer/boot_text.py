"""What the system reads beside our program: settings of the kernel, of systemd, the journal and udev, the folder for
temporary files in memory, and our block in ``config.txt``.

The texts are the files of ``firmware-config/``. What can count at once does so; ``config.txt`` and the folder count
from the next boot. The hardware watchdog is begun by the ``daemon-reload`` that follows every switch of the release, or
by the next boot: nothing here re-executes systemd, which holds the relays' lines.
"""

import re
from contextlib import suppress
from pathlib import Path

from agent.installer.config_txt import ConfigTxt
from agent.installer.steps import InstallError, Step
from agent.installer.unit_links import Link
from agent.installer.world import File, World

SYSCTL, UDEV = "/etc/sysctl.d/60-diemcau.conf", "/etc/udev/rules.d/60-diemcau.rules"
Commands = tuple[tuple[str, ...], ...]
# Each text, where it goes, and what makes it count. Raspberry Pi OS has a 70-… for the watchdog: ours has to follow it.
TEXTS: dict[str, tuple[str, Commands]] = {
    "diemcau.sysctl.conf": (SYSCTL, (("sysctl", "--quiet", "--load", SYSCTL),)),
    "diemcau.watchdog.conf": ("/etc/systemd/system.conf.d/90-diemcau.conf", ()),
    # The journal keeps its streams' descriptors with systemd, so that no service notices.
    "diemcau.journald.conf": (
        "/etc/systemd/journald.conf.d/60-diemcau.conf",
        (("systemctl", "restart", "systemd-journald.service"),),
    ),
    # The cameras' rule is for those that come; a device that is there and works is left alone.
    "diemcau.udev.rules": (
        UDEV,
        (("udevadm", "control", "--reload"), ("udevadm", "trigger", "--settle", "--subsystem-match=gpio")),
    ),
}
TMP_MOUNT, TMP_WANTED = "/etc/systemd/system/tmp.mount", "/etc/systemd/system/local-fs.target.wants/tmp.mount"
OURS = b"# Written by the installer of diemcau.\n"
TMP_OF_SYSTEM = ("/usr/lib/systemd/system/tmp.mount", "/lib/systemd/system/tmp.mount")


def steps(world: World, source: Path, room: Path | None) -> list[Step]:
    """Every text that this machine wants.

    Args:
        world: Where.
        source: The checkout or the release that has ``firmware-config/``.
        room: ``--room``.

    Raises:
        InstallError: A text is missing.
    """
    folder = source / "firmware-config"
    texts: list[Step] = [
        Applied(world, File(world, absolute, _text(folder / name), f"tệp / file {absolute}"), commands)
        for name, (absolute, commands) in TEXTS.items()
    ]
    return [
        *texts,
        *_tmp(world, _text(folder / "diemcau.tmp.mount")),
        ConfigTxt(world, _text(folder / "diemcau.config.txt"), room),
    ]


class Applied:
    """A file, and the commands that make it count on a system that runs. What they say is in the log: the next boot
    reads the file in any case."""

    def __init__(self, world: World, file: File, commands: Commands) -> None:
        self._world, self._file, self._commands, self.title = world, file, commands, file.title

    def is_done(self) -> bool:
        """The file is."""
        return self._file.is_done()

    def lines(self) -> list[str]:
        """The file's, and the commands."""
        return [*self._file.lines(), *(" ".join(words) for words in self._commands if self._world.is_booted)]

    def do(self) -> None:
        """Write it, and have it count."""
        self._file.do()
        self._apply()

    def undo(self) -> None:
        """As it was, and have that count."""
        self._file.undo()
        self._apply()

    def _apply(self) -> None:
        if self._world.is_booted:
            for words in self._commands:
                self._world.says(words)


def _tmp(world: World, unit: bytes) -> list[Step]:
    """Temporary files in memory, where the system does not have it so, and nobody has decided otherwise."""
    fstab = world.path("/etc/fstab")
    with suppress(OSError):
        if re.search(r"^\s*[^#\s]\S*\s+/tmp\s", fstab.read_text(encoding="utf-8", errors="replace"), re.MULTILINE):
            return []
    ours = world.path(TMP_MOUNT)
    is_others = (ours.exists() or ours.is_symlink()) and not is_our_tmp(ours)
    if is_others or any(world.path(path).exists() for path in TMP_OF_SYSTEM):
        return []
    title = "tệp tạm trong bộ nhớ / temporary files in memory, from the next boot"
    return [File(world, TMP_MOUNT, OURS + unit, title), Link(world, TMP_WANTED, TMP_MOUNT)]


def is_our_tmp(path: Path) -> bool:
    """Whether it is the unit that we have put there."""
    with suppress(OSError):
        return not path.is_symlink() and path.read_bytes().startswith(OURS)
    return False


def _text(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InstallError(f"{path}: không đọc được / cannot be read: {error.strerror}") from error
