"""The report's charts as one PNG: how many were there over time, when they came, and the rate of each site.

matplotlib without its ``pyplot``, which keeps figures and is for one thread; the font is its own, DejaVu Sans, which
has all Vietnamese letters. The same document gives the same bytes.
"""

import io
import math
import textwrap
from functools import cache
from typing import Any

from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from agent.console.report import svg
from agent.console.report.local import Local
from agent.console.report.summary import percent
from agent.console.report.svg import ticks

WIDTH_IN, DPI = 10.0, 120
SITES_MAX = 60  # the lowest; more cannot be read on one picture
ROW_IN = 0.26
NAME_MAX = 72
NAME_LINE = 36  # letters; a longer name takes two lines
LABEL_INSIDE = 0.2  # a bar that is so long has its number within its end
PRESENT, SUMMONED, UNKNOWN = "#0072b2", "#b34700", "#9aa5ad"


def png(document: dict[str, Any]) -> bytes:
    """All charts below each other. Thread: any."""
    sites = [each for each in document["sites"] if not each["called_off"]]
    # What is not known first, then the lowest.
    lowest = sorted(sites, key=lambda each: (each["rate"] is not None, each["rate"] or 0.0, each["site"]))[:SITES_MAX]
    heights = [3.4, 2.4, 0.9 + ROW_IN * max(1, len(lowest))]
    figure = Figure(figsize=(WIDTH_IN, sum(heights) + 1.2), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(3, 1, height_ratios=heights)
    title = document["conference"]["title"] or document["conference"]["id"]
    figure.suptitle("\n".join([drawable(title, 90), *_head(document)]), parse_math=False, fontsize=11)
    _over_time(axes[0], document)
    _arrivals(axes[1], document)
    _rates(axes[2], lowest, len(sites))
    out = io.BytesIO()
    figure.savefig(out, format="png", metadata={"Software": None})
    return out.getvalue()


def _head(document: dict[str, Any]) -> list[str]:
    """When it was, how many were there, and what must be known beside."""
    local, held, made = Local(document), document["conference"], document["averages"]
    times = f"{local.day(held['starts_at'])}, {local.clock(held['starts_at'])}–{local.clock(held['ends_at'])}"
    people = f"{made['present']}/{made['summoned_known']}" if made["known"] else f"—/{made['summoned']}"
    totals = (
        f"Có mặt / present: {people} · Tỷ lệ trung bình / mean of rates: {percent(made['mean_of_rates']['value'])} · "
        f"{made['known']}/{made['sites']} điểm cầu có số liệu / sites known"
    )
    return [times, totals, *(f"{each['vi']} / {each['en']}" for each in document["notes"])]


def drawable(text: str, longest: int = NAME_MAX) -> str:
    """What the font can draw, in one line."""
    known = _letters()
    plain = "".join(each if ord(each) in known and each.isprintable() else "·" for each in text[: longest + 1])
    return plain if len(plain) <= longest else plain[: longest - 1] + "…"


@cache
def _letters() -> frozenset[int]:
    found: dict[int, Any] = font_manager.get_font(font_manager.findfont("DejaVu Sans")).get_charmap()
    return frozenset(found)


def _over_time(axes: Axes, document: dict[str, Any]) -> None:
    made = document["total"]
    steps = range(len(made["present"]))
    axes.set_title("Tổng số người có mặt / all who were present", fontsize=10, loc="left")
    axes.step(steps, _curve(made), where="post", color=PRESENT, label="có mặt / present")
    if made["summoned"]:
        axes.axhline(made["summoned"], color=SUMMONED, linestyle="--", label="triệu tập / summoned")
    most = [sum(pair) for pair in zip(made["present"], made["summoned_unknown"], strict=True)]
    top = max([*most, made["summoned"], 1]) * 1.1
    words = "điểm cầu chưa rõ, nếu có đủ người / sites not known, if full"
    axes.fill_between(steps, made["present"], most, step="post", color=UNKNOWN, alpha=0.4, linewidth=0, label=words)
    axes.set_ylim(0, top)
    _clock(axes, document)
    axes.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.1), ncols=3, frameon=False)  # off the curve


def _arrivals(axes: Axes, document: dict[str, Any]) -> None:
    """Which share of the peak all together had by when, from shortly before the first came."""
    local, made = Local(document), document["total"]
    highest = max(made["present"], default=0) or 1
    began = len(made["before"])
    shares = [100 * people / highest for people in (*made["before"], *_curve(made))]
    axes.set_title("Phần trăm so với lúc đông nhất / percent of the peak", fontsize=10, loc="left")
    axes.step([step - began for step in range(len(shares))], shares, where="post", color=PRESENT)
    reached = [(share, at, _step(at, made, local)) for share, at in made["arrivals"].items()]
    for share, at, step in reached:
        axes.plot([step], [float(share[:-1])], "o", color=SUMMONED)
        words = f"  {share[:-1]} % {local.reached(at, made['from'])}"
        axes.annotate(words, (step, float(share[:-1])), fontsize=8, va="top")
    axes.set_ylim(0, 110)
    _clock(axes, document)
    first = min((step for _, _, step in reached), default=0.0)
    if first < 0:
        axes.set_xlim(left=first - len(made["present"]) / 50)
        axes.axvline(0, color=UNKNOWN, linewidth=1)  # it begins


def _step(at: str, total: dict[str, Any], local: Local) -> float:
    return (local.moment(at) - local.moment(total["from"])).total_seconds() / float(total["every_s"])


def _curve(total: dict[str, Any]) -> list[float]:
    """With gaps where no site is known."""
    return [math.nan if people is None else people for people in svg.known(total)]


def _rates(axes: Axes, sites: list[dict[str, Any]], of_all: int) -> None:
    shown = f", {len(sites)}/{of_all} điểm cầu thấp nhất / the lowest sites" if len(sites) < of_all else ""
    axes.set_title(f"Tỷ lệ tham dự, % / rate{shown}", fontsize=10, loc="left")
    for row, each in enumerate(sites):
        if each["rate"] is None:  # it may be anything
            axes.barh(row, 100, color="none", edgecolor=UNKNOWN, hatch="///", linewidth=0)
            words = "chưa rõ / unknown" if each["summoned"] else "không có số triệu tập / no number of summoned"
            axes.text(2, row, words, va="center", fontsize=8, backgroundcolor="white")
            continue
        axes.barh(row, 100 * each["rate"], color=PRESENT)
        is_long = each["rate"] >= LABEL_INSIDE
        how: dict[str, Any] = {"ha": "right", "color": "white"} if is_long else {"ha": "left"}
        axes.text(100 * each["rate"], row, f" {percent(each['rate'])} ", va="center", fontsize=8, **how)
    axes.axvline(100, color=SUMMONED, linestyle="--", linewidth=1)
    names = [_in_lines(drawable(each["name"])) for each in sites]
    axes.set_yticks(range(len(sites)), names, fontsize=8, parse_math=False, linespacing=0.9)
    axes.set_ylim(len(sites) - 0.4, -0.6)
    axes.tick_params(axis="x", labelsize=8)
    axes.set_xlim(0, max([110.0, *(115 * each["rate"] for each in sites if each["rate"] is not None)]))


def _in_lines(name: str) -> str:
    """In two where one is too long."""
    lines = textwrap.wrap(name, NAME_LINE)
    return "\n".join([*lines[:1], drawable(" ".join(lines[1:]), NAME_LINE)]) if len(lines) > 1 else name


def _clock(axes: Axes, document: dict[str, Any]) -> None:
    local, marks = Local(document), ticks(document)
    axes.set_xticks(list(marks), [local.step(each) for each in marks], fontsize=8)
    axes.set_xlim(0, max(1, len(document["total"]["present"])))
    axes.grid(axis="y", alpha=0.4)
    axes.tick_params(axis="y", labelsize=8)
