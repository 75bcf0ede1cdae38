"""``diemcau config get``, ``diff``, ``check`` and ``schema``: they look, and change nothing."""

import json
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from agent.console.config_options import ANOTHER_VERSION, STDIN, document_of, for_sites, looking, sites_and_file
from agent.console.config_plan import UNDER_WAY, Order, Plan, plans
from agent.console.config_sites import SiteConfig
from agent.console.config_targets import wanted
from agent.console.config_view import (
    NOT_KNOWN,
    SCHEMA_LINE,
    change_document,
    changes_text,
    doubts,
    folded,
    heading,
    named,
    problem_lines,
    toml,
)
from agent.console.config_words import reason_words
from agent.console.site_commands import complain
from agent.core.config_document import parse_document
from agent.core.config_schema import schema as made_schema
from agent.core.contract import compact
from agent.core.errors import ConfigError, Problem

NOTHING_STORED = "chưa có gì trên config/desired / nothing is stored on config/desired"


@click.command()
@click.argument("file", required=False)
def schema(file: str | None) -> int:
    """JSON Schema của cấu hình phòng / of the room config, for editors: to FILE (room.schema.json), or printed.

    A TOML editor takes it by a first line `#:schema ./room.schema.json`.
    """
    text = json.dumps(made_schema(), ensure_ascii=False, indent=1)
    if file in (None, STDIN):
        click.echo(text)
    else:
        Path(file).write_text(f"{text}\n", encoding="utf-8")
    return 0


@click.command()
@click.argument("file")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def check(file: str, as_json: bool) -> int:
    """Kiểm tra tệp cấu hình / look at a room config: every mistake at once. FILE is TOML or JSON, - JSON from stdin."""
    problems: tuple[Problem, ...] = ()
    try:
        parse_document(document_of(file), file)
    except ConfigError as error:
        problems = error.problems
    if as_json:
        found = [{"path": each.path, "message": each.message, "suggestion": each.suggestion} for each in problems]
        click.echo(compact({"file": file, "valid": not problems, "errors": found}))
    elif problems:
        complain(f"{file}: {len(problems)} lỗi / problems\n{problem_lines(problems)}".rstrip())
    else:
        click.echo(f"{file}: cấu hình đúng / is a valid room config")
    return 1 if problems else 0


@click.command()
@click.argument("sites", nargs=-1, metavar="[SITE]...")
@for_sites
@click.option("--desired", is_flag=True, help="What is stored on config/desired, instead of what runs.")
@click.option("--toml", "as_toml", is_flag=True, help="TOML, for people to edit (the default).")
@click.option("--revision", type=click.IntRange(1), default=None, metavar="N", help="That one, from the database.")
@click.option("--database", default=None, metavar="URL", help="Where the history is.  [default: the file's]")
def get(
    sites: tuple[str, ...], all_: bool, group: str | None, broker: str | None, centre: str, as_json: bool,
    desired: bool, as_toml: bool, revision: int | None, database: str | None,
) -> int:  # fmt: skip
    """Cấu hình đang chạy / the config that runs at a site, as it was written; a TOML file to edit and push again."""
    if (desired, revision is not None).count(True) > 1 or (as_toml and as_json):
        raise click.UsageError("--desired and --revision, and --toml and --json, do not go together.")
    names = wanted(sites, all_, group)
    if revision is not None:
        from agent.console.config_history import document_of_revision

        return document_of_revision(names, revision, centre, database, as_json)
    with looking(broker, centre, names, all_, group) as (_, known):
        pass
    shown = [_show(each, desired, as_json) for each in known]
    return 0 if shown and all(shown) else 1


def _show(known: SiteConfig, desired: bool, as_json: bool) -> bool:
    found = known.desired if desired else known.running
    doubted = () if desired or found is None else doubts(known)
    if as_json:
        click.echo(compact(_document(known, desired)))
    elif found is not None:
        source, by = (None, found.issued_by) if desired else (getattr(found, "source", None), found.issued_by)
        text = "".join(f"# {each}\n" for each in doubted) + toml(found.config, known.site)
        click.echo(SCHEMA_LINE + heading(known, found.revision, source, by) + text, nl=False)
    for each in doubted:
        complain(f"{known.site}: {each}")
    if found is None and not known.is_unheard_of:
        complain(f"{known.site}: {NOTHING_STORED if desired and not known.stored else NOT_KNOWN}")
    return found is not None


def _document(known: SiteConfig, desired: bool) -> dict[str, Any]:
    found = known.desired if desired else known.running
    state = known.reported and known.reported.state
    about = {"site": known.site, "presence": known.presence, "config_state": state}
    if found is None:
        return {**about, "config": None}
    return {**about, **found.model_dump(mode="json", exclude_unset=True)}


@click.command()
@click.argument("what", nargs=-1, metavar="[SITE]... FILE")
@for_sites
@click.option("--merge", is_flag=True, help="FILE holds only what changes, and is laid over each site's own config.")
def diff(
    what: tuple[str, ...], all_: bool, group: str | None, broker: str | None, centre: str, as_json: bool, merge: bool
) -> int:
    """So sánh với cấu hình đang chạy / what FILE would change at each site. FILE: TOML or JSON, - JSON from stdin."""
    sites, file = sites_and_file(what)
    names = wanted(sites, all_, group)
    order = Order(document_of(file), merge, file)
    with looking(broker, centre, names, all_, group) as (_, known):
        pass
    found = plans(known, order, unattended=True)
    if as_json:
        for each in found:
            click.echo(compact(_diff_document(each)))
    else:
        show_changes(tuple(each for each in found if each.problems or not each.known.is_unheard_of), Console())
    is_known = all(each.changes is not None for each in found)
    return 0 if found and is_known else 1


def _diff_document(plan: Plan) -> dict[str, Any]:
    changes = None if plan.changes is None else [change_document(each) for each in plan.changes]
    errors = [{"path": each.path, "message": each.message, "suggestion": each.suggestion} for each in plan.problems]
    running = plan.known.running
    return {
        "site": plan.known.site,
        "revision": running and running.revision,
        "changes": changes,
        "errors": errors,
        "schema_differs": plan.known.of_another_version,
    }


def show_changes(found: tuple[Plan, ...], console: Console) -> None:
    """What would change, sites with the same changes together; and what is wrong, and what to know before."""
    wrong = [each for each in found if each.problems]
    for group, changes in folded(each for each in found if not each.problems):
        console.print(Text(named(group), style="bold"))
        console.print(changes_text(changes), end="")
    for each in found:
        if each.known.of_another_version:
            complain(f"{each.known.site}: {ANOTHER_VERSION}")
        if each.reason == UNDER_WAY:
            complain(f"{each.known.site}: {reason_words(UNDER_WAY)}")
    for text, plans_ in _by_problems(wrong).items():
        complain(f"{named(plans_)}:\n{text}".rstrip())


def _by_problems(wrong: list[Plan]) -> dict[str, list[Plan]]:
    groups: dict[str, list[Plan]] = {}
    for each in wrong:
        groups.setdefault(problem_lines(each.problems), []).append(each)
    return groups
