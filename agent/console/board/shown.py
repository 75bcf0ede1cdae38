"""What open pages show, as rendered text: a fold of the live side's changes, and the difference for one page. Pure.

Each piece remembers the number of the picture that it came with, so a page that knows number n is told exactly what is
newer: the next change as a rule, more after a slow line or a lost one. There is no queue that could run full.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from agent.console.board.charts import spark
from agent.console.board.live import Change, Picture
from agent.console.board.render import PAGES
from agent.console.board.tile import State, Tile, Words
from agent.console.board.totals import Totals, totals

LEVELS = 3  # of the hierarchy, by which one can group: province, district, commune

STATE: Mapping[State, Words] = {
    "offline": ("ngoại tuyến", "offline"),
    "fault": ("sự cố", "fault"),
    "warning": ("cảnh báo", "warning"),
    "unknown": ("chưa rõ", "unknown"),
    "ready": ("sẵn sàng", "ready"),
}
SHAPE: Mapping[State, str] = {"offline": "✕", "fault": "■", "warning": "▲", "unknown": "?", "ready": "●"}


@dataclass(frozen=True, slots=True)
class Cell:
    """A tile as HTML; ``number`` is that of the picture it came with, ``groups`` the ids of those it is in."""

    html: str
    number: int
    groups: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """Sites that share the first names of their paths, with the head above them as HTML."""

    id: str
    level: int
    path: tuple[str, ...]
    totals: Totals
    html: str
    number: int


@dataclass(frozen=True, slots=True)
class Shown:
    """All of it. ``gone`` and ``heard`` say with which picture a site went, or was last heard."""

    picture: Picture = field(default_factory=Picture)
    cells: Mapping[str, Cell] = field(default_factory=dict)
    groups: Mapping[str, Group] = field(default_factory=dict)
    gone: Mapping[str, int] = field(default_factory=dict)
    heard: Mapping[str, int] = field(default_factory=dict)

    @property
    def number(self) -> int:
        """Of the picture."""
        return self.picture.number

    def html(self, sites: Iterable[str]) -> Iterator[str]:
        """The tiles of these sites."""
        return (self.cells[site].html for site in sites)


def fold(shown: Shown, change: Change) -> Shown:
    """Take a change in; one that is older than what is shown changes nothing."""
    picture = change.picture
    if picture.number < shown.number:
        return shown
    tiles, number = picture.tiles, picture.number
    # What the first change does not name was there before we listened.
    changed = [site for site in (change.changed if shown.cells else tiles) if site in tiles]
    cells = {site: cell for site, cell in shown.cells.items() if site in tiles}
    touched = {each for site in {*changed, *change.gone} & shown.cells.keys() for each in shown.cells[site].groups}
    for site in changed:
        cells[site] = cell(tiles[site], number)
        touched.update(cells[site].groups)
    went = dict.fromkeys(shown.cells.keys() - cells.keys(), number)
    return Shown(
        picture=picture,
        cells=cells,
        groups=_groups(shown.groups, touched, picture, cells),
        gone={site: at for site, at in {**shown.gone, **went}.items() if site not in cells},
        heard={**shown.heard, **dict.fromkeys(change.heard, number)},
    )


def cell(tile: Tile, number: int) -> Cell:
    """Render one tile."""
    groups = tuple(group_id(tile.path[: level + 1]) for level in range(min(LEVELS, len(tile.path))))
    html = _TILE.render(
        tile=tile,
        groups=groups,
        state=STATE[tile.state],
        shape=SHAPE[tile.state],
        spark=spark(tile.trend, tile.summoned) if tile.trend else "",
    )
    return Cell(html, number, groups)


_TILE = PAGES.get_template("tile.html")
_GROUP = PAGES.get_template("group.html")


def group_id(path: tuple[str, ...]) -> str:
    """Short, the same after a restart, and safe in an address."""
    return hashlib.sha256("\n".join(path).encode("utf-8", "replace")).hexdigest()[:8]


def _groups(
    known: Mapping[str, Group], touched: set[str], picture: Picture, cells: Mapping[str, Cell]
) -> Mapping[str, Group]:
    """The groups, those that were touched reckoned anew; one without sites is no more."""
    if not touched:
        return known
    members: dict[str, list[Tile]] = {each: [] for each in touched}
    for site, tile in picture.tiles.items():
        for each in cells[site].groups:
            if each in members:
                members[each].append(tile)
    made = {each: _group(each, cells, tiles, picture.number) for each, tiles in members.items() if tiles}
    return {**{each: group for each, group in known.items() if each not in touched}, **made}


def _group(of: str, cells: Mapping[str, Cell], tiles: list[Tile], number: int) -> Group:
    level = cells[tiles[0].site].groups.index(of)
    path, sums = tiles[0].path[: level + 1], totals(tiles)
    html = _GROUP.render(id=of, path=path, totals=sums, words=STATE, shapes=SHAPE)
    return Group(of, level, path, sums, html, number)


def newer(shown: Shown, since: int) -> dict[str, object]:
    """What a page that shows picture ``since`` is told of tiles and groups."""
    return {
        "tiles": [[site, each.html] for site, each in shown.cells.items() if each.number > since],
        "gone": [site for site, number in shown.gone.items() if number > since],
        "groups": [[each.id, each.level, each.html] for each in shown.groups.values() if each.number > since],
    }
