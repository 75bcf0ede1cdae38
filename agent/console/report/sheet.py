"""The report for a spreadsheet: one row a site, and another sheet with one row an incident.

UTF-8 with a byte order mark, without which Excel takes Vietnamese letters for others. Excel opens a ``.csv`` by the
machine's language: in Vietnamese that is ``;`` between cells and a comma in numbers, so this is how they are written;
with ``,`` between cells numbers have a point. A text that a spreadsheet would take for a formula gets an apostrophe.
"""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from agent.console.report.local import Local

MARK = "\ufeff"
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
SITE_COLUMNS = (
    "Mã / Site",
    "Điểm cầu / Name",
    "Đơn vị / Path",
    "Bắt đầu / Starts",
    "Kết thúc / Ends",
    "Huỷ họp / Called off",  # 1 or 0
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
    "Lý do chưa rõ / Why unknown",  # reason=minutes, joined by spaces
    "Số lần đếm lại / Recounts",
    "Sai số máy % / Machine error %",  # the mean over the recounts at which the machine had a number
    "Sự cố và cảnh báo / Incidents",
    "Không có sự cố / Untroubled",  # 1 or 0
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
    """One row a site, then a column for each roll-call moment. Times are the conference's local ones."""
    local = Local(document)
    calls = sorted({call["at"] for each in document["sites"] for call in each["roll_calls"]})
    titles = [*SITE_COLUMNS, *(f"Điểm danh / Roll-call {local.stamp(at)}" for at in calls)]
    return _written(titles, (_site(each, calls, local) for each in document["sites"]), separator)


def incidents(document: dict[str, Any], separator: str = ";") -> str:
    """One row an incident, by time."""
    local = Local(document)
    return _written(INCIDENT_COLUMNS, (_incident(each, local) for each in document["incidents"]), separator)


def _site(each: dict[str, Any], calls: Sequence[str], local: Local) -> Iterable[Cell]:
    called = {call["at"]: call["seen"] for call in each["roll_calls"]}
    errors = [one["error"] for one in each["recounts"] if one["error"] is not None]
    why = " ".join(f"{reason}={took_s / 60:.1f}" for reason, took_s in each["unknown"].items())
    return (
        each["site"],
        each["name"],
        " / ".join(each["path"]),
        local.stamp(each["starts_at"]),
        local.stamp(each["ends_at"]),
        int(each["called_off"]),
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
        why,
        len(each["recounts"]),
        _percent(sum(errors) / len(errors) if errors else None),
        each["incidents"],
        int(each["untroubled"]),
        *(seen["people"] if (seen := called.get(at)) else None for at in calls),
    )


def _incident(each: dict[str, Any], local: Local) -> Iterable[Cell]:
    return (
        each["site"],
        each["name"],
        local.stamp(each["from"]),
        local.stamp(each["to"]),
        each["severity"],
        each["kind"],
        each["words"]["vi"],
        each["words"]["en"],
        each["what"],
        each["reason"],
        each["times"],
    )


def _seen(seen: dict[str, Any] | None, local: Local) -> tuple[Cell, Cell]:
    return (None, None) if seen is None else (seen["people"], local.stamp(seen["at"]))


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
        return f"'{cell}" if cell.startswith(FORMULA) else cell
    shown = "" if cell is None else str(cell)
    return shown.replace(".", ",") if separator == ";" else shown
