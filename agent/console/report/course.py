"""How the count went over time: as a curve, and when people had come. Pure."""

from collections.abc import Iterable, Sequence

from agent.console.report.pieces import Piece

ARRIVALS = (0.25, 0.5, 0.9)  # of the peak
STEP_KNOWN_MIN = 0.5 - 1e-9  # of a step's time, for the curve to have a value there


def curve(counted: Sequence[Piece], from_s: float, until_s: float, every_s: float) -> tuple[int | None, ...]:
    """The value that was known for longest in each step; None where none was known for more than half of the step."""
    steps = round((until_s - from_s) // every_s)
    known_s, longest_s, values = [0.0] * steps, [0.0] * steps, list[int | None]([None] * steps)
    for piece in counted:
        if piece.value is None:
            continue
        begins_s, ends_s = piece.from_s - from_s, piece.to_s - from_s
        share = piece.known_s / (ends_s - begins_s)
        for step in range(max(int(begins_s // every_s), 0), min(int(ends_s // every_s) + 1, steps)):
            edge_s = step * every_s
            next_s = edge_s + every_s  # no min and max: this is gone through a million times for the whole country
            took_s = share * ((ends_s if ends_s < next_s else next_s) - (begins_s if begins_s > edge_s else edge_s))
            known_s[step] += took_s
            if took_s > longest_s[step]:
                longest_s[step], values[step] = took_s, piece.value
    least_s = every_s * STEP_KNOWN_MIN
    return tuple(value if took_s >= least_s else None for value, took_s in zip(values, known_s, strict=True))


def arrivals(counts: Iterable[tuple[float, int | None]], peak: int, starts_s: float) -> dict[float, float]:
    """When a count, told by time, first reached each share of the peak. What had been reached before the start and was
    lost again then does not count: those may have been the people of a conference before.
    """
    found: dict[float, float] = {}
    if peak == 0:
        return found
    for at_s, people in counts:
        for share in ARRIVALS:
            if people is not None and people >= share * peak:
                found.setdefault(share, at_s)
            elif people is not None and at_s < starts_s:
                found.pop(share, None)
    return found
