"""``diemcau config push``: look, show, ask, push in waves, and say what came of it."""

import sys
import uuid
from datetime import UTC, datetime
from typing import Any

import click
from rich.console import Console

from agent.console.config_commands import show_changes
from agent.console.config_options import STDIN, document_of, for_sites, looking, sites_and_file
from agent.console.config_plan import Order, Plan, Terms, plans, push_of, too_large
from agent.console.config_push import WELL, Push
from agent.console.config_pushing import Pushing
from agent.console.config_targets import wanted
from agent.console.config_view import outcome_document, outcome_table
from agent.console.config_words import reason_words
from agent.console.options import FiniteRange
from agent.console.site_commands import complain, who_asks
from agent.console.sites import plain
from agent.core.config_messages import CONFIRM_MOST_S, CONFIRM_WITHIN_S
from agent.core.contract import compact

WITHIN_S = 300.0
ONE_NAME = (
    "site.name is in it, and all these rooms would get that name: say --merge with a file that holds only what "
    "changes, or push site by site."
)
NOT_SENT = "không gửi gì cả / nothing was pushed"
OVERTAKES = "đang có thay đổi khác, lần này sẽ thay thế / another change is under way, this one takes its place"

Row = tuple[Plan, dict[str, Any]]


@click.command()
@click.argument("what", nargs=-1, metavar="[SITE]... FILE")
@for_sites
@click.option("--merge", is_flag=True, help="FILE holds only what changes, and is laid over each site's own config.")
@click.option("--yes", is_flag=True, help="Do not ask before; for scripts.")
@click.option("--ask", is_flag=True, help="Ask you about each site before it keeps the config, and show its checks.")
@click.option("--unattended", is_flag=True, help="Nobody confirms: each site decides by its own checks, also one that "
              "is away, or whose room is on, when it comes to it.")  # fmt: skip
@click.option(
    "--confirm-within",
    "confirm_within_s",
    default=CONFIRM_WITHIN_S,
    show_default=True,
    type=FiniteRange(5, CONFIRM_MOST_S),
    metavar="S",
    help="Seconds after which a site that nobody confirms goes back.",
)
@click.option(
    "--within",
    "within_s",
    default=WITHIN_S,
    show_default=True,
    type=FiniteRange(1, CONFIRM_MOST_S),
    metavar="S",
    help="Seconds that each wave may take; then what waits is withdrawn.",
)
@click.option("--by", default=None, metavar="NAME", help="Who changes it, for the record.  [default: user@host]")
def push(
    what: tuple[str, ...], all_: bool, group: str | None, broker: str | None, centre: str, as_json: bool, merge: bool,
    yes: bool, ask: bool, unattended: bool, confirm_within_s: float, within_s: float, by: str | None,
) -> int:  # fmt: skip
    """Gửi cấu hình / push FILE to sites: one first, then a tenth, then all; it stops when a wave fails.

    Each site tries it, and keeps it when no required check is worse than before; else it goes back by itself. FILE is
    TOML or JSON, - JSON from stdin.

    "No" at --ask confirms nothing: the site goes back by itself when its time (--confirm-within) is over.

    Exit code 0: every site has it. 1: one has not, or nothing was pushed. 2: wrong use. 130: after Ctrl-C.
    """
    sites, file = sites_and_file(what)
    names = wanted(sites, all_, group)
    if ask and unattended:
        raise click.UsageError("--ask and --unattended exclude each other.")
    _may_ask(yes, ask, file)
    order = Order(document_of(file), merge, file)
    with looking(broker, centre, names, all_, group) as (desk, known):
        found = plans(known, order, unattended)
        if len(found) > 1 and not merge and _names_a_site(order):
            raise click.UsageError(f"{plain(file)}: {ONE_NAME}")
        terms = Terms(who_asks(by), datetime.now(UTC), confirm_within_s, ask, unattended)
        session = _Session(found, terms, as_json)
        if not (session.is_valid and (session.is_idle or session.agreed(yes))):
            return session.not_sent()
        pushing = Pushing(desk, within_s, session.question, session.news, session.ended)
        pushing.run(session.pushes(is_away=False), session.pushes(is_away=True))
    code = session.show()
    return 130 if pushing.was_stopped else code


def _may_ask(yes: bool, ask: bool, file: str) -> None:
    """Raises click.UsageError: there is nobody to ask."""
    if (not yes or ask) and (file == STDIN or not sys.stdin.isatty()):
        option = "--ask needs a terminal" if ask else "there is no terminal to ask on: say --yes"
        raise click.UsageError(f"{option}, and a FILE that is not -." if ask else f"{option}.")


def _names_a_site(order: Order) -> bool:
    site = order.document.get("site")
    return isinstance(site, dict) and bool(site.get("name"))


class _Session:
    """What is said to the person, or to the program, of one push to many sites."""

    def __init__(self, found: tuple[Plan, ...], terms: Terms, as_json: bool) -> None:
        self._plans = {each.known.site: each for each in found}
        self._as_json, self._rows = as_json, list[Row]()
        self._console = Console(stderr=as_json)
        self._pushes = [push_of(each, terms, str(uuid.uuid4())) for each in found if _is_pushed(each)]

    @property
    def is_valid(self) -> bool:
        """Whether every site could take it."""
        return not any(each.problems for each in self._plans.values()) and not any(map(too_large, self._pushes))

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to push."""
        return not self._pushes

    def pushes(self, is_away: bool) -> list[Push]:
        """The pushes to sites that are there, or that are away; those that get none are told at once."""
        if not is_away:
            for each in self._plans.values():
                if each.outcome is not None:
                    self._tell(each, None, None)
        return [each for each in self._pushes if self._plans[each.site].is_away == is_away]

    def agreed(self, yes: bool) -> bool:
        """Show what would change, and ask."""
        pushed = tuple(self._plans[each.site] for each in self._pushes)
        if not (yes and self._as_json):
            show_changes(pushed, self._console)
        for each in pushed:
            if each.overtakes is not None:
                complain(f"{each.known.site}: {OVERTAKES} ({each.overtakes})")
        count = len(pushed)
        return yes or click.confirm(f"Gửi đến {count} điểm cầu? / Push to {count} sites?", err=True)

    def not_sent(self) -> int:
        """Say why nothing was pushed."""
        if not self.is_valid:
            show_changes(tuple(each for each in self._plans.values() if each.problems), self._console)
            for each in self._pushes:
                if problem := too_large(each):
                    complain(f"{each.site}: {problem}")
        if self._as_json:
            for plan in self._plans.values():
                row = outcome_document(None, plan, None)
                state = "rejected" if plan.problems else plan.outcome or "not_started"
                click.echo(compact({**row, "state": state, "reason": "invalid" if plan.problems else row["reason"]}))
        complain(NOT_SENT)
        return 1

    def question(self, push: Push) -> bool:
        """Whether a site that has it on trial keeps it."""
        plan = self._plans[push.site]
        click.echo(f"{plan.known.title}: {_checks_line(push)}", err=True)
        return click.confirm("Giữ cấu hình này? / Keep this config?", err=True)

    def news(self, push: Push) -> None:
        """A site has to wait, or is not confirmed."""
        worse = ", ".join(map(plain, push.worse or ()))
        complain(f"{push.site}: {reason_words(push.reason)}{f': {worse}' if worse else ''}")

    def ended(self, push: Push, wave: int | None) -> None:
        """One site is done."""
        self._tell(self._plans[push.site], push, wave)

    def show(self) -> int:
        """The table. Returns the exit code."""
        if not self._as_json and self._rows:
            self._console.print(outcome_table(self._rows))
        return 0 if self._rows and all(row["state"] in WELL for _, row in self._rows) else 1

    def _tell(self, plan: Plan, push: Push | None, wave: int | None) -> None:
        row = outcome_document(push, plan, wave)
        self._rows.append((plan, row))
        if self._as_json:
            click.echo(compact(row))


def _is_pushed(plan: Plan) -> bool:
    return plan.outcome is None and not plan.problems


def _checks_line(push: Push) -> str:
    if not push.worse:
        return "không có thiết bị nào kém hơn trước / no required check is worse than before"
    return f"kém hơn trước / worse than before: {', '.join(map(plain, push.worse))}"
