"""The report's charts as one PNG: how many were there over time, when they came, and the rate of each site.

matplotlib without its ``pyplot``, which keeps figures and is for one thread; the font is its own, DejaVu Sans, which
has all Vietnamese letters. The same document gives the same bytes.
"""

import io
import math
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
NAME_MAX = 40
PRESENT, SUMMONED, UNKNOWN = "#0072b2", "#b34700", "#9aa5ad"


def png(document: dict[str, Any]) -> bytes:
    """All charts below each other. Thread: any."""
    sites = [each for each in document["sites"] if not each["called_off"]]
    # What is not known first, then the lowest.
    lowest = sorted(sites, key=lambda each: (each["rate"] is not None, each["rate"] or 0.0, each["site"]))[:SITES_MAX]
    heights = [3.2, 2.4, 0.9 + ROW_IN * max(1, len(lowest))]
    figure = Figure(figsize=(WIDTH_IN, sum(heights) + 0.8), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(3, 1, height_ratios=heights)
    title = document["conference"]["title"] or document["conference"]["id"]
    figure.suptitle(drawable(title, 90), parse_math=False, fontsize=12)
    _over_time(axes[0], document)
    _arrivals(axes[1], document)
    _rates(axes[2], lowest, len(sites))
    out = io.BytesIO()
    figure.savefig(out, format="png", metadata={"Software": None})
    return out.getvalue()


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
    axes.legend(fontsize=8, loc="lower right")


def _arrivals(axes: Axes, document: dict[str, Any]) -> None:
    """Which share of its peak each site, and all together, had by when."""
    made = document["total"]
    highest = max(made["present"], default=0) or 1
    shares = [100 * people / highest for people in _curve(made)]
    axes.set_title("Phần trăm so với lúc đông nhất / percent of the peak", fontsize=10, loc="left")
    axes.step(range(len(shares)), shares, where="post", color=PRESENT)
    local = Local(document)
    for share, at in made["arrivals"].items():
        step = (local.moment(at) - local.moment(made["from"])).total_seconds() / made["every_s"]
        axes.plot([step], [float(share[:-1])], "o", color=SUMMONED)
        axes.annotate(f" {share} {_by(at, made)}{local.clock(at)}", (step, float(share[:-1])), fontsize=8, va="top")
    axes.set_ylim(0, 110)
    _clock(axes, document)


def _curve(total: dict[str, Any]) -> list[float]:
    """With gaps where no site is known."""
    return [math.nan if people is None else people for people in svg.known(total)]


def _by(at: str, total: dict[str, Any]) -> str:
    """They may have come before it began."""
    return "≤ " if at == total["from"] else ""


def _rates(axes: Axes, sites: list[dict[str, Any]], of_all: int) -> None:
    shown = f", {len(sites)}/{of_all} điểm cầu thấp nhất / the lowest sites" if len(sites) < of_all else ""
    axes.set_title(f"Tỷ lệ tham dự, % / rate{shown}", fontsize=10, loc="left")
    for row, each in enumerate(sites):
        if each["rate"] is None:  # it may be anything
            axes.barh(row, 100, color="none", edgecolor=UNKNOWN, hatch="///", linewidth=0)
            words = "chưa rõ / unknown" if each["summoned"] else "không có số triệu tập / no number of summoned"
            axes.text(1, row, words, va="center", fontsize=8, backgroundcolor="white")
            continue
        axes.barh(row, 100 * each["rate"], color=PRESENT)
        axes.text(100 * each["rate"], row, f" {percent(each['rate'])}", va="center", fontsize=8)
    axes.axvline(100, color=SUMMONED, linestyle="--", linewidth=1)
    axes.set_yticks(range(len(sites)), [drawable(each["name"]) for each in sites], fontsize=8, parse_math=False)
    axes.set_ylim(len(sites) - 0.4, -0.6)
    axes.tick_params(axis="x", labelsize=8)
    axes.set_xlim(0, max([110.0, *(115 * each["rate"] for each in sites if each["rate"] is not None)]))


def _clock(axes: Axes, document: dict[str, Any]) -> None:
    local, marks = Local(document), ticks(document)
    axes.set_xticks(list(marks), [local.step(each) for each in marks], fontsize=8)
    axes.set_xlim(0, max(1, len(document["total"]["present"])))
    axes.grid(axis="y", alpha=0.4)
    axes.tick_params(axis="y", labelsize=8)
