"""Having a machine run another of its releases: the link ``current``, the units that it brings, what runs by them."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from agent.installer import trial
from agent.installer.live_agent import AGENT, EYE_SOCKET, Units
from agent.installer.release import RELEASES
from agent.installer.steps import InstallError
from agent.installer.unit_links import CURRENT, point, target_of
from agent.installer.world import World

PREVIOUS = "/opt/diemcau/previous"
QUICK_CRASHES = "/var/lib/diemcau/quick-crashes"


def pointed(world: World, link: str) -> str | None:
    """The name of the release that a link points at; None: there is no link."""
    target = target_of(world.path(link))
    return None if target is None else Path(target).name


def point_at(world: World, link: str, name: str | None) -> None:
    """Have a link point at a release, at once and for good; None: no link. Raises OSError."""
    if name is None:
        world.path(link).unlink(missing_ok=True)
    else:
        point(world.path(link), f"releases/{name}")


def go_back(world: World, systemd: Units, units: Sequence[str], name: str) -> None:
    """To a release that ran before; a power cut in here is a boot that goes on with it.

    Raises:
        InstallError: A unit does not run again; the others do, or were tried.
    """
    with suppress(OSError):  # a full disk keeps nobody from going back
        if trial.name(world) != name:
            trial.begin(world, name)
    with suppress(OSError):
        # The other release's crashes are not this one's: it would begin with the safe config.
        world.path(QUICK_CRASHES).unlink(missing_ok=True)
    failures = list(move(world, systemd, units, name))
    trial.end(world)
    if failures:
        raise InstallError("; ".join(map(str, failures)))


def move(world: World, systemd: Units, units: Sequence[str], name: str) -> Iterator[InstallError]:
    """Have ``current`` be this release, its unit files be systemd's, and these units run by them.

    Yields:
        Each failure when it comes; who does not ask on leaves the rest as it is.
    """
    old = pointed(world, CURRENT)
    point_at(world, CURRENT, name)
    orders: list[Callable[[], object]] = [systemd.reload] if units else []
    if AGENT in units and old is not None and _socket(world, old) != _socket(world, name):
        orders.append(partial(systemd.stop, EYE_SOCKET))  # and with it the eye; the agent's start brings the new one
    orders += [partial(systemd.restart, unit) for unit in units]
    for order in orders:
        try:
            order()
        except InstallError as error:
            yield error


def _socket(world: World, name: str) -> bytes | None:
    try:
        return world.path(f"{RELEASES}/{name}/share/diemcau/systemd/{EYE_SOCKET}").read_bytes()
    except OSError:
        return None
