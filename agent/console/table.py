"""The live table of the sites, for a terminal. Unknown is shown as unknown with its reason, never as a number."""

from datetime import datetime

from rich.console import Console
from rich.table import Table
from rich.text import Text

from agent.console.sites import SiteView, plain
from agent.console.trouble import believed, duration, troubles
from agent.console.words import POWER, both

WAITING_SHOWN_S = 120.0  # younger rows are just under way
POWER_STYLE = {"on": "green", "off": "dim", "fault": "bold red"}


def fitting_table(
    views: list[SiteView], now: datetime, title: str, console: Console, chosen: int | None = None
) -> Table:
    """All sites in their order where the terminal has room for them; else the worst first, as many as fit.

    The one that is ``chosen`` stays in sight. Arguments as in ``sites_table``.
    """
    room = console.height - 1
    if len(views) < room:
        table = sites_table(views, now, title, chosen)
        if _height(table, console) <= room:
            return table
    at_hand = None if chosen is None else views[chosen].site
    worst = sorted(views, key=lambda each: (each.site != at_hand, troubles(each, now)[0].rank, each.site))
    count = min(len(worst), max(1, room))
    while True:
        table = sites_table(worst[:count], now, title, None if chosen is None else 0, of=views)
        lines = _height(table, console)
        if lines <= room or count == 1:
            return table
        count = max(1, min(count - 1, count * room // lines))


def _height(table: Table, console: Console) -> int:
    return len(console.render_lines(table, pad=False))


def sites_table(
    views: list[SiteView], now: datetime, title: str, chosen: int | None = None, of: list[SiteView] | None = None
) -> Table:
    """The table.

    Args:
        views: Rows, in order.
        now: For the age of what is shown.
        title: Above the table.
        chosen: Index of the row whose button a key would press; None: keys press nothing.
        of: All sites, where ``views`` are a part of them: the sums are theirs.
    """
    everybody = views if of is None else of
    with_truth = any(view.truth for view in everybody)
    table = Table(title=title, expand=False, caption=_total(everybody, len(views), now))
    table.add_column("Điểm cầu\nSite", overflow="fold", min_width=12, max_width=18)
    table.add_column("Nguồn\nPower", overflow="fold", max_width=14)
    numbers = ["Có mặt\nPresent", "Triệu tập\nSummoned", "Tỷ lệ\nRate", *(["Thực tế\nTruth"] if with_truth else [])]
    for column in (*numbers, "Chờ gửi\nWaiting"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("Tình trạng\nState", overflow="fold", min_width=12)
    for number, view in enumerate(views):
        cells = [_name(view), _power(view), _present(view, now), _summoned(view), _rate(view, now)]
        cells += [_truth(view)] if with_truth else []
        table.add_row(*cells, _waiting(view), _state(view, now), style="reverse" if number == chosen else "")
    return table


def _name(view: SiteView) -> Text:
    return Text(view.name)


def _power(view: SiteView) -> Text:
    if view.power is None:
        return Text("—")
    step = f" ({plain(view.power.step)})" if view.power.step else ""
    return Text(both(POWER, view.power.state) + step, style=POWER_STYLE.get(view.power.state, "yellow"))


def _present(view: SiteView, now: datetime) -> Text:
    count = believed(view, now)
    if count is None:
        return Text("?", style="dim")
    return Text(str(count.value), style="bold" if count.state == "ok" else "bold yellow")


def _summoned(view: SiteView) -> Text:
    return Text("—" if view.headcount is None or view.headcount.summoned is None else str(view.headcount.summoned))


def _rate(view: SiteView, now: datetime) -> Text:
    count = believed(view, now)
    return Text("—" if count is None or count.rate is None else f"{count.rate:.0%}")


def _truth(view: SiteView) -> Text:
    return Text("—" if view.truth is None else str(view.truth.people), style="dim")


def _waiting(view: SiteView) -> Text:
    """Rows of the history that the centre has not, and how old the oldest is."""
    rows = None if view.health is None else view.health.outbox_rows
    if view.health is None or rows is None:
        return Text("—")
    oldest_s = view.health.outbox_oldest_s or 0.0
    if oldest_s <= WAITING_SHOWN_S:
        return Text(str(rows), style="dim")
    return Text(f"{rows}\n{duration(oldest_s)}", style="dim" if view.has_gone else "yellow")


def _state(view: SiteView, now: datetime) -> Text:
    """The worst two words about a site: that it is away, what is wrong, or how old the number is."""
    found = troubles(view, now)[:2]
    return Text("\n").join(Text(each.text, style=each.style) for each in found)


def _total(views: list[SiteView], shown: int, now: datetime) -> str:
    """Present of summoned over the sites whose number can be believed; how many others there are, and who is there
    without a summons, is said beside it.
    """
    known = [count for view in views if (count := believed(view, now)) is not None]
    of = [count for count in known if count.summoned] or known
    present, summoned = (sum(getattr(count, name) or 0 for count in of) for name in ("value", "summoned"))
    others = sum(count.value or 0 for count in known) - present
    rate = f" ({present / summoned:.0%})" if summoned else ""
    said = f"Tổng / total: {present}" + (f" / {summoned}" if summoned else "") + rate
    gone = sum(view.has_gone for view in views)
    said += f" · ngoài triệu tập / not summoned: {others}" if others else ""
    for words, number in (("chưa rõ / unknown", len(views) - len(known)), ("vắng / away", gone)):
        said += f" · {words}: {number}" if number else ""
    hidden = len(views) - shown
    return said + (f"\ncòn {hidden} điểm cầu, tốt hơn / {hidden} more sites, better off" if hidden else "")
