"""The register: who may speak to the broker, as what, with which certificates or which password. Pure.

``sites.json`` lies in the authority's folder. A certificate stands in it before it is written anywhere else, so there
is none that could not be revoked. Of a password it has the hash, as the broker does.
"""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.core.contract import Moment
from agent.core.errors import ConfigError, Problem, quoted
from agent.core.identity import is_site_id

FILE = "sites.json"
NAME_MAX = 200
ROWS_MAX = 20_000

Role = Literal["site", "recorder", "viewer", "home", "operator", "technician"]
ROLES: tuple[Role, ...] = get_args(Role)
SHAPE = (
    "mã gồm các từ a-z, 0-9 nối bằng dấu -, tối đa 63 ký tự / "
    "an id is words of a-z and 0-9 joined by -, at most 63 characters"
)


class _Kept(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class Credential(_Kept):
    """One certificate. ``serial`` is hexadecimal, as OpenSSL shows it."""

    serial: str
    issued_at: Moment
    expires: Moment
    revoked_at: Moment | None = None


class Password(_Kept):
    """A password's hash, and since when it counts."""

    hash: str = Field(repr=False)
    issued_at: Moment


Proof = Credential | Password


class Member(_Kept):
    """One site or person or program. ``id`` is the certificate's common name and the broker's user name.

    Who has a ``password`` has no certificate that counts; older ones may stand there, taken back.
    """

    id: str
    role: Role
    name: str = ""
    credentials: tuple[Credential, ...] = ()
    password: Password | None = None
    revoked_at: Moment | None = None

    @property
    def newest(self) -> Credential | None:
        """The certificate that counts; None: a password does."""
        return None if self.password is not None or not self.credentials else self.credentials[-1]

    def with_proof(self, proof: Proof) -> "Member":
        """With a new certificate beside the older ones, or with a new password in the old one's place."""
        if isinstance(proof, Password):
            return self.model_copy(update={"password": proof})
        return self.model_copy(update={"credentials": (*self.credentials, proof)})


class Register(_Kept):
    """All of them; ``broker`` is the address that they are told, ``hosts`` what the broker's certificate names."""

    version: Literal[1] = 1
    broker: str = ""
    hosts: tuple[str, ...] = ()
    members: tuple[Member, ...] = ()

    def find(self, id_: str) -> Member | None:
        """One by its id, revoked or not."""
        return next((each for each in self.members if each.id == id_), None)

    @property
    def admitted(self) -> tuple[Member, ...]:
        """Those that have rights."""
        return tuple(each for each in self.members if each.revoked_at is None)

    @property
    def revoked(self) -> list[tuple[int, datetime]]:
        """Serial number and time of every certificate that was taken back."""
        all_ = (each for member in self.members for each in member.credentials)
        return [(int(each.serial, 16), each.revoked_at) for each in all_ if each.revoked_at is not None]


@dataclass(frozen=True, slots=True)
class Wish:
    """Somebody to be enrolled. ``line`` is where a file says so; 0: the command line does."""

    id: str
    name: str = ""
    line: int = 0

    def problem(self, message: str, suggestion: str | None = None) -> Problem:
        """Something wrong with it."""
        return Problem(_at(self.line) if self.line else "", message, suggestion)


def parse_register(text: str, source: str) -> Register:
    """Read the register. Raises ConfigError."""
    try:
        return Register.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(map(str, first["loc"]))
        advice = "hỏng, lấy lại từ bản sao lưu / damaged: restore it from a backup"
        raise ConfigError(source, (Problem(where, f"{first['msg']}", advice),)) from None


def written(register: Register) -> str:
    """The register as the text of its file."""
    return register.model_dump_json(indent=1) + "\n"


def check(register: Register, wishes: Sequence[Wish], source: str) -> None:
    """Refuse ids that are none, come twice or are enrolled already. Raises ConfigError with every problem at once."""
    problems, first, there = list[Problem](), dict[str, Wish](), _by_id(register)
    for wish in wishes:
        if not is_site_id(wish.id):
            problems.append(wish.problem(f"{_shown(wish.id)}: {SHAPE}"))
        elif wish.id in first:
            before = f" ({_at(first[wish.id].line)})" if wish.line else ""
            problems.append(wish.problem(f"{wish.id}: trùng mã / this id comes twice{before}"))
        elif (member := there.get(wish.id)) is not None and member.revoked_at is None:
            renew = f"`diemcau site renew {wish.id}`"
            problems.append(wish.problem(f"{wish.id}: đã có / is enrolled already as {member.role}", renew))
        if len(wish.name) > NAME_MAX or not wish.name.isprintable():
            problems.append(wish.problem(f"tên quá dài hoặc có ký tự lạ / name: at most {NAME_MAX} printable letters"))
        first.setdefault(wish.id, wish)
    if problems:
        raise ConfigError(source, tuple(problems))


def enrolled(register: Register, proofs: Mapping[Wish, Proof], role: Role) -> Register:
    """With more people, all at once: a province has thousands. One who was revoked comes back; the certificates that
    were taken back stay so.
    """
    there, new = _by_id(register), list[Member]()
    for wish, proof in proofs.items():
        old = there[wish.id].credentials if wish.id in there else ()
        new.append(Member(id=wish.id, role=role, name=wish.name, credentials=old).with_proof(proof))
    return _with(register, *new)


def renewed(register: Register, member: Member, proof: Proof, revoke_old_at: datetime | None) -> Register:
    """With a new certificate for somebody; the older ones go on until they expire, unless they are revoked.

    There is only one password: the old one is no longer one.
    """
    old = _taken_back(member.credentials, revoke_old_at) if revoke_old_at else member.credentials
    return _with(register, member.model_copy(update={"credentials": old}).with_proof(proof))


def revoked(register: Register, member: Member, at: datetime) -> Register:
    """Without somebody's rights and password, and with none of the certificates that were ever issued to the id."""
    gone = {"revoked_at": at, "credentials": _taken_back(member.credentials, at), "password": None}
    return _with(register, member.model_copy(update=gone))


def read_csv(raw: bytes, source: str) -> tuple[Wish, ...]:
    """Read a table with the columns ``id`` and ``name`` as spreadsheets write it: commas, semicolons or tabs, any line
    end, with or without a byte order mark.

    Raises:
        ConfigError: With every problem of the file's form; ``check`` finds those of its ids.
    """
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        advice = "trong Excel: Lưu thành › CSV UTF-8 / in Excel: Save As › CSV UTF-8"
        raise ConfigError(source, (Problem("", "không phải UTF-8 / this is not UTF-8 text", advice),)) from None
    head = text.split("\n", 1)[0]
    separator = max(",;\t", key=head.count)
    try:
        rows = list(_numbered(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)))
    except csv.Error as error:
        raise ConfigError(source, (Problem("", f"không đọc được bảng / this is no table: {error}"),)) from None
    return _wishes(rows, source)


def _numbered(reader: Iterable[list[str]]) -> Iterable[tuple[int, list[str]]]:
    line = 1
    for cells in reader:
        if any(cell.strip() for cell in cells):
            yield line, [cell.strip() for cell in cells]
        line += 1 + sum(cell.count("\n") for cell in cells)  # a row begins where the last one has ended


def _wishes(rows: list[tuple[int, list[str]]], source: str) -> tuple[Wish, ...]:
    columns = [cell.casefold() for cell in rows[0][1]] if rows else []
    if columns.count("id") != 1 or columns.count("name") > 1 or len(rows) < 2 or len(rows) > ROWS_MAX:
        need = "dòng đầu phải là id,name, sau đó mỗi điểm cầu một dòng"
        english = f"the first line should be id,name, then a line for each site, at most {ROWS_MAX}"
        raise ConfigError(source, (Problem(_at(1), f"{need} / {english}"),))
    problems, wishes = list[Problem](), list[Wish]()
    for line, cells in rows[1:]:
        if len(cells) > len(columns):
            problems.append(Problem(_at(line), "thừa cột / more columns than the first line has"))
            continue
        row = dict(zip(columns, cells + [""] * len(columns), strict=False))
        wishes.append(Wish(row["id"], row.get("name", ""), line))
    if problems:
        # The ids too, so that who mends the file does it once.
        try:
            check(Register(), wishes, source)
        except ConfigError as error:
            problems += error.problems
        raise ConfigError(source, tuple(sorted(problems, key=lambda each: int(each.path.rpartition(" ")[2]))))
    return tuple(wishes)


def _taken_back(credentials: tuple[Credential, ...], at: datetime) -> tuple[Credential, ...]:
    return tuple(each if each.revoked_at else each.model_copy(update={"revoked_at": at}) for each in credentials)


def _by_id(register: Register) -> dict[str, Member]:
    return {each.id: each for each in register.members}


def _with(register: Register, *members: Member) -> Register:
    all_ = _by_id(register) | {each.id: each for each in members}
    return register.model_copy(update={"members": tuple(all_[id_] for id_ in sorted(all_))})


def _at(line: int) -> str:
    return f"dòng / line {line}"


def _shown(id_: str) -> str:
    """An id that is none, fit for a terminal."""
    return quoted(id_)
