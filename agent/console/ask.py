"""Ask one site for something and wait for its answer: a command with an id and an expiry, a result with the same id."""

import queue
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from agent.console.listener import Listener
from agent.console.sites import Presence, Sites, SiteView, take
from agent.core.contract import CommandMessage, CommandResult, Power, decode, topic
from agent.core.identity import BrokerSection

EXPIRY_S = 30
ON_ITS_WAY_S = 1.0  # an answer that was sent in the last moment
# Once a site has accepted: a codec takes minutes to come up, and each load may have a proof of its own to wait for.
FINISH_WITHIN_S = 900.0
OnStep = Callable[[Power], None]
NO_MATCHING_SUBSCRIBERS = 0x10  # MQTT 5, 3.4.2.1: the broker says that nobody listens


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a command: the final ``result``, or None and the word why there is none.

    ``presence`` and ``name`` are what the site says of itself; ``silence`` is ``no_answer``, ``nobody_listens``,
    ``not_permitted`` or ``not_finished``. ``loads`` are the room's, in its order; None where it has not told.
    """

    id: str
    result: CommandResult | None
    silence: str | None
    presence: Presence
    name: str
    loads: tuple[str, ...] | None = None


class Asking:
    """One command under way. Thread: the caller's; receipts come on paho's.

    Args:
        broker: Address and credentials.
        site: Its id.
        on_away: Told once, when the site says that it is not there: the answer may then be long in coming.
        on_step: Where what is asked takes long: told of each step of the site's power once it has accepted. Without
            one an ``accepted`` is not waited on beyond the time of the command.
    """

    def __init__(
        self,
        broker: BrokerSection,
        site: str,
        on_away: Callable[[Presence], None],
        on_step: OnStep | None = None,
    ) -> None:
        self._site, self._on_away, self._on_step = site, on_away, on_step
        self._receipts: queue.SimpleQueue[int] = queue.SimpleQueue()
        topics = tuple(topic(site, name) for name in ("command/result", "status", "about", "power"))
        self._listener = Listener(broker, topics, lambda mid, code: self._receipts.put(code.value))
        self._sites = Sites({site: SiteView(site)})
        self._has_told = False

    def ask(self, action: str, args: dict[str, Any], by: str, within_s: int = EXPIRY_S) -> Answer:
        """Send the command and wait for its final state, ``within_s`` seconds at most: then it has expired.

        Raises:
            LinkError: The broker is not there, or refuses us.
        """
        id_ = str(uuid.uuid4())
        command = CommandMessage(id=id_, action=action, args=args, issued_by=by, issued_at=datetime.now(UTC))
        self._listener.start()
        try:
            self._listener.publish_to(self._site, "command", command, retain=False, expiry_s=within_s)
            result, silence = self._wait(id_, within_s + ON_ITS_WAY_S)
        finally:
            self._listener.close()
        view = self._sites.by_id[self._site]
        loads = None if view.power is None else tuple(view.power.loads)
        return Answer(id_, result, silence, view.presence, view.name, loads)

    def _wait(self, id_: str, for_s: float) -> tuple[CommandResult | None, str | None]:
        until_s = time.monotonic() + for_s
        is_accepted = False
        while (left_s := until_s - time.monotonic()) > 0:
            refusal = self._refusal()
            result = self._next(min(left_s, 0.1), id_, is_accepted)
            if refusal is not None or (result is not None and result.state != "accepted"):
                return result, refusal
            if result is not None and not is_accepted and self._on_step is not None:
                is_accepted, until_s = True, time.monotonic() + FINISH_WITHIN_S
        return None, "not_finished" if is_accepted else "no_answer"

    def _refusal(self) -> str | None:
        try:
            code = self._receipts.get_nowait()
        except queue.Empty:
            return None
        if code == NO_MATCHING_SUBSCRIBERS:
            self._next(0.1, "")  # what the site said of itself last comes first
            self._next(0.1, "")
            return "nobody_listens"
        return "not_permitted" if code >= 0x80 else None

    def _next(self, wait_s: float, id_: str, is_accepted: bool = False) -> CommandResult | None:
        """Take one message in; the result, if it is one of ``id_``."""
        try:
            full, raw = self._listener.messages.get(timeout=wait_s)
        except queue.Empty:
            return None
        self._sites, news = take(self._sites, full, raw)
        view = self._sites.by_id[self._site]
        if view.has_gone and not self._has_told:
            self._has_told = True
            self._on_away(view.presence)
        if is_accepted and self._on_step is not None and news is not None and isinstance(news[1], Power):
            self._on_step(news[1])
        return _result(raw, id_) if full.endswith("/command/result") else None


def _result(raw: bytes, id_: str) -> CommandResult | None:
    try:
        result = decode(CommandResult, raw)
    except ValueError:
        return None
    return result if result.id == id_ else None
