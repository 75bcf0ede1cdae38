"""Who did what from the board: rows of the centre's database, which also tell a browser what came of it."""

import json
import logging
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine, Row, Select, select

from agent.console.board.board_tables import ACTION
from agent.console.board.tile import Words
from agent.console.board.users import Clock
from agent.console.sites import plain
from agent.console.words import COMMAND_REASON, SILENCE

# Longer than any command lasts: the board that asked has gone, and nobody noted what came of it.
FORGOTTEN_AFTER_S = 1000.0
STATE: dict[str, Words] = {
    "asked": ("đang thực hiện", "under way"),
    "done": ("xong", "done"),
    "refused": ("điểm cầu từ chối", "the site refused"),
    "failed": ("không làm được", "failed"),
    "forgotten": ("không rõ kết quả", "it is not known what came of it"),
}
CONFERENCE: dict[str, Words] = {
    "summon": ("triệu tập", "summoned the sites"),
    "roll-call": ("điểm danh", "roll-call"),
    "end": ("kết thúc hội nghị", "ended the conference"),
    "clear": ("huỷ hội nghị", "called the conference off"),
    "again": ("gửi lại thông báo", "sent the summons again"),
}
LOAD = {True: ("bật", "on"), False: ("tắt", "off")}

log = logging.getLogger("diemcau.board")


@dataclass(frozen=True, slots=True)
class Deed:
    """``site`` is empty where it was of all. ``state``: ``asked``, then the site's own word (``done``, ``refused``,
    ``failed``) or ``silent`` with a reason of ``words.SILENCE``, or ``forgotten``.
    """

    id: int
    at_s: float
    user: str
    site: str
    action: str
    args: dict[str, Any]
    state: str
    reason: str | None

    @property
    def at(self) -> datetime:
        """When."""
        return datetime.fromtimestamp(self.at_s, UTC)

    @property
    def what(self) -> Words:
        """What was done."""
        args = self.args
        match self.action:
            case "power":
                vietnamese, english = LOAD[bool(args.get("on"))]
                return f"{vietnamese} phòng", f"room {english}"
            case "load":
                vietnamese, english = LOAD[bool(args.get("on"))]
                name = plain(str(args.get("name")))
                return f"{vietnamese} {name}", f"{name} {english}"
            case "identify":
                return "nháy đèn", "lamp flickers"
            case "recount":
                return f"đếm tay: {args.get('people')}", f"counted by eye: {args.get('people')}"
            case "acknowledge":
                key = plain(str(args.get("key")))
                return f"nhận xử lý {key}", f"looks after {key}"
            case "drill":
                return "gọi kiểm tra", "drill"
            case "conference":
                return CONFERENCE.get(str(args.get("what")), (plain(str(args.get("what"))), ""))
        return plain(self.action), ""

    @property
    def outcome(self) -> Words:
        """What came of it, with the reason."""
        if self.state == "silent":
            return SILENCE.get(self.reason or "", (plain(self.reason or ""), ""))
        vietnamese, english = STATE.get(self.state, (plain(self.state), ""))
        if not self.reason:
            return vietnamese, english
        why = _reason(plain(self.reason))
        return f"{vietnamese}: {why[0]}", f"{english}: {why[1]}"


def _reason(reason: str) -> Words:
    """A reason is a word and what belongs to it; after a fault the load's name stands before it."""
    first, _, rest = reason.partition(": ")
    second, _, detail = rest.partition(": ")
    place, word, more = (f"{first}: ", second, detail) if second in COMMAND_REASON else ("", first, rest)
    more = f" ({more})" if more else ""
    vietnamese, english = COMMAND_REASON.get(word, (word, word))
    return place + vietnamese + more, place + english + more


class DeedLog:
    """Thread: any. Every method raises sqlalchemy.exc.SQLAlchemyError where the database is away."""

    def __init__(self, engine: Engine, now: Clock = time.time) -> None:
        self._engine, self._now = engine, now

    def begin(self, user: str, site: str, action: str, args: dict[str, Any]) -> int:
        """Somebody does something: noted before it is done. Its number."""
        values = {"at_s": self._now(), "user": user, "site": site, "action": action}
        with self._engine.begin() as db:
            inserted = db.execute(ACTION.insert().values(**values, args=json.dumps(args), outcome='{"state": "asked"}'))
        key = inserted.inserted_primary_key
        assert key is not None
        return int(key[0])

    def finish(self, id_: int, state: str, reason: str | None = None) -> None:
        """What came of it."""
        outcome = json.dumps({"state": state, "reason": reason})
        with self._engine.begin() as db:
            db.execute(ACTION.update().where(ACTION.c.id == id_).values(outcome=outcome))
        deed = self.find(id_)
        if deed is not None:
            said = f"{state} {reason}" if reason else state
            log.info("board: %s: %s %s %s: %s", deed.user, deed.action, deed.site or "all", json.dumps(deed.args), said)

    def find(self, id_: int) -> Deed | None:
        """One of them."""
        found = self._found(select(ACTION).where(ACTION.c.id == id_))
        return found[0] if found else None

    def last(self, site: str | None = None, action: str | None = None, at_most: int = 10) -> list[Deed]:
        """The newest first: of a site (None: any), of a kind."""
        asked = select(ACTION).order_by(ACTION.c.at_s.desc(), ACTION.c.id.desc()).limit(at_most)
        if site is not None:
            asked = asked.where(ACTION.c.site == site)
        if action is not None:
            asked = asked.where(ACTION.c.action == action)
        return self._found(asked)

    def of_conference(self, id_: str, at_most: int = 10) -> list[Deed]:
        """What was done with one conference, the newest first."""
        mine = ACTION.c.args.startswith(f'{{"id": {json.dumps(id_)},', autoescape=True)
        asked = select(ACTION).where(ACTION.c.action == "conference", mine)
        return self._found(asked.order_by(ACTION.c.at_s.desc(), ACTION.c.id.desc()).limit(at_most))

    def _found(self, asked: Select[Any]) -> list[Deed]:
        with self._engine.connect() as db:
            return [self._deed(row) for row in db.execute(asked)]

    def _deed(self, row: Row[Any]) -> Deed:
        outcome = json.loads(row.outcome)
        state = str(outcome["state"])
        if state == "asked" and self._now() - row.at_s > FORGOTTEN_AFTER_S:
            state = "forgotten"
        args = json.loads(row.args)
        return Deed(row.id, row.at_s, row.user, row.site, row.action, args, state, outcome.get("reason"))
