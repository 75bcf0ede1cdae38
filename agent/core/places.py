"""Occupied places: what is remembered of a room so that a head that is down still counts.

A *place* is where a face was seen. Each look adds one bit to its history: seen or not. Who is there is judged from the
histories, not from any single look:

- *person or flicker*: a face that comes back in runs is a person; who walks through is seen nowhere often enough
  (``evidence``);
- *one or two*: places nearer than a face's width that were never seen in the same look are one person, who leans or is
  half hidden by a neighbour; once seen together they are two. A weak face beside a strong one is a part of it
  (``presence``);
- *left*: not seen for longer than people of this room ever look down (``evidence.left_after_s``);
- *a picture on the wall*: always there, and still as no living face is (``portraits``);
- *the camera moved*: all places move together (``pairing``), and are followed; if nothing is where it was, it looks
  elsewhere, and everything begins anew (``looking``).
"""

from dataclasses import dataclass, field
from typing import NamedTuple

HISTORY = (1 << 512) - 1  # looks that are remembered: 17 minutes at one every 2 s


class Spot(NamedTuple):
    """A face in one look: its middle and size in pixels of the frame, and its score."""

    x: float
    y: float
    w: float
    h: float
    score: float


class Place(NamedTuple):
    """Where a face was seen. Lengths are pixels, times seconds of watching.

    Attributes:
        number: Its name; never used again.
        x: Middle of the face, where the camera looked at first (``Places.offset``).
        bits: Its history, newest lowest, as of look number ``look``, the last one that saw it.
        born: Number of the look that saw it first.
        seen_s: When it was last seen well.
        best: Its best score; ``second`` the second best, which a single false one does not raise; ``usual`` their
            mean, older ones fading.
        is_person: A person more likely than a flicker.
        stir: Mean square of its own movement, in square pixels.
        still_s: Since when it has not moved.
    """

    number: int
    x: float
    y: float
    w: float
    h: float
    bits: int
    look: int
    born: int
    seen_s: float
    best: float
    second: float
    usual: float
    is_person: bool
    stir: float
    still_s: float

    @property
    def sightings(self) -> int:
        """In how many of the remembered looks it was seen."""
        return self.bits.bit_count()

    def distance(self, other: "Place") -> float:
        """Between the middles, in widths of the larger face."""
        apart = (self.x - other.x) ** 2 + (self.y - other.y) ** 2
        return float(apart**0.5) / max(self.w, other.w)


Pair = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Places:
    """All places, and what is known of the room as a whole. Replaced, never changed.

    Attributes:
        places: Ordered by ``x``.
        near: For each place that has some: the places that are near.
        together: For pairs that are near: in how many looks both were seen. Smaller number first.
        looks: How many looks were taken in.
        now_s: Seconds of watching so far. While nobody looks, or it is dark, this clock stands still.
        passed_s: Seconds between two looks, newer ones weighing more.
        followed: How often a person's sighting is followed by one at the next look (``evidence.followed_by``).
        numbers: The next place's number.
        offset: How far the camera moved since the first look, in pixels, as the faces of the newest look have it.
        mount: The same without the trembling: where the camera hangs. Few faces that move tell the trembling badly.
        typical_score: What the second best score of a person is in this room.
        gaps: How many times a face came up again, older ones fading; ``gaps_s`` how long they were down, together.
        hidden_share: Which part of the people is hidden at a moment.
        odds: Logarithm of the odds that what is seen newly in this room is a person and not a flicker.
        shown: How many faces a look shows, newer looks weighing more.
        strangers: For how many looks in a row nothing was where it was.
        restarts: How often everything began anew.
        counted: The places that somebody sits at.
        left: The places whose person has gone.
        portraits: Those of ``counted`` that are pictures.
    """

    places: tuple[Place, ...] = ()
    near: dict[int, tuple[int, ...]] = field(default_factory=dict)
    together: dict[Pair, int] = field(default_factory=dict)
    looks: int = 0
    now_s: float = 0.0
    passed_s: float = 2.0
    followed: float = 0.75
    numbers: int = 0
    offset: tuple[float, float] = (0.0, 0.0)
    mount: tuple[float, float] = (0.0, 0.0)
    typical_score: float = 0.9
    gaps: float = 0.0
    gaps_s: float = 0.0
    hidden_share: float = 0.5
    odds: float = 0.0
    shown: float = 0.0
    strangers: int = 0
    restarts: int = 0
    counted: frozenset[int] = frozenset()
    left: frozenset[int] = frozenset()
    portraits: frozenset[int] = frozenset()

    @property
    def people(self) -> int:
        """How many people are there."""
        return len(self.counted) - len(self.portraits)
