"""What the agent needs of the outside, as Protocols. ``hw`` and ``adapters`` fill them; ``bootstrap`` chooses which.

Every part is a context manager in spirit: constructors only remember, ``start()`` begins, ``close()`` ends; both may be
called twice. An event that was on its way when ``close()`` was called may still come; the core knows what is over.
"""

from collections.abc import Callable
from typing import Protocol

from agent.core.commands import LedPattern, WatchCamera
from agent.core.contract import Payload
from agent.core.events import Event, LoadState

Inbox = Callable[[Event], None]  # thread-safe; what a callback on any thread may call, and nothing else


class Part(Protocol):
    """Something that is started and closed."""

    def start(self) -> None:
        """Begin. World not ready is an event, not an exception."""

    def close(self) -> None:
        """End, within two seconds."""


class Relays(Part, Protocol):
    """The switched loads."""

    def states(self) -> dict[str, LoadState]:
        """What every load's line reads back now. A line that cannot be had is ``unknown``. Thread: agent thread."""

    def set(self, load: str, on: bool) -> None:
        """Energise or release one load, whatever the wiring polarity.

        Raises:
            RelayError: The pin could not be driven or does not read back; the load's real state is unknown.

        Thread: agent thread only; returns at once, before the contact has moved.
        """


class Led(Part, Protocol):
    """The lamp at the button."""

    def show(self, pattern: LedPattern, count: int = 0) -> None:
        """Show a pattern until the next call; ``count`` as in ``ShowLed``. Never raises: a lamp is not worth a room.
        Thread: agent thread."""


class KeptDescriptors(Protocol):
    """File descriptors that outlive this process, because systemd holds copies of them (FDSTORE). By name."""

    def take(self, name: str) -> int | None:
        """The descriptor that an earlier run left under this name, or None. From then on it is the caller's; systemd
        goes on holding its copy. Each is given out once."""

    def keep(self, name: str, fd: int) -> None:
        """Have a copy of ``fd`` held under ``name``, beyond the end of this process. Without systemd: nothing."""

    def forget(self, name: str) -> None:
        """No longer hold what is held under ``name``, and close the copy that nobody took."""

    def names(self) -> tuple[str, ...]:
        """What an earlier run left and nobody has taken yet."""


class Eye(Protocol):
    """The counting process, seen from the agent. Sends ``EyeReady``, ``FrameSeen``, ``EyeTrouble``, ``EyeEnded``."""

    def watch(self, order: WatchCamera) -> None:
        """End the process that may be there, start one, and give it its order. Thread: agent thread."""

    def look_every(self, order: WatchCamera) -> None:
        """Tell the process that works by this order of another ``interval_s``. Thread: agent thread; does not wait."""

    def close(self) -> None:
        """End the process at once, also one that hangs. Thread: agent thread."""


class Host(Protocol):
    """The box itself."""

    def read(self) -> dict[str, float | int | bool | str | None]:
        """The figures of the topic ``health``. Thread: agent thread; a few milliseconds."""


class Link(Part, Protocol):
    """The broker. Sends ``LinkUp``, ``LinkDown`` and ``MessageReceived``."""

    def publish(self, topic: str, payload: Payload, retain: bool, expiry_s: int | None) -> None:
        """Make ``payload`` the latest value of this site's ``topic``; while the broker is away it is dropped,
        since the core says everything again at ``LinkUp``. Thread: any; returns at once."""

    def announce(self, full_topic: str, raw: bytes, retain: bool = True) -> None:
        """Say something on a whole topic that is not this site's. Thread: any; returns at once."""

    def send(self, topic: str, payload: Payload, expiry_s: int) -> None:
        """Say something once on this site's ``topic``, not retained. Several wait behind each other, also while the
        broker is away, until their time is over; past a bound they are dropped. Thread: any; returns at once."""
