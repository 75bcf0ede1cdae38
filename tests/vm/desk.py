"""A technician at the centre, on the box's own broker: pushes configs, hears what becomes of them, has a finger too."""

import itertools
from datetime import UTC, datetime
from typing import Any

from agent.console.listener import Listener
from agent.core.contract import ROOT, CommandMessage, ConfigConfirm, ConfigDesired
from agent.core.identity import broker_at
from tests.conftest import Ear
from tests.vm.box import SITE, Box


class Desk(Ear):
    """Hears all that the site says. ``close`` leaves nothing desired on the broker."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self._forget_desired()
        self.listener = Listener(broker_at(box.broker_url()), (f"{ROOT}/{SITE}/#",))
        self.listener.start()
        self.all: list[tuple[str, dict[str, Any]]] = []
        self._numbers = itertools.count(1)

    def push(self, config: dict[str, Any], within_s: float = 120) -> str:
        """Retained, as ``diemcau config push`` does it. Gives the update's id."""
        number = next(self._numbers)
        desired = ConfigDesired(
            id=f"u{number}",
            revision=number,
            issued_by="vm",
            issued_at=datetime.now(UTC),
            confirm_within_s=within_s,
            config=config,
        )
        self.listener.publish_to(SITE, "config/desired", desired, retain=True)
        return desired.id

    def confirm(self, id_: str) -> None:
        """The room is fine, keep it; back when the site has."""
        self.listener.publish_to(SITE, "config/confirm", ConfigConfirm(id=id_), retain=False)
        self.becomes(id_, "applied")

    def becomes(self, id_: str, state: str, reason: str | None = None) -> dict[str, Any]:
        """Wait until the site has said so of this update, and give what it said."""
        wanted = (id_, state, reason)

        def is_it(said: dict[str, Any]) -> bool:
            return (said["id"], said["state"], said.get("reason")) == wanted

        return self.wait("/config/reported", is_it, f"with {wanted}")

    def switch(self, state: str, for_s: float = 0.12) -> dict[str, Any]:
        """Press the button for so long; gives what is said of the power when the room is so."""
        self.forget()
        self._box.press(for_s)
        return self.wait("/power", lambda said: said["state"] == state, f"{state} after the button")

    def restart(self) -> None:
        """Ask the agent to end and begin anew; back when it has said that it does."""
        command = CommandMessage(id="again", action="restart", issued_by="vm", issued_at=datetime.now(UTC))
        self.listener.publish_to(SITE, "command", command, retain=False, expiry_s=30)
        self.wait("/command/result", lambda said: (said["id"], said["state"]) == ("again", "done"), "of the restart")

    def close(self) -> None:
        self.listener.close()
        self._forget_desired()

    def _forget_desired(self) -> None:
        self._box.run(f"mosquitto_pub -r -n -q 1 -t {ROOT}/{SITE}/config/desired")


def checks_of(readiness: dict[str, Any]) -> dict[str, str]:
    """The state of each check, by name."""
    return {check["name"]: check["state"] for check in readiness["checks"]}
