"""The form by which operators summon sites to a conference: filled in, looked at once more, sent."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import Response

from agent.console import conference_plan as plans
from agent.console.board.conference_known import Known
from agent.console.board.conference_tell import Teller
from agent.console.board.gathered import Gathered
from agent.console.board.parts import Parts
from agent.console.board.render import page
from agent.console.conference_sheet import as_csv, from_fields, read_sheet
from agent.core.contract import Conference
from agent.core.errors import ConfigError

FIELDS = ("title", "starts", "ends", "id", "minutes", "lock", "calls")
ROWS_MAX = 500  # of the form's table; a form has at most 1,000 fields
SITES_MAX = 5_000  # of one table: the whole country has 3,400
SHEET_MAX = 500_000  # letters of a file that are shown again after a mistake
NOBODY = "chưa triệu tập điểm cầu nào / no site is summoned"


class FormDesk:
    """Thread: the event loop's."""

    def __init__(self, parts: Parts, known: Known, teller: Teller) -> None:
        self._live, self._known, self._teller = parts.live, known, teller

    async def form(self, request: Request) -> Response:
        """GET: empty, with the numbers of the last conference; ``from``: one that is to be changed."""
        id_ = request.query_params.get("from", "")
        found = await self._known.of(id_) if id_ else None
        last = found or await self._known.last(self._known.held())
        values = {"lock": "1"} if found is None else _values(found, self._known.now())
        return self._form(request, values, {} if last is None else last.summoned)

    async def summon(self, request: Request) -> Response:
        """POST: what was filled in is shown once more; with ``sure`` it is published."""
        form = await request.form()
        values = {name: str(form.get(name, "")) for name in FIELDS}
        fields = [(name[2:], str(people)) for name, people in form.multi_items() if name.startswith("p.")]
        sheet = await _sheet(form)
        now = self._known.now()
        # A large table takes long to read, and longer to be shown: everybody's pages come from this one event loop.
        made, summoned, problems = await run_in_threadpool(_understood, values, fields, sheet, now)
        if made is None or problems:
            written: dict[str, int | None] = {site: _int(people) for site, people in fields}
            return await run_in_threadpool(self._form, request, values, summoned or written, _text(sheet), problems)
        tiles = self._live.picture.tiles
        plan = await run_in_threadpool(plans.planned, made, summoned, self._known.held(), tiles, now)
        if form.get("sure") != "1":
            return await run_in_threadpool(self._preview, request, plan, values)
        return await self._teller.tell(request, made.id, "summon", plan.messages())

    def _preview(self, request: Request, plan: plans.Plan, values: Mapping[str, str]) -> Response:
        names = {site: tile.name for site, tile in self._live.picture.tiles.items()}
        sheet = as_csv(plan.summoned)
        return page(request, "conference_preview.html", plan=plan, values=values, sheet=sheet, names=names)

    def _form(
        self,
        request: Request,
        values: Mapping[str, str],
        summoned: Mapping[str, int | None],
        sheet: str = "",
        problems: Sequence[str] = (),
    ) -> Response:
        tiles = self._live.picture.tiles
        sites = sorted({*tiles, *summoned}, key=lambda site: (tiles[site].name if site in tiles else site, site))
        rows = [(site, tiles[site].name if site in tiles else site, summoned.get(site)) for site in sites]
        if len(rows) > ROWS_MAX:
            sheet = sheet or as_csv({site: people or 0 for site, people in summoned.items()})
        return page(
            request,
            "conference_new.html",
            status=400 if problems else 200,
            values=values,
            rows=rows if len(rows) <= ROWS_MAX else (),
            sheet=sheet,
            problems=problems,
            zone=f"UTC{self._known.now().isoformat()[-6:]}",
        )


def _values(found: Gathered, now: datetime) -> dict[str, str]:
    """As the form has them."""
    first = next(iter({**found.lacking, **found.held}.values()), None)
    minutes = None if first is None else first.power_on_minutes
    day = found.starts_at.astimezone().date()
    # Those that have been stay in any case.
    ahead = [each.astimezone() for each in found.roll_calls if each > now]
    return {
        "id": found.id,
        "title": found.title,
        "starts": _written(found.starts_at),
        "ends": _written(found.ends_at),
        "lock": "1" if first is None or first.lock else "",
        "minutes": "" if minutes is None else f"{minutes:g}",
        "calls": " ".join(
            f"{each:%H:%M}" if each.date() == day and not each.second and not each.microsecond else _written(each)
            for each in ahead
        ),
    }


def _understood(
    values: Mapping[str, str], fields: Sequence[tuple[str, str]], sheet: bytes, now: datetime
) -> tuple[Conference | None, dict[str, int], list[str]]:
    """The conference, who is summoned to it, and every mistake."""
    problems = list[str]()
    made, summoned = None, dict[str, int]()
    try:
        made = plans.conference_of(_form_of(values), now)
    except ConfigError as error:
        problems += [each.message for each in error.problems]
    try:
        summoned = read_sheet(sheet, "CSV", SITES_MAX) if sheet else from_fields(fields, "CSV")
        if not summoned:
            problems.append(NOBODY)
    except ConfigError as error:
        problems += [f"{each.path}: {each.message}" if each.path else each.message for each in error.problems]
    return made, summoned, problems


async def _sheet(form: FormData) -> bytes:
    """A table from a file, else what was pasted; nothing: the numbers beside the sites count."""
    file = form.get("file")
    if isinstance(file, UploadFile) and file.filename:
        return await file.read()
    return str(form.get("sheet", "")).strip().encode("utf-8", "replace")


def _text(sheet: bytes) -> str:
    """A table to go on with after a mistake: a browser does not keep a file that was chosen."""
    try:
        text = sheet.decode("utf-8-sig")
    except UnicodeDecodeError:
        return ""
    return text if len(text) <= SHEET_MAX else ""


def _form_of(values: Mapping[str, str]) -> plans.Form:
    return plans.Form(
        title=values["title"],
        starts=values["starts"],
        ends=values["ends"],
        id=values["id"].strip(),
        roll_calls=tuple(re.split(r"[\s,;]+", values["calls"].strip())) if values["calls"].strip() else (),
        power_on_minutes=_minutes(values["minutes"]),
        lock=values["lock"] == "1",
    )


def _minutes(text: str) -> float | None:
    try:
        return float(text.strip().replace(",", ".")) if text.strip() else None
    except ValueError:
        return -1.0  # which no conference has: it is named with the other mistakes


def _int(text: str) -> int | None:
    return int(text) if text.strip().isascii() and text.strip().isdigit() and len(text) < 10 else None


def _written(moment: datetime) -> str:
    """As a browser's field has it, no shorter than it was."""
    local = moment.astimezone().replace(tzinfo=None)
    if local.microsecond:
        return local.isoformat(timespec="milliseconds")
    return local.isoformat(timespec="seconds" if local.second else "minutes")
