"""``diemcau report``: the command."""

import hashlib
import re
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agent.console.options import CENTRE

if TYPE_CHECKING:
    from agent.console.recorder_conferences import Held

FORMATS = ("html", "csv", "json", "png")
NAMED_MAX = 10  # of the conferences that there are, when one is asked for that there is not
NOT_INSTALLED = (
    "what a page or a chart is made with is not installed: .venv/bin/pip install -e '.[centre]'; csv, json need none",
    "thiếu thư viện để vẽ báo cáo; vẫn làm được csv và json",
)
OUT_OF_NAMES = re.compile(r"[^\w.-]")  # not in a file's name; \w are letters of every language


@click.command()
@click.argument("conference")
@click.option("--format", "formats", multiple=True, type=click.Choice(FORMATS), help="May be given several times.  "
              "[default: html]")  # fmt: skip
@click.option("--out", default=None, metavar="DIR", help="Folder to write to. Without it csv or json alone goes to "
              "standard output, the rest to the current folder.")  # fmt: skip
@click.option("--separator", default=";", show_default=True, type=click.Choice([";", ","]), help="Between cells of "
              "csv; with ; numbers have a comma, as Excel in Vietnamese wants it.")  # fmt: skip
@click.option("--database", default=None, metavar="URL", help="Where the history is.  [default: the file's]")
@click.option("--centre", default=CENTRE, show_default=True, help="File that names the database.")
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
def report(
    conference: str, formats: tuple[str, ...], out: str | None, separator: str, database: str | None, centre: str,
    as_json: bool,
) -> int:  # fmt: skip
    """Báo cáo tham dự một hội nghị / who attended a conference, and what went wrong: from the centre's database.

    A conference that is on is reported up to now. Exit code 1: there is no conference of this id.
    """
    wanted = dict.fromkeys([*formats, *(["json"] if as_json else [])]) or {"html": None}
    document = _document(conference, centre, database)
    if document is None:
        return 1
    if out is None and set(wanted) <= {"csv", "json"} and len(wanted) == 1:
        sys.stdout.buffer.write(rendered(document, tuple(wanted), separator)[0][1])
        return 0
    _write(Path(out or "."), rendered(document, tuple(wanted), separator))
    return 0


def rendered(document: dict[str, Any], formats: Sequence[str], separator: str = ";") -> list[tuple[str, bytes]]:
    """File names and contents, in the order of ``formats``; for csv there are two."""
    stem, made = stem_of(document["conference"]["id"]), list[tuple[str, bytes]]()
    for each in formats:
        if each == "csv":
            from agent.console.report import sheet

            made.append((f"{stem}.csv", sheet.sites(document, separator).encode()))
            made.append((f"{stem}-incidents.csv", sheet.incidents(document, separator).encode()))
        else:
            made.append((f"{stem}.{each}", _one(document, each)))
    return made


def stem_of(conference: str) -> str:
    """``report-hn-1``: of another id always another one, and no path."""
    plain = OUT_OF_NAMES.sub("_", conference)
    digest = hashlib.sha256(conference.encode()).hexdigest()[:8]
    return f"report-{plain}" if plain == conference else f"report-{plain}-{digest}"


def _one(document: dict[str, Any], kind: str) -> bytes:
    if kind == "json":
        from agent.core.contract import compact

        return (compact(document) + "\n").encode()
    try:
        if kind == "html":
            from agent.console.report import html

            return html.page(document).encode()
        from agent.console.report import charts

        return charts.png(document)
    except ImportError as error:
        from agent.core.errors import BilingualError

        raise BilingualError(*NOT_INSTALLED) from error


def _document(conference: str, centre: str, database: str | None) -> dict[str, Any] | None:
    """The report; None, and a sentence, where there is no such conference. Raises StoreError."""
    from sqlalchemy.exc import SQLAlchemyError

    from agent.console.config_history import opened_to_read
    from agent.console.record import why_of
    from agent.console.report.document import report as made
    from agent.console.report.reading import Reading
    from agent.core.errors import StoreError

    store = opened_to_read(centre, database)
    try:
        reading = Reading(store.engine)
        found = made(reading, conference, time.time())
        if found is None:
            _complain_of(conference, reading.conferences())
        return found
    except SQLAlchemyError as error:
        raise StoreError(
            f"the database {store.shown} cannot be read: {why_of(error)}", f"không đọc được {store.shown}"
        ) from error
    finally:
        store.close()


def _complain_of(conference: str, known: "Sequence[Held]") -> None:
    from agent.console.site_commands import complain
    from agent.console.sites import plain

    some = ", ".join(f"{plain(each.id)} ({_day(each.starts_at_s)})" for each in known[:NAMED_MAX])
    more = f" … ({len(known)})" if len(known) > NAMED_MAX else ""
    there = f"có / there are: {some}{more}" if known else "chưa có hội nghị nào / none is recorded yet"
    complain(f"không có hội nghị {plain(conference)} / there is no conference of this id; {there}")


def _day(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).astimezone().strftime("%Y-%m-%d")


def _write(folder: Path, files: Sequence[tuple[str, bytes]]) -> None:
    """Write each at once, and say so. Raises BilingualError: there is no such folder; OSError: the disk is full."""
    from agent.adapters.files import write_durably

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _no_folder(folder, error) from error
    for name, raw in files:
        try:
            write_durably(folder / name, raw, mode=0o644)  # it is for handing on
        except PermissionError as error:
            raise _no_folder(folder, error) from error
        click.echo(folder / name)


def _no_folder(folder: Path, error: OSError) -> Exception:
    from agent.console.sites import plain
    from agent.core.errors import BilingualError

    where = plain(str(folder), 200)
    if isinstance(error, FileExistsError | NotADirectoryError):
        return BilingualError(f"--out {where}: that is no folder, name another one", f"{where} không phải là thư mục")
    said = error.strerror or str(error)
    return BilingualError(
        f"--out {where}: may not be written ({said}), name another folder", f"không ghi được vào thư mục {where}"
    )
