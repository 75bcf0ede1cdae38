"""A restart that was asked for from afar."""

import os
import sys
from typing import Any

from agent.adapters.service import Service
from agent.core.events import Stopping
from agent.core.ports import Inbox


class Again:
    """A restart from afar. Under systemd this process only ends: it is started again with the lines that are kept."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        self._is_wanted = False

    def ask(self, _: Any) -> None:
        """Have the loop end."""
        self._is_wanted = True
        self._inbox(Stopping())

    def begin(self, service: Service) -> None:
        """Begin anew in this process where nobody else would. All parts are closed."""
        if self._is_wanted and not service.is_there:
            os.execv(sys.executable, [sys.executable, "-m", "agent", *sys.argv[1:]])  # noqa: S606 # our own words
