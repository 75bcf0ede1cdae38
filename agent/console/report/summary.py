"""The report's first sentences, in the way of the report of 2012: how many sites ran without trouble, who attended."""

import math
from collections.abc import Mapping
from typing import Any

from agent.console.report.local import Local
from agent.console.report.words import Words

HALF = 0.5 + 1e-9


def summary(document: Mapping[str, Any]) -> Words:
    """Vietnamese and English. ``document`` is the report's."""
    state, made = document["conference"]["state"], document["averages"]
    if state == "called_off":
        return "Hội nghị đã bị huỷ ở mọi điểm cầu.", "The conference was called off for every site."
    if state == "not_begun":
        return "Hội nghị chưa bắt đầu.", "The conference has not begun."
    parts = [_now(state), _trouble(document), _rates(made), _off(made)]
    return " ".join(each[0] for each in parts if each[0]), " ".join(each[1] for each in parts if each[1])


def notes(document: Mapping[str, Any]) -> list[Words]:
    """What must be known before the figures are read; none where all is as it was planned."""
    local, made, found = Local(document), document["conference"], list[Words]()
    if made["state"] == "running":
        until = local.clock(made["until"])
        found.append((f"Hội nghị đang diễn ra: số liệu đến {until}", f"The conference is on: figures up to {until}"))
    if made["ended_early"]:
        at, planned = local.clock_beside(made["ends_at"], made["planned_ends_at"]), local.clock(made["planned_ends_at"])
        found.append((f"Kết thúc sớm lúc {at} (theo kế hoạch {planned})", f"Ended early at {at}, planned {planned}"))
    if missing := document["rows_missing"]:
        found.append(
            (
                f"Còn thiếu dữ liệu của {missing} điểm cầu, hãy chạy lại báo cáo sau",
                f"Rows of {_sites(missing)} are still missing, make the report again later",
            )
        )
    return found


def percent(share: float | None, comma: str = ",") -> str:
    """``98,4 %``; unknown is ``—``. Never rounded up to a whole that it is not."""
    if share is None:
        return "—"
    shown = 99.9 if 0.999 <= share < 1 else math.floor(share * 1000 + HALF) / 10  # people round a half up
    return f"{shown:.1f}".replace(".", comma) + "\u00a0%"


def _now(state: str) -> Words:
    if state != "running":
        return "", ""
    return "Hội nghị đang diễn ra, số liệu tính đến lúc này.", "The conference is on: all of this is up to now."


def _trouble(document: Mapping[str, Any]) -> Words:
    sites, well = document["conference"]["sites"], document["untroubled"]
    return f"{well}/{sites} điểm cầu hoạt động không có sự cố.", f"{well} of {_sites(sites)} ran without trouble."


def _rates(made: Mapping[str, Any]) -> Words:
    mean, weighted, known, left_out = made["mean_of_rates"], made["weighted"], made["known"], made["left_out"]
    if not known:
        return (
            f"Không có số liệu về người tham dự ({made['sites']} điểm cầu, triệu tập {made['summoned']} người).",
            f"Nobody knows how many attended ({_sites(made['sites'])}, {made['summoned']} people summoned).",
        )
    vi = f"Tỷ lệ tham dự trung bình {percent(mean['value'])}"
    en = f"Average attendance {percent(mean['value'], '.')}"
    if left_out:
        low, high = mean["low"], mean["high"]
        vi += f" ({known} điểm cầu có số liệu; {left_out} chưa rõ, nên từ {percent(low)} đến {percent(high)})"
        en += f" (over {_sites(known)}; {left_out} not known, so {percent(low, '.')} to {percent(high, '.')})"
    people = made["present"], made["summoned_known"]
    vi += f"; có mặt {people[0]}/{people[1]} người được triệu tập ({percent(weighted['value'])})."
    en += f"; {people[0]} of {people[1]} summoned were present ({percent(weighted['value'], '.')})."
    return _with_cap((vi, en), made)


def _with_cap(said: Words, made: Mapping[str, Any]) -> Words:
    """More came than were summoned: the true number stays, and what it would be without them stands beside it."""
    if not made["over"]:
        return said
    over, capped = made["over"], made["mean_of_rates"]["capped"]
    return (
        f"{said[0]} {over} điểm cầu có nhiều người hơn số triệu tập; nếu tính tối đa 100 % thì trung bình "
        f"{percent(capped)}.",
        f"{said[1]} At {_sites(over)} more came than were summoned; with 100 % at most for each the average is "
        f"{percent(capped, '.')}.",
    )


def _off(made: Mapping[str, Any]) -> Words:
    vi, en = [], []
    if made["called_off"]:
        vi.append(f"{made['called_off']} điểm cầu đã được huỷ họp, không tính.")
        en.append(f"Called off and not counted: {_sites(made['called_off'])}.")
    if made["without_number"]:
        vi.append(f"{made['without_number']} điểm cầu không có số triệu tập, không tính vào trung bình.")
        en.append(f"Without a number of summoned, and not in the averages: {_sites(made['without_number'])}.")
    return " ".join(vi), " ".join(en)


def _sites(number: int) -> str:
    return f"{number} site" if number == 1 else f"{number} sites"
