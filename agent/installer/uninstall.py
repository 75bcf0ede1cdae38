"""Takes away what the installer has put on a machine. What is not there is passed over, so twice is harmless.

An uninstall goes forward only: each thing that is in the way is named at the end, and the rest goes all the same. The
system user stays as long as its files do: its number would go to the next user that is made, and with it the box's key.
"""

import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from agent.installer import accounts, boot_text, centre, config_txt, made, switch, unit_links
from agent.installer.live_agent import AGENT, Units, refuse_in_conference
from agent.installer.options import Options
from agent.installer.release import HOME
from agent.installer.steps import InstallError, Say
from agent.installer.world import World, shown

SHARE, RUN = "/usr/share/diemcau", "/run/diemcau"  # RuntimeDirectoryPreserve= keeps the latter until a reboot
OURS = ("releases", "current", "previous", "trial", "went-back", "go-back")
AUTHORITY = f"{accounts.CONFIGURATION}/ca"
ROLES = frozenset(unit_links.OF_ROLE)
TRIAL = f"{unit_links.UNITS}/{switch.TRIAL_UNIT}"
KEPT = (
    f"Giữ lại người dùng {accounts.USER} và dữ liệu / the user {accounts.USER} and the data stay: "
    f"{accounts.CONFIGURATION}, {accounts.HOME}; --uninstall --purge takes them too"
)
# A system that runs has to hear of it.
AFTERWARDS = (
    ("systemctl", "daemon-reload"),
    ("udevadm", "control", "--reload"),
    ("systemctl", "restart", "systemd-journald.service"),
)
RELAYS = (
    "Rơ-le: các chân được nhả ra, thiết bị có thể mất điện / the relays' lines are let go: on Raspberry Pi OS they "
    "stay as they are until the next reboot; after it, and on other systems at once, the relay board decides."
)


@dataclass(frozen=True)
class Removal:
    """One thing that is there: what a dry run prints, and how it goes."""

    line: str
    act: Callable[[], object]


def uninstall(world: World, options: Options, say: Say) -> None:
    """Take everything away but ``/etc/diemcau`` and ``/var/lib/diemcau``; with ``--purge`` these too.

    Raises:
        InstallError: A conference is live; or a centre's authority would go too; or something is in the way.
    """
    if options.is_purged and world.path(AUTHORITY).exists():
        raise InstallError(
            f"{AUTHORITY}: khoá của mọi điểm cầu / is the authority of every box: without it each of them needs a new "
            "identity. Move it away yourself, then --purge"
        )
    if "box" in made.noted(world, "roles"):
        if world.is_booted and not options.is_during_conference:
            refuse_in_conference(Units(world))
        say(RELAYS)
    going = removals(world, options.is_purged)
    if options.is_dry_run:
        lines = [removal.line for removal in going]
        for line in lines or ["# không có gì phải gỡ / nothing to remove"]:
            say(f"+ {line}")
        if lines and not options.is_purged:
            say(f"# {KEPT}")
        return
    _conclude(list(_carried_out(going)), options.is_purged, say)


def _carried_out(going: Iterable[Removal]) -> Iterator[str | None]:
    """Why each one failed; None: it did not."""
    for removal in going:
        try:
            removal.act()
            yield None
        except (OSError, InstallError) as error:
            yield f"{removal.line}: {error}"


def _conclude(results: list[str | None], is_purged: bool, say: Say) -> None:
    if failures := [why for why in results if why is not None]:
        raise InstallError("còn lại / still there: " + "; ".join(failures))
    if not results:
        say("Không có gì phải gỡ / nothing to remove.")
    elif is_purged:
        say("Đã gỡ hết, cả dữ liệu / all of it is removed, the data too.")
    else:
        say(f"Đã gỡ / removed. {KEPT}")


def removals(world: World, is_purged: bool) -> Iterator[Removal]:
    """What is there, in the order in which it goes. Each is looked for when its turn comes."""
    yield from _services(world)
    texts = [path for path, _ in boot_text.TEXTS.values()]
    broker = centre.leftovers(world)
    ours = [*_links(world), *texts, *_tmp(world), *broker, SHARE, RUN]
    is_anything_there = any(world.path(path).exists() or world.path(path).is_symlink() for path in ours)
    yield from _files(world, ours)
    yield from _put_back(world)
    yield from _config_txt(world)
    if world.is_booted and is_anything_there:
        yield from (_command(world, argv) for argv in (*AFTERWARDS, *(centre.RELOAD if broker else ())))
        forget = ["systemctl", "reset-failed", "diemcau-*"]  # one that has failed is listed until then
        yield Removal(shown(forget), lambda: world.says(forget))
    yield from _files(world, _releases(world))
    if is_purged:
        yield from _files(world, [accounts.CONFIGURATION, accounts.HOME])
        yield from _accounts(world)
        yield from _files(world, [HOME])
    elif made.noted(world, "roles"):
        yield Removal(f"write {made.NOTES}", lambda: made.strike(world, "roles", ROLES))


def _services(world: World) -> Iterator[Removal]:
    """Stopped, those that are up, and what systemd keeps of them let go of."""
    names = [Path(path).name for path in _links(world) if path.startswith(unit_links.UNITS) and ".wants/" not in path]
    if not names or not world.is_booted:
        return
    units = Units(world)
    if up := [name for name in names if units.look(name).active not in ("", "inactive")]:
        yield _command(world, ["systemctl", "stop", *up])  # one whose release is gone is not even loaded
    if AGENT in names:
        clean = ["systemctl", "clean", "--what=fdstore", AGENT]
        yield Removal(shown(clean), lambda: world.says(clean))  # before systemd 254 the stop has done it


def _links(world: World) -> list[str]:
    """What enables the units, the units, and the command: those that are there and ours."""
    ours = [path for path, to in unit_links.links(ROLES).items() if unit_links.target_of(world.path(path)) == to]
    if world.path(TRIAL).exists():
        ours.append(TRIAL)
    wants = (folder / Path(path).name for folder in world.path(unit_links.UNITS).glob("*.wants") for path in ours)
    return [*(f"/{path.relative_to(world.root)}" for path in wants if path.is_symlink()), *ours]


def _put_back(world: World) -> Iterator[Removal]:
    """What somebody else had in the place of a link of ours, before the first install."""
    for absolute, to in unit_links.links(ROLES).items():
        path, kept = world.path(absolute), world.path(absolute + unit_links.BEFORE)
        if kept.exists() and (unit_links.target_of(path) == to or not path.exists()):
            yield Removal(shown(["mv", absolute + unit_links.BEFORE, absolute]), partial(kept.rename, path))


def _command(world: World, argv: Sequence[str]) -> Removal:
    return Removal(shown(argv), lambda: world.run(argv))


def _files(world: World, paths: list[str]) -> Iterator[Removal]:
    for absolute in paths:
        path = world.path(absolute)
        if path.is_dir() and not path.is_symlink():
            yield Removal(shown(["rm", "-r", absolute]), partial(shutil.rmtree, path))
        elif path.is_symlink() or path.exists():
            yield Removal(shown(["rm", absolute]), partial(path.unlink, missing_ok=True))


def _tmp(world: World) -> list[str]:
    if not boot_text.is_our_tmp(world.path(boot_text.TMP_MOUNT)):
        return []
    return [boot_text.TMP_WANTED, boot_text.TMP_MOUNT]


def _config_txt(world: World) -> Iterator[Removal]:
    path = config_txt.config_txt(world)
    if path is None:
        return
    before = path.read_bytes()
    after = config_txt.without_block(before)
    if after != before:
        yield Removal(f"{path}: # BEGIN diemcau … # END diemcau", lambda: config_txt.replace_keeping(path, after))
    copy = config_txt.copy_of(path)
    if copy.exists():
        yield Removal(shown(["rm", copy]), copy.unlink)


def _releases(world: World) -> list[str]:
    """Not the notes, which say who made the user, nor what a person keeps there; but what a cut has left of our own."""
    folder = world.path(HOME)
    return sorted(f"{HOME}/{path.name}" for name in OURS for it in (name, f".{name}.*") for path in folder.glob(it))


def _accounts(world: World) -> Iterator[Removal]:
    """Those that we have made; a group that others are in stays."""
    for kind, delete, group in (("users", "userdel", False), ("groups", "groupdel", True)):
        for name in sorted(made.noted(world, kind)):
            others = set(accounts.members(world, name) or ()) - {"", accounts.USER}
            is_there = accounts.members(world, name) is not None if group else accounts.is_user(world)
            if is_there and not (group and others):
                yield _command(world, accounts.program(world, delete, name))
