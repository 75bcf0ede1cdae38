"""What people are told of the lamp is what it does: README.md, hw/README.md and the page for a site."""

import html
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from agent.core.commands import LedPattern
from hw.led import rhythm_of

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "hw/huong-dan-diem-cau.html").read_text(encoding="utf-8")
PATTERNS = get_args(LedPattern)
FLASHES = 3  # of a fault, where one is drawn
WINDOW_S = 4.0
HEAD = "đèn | nghĩa là | lamp | meaning"


def rows(file: str, head: str) -> list[list[str]]:
    """The cells of the table under a headline."""
    text = (ROOT / file).read_text(encoding="utf-8")
    lines = text[text.index(f"| {head} |") :].partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines]


def table() -> dict[str, list[str]]:
    """hw/README.md: the pattern's name, and the rest of its row."""
    found = rows("hw/README.md", f"pattern | {HEAD} | seconds lit, dark")
    return {name.strip("`"): cells for name, *cells in found}


def page_row(pattern: str) -> list[str]:
    """The cells of a row of the page: the strip, and three texts."""
    row = re.search(rf'<tr data-pattern="{pattern}">(.*?)</tr>', PAGE)
    assert row is not None, f"{pattern} is not on the page"
    return [html.unescape(cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", row[1])]


def lit(pattern: LedPattern) -> Iterator[tuple[int, int]]:
    """When the lamp is lit within the window: begin and length in hundredths of a second."""
    rhythm = rhythm_of(pattern, FLASHES)
    if isinstance(rhythm, bool):
        yield from [(0, round(WINDOW_S * 100))] if rhythm else []
        return
    at_s = 0.0
    while at_s < WINDOW_S:
        for lit_s, dark_s in rhythm:
            if at_s < WINDOW_S:
                yield round(at_s * 100), round(min(lit_s, WINDOW_S - at_s) * 100)
            at_s += lit_s + dark_s


def test_every_pattern_is_told_of_and_no_other() -> None:
    assert set(table()) == set(PATTERNS)
    assert set(re.findall(r'data-pattern="(\w+)"', PAGE)) == set(PATTERNS)


def test_the_readmes_say_the_same() -> None:
    assert [cells[:4] for cells in table().values()] == rows("README.md", HEAD)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_the_page_says_what_the_readmes_say(pattern: str) -> None:
    assert page_row(pattern)[1:3] == table()[pattern][:2]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_the_page_draws_what_the_lamp_does(pattern: LedPattern) -> None:
    strip = page_row(pattern)[0]
    assert f'viewBox="0 0 {WINDOW_S * 100:g} ' in strip
    drawn = [(int(x), int(width)) for x, width in re.findall(r'<rect x="(\d+)" width="(\d+)"', strip)]
    assert drawn == list(lit(pattern))


@pytest.mark.parametrize("pattern", PATTERNS)
def test_the_seconds_are_the_lamps(pattern: LedPattern) -> None:
    said = table()[pattern][4]
    rhythm = rhythm_of(pattern, FLASHES)
    if isinstance(rhythm, bool):
        assert said == ("always lit" if rhythm else "always dark")
        return
    beats = re.findall(r"([\d.]+), ([\d.]+)(?: ×(\d+))?", said)
    told = [(float(lit_s), float(dark_s)) for lit_s, dark_s, times in beats for _ in range(int(times or 1))]
    assert told == list(rhythm)
