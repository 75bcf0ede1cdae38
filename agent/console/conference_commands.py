"""``diemcau conference set|show|clear``: which sites are summoned to what, and when; the sites keep it."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from agent.console import conference_plan as plans
from agent.console.conference_plan import Plan
from agent.console.conference_push import ConferenceDesk, Held, Told
from agent.console.conference_sheet import read_sheet
from agent.console.options import CENTRE, FiniteRange, broker_of
from agent.console.site_commands import complain
from agent.console.sites import plain
from agent.core.contract import Conference, compact
from agent.core.errors import ConfigError, quoted

PHASE = {"next": ("sắp họp", "next"), "live": ("đang họp", "live"), "over": ("đã họp", "over")}
OUTCOME = {
    "not_permitted": ("máy chủ không cho phép", "not permitted: the broker lets operators and technicians do this"),
    "broker_lost": ("mất máy chủ giữa chừng, chạy lại", "the broker went away: run it again"),
}
NOTHING_SENT = "chưa gửi gì / nothing was sent"
NOBODY_TO_ASK = "không có ai để hỏi / there is nobody to ask: look at the above, then say --yes"
NAMED_AT_MOST = 20

broker_option = click.option(
    "--broker", default=None, metavar="URL", help="Address of the broker; plain for this machine only."
)
centre_option = click.option(
    "--centre", default=CENTRE, show_default=True, help="File with broker, ca, certificate and key."
)
json_option = click.option("--json", "as_json", is_flag=True, help="One JSON document.")
yes_option = click.option("--yes", is_flag=True, help="Do not ask.")


@click.group()
def conference() -> None:
    """Hội nghị: triệu tập, lịch, điểm danh / conferences: who is summoned, when, and roll-calls."""


@conference.command("set")
@click.option("--title", required=True, help="What it is called.")
@click.option("--starts", required=True, metavar="TIME", help='"2026-11-26 08:00", or with a zone.')
@click.option("--ends", required=True, metavar="TIME", help="The same, or an hour of that day: 11:30.")
@click.option("--summoned", required=True, metavar="FILE", help="A table (CSV) with the columns site,summoned.")
@click.option("--id", "id_", default="", metavar="ID", help="Of the report.  [default: made of date and title]")
@click.option("--power-on-minutes", type=FiniteRange(0, 24 * 60), default=None, metavar="M",
              help="Rooms come up by themselves so many minutes before.")  # fmt: skip
@click.option(
    "--lock/--no-lock", default=True, show_default=True, help="While it goes on, rooms are hard to switch off."
)
@click.option("--roll-call", "roll_calls", multiple=True, metavar="HH:MM", help="Who is there then; repeatable.")
@broker_option
@centre_option
@yes_option
@json_option
def set_(
    title: str, starts: str, ends: str, summoned: str, id_: str, power_on_minutes: float | None, lock: bool,
    roll_calls: tuple[str, ...], broker: str | None, centre: str, yes: bool, as_json: bool,
) -> int:  # fmt: skip
    """Triệu tập / summon sites: each is told, and keeps it also while it is away.

    Again with the same id: the sites are told what is new, and those that are not in the table any more are let go.
    """
    sheet = _sheet(summoned)
    now = datetime.now().astimezone()
    form = plans.Form(title, starts, ends, id_, roll_calls, power_on_minutes, lock)
    made = _of_options(form, now)
    with _desk(broker, centre) as (desk, held):
        plan = plans.planned(made, sheet, held.conferences, held.known, now)
        if not as_json:
            _print(plan.conference, plan.summoned)
        if not _agreed(_doubts(plan), yes):
            return _nothing(as_json)
        outcome = desk.tell(plan.messages())
    return _show_outcome(plan.conference, outcome, as_json, plan)


@conference.command()
@click.argument("id_", metavar="[ID]", required=False)
@broker_option
@centre_option
@json_option
def show(id_: str | None, broker: str | None, centre: str, as_json: bool) -> int:
    """Các điểm cầu đang giữ hội nghị nào / what the sites hold now."""
    with _desk(broker, centre) as (_, held):
        pass
    found = _by_id(held, id_)
    if as_json:
        click.echo(compact({"conferences": [_document(each) for each in found.values()]}))
    for told in () if as_json else found.values():
        _print(next(iter(told.values())), {site: each.summoned for site, each in told.items()})
    if not found and (id_ is not None or not as_json):
        complain("không điểm cầu nào giữ hội nghị đó / no site holds it" if id_ else "chưa có hội nghị / there is none")
    return 0 if found or id_ is None else 1


@conference.command()
@click.argument("id_", metavar="ID")
@broker_option
@centre_option
@yes_option
@json_option
def clear(id_: str, broker: str | None, centre: str, yes: bool, as_json: bool) -> int:
    """Huỷ / call a conference off, or end it: every site that holds it is told."""
    with _desk(broker, centre) as (desk, held):
        told = _by_id(held, id_).get(id_)
        if told is None:
            complain(f"không điểm cầu nào giữ {quoted(id_, 64)} / no site holds it (`diemcau conference show`)")
            return 1
        first = next(iter(told.values()))
        phase = plans.phase(first, datetime.now(UTC))
        word = " / ".join(PHASE[phase])
        verb, english = ("kết thúc sớm", "end it now") if phase == "live" else ("huỷ", "call it off")
        doubt = f"{verb} {plain(first.title) or id_} ({word}) ở {len(told)} điểm cầu / {english} at {len(told)} sites"
        if not _agreed([doubt], yes):
            return _nothing(as_json)
        outcome = desk.tell(dict.fromkeys(told))
    return _show_outcome(first, outcome, as_json)


@contextmanager
def _desk(broker: str | None, centre: str) -> Iterator[tuple[ConferenceDesk, Held]]:
    desk = ConferenceDesk(broker_of(broker, centre))
    desk.start()
    try:
        yield desk, desk.learn()
    finally:
        desk.close()


def _sheet(path: str) -> dict[str, int]:
    """Raises SheetError, or OSError: it cannot be read."""
    return read_sheet(Path(path).read_bytes(), path)


def _of_options(form: plans.Form, now: datetime) -> Conference:
    """Raises click.UsageError: it is the command line that is wrong."""
    try:
        return plans.conference_of(form, now)
    except ConfigError as error:
        said = (f"--{each.path.replace('_', '-')}: {each.message}" for each in error.problems)
        raise click.UsageError("; ".join(said)) from error


def _doubts(plan: Plan) -> list[str]:
    """What a person should look at before anything is sent."""
    doubts = []
    if plan.unknown:
        doubts.append(f"chưa từng thấy / never seen here: {_named(plan.unknown)}")
    for site, other in plan.taken.items():
        doubts.append(
            f"{site}: một điểm cầu chỉ giữ một hội nghị, thay cho / a site holds one conference, in the place of: "
            f"{plain(other.title) or plain(other.id)} ({_times(other)})"
        )
    if plan.dropped:
        doubts.append(f"không còn triệu tập / summoned no more: {_named(plan.dropped)}")
    if len(doubts) > NAMED_AT_MOST:
        doubts[NAMED_AT_MOST:] = [f"… và {len(doubts) - NAMED_AT_MOST} điểm cầu khác / and more sites"]
    return doubts


def _agreed(doubts: list[str], yes: bool) -> bool:
    for doubt in doubts:
        complain(doubt)
    if not doubts or yes:
        return True
    if not sys.stdin.isatty():
        complain(NOBODY_TO_ASK)
        return False
    return click.confirm("Gửi? / Send it?", err=True)


def _nothing(as_json: bool) -> int:
    if as_json:
        click.echo(compact({"id": None, "reason": "not_agreed", "sites": []}))
    complain(NOTHING_SENT)
    return 1


def _show_outcome(told: Conference, outcome: Mapping[str, Told], as_json: bool, plan: Plan | None = None) -> int:
    """Exit code 0: every site's message is with the broker."""
    failed = {site: word for site, word in outcome.items() if word != "told"}
    if as_json:
        summoned: Mapping[str, int] = {} if plan is None else plan.summoned
        rows = [{"site": site, "summoned": summoned.get(site), "state": word} for site, word in outcome.items()]
        click.echo(compact({**_facts(told), "sites": rows}))
    else:
        click.echo(f"{told.id}: {len(outcome) - len(failed)}/{len(outcome)} điểm cầu / sites")
    for word, (vietnamese, english) in OUTCOME.items():
        if those := [site for site, each in failed.items() if each == word]:
            complain(f"{vietnamese} / {english}: {_named(those)}")
    return 1 if failed else 0


def _by_id(held: Held, id_: str | None) -> dict[str, dict[str, Conference]]:
    """The conferences that sites hold, the earliest first, each by site."""
    found: dict[str, dict[str, Conference]] = {}
    for site, told in sorted(held.conferences.items(), key=lambda each: (each[1].starts_at, each[0])):
        if id_ is None or told.id == id_:
            found.setdefault(told.id, {})[site] = told
    return found


def _facts(told: Conference) -> dict[str, Any]:
    written = told.model_dump(mode="json", exclude={"summoned"})
    return written | {"state": plans.phase(told, datetime.now(UTC))}


def _document(told: Mapping[str, Conference]) -> dict[str, Any]:
    first = next(iter(told.values()))
    sites = [{"site": site, "summoned": each.summoned} for site, each in told.items()]
    return {**_facts(first), "sites": sites}


def _print(told: Conference, summoned: Mapping[str, int | None]) -> None:
    state = " / ".join(PHASE[plans.phase(told, datetime.now(UTC))])
    click.echo(f"{plain(told.title)} · {plain(told.id)} · {_times(told)} · {state}")
    made = Table()
    made.add_column("Điểm cầu\nSite", overflow="fold")
    made.add_column("Triệu tập\nSummoned", justify="right")
    for site, people in summoned.items():
        made.add_row(site, "—" if people is None else str(people))
    Console().print(made)
    total = sum(people or 0 for people in summoned.values())
    calls = " ".join(f"{each.astimezone():%H:%M}" for each in told.roll_calls)
    click.echo(f"tổng / total: {len(summoned)} điểm cầu / sites, {total} người / people")
    if calls:
        click.echo(f"điểm danh / roll-call: {calls}")


def _times(told: Conference) -> str:
    starts, ends = told.starts_at.astimezone(), told.ends_at.astimezone()
    return f"{starts:%Y-%m-%d %H:%M}–{ends:{'%H:%M' if starts.date() == ends.date() else '%Y-%m-%d %H:%M'}}"


def _named(sites: tuple[str, ...] | list[str]) -> str:
    more = len(sites) - NAMED_AT_MOST
    return ", ".join(sites[:NAMED_AT_MOST]) + (f" … (+{more})" if more > 0 else "")
