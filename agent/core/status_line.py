"""The line that ``systemctl status`` shows of a running agent: for a technician, and for the upgrade's trial. Pure.

::

    power=on locked=no link=up headcount=unknown:dark files=ok disk=ok

``link`` is ``up``, ``down`` or ``off`` (no identity file that can be used); ``headcount`` its state, and why where it
is not ok; ``files`` why the room's own config does not run; ``disk`` is ``forgets`` while what must survive a power cut
does not. Keys may be added; who reads passes over those that it does not know.
"""

from typing import Literal

from agent.core.contract import Headcount
from agent.core.events import RoomState

Link = Literal["up", "down", "off"]
Power = RoomState | Literal["unknown"]


def line(power: Power, locked: bool, link: Link, count: Headcount, trouble: str | None, forgets: bool) -> str:
    """The line as it is now.

    Args:
        power: Where the room's power is; ``unknown`` where its own config does not run, so that no line is looked at.
        locked: A conference is live.
        link: Whether the broker is reached.
        count: What the headcount says.
        trouble: Why the room's own config does not run; None: it does.
        forgets: See ``Keeper.forgets``.
    """
    words = {
        "power": power,
        "locked": "yes" if locked else "no",
        "link": link,
        "headcount": count.state if count.reason is None else f"{count.state}:{count.reason}",
        "files": trouble or "ok",
        "disk": "forgets" if forgets else "ok",
    }
    return " ".join(f"{key}={word}" for key, word in words.items())
