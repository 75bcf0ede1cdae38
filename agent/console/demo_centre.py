"""The demo's centre: the recorder as a process of its own, the board in this one, and their database in the folder."""

import threading
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from agent.adapters.mosquitto import Mosquitto
from agent.console.demo_conference import CONFERENCE
from agent.console.demo_rooms import Child, Press, Say, stop_all
from agent.console.record import opened
from agent.core.identity import broker_at

if TYPE_CHECKING:
    from agent.console.board.serve import Board

NO_BOARD = (
    "Không có trang web, hãy chạy ./install.sh --demo để cài / no web page, ./install.sh --demo installs what it needs"
)


class Centre:
    """Recorder and board; ``parts`` ends both. Where the board's packages are missing the rest runs without it."""

    def __init__(self, folder: Path, broker: Mosquitto, parts: ExitStack) -> None:
        self._broker, self._parts = broker, parts
        self._database = f"sqlite:///{folder / 'centre.db'}"
        arguments = ["record", "--broker", broker.url, "--database", self._database, "--name", "demo"]
        self._recorder = Child("diemcau record", folder / "recorder.log", arguments)
        self._board: Board | None = None
        self._serving: threading.Thread | None = None

    @property
    def address(self) -> str | None:
        """The board's; None: there is none."""
        return None if self._board is None else self._board.url

    @property
    def report(self) -> str | None:
        """Where the report of the demo's conference is."""
        return None if self._board is None else f"{self._board.url}report/{CONFERENCE}"

    def start(self, buttons: Mapping[str, Press], say: Say) -> None:
        """Have the history written from now on, and shown on a free port of this machine, to everybody there."""
        try:
            self._start_board(buttons)
        except ImportError as error:
            say(f"{NO_BOARD} ({error.name}).")
            opened(self._database).close()  # its tables
        self._parts.callback(stop_all, [self._recorder])
        self._recorder.start()

    def look_after(self, say: Say) -> None:
        """Say once of each that it ended by itself; the rest goes on."""
        self._recorder.look_after(say)
        if self._serving is not None and not self._serving.is_alive():
            self._serving = None
            say("the board has ended.")

    def _start_board(self, buttons: Mapping[str, Press]) -> None:
        from agent.console.board import board_tables  # noqa: F401 # made with the others
        from agent.console.board.access import User
        from agent.console.board.live import Live
        from agent.console.board.serve import Board

        store = opened(self._database)
        self._parts.callback(store.close)
        board = Board(
            Live(broker_at(self._broker.url)), store.engine, everybody=User("demo", "technician"), buttons=buttons
        )
        board.start()
        self._parts.callback(board.close)
        self._board = board
        self._serving = threading.Thread(target=board.wait, name="board's end", daemon=True)
        self._serving.start()
