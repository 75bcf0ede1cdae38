"""``diemcau config show`` and ``apply``, and the history of this box: on the box itself, without a broker.

What is applied here goes the way of a push: the running agent tries it, and goes back by itself unless it is confirmed.
"""

import os
import sqlite3
import sys
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from agent.adapters import memory_rows
from agent.adapters.config_store import sources
from agent.adapters.files import is_there
from agent.adapters.generations import CANDIDATE, LAST_GOOD
from agent.adapters.state_owner import last_taken
from agent.console.box_door import DoorError, Visit, follow
from agent.console.config_options import STDIN, document_of
from agent.console.config_view import change_document, changes_text, toml
from agent.console.config_words import OUTCOME, OUTCOME_STYLE, reason_words
from agent.console.options import FiniteRange
from agent.console.site_commands import complain
from agent.console.sites import plain
from agent.console.words import both
from agent.core import memory
from agent.core.config_choice import Choice, choose
from agent.core.config_diff import changes
from agent.core.config_document import Document, effective, parse_document
from agent.core.config_messages import CONFIRM_MOST_S, CONFIRM_WITHIN_S
from agent.core.config_state import Record
from agent.core.contract import ConfigDesired, ConfigReported, compact
from agent.core.events import Memory

STATE, ROOM = "/var/lib/diemcau", "/etc/diemcau/room.toml"
PATHS_SHOWN = 3
UNDER_WAY = {
    "applying": ("đang áp dụng", "being applied"),
    "pending_confirm": ("đang chạy thử", "on trial"),
    "deferred": ("phải chờ", "has to wait"),
}
WHERE = {
    "kept": ("cấu hình đang dùng", "the last good config"),
    "before": ("cấu hình của lần trước", "the last one that can be used"),
    "file": ("tệp của lần chạy đầu tiên", "the room file of the very first start"),
    "built_in": ("cấu hình an toàn có sẵn, không điều khiển gì", "the built-in safe one, which drives nothing"),
}

state_option = click.option("--state", default=STATE, show_default=True, help="The agent's state folder.")
json_option = click.option("--json", "as_json", is_flag=True, help="One JSON document.")
room_option = click.option("--room", default=None, help=f"Room config of the very first start.  [default: {ROOM}]")


@click.command()
@click.argument("file", required=False)
@state_option
@room_option
@click.option("--effective", "is_whole", is_flag=True, help="With every default.")
@json_option
def show(file: str | None, state: str, room: str | None, is_whole: bool, as_json: bool) -> int:
    """Cấu hình của hộp này, hoặc của FILE / this box's room config, or FILE's, as it would run; changes nothing."""
    if file is not None:
        document = document_of(file)
        config = parse_document(document, file)
    else:
        choice = _choice(Path(state), room)
        document, config = choice.document, choice.config
        complain(_whence(choice))
        if is_there(Path(state) / CANDIDATE):
            complain("đang chạy thử một cấu hình khác / another config is on trial just now")
    shown = effective(config) if is_whole else document
    click.echo(compact(shown) if as_json else toml(shown, file or state), nl=as_json)
    return 0


@click.command()
@click.argument("file")
@state_option
@room_option
@click.option("--yes", is_flag=True, help="Do not ask before it is tried.")
@click.option("--ask", is_flag=True, help="Leave it to you whether it stays, also where checks are worse than before.")
@click.option("--unattended", is_flag=True, help="Nobody confirms: it stays where no required check gets worse.")
@click.option(
    "--confirm-within", "within_s", type=FiniteRange(1, CONFIRM_MOST_S), default=CONFIRM_WITHIN_S, show_default=True,
    metavar="S", help="Without a confirmation by then the box goes back by itself.",
)  # fmt: skip
@click.option("--by", default=None, metavar="NAME", help="Who changes it, for the record.")
@json_option
def apply(
    file: str, state: str, room: str | None, yes: bool, ask: bool, unattended: bool, within_s: float, by: str | None,
    as_json: bool,
) -> int:  # fmt: skip
    """Dùng cấu hình này trên hộp / try a room config on this box; it stays once the room has shown to be fine.

    Exit code 0: it runs and is kept. 1: it does not, and the one before runs. Ctrl-C ends the waiting only.
    """
    if ask and unattended:
        raise click.UsageError("--ask and --unattended contradict each other.")
    if (ask or not yes) and (file == STDIN or not sys.stdin.isatty()):
        raise click.UsageError("nobody can be asked here: give --yes, and no --ask.")
    document = document_of(file)
    found = changes(_choice(Path(state), room).config, parse_document(document, file))
    with Visit(Path(state)) as visit:
        Console(stderr=True).print(changes_text(found), end="")
        if not yes and not click.confirm("Áp dụng? / Apply it?", err=True):
            complain("không làm gì / nothing was done")
            return 1
        desired = _desired(document, 0.0 if unattended else within_s, by)
        visit.offer(desired)
        report = _followed(visit, desired, ask)
    if as_json:
        said = report.model_dump(mode="json", include={"id", "revision", "digest", "state"})
        said |= {"reason": report.reason, "checks_worse": report.checks_worse}
        said |= {"errors": [each.model_dump(mode="json") for each in report.errors]}
        click.echo(compact(said | {"changes": [change_document(each) for each in found]}))
    return 0 if report.state == "applied" else 1


@click.command()
@state_option
@json_option
def history_here(state: str, as_json: bool) -> int:
    """Ai đã đổi cấu hình của hộp này / who changed the config of this box, the newest first."""
    log = _log(last_taken(Path(state)))[::-1]
    if as_json:
        click.echo(compact([_entry(each) for each in log]))
    elif log:
        Console().print(_table(log))
    else:
        complain("chưa có thay đổi nào / nobody has changed it yet")
    return 0


def _desired(document: Document, confirm_within_s: float, by: str | None) -> ConfigDesired:
    issued_by = "local" if by is None else f"local: {by}".encode(errors="replace").decode()[:200]
    return ConfigDesired(
        id=str(uuid.uuid4()),
        revision=1,  # the agent gives what comes from its own box a number
        issued_by=issued_by,
        issued_at=datetime.now(UTC),
        confirm_within_s=confirm_within_s,
        config=document,
    )


def _followed(visit: Visit, desired: ConfigDesired, ask: bool) -> ConfigReported:
    """Wait, and say on standard error what happens."""
    told = [""]

    def tell(report: ConfigReported) -> None:
        if (sentence := _sentence(report)) != told[-1]:
            told.append(sentence)
            complain(sentence)

    def is_fine(worse: tuple[str, ...]) -> bool:
        if not ask:
            return not worse
        if click.confirm("Phòng vẫn tốt, giữ lại? / Is the room fine, and is this to stay?", err=True):
            return True
        complain("chờ hộp tự quay về / the box goes back by itself, wait for it")
        return False

    try:
        return follow(visit, desired.id, is_fine, tell)
    except (KeyboardInterrupt, click.Abort):
        complain(
            "không chờ nữa; cấu hình đang chờ vẫn chờ, nhưng không ai xác nhận thì hộp thử rồi tự quay về / not waited "
            "for any more: one that waits goes on waiting, but unless it is --unattended nobody confirms it now, and "
            "the box goes back by itself after the trial (journalctl -u diemcau-agent)"
        )
        raise


def _sentence(report: ConfigReported) -> str:
    """One step of an update, for people."""
    parts = [both(UNDER_WAY | OUTCOME, report.state) if report.state != "deferred" else both(UNDER_WAY, "deferred")]
    parts += [reason_words(report.reason)] if report.reason else []
    parts += [plain(f"{each.path}: {each.message} {each.suggestion or ''}").strip(": ") for each in report.errors]
    if report.checks_worse:
        parts.append(f"kém hơn trước / worse than before: {', '.join(map(plain, report.checks_worse))}")
        if report.state == "pending_confirm":
            parts.append("không xác nhận thì hộp tự quay về / unless it is confirmed the box goes back by itself")
    if report.state == "deferred":
        parts.append(
            "Ctrl-C: không chờ và không xác nhận nữa / Ctrl-C ends the waiting: then nobody confirms it, and only with "
            "--unattended it may stay"
        )
    return "; ".join(parts)


def _choice(state: Path, room: str | None) -> Choice:
    """What the agent would start with. Raises DoorError: this user may not see it."""
    for path in (state, state / LAST_GOOD):
        if is_there(path) and not os.access(path, os.R_OK):
            raise DoorError(f"{path} is not for this user: run it again with sudo", "chạy lại bằng sudo")
    room_file = Path(room) if room else Path(ROOM) if is_there(Path(ROOM)) else None
    choice = choose(sources(state, room_file))
    for problem in choice.problems:
        complain(plain(f"bỏ qua / passed over: {problem}"))
    return choice


def _whence(choice: Choice) -> str:
    if choice.kind == "built_in":
        return both(WHERE, "built_in")
    path = choice.looked_at[-1]
    kind = "before" if choice.kind == "kept" and Path(path).name != LAST_GOOD else choice.kind
    return f"{both(WHERE, kind)}: {path}"


def _log(path: Path) -> tuple[Record, ...]:
    """What the agent has kept of it. Raises DoorError."""
    if not is_there(path):
        raise DoorError(f"there is no {path}: has the agent ever run?", f"không có {path}")
    if not os.access(path, os.R_OK):
        raise DoorError(f"{path} is not for this user: run it again with sudo", "chạy lại bằng sudo")
    try:
        return memory.config_of(memory_rows.read_only(path, memory_rows.memory, Memory()).facts).log
    except (sqlite3.Error, ValueError, TypeError, RecursionError) as error:
        raise DoorError(f"{path} cannot be read: {error}", "không đọc được") from error


def _entry(record: Record) -> dict[str, Any]:
    names = ("id", "revision", "digest", "state", "reason", "by", "at")
    return {name: getattr(record, name) for name in names} | {"changed": list(record.changed)}


def _table(log: tuple[Record, ...]) -> Table:
    made = Table()
    for title in ("Lúc\nAt", "Ai\nBy", "Bản\nRevision", "Kết quả\nResult", "Thay đổi, lý do\nChange, reason"):
        made.add_column(title, overflow="fold")
    for each in log:
        more = f" (+{len(each.changed) - PATHS_SHOWN})" if len(each.changed) > PATHS_SHOWN else ""
        changed = ", ".join(map(plain, each.changed[:PATHS_SHOWN])) + more
        why = "\n".join(filter(None, (changed, reason_words(each.reason))))
        result = Text(both(OUTCOME, each.state), style=OUTCOME_STYLE.get(each.state, "bold red"))
        made.add_row(Text(_moment(each.at)), Text(plain(each.by)), Text(str(each.revision)), result, Text(why))
    return made


def _moment(at: str) -> str:
    try:
        return datetime.fromisoformat(at).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError):
        return plain(at)
