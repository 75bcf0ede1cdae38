"""How configs, what would change and what came of a push are shown."""

from collections.abc import Iterable, Sequence
from typing import Any

import tomli_w
from rich.table import Table
from rich.text import Text

from agent.console.config_plan import Plan
from agent.console.config_push import WELL, Outcome, Push
from agent.console.config_sites import SiteConfig
from agent.console.config_words import HOW, OUTCOME, OUTCOME_STYLE, reason_words
from agent.console.sites import plain
from agent.console.words import PRESENCE, both
from agent.core.config_diff import Change
from agent.core.config_document import Document
from agent.core.contract import compact
from agent.core.errors import ConfigError, Problem

SCHEMA_LINE = "#:schema ./room.schema.json\n"  # what editors look for
SITES_NAMED = 8
LONGEST_VALUE = 200
NOT_KNOWN = "chưa rõ điểm cầu đang chạy gì / what runs there is not known"
ON_TRIAL = "đang thử, có thể quay về / on trial, may go back"
SAME = "không có gì thay đổi / nothing would change"


def toml(document: Document, source: str) -> str:
    """A config for people to edit. Raises ConfigError: it has a null in it, which TOML cannot say."""
    try:
        return tomli_w.dumps(document)
    except (TypeError, ValueError) as error:
        raise ConfigError(source, (Problem("", "this cannot be written as TOML", "use --json"),)) from error


def heading(known: SiteConfig, revision: int | None, source: str | None, by: str | None) -> str:
    """Whose config it is, as a comment of TOML."""
    which = "bản / revision " + ("—" if revision is None else str(revision))
    how = " · ".join(plain(each) for each in (source, by) if each)
    return f"# {known.title} · {which}{f' ({how})' if how else ''}\n"


def doubts(known: SiteConfig) -> tuple[str, ...]:
    """Why what it says that it runs may not be what runs there for good: a sentence each."""
    found = (ON_TRIAL,) if known.is_on_trial else ()
    if known.presence == "running":
        return found
    return (*found, f"{both(PRESENCE, known.presence)}: có thể đã khác / this may have changed since")


def changes_text(changes: Sequence[Change] | None) -> Text:
    """A line for each change: what goes in red, what comes in green."""
    if changes is None:
        return Text(f"  {NOT_KNOWN}\n", style="yellow")
    if not changes:
        return Text(f"  {SAME}\n", style="dim")
    text = Text()
    for each in changes:
        text.append(f"  {plain(each.path)}")
        text.append(f"  {both(HOW, each.how)}" if each.how != "changed" else "", style="dim")
        text.append("\n")
        if each.how != "added":
            text.append(f"    - {_value(each.before)}\n", style="red")
        if each.how != "removed":
            text.append(f"    + {_value(each.after)}\n", style="green")
    return text


def folded(plans: Iterable[Plan]) -> list[tuple[tuple[Plan, ...], tuple[Change, ...] | None]]:
    """Sites with the same changes together, in the order of the first of each."""
    groups: dict[str, list[Plan]] = {}
    for each in plans:
        groups.setdefault(repr(each.changes), []).append(each)
    return [(tuple(group), group[0].changes) for group in groups.values()]


def named(plans: Sequence[Plan]) -> str:
    """``12 điểm cầu / sites: a, b, …``, or the one site's id and name."""
    if len(plans) == 1:
        return plans[0].known.title
    more = ", …" if len(plans) > SITES_NAMED else ""
    ids = ", ".join(each.known.site for each in plans[:SITES_NAMED])
    return f"{len(plans)} điểm cầu / sites: {ids}{more}"


def problem_lines(problems: Iterable[Problem]) -> str:
    """One to a line, as the site would say it."""
    return "".join(f"  {_line(str(each))}\n" for each in problems)


def outcome_document(push: Push | None, plan: Plan, wave: int | None) -> dict[str, Any]:
    """One site's end for programs. ``wave``: in which one it was pushed to, from 1; null: it was not."""
    ended: Push | Plan = plan if push is None else push
    errors: Iterable[Any] = () if push is None else push.errors
    return {
        "site": plan.known.site,
        "state": ended.outcome,
        "reason": ended.reason,
        "revision": None if push is None else push.message.revision,
        "errors": [_problem(each) for each in (*plan.problems, *errors)],
        "checks_worse": None if push is None or push.worse is None else list(push.worse),
        "wave": wave,
    }


def outcome_table(rows: Sequence[tuple[Plan, dict[str, Any]]]) -> Table:
    """What came of it, the ones that did not take it first."""
    made = Table(caption=_total([row["state"] for _, row in rows]))
    for title in ("Mã\nSite", "Tên\nName", "Kết quả\nState", "Lý do hoặc thay đổi\nReason or change"):
        made.add_column(title, overflow="fold")
    for plan, row in sorted(rows, key=lambda each: (each[1]["state"] in WELL, each[0].known.site)):
        state = Text(both(OUTCOME, row["state"]), style=OUTCOME_STYLE.get(row["state"], "bold red"))
        made.add_row(Text(plan.known.site), Text(plan.known.view.name), state, Text(_why(plan, row)))
    return made


def _why(plan: Plan, row: dict[str, Any]) -> str:
    lines = [reason_words(row["reason"])] if row["reason"] else []
    lines += [_line(f"{each['path']}: {each['message']}") for each in row["errors"]]
    if row["state"] not in WELL and row["checks_worse"]:
        lines.append(", ".join(map(plain, row["checks_worse"])))
    if row["state"] == "applied":
        lines.append(f"bản / revision {row['revision']}: " + _paths(plan.changes or ()))
    return "\n".join(lines)


def _paths(changes: Sequence[Change]) -> str:
    shown = ", ".join(plain(each.path) for each in changes[:3])
    return shown + (f" (+{len(changes) - 3})" if len(changes) > 3 else "")


def _total(states: Sequence[Outcome]) -> str:
    return " · ".join(f"{both(OUTCOME, each)}: {states.count(each)}" for each in dict.fromkeys(states))


def change_document(change: Change) -> dict[str, Any]:
    """A change for programs."""
    return {"path": change.path, "how": change.how, "before": change.before, "after": change.after}


def _problem(problem: Any) -> dict[str, Any]:
    return {"path": problem.path, "message": problem.message, "suggestion": problem.suggestion}


def _value(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # 60 was written, and is no other number than 60.0
    return _line(value if isinstance(value, str) and value else compact(value))


def _line(text: str) -> str:
    """Somebody else's words: what a terminal would obey is not shown."""
    shown = "".join(letter if letter.isprintable() else "�" for letter in text)
    return shown if len(shown) <= LONGEST_VALUE else shown[: LONGEST_VALUE - 1] + "…"
