"""Joins the steps of the other modules: what a machine is made of, in which order.

Nothing that runs is touched until the release is whole and has read its new files; the switch to it comes late. What
has gone cannot come back, so old releases go last.
"""

import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from agent.installer import accounts, back, box, checks, made, packages, prune, release, switch, unit_links, wheels
from agent.installer.box import NOT_STARTED
from agent.installer.live_agent import AGENT, Units, refuse_in_conference
from agent.installer.options import Options
from agent.installer.steps import Say, Step, carry_out, rehearse
from agent.installer.world import World, shown

# What runs all the time, is started again by a switch and watched by its trial.
UNITS = {
    "box": (AGENT,),
    "centre": ("diemcau-recorder.service", "diemcau-board.service", "diemcau-backup.timer"),
}
DOCTOR_S = 300.0

# What is done before the switch to a release, and after it.
Around = tuple[list[Step], list[Step]]


def install(world: World, source: Path, options: Options, say: Say) -> None:
    """Install a box, or say what would be done.

    Raises:
        InstallError: It cannot be; everything is as it was before.
    """
    steps = planned(world, source, options, "box", [], lambda new: box.steps(world, source, new, options, say))
    box.announce(world, options, say)
    if options.is_dry_run:
        rehearse(steps, say)
        return
    is_reboot_wanted = box.is_reboot_wanted(steps)
    if not carry_out(steps, say):
        say("Không có gì phải làm / nothing to do: it is all there.")
    _doctor(world)
    for sentence in box.next_words(world, is_reboot_wanted, will_start(world, options)):
        say(sentence)


def go_back(world: World, options: Options, say: Say) -> None:
    """To the release before. Raises InstallError: there is none, or it did not hold."""
    steps = back.steps(
        world, _units(made.noted(world, "roles")), options.trial_s, options.is_started, options.is_during_conference
    )
    if options.is_dry_run:
        rehearse(steps, say)
    else:
        carry_out(steps, say)
        done = "Xong / done" if will_start(world, options) else NOT_STARTED
        say(f"{done}: {unit_links.CURRENT} → {world.path(unit_links.CURRENT).readlink().name}")


def will_start(world: World, options: Options) -> bool:
    """Whether services are started now; otherwise with the next boot."""
    return options.is_started and world.is_booted


def planned(
    world: World,
    source: Path,
    options: Options,
    role: str,
    debian: list[str],
    around: Callable[[release.Release], Around],
) -> list[Step]:
    """Every step in its order; nothing is touched.

    Args:
        world: Where.
        source: The checkout.
        options: Of the command line.
        role: ``box`` or ``centre``, which the machine becomes beside what it is already.
        debian: The packages of Debian that this role needs.
        around: The role's own steps for a release.

    Raises:
        InstallError: Something stands against it that shows already.
    """
    checks.machine(world)
    for name in ("identity", "room", "model", "wheels"):
        checks.need_file(f"--{name}", getattr(options, name))
    checks.need_wheels(options.wheels)
    roles = made.noted(world, "roles") | {role}
    new = release.planned(world, source, roles)
    its_own = release.steps(world, source, roles, options.wheels)
    if not all(step.is_done() for step in its_own):
        checks.need_room(world, max(checks.NEEDED_BYTES.get(each, 0) for each in roles))
    settings, proof = around(new)
    switched = switch.steps(
        world, new, _units(roles), options.trial_s, options.is_started, options.is_during_conference
    )
    _refuse_in_conference(world, options, [*settings, *switched])
    return [
        *accounts.steps(world, accounts.DEVICES if "box" in roles else ()),
        made.Roles(world, frozenset({role})),
        *packages.steps(world, [*debian, *wheels.packages_needed(options.wheels)], options.wheels),
        *its_own,
        *settings,
        *unit_links.steps(world, roles),
        *switched,
        *proof,
        *prune.steps(world),
    ]


def _units(roles: frozenset[str]) -> tuple[str, ...]:
    return tuple(unit for role in sorted(roles) for unit in UNITS.get(role, ()))


def _refuse_in_conference(world: World, options: Options, steps: list[Step]) -> None:
    """Before minutes are spent, where the agent would be restarted. Raises InstallError."""
    is_restart_possible = will_start(world, options) and not options.is_during_conference
    if is_restart_possible and not all(step.is_done() for step in steps):
        refuse_in_conference(Units(world))


def _doctor(world: World) -> None:
    """What the program itself says of this box. Its verdict is told; it is no reason to take anything back."""
    argv = [f"{unit_links.CURRENT}/bin/diemcau", "doctor"]
    if world.is_this_machine:
        world.note(f"+ {shown(argv)}\n")
        with suppress(OSError, subprocess.TimeoutExpired):
            subprocess.run(argv, timeout=DOCTOR_S, stdin=subprocess.DEVNULL, check=False)
