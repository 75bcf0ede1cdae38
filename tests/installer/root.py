"""The root folder of a machine that does not run: as much of Debian as the installer looks at."""

import os
from pathlib import Path

import pytest

from agent.installer.world import World

NOT_OURS = (
    "/etc/passwd-",
    "/etc/group-",
    "/etc/shadow-",
    "/etc/gshadow-",
    "/etc/.pwd.lock",
    "/var/log/diemcau-install.log",
)
FILES = {
    "/etc/os-release": 'PRETTY_NAME="Debian GNU/Linux 13 (trixie)"\nID=debian\nVERSION_ID="13"\n',
    "/etc/passwd": "root:x:0:0:root:/root:/bin/sh\n",
    "/etc/group": "root:x:0:\nvideo:x:44:\naudio:x:29:\n",
    "/usr/bin/systemctl": "",
    "/boot/firmware/config.txt": "# For more options\r\ndtparam=audio=on\r\n[cm4]\notg_mode=1\n\n[all]\nenable_uart=1",
}

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to another user")


def machine(root: Path) -> World:
    """A fresh one below ``root``."""
    for folder in ("opt", "var/lib", "usr/local/bin", "etc/systemd/system"):
        (root / folder).mkdir(parents=True)
    world = World(root)
    for path, text in FILES.items():
        world.path(path).parent.mkdir(parents=True, exist_ok=True)
        world.path(path).write_bytes(text.encode())
    return world


def tree(world: World) -> dict[str, tuple[int, int, object]]:
    """Mode, owner and content of all that is there, without empty folders and what Debian's own programs leave."""
    found: dict[str, tuple[int, int, object]] = {}
    for path in sorted(world.root.rglob("*")):
        name = f"/{path.relative_to(world.root)}"
        if name in NOT_OURS or (path.is_dir() and not path.is_symlink()):
            continue
        about = path.lstat()
        content = str(path.readlink()) if path.is_symlink() else path.read_bytes()
        found[name] = (about.st_mode, about.st_uid, content)
    return found
