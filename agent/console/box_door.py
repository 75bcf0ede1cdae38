"""At the door of the agent on this box (``adapters/local_door``): offer a room config, and hear what becomes of it."""

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from agent.adapters.door_path import doors, knock
from agent.core.contract import ConfigConfirm, ConfigDesired, ConfigReported, Payload, decode, encode
from agent.core.errors import BilingualError

ANSWER_WITHIN_S = 30.0  # far beyond what a loop takes that systemd does not end for hanging
ENDED = ("applied", "rejected", "rolled_back")


class DoorError(BilingualError):
    """The agent of this box cannot be asked. For the room: nothing, it goes on as it was."""


class Visit:
    """One connection to the agent of this box; use as ``with``. Thread: the caller's.

    Args:
        state: The agent's state folder.

    Raises:
        DoorError: No agent runs with it, or this user may not ask it.
    """

    def __init__(self, state: Path) -> None:
        self._end = _entered(state)
        self._said = self._end.makefile("rb")

    def __enter__(self) -> "Visit":
        return self

    def __exit__(self, *_: object) -> None:
        self._said.close()
        self._end.close()

    def offer(self, desired: ConfigDesired) -> None:
        """Have the agent try a config. Its answers are ``reports``."""
        self._ask("offer", desired)

    def confirm(self, id_: str) -> None:
        """The config on trial is to stay."""
        self._ask("confirm", ConfigConfirm(id=id_))

    def reports(self, id_: str) -> Iterator[ConfigReported]:
        """What is said of the update with this id, until the caller has heard enough.

        Raises:
            DoorError: The agent has ended, does not take what was asked, or says nothing at all.
        """
        self._end.settimeout(ANSWER_WITHIN_S)
        while True:
            report = _report(self._line())
            if report is not None and report.id == id_:
                self._end.settimeout(None)  # a room may be on all day
                yield report

    def _ask(self, what: str, payload: Payload) -> None:
        with suppress(OSError):  # why it was hung up on us can still be read
            self._end.sendall(b'{"%s": %s}\n' % (what.encode(), encode(payload)))

    def _line(self) -> bytes:
        try:
            line = self._said.readline()
        except TimeoutError as error:
            raise DoorError(
                "the agent does not answer: see journalctl -u diemcau-agent",
                "chương trình không trả lời: xem journalctl -u diemcau-agent",
            ) from error
        except OSError:
            line = b""
        if not line:
            raise DoorError(
                "the agent has ended meanwhile: a config that was not confirmed is not kept, see journalctl -u "
                "diemcau-agent",
                "chương trình đã dừng giữa chừng: cấu hình chưa xác nhận sẽ không được giữ",
            )
        return line


def follow(
    visit: Visit,
    id_: str,
    is_fine: Callable[[tuple[str, ...]], bool],
    tell: Callable[[ConfigReported], None],
) -> ConfigReported:
    """Wait for the end of an update, and confirm it where the room is fine with it.

    Args:
        visit: Where it was offered.
        id_: Its id.
        is_fine: Whether it is to stay, with these required checks worse than before. Asked once for each answer.
        tell: Told of every step.

    Raises:
        DoorError: As ``Visit.reports``.
    """
    asked = set[tuple[str, ...]]()
    for report in visit.reports(id_):
        tell(report)
        if report.state in ENDED:
            return report
        worse = report.checks_worse
        if report.state == "pending_confirm" and worse is not None and worse not in asked:
            asked.add(worse)
            if is_fine(worse):
                visit.confirm(id_)
    raise AssertionError("reports never end")


def _entered(state: Path) -> socket.socket:
    refused: OSError | None = None
    for path in doors(state):
        try:
            return knock(path)
        except PermissionError as error:
            refused = error
        except OSError:
            continue
    if refused is not None:
        raise DoorError(
            "this user may not ask the agent: run it again with sudo",
            "người dùng này không được phép: chạy lại bằng sudo",
        ) from refused
    raise DoorError(
        f"no agent runs with {state}: sudo systemctl start diemcau-agent, or name its folder with --state",
        f"không có chương trình nào đang chạy với {state}: sudo systemctl start diemcau-agent",
    )


def _report(line: bytes) -> ConfigReported | None:
    """What was said on ``config/reported``; None: something that this version does not know. Raises DoorError."""
    try:
        return decode(ConfigReported, line)
    except ValueError:
        said = _said(line)
    if isinstance(said, dict) and isinstance(said.get("error"), str):
        raise DoorError(f"the agent does not take this: {said['error']}", "chương trình không nhận")
    return None


def _said(line: bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None
