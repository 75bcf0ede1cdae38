"""The geometry of a room by characters: places with how often they are seen, zones outlined. Never a picture."""

from agent.core.config import Polygon
from agent.core.contract import Aim, Place

COLUMNS, ROWS = 72, 20  # 16:9 in characters that are twice as high as wide
ROWS_LISTED = 20
LEGEND = (
    "0-9: chỗ ngồi, tần suất thấy mặt ×10 % (9 = từ 90 %) / a place, how often a face is seen there\n"
    "+ vùng đếm / include · x vùng loại / exclude · ? mặt không tính / a face that is set aside"
)


def drawn(aim: Aim) -> str:
    """The frame, ``COLUMNS`` by ``ROWS`` characters in a box."""
    grid = [[" "] * COLUMNS for _ in range(ROWS)]
    for polygons, mark in ((aim.include, "+"), (aim.exclude, "x")):
        for polygon in polygons:
            _outline(grid, polygon, mark)
    for face in aim.set_aside:
        _dot(grid, face.x + face.w / 2, face.y + face.h / 2, "?")
    for place in sorted(aim.places, key=lambda each: each.seen_share):  # where two meet, the surer one is seen
        _dot(grid, place.x + place.w / 2, place.y + place.h / 2, str(min(9, int(place.seen_share * 10))))
    edge = "+" + "-" * COLUMNS + "+"
    return "\n".join([edge, *("|" + "".join(row) + "|" for row in grid), edge])


def listed(aim: Aim) -> str:
    """The places as rows of numbers, those seen most first."""
    if not aim.places:
        return "Chưa có chỗ ngồi nào. No places yet."
    by_share = sorted(aim.places, key=lambda place: -place.seen_share)
    lines = ["     x      y      w      h   thấy / seen", *map(_row, by_share[:ROWS_LISTED])]
    more = len(by_share) - ROWS_LISTED
    return "\n".join(lines + ([f"… và / and {more} (--json)"] if more > 0 else []))


def _row(place: Place) -> str:
    numbers = " ".join(f"{number:6.3f}" for number in (place.x, place.y, place.w, place.h))
    return f"{numbers}   {place.seen_share:4.0%}"


def _outline(grid: list[list[str]], polygon: Polygon, mark: str) -> None:
    for (x1, y1), (x2, y2) in zip(polygon, polygon[1:] + polygon[:1], strict=True):
        steps = 1 + 2 * round(max(abs(x2 - x1) * COLUMNS, abs(y2 - y1) * ROWS))  # two to a cell leave no gap
        for step in range(steps + 1):
            part = step / steps
            _dot(grid, x1 + (x2 - x1) * part, y1 + (y2 - y1) * part, mark)


def _dot(grid: list[list[str]], x: float, y: float, mark: str) -> None:
    """A mark at a point of the frame; the right and lower edge belong to the last cell, what is outside to none."""
    if 0 <= x <= 1 and 0 <= y <= 1:
        grid[min(ROWS - 1, int(y * ROWS))][min(COLUMNS - 1, int(x * COLUMNS))] = mark
