"""How often somebody may guess a password: a few times at once, then after waits that grow."""

import hashlib
import time
from collections.abc import Sequence

from sqlalchemy import Connection, Engine, select

from agent.console.board.board_tables import ATTEMPT, insert_into
from agent.console.board.users import Clock, key_of

FREE = 5  # of one name from one address
FREE_OF_ALL = 40  # of one name from anywhere, and of one address for any name: an office has one address
FIRST_WAIT_S, LONGEST_WAIT_S = 30.0, 900.0
LONGEST_OF_NAME_S = 30.0  # for a name from anywhere: else whoever knows it keeps its owner out
FORGOTTEN_S = 3600.0

Counted = tuple[str, int, float]  # of whom, how many are free, and the longest wait


def wait_s(failures: int, free: int, since_last_s: float, longest_s: float = LONGEST_WAIT_S) -> float:
    """How long until the next try; 0: now. Pure."""
    if failures < free or since_last_s >= FORGOTTEN_S:
        return 0.0
    wait = min(FIRST_WAIT_S * 2.0 ** min(failures - free, 10), longest_s)
    return max(0.0, wait - since_last_s)


class Attempts:
    """Counted in the database, so that two boards count together. Thread: any."""

    def __init__(self, engine: Engine, now: Clock = time.time) -> None:
        self._engine, self._now = engine, now

    def begin(self, name: str, address: str) -> float:
        """Count one try, before the password is looked at: many at once count as many.

        Returns:
            0, or how many seconds there are to wait: then it was not counted, and the password is not to be looked at.
        """
        now_s, counted = self._now(), _counted(name, address)
        with self._engine.connect() as db:
            wait = _wait_s(db, counted, now_s)
        if wait > 0:
            return wait  # nothing is written for who does not wait
        upsert = insert_into(self._engine, ATTEMPT)
        one_more = upsert.on_conflict_do_update(
            index_elements=["who"], set_={"failures": ATTEMPT.c.failures}
        )  # takes the row's lock, so that nobody else reads what is read below
        with self._engine.begin() as db:
            db.execute(ATTEMPT.delete().where(ATTEMPT.c.last_s <= now_s - FORGOTTEN_S))
        with self._engine.begin() as db:
            for who, _, _ in counted:
                db.execute(one_more, {"who": who, "failures": 0, "last_s": now_s})
            wait = _wait_s(db, counted, now_s)  # others may have come meanwhile
            if wait == 0:
                mine = ATTEMPT.c.who.in_([who for who, _, _ in counted])
                db.execute(ATTEMPT.update().where(mine).values(failures=ATTEMPT.c.failures + 1, last_s=now_s))
        return wait

    def succeeded(self, name: str, address: str) -> None:
        """It was the right password: the name's tries from here are forgotten, the others have one less."""
        (here, _, _), *others = _counted(name, address)
        with self._engine.begin() as db:
            db.execute(ATTEMPT.delete().where(ATTEMPT.c.who == here))
            counted = ATTEMPT.c.who.in_([who for who, _, _ in others]) & (ATTEMPT.c.failures > 0)
            db.execute(ATTEMPT.update().where(counted).values(failures=ATTEMPT.c.failures - 1))


def _wait_s(db: Connection, counted: Sequence[Counted], now_s: float) -> float:
    """The longest of its waits."""
    asked = select(ATTEMPT).where(ATTEMPT.c.who.in_([who for who, _, _ in counted]))
    found = {each.who: each for each in db.execute(asked)}
    waits = (
        wait_s(found[who].failures, free, now_s - found[who].last_s, longest_s)
        for who, free, longest_s in counted
        if who in found
    )
    return max(waits, default=0.0)


def _counted(name: str, address: str) -> list[Counted]:
    """What is counted, in an order in which two never wait for each other. Hashes: somebody may type the password
    into the field of the name.
    """
    name = key_of(name)
    return [
        (hashlib.sha256(f"{kind}\n{text}".encode("utf-8", "replace")).hexdigest(), free, longest_s)
        for kind, text, free, longest_s in (
            ("both", f"{name}\n{address}", FREE, LONGEST_WAIT_S),
            ("address", address, FREE_OF_ALL, LONGEST_WAIT_S),
            ("name", name, FREE_OF_ALL, LONGEST_OF_NAME_S),
        )
    ]
