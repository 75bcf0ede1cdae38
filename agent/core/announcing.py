"""When this site tells a home automation what it is: some time after each connection, and after that one has begun.

Not at once: three hundred sites that come back with their broker must not all send their largest message first, and
what is live comes before it. Afterwards everything live is said again, because a home automation that is told of a
thing anew holds it for unavailable until its next word.
"""

from agent.core import home_assistant
from agent.core.commands import Announce, Command
from agent.core.config import RoomConfig
from agent.core.events import Event, LinkDown, LinkUp, MessageReceived
from agent.core.reports import Self

WITHIN_S = 30.0
# After another config, so that what is gone is heard of first: a newer word on a topic replaces one that waits.
AFTER_CONFIG_S = 2.0


def next_s(announce_s: float | None, event: Event, now_s: float, self: Self) -> float | None:
    """When it is due after an event (monotonic seconds); None: it is not."""
    match event:
        case LinkUp():
            return now_s + spread_s(self.session)
        case MessageReceived(topic=home_assistant.STATUS_TOPIC, payload=payload) if is_online(payload):
            return now_s + spread_s(self.session)
        case LinkDown():
            return None
    return announce_s


def is_online(payload: bytes) -> bool:
    """Whether a home automation says that it has begun."""
    return payload == home_assistant.ONLINE.encode()


def spread_s(session: str) -> float:
    """How long this run of the agent waits: another time than others, and the same for itself."""
    number = 0
    for letter in session:
        number = (number * 257 + ord(letter)) % 1_000_003
    return number * 7919 % round(WITHIN_S * 1000) / 1000


def removed(former: RoomConfig, self: Self) -> list[Command]:
    """Have a home automation forget what another config had and this one has not; before the new announcement."""
    gone = home_assistant.removal(self, former)
    return (
        [] if gone is None else [Announce(home_assistant.topic(self.site), home_assistant.encode(gone), retain=False)]
    )


def due(announce_s: float | None, now_s: float, self: Self) -> list[Command]:
    """The announcement, if its time has come. A config that stands in for the room's own says nothing of the room."""
    if announce_s is None or now_s < announce_s or self.stands_in:
        return []
    raw = home_assistant.encode(home_assistant.document(self))
    return [Announce(home_assistant.topic(self.site), raw)]
