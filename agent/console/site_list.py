"""``diemcau site list``: who is admitted, how, and until when. No secret is in here, nor a password's hash."""

from datetime import UTC, datetime
from typing import Any

from rich.table import Table
from rich.text import Text

from agent.console.enrolment import Member

WARN_DAYS = 30


def iso(moment: datetime) -> str:
    """UTC to the second, as ``--json`` has it."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def row(member: Member, now: datetime) -> dict[str, Any]:
    """One of them for programs. ``proof`` is ``certificate`` or ``password``, which does not expire."""
    newest = member.newest
    return {
        "id": member.id,
        "name": member.name,
        "role": member.role,
        "proof": None if member.revoked_at else "password" if newest is None else "certificate",
        "expires": newest and iso(newest.expires),
        "days_left": newest and (newest.expires - now).days,
        "revoked_at": member.revoked_at and iso(member.revoked_at),
        "serial": newest and newest.serial,
    }


def table(rows: list[dict[str, Any]]) -> Table:
    """All of them for people; who ends soon or has ended stands out."""
    made = Table(expand=False)
    for title in ("Mã\nID", "Vai trò\nRole", "Hết hạn\nExpires"):
        made.add_column(title, overflow="fold")
    made.add_column("Còn ngày\nDays left", justify="right")
    made.add_column("Thu hồi\nRevoked")
    for each in rows:
        left, gone = each["days_left"], (each["revoked_at"] or "")[:10]
        until = "mật khẩu / password" if each["proof"] == "password" else (each["expires"] or "")[:10]
        cells = (each["id"], each["role"], until, "" if gone or left is None else str(left), gone)
        made.add_row(*map(Text, cells), style="dim" if gone else _urgency(left))
    return made


def _urgency(days_left: int | None) -> str:
    if days_left is None or days_left > WARN_DAYS:
        return ""
    return "bold red" if days_left < 0 else "yellow"
