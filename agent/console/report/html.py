"""The report as HTML, which prints on A4: a page with its style in it, or as a part of the board's page."""

from pathlib import Path
from typing import Any

from markupsafe import Markup

from agent.console.board.render import environment
from agent.console.report import svg, words
from agent.console.report.local import Local
from agent.console.report.summary import percent

TEMPLATES = Path(__file__).parent / "templates"
STYLE = TEMPLATES / "report.css"
SPARKS_MAX = 400  # sites; with more of them the page would become heavy

TEN_MINUTES_S = 597.0  # with one decimal that is ten, too
SHOWN_S = 3.0  # less is 0,0 minutes

PAGES = environment(TEMPLATES)


def page(document: dict[str, Any]) -> str:
    """A whole page that needs nothing else."""
    style = Markup(STYLE.read_text("utf-8"))  # noqa: S704 # ours
    return PAGES.get_template("report.html").render(style=style, **_values(document))


def part(document: dict[str, Any]) -> Markup:
    """What is between the board's header and its end; its style is ``STYLE``."""
    return Markup(PAGES.get_template("body.html").render(**_values(document)))  # noqa: S704 # escaped there


def minutes(seconds: float) -> str:
    """``12``, and below ten ``0,3``: minutes as Vietnamese write them."""
    return f"{seconds / 60:.0f}" if seconds >= TEN_MINUTES_S else f"{seconds / 60:.1f}".replace(".", ",")


def decimal(value: float | None) -> str:
    """``12,5``; unknown is ``—``."""
    return "—" if value is None else f"{value:.1f}".replace(".", ",")


def _values(document: dict[str, Any]) -> dict[str, Any]:
    local = Local(document)
    every = sorted(document["sites"], key=lambda each: (each["path"][:-1], each["name"], each["site"]))
    return {
        **document,
        "sites": every,
        "roll_calls": sorted({call["at"] for each in every for call in each["roll_calls"]}),
        "recounts": [(each, recount) for each in every for recount in each["recounts"]],
        "with_sparks": len(every) <= SPARKS_MAX,
        "chart": svg.total(document, local.step),
        "spark": svg.spark,
        "bar": svg.bar,
        "local": local,
        "percent": percent,
        "minutes": minutes,
        "decimal": decimal,
        "shown_s": SHOWN_S,
        "why_troubled": words.why_troubled,
        "reason": words.reason,
        "severity": words.SEVERITY,
    }
