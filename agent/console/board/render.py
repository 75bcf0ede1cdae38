"""Jinja's environment for the board and the report: everything that is put into a page is escaped."""

import hashlib
from datetime import UTC, datetime, tzinfo
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

HERE = Path(__file__).parent
STATIC = HERE / "static"
ROLE = {
    "viewer": ("người xem", "viewer"),
    "operator": ("điều hành", "operator"),
    "technician": ("kỹ thuật", "technician"),
}


def environment(folder: Path = HERE / "templates") -> Environment:
    """An environment whose names that nobody gave are errors."""
    made = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals["t"] = both
    made.globals["tw"] = lambda words: both(*words)
    made.globals["asset"] = asset
    made.globals["role_words"] = ROLE
    made.filters |= {"shown": shown, "number": number, "percent": percent, "clock": clock, "iso": iso}
    return made


def both(vietnamese: str, english: str) -> Markup:
    """A text in both languages, Vietnamese first; readers aloud are told which is which."""
    if not english:
        return Markup('<span lang="vi">{}</span>').format(vietnamese)
    return Markup('<span lang="vi">{}</span> <span class="en" lang="en">{}</span>').format(vietnamese, english)


def shown(text: object, longest: int = 200) -> str:
    """Text from outside: no control characters and nothing that turns the direction of reading; not without end."""
    plain = "".join(letter if letter.isprintable() else "�" for letter in str(text)[: longest + 1])
    return plain if len(plain) <= longest else plain[: longest - 1] + "…"


def number(value: float) -> str:
    """``12.345``, as Vietnamese write it."""
    return f"{value:,.0f}".replace(",", ".")


def percent(share: float) -> str:
    """``97,8 %``."""
    return f"{100 * share:.1f} %".replace(".", ",")


def clock(moment: datetime, form: str = "%H:%M") -> str:
    """A time by this machine's time zone, which is the centre's."""
    return _in(None, moment).strftime(form)


def iso(moment: datetime) -> str:
    """For ``<time datetime>``; the browser makes an age of it."""
    return _in(UTC, moment).strftime("%Y-%m-%dT%H:%M:%SZ")


def _in(zone: tzinfo | None, moment: datetime) -> datetime:
    try:
        return moment.astimezone(zone)
    except (OverflowError, ValueError):  # a site may say the last second of the year 9999
        return moment


@cache
def asset(name: str) -> str:
    """The address of a static file; another one when its contents are other ones, so browsers may keep it for ever."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"/static/{name}?v={digest}"


PAGES = environment()


def page(request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """A whole page for who asks; ``user`` and ``csrf`` are there for every template."""
    state = request.state
    text = PAGES.get_template(template).render(
        request=request, user=getattr(state, "user", None), csrf=getattr(state, "csrf", ""), **values
    )
    return HTMLResponse(text, status)
