"""``--back``: to the release that ran before this one, by the same switch and with the same trial.

With it ``previous`` becomes the one that was left, so that a second ``--back`` returns.
"""

from dataclasses import dataclass

from agent.installer import trial
from agent.installer.live_agent import Units
from agent.installer.moving import PREVIOUS
from agent.installer.release import RELEASES, complete
from agent.installer.steps import InstallError, Step
from agent.installer.switch import steps as switch_steps
from agent.installer.unit_links import CURRENT, target_of
from agent.installer.world import World


@dataclass(frozen=True, slots=True)
class Kept:
    """A release that is there."""

    name: str

    @property
    def path(self) -> str:
        """Its folder on that machine."""
        return f"{RELEASES}/{self.name}"


def release_before(world: World) -> Kept:
    """The release before: of one that is still on trial the one that the trial goes back to.

    Raises:
        InstallError: There is none.
    """
    if (before := trial.name(world)) is not None and complete(world, before):
        return Kept(before)
    current, previous = (target_of(world.path(link)) for link in (CURRENT, PREVIOUS))
    if previous is not None and previous != current:
        kept = Kept(previous.rpartition("/")[2])
        if complete(world, kept.name):
            return kept
    raise InstallError("không có bản trước để quay lại / there is no release before this one to go back to")


def steps(
    world: World,
    units: tuple[str, ...],
    trial_s: float,
    is_started: bool,
    during_conference: bool = False,
    systemd: Units | None = None,
) -> list[Step]:
    """The switch to the release before; arguments as in ``switch.steps``. Raises InstallError."""
    return switch_steps(world, release_before(world), units, trial_s, is_started, during_conference, systemd)
