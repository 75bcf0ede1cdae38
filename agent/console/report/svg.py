"""The charts inside the HTML. Only numbers and classes: colours are the style sheet's, so no inline style is needed."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from markupsafe import Markup

WIDTH, HEIGHT, LEFT, BELOW, ABOVE = 1000, 240, 48, 22, 10
POINTS_MAX = 500
SPARK_WIDTH, SPARK_HEIGHT = 120, 22
TICK_MINUTES = (1, 5, 10, 15, 30, 60, 120, 240, 720, 1440)
TICKS_MAX = 12


def thinned(curve: Sequence[Any], most: int = POINTS_MAX) -> list[tuple[int, Any]]:
    """Every so many values, with their places, so that a chart of a long day does not become heavy."""
    step = max(1, -(-len(curve) // most))
    return list(enumerate(curve))[::step]


def ticks(document: dict[str, Any]) -> range:
    """The steps of the curve over all sites at which the time is written."""
    made = document["total"]
    steps, every_s = len(made["present"]), made["every_s"]
    minutes = next((each for each in TICK_MINUTES if steps * every_s <= each * 60 * TICKS_MAX), TICK_MINUTES[-1])
    return range(0, steps + 1, round(minutes * 60 / every_s))


def total(document: dict[str, Any], clock: Callable[[int], str]) -> Markup:
    """Present at all sites over time. ``clock`` says when a step of the curve was."""
    made = document["total"]
    steps = len(made["present"])
    top = _round_up(max([*_most(made), made["summoned"], 1]))

    def x(step: float) -> float:
        return round(LEFT + (WIDTH - LEFT) * step / max(1, steps), 1)

    def y(people: float) -> float:
        return round(ABOVE + (HEIGHT - ABOVE - BELOW) * (1 - people / top), 1)

    parts = [*_grid(top, y), *_times(ticks(document), x, clock), _unknown(made, x, y)]
    if made["summoned"]:
        parts.append(f'<path class="summoned" d="M{LEFT} {y(made["summoned"])}H{WIDTH}"/>')
    parts.append(f'<path class="present" d="{_line(known(made), x, y)}"/>')
    return Markup(f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" aria-hidden="true">{"".join(parts)}</svg>')  # noqa: S704 # numbers


def known(total: dict[str, Any]) -> list[int | None]:
    """Present at each step; None where no site is known: that nobody was there, nobody says."""
    pairs = zip(total["present"], total["sites_unknown"], strict=True)
    return [people if unknown < total["sites"] else None for people, unknown in pairs]


def spark(curve: Sequence[int | None], summoned: int | None) -> Markup:
    """One site's curve; where nothing is known there is no line."""
    top = max([each for each in curve if each is not None] + [summoned or 0, 1])
    step = SPARK_WIDTH / max(1, len(curve))
    path, pen = [], "M"
    for number, people in thinned(curve, SPARK_WIDTH):
        if people is None:
            pen = "M"
            continue
        at, height = round(step * number, 1), round(1 + (SPARK_HEIGHT - 2) * (1 - people / top), 1)
        path.append(f"{pen}{at} {height}h{round(step, 2)}")
        pen = "L"
    line = "" if not summoned else _level(round(1 + (SPARK_HEIGHT - 2) * (1 - summoned / top), 1))
    drawn = f'{line}<path class="present" d="{"".join(path)}"/>'
    size = f'viewBox="0 0 {SPARK_WIDTH} {SPARK_HEIGHT}"'
    return Markup(f'<svg class="spark" {size} aria-hidden="true">{drawn}</svg>')  # noqa: S704 # numbers


def bar(rate: float | None) -> Markup:
    """A rate as a bar; above 100 % it is full."""
    width = round(100 * min(1.0, rate or 0.0), 1)
    kind = "nothing" if rate is None else "rate"
    return Markup(  # noqa: S704 # numbers
        '<svg class="bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="all" width="100" height="8"/><rect class="{kind}" width="{width}" height="8"/></svg>'
    )


def _line(curve: Sequence[int | None], x: Callable[[float], float], y: Callable[[float], float]) -> str:
    drawn, pen = [], "M"
    for step, people in thinned(curve):
        if people is not None:
            drawn.append(f"{pen}{x(step + 0.5)} {y(people)}")
        pen = "M" if people is None else "L"
    return "".join(drawn)


def _level(height: float) -> str:
    return f'<path class="summoned" d="M0 {height}H{SPARK_WIDTH}"/>'


def _most(total: dict[str, Any]) -> list[int]:
    """How many may have been there, had the sites that were not known been full."""
    return [sum(pair) for pair in zip(total["present"], total["summoned_unknown"], strict=True)]


def _unknown(total: dict[str, Any], x: Callable[[float], float], y: Callable[[float], float]) -> str:
    """The band between what was counted and what it may have been."""
    above = [f"{x(step + 0.5)},{y(people)}" for step, people in thinned(_most(total))]
    below = [f"{x(step + 0.5)},{y(people)}" for step, people in thinned(total["present"])]
    return f'<polygon class="unknown" points="{" ".join([*above, *reversed(below)])}"/>'


def _grid(top: int, y: Callable[[float], float]) -> Iterator[str]:
    for part in range(5):
        people = top * part / 4
        yield f'<path class="grid" d="M{LEFT} {y(people)}H{WIDTH}"/>'
        yield f'<text class="people" x="{LEFT - 6}" y="{y(people) + 4}">{people:g}</text>'


def _times(ticks: Sequence[int], x: Callable[[float], float], clock: Callable[[int], str]) -> Iterator[str]:
    for step in ticks[:-1]:  # the last would stand half outside
        yield f'<text class="time" x="{x(step)}" y="{HEIGHT - 4}">{clock(step)}</text>'


def _round_up(people: int) -> int:
    """To a number that divides well by four."""
    step = 4
    while people > 10 * step:
        step *= 5 if str(step)[0] in "42" else 2
    return -(-people // step) * step
