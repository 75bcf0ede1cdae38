"""A centre's install: what is its own in the common plan, and what is said at the end."""

from pathlib import Path

from agent.installer import centre
from agent.installer.box import NOT_STARTED
from agent.installer.centre_others import warnings
from agent.installer.options import Options
from agent.installer.plan import planned, will_start
from agent.installer.steps import InstallError, Say, carry_out, rehearse
from agent.installer.world import World


def install(world: World, source: Path, options: Options, say: Say) -> None:
    """Install a centre, or say what would be done.

    Raises:
        InstallError: It cannot be; everything is as it was before.
    """
    if not world.is_this_machine:
        raise InstallError(
            "--centre has no --root: an image would carry one authority's key to all that are made of it"
        )
    asked = centre.Options(options.host or "", options.database or "", options.board_port, options.is_started)
    proof = centre.proof_steps(world, asked) if options.is_started else []
    debian = centre.packages(world, asked)
    steps = planned(
        world, source, options, "centre", debian, lambda release: (centre.steps(world, release, asked), proof)
    )
    for line in warnings(world):
        say(line)
    if options.is_dry_run:
        rehearse(steps, say)
        return
    if not carry_out(steps, say):
        say("Không có gì phải làm / nothing to do: it is all there.")
    for line in centre.next_words(world):
        say(line)
    if not will_start(world, options):
        say(f"{NOT_STARTED}.")
