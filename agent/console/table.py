"""The live table of the sites, for a terminal. Unknown is shown as unknown with its reason, never as a number."""

from datetime import datetime

from rich.table import Table
from rich.text import Text

from agent.console.sites import SiteView, age_s, plain
from agent.console.words import COMMAND_REASON, POWER, PRESENCE, REASON, both
from agent.core.contract import Headcount

STALE_AFTER_S = 90.0
POWER_STYLE = {"on": "green", "off": "dim", "fault": "bold red"}


def sites_table(views: list[SiteView], now: datetime, title: str, chosen: int | None = None) -> Table:
    """The table.

    Args:
        views: Rows, in order.
        now: For the age of what is shown.
        title: Above the table.
        chosen: Index of the row whose button a key would press; None: keys press nothing.
    """
    with_truth = any(view.truth for view in views)
    table = Table(title=title, expand=False, caption=_total(views, now))
    table.add_column("Điểm cầu\nSite", overflow="fold", min_width=12, max_width=30)
    table.add_column("Nguồn\nPower", max_width=24)
    table.add_column("Có mặt\nPresent", justify="right")
    table.add_column("Triệu tập\nSummoned", justify="right")
    table.add_column("Tỷ lệ\nRate", justify="right")
    if with_truth:
        table.add_column("Thực tế\nTruth", justify="right")
    table.add_column("Tình trạng\nState", overflow="fold", min_width=12)
    for number, view in enumerate(views):
        cells = [_name(view), _power(view), _present(view, now), _summoned(view), _rate(view, now)]
        cells += [_truth(view)] if with_truth else []
        table.add_row(*cells, _state(view, now), style="reverse" if number == chosen else "")
    return table


def _name(view: SiteView) -> Text:
    return Text(view.name)


def _power(view: SiteView) -> Text:
    if view.power is None:
        return Text("—")
    step = f" ({plain(view.power.step)})" if view.power.step else ""
    return Text(both(POWER, view.power.state) + step, style=POWER_STYLE.get(view.power.state, "yellow"))


def _believed(view: SiteView, now: datetime) -> Headcount | None:
    """The headcount that can be shown as a number: of a site that is there, known, and not too old."""
    count, age = view.headcount, age_s(view, now)
    if count is None or count.value is None or view.presence != "running" or age is None or age > STALE_AFTER_S:
        return None
    return count


def _present(view: SiteView, now: datetime) -> Text:
    count = _believed(view, now)
    if count is None:
        return Text("?", style="dim")
    return Text(str(count.value), style="bold" if count.state == "ok" else "bold yellow")


def _summoned(view: SiteView) -> Text:
    return Text("—" if view.headcount is None or view.headcount.summoned is None else str(view.headcount.summoned))


def _rate(view: SiteView, now: datetime) -> Text:
    count = _believed(view, now)
    return Text("—" if count is None or count.rate is None else f"{count.rate:.0%}")


def _truth(view: SiteView) -> Text:
    return Text("—" if view.truth is None else str(view.truth.people), style="dim")


def _state(view: SiteView, now: datetime) -> Text:
    """The most important word about a site: that it is away, why nothing is counted, or how old the number is."""
    if view.presence != "running":
        return Text(both(PRESENCE, view.presence), style="red")
    if view.power is not None and view.power.state == "fault":
        word, _, detail = plain(view.power.reason or "fault").partition(": ")
        return Text(both(COMMAND_REASON, word) + (f" ({detail})" if detail else ""), style="bold red")
    age = age_s(view, now)
    if age is not None and age > STALE_AFTER_S:
        return Text(f"số liệu cũ / stale, {age:.0f} s", style="yellow")
    if (missing := _missing(view)) is not None:
        return missing
    reason = view.headcount.reason if view.headcount else None
    return Text(both(REASON, plain(reason)), style="yellow") if reason else Text("tốt / ok", style="green")


def _missing(view: SiteView) -> Text | None:
    """The first thing that the room needs and has not; that its power is off the table says elsewhere."""
    checks = () if view.readiness is None else view.readiness.checks
    for check in checks:
        if check.required and check.state == "failed" and check.group != "power":
            return Text(f"{plain(check.name)}: {both(REASON, plain(check.reason or 'failed'))}", style="red")
    return None


def _total(views: list[SiteView], now: datetime) -> str:
    """Present of summoned over the sites whose number can be believed; how many others there are is said beside it."""
    known = [count for view in views if (count := _believed(view, now)) is not None]
    present = sum(count.value or 0 for count in known)
    summoned = sum(count.summoned or 0 for count in known)
    rate = f" ({present / summoned:.0%})" if summoned else ""
    unknown = len(views) - len(known)
    missing = f" · chưa rõ / unknown: {unknown}" if unknown else ""
    return f"Tổng / total: {present}" + (f" / {summoned}" if summoned else "") + rate + missing
