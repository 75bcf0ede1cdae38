"""What carries out the orders to say something: to the broker, at the box's own door, and in a simulation to whoever
looks on. Part of the composition root.
"""

import logging
from collections.abc import Callable
from typing import Any

from agent.adapters.local_door import LocalDoor
from agent.core.commands import Announce, Publish, Send
from agent.core.contract import encode
from agent.core.events import Event
from agent.core.ports import Link
from agent.runtime import Handler

log = logging.getLogger("diemcau")

TOLD = ("power", "headcount")  # logged in simulation


class Voice:
    """Says it.

    Args:
        link: The broker; None: there is none.
        door: Hears what becomes of a config.
        is_told: Who runs a simulated room by hand wants to see it without a broker.

    Thread: agent thread.
    """

    def __init__(self, link: Link | None, door: LocalDoor, is_told: bool) -> None:
        self._link, self._door, self._is_told = link, door, is_told
        self._told: dict[str, str] = {}

    def handlers(self) -> dict[type, Handler]:
        """What carries out the orders."""
        handlers: dict[type, Callable[[Any], Event | None]] = {
            Publish: self._publish,
            Send: self._send,
            Announce: self._announce,
        }
        return handlers

    def _publish(self, command: Publish) -> None:
        if self._is_told and command.topic in TOLD:
            self._tell(command)
        self._say_here(command)
        if self._link is not None:
            self._link.publish(command.topic, command.payload, command.retain, command.expiry_s)

    def _send(self, command: Send) -> None:
        self._say_here(command)
        if self._link is not None:
            self._link.send(command.topic, command.payload, command.expiry_s)

    def _announce(self, command: Announce) -> None:
        if self._link is not None:
            self._link.announce(command.full_topic, command.raw, command.retain)

    def _say_here(self, command: Publish | Send) -> None:
        if command.topic == "config/reported":
            self._door.say(encode(command.payload))

    def _tell(self, command: Publish) -> None:
        said = command.payload.model_dump(include={"state", "value", "reason", "step"}, exclude_none=True)
        words = ", ".join(f"{name} {word}" for name, word in said.items())
        if self._told.get(command.topic) != words:
            log.info("%s: %s", command.topic, words)
        self._told[command.topic] = words
