"""Users of the board: their names, roles and passwords, in the centre's database."""

import time
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import Engine, func, select
from sqlalchemy.exc import IntegrityError

from agent.console.board.board_tables import SESSION, USER
from agent.core.errors import BilingualError

Role = Literal["viewer", "operator", "technician"]
ROLES: tuple[Role, ...] = ("viewer", "operator", "technician")  # each may do what those before it may
Clock = Callable[[], float]

NAME_MAX, PASSWORD_MIN, PASSWORD_MAX = 40, 10, 500
# argon2id as OWASP's cheat sheet has it for servers, 19 MiB: the default's 64 MiB for each of a few people who sign in
# at once would be more than the whole board has.
HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


class UserError(BilingualError):
    """A user that cannot be: the name, the password, or somebody of that name."""


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who has signed in."""

    name: str
    role: Role

    def may(self, role: Role) -> bool:
        """Whether this one has the rights of a role."""
        return ROLES.index(self.role) >= ROLES.index(role)


@dataclass(frozen=True, slots=True)
class Account:
    """A user as the list has it. ``created_s`` is seconds since 1970."""

    name: str
    role: Role
    created_s: float


def key_of(name: str) -> str:
    """What two spellings of one name have in common: letters' case, and how a keyboard puts accents together."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


class Users:
    """All users. Thread: any. Every method raises sqlalchemy.exc.SQLAlchemyError where the database is away."""

    def __init__(self, engine: Engine, now: Clock = time.time) -> None:
        self._engine, self._now = engine, now

    def add(self, name: str, role: Role, password: str) -> None:
        """Somebody new. Raises UserError."""
        name = _checked_name(name)
        values = {"key": key_of(name), "name": name, "role": role, "password": _hashed(password)}
        try:
            with self._engine.begin() as db:
                db.execute(USER.insert().values(**values, created_s=self._now()))
        except IntegrityError as error:
            raise UserError(f"there is a user {name} already", f"đã có người dùng {name}") from error

    def remove(self, name: str) -> None:
        """Take somebody's rights, and end all their sessions. Raises UserError."""
        with self._engine.begin() as db:
            db.execute(SESSION.delete().where(SESSION.c.user == key_of(name)))
            _one(db.execute(USER.delete().where(USER.c.key == key_of(name))).rowcount, name)

    def set_password(self, name: str, password: str) -> None:
        """Another password; whoever is signed in by the old one has to sign in again. Raises UserError."""
        with self._engine.begin() as db:
            changed = USER.update().where(USER.c.key == key_of(name)).values(password=_hashed(password))
            _one(db.execute(changed).rowcount, name)
            db.execute(SESSION.delete().where(SESSION.c.user == key_of(name)))

    def set_role(self, name: str, role: Role) -> None:
        """Other rights, from the next request on. Raises UserError."""
        with self._engine.begin() as db:
            _one(db.execute(USER.update().where(USER.c.key == key_of(name)).values(role=role)).rowcount, name)

    def all(self) -> list[Account]:
        """By name."""
        asked = select(USER.c.name, USER.c.role, USER.c.created_s).order_by(USER.c.key)
        with self._engine.connect() as db:
            return [Account(name, role, created_s) for name, role, created_s in db.execute(asked)]

    def count(self) -> int:
        """How many there are."""
        with self._engine.connect() as db:
            return db.execute(select(func.count()).select_from(USER)).scalar_one()

    def check(self, name: str, password: str) -> User | None:
        """Who that is; None: nobody, or not with this password, which take equally long."""
        key = key_of(name) if name.isprintable() else ""  # PostgreSQL takes no text with a zero in it
        asked = select(USER.c.name, USER.c.role, USER.c.password).where(USER.c.key == key)
        with self._engine.connect() as db:
            found = db.execute(asked).one_or_none()
        is_right = _fits(found.password if found else _OF_NOBODY, password)
        return User(found.name, found.role) if found and is_right else None


def _one(changed: int, name: str) -> None:
    if not changed:
        shown = ascii(name[:NAME_MAX]) if not name.isprintable() else name[:NAME_MAX]
        raise UserError(f"there is no user {shown}", f"không có người dùng {shown}")


def _checked_name(name: str) -> str:
    name = unicodedata.normalize("NFC", name)
    if not 1 <= len(name) <= NAME_MAX or not name.isprintable() or name != name.strip():
        raise UserError(
            f"a user's name has 1 to {NAME_MAX} printable letters and no blank at its ends",
            f"tên người dùng dài 1–{NAME_MAX} chữ, không có khoảng trắng ở hai đầu",
        )
    return name


def checked_password(password: str) -> str:
    """A password that may be used, its accents put together in one way. Raises UserError."""
    password = unicodedata.normalize("NFC", password)
    if not PASSWORD_MIN <= len(password) <= PASSWORD_MAX:
        raise UserError(
            f"a password has at least {PASSWORD_MIN} letters (and at most {PASSWORD_MAX})",
            f"mật khẩu phải có ít nhất {PASSWORD_MIN} ký tự",
        )
    return password


def _hashed(password: str) -> str:
    return HASHER.hash(checked_password(password))


def _fits(hash_: str, password: str) -> bool:
    try:
        return HASHER.verify(hash_, unicodedata.normalize("NFC", password[:PASSWORD_MAX]))
    except (VerificationError, InvalidHashError, UnicodeEncodeError):
        return False


_OF_NOBODY = HASHER.hash("nobody's password, which nobody has")  # so that an unknown name takes as long as a known one
