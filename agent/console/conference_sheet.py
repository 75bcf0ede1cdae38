"""The table of a conference: which sites are summoned, with how many people. Pure.

As spreadsheets write it: commas, semicolons (Excel in Vietnam) or tabs, any line end, with or without a mark at the
beginning.
"""

import csv
import io
from collections.abc import Iterable, Mapping
from itertools import islice

from agent.core.contract import PEOPLE_MAX
from agent.core.errors import Problem, SheetError, quoted
from agent.core.identity import is_site_id

ROWS_MAX = 20_000
SITE_COLUMNS = ("site", "id")
HEAD = (
    "dòng đầu phải là site,summoned, sau đó mỗi điểm cầu một dòng / "
    "the first line should be site,summoned, then a line for each site, at most {most}"
)
NOT_UTF_8 = "không phải UTF-8 / this is not UTF-8 text"
SAVE_AS = "trong Excel: Lưu thành › CSV UTF-8 / in Excel: Save As › CSV UTF-8"
NOT_A_SITE = (
    "mã gồm các từ a-z, 0-9 nối bằng dấu -, tối đa 63 ký tự / "
    "an id is words of a-z and 0-9 joined by -, at most 63 characters"
)
NOT_PEOPLE = f"số triệu tập phải là số nguyên từ 0 đến {PEOPLE_MAX} / summoned: a whole number from 0 to {PEOPLE_MAX}"

Line = tuple[int, list[str]]


def read_sheet(raw: bytes, source: str, most: int = ROWS_MAX) -> dict[str, int]:
    """The number of people that each site is to send, by site, of at most so many sites.

    Raises:
        SheetError: With every problem at once, each with its line.
    """
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise SheetError(source, (Problem("", NOT_UTF_8, SAVE_AS),)) from None
    separator = max(",;\t", key=text.split("\n", 1)[0].count)
    try:
        numbered = islice(
            _numbered(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)), most + 2
        )
        rows = list(numbered)
    except csv.Error as error:
        raise SheetError(source, (Problem("", f"không đọc được bảng / this is no table: {error}"),)) from None
    columns = [cell.casefold() for cell in rows[0][1]] if rows else []
    site = next((name for name in SITE_COLUMNS if name in columns), "site")
    once = all(columns.count(name) == 1 for name in (site, "summoned"))
    if not once or not 2 <= len(rows) <= most + 1:
        raise SheetError(source, (Problem(_at(1), HEAD.format(most=most)),))
    return _checked(rows[1:], columns.index(site), columns.index("summoned"), source)


def from_fields(fields: Iterable[tuple[str, str]], source: str) -> dict[str, int]:
    """The same from a form: pairs of a site and what was written beside it; empty: it is not summoned."""
    rows = [(number, [site, people.strip()]) for number, (site, people) in enumerate(fields, 1) if people.strip()]
    return _checked(rows, 0, 1, source)


def _checked(rows: Iterable[Line], at_site: int, at_people: int, source: str) -> dict[str, int]:
    summoned: dict[str, int] = {}
    first: dict[str, int] = {}
    problems = list[Problem]()
    for line, cells in rows:
        padded = cells + [""] * (1 + max(at_site, at_people))
        site, people = padded[at_site], _people(padded[at_people])
        if not is_site_id(site):
            problems.append(Problem(_at(line), f"{quoted(site)}: {NOT_A_SITE}"))
        elif site in first:
            problems.append(Problem(_at(line), f"{site}: trùng mã / this site comes twice ({_at(first[site])})"))
        if people is None:
            problems.append(Problem(_at(line), f"{quoted(padded[at_people], 20)}: {NOT_PEOPLE}"))
        first.setdefault(site, line)
        summoned[site] = people or 0
    if problems:
        raise SheetError(source, tuple(problems))
    return summoned


def as_csv(summoned: Mapping[str, int]) -> str:
    """The table again, for a form."""
    return "site,summoned\n" + "".join(f"{site},{people}\n" for site, people in summoned.items())


def _people(text: str) -> int | None:
    digits = text.strip()
    number = int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 10 else None
    return number if number is not None and number <= PEOPLE_MAX else None


def _numbered(reader: Iterable[list[str]]) -> Iterable[Line]:
    line = 1
    for cells in reader:
        if any(cell.strip() for cell in cells):
            yield line, [cell.strip() for cell in cells]
        line += 1 + sum(cell.count("\n") for cell in cells)  # a row begins where the last one has ended


def _at(line: int) -> str:
    return f"dòng / line {line}"
