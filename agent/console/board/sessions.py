"""Who is signed in, in the centre's database: several boards beside one database know the same."""

import hashlib
import secrets
import time
from dataclasses import dataclass

from sqlalchemy import Engine, select

from agent.console.board.board_tables import SESSION, USER
from agent.console.board.users import Clock, Role, User, key_of

# Since the last request. A wall's screen is nobody's desk: it may look for a quarter, and can do nothing.
LASTS_S: dict[Role, float] = {"viewer": 90 * 86_400.0, "operator": 12 * 3600.0, "technician": 12 * 3600.0}
SEEN_EVERY_S = 60.0  # a request within it of the last one is not written down


@dataclass(frozen=True, slots=True)
class Session:
    """``csrf`` is what each form of this session has to bring back."""

    user: User
    csrf: str


class Sessions:
    """Thread: any. Every method raises sqlalchemy.exc.SQLAlchemyError where the database is away."""

    def __init__(self, engine: Engine, now: Clock = time.time) -> None:
        self._engine, self._now = engine, now

    def begin(self, user: User) -> str:
        """A new one, always by a new token: what the browser keeps. Those that have ended are forgotten."""
        token, now_s = secrets.token_urlsafe(32), self._now()
        values = {"digest": _digest(token), "user": key_of(user.name), "csrf": secrets.token_urlsafe(32)}
        with self._engine.begin() as db:
            db.execute(SESSION.delete().where(SESSION.c.seen_s < now_s - max(LASTS_S.values())))
            db.execute(SESSION.insert().values(**values, created_s=now_s, seen_s=now_s))
        return token

    def find(self, token: str, is_used: bool = True) -> Session | None:
        """Whose it is, with the role that they have now. ``is_used``: it lasts anew from now on."""
        digest, now_s = _digest(token), self._now()
        asked = select(USER.c.name, USER.c.role, SESSION.c.csrf, SESSION.c.seen_s).where(
            SESSION.c.digest == digest, USER.c.key == SESSION.c.user
        )
        with self._engine.connect() as db:
            found = db.execute(asked).one_or_none()
        if found is None or now_s - found.seen_s > LASTS_S[found.role]:
            return None
        if is_used and now_s - found.seen_s > SEEN_EVERY_S:
            with self._engine.begin() as db:
                db.execute(SESSION.update().where(SESSION.c.digest == digest).values(seen_s=now_s))
        return Session(User(found.name, found.role), found.csrf)

    def end(self, token: str) -> None:
        """Signed out: the token is worth nothing from now on."""
        with self._engine.begin() as db:
            db.execute(SESSION.delete().where(SESSION.c.digest == _digest(token)))


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
