"""The time without a count, of one site: for how long, why, and from when to when. Pure."""

from collections.abc import Sequence

from agent.console.report.pieces import Piece
from agent.console.report.told import Blind, Stretch, joined

STRETCH_LEAST_S = 60.0
PICTURE = {"dark", "frozen"}  # somebody may have covered the camera: that is told however short
PICTURE_LEAST_S = 10.0
LATE_ROWS = {"no_rows", "site_lost"}  # why the last rows are missing, where they may come yet
NEARLY = 1 - 1e-9  # sums of seconds are a little off


def unknown(counted: Sequence[Piece], empty: Sequence[Stretch]) -> dict[str, float]:
    """Seconds without a count by reason."""
    found: dict[str, float] = {}
    for each in empty:
        found[each.reason] = found.get(each.reason, 0.0) + each.to_s - each.from_s
    for piece in counted:
        for reason, took_s in piece.unknown.items():
            found[reason] = found.get(reason, 0.0) + took_s
    return dict(sorted(found.items()))


def stretches(counted: Sequence[Piece], empty: Sequence[Stretch]) -> tuple[Stretch, ...]:
    """Those of a minute or more, but for what ``blind`` tells."""
    without = [piece for piece in counted if piece.value is None]
    dark = [Stretch(each.from_s, each.to_s, max(each.unknown, key=each.unknown.__getitem__)) for each in without]
    long = joined([*empty, *(each for each in dark if each.reason not in PICTURE)], 1.0)
    return tuple(each for each in long if each.to_s - each.from_s >= STRETCH_LEAST_S)


def blind(counted: Sequence[Piece]) -> tuple[Blind, ...]:
    """When the picture showed nothing: from the edges of the windows; when within them, they do not tell."""
    found, some = list[Blind](), [piece for piece in counted if piece.unknown]
    for reason in sorted(PICTURE):
        last: Blind | None = None
        for piece in some:
            took_s = piece.unknown.get(reason, 0.0)
            if took_s <= 0:
                continue
            if last is not None and piece.from_s - last.to_s <= 1.0:
                last = found[-1] = last._replace(to_s=piece.to_s, took_s=last.took_s + took_s)
            else:
                last = Blind(piece.from_s, piece.to_s, reason, took_s)
                found.append(last)
    return tuple(each for each in found if each.took_s >= PICTURE_LEAST_S * NEARLY)


def is_late(empty: Sequence[Stretch], until_s: float) -> bool:
    """The rows of the end are missing, and may come yet."""
    return bool(empty) and empty[-1].to_s == until_s and empty[-1].reason in LATE_ROWS
