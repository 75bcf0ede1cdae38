"""One drawn person of the simulated hall: what somebody looks like, and their picture with its transparency.

Everything is drawn once, large and without any image file, and then shrunk to the size of the seat; the shrinking
also does the anti-aliasing. Lengths are in units of half a face, as in `paint`. The proportions are the drawing
school's: brows, base of the nose and chin cut the face into thirds, and the face is five eyes wide. With plain
ellipses YuNet found 34 of 36 people and CenterFace 12; the shading of sockets, nose and lips lets both find all.

Any thread; nothing here keeps state.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from hw.simulated.audience import Look
from hw.simulated.paint import BOTTOM, LEFT, RIGHT, TOP, Colour, Layer, both_sides, mixed, times

#: How far the centre of a leaning face moves sideways, in units, and how far the head tilts, in degrees.
LEAN_SHIFT, LEAN_DEGREES = 0.42, 11.0

SKIN: tuple[Colour, ...] = (
    (178, 200, 236), (160, 186, 228), (142, 172, 219), (120, 154, 206), (98, 132, 186), (80, 112, 164),
)  # fmt: skip
HAIR: tuple[Colour, ...] = (
    (24, 22, 24), (30, 34, 44), (36, 44, 62), (34, 48, 72), (40, 62, 98), (58, 92, 134), (96, 148, 190),
)  # fmt: skip
#: Only the palest skins go with all colours of hair, the others with the first few; everybody may be grey.
DARK_HAIR = 4
GREY_HAIR: Colour = (150, 152, 154)
CLOTHES: tuple[Colour, ...] = (
    (92, 58, 40), (70, 66, 64), (120, 96, 52), (62, 84, 58), (66, 58, 128), (150, 132, 112), (110, 70, 104),
    (196, 190, 180), (60, 112, 150),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sprite:
    """The picture of one person, ready to be pasted.

    Attributes:
        premultiplied: BGR times alpha, (height, width, 3), uint8.
        see_through: 255 minus alpha, (height, width), uint8.
    """

    premultiplied: NDArray[np.uint8]
    see_through: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Appearance:
    """What an identity looks like; the same number always gives the same person."""

    skin: Colour
    hair: Colour
    clothes: Colour
    style: int  # 0 short, 1 side parting, 2 fringe, 3 long, 4 bun
    width: float  # of the face, 1 is average
    jaw: float  # of the jaw, 1 is average
    beard: bool
    glasses: bool
    side: int  # -1 or +1: where the parting is, and to which side this person leans

    @classmethod
    def of(cls, identity: int) -> "Appearance":
        """Choose every feature from the identity (0 or more) and from nothing else."""
        rng = np.random.default_rng(identity)
        style, skin = int(rng.integers(5)), int(rng.integers(len(SKIN)))
        fair = len(HAIR) if skin < 2 else DARK_HAIR
        return cls(
            skin=SKIN[skin],
            hair=GREY_HAIR if rng.random() < 0.15 else HAIR[rng.integers(fair)],
            clothes=CLOTHES[rng.integers(len(CLOTHES))],
            style=style,
            width=float(rng.uniform(0.95, 1.05)),
            jaw=float(rng.uniform(0.92, 1.06)),
            beard=style < 2 and rng.random() < 0.25,
            glasses=bool(rng.random() < 0.15),
            side=int(rng.choice((-1, 1))),
        )


def lean_side(identity: int) -> int:
    """Tell to which side a person leans: -1 left, +1 right in the picture."""
    return Appearance.of(identity).side


def draw_body(who: Appearance) -> Layer:
    """Draw shoulders, collar and neck."""
    body = Layer()
    shoulders = [(0.3, 1.12), (0.8, 1.34), (1.4, 1.52), (1.72, 1.9), (1.8, 2.6), (0.0, 2.9)]
    body.fill(both_sides([(0.0, 1.2), *shoulders]), who.clothes)
    for x in (-1.0, 1.0):
        body.shade(x, 1.5, 0.5, 0.22, 0.14)
        body.shade(1.75 * x, 2.0, 0.3, 0.5, -0.35)
    neck = times(who.skin, 0.86)
    body.fill([(-0.4, 0.4), (0.4, 0.4), (0.42, 1.15), (0.3, 1.4), (0.0, 1.56), (-0.3, 1.4), (-0.42, 1.15)], neck)
    body.shade(0.0, 0.95, 0.6, 0.26, -0.42)
    for x in (-1, 1):
        collar = [(0.4 * x, 1.06), (0.62 * x, 1.26), (0.3 * x, 1.78), (0.03 * x, 1.62)]
        body.fill(collar, times(who.clothes, 1.25))
    return body


def draw_head(who: Appearance) -> Layer:
    """Draw a head that looks into the camera."""
    head = Layer()
    draw_hair_behind(head, who)
    w = who.width
    for x in (-1, 1):
        head.fill([(0.7 * x * w, -0.2), (0.86 * x * w, -0.24), (0.86 * x * w, 0.1), (0.7 * x * w, 0.3)], who.skin)
        head.shade(0.8 * x * w, 0.02, 0.06, 0.14, -0.3)
    draw_face(head, who)
    for x in (-1, 1):
        draw_eye(head, who, 0.315 * x * w)
    draw_nose(head)
    draw_mouth(head, who)
    if who.glasses:
        draw_glasses(head, w)
    draw_hair_in_front(head, who)
    return head


def draw_face(head: Layer, who: Appearance) -> None:
    """Draw the skin of the face and the light on it: forehead, sockets, cheeks, jaw."""
    w, j = who.width, who.jaw
    half = [(0.0, -1.2), (0.5, -1.05), (0.71, -0.6), (0.74, -0.1), (0.7, 0.3)]
    jaw = [(0.57 * j, 0.66), (0.33 * j, 0.93), (0.0, 1.02)]
    head.fill(both_sides([(x * w, y) for x, y in [*half, *jaw]]), who.skin)
    if who.beard:
        cut = [(0.0, 0.44), (0.24, 0.45), (0.38, 0.6), (0.56, 0.46), (0.68, 0.16), (0.69, 0.36)]
        head.fill(both_sides([(x * w, y) for x, y in [*cut, *jaw]]), mixed(who.hair, who.skin, 0.35))
    head.shade(0.0, -0.62, 0.5, 0.3, 0.1)
    for x in (-1, 1):
        head.shade(0.78 * x * w, 0.1, 0.24, 0.9, -0.34)
        head.shade(0.315 * x * w, -0.2, 0.24, 0.15, -0.2)
        head.shade(0.4 * x * w, 0.24, 0.2, 0.16, 0.1, (0.5, 0.7, 1.2))
        head.shade(0.5 * x * w, 0.8, 0.24, 0.24, -0.16)
    head.shade(0.0, 0.86, 0.16, 0.1, 0.08)


def draw_eye(head: Layer, who: Appearance, x: float) -> None:
    """Draw one eye with its lids and its brow, at the height y = -0.15."""
    y, side = -0.15, 1 if x > 0 else -1
    head.fill([(x - 0.15, y + 0.01), (x, y - 0.075), (x + 0.15, y + 0.01), (x, y + 0.065)], (226, 230, 234))
    head.oval(x, y - 0.005, 0.068, 0.068, (40, 52, 70))
    head.oval(x, y - 0.005, 0.034, 0.034, (12, 12, 14))
    head.oval(x + 0.025, y - 0.03, 0.014, 0.014, (250, 250, 250))
    lid = [(x - 0.165, y + 0.01), (x - 0.08, y - 0.065), (x, y - 0.085), (x + 0.08, y - 0.065), (x + 0.165, y + 0.01)]
    head.stroke(lid, 0.035, times(who.skin, 0.28))
    head.shade(x, y + 0.13, 0.15, 0.05, -0.14)
    inner, middle, outer = x - 0.17 * side, x + 0.04 * side, x + 0.22 * side
    brow = [(inner, -0.34), (middle, -0.42), (outer, -0.33), (middle, -0.355), (inner, -0.28)]
    head.fill(brow, times(who.hair, 0.8) if sum(who.hair) < 350 else times(who.skin, 0.5))


def draw_nose(head: Layer) -> None:
    """Draw the nose by its light only, as a camera sees it from the front."""
    head.shade(0.0, 0.0, 0.07, 0.28, 0.14)
    head.shade(0.0, 0.24, 0.09, 0.08, 0.16)
    for x in (-1, 1):
        head.shade(0.13 * x, 0.0, 0.05, 0.24, -0.16)
        head.shade(0.17 * x, 0.28, 0.06, 0.08, -0.3)
        head.shade(0.075 * x, 0.345, 0.045, 0.03, -0.6)
    head.shade(0.0, 0.39, 0.18, 0.05, -0.28)


def draw_mouth(head: Layer, who: Appearance) -> None:
    """Draw lips that are closed and mildly friendly."""
    b, g, r = who.skin
    lip = (b * 0.62, g * 0.55, r * 0.8)
    head.fill([(-0.27, 0.575), (-0.08, 0.515), (0.0, 0.53), (0.08, 0.515), (0.27, 0.575), (0.0, 0.6)], times(lip, 0.9))
    head.fill([(-0.26, 0.58), (0.0, 0.6), (0.26, 0.58), (0.12, 0.675), (-0.12, 0.675)], times(lip, 1.1))
    head.stroke([(-0.28, 0.57), (-0.1, 0.595), (0.1, 0.595), (0.28, 0.57)], 0.025, times(lip, 0.4))
    head.shade(0.0, 0.74, 0.16, 0.05, -0.25)
    for x in (-1, 1):
        head.shade(0.31 * x, 0.57, 0.05, 0.05, -0.25)


def draw_glasses(head: Layer, w: float) -> None:
    """Draw thin frames, which leave the eyes to be seen."""
    angles = np.linspace(0, 2 * np.pi, 25)
    for x in (-1, 1):
        rim = [(0.32 * x * w + 0.22 * np.cos(a), -0.13 + 0.17 * np.sin(a)) for a in angles]
        head.stroke(rim, 0.02, (50, 48, 46))
        head.stroke([(0.54 * x * w, -0.16), (0.74 * x * w, -0.18)], 0.02, (50, 48, 46))
    head.stroke([(-0.1, -0.15), (0.1, -0.15)], 0.02, (50, 48, 46))


def draw_hair_behind(head: Layer, who: Appearance) -> None:
    """Draw the hair that the face covers: the skull's, a long cut, a bun."""
    dark = times(who.hair, 0.8)
    if who.style == 4:
        head.oval(0.0, -1.42, 0.3, 0.24, dark)
    if who.style == 3:
        head.fill(both_sides([(0.0, -1.4), (0.7, -1.15), (0.92, -0.5), (0.98, 0.4), (1.0, 1.2), (0.6, 1.4)]), dark)
        head.fill([(-0.45, 0.3), (0.45, 0.3), (0.42, 1.3), (-0.42, 1.3)], times(who.skin, 0.6))
    head.fill(both_sides([(0.0, -1.38), (0.5, -1.25), (0.82, -0.8), (0.86, -0.3), (0.74, 0.0), (0.0, 0.1)]), dark)


def draw_hair_in_front(head: Layer, who: Appearance) -> None:
    """Draw the hair above the hair line, which tells the cuts apart."""
    w, s = who.width, who.side
    outer = [(-0.8 * w, -0.2), (-0.88 * w, -0.7), (-0.6, -1.25), (0.0, -1.45), (0.6, -1.25), (0.88 * w, -0.7)]
    line = {
        0: [(0.62, -0.72), (0.35, -0.93), (0.0, -0.9), (-0.35, -0.93), (-0.62, -0.72)],
        1: [(0.64, -0.62), (0.4, -0.74), (0.0, -0.86), (-0.42, -1.04), (-0.62, -0.7)],
        2: [(0.64, -0.6), (0.4, -0.62), (0.0, -0.64), (-0.4, -0.62), (-0.64, -0.6)],
        3: [(0.66, -0.4), (0.45, -0.8), (0.05, -1.02), (-0.45, -0.8), (-0.66, -0.4)],
        4: [(0.64, -0.65), (0.4, -0.92), (0.0, -1.0), (-0.4, -0.92), (-0.64, -0.65)],
    }[who.style]
    cap = [*outer, (0.8 * w, -0.2), (0.7 * w, -0.3), *((x * w, y) for x, y in line), (-0.7 * w, -0.3)]
    head.fill([(x * s, y) for x, y in cap], who.hair)
    for x in np.linspace(-0.62, 0.62, 9):
        head.stroke([(0.5 * x, -1.36), (x, -1.12), (1.12 * x, -0.98)], 0.02, times(who.hair, 0.84))
    head.shade(-0.25 * s, -1.2, 0.4, 0.13, 0.3)
    head.shade(0.7 * s, -0.8, 0.2, 0.4, -0.2)


def draw_bowed_head(who: Appearance) -> Layer:
    """Draw a head seen from above: nothing but hair that falls from the crown.

    A smooth brown head above a collar was taken for a face by the smaller YuNet (15 of 1141), and so was a whorl in
    the middle; strands that fall from the top, on a head broader than tall, are not.
    """
    head = Layer()
    half = [(0.0, -0.2), (0.6, -0.08), (0.93, 0.35), (0.95, 0.85), (0.7, 1.3), (0.0, 1.45)]
    if who.style == 3:
        half = [*half[:3], (1.02, 1.0), (0.95, 1.6), (0.0, 1.75)]
    head.fill(both_sides(half), who.hair)
    x, y = 0.12 * who.side, -0.16
    for strand, angle in enumerate(np.linspace(-0.4, np.pi + 0.4, 24)):
        along = [(x + r * np.cos(angle), y + r * np.sin(angle) + 0.12 * r * r) for r in (0.0, 0.5, 1.0, 1.6)]
        head.stroke(along, 0.045, times(who.hair, (0.66, 1.25, 0.85)[strand % 3]))
    head.shade(0.0, 1.5, 1.1, 0.4, -0.35)
    return head


def draw_sprite(identity: int, look: Look, half_height: int) -> Sprite:
    """Draw a person at the size of a seat.

    Args:
        identity: Who; 0 or more.
        look: How the person holds the head.
        half_height: Half the height of the face, in pixels.

    Returns:
        A sprite whose top left corner belongs ``LEFT``, ``TOP`` times ``half_height`` away from the face's centre.
    """
    who = Appearance.of(identity)
    picture = draw_body(who)
    head = draw_bowed_head(who) if look == "down" else draw_head(who)
    if look == "lean":
        head = head.tilted(who.side * LEAN_DEGREES, who.side * LEAN_SHIFT)
    head.lay_on(picture)
    size = (round((RIGHT - LEFT) * half_height), round((BOTTOM - TOP) * half_height))
    alpha = cv2.resize(picture.alpha, size, interpolation=cv2.INTER_AREA)
    colour = cv2.resize(picture.bgr * picture.alpha[..., None], size, interpolation=cv2.INTER_AREA)
    return Sprite(np.clip(colour, 0, 255).astype(np.uint8), np.rint(255 - alpha * 255).astype(np.uint8))
