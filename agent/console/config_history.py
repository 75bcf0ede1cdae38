"""``diemcau config history``: who changed which room's config, when, and the result; from the centre's database."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from agent.adapters.config_store import load_centre
from agent.adapters.files import is_there
from agent.console.config_options import for_sites, looking
from agent.console.config_targets import no_such, wanted
from agent.console.config_view import SCHEMA_LINE, toml
from agent.console.config_words import EVENT, reason_words
from agent.console.record import DATABASE, opened
from agent.console.site_commands import complain
from agent.console.sites import plain
from agent.console.words import both
from agent.core.config_document import unfit
from agent.core.contract import compact
from agent.core.errors import ConfigError

if TYPE_CHECKING:
    from agent.console.recorder_configs import Pushed, Told
    from agent.console.store import Store

PATHS_SHOWN = 3
NOT_IN_IT = "không có điểm cầu nào tên này trong cơ sở dữ liệu / no such site is in the database"
STYLE = {"config.applied": "green", "config.rejected": "bold red", "config.rolled_back": "bold red", "pushed": "yellow"}


@dataclass(frozen=True, slots=True)
class Record:
    """One change. ``result`` is the kind of the site's event, ``pushed`` where it has told none; ``changed`` are paths.
    Times are seconds since 1970: when it was issued, and when the site was done with it.
    """

    site: str
    at_s: float
    by: str
    revision: int | None
    id: str | None
    result: str
    done_s: float | None
    reason: str | None
    changed: tuple[str, ...]


@click.command()
@click.argument("sites", nargs=-1, metavar="[SITE]...")
@for_sites
@click.option("--database", default=None, metavar="URL", help="Where the history is.  [default: the file's]")
def history(
    sites: tuple[str, ...], all_: bool, group: str | None, broker: str | None, centre: str, as_json: bool,
    database: str | None,
) -> int:  # fmt: skip
    """Ai đã đổi cấu hình / who changed the config of which site, when, and what came of it: from the database."""
    if not (sites or all_ or group):
        raise click.UsageError("which sites? Name them, or say --all, or --group NAME; on the box itself: config log.")
    names = wanted(sites, all_, group)
    store = opened_to_read(centre, database)
    try:
        unheard_of = _unheard_of(store, names)
        if group is not None:
            with looking(broker, centre, names, all_, group) as (_, known):
                names = tuple(each.site for each in known)
        found = [each for site in names or store.configs.sites() for each in records_of(store, site)]
    finally:
        store.close()
    if as_json:
        for each in found:
            click.echo(compact(document(each)))
    elif found:
        Console().print(table(found))
    if not found and not unheard_of:
        complain("chưa có thay đổi nào được ghi / no change is written down: is `diemcau record` running?")
    return 1 if unheard_of else 0


def document_of_revision(
    names: tuple[str, ...], revision: int, centre: str, database: str | None, as_json: bool
) -> int:
    """Print the config of a revision of each site, where the database has it."""
    if not names:
        raise click.UsageError("--revision is of sites that are named.")
    store, is_whole = opened_to_read(centre, database), True
    try:
        for site in names:
            config = store.configs.document(site, revision)
            if config is not None and (problem := unfit(config)):
                raise ConfigError(f"{site}, {revision}", (problem,))
            if as_json:
                click.echo(compact({"site": site, "revision": revision, "config": config}))
            elif config is not None:
                click.echo(f"{SCHEMA_LINE}# {site} · bản / revision {revision}\n{toml(config, site)}", nl=False)
            if config is None:
                is_whole = False
                complain(f"{site}: không có bản {revision} / revision {revision} is not in the database")
    finally:
        store.close()
    return 0 if is_whole else 1


def _unheard_of(store: "Store", names: tuple[str, ...]) -> list[str]:
    """Those of which nothing at all was ever recorded; says so of each."""
    reached = store.keys()
    known = {*store.configs.sites(), *(site for site, _ in reached)}
    found = [each for each in names if each not in known]
    for site in found:
        complain(no_such(site, sorted(known), NOT_IN_IT))
    return found


def opened_to_read(centre: str, database: str | None) -> "Store":
    """The centre's database. Raises StoreError: there is none, or it cannot be opened."""
    url = database or (load_centre(Path(centre)).database if is_there(Path(centre)) else "") or DATABASE
    return opened(url, may_be_new=False)


def records_of(store: "Store", site: str) -> list[Record]:
    """One site's changes, the oldest first. Raises sqlalchemy's errors."""
    return joined(store.configs.pushes(site), store.configs.told(site))


def joined(pushes: "list[Pushed]", told: "list[Told]") -> list[Record]:
    """Pushes with what the site says of them, and its changes that nobody pushed. Pure."""
    ends = {each.detail.get("id"): each for each in told if each.detail.get("id")}
    pushed = {each.id for each in pushes}
    found = [_of_push(each, ends.get(each.id)) for each in pushes]
    found += [_of_event(each) for each in told if each.detail.get("id") not in pushed]
    return sorted(found, key=lambda each: each.at_s)


def _of_push(push: "Pushed", end: "Told | None") -> Record:
    said = {} if end is None else end.detail
    done_s, result = (None, "pushed") if end is None else (end.at_s, end.kind)
    about = (push.site, push.issued_at_s, push.issued_by, push.revision, push.id)
    return Record(*about, result, done_s, _text(said.get("reason")), _paths(said))


def _of_event(told: "Told") -> Record:
    said, revision = told.detail, told.detail.get("revision")
    about = (
        told.site,
        told.at_s,
        told.by or "?",
        revision if isinstance(revision, int) else None,
        _text(said.get("id")),
    )
    return Record(*about, told.kind, told.at_s, _text(said.get("reason")), _paths(said))


def document(record: Record) -> dict[str, Any]:
    """One change for programs."""
    return {
        "site": record.site,
        "at": _iso(record.at_s),
        "by": record.by,
        "revision": record.revision,
        "id": record.id,
        "result": record.result.removeprefix("config."),
        "done_at": None if record.done_s is None else _iso(record.done_s),
        "reason": record.reason,
        "changed": list(record.changed),
    }


def table(records: list[Record]) -> Table:
    """All of them for people."""
    made = Table()
    for title in (
        "Mã\nSite",
        "Lúc\nAt",
        "Ai\nBy",
        "Bản\nRevision",
        "Kết quả\nResult",
        "Thay đổi, lý do\nChange, reason",
    ):
        made.add_column(title, overflow="fold")
    for each in records:
        moment = datetime.fromtimestamp(each.at_s, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")
        more = f" (+{len(each.changed) - PATHS_SHOWN})" if len(each.changed) > PATHS_SHOWN else ""
        changed = ", ".join(map(plain, each.changed[:PATHS_SHOWN])) + more
        why = "\n".join(filter(None, (changed, reason_words(each.reason))))
        cells = [each.site, moment, plain(each.by), "—" if each.revision is None else str(each.revision)]
        result = Text(both(EVENT, each.result), style=STYLE.get(each.result, ""))
        made.add_row(*map(Text, cells), result, Text(why))
    return made


def _paths(detail: dict[str, Any]) -> tuple[str, ...]:
    said = detail.get("changed")
    return tuple(str(each) for each in said) if isinstance(said, list) else ()


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _iso(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
