"""Soft painting for the drawn hall: transparent sheets, smooth outlines, light and shade.

Lengths are in *units* of half a face around the centre of somebody's face: the hair line is at y = -1, the chin at
y = +1, x grows to the right and y downwards. Colours are blue, green, red, 0 to 255.

Any thread, as long as each sheet stays on one.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

Colour = tuple[float, float, float]
Points = Sequence[tuple[float, float]]

#: Pixels per unit while drawing: twice the largest face of a 960x540 picture (45 px), so shrinking only sharpens.
SCALE = 96
#: What one sprite covers, in units around the centre of the face. The desk begins at BOTTOM.
LEFT, TOP, RIGHT, BOTTOM = -2.2, -1.7, 2.2, 2.0


class Layer:
    """A transparent sheet to draw on, in units; sheets are laid on each other."""

    def __init__(self) -> None:
        height, width = round((BOTTOM - TOP) * SCALE), round((RIGHT - LEFT) * SCALE)
        self.bgr: NDArray[np.float32] = np.zeros((height, width, 3), np.float32)
        self.alpha: NDArray[np.float32] = np.zeros((height, width), np.float32)

    def fill(self, outline: Points, colour: Colour) -> None:
        """Fill a smooth closed shape through the given points."""
        pixels = to_pixels(smooth(outline))
        cv2.fillPoly(self.bgr, [pixels], colour)
        cv2.fillPoly(self.alpha, [pixels], (1.0,))

    def oval(self, x: float, y: float, rx: float, ry: float, colour: Colour) -> None:
        """Fill an ellipse with the given centre and radii."""
        angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
        self.fill([(x + rx * np.cos(a), y + ry * np.sin(a)) for a in angles], colour)

    def stroke(self, points: Points, width: float, colour: Colour) -> None:
        """Draw an open line through the given points; leaves the transparency alone."""
        line = to_pixels(np.asarray(points))
        cv2.polylines(self.bgr, [line], False, colour, max(1, round(width * SCALE)))

    def shade(self, x: float, y: float, rx: float, ry: float, by: float, tint: Colour = (1, 1, 1)) -> None:
        """Lighten (by > 0) or darken (by < 0) a soft round spot; ``tint`` weighs the three channels."""
        x0, y0 = to_pixels(np.array([[x - 2.2 * rx, y - 2.2 * ry]]))[0].clip(0)
        x1, y1 = to_pixels(np.array([[x + 2.2 * rx, y + 2.2 * ry]]))[0].clip(1)
        spot = self.bgr[y0:y1, x0:x1]
        across = np.exp(-((((np.arange(spot.shape[1]) + x0) / SCALE + LEFT - x) / rx) ** 2))
        down = np.exp(-((((np.arange(spot.shape[0]) + y0) / SCALE + TOP - y) / ry) ** 2))
        strength = (by * down[:, None] * across[None, :]).astype(np.float32)
        spot *= 1 + strength[..., None] * np.asarray(tint, np.float32)

    def lay_on(self, other: "Layer") -> None:
        """Lay this sheet on another one, for good."""
        alpha = self.alpha[..., None]
        other.bgr += (self.bgr - other.bgr) * alpha
        np.maximum(other.alpha, self.alpha, out=other.alpha)

    def tilted(self, degrees: float, shift: float) -> "Layer":
        """Return the sheet turned about the centre of the face and moved sideways by ``shift`` units at the face."""
        turn = cv2.getRotationMatrix2D(((-LEFT) * SCALE, (0.0 - TOP) * SCALE), -degrees, 1.0)
        turn[0, 2] += shift * SCALE
        size = (self.alpha.shape[1], self.alpha.shape[0])
        turned = Layer()
        turned.bgr = np.asarray(cv2.warpAffine(self.bgr, turn, size, borderMode=cv2.BORDER_REPLICATE), np.float32)
        turned.alpha = np.asarray(cv2.warpAffine(self.alpha, turn, size), np.float32)
        return turned


def to_pixels(points: NDArray[np.float64]) -> NDArray[np.int32]:
    """Turn points in units into pixels of a layer."""
    return np.rint((points - (LEFT, TOP)) * SCALE).astype(np.int32)


def smooth(outline: Points, steps: int = 6) -> NDArray[np.float64]:
    """Return a closed Catmull-Rom curve through the points, ``steps`` samples for each."""
    p1 = np.asarray(outline, np.float64)
    p0, p2, p3 = np.roll(p1, 1, 0), np.roll(p1, -1, 0), np.roll(p1, -2, 0)
    t = np.linspace(0, 1, steps, endpoint=False)[None, :, None]
    a, b, c, d = (p[:, None, :] for p in (p0, p1, p2, p3))
    curve = 2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3
    return np.asarray(curve.reshape(-1, 2) / 2)


def both_sides(right_half: Points) -> list[tuple[float, float]]:
    """Complete an outline given from top to bottom on the right with its mirror image on the left."""
    return [*right_half, *((-x, y) for x, y in reversed(right_half) if x)]


def times(colour: Colour, factor: float) -> Colour:
    """Return a lighter or darker version of a colour."""
    b, g, r = colour
    return (min(255.0, b * factor), min(255.0, g * factor), min(255.0, r * factor))


def mixed(one: Colour, other: Colour, share: float) -> Colour:
    """Return the first colour with a share (0 to 1) of the second in it."""
    b, g, r = (a + (z - a) * share for a, z in zip(one, other, strict=True))
    return (b, g, r)
