"""The report for a spreadsheet: one row a site, and another sheet with one row an incident.

UTF-8 with a byte order mark, without which Excel takes Vietnamese letters for others. Excel opens a ``.csv`` by the
machine's language: in Vietnamese that is ``;`` between cells and a comma in numbers, so this is how they are written;
with ``,`` between cells numbers have a point. A text that a spreadsheet would take for a formula gets an apostrophe.
Words are Vietnamese, as those who open it are.

There is no row of totals: whoever sums a column would count everything twice. Totals and averages, which leave out
sites that are not known, are in HTML and JSON.
"""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import Any

from agent.console.report import words
from agent.console.report.local import Local

MARK = "\ufeff"
FORMULA = re.compile(r"(^|[;,\t\r\n])\s*[=+\-@]|^[\t\r\n]")  # also where it is opened with another separator
SITE_COLUMNS = (
    "Mã / Site",
    "Điểm cầu / Name",
    "Đơn vị / Path",
    "Bắt đầu / Starts",
    "Kết thúc / Ends",
    "Huỷ họp / Called off",  # có or không, yes or no
    "Triệu tập / Summoned",
    "Có mặt / Present",  # by the rule; empty: not known
    "Tỷ lệ % / Rate %",  # present of summoned; may be above 100
    "Đầu giờ / Begin",
    "Đếm lúc / Begin counted at",
    "Cao nhất / Peak",
    "Cao nhất lúc / Peak at",
    "Cuối giờ / End",
    "Đếm lúc / End counted at",
    "Trung bình / Mean",  # people over the known time
    "25 % lúc / 25 % at",  # of the peak were there
    "50 % lúc / 50 % at",
    "90 % lúc / 90 % at",
    "Phút có số liệu / Minutes known",
    "Phút chưa rõ / Minutes unknown",
    "Lý do chưa rõ / Why unknown",  # each with its minutes
    "Số lần đếm lại / Recounts",
    "Sai số máy % / Machine error %",  # the mean over the recounts at which the machine had a number
    "Sự cố và cảnh báo / Incidents",  # how many
    "Không có sự cố / Untroubled",  # có or không
    "Vì sao / Why not",
)
INCIDENT_COLUMNS = (
    "Mã / Site",
    "Điểm cầu / Name",
    "Từ / From",
    "Đến / To",  # empty: it lasted beyond the end, or still does
    "Mức / Severity",
    "Loại / Kind",
    "Việc gì / What",
    "In English",
    "Chi tiết / Detail",
    "Lý do / Reason",
    "Số lần / Times",
)

Cell = str | int | float | None


def sites(document: dict[str, Any], separator: str = ";") -> str:
    """One row a site, then for each roll-call moment the number and when it was counted: it may have been a little
    later. Times are the conference's local ones.
    """
    local = Local(document)
    calls = sorted({call["at"] for each in document["sites"] for call in each["roll_calls"]})
    titles = list(SITE_COLUMNS)
    for stamp in map(local.stamp, calls):
        titles += [f"Điểm danh / Roll-call {stamp}", f"Đếm lúc / Counted at {stamp}"]
    return _written(titles, (_site(each, calls, local, separator) for each in document["sites"]), separator)


def incidents(document: dict[str, Any], separator: str = ";") -> str:
    """One row an incident, by time."""
    local = Local(document)
    return _written(INCIDENT_COLUMNS, (_incident(each, local) for each in document["incidents"]), separator)


def _site(each: dict[str, Any], calls: Sequence[str], local: Local, separator: str) -> Iterable[Cell]:
    called = {call["at"]: call["seen"] for call in each["roll_calls"]}
    errors = [one["error"] for one in each["recounts"] if one["error"] is not None]
    return (
        each["site"],
        each["name"],
        " / ".join(each["path"]),
        local.stamp(each["starts_at"]),
        local.stamp(each["ends_at"]),
        _yes(each["called_off"]),
        each["summoned"],
        each["present"],
        _percent(each["rate"]),
        *_seen(each["begin"], local),
        *_seen(each["peak"], local),
        *_seen(each["end"], local),
        each["mean"],
        *(local.stamp(each["arrivals"].get(share)) for share in ("25%", "50%", "90%")),
        round(each["known_s"] / 60, 2),
        round(each["unknown_s"] / 60, 2),
        _why(each, separator),
        len(each["recounts"]),
        _percent(sum(errors) / len(errors) if errors else None),
        each["incidents"],
        None if each["trouble"] == "not_held" else _yes(each["untroubled"]),
        words.why_troubled(each)[0],
        *(cell for at in calls for cell in _seen(called.get(at), local)),
    )


def _incident(each: dict[str, Any], local: Local) -> Iterable[Cell]:
    return (
        each["site"],
        each["name"],
        local.stamp(each["from"]),
        local.stamp(each["to"]),
        words.SEVERITY[each["severity"]][0],
        each["kind"],
        each["words"]["vi"],
        each["words"]["en"],
        each["what"],
        each["why"]["vi"],
        each["times"],
    )


def _seen(seen: dict[str, Any] | None, local: Local) -> tuple[Cell, Cell]:
    return (None, None) if seen is None else (seen["people"], local.stamp(seen["at"]))


def _yes(is_so: bool) -> str:
    return "có" if is_so else "không"


def _why(each: dict[str, Any], separator: str) -> str:
    """``tối hoặc bị che 10,0 · phòng chưa bật 0,3``: minutes."""
    told = ((words.reason(reason)[0], f"{took_s / 60:.1f}") for reason, took_s in each["unknown"].items())
    return " · ".join(f"{reason} {_number(shown, separator)}" for reason, shown in told if shown != "0.0")


def _percent(share: float | None) -> float | None:
    return None if share is None else round(100 * share, 2)


def _written(titles: Iterable[str], rows: Iterable[Iterable[Cell]], separator: str) -> str:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=separator, lineterminator="\r\n")
    writer.writerow(titles)
    writer.writerows([_shown(cell, separator) for cell in row] for row in rows)
    return MARK + out.getvalue()


def _shown(cell: Cell, separator: str) -> str:
    if isinstance(cell, str):
        return f"'{cell}" if FORMULA.search(cell) else cell
    return "" if cell is None else _number(str(cell), separator)


def _number(shown: str, separator: str) -> str:
    return shown.replace(".", ",") if separator == ";" else shown
